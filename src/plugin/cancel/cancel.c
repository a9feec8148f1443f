/* SPDX-License-Identifier: Apache-2.0 */
/* cancel - a deadline on the context of a query in CoreDNS. Accepted: core and upstream have
 * deadlines of their own. */
#include "base/log.h"
#include "core/query.h"
#include "core/setup.h"

static const struct nd_setting settings[] = { { 0 } };

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	int64_t ns;
	int err = nd_settings_args(d, "cancel", 0, 1, s->diag);

	(void)self;
	if (!err && d->nargs && (nd_settings_duration(d->args[0], &ns) || ns <= 0))
		return nd_setup_invalid(s, NULL, "duration", d->args[0],
					"above 0, like \"5s\" or \"500ms\"");
	if (!err)
		err = nd_setup_settings(s, NULL, false);
	if (!err)
		nd_log_info("cancel", "has no effect: %s", s->plugin->accepted);
	return err;
}

/* As in CoreDNS a block with this plugin alone is not empty: it answers SERVFAIL. */
static enum nd_verdict pass(const void *self, struct nd_query *q)
{
	(void)self;
	(void)q;
	return ND_NEXT;
}

const struct nd_plugin nd_plugin_cancel = {
	.name = "cancel",
	.accepted =
		"a forwarded query ends after 5 s, any query after 10 s; CoreDNS's plugins do not "
		"look at this deadline either",
	.repeat = ND_REPEAT_MERGE,
	.settings = settings,
	.setup = setup,
	.query = pass,
};
