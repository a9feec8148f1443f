/* SPDX-License-Identifier: Apache-2.0 */
/* timeouts - the time limits of TCP connections, and how many queries one takes (CoreDNS's
 * timeouts). */
#include <stdio.h>
#include <string.h>
#include "base/time.h"
#include "core/setup.h"

struct timeouts {
	struct nd_conn_limits limits;
};

/* As strconv.Atoi reads it. */
static bool is_number(const char *text)
{
	text += *text == '-' || *text == '+';
	return *text && strspn(text, "0123456789") == strlen(text);
}

/* A number without a unit is seconds. */
static int read_time(struct nd_setup *s, const struct nd_conf_line *l, uint64_t *out)
{
	const char *arg = l->args[0];
	const char *text = is_number(arg) ? nd_arena_printf(s->arena, "%ss", arg) : arg;
	int64_t ns;

	if (!text)
		return ND_ELIMIT;
	if (nd_settings_duration(text, &ns) || ns < (int64_t)ND_S(1) ||
	    ns > (int64_t)ND_S(24 * 3600))
		return nd_setup_invalid(s, l, l->name, arg, "1s to 24h, like \"10s\"");
	*out = (uint64_t)ns;
	return 0;
}

static int read_queries(struct nd_setup *s, const struct nd_conf_line *l, int64_t *out)
{
	const char *text = l->args[0];
	uint64_t n;

	if (strcmp(text, "-1") == 0) {
		*out = -1;
		return 0;
	}
	if (nd_settings_uint(text + (*text == '+'), INT64_MAX, &n) || n == 0)
		return nd_setup_invalid(s, l, l->name, text, "1 or more, or -1 for any number");
	*out = (int64_t)n;
	return 0;
}

static int own(void *self, const struct nd_conf_line *l, void *ctx)
{
	struct nd_conn_limits *limits = &((struct timeouts *)self)->limits;
	struct nd_setup *s = ctx;
	int err = nd_settings_args(l, "timeouts", 1, 1, s->diag);

	if (err)
		return err;
	if (strcmp(l->name, "maxtcpqueries") == 0)
		return read_queries(s, l, &limits->queries);
	if (strcmp(l->name, "read") == 0)
		return read_time(s, l, &limits->read_ns);
	if (strcmp(l->name, "write") == 0)
		return read_time(s, l, &limits->write_ns);
	return read_time(s, l, &limits->idle_ns);
}

static const struct nd_setting settings[] = {
	ND_SET_OWN_ROW("idle", "DURATION: the next question"),
	ND_SET_OWN_ROW("maxtcpqueries", "NUMBER: queries of a connection; -1: any number"),
	ND_SET_OWN_ROW("read", "DURATION: the first question"),
	ND_SET_OWN_ROW("write", "DURATION: answers that are not read"),
	{ 0 },
};

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct timeouts *t = self;
	int err = nd_settings_args(d, "timeouts", 0, 0, s->diag);

	if (!err && d->nblock == 0)
		return nd_setup_error(s, NULL,
				      "needs a block with at least one of idle, "
				      "maxtcpqueries, read and write");
	if (!err)
		err = nd_setup_settings(s, own, false);
	nd_setup_limits(s, &t->limits);
	return err;
}

const struct nd_plugin nd_plugin_timeouts = {
	.name = "timeouts",
	.repeat = ND_REPEAT_MERGE,
	.self_size = sizeof(struct timeouts),
	.settings = settings,
	.setup = setup,
};
