/* SPDX-License-Identifier: Apache-2.0 */
/* debug - debug lines in the log. CoreDNS's plugin also turns its panic recovery off; a C program
 * has none. */
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
