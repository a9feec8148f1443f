/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench/question.h"

#include "base/err.h"
#include "io/random.h"
#include "wire/msg.h"
#include "wire/rr.h"
#include "wire/type.h"
#include "wire/writer.h"

static void set_id(struct nd_question *q)
{
	q->id = (uint16_t)nd_random_u32();
	nd_writer_put16(q->bytes + 2, q->id);
}

int nd_question_init(struct nd_question *q, struct nd_name name, uint16_t type,
		     struct nd_question_options o)
{
	struct nd_writer w = nd_writer_over(q->bytes + 2, sizeof q->bytes - 2);

	nd_name_copy(name, &q->name_buf);
	q->type = type;
	nd_writer_u16(&w, 0);
	nd_writer_u16(&w, (uint16_t)(ND_FLAG_RD | (o.ad ? ND_FLAG_AD : 0)));
	nd_writer_u16(&w, 1);
	nd_writer_u32(&w, 0);
	nd_writer_u16(&w, o.edns_bytes ? 1 : 0);
	nd_writer_bytes(&w, name.wire, name.len);
	nd_writer_u16(&w, type);
	nd_writer_u16(&w, ND_CLASS_IN);
	if (o.edns_bytes)
		nd_edns_write(&w, &(struct nd_edns){ .udp_size = o.edns_bytes });
	if (w.err)
		return w.err;
	q->len = w.pos;
	nd_writer_put16(q->bytes, (uint16_t)q->len);
	nd_question_reset(q, true);
	return 0;
}

void nd_question_reset(struct nd_question *q, bool new_id)
{
	q->answered = q->truncated = q->lame = false;
	q->rcode = 0;
	q->records = 0;
	if (new_id)
		set_id(q);
}

static unsigned count_records(const struct nd_msg *m, uint16_t type)
{
	struct nd_rr_iter iter = nd_rr_iter_over(m);
	struct nd_rr rr;
	unsigned n = 0;

	while (nd_rr_next(&iter, &rr) && rr.section == ND_SECTION_ANSWER)
		n += rr.type == type || type == ND_TYPE_ANY;
	return n;
}

bool nd_question_answer(struct nd_question *q, const void *bytes, size_t n)
{
	struct nd_name_buf buf;
	struct nd_msg m;
	int err = nd_msg_parse_response(&m, bytes, n, &buf);

	if ((err && err != ND_ETRUNC) || n < ND_MSG_HEADER || !(m.flags & ND_FLAG_QR))
		return false;
	if (m.id != q->id || m.qname.len == 0 || m.qtype != q->type || m.qclass != ND_CLASS_IN ||
	    !nd_name_equal(m.qname, nd_name_view(q->name_buf.bytes)))
		return false;
	q->answered = true;
	q->truncated = (m.flags & ND_FLAG_TC) != 0;
	q->rcode = (uint16_t)nd_msg_rcode(&m);
	q->records = count_records(&m, q->type);
	/* An invalid referral, as Go's resolver detects it: not authoritative, no recursion, no
	 * answers, no additional records. */
	q->lame = q->rcode == 0 && !(m.flags & (ND_FLAG_AA | ND_FLAG_RA)) && m.count[1] == 0 &&
		  (m.count[3] == 0 || (m.count[3] == 1 && m.edns.present));
	return true;
}
