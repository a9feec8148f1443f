/* SPDX-License-Identifier: Apache-2.0 */
/* multisocket - several sockets per address in CoreDNS. Accepted: every worker has its own. */
#include "base/log.h"
#include "core/setup.h"

enum { SOCKETS_MAX = 1024 };

static const struct nd_setting settings[] = { { 0 } };

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	uint64_t n;
	int err = nd_settings_args(d, "multisocket", 0, 1, s->diag);

	(void)self;
	if (!err && d->nargs && (nd_settings_uint(d->args[0], SOCKETS_MAX, &n) || n == 0))
		return nd_setup_invalid(s, NULL, "number of sockets", d->args[0], "1 to %d",
					SOCKETS_MAX);
	if (!err)
		err = nd_setup_settings(s, NULL, false);
	if (!err)
		nd_log_info("multisocket", "has no effect: %s", s->plugin->accepted);
	return err;
}

const struct nd_plugin nd_plugin_multisocket = {
	.name = "multisocket",
	.accepted =
		"every worker has sockets of its own (SO_REUSEPORT); there is one worker per CPU",
	.repeat = ND_REPEAT_REFUSE,
	.settings = settings,
	.setup = setup,
};
