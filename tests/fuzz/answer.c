/* SPDX-License-Identifier: Apache-2.0 */
/* A response taken over and sent on: the first byte chooses the way (at once, or through a
 * sub-query), the next two are the client's EDNS size (0: none), the rest is the response. The
 * reply must be whole, no longer than the client accepts, and have TC if records are missing. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "core/query.h"
#include "support/rig.h"
#include "wire/rr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	const uint8_t *bytes;
	size_t n;
	bool ask, taken;
	unsigned records;
} input;

static int no_setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	(void)self;
	(void)d;
	(void)s;
	return 0;
}

static unsigned count_records(const struct nd_msg *m)
{
	struct nd_rr_iter iter = nd_rr_iter_over(m);
	struct nd_rr rr;
	unsigned n = 0;

	while (nd_rr_next(&iter, &rr))
		n += rr.type != ND_TYPE_OPT;
	return n;
}

static enum nd_verdict relay(const void *self, struct nd_query *q)
{
	struct nd_name_buf buf;
	struct nd_msg m;
	(void)self;

	if (nd_msg_parse_response(&m, input.bytes, input.n, &buf) || nd_answer_message(q, &m))
		return nd_query_fail(q, ND_RCODE_SERVFAIL, "broken");
	input.taken = true;
	input.records = count_records(&m);
	return ND_DONE;
}

static enum nd_verdict take_child(const void *self, struct nd_query *q, struct nd_query *child)
{
	(void)self;
	if (nd_answer_take(q, child))
		return nd_query_fail(q, ND_RCODE_SERVFAIL, "too long");
	return ND_DONE;
}

/* Asks the rest of the chain as a sub-query. */
static enum nd_verdict ask(const void *self, struct nd_query *q)
{
	(void)self;
	if (!input.ask)
		return ND_NEXT;
	return nd_query_ask(q, q->msg.qname, q->msg.qtype, ND_ASK_BELOW, take_child);
}

static const struct nd_plugin ask_plugin = { .name = "ask", .setup = no_setup, .query = ask },
			      relay_plugin = { .name = "relay", .setup = no_setup, .query = relay };
const struct nd_plugin *const nd_plugins[] = { &ask_plugin, &relay_plugin, NULL };
const char *const nd_plugins_unsupported[] = { NULL };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nd_rig rig;
	uint8_t question[512];

	if (!rig.loop)
		nd_rig_open(&rig, ".:1053 {\n ask\n relay\n}\n");
	if (size < 3 || size - 3 > ND_MSG_MAX)
		return 0;
	uint16_t edns = (uint16_t)(data[1] << 8 | data[2]);
	input.ask = data[0] & 1;
	input.bytes = data + 3;
	input.n = size - 3;
	input.taken = false;
	size_t n = nd_rig_question(question, "a.test.", ND_TYPE_A, 0, edns);
	enum nd_proto proto = data[0] & 2 ? ND_PROTO_TCP : ND_PROTO_UDP;
	if (!nd_rig_send(&rig, question, n, proto)) /* the rig refuses a malformed reply */
		abort();
	size_t limit = proto == ND_PROTO_TCP ? ND_MSG_MAX : edns < 512 ? 512 : edns;
	if (rig.len > limit || (proto == ND_PROTO_UDP && rig.len > ND_WORKER_UDP_MAX))
		abort();
	if (rig.msg.flags & ND_FLAG_TC || !input.taken || nd_rig_rcode(&rig) == ND_RCODE_SERVFAIL)
		return 0;
	if (count_records(&rig.msg) != input.records)
		abort();
	return 0;
}
