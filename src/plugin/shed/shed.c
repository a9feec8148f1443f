/* SPDX-License-Identifier: Apache-2.0 */
/* shed - a bounded queue of UDP replies in CoreDNS. Accepted: no reply waits for a UDP socket. */
#include "base/log.h"
#include "core/query.h"
#include "core/setup.h"

static const struct nd_setting settings[] = { { 0 } };

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	int err = nd_settings_args(d, "shed", 0, 0, s->diag);

	(void)self;
	if (!err)
		err = nd_setup_settings(s, NULL, false);
	if (!err)
		nd_log_info("shed", "has no effect: %s", s->plugin->accepted);
	return err;
}

/* As in CoreDNS a block with this plugin alone is not empty: it answers SERVFAIL. */
static enum nd_verdict pass(const void *self, struct nd_query *q)
{
	(void)self;
	(void)q;
	return ND_NEXT;
}

const struct nd_plugin nd_plugin_shed = {
	.name = "shed",
	.accepted =
		"UDP replies do not queue; one that the kernel does not take is dropped and counted "
		"(nodens_udp_unsent_total)",
	.repeat = ND_REPEAT_REFUSE,
	.settings = settings,
	.setup = setup,
	.query = pass,
};
