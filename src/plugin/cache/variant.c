/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cache/variant.h"

enum {
	FLAGS_OF_KEY = ND_FLAG_RD | ND_FLAG_AD | ND_FLAG_CD, /* AD asks for AD, RFC 6840 s5.7 */
	EDNS_FLAG_DO = 0x8000,
	MARKS = 32, /* bits of nd_query.server_options */
};

static bool is_of_one_hop(uint16_t code)
{
	return code == ND_EDNS_NSID || code == ND_EDNS_COOKIE || code == ND_EDNS_KEEPALIVE ||
	       code == ND_EDNS_PADDING;
}

static enum nd_variant variant_of_options(const struct nd_query *q)
{
	const struct nd_edns *e = &q->msg.edns;
	enum nd_variant v = ND_VARIANT_ORDINARY;
	const uint8_t *data;
	size_t at = 0, n;
	uint16_t code;

	for (unsigned i = 0;
	     nd_edns_next(q->msg.base + e->options, e->options_len, &at, &code, &data, &n); i++) {
		if (i < MARKS && q->server_options >> i & 1)
			continue;
		if (!is_of_one_hop(code))
			return ND_VARIANT_OWN;
		v = ND_VARIANT_HOP;
	}
	return v;
}

enum nd_variant nd_variant_of(const struct nd_query *q)
{
	const struct nd_msg *m = &q->msg;
	const struct nd_edns *e = &m->edns;

	if (!(m->flags & ND_FLAG_RD) || m->flags & (uint16_t)~FLAGS_OF_KEY)
		return ND_VARIANT_OWN;
	if (m->count[1] || m->count[2] || m->count[3] > e->present)
		return ND_VARIANT_OWN;
	if (!e->present)
		return ND_VARIANT_ORDINARY;
	if (e->version || e->extended_rcode || e->flags & (uint16_t)~EDNS_FLAG_DO)
		return ND_VARIANT_OWN;
	return e->options_len ? variant_of_options(q) : ND_VARIANT_ORDINARY;
}
