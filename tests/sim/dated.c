/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/dated.h"

#include <stdio.h>
#include <string.h>
#include "base/err.h"
#include "base/time.h"
#include "sim/world.h"
#include "wire/msg.h"
#include "wire/rr.h"
#include "wire/type.h"
#include "wire/writer.h"

enum { FIRST = 20, SERIAL_AT = 4 /* in the SOA's rdata, after two names of 2 bytes */ };

static uint32_t ttl;

void sim_dated_set_ttl(uint32_t ttl_s)
{
	ttl = ttl_s;
}

size_t sim_dated_question(uint8_t *out, size_t cap, uint16_t id, unsigned name, bool dnssec)
{
	struct nd_writer w = nd_writer_over(out, cap);

	nd_writer_u16(&w, id);
	nd_writer_u16(&w, ND_FLAG_RD);
	nd_writer_u16(&w, 1);
	nd_writer_u32(&w, 0);
	nd_writer_u16(&w, dnssec);
	nd_writer_bytes(&w, (uint8_t[]){ 2, 'n', (uint8_t)('a' + name), 4, 't', 'e', 's', 't', 0 },
			9);
	nd_writer_u16(&w, ND_TYPE_A);
	nd_writer_u16(&w, ND_CLASS_IN);
	if (dnssec)
		nd_edns_write(&w, &(struct nd_edns){ .udp_size = 1232, .flags = 0x8000 });
	ND_ASSERT(!w.err);
	return w.pos;
}

static size_t answer(unsigned upstream, const uint8_t *question, size_t n, uint8_t *out,
		     size_t limit, bool lie)
{
	struct nd_writer w = nd_writer_over(out, limit);
	uint64_t second = nd_world_now_ns() / ND_NS_PER_S;
	struct nd_name_buf buf;
	struct nd_msg m;

	if (nd_msg_parse_query(&m, question, n, &buf) != ND_MSG_OK)
		return 0;
	if (m.qname.len != 9) { /* a health check */
		memcpy(out, question, n);
		out[2] |= 0x80;
		return n;
	}
	const uint8_t dated[4] = { (uint8_t)(FIRST + upstream), (uint8_t)(m.qname.wire[2] - 'a'),
				   (uint8_t)(second >> 8), (uint8_t)second };
	nd_writer_u16(&w, m.id);
	nd_writer_u16(&w, ND_FLAG_QR | ND_FLAG_RD | ND_FLAG_RA |
				  (lie ? ND_RCODE_NXDOMAIN : ND_RCODE_NOERROR));
	nd_writer_u16(&w, 1);
	nd_writer_u16(&w, !lie);
	nd_writer_u16(&w, lie);
	nd_writer_u16(&w, 0);
	nd_writer_bytes(&w, question + ND_MSG_HEADER, m.question_end - (size_t)ND_MSG_HEADER);
	nd_writer_u16(&w, lie ? 0xc00f : 0xc00c);
	nd_writer_u16(&w, lie ? ND_TYPE_SOA : ND_TYPE_A);
	nd_writer_u16(&w, ND_CLASS_IN);
	nd_writer_u32(&w, ttl);
	nd_writer_u16(&w, lie ? 24 : 4);
	if (lie)
		nd_writer_u32(&w, 0xc00fc00f);
	nd_writer_bytes(&w, dated, 4);
	for (unsigned i = 0; lie && i < 4; i++)
		nd_writer_u32(&w, ttl);
	return w.err ? 0 : w.pos;
}

static size_t answer_0(const uint8_t *question, size_t n, uint8_t *out, size_t limit, bool lie)
{
	return answer(0, question, n, out, limit, lie);
}

static size_t answer_1(const uint8_t *question, size_t n, uint8_t *out, size_t limit, bool lie)
{
	return answer(1, question, n, out, limit, lie);
}

size_t (*sim_dated_answer(unsigned u))(const uint8_t *question, size_t n, uint8_t *out,
				       size_t limit, bool lie)
{
	return u ? answer_1 : answer_0;
}

const char *sim_dated_read(const uint8_t *question, size_t qn, const uint8_t *reply, size_t n,
			   struct sim_dated *d)
{
	struct nd_name_buf buf;
	struct nd_msg m;
	struct nd_rr rr;
	size_t end;

	*d = (struct sim_dated){ 0 };
	if (nd_msg_parse_response(&m, reply, n, &buf))
		return "a malformed reply";
	end = m.question_end < qn ? m.question_end : qn;
	if (m.count[0] != 1 ||
	    memcmp(question + ND_MSG_HEADER, reply + ND_MSG_HEADER, end - ND_MSG_HEADER) != 0)
		return "the reply to another question";
	d->failed = nd_msg_rcode(&m) == ND_RCODE_SERVFAIL;
	d->denied = nd_msg_rcode(&m) == ND_RCODE_NXDOMAIN;
	if (d->failed)
		return m.count[1] + m.count[2] ? "SERVFAIL with records" : NULL;
	if (nd_msg_rcode(&m) != ND_RCODE_NOERROR && !d->denied)
		return "a wrong rcode";
	if (m.count[1] != !d->denied || m.count[2] != d->denied)
		return "the wrong number of records";
	struct nd_rr_iter it = nd_rr_iter_over(&m);
	if (!nd_rr_next(&it, &rr) || rr.type != (d->denied ? ND_TYPE_SOA : ND_TYPE_A))
		return "a record of another type";
	const uint8_t *p = reply + rr.rdata + (d->denied ? SERIAL_AT : 0);
	d->upstream = p[0] - FIRST;
	d->name = p[1];
	d->second = (uint64_t)p[2] << 8 | p[3];
	d->ttl_s = rr.ttl;
	return d->name != (unsigned)(question[ND_MSG_HEADER + 2] - 'a') ? "another name's answer"
									: NULL;
}
