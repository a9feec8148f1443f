/* SPDX-License-Identifier: Apache-2.0 */
/* pprof - profiles of the Go runtime in CoreDNS. Accepted: there is no such runtime. */
#include <string.h>
#include "base/log.h"
#include "core/setup.h"

static const struct nd_setting settings[] = {
	ND_SET_OWN_ROW("block", "[RATE]"),
	{ 0 },
};

static int own(void *self, const struct nd_conf_line *l, void *ctx)
{
	struct nd_setup *s = ctx;
	uint64_t rate;
	int err = nd_settings_args(l, "pprof", 0, 1, s->diag);

	(void)self;
	if (!err && l->nargs && nd_settings_uint(l->args[0], INT64_MAX, &rate))
		return nd_setup_invalid(s, l, "rate", l->args[0], "a number");
	return err;
}

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	int err = nd_settings_args(d, "pprof", 0, 1, s->diag);

	(void)self;
	if (!err && d->nargs && !strchr(d->args[0], ':'))
		return nd_setup_invalid(s, NULL, "address", d->args[0], "[HOST]:PORT");
	if (!err)
		err = nd_setup_settings(s, own, false);
	if (!err)
		nd_log_info("pprof", "has no effect: %s", s->plugin->accepted);
	return err;
}

const struct nd_plugin nd_plugin_pprof = {
	.name = "pprof",
	.accepted = "there is no Go runtime to profile; perf can profile this process",
	.repeat = ND_REPEAT_REFUSE,
	.settings = settings,
	.setup = setup,
};
