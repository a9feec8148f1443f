/* SPDX-License-Identifier: Apache-2.0 */
/* header - sets and clears header bits of queries and of replies (CoreDNS's header). */
#include <strings.h>
#include "base/log.h"
#include "core/query.h"
#include "core/setup.h"

struct change {
	uint16_t set, clear; /* ND_FLAG_*; none is in both */
};

struct header {
	struct change query, reply;
};

/* --- queries --- */

static uint16_t change_flags(const struct change *c, uint16_t flags)
{
	return (uint16_t)((flags & ~c->clear) | c->set);
}

/* What the plugins below see, and an upstream. As in CoreDNS the reply repeats the changed RD. */
static enum nd_verdict change_query(const void *self, struct nd_query *q)
{
	const struct header *h = self;

	q->msg.flags = change_flags(&h->query, q->msg.flags);
	nd_query_want_reply(q);
	return ND_NEXT;
}

/* Not the replies of the server itself, which no plugin wrote. */
static void change_reply(const void *self, struct nd_query *q)
{
	const struct header *h = self;
	struct change rd = { h->reply.set & ND_FLAG_RD, h->reply.clear & ND_FLAG_RD };

	if (q->failed || q->drop)
		return;
	q->ans.flags = change_flags(&h->reply, q->ans.flags);
	q->msg.flags = change_flags(&rd, q->msg.flags); /* the reply's RD is taken from here */
}

/* --- setting up --- */

static const struct {
	const char *name;
	uint16_t bit;
} flags[] = { { "aa", ND_FLAG_AA }, { "ra", ND_FLAG_RA }, { "rd", ND_FLAG_RD } };

/* The later one of two changes of a bit counts. */
static int read_flag(struct nd_setup *s, const struct nd_conf_line *l, const char *word, bool set,
		     struct change *c)
{
	size_t i = 0;

	while (i < ND_COUNT(flags) && strcasecmp(flags[i].name, word) != 0)
		i++;
	if (i == ND_COUNT(flags))
		return nd_setup_invalid(s, l, "flag", word, "aa, ra or rd");
	c->set = (uint16_t)((c->set & ~flags[i].bit) | (set ? flags[i].bit : 0));
	c->clear = (uint16_t)((c->clear & ~flags[i].bit) | (set ? 0 : flags[i].bit));
	return 0;
}

static int read_rule(struct nd_setup *s, const struct nd_conf_line *l, struct header *h)
{
	bool query = strcasecmp(l->name, "query") == 0;
	int err = 0;

	if (!query && strcasecmp(l->name, "response") != 0)
		return nd_setup_invalid(s, l, "selector", l->name, "query or response");
	if (l->nargs == 0)
		return nd_setup_error(s, l, "\"%s\" needs set or clear, and flags", l->name);
	bool set = strcasecmp(l->args[0], "set") == 0;
	if (!set && strcasecmp(l->args[0], "clear") != 0)
		return nd_setup_invalid(s, l, "action", l->args[0], "set or clear");
	if (l->nargs == 1 || l->has_block)
		return nd_setup_error(s, l, "\"%s %s\" needs flags: aa, ra or rd", l->name,
				      l->args[0]);
	for (size_t i = 1; !err && i < l->nargs; i++)
		err = read_flag(s, l, l->args[i], set, query ? &h->query : &h->reply);
	return err;
}

static bool has_rules(const struct header *h)
{
	return h->query.set || h->query.clear || h->reply.set || h->reply.clear;
}

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct header *h = self;
	int err = 0;

	if (has_rules(h)) {
		nd_log_warning("header",
			       "line %d has no effect: only the first header of a server "
			       "block counts, as with CoreDNS",
			       d->line);
		return 0;
	}
	if (d->nargs)
		return nd_setup_error(s, NULL, "unexpected \"%s\": takes only a block", d->args[0]);
	for (size_t i = 0; !err && i < d->nblock; i++)
		err = read_rule(s, &d->block[i], h);
	if (!err && !has_rules(h))
		err = nd_setup_error(s, NULL, "needs a block with rules, like \"response set ra\"");
	return err;
}

const struct nd_plugin nd_plugin_header = {
	.name = "header",
	.repeat = ND_REPEAT_MERGE,
	.self_size = sizeof(struct header),
	.setup = setup,
	.query = change_query,
	.reply = change_reply,
};
