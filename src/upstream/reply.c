/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/reply.h"

#include <string.h>

static void make_truncated(struct nd_reply *r, const struct nd_reply_query *q,
			   const uint8_t *header)
{
	static const uint8_t one_question[] = { 0, 1, 0, 0, 0, 0, 0, 0 };
	size_t n = ND_MSG_HEADER + q->lower.len + 4u;
	uint8_t *out = r->truncated;

	memcpy(out, q->bytes, n);
	memcpy(out + 2, header + 2, 2);
	out[2] |= ND_FLAG_TC >> 8;
	memcpy(out + 4, one_question, sizeof one_question);
	int err = nd_msg_parse_response(&r->msg, out, n, &r->name);
	ND_ASSERT(err == 0);
}

static bool repeats_question(const struct nd_reply_query *q, const struct nd_msg *m)
{
	return m->qtype == q->qtype && m->qclass == q->qclass && m->qname.len &&
	       nd_name_same(m->qname, q->lower);
}

enum nd_reply_kind nd_reply_read(struct nd_reply *r, const struct nd_reply_query *q,
				 const uint8_t *bytes, size_t n, bool cut)
{
	struct nd_msg *m = &r->msg;

	r->error = NULL;
	*m = (struct nd_msg){ 0 };
	int err = nd_msg_parse_response(m, bytes, n, &r->name);
	if (!(m->flags & ND_FLAG_QR) || (m->qname.len && !repeats_question(q, m)))
		return ND_REPLY_WRONG;
	if (!q->tcp && (cut || err == ND_ETRUNC || n > q->limit)) {
		make_truncated(r, q, bytes);
		err = 0;
	}
	if (err) {
		r->error = err == ND_ETRUNC ? "dns: the reply is cut"
					    : "dns: the reply is malformed";
		return ND_REPLY_BROKEN;
	}
	return m->count[0] == 1 ? ND_REPLY_ANSWER : ND_REPLY_WRONG;
}
