/* SPDX-License-Identifier: Apache-2.0 */
/* metadata - enables metadata labels for the plugins of the block (CoreDNS's metadata). */
#include "core/offer.h"
#include "core/query.h"
#include "core/setup.h"

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct nd_name *zones;
	size_t n;
	int err = nd_setup_zones(s, d->args, d->nargs, &zones, &n);

	(void)self;
	if (!err && d->has_block)
		return nd_setup_error(s, NULL, "takes zones only; remove the block");
	if (!err)
		nd_offer_labels(s, zones, n);
	return err;
}

/* Labels are computed when read. Without a query function the block would be empty. */
static enum nd_verdict pass(const void *self, struct nd_query *q)
{
	(void)self;
	(void)q;
	return ND_NEXT;
}

const struct nd_plugin nd_plugin_metadata = {
	.name = "metadata",
	.repeat = ND_REPEAT_REFUSE,
	.setup = setup,
	.query = pass,
};
