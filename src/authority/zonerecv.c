/* SPDX-License-Identifier: Apache-2.0 */
#include "authority/zonerecv.h"

#include <stdlib.h>
#include "base/err.h"
#include "io/random.h"
#include "wire/rr.h"
#include "wire/type.h"
#include "zone/treebuild.h"

enum { SOA_NUMBERS = 20 };

struct nd_zonerecv {
	struct nd_treebuild build;
	bool begun;
	uint8_t rdata[UINT16_MAX];
};

struct nd_zonerecv *nd_zonerecv_new(struct nd_name origin)
{
	struct nd_zonerecv *r = calloc(1, sizeof *r);
	struct nd_siphash_key key;

	if (!r)
		return NULL;
	nd_random_bytes(&key, sizeof key);
	nd_treebuild_init(&r->build, origin, &key);
	return r;
}

void nd_zonerecv_free(struct nd_zonerecv *r)
{
	if (!r)
		return;
	nd_treebuild_clear(&r->build);
	free(r);
}

static int add_record(struct nd_zonerecv *r, const struct nd_msg *m, const struct nd_rr *rr,
		      const char **why)
{
	struct nd_reader reader = nd_reader_over(m->base, m->len);
	struct nd_name_buf buf;
	struct nd_name owner;

	*why = "malformed record";
	reader.pos += rr->owner;
	if (nd_name_read(&reader, false, &buf, &owner))
		return ND_EFORMAT;
	int n = nd_rr_expand_rdata(m->base, m->len, rr->rdata, rr->rdata_len, rr->type, r->rdata,
				   sizeof r->rdata);
	/* Names in rdata are rewritten later: none may be missing. */
	if (n < 0 || !nd_rr_rdata_valid(rr->type, r->rdata, (size_t)n))
		return ND_EFORMAT;
	*why = NULL;
	int err = nd_treebuild_add(&r->build, owner, rr->type, rr->class, rr->ttl, r->rdata,
				   (uint16_t)n, why);
	if (err && !*why)
		*why = err == ND_ELIMIT ? "the memory budget for zones is exhausted; raise "
					  "-memory-limit"
					: nd_err_text(err);
	return err;
}

/* As in miekg/dns: the first record is a SOA, and the transfer ends with a message whose last
 * record is one; a first message with a SOA alone is not the end. */
int nd_zonerecv_add(struct nd_zonerecv *r, const struct nd_msg *m, const char **why)
{
	struct nd_rr_iter it = nd_rr_iter_over(m);
	bool first = !r->begun;
	struct nd_rr rr = { .type = 0 };
	unsigned n = 0;
	int err = 0;

	for (; !err && nd_rr_next(&it, &rr) && rr.section == ND_SECTION_ANSWER; n++) {
		if (!r->begun && rr.type != ND_TYPE_SOA) {
			*why = "the first record is not the SOA";
			return ND_EFORMAT;
		}
		r->begun = true;
		err = add_record(r, m, &rr, why);
		if (!err && n + 1 == m->count[1])
			return rr.type == ND_TYPE_SOA && !(first && n == 0) ? 0 : 1;
	}
	if (!err)
		*why = "incomplete message";
	return err ? err : ND_EFORMAT;
}

int nd_zonerecv_take(struct nd_zonerecv *r, struct nd_tree **out, const char **why)
{
	int err = nd_treebuild_finish(&r->build, out, why);

	if (err && !*why)
		*why = "the memory budget for zones is exhausted; raise -memory-limit";
	return err;
}

bool nd_zonerecv_serial(const struct nd_msg *m, uint32_t *serial)
{
	struct nd_rr_iter it = nd_rr_iter_over(m);
	struct nd_rr rr;

	while (nd_rr_next(&it, &rr) && rr.section == ND_SECTION_ANSWER) {
		if (rr.type != ND_TYPE_SOA || rr.rdata_len < SOA_NUMBERS)
			continue;
		*serial = nd_reader_peek32(m->base + rr.rdata + rr.rdata_len - SOA_NUMBERS);
		return true;
	}
	return false;
}

struct nd_zonerecv_times nd_zonerecv_times(const struct nd_tree *t)
{
	struct nd_tree_node apex = nd_tree_apex(t);
	struct nd_tree_set set = nd_tree_set(&apex, ND_TYPE_SOA);
	struct nd_tree_rr rr = { .n = 0 };

	nd_tree_next(&set, &rr);
	const uint8_t *p = rr.rdata + rr.n - SOA_NUMBERS;
	return (struct nd_zonerecv_times){ .refresh = nd_reader_peek32(p + 4),
					   .retry = nd_reader_peek32(p + 8),
					   .expire = nd_reader_peek32(p + 12) };
}
