/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/dns64/synthesis.h"

#include <string.h>
#include "base/addr.h"
#include "base/err.h"

enum { TTL_WITHOUT_SOA = 600 };

int nd_synthesis_parse_prefix(const char *text, struct nd_synthesis_prefix *out)
{
	struct nd_cidr c;

	if (!strchr(text, '/') || nd_cidr_parse(text, &c) || c.len != 16)
		return ND_EFORMAT;
	if (c.bits != 96 && (c.bits < 32 || c.bits > 64 || c.bits % 8))
		return ND_EFORMAT;
	memcpy(out->bytes, c.bytes, sizeof out->bytes);
	out->bits = c.bits;
	return 0;
}

void nd_synthesis_address(const struct nd_synthesis_prefix *p, const uint8_t ipv4[4],
			  uint8_t ipv6[16])
{
	unsigned at = p->bits / 8u;

	memcpy(ipv6, p->bytes, 16);
	for (unsigned i = 0; i < 4; i++) {
		if (at == 8)
			at++;
		ipv6[at++] = ipv4[i];
	}
}

bool nd_synthesis_has(const struct nd_answer *a, enum nd_section section, uint16_t type)
{
	for (unsigned i = 0; i < a->n; i++)
		if (a->record[i].section == section && a->record[i].type == type)
			return true;
	return false;
}

uint32_t nd_synthesis_ttl_max(const struct nd_answer *negative)
{
	uint32_t ttl = TTL_WITHOUT_SOA;

	for (unsigned i = 0; i < negative->n; i++)
		if (negative->record[i].section == ND_SECTION_AUTHORITY &&
		    negative->record[i].type == ND_TYPE_SOA)
			ttl = nd_answer_ttl(negative, &negative->record[i]);
	return ttl;
}

static int write_address(struct nd_query *q, const struct nd_answer *a, const struct nd_record *r,
			 const struct nd_synthesis_prefix *p, uint32_t ttl_max)
{
	uint32_t ttl = nd_answer_ttl(a, r);
	struct nd_name_buf buf;
	struct nd_name owner;
	uint8_t ipv6[16];
	int err = nd_answer_owner(a, r, &buf, &owner);

	if (err)
		return err;
	nd_synthesis_address(p, a->w.base + r->rdata, ipv6);
	return nd_answer_rr(q, ND_SECTION_ANSWER, owner, ND_TYPE_AAAA, nd_answer_class(a, r),
			    ttl < ttl_max ? ttl : ttl_max, ipv6, sizeof ipv6);
}

void nd_synthesis_write(struct nd_query *q, const struct nd_query *of_a,
			const struct nd_synthesis_prefix *p, uint32_t ttl_max)
{
	const struct nd_answer *a = &of_a->ans;
	int err = 0;

	nd_answer_reset(q);
	/* The lookup asks in lower case: its owners stay as they are, whatever the client's
	 * letters. */
	q->ans.w.exact = true;
	for (unsigned i = 0; !err && i < a->n; i++) {
		const struct nd_record *r = &a->record[i];
		if (r->section == ND_SECTION_ANSWER && r->type == ND_TYPE_A && r->rdata_len == 4)
			err = write_address(q, a, r, p, ttl_max);
		else
			err = nd_answer_copy(q, (enum nd_section)r->section, of_a, r);
	}
	q->rcode = of_a->rcode;
	q->ans.flags = (uint16_t)((a->flags & ND_FLAG_TC) | (err ? ND_FLAG_TC : 0));
	nd_answer_take_opt(q, a);
}
