/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/truth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "wire/rr.h"
#include "wire/type.h"
#include "wire/writer.h"

static struct nd_name name_of(char kind, unsigned n, struct nd_name_buf *buf)
{
	char text[32];
	struct nd_name name = nd_name_root;

	snprintf(text, sizeof text, "%c%u.test.", kind, n);
	(void)nd_name_parse(text, false, buf, &name);
	return name;
}

size_t sim_truth_question(uint8_t *out, size_t cap, uint16_t id, char kind, unsigned n,
			  uint16_t type)
{
	struct nd_writer w = nd_writer_over(out, cap);
	struct nd_name_buf buf;
	struct nd_name name = name_of(kind, n, &buf);

	nd_writer_u16(&w, id);
	nd_writer_u16(&w, ND_FLAG_RD);
	nd_writer_u16(&w, 1);
	nd_writer_u32(&w, 0);
	nd_writer_u16(&w, 0);
	nd_writer_bytes(&w, name.wire, name.len);
	nd_writer_u16(&w, type);
	nd_writer_u16(&w, ND_CLASS_IN);
	return w.err ? 0 : w.pos;
}

/* Parses a name of this world into kind and number. */
static bool parse_name(struct nd_name name, char *kind, unsigned *n)
{
	char text[ND_NAME_TEXT_MAX];
	int end = 0;

	nd_name_format(name, text);
	return sscanf(text, "%c%u.test.%n", kind, n, &end) == 2 && text[end] == '\0' &&
	       strchr("nxb", *kind);
}

bool sim_truth_number(const uint8_t *message, size_t n, unsigned *number)
{
	struct nd_reader r = nd_reader_over(message, n);
	struct nd_name_buf buf;
	struct nd_name name;
	char kind;

	nd_reader_take(&r, ND_MSG_HEADER);
	return !r.err && nd_name_read(&r, true, &buf, &name) == 0 &&
	       parse_name(name, &kind, number);
}

static unsigned count_of(char kind, unsigned n)
{
	return kind == 'b' ? SIM_TRUTH_BIG : 1 + n % 3;
}

/* Address i of a name: 4 or 16 bytes. */
static size_t address(char kind, unsigned n, uint16_t type, unsigned i, uint8_t out[16])
{
	uint8_t four[4] = { 10, (uint8_t)(kind == 'b' ? 200 : 100), (uint8_t)n, (uint8_t)i };

	memset(out, 0, 16);
	if (type == ND_TYPE_A) {
		memcpy(out, four, 4);
		return 4;
	}
	out[0] = 0xfd;
	memcpy(out + 12, four, 4);
	return 16;
}

static void put_soa(struct nd_writer *w, uint16_t *count)
{
	static const uint8_t soa[] =
		"\2ns\4test\0\2hm\4test\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5";
	struct nd_name_buf buf;
	struct nd_name zone;

	(void)nd_name_parse("test.", true, &buf, &zone);
	if (nd_writer_rr(w, zone, ND_TYPE_SOA, ND_CLASS_IN, SIM_TRUTH_TTL, soa, sizeof soa - 1,
			 NULL, NULL) == 0)
		++*count;
}

