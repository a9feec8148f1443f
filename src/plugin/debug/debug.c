/* SPDX-License-Identifier: Apache-2.0 */
/* debug - enables debug lines in the log. CoreDNS's plugin also disables panic recovery, which does
 * not exist here. */
#include "base/log.h"
#include "core/setup.h"

static const struct nd_setting settings[] = { { 0 } };

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	(void)self;
	int err = nd_settings_args(d, "debug", 0, 0, s->diag);
	return err ? err : nd_setup_settings(s, NULL, false);
}

static int start(void *self, struct nd_setup *s)
{
	(void)self;
	(void)s;
	nd_log_set_debug(true);
	return 0;
}

static void stop(void *self)
{
	(void)self;
	nd_log_set_debug(false);
}

const struct nd_plugin nd_plugin_debug = {
	.name = "debug",
	.repeat = ND_REPEAT_MERGE,
	.settings = settings,
	.setup = setup,
	.start = start,
	.stop = stop,
};
