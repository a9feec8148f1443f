/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/msg.h"

#include <string.h>
#include "base/err.h"
#include "wire/rr.h"
#include "wire/type.h"

/* n is 12 to 65535. */
static void read_header(struct nd_msg *m, const uint8_t *p, size_t n)
{
	m->base = p;
	m->len = (uint16_t)n;
	m->id = nd_reader_peek16(p);
	m->flags = nd_reader_peek16(p + 2);
	for (int i = 0; i < 4; i++)
		m->count[i] = nd_reader_peek16(p + 4 + 2 * i);
	m->qtype = m->qclass = 0;
	m->question_end = ND_MSG_HEADER;
	m->qname = (struct nd_name){ 0 };
	m->edns = (struct nd_edns){ 0 };
}

/* Is the question uncompressed? A pointer could only point into the header: legal, but
 * useless. */
static bool question_plain(const struct nd_msg *m)
{
	return m->question_end == ND_MSG_HEADER + m->qname.len + 4;
}

static int read_question(struct nd_msg *m, struct nd_name_buf *buf)
{
	struct nd_reader r = nd_reader_over(m->base, m->len);
	struct nd_name name;

	r.pos += ND_MSG_HEADER;
	int err = nd_name_read(&r, true, buf, &name);
	if (err)
		return err;
	const uint8_t *p = nd_reader_take(&r, 4);
	if (!p)
		return r.err;
	m->qname = name;
	m->qtype = nd_reader_peek16(p);
	m->qclass = nd_reader_peek16(p + 2);
	m->question_end = (uint16_t)nd_reader_offset(&r);
	return 0;
}

/* RFC 6891 s6.1.2, s6.1.3. */
static void read_opt(struct nd_msg *m, const struct nd_rr *rr)
{
	m->edns = (struct nd_edns){
		.present = true,
		.udp_size = rr->class,
		.extended_rcode = (uint8_t)(rr->ttl >> 24),
		.version = (uint8_t)(rr->ttl >> 16),
		.flags = (uint16_t)rr->ttl,
		.dnssec_ok = rr->ttl & 0x8000,
		.options = rr->rdata,
		.options_len = rr->rdata_len,
	};
}

/* The fast path: nearly every query has one OPT and no other record, or none. True if so and if
 * the OPT is valid; it is then in m. */
static bool read_lone_opt(struct nd_msg *m)
{
	const uint8_t *p = m->base + m->question_end;
	size_t left = (size_t)m->len - m->question_end;

	if (left < ND_EDNS_HEAD || p[0] != 0 || nd_reader_peek16(p + 1) != ND_TYPE_OPT ||
	    m->count[3] != 1 || m->count[1] != 0 || m->count[2] != 0)
		return false;
	struct nd_rr rr = {
		.class = nd_reader_peek16(p + 3),
		.ttl = nd_reader_peek32(p + 5),
		.rdata = (uint16_t)(m->question_end + ND_EDNS_HEAD),
		.rdata_len = nd_reader_peek16(p + 9),
	};
	if (rr.rdata_len > left - ND_EDNS_HEAD ||
	    !nd_edns_options_valid(p + ND_EDNS_HEAD, rr.rdata_len))
		return false;
	read_opt(m, &rr);
	return true;
}

/* Is the rdata valid? miekg/dns accepts empty rdata for every type. */
static bool record_valid(const struct nd_msg *m, const struct nd_rr *rr)
{
	if (rr->rdata_len == 0)
		return true;
	if (rr->type == ND_TYPE_OPT)
		return nd_edns_options_valid(m->base + rr->rdata, rr->rdata_len);
	return nd_rr_check_rdata(m->base, m->len, rr->rdata, rr->rdata_len, rr->type) == 0;
}

/* Sets the counts to the records present; nd_rr_next allows a message to end early. */
static void fix_counts(struct nd_msg *m, const struct nd_rr_iter *iter)
{
	for (int i = 0; i < 3; i++)
		m->count[1 + i] = (uint16_t)(m->count[1 + i] - iter->left[i]);
}

/* Reads the records of a query. */
static int read_records(struct nd_msg *m)
{
	if (m->question_end == m->len) {
		m->count[1] = m->count[2] = m->count[3] = 0;
		return 0;
	}
	if (read_lone_opt(m))
		return 0;

	struct nd_rr_iter iter = nd_rr_iter_over(m);
	struct nd_rr rr;
	while (nd_rr_next(&iter, &rr)) {
		if (!record_valid(m, &rr))
			return ND_EFORMAT;
		if (rr.type != ND_TYPE_OPT || rr.section != ND_SECTION_ADDITIONAL)
			continue;
		if (m->edns.present || m->base[rr.owner] != 0)
			return ND_EFORMAT;
		read_opt(m, &rr);
	}
	fix_counts(m, &iter);
	return iter.err;
}

/* The order and limits are those of miekg/dns's server (accept function, unpack), then CoreDNS's.
 * These are format errors here but not in CoreDNS: a second OPT (it uses the last) and an OPT
 * whose owner is not the root, which RFC 6891 s6.1.1 and s6.1.2 require; a question without type
 * or class (it reads zeros and refuses the class); a pointer in the question, because a reply
 * repeats its octets. */
enum nd_msg_verdict nd_msg_parse_query(struct nd_msg *m, const void *bytes, size_t n,
				       struct nd_name_buf *buf)
{
	if (n < ND_MSG_HEADER || n > ND_MSG_MAX)
		return ND_MSG_IGNORE;
	read_header(m, bytes, n);
	if (m->flags & ND_FLAG_QR)
		return ND_MSG_IGNORE;
	if (nd_msg_opcode(m) != ND_OPCODE_QUERY && nd_msg_opcode(m) != ND_OPCODE_NOTIFY)
		return ND_MSG_NOTIMP;
	if (m->count[0] != 1 || m->count[1] > 1 || m->count[2] > 1 || m->count[3] > 2)
		return ND_MSG_FORMERR;
	if (n == ND_MSG_HEADER)
		return ND_MSG_SERVFAIL;
	if (read_question(m, buf) != 0 || !question_plain(m)) {
		m->question_end = ND_MSG_HEADER;
		return ND_MSG_FORMERR;
	}

	if (read_records(m) != 0) {
		m->edns = (struct nd_edns){ 0 };
		return ND_MSG_FORMERR;
	}
	return m->edns.version ? ND_MSG_BADVERS : ND_MSG_OK;
}

/* Some servers refuse with a bare header whose counts are not 0; miekg/dns accepts it. */
int nd_msg_parse_response(struct nd_msg *m, const void *bytes, size_t n, struct nd_name_buf *buf)
{
	struct nd_rr rr;
	int err;

	if (n < ND_MSG_HEADER)
		return ND_ETRUNC;
	if (n > ND_MSG_MAX)
		return ND_EFORMAT;
	read_header(m, bytes, n);
	if (n == ND_MSG_HEADER)
		memset(m->count, 0, sizeof m->count);
	if (m->count[0] > 1)
		return ND_EFORMAT; /* RFC 9619 */
	if (m->count[0] == 1 && (err = read_question(m, buf)) != 0) {
		memset(m->count, 0, sizeof m->count);
		return err;
	}

	struct nd_rr_iter iter = nd_rr_iter_over(m);
	while (nd_rr_next(&iter, &rr)) {
		iter.err = nd_rr_check(m, &rr);
		if (iter.err) {
			iter.left[rr.section]++; /* not a complete record */
			break;
		}
		if (rr.type == ND_TYPE_OPT)
			read_opt(m, &rr);
	}
	fix_counts(m, &iter);
	return iter.err;
}