size_t sim_truth_answer(const uint8_t *question, size_t n, uint8_t *out, size_t limit, bool lie)
{
	struct nd_name_buf buf;
	struct nd_msg m;
	char kind;
	unsigned number;
	uint16_t answers = 0, authority = 0, flags = ND_FLAG_QR | ND_FLAG_RD | ND_FLAG_RA;

	if (nd_msg_parse_query(&m, question, n, &buf) != ND_MSG_OK)
		return 0;
	bool known = parse_name(m.qname, &kind, &number) && kind != 'x';
	bool addresses = m.qtype == ND_TYPE_A || m.qtype == ND_TYPE_AAAA;
	struct nd_writer w = nd_writer_over(out, limit);
	nd_writer_bytes(&w, question, m.question_end);
	nd_writer_know(&w, ND_MSG_HEADER);
	struct nd_name owner = { .wire = out + ND_MSG_HEADER,
				 .len = m.qname.len,
				 .labels = m.qname.labels };
	for (unsigned i = 0; known && addresses && i < count_of(kind, number); i++) {
		uint8_t a[16];
		size_t len = address(kind, number, m.qtype, i, a);
		if (lie && i == 0)
			a[len - 1] ^= 0x55;
		if (nd_writer_rr(&w, owner, m.qtype, ND_CLASS_IN, SIM_TRUTH_TTL, a, len, NULL,
				 NULL)) {
			flags |= ND_FLAG_TC;
			break;
		}
		answers++;
	}
	if (!known || !addresses)
		put_soa(&w, &authority);
	if (!known)
		flags |= ND_RCODE_NXDOMAIN;
	nd_writer_put16(out + 2, flags);
	nd_writer_put16(out + 6, answers);
	nd_writer_put16(out + 8, authority);
	nd_writer_put16(out + 10, 0);
	return w.pos;
}

static enum sim_verdict wrong(const char **why, const char *text)
{
	*why = text;
	return SIM_WRONG;
}

/* Every address once, no other, each with a TTL that the cache may return. */
static enum sim_verdict judge_records(const struct nd_msg *m, char kind, unsigned number,
				      const char **why)
{
	struct nd_rr_iter it = nd_rr_iter_over(m);
	struct nd_rr rr;
	unsigned seen = 0;
	uint64_t which = 0;

	while (nd_rr_next(&it, &rr)) {
		uint8_t a[16];
		if (rr.section != ND_SECTION_ANSWER)
			continue;
		if (rr.type != m->qtype || rr.ttl > SIM_TRUTH_TTL)
			return wrong(why, "a record of another type, or with too long a TTL");
		for (unsigned i = 0; i < count_of(kind, number); i++) {
			size_t len = address(kind, number, m->qtype, i, a);
			if (len == rr.rdata_len && memcmp(a, m->base + rr.rdata, len) == 0) {
				if (which >> i & 1)
					return wrong(why, "an address twice");
				which |= (uint64_t)1 << i;
			}
		}
		seen++;
	}
	if (it.err)
		return wrong(why, "records that cannot be read");
	if (seen != (unsigned)__builtin_popcountll(which))
		return wrong(why, "an address that the name does not have");
	if (m->flags & ND_FLAG_TC)
		return SIM_TRUNCATED;
	return seen == count_of(kind, number) ? SIM_RIGHT : wrong(why, "an address is missing");
}

enum sim_verdict sim_truth_judge(const uint8_t *question, size_t qn, const uint8_t *reply, size_t n,
				 const char **why)
{
	struct nd_name_buf qbuf, buf;
	struct nd_msg q, m;
	char kind;
	unsigned number;

	*why = "";
	if (nd_msg_parse_query(&q, question, qn, &qbuf) != ND_MSG_OK ||
	    !parse_name(q.qname, &kind, &number))
		return wrong(why, "no question of this world");
	if (nd_msg_parse_response(&m, reply, n, &buf))
		return wrong(why, "a reply that cannot be read");
	if (m.id != q.id || m.question_end != q.question_end ||
	    memcmp(reply + ND_MSG_HEADER, question + ND_MSG_HEADER,
		   q.question_end - (size_t)ND_MSG_HEADER) != 0)
		return wrong(why, "a reply to another question");
	switch (nd_msg_rcode(&m)) {
	case ND_RCODE_SERVFAIL:
	case ND_RCODE_REFUSED: return SIM_FAILED;
	case ND_RCODE_NXDOMAIN:
		return kind == 'x' ? SIM_RIGHT : wrong(why, "NXDOMAIN for a name that exists");
	case ND_RCODE_NOERROR: break;
	default: return wrong(why, "an rcode out of nowhere");
	}
	if (kind == 'x')
		return wrong(why, "NOERROR for a name that does not exist");
	return judge_records(&m, kind, number, why);
}
