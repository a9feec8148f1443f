/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/reply.h"

#include <string.h>
#include "wire/type.h"
#include "wire/writer.h"

void nd_reply_make_empty(struct nd_reply *r, const struct nd_reply_query *q, uint16_t flags)
{
	static const uint8_t one_question[] = { 0, 1, 0, 0, 0, 0, 0, 0 };
	size_t n = ND_MSG_HEADER + q->name.len + 4u;
	uint8_t *out = r->own;

	memcpy(out, q->bytes, n);
	nd_writer_put16(out + 2, flags);
	memcpy(out + 4, one_question, sizeof one_question);
	int err = nd_msg_parse_response(&r->msg, out, n, &r->name);
	ND_ASSERT(err == 0);
}

static bool repeats_question(const struct nd_reply_query *q, const struct nd_msg *m)
{
	return m->qtype == q->qtype && m->qclass == q->qclass && nd_name_equal(m->qname, q->name);
}

/* FORMERR, NOTIMP and the like, of which some servers send the header alone. */
static bool is_bare(const struct nd_msg *m)
{
	return !m->count[0] && !m->count[1] && !m->count[2] && nd_msg_rcode(m) != ND_RCODE_NOERROR;
}

enum nd_reply_kind nd_reply_read(struct nd_reply *r, const struct nd_reply_query *q,
				 const uint8_t *bytes, size_t n, bool cut)
{
	struct nd_msg *m = &r->msg;

	r->error = NULL;
	*m = (struct nd_msg){ 0 };
	int err = nd_msg_parse_response(m, bytes, n, &r->name);
	if (!(m->flags & ND_FLAG_QR))
		return ND_REPLY_WRONG;
	if (!m->qname.len && !err)
		return is_bare(m) ? ND_REPLY_BARE : ND_REPLY_WRONG;
	if (!m->qname.len ? !q->tcp : !repeats_question(q, m))
		return ND_REPLY_WRONG;
	if (!q->tcp && (cut || err == ND_ETRUNC || n > q->limit)) {
		nd_reply_make_empty(r, q, m->flags | ND_FLAG_TC);
		err = 0;
	}
	if (err) {
		r->error = err == ND_ETRUNC ? "dns: the reply is cut"
					    : "dns: the reply is malformed";
		return ND_REPLY_BROKEN;
	}
	return m->count[0] == 1 ? ND_REPLY_ANSWER : ND_REPLY_WRONG;
}
