/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cache/classify.h"

#include "base/time.h"

static bool read_name(const struct nd_answer *a, uint16_t at, struct nd_name_buf *buf,
		      struct nd_name *out)
{
	struct nd_reader r = nd_reader_over(a->w.base, a->w.pos);

	r.pos = a->w.base + at;
	return nd_name_read(&r, true, buf, out) == 0;
}

static bool has_type(const struct nd_answer *a, enum nd_section section, uint16_t type)
{
	for (unsigned i = 0; i < a->n; i++)
		if (a->record[i].section == section && a->record[i].type == type)
			return true;
	return false;
}

static bool owned_by(const struct nd_query *q, const struct nd_record *r, struct nd_name name)
{
	struct nd_name_buf buf;
	struct nd_name owner;
	uint16_t class = q->msg.qclass;

	return (class == ND_CLASS_ANY || nd_answer_class(&q->ans, r) == class) &&
	       read_name(&q->ans, r->owner, &buf, &owner) && nd_name_same(owner, name);
}

/* The CNAME target of `name`; target->len is 0 without one. False: two different targets. */
static bool unique_target(const struct nd_query *q, struct nd_name name, struct nd_name_buf *buf,
			  struct nd_name *target)
{
	const struct nd_answer *a = &q->ans;
	struct nd_name_buf other_buf;
	struct nd_name other;

	target->len = 0;
	for (unsigned i = 0; i < a->n; i++) {
		const struct nd_record *r = &a->record[i];
		if (r->section != ND_SECTION_ANSWER || r->type != ND_TYPE_CNAME ||
		    !owned_by(q, r, name))
			continue;
		if (!read_name(a, r->rdata, &other_buf, &other))
			return false;
		if (target->len && !nd_name_same(other, *target))
			return false;
		*target = nd_name_copy(other, buf);
	}
	return true;
}

/* Follows the CNAMEs of the answer section from the question's name. False: a loop, or two targets
 * of one owner. A chain with more links than there are records is a loop. */
static bool follow(const struct nd_query *q, struct nd_name_buf *buf, struct nd_name *name,
		   bool *any)
{
	*name = nd_name_copy(q->msg.qname, buf);
	*any = false;
	for (unsigned steps = 0; steps <= q->ans.n; steps++) {
		struct nd_name_buf next_buf;
		struct nd_name next;
		if (!unique_target(q, *name, &next_buf, &next))
			return false;
		if (!next.len)
			return true;
		*any = true;
		*name = nd_name_copy(next, buf);
	}
	return false;
}

static bool answers_question(const struct nd_query *q)
{
	const struct nd_answer *a = &q->ans;
	struct nd_name_buf buf;
	struct nd_name name = q->msg.qname;
	bool any = false;

	if (q->msg.qtype != ND_TYPE_ANY && !follow(q, &buf, &name, &any))
		return false;
	if (q->msg.qtype == ND_TYPE_CNAME)
		return any;
	for (unsigned i = 0; i < a->n; i++) {
		const struct nd_record *r = &a->record[i];
		if (r->section == ND_SECTION_ANSWER &&
		    (q->msg.qtype == ND_TYPE_ANY || r->type == q->msg.qtype) &&
		    owned_by(q, r, name))
			return true;
	}
	return false;
}

static struct nd_classify typify(const struct nd_query *q)
{
	const struct nd_answer *a = &q->ans;
	struct nd_classify c = { .kind = ND_CLASSIFY_OTHER };
	bool soa = has_type(a, ND_SECTION_AUTHORITY, ND_TYPE_SOA);
	bool some = a->count[ND_SECTION_ANSWER] > 0;

	if (q->msg.qtype == ND_TYPE_AXFR || q->msg.qtype == ND_TYPE_IXFR)
		return c;
	switch (q->rcode) {
	case ND_RCODE_NOERROR:
		c.kind = some || !soa ? ND_CLASSIFY_SUCCESS : ND_CLASSIFY_NODATA;
		c.delegation = !some && !soa && has_type(a, ND_SECTION_AUTHORITY, ND_TYPE_NS);
		c.keep = true;
		/* A chain without a final record is NODATA, if there is a SOA. */
		c.answers = some && answers_question(q);
		if (some && !c.answers) {
			c.kind = soa ? ND_CLASSIFY_NODATA : ND_CLASSIFY_SUCCESS;
			c.keep = soa;
		}
		break;
	case ND_RCODE_NXDOMAIN:
		c.kind = some ? ND_CLASSIFY_OTHER : ND_CLASSIFY_NXDOMAIN;
		c.keep = !some && soa;
		break;
	case ND_RCODE_SERVFAIL:
	case ND_RCODE_NOTIMP:
		c.kind = ND_CLASSIFY_FAILURE;
		c.keep = true;
		break;
	default: break;
	}
	return c;
}

/* Seconds until the first RRSIG expires, at most UINT32_MAX; 0: one has expired, is not valid yet
 * or is cut. Times are serial numbers (RFC 4034 s3.1.5). */
static uint32_t signed_for(const struct nd_answer *a, uint64_t (*wall_ns)(void))
{
	enum { EXPIRATION = 8, INCEPTION = 12, SIGNER = 18 }; /* offsets in the rdata */
	uint32_t least = UINT32_MAX, now = 0;

	for (unsigned i = 0; i < a->n; i++) {
		const struct nd_record *r = &a->record[i];
		if (r->type != ND_TYPE_RRSIG)
			continue;
		if (r->rdata_len <= SIGNER)
			return 0;
		if (least == UINT32_MAX)
			now = (uint32_t)(wall_ns() / ND_NS_PER_S);
		int32_t left = (int32_t)(nd_reader_peek32(a->w.base + r->rdata + EXPIRATION) - now);
		int32_t since = (int32_t)(now - nd_reader_peek32(a->w.base + r->rdata + INCEPTION));
		if (left <= 0 || since < 0)
			return 0;
		if ((uint32_t)left < least)
			least = (uint32_t)left;
	}
	return least;
}

struct nd_classify nd_classify_answer(const struct nd_query *q, uint64_t (*wall_ns)(void))
{
	struct nd_classify c = { .kind = ND_CLASSIFY_OTHER };
	uint32_t signed_s = signed_for(&q->ans, wall_ns);

	if (signed_s)
		c = typify(q);
	c.signed_s = signed_s ? signed_s : UINT32_MAX;
	if (q->ans.flags & ND_FLAG_TC)
		c.keep = false;
	return c;
}
