/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/msg.h"

#include "wire/type.h"

static void read_header(struct nd_msg *m, const uint8_t *p, size_t n)
{
	*m = (struct nd_msg){ .base = p, .len = (uint16_t)n, .question_end = ND_MSG_HEADER };
	m->id = nd_reader_peek16(p);
	m->flags = nd_reader_peek16(p + 2);
	for (unsigned i = 0; i < 4; i++)
		m->count[i] = nd_reader_peek16(p + 4 + 2 * i);
}

static int read_question(struct nd_msg *m, struct nd_reader *r, struct nd_name_buf *buf)
{
	struct nd_name name;
	int err = nd_name_read(r, true, buf, &name);

	if (err)
		return err;
	uint16_t type = nd_reader_u16(r);
	uint16_t class = nd_reader_u16(r);
	if (r->err)
		return r->err;
	m->qname = name;
	m->qtype = type;
	m->qclass = class;
	m->question_end = (uint16_t)nd_reader_offset(r);
	return 0;
}

/* The OPT record (RFC 6891 s6.1.2): owner the root, class the size, TTL rcode, version and flags. The first one
 * counts, as in miekg/dns; a malformed option list is left to who reads the options. */
static void note_opt(struct nd_msg *m, uint16_t class, uint32_t ttl, uint16_t options, uint16_t len)
{
	struct nd_edns *e = &m->edns;

	if (e->present)
		return;
	e->present = true;
	e->udp_size = class;
	e->extended_rcode = (uint8_t)(ttl >> 24);
	e->version = (uint8_t)(ttl >> 16);
	e->flags = (uint16_t)ttl;
	e->dnssec_ok = ttl & 0x8000;
	e->options = options;
	e->options_len = len;
}

static int read_records(struct nd_msg *m, struct nd_reader *r)
{
	unsigned total = (unsigned)m->count[1] + m->count[2] + m->count[3];
	unsigned additional = (unsigned)m->count[1] + m->count[2];

	for (unsigned i = 0; i < total; i++) {
		if (nd_name_skip(r))
			return r->err;
		uint16_t type = nd_reader_u16(r);
		uint16_t class = nd_reader_u16(r);
		uint32_t ttl = nd_reader_u32(r);
		uint16_t len = nd_reader_u16(r);
		size_t at = nd_reader_offset(r);
		if (!nd_reader_take(r, len))
			return r->err;
		if (type == ND_TYPE_OPT && i >= additional)
			note_opt(m, class, ttl, (uint16_t)at, len);
	}
	return 0;
}

/* The plain question asked most: one name without pointers, no records or one OPT without a name. Everything else
 * goes the general way. */
enum nd_msg_verdict nd_msg_parse_query(struct nd_msg *m, const void *bytes, size_t n, struct nd_name_buf *buf)
{
	struct nd_reader r = nd_reader_over(bytes, n);

	if (n < ND_MSG_HEADER || n > ND_MSG_MAX)
		return ND_MSG_IGNORE;
	read_header(m, bytes, n);
	if (m->flags & ND_FLAG_QR)
		return ND_MSG_IGNORE;
	unsigned opcode = nd_msg_opcode(m);
	if (opcode != ND_OPCODE_QUERY && opcode != ND_OPCODE_NOTIFY)
		return ND_MSG_NOTIMP;
	if (m->count[0] != 1 || m->count[1] > 1 || m->count[2] > 1 || m->count[3] > 2)
		return ND_MSG_FORMERR;
	if (n == ND_MSG_HEADER)
		return ND_MSG_SERVFAIL; /* promised, and not there */
	r.pos += ND_MSG_HEADER;
	if (read_question(m, &r, buf) || m->question_end - ND_MSG_HEADER != m->qname.len + 4)
		goto malformed;
	if (read_records(m, &r))
		goto malformed;
	if (m->edns.present && m->edns.version != 0)
		return ND_MSG_BADVERS;
	return ND_MSG_OK;

malformed:
	m->question_end = ND_MSG_HEADER;
	m->edns = (struct nd_edns){ 0 };
	return ND_MSG_FORMERR;
}

int nd_msg_parse_response(struct nd_msg *m, const void *bytes, size_t n, struct nd_name_buf *buf)
{
	struct nd_reader r = nd_reader_over(bytes, n);

	if (n < ND_MSG_HEADER)
		return ND_ETRUNC;
	if (n > ND_MSG_MAX)
		return ND_EFORMAT;
	read_header(m, bytes, n);
	m->qname = (struct nd_name){ .wire = buf->bytes };
	r.pos += ND_MSG_HEADER;
	if (m->count[0] > 1)
		return ND_EFORMAT;
	if (m->count[0] == 1) {
		int err = read_question(m, &r, buf);
		if (err)
			return err;
	}
	return read_records(m, &r);
}
