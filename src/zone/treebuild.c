/* SPDX-License-Identifier: Apache-2.0 */
#include "zone/treebuild.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/budget.h"
#include "base/err.h"
#include "wire/reader.h"
#include "wire/type.h"
#include "zone/canon.h"
#include "zone/treebuild_parts.h"

enum { LOG_MIN = 4096 };

#define LOG_MAX ((size_t)1 << 31)

/* --- memory --- */

static int fail(struct nd_treebuild *b, int err)
{
	if (!b->err)
		b->err = err;
	return b->err;
}

void *nd_treebuild_grow(struct nd_treebuild *b, void *array, size_t *cap, size_t need)
{
	size_t to = *cap ? *cap : LOG_MIN;

	if (need <= *cap)
		return array;
	if (need > LOG_MAX) {
		nd_budget_refuse(ND_BUDGET_ZONES);
		fail(b, ND_ELIMIT);
		return NULL;
	}
	while (to < need)
		to += to / 4;
	if (!nd_budget_take(ND_BUDGET_ZONES, to - *cap)) {
		fail(b, ND_ELIMIT);
		return NULL;
	}
	void *grown = realloc(array, to);
	if (!grown) {
		nd_budget_give(ND_BUDGET_ZONES, to - *cap);
		fail(b, -ENOMEM);
		return NULL;
	}
	b->charged += to - *cap;
	*cap = to;
	return grown;
}

uint8_t *nd_treebuild_room(struct nd_treebuild *b, struct nd_treebuild_log *l, size_t n)
{
	uint8_t *bytes = nd_treebuild_grow(b, l->bytes, &l->cap, l->len + n);

	if (!bytes)
		return NULL;
	l->bytes = bytes;
	l->len += n;
	return bytes + l->len - n;
}

void nd_treebuild_init(struct nd_treebuild *b, struct nd_name origin,
		       const struct nd_siphash_key *key)
{
	*b = (struct nd_treebuild){ .key = *key };
	b->origin = nd_name_copy(origin, &b->origin_buf);
}

void nd_treebuild_clear(struct nd_treebuild *b)
{
	nd_budget_give(ND_BUDGET_ZONES, b->charged);
	free(b->log.bytes);
	free(b->apex.bytes);
	free(b->run);
	*b = (struct nd_treebuild){ .n = 0 };
}

/* --- records --- */

/* The names in rdata that CoreDNS keeps in lower case. */
static void lower_rdata(uint16_t type, uint8_t *rdata, size_t n)
{
	switch (type) {
	case ND_TYPE_NS:
	case ND_TYPE_CNAME: nd_name_lower(rdata, n); break;
	case ND_TYPE_SOA: nd_name_lower(rdata, n - 20); break;
	case ND_TYPE_MX: nd_name_lower(rdata + 2, n - 2); break;
	case ND_TYPE_SVCB:
	case ND_TYPE_HTTPS: nd_name_lower(rdata + 2, nd_name_view(rdata + 2).len); break;
	default: break;
	}
}

static int put_record(struct nd_treebuild *b, struct nd_treebuild_log *l, uint16_t type,
		      uint32_t ttl, const uint8_t *rdata, uint16_t n)
{
	uint8_t *p = nd_treebuild_room(b, l, ND_TREEBUILD_RECORD + (size_t)n);

	if (!p)
		return b->err;
	memcpy(p, &type, 2);
	memcpy(p + 2, &n, 2);
	memcpy(p + 4, &ttl, 4);
	if (n)
		memcpy(p + ND_TREEBUILD_RECORD, rdata, n);
	lower_rdata(type, p + ND_TREEBUILD_RECORD, n);
	b->records++;
	return 0;
}

/* The records of one owner mostly come one after the other. */
static bool continues(const struct nd_treebuild *b, bool outside, const uint8_t *labels, size_t n)
{
	if (!b->n)
		return false;
	const uint8_t *p = b->log.bytes + b->run[b->n - 1].at;
	return !!(p[0] & ND_TREE_OUTSIDE) == outside && p[1] == n &&
	       memcmp(p + ND_TREE_HEAD, labels, n) == 0;
}

static int begin_run(struct nd_treebuild *b, bool outside, const uint8_t *labels, size_t n)
{
	size_t bytes = b->cap * sizeof *b->run;
	void *run = nd_treebuild_grow(b, b->run, &bytes, (b->n + 1) * sizeof *b->run);

	if (!run)
		return b->err;
	b->run = run;
	b->cap = bytes / sizeof *b->run;
	uint8_t *p = nd_treebuild_room(b, &b->log, ND_TREE_HEAD + n);
	if (!p)
		return b->err;
	p[0] = outside ? ND_TREE_OUTSIDE : 0;
	p[1] = (uint8_t)n;
	memcpy(p + ND_TREE_HEAD, labels, n);
	b->run[b->n++] = (struct nd_treebuild_run){ .prefix = nd_canon_prefix(labels, n),
						    .at = (uint32_t)(p - b->log.bytes) };
	return 0;
}

static bool is_apex(const struct nd_treebuild *b, struct nd_name lower, uint16_t type,
		    const uint8_t *rdata, uint16_t n)
{
	uint16_t covered = type == ND_TYPE_RRSIG && n >= 2 ? nd_reader_peek16(rdata) : type;

	if (covered == ND_TYPE_SOA)
		return true;
	return covered == ND_TYPE_NS && nd_name_same(lower, b->origin);
}

static const char *refuse(const struct nd_treebuild *b, struct nd_name lower, uint16_t type,
			  uint16_t class)
{
	if (class != ND_CLASS_IN)
		return "unsupported class: must be IN";
	if (nd_type_is_meta(type))
		return "a type that cannot be in a zone";
	if (type == ND_TYPE_NSEC3 || type == ND_TYPE_NSEC3PARAM)
		return "NSEC3 zones are not supported: sign with NSEC";
	if (type == ND_TYPE_SOA && !nd_name_same(lower, b->origin))
		return "the owner of the SOA record is not the zone's name";
	return NULL;
}

static int add_apex(struct nd_treebuild *b, uint16_t type, uint32_t ttl, const uint8_t *rdata,
		    uint16_t n)
{
	size_t at = b->apex.len;
	int err = put_record(b, &b->apex, type, ttl, rdata, n);

	if (!err && type == ND_TYPE_SOA)
		b->soa = at + 1;
	return err;
}

int nd_treebuild_add(struct nd_treebuild *b, struct nd_name owner, uint16_t type, uint16_t class,
		     uint32_t ttl, const uint8_t *rdata, uint16_t n, const char **why)
{
	struct nd_name_buf buf;
	struct nd_name lower = nd_name_copy(owner, &buf);

	if (b->err)
		return b->err;
	nd_name_lower(buf.bytes, lower.len);
	*why = refuse(b, lower, type, class);
	if (*why)
		return fail(b, ND_EFORMAT);
	if (is_apex(b, lower, type, rdata, n))
		return add_apex(b, type, ttl, rdata, n);
	bool outside = !nd_name_under_lower(lower, b->origin);
	size_t len = outside ? lower.len - 1u : (size_t)lower.len - b->origin.len;
	if (!continues(b, outside, lower.wire, len) && begin_run(b, outside, lower.wire, len))
		return b->err;
	int err = put_record(b, &b->log, type, ttl, rdata, n);
	b->run[b->n - 1].end = (uint32_t)b->log.len;
	return err;
}
