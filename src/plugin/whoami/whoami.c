/* SPDX-License-Identifier: Apache-2.0 */
/* whoami - returns the client's address, port and transport in the additional section (CoreDNS's
 * whoami). */
#include "core/query.h"
#include "core/setup.h"

static const struct nd_setting settings[] = { { 0 } };

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	(void)self;
	int err = nd_settings_args(d, "whoami", 0, 0, s->diag);
	return err ? err : nd_setup_settings(s, NULL, false);
}

static enum nd_verdict answer(const void *self, struct nd_query *q)
{
	bool udp = q->client.proto == ND_PROTO_UDP;
	uint16_t port = nd_addr_port(&q->client.peer);
	uint8_t srv[7] = { 0, 0, 0, 0, (uint8_t)(port >> 8), (uint8_t)port, 0 }; /* 0 0 PORT . */
	struct nd_name_buf buf;
	struct nd_name owner;
	size_t n;
	const uint8_t *address = nd_addr_bytes(&q->client.peer, &n);

	(void)self;
	q->ans.flags |= ND_FLAG_AA;
	nd_answer_add(q, ND_SECTION_ADDITIONAL, n == 4 ? ND_TYPE_A : ND_TYPE_AAAA, 0, address, n);
	if (nd_name_prepend(udp ? "_udp" : "_tcp", 4, nd_query_name_asked(q), &buf, &owner) == 0)
		nd_answer_rr(q, ND_SECTION_ADDITIONAL, owner, ND_TYPE_SRV, q->msg.qclass, 0, srv,
			     sizeof srv);
	return ND_DONE;
}

const struct nd_plugin nd_plugin_whoami = {
	.name = "whoami",
	.settings = settings,
	.setup = setup,
	.query = answer,
};
