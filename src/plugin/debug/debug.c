/* SPDX-License-Identifier: Apache-2.0 */
/* debug - enables debug lines in the log. CoreDNS's plugin also disables panic recovery, which does
 * not exist here. */
#include <stdlib.h>
#include "base/log.h"
#include "core/setup.h"

static const struct nd_setting settings[] = { { 0 } };

/* A process object: on a reload the new instance starts before the old one stops. */
struct users {
	unsigned n;
};

struct debug {
	struct users *users;
};

static void *make_users(void *ctx)
{
	(void)ctx;
	return calloc(1, sizeof(struct users));
}

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct debug *g = self;
	int err = nd_settings_args(d, "debug", 0, 0, s->diag);

	if (!err)
		err = nd_setup_settings(s, NULL, false);
	if (err || g->users)
		return err;
	g->users = nd_setup_share(s, "debug", "", 0, make_users, NULL, free);
	return g->users ? 0 : ND_ELIMIT;
}

static int start(void *self, struct nd_setup *s)
{
	struct debug *g = self;
	(void)s;

	g->users->n++;
	nd_log_set_debug(true);
	return 0;
}

static void stop(void *self)
{
	struct debug *g = self;

	nd_log_set_debug(--g->users->n > 0);
}

const struct nd_plugin nd_plugin_debug = {
	.name = "debug",
	.repeat = ND_REPEAT_MERGE,
	.self_size = sizeof(struct debug),
	.settings = settings,
	.setup = setup,
	.start = start,
	.stop = stop,
};
