/* SPDX-License-Identifier: Apache-2.0 */
/* bufsize - limits the UDP payload size that clients announce in EDNS (CoreDNS's bufsize). */
#include "core/query.h"
#include "core/setup.h"

struct bufsize {
	uint16_t bytes;
};

static const struct nd_setting settings[] = { { 0 } };

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct bufsize *b = self;
	uint64_t n = 1232; /* avoids fragments, RFC 9715 */
	int err = nd_settings_args(d, "bufsize", 0, 1, s->diag);

	if (!err)
		err = nd_setup_settings(s, NULL, false);
	if (!err && d->nargs && (nd_settings_uint(d->args[0], 4096, &n) || n < 512))
		return nd_setup_invalid(s, NULL, "buffer size", d->args[0], "512 to 4096 bytes");
	b->bytes = (uint16_t)n;
	return err;
}

static enum nd_verdict lower(const void *self, struct nd_query *q)
{
	const struct bufsize *b = self;

	if (q->msg.edns.present && q->msg.edns.udp_size > b->bytes)
		q->msg.edns.udp_size = b->bytes;
	return ND_NEXT;
}

const struct nd_plugin nd_plugin_bufsize = {
	.name = "bufsize",
	.self_size = sizeof(struct bufsize),
	.settings = settings,
	.setup = setup,
	.query = lower,
};
