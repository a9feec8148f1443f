/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/rr.h"

#include "wire/type.h"

struct nd_rr_iter nd_rr_iter_over(const struct nd_msg *m)
{
	struct nd_rr_iter it = { .r = nd_reader_over(m->base, m->len) };

	it.r.pos += m->question_end;
	for (unsigned i = 0; i < 3; i++)
		it.left[i] = m->count[i + 1];
	return it;
}

bool nd_rr_next(struct nd_rr_iter *it, struct nd_rr *rr)
{
	struct nd_reader *r = &it->r;

	while (it->section < ND_SECTION_ADDITIONAL && it->left[it->section] == 0)
		it->section++;
	if (it->err || it->left[it->section] == 0)
		return false;
	size_t owner = nd_reader_offset(r);
	nd_name_skip(r);
	uint16_t type = nd_reader_u16(r);
	uint16_t class = nd_reader_u16(r);
	size_t ttl_at = nd_reader_offset(r);
	uint32_t ttl = nd_reader_u32(r);
	uint16_t len = nd_reader_u16(r);
	size_t rdata = nd_reader_offset(r);
	nd_reader_take(r, len);
	if (r->err) {
		it->err = r->err;
		return false;
	}
	it->left[it->section]--;
	*rr = (struct nd_rr){ .section = it->section, .owner = (uint16_t)owner, .type = type, .class = class,
			      .ttl = ttl, .ttl_at = (uint16_t)ttl_at, .rdata = (uint16_t)rdata, .rdata_len = len,
			      .end = (uint16_t)nd_reader_offset(r) };
	return true;
}

const char *nd_rr_layout(uint16_t type)
{
	switch (type) {
	case ND_TYPE_NS: case ND_TYPE_CNAME: case ND_TYPE_PTR: case 3: case 4: case 7: case 8: case 9: return "d";
	case ND_TYPE_SOA: return "dd44444";
	case 14: return "dd";                             /* MINFO */
	case ND_TYPE_MX: return "2d";
	case ND_TYPE_DNAME: case 23: return "D";          /* NSAP-PTR */
	case ND_TYPE_SRV: return "222D";
	case 17: return "DD";                             /* RP */
	case 18: case 21: case 36: case 107: return "2D"; /* AFSDB, RT, KX, LP */
	case 26: return "2DD";                            /* PX */
	case ND_TYPE_NAPTR: return "22sssD";
	case ND_TYPE_RRSIG: case 24: return "2114442Dr";  /* SIG */
	case ND_TYPE_NSEC: case 30: return "Dr";          /* NXT */
	case ND_TYPE_SVCB: case ND_TYPE_HTTPS: return "2Dr";
	default: return NULL;
	}
}

static size_t fixed_size(char c)
{
	return c == '1' ? 1 : c == '2' ? 2 : c == '4' ? 4 : 16;
}

int nd_rr_expand_rdata(const uint8_t *base, size_t msg_len, uint16_t rdata, uint16_t len, uint16_t type,
		       uint8_t *out, size_t cap)
{
	const char *layout = nd_rr_layout(type);
	struct nd_reader r = nd_reader_over(base, msg_len);
	const uint8_t *end = base + rdata + len;
	size_t n = 0;

	if ((size_t)rdata + len > msg_len)
		return ND_ETRUNC;
	r.pos += rdata;
	for (const char *c = layout ? layout : "r"; *c; c++) {
		struct nd_name_buf buf;
		struct nd_name name;
		const uint8_t *from;
		size_t take;
		if (*c == 'd' || *c == 'D') {
			/* The walk may read behind the rdata only by going back; its own octets end within. */
			r.end = base + msg_len;
			int err = nd_name_read(&r, false, &buf, &name);
			if (err)
				return err;
			from = name.wire;
			take = name.len;
		} else {
			r.end = end;
			if (r.pos > end)
				return ND_EFORMAT;
			take = *c == 'r' ? nd_reader_left(&r)
			       : *c == 's' ? (r.pos < end ? 1u + r.pos[0] : 1)
					   : fixed_size(*c);
			from = nd_reader_take(&r, take);
			if (!from)
				return ND_EFORMAT;
		}
		if (r.pos > end)
			return ND_EFORMAT;
		if (take > cap - n)
			return ND_ELIMIT;
		memcpy(out + n, from, take);
		n += take;
	}
	return r.pos == end ? (int)n : ND_EFORMAT;
}

/* One or more character-strings and nothing else. */
static bool strings_valid(const uint8_t *p, size_t n, size_t least)
{
	size_t count = 0;

	while (n) {
		size_t len = 1u + p[0];
		if (len > n)
			return false;
		p += len;
		n -= len;
		count++;
	}
	return count >= least;
}

bool nd_rr_rdata_valid(uint16_t type, const uint8_t *rdata, size_t n)
{
	uint8_t out[ND_MSG_MAX];

	switch (type) {
	case ND_TYPE_A: return n == 4;
	case ND_TYPE_AAAA: return n == 16;
	case ND_TYPE_TXT: case ND_TYPE_SPF: return strings_valid(rdata, n, 1);
	case ND_TYPE_HINFO: return strings_valid(rdata, n, 2);
	default: break;
	}
	if (n > ND_MSG_MAX)
		return false;
	return nd_rr_expand_rdata(rdata, n, 0, (uint16_t)n, type, out, sizeof out) == (int)n;
}
