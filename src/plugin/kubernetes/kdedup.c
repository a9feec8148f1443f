/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kubernetes/kdedup.h"

#include <string.h>
#include "core/worker.h"

void nd_kdedup_init(struct nd_kdedup *s, bool on, size_t expect)
{
	uint32_t size = 16;

	s->on = on;
	if (!on)
		return;
	while (size < ND_KDEDUP_SLOTS && size < 2 * expect)
		size *= 2;
	s->mask = size - 1;
	memset(s->slot, 0, size * sizeof *s->slot);
}

/* Compares the label at an offset of the message and advances the offset. Follows compression
 * pointers; ours only point backwards. */
static bool next_label_is(const struct nd_query *q, size_t *at, const uint8_t *label)
{
	const uint8_t *base = q->ans.w.base;
	size_t here = *at;

	while (base[here] >= 0xc0)
		here = (size_t)(base[here] & 0x3f) << 8 | base[here + 1];
	*at = here + base[here] + 1u;
	return memcmp(base + here, label, label[0] + 1u) == 0;
}

static bool equal(const struct nd_query *q, const struct nd_record *r,
		  const struct nd_kdedup_key *key)
{
	const uint8_t *rdata = q->ans.w.base + r->rdata;
	bool srv = r->type == ND_TYPE_SRV;

	if (r->section != key->section)
		return false;
	/* SRV: priority, weight, port, target, never compressed (RFC 2782). */
	if (srv ? memcmp(rdata + 4, key->bytes, 2) != 0
		: r->rdata_len != key->n || memcmp(rdata, key->bytes, key->n) != 0)
		return false;
	if (!key->label)
		return true;
	size_t at = srv ? r->rdata + 6u : r->owner;
	return next_label_is(q, &at, key->label) &&
	       (!key->cluster || next_label_is(q, &at, key->cluster));
}

/* Authors of Services and EndpointSlices choose addresses and names, hence SipHash. */
static uint64_t hash_key(const struct nd_siphash_key *secret, const struct nd_kdedup_key *key)
{
	uint64_t h = nd_siphash(secret, key->section, key->bytes, key->n);

	if (key->label)
		h = nd_siphash(secret, h, key->label, key->label[0] + 1u);
	if (key->cluster)
		h = nd_siphash(secret, h, key->cluster, key->cluster[0] + 1u);
	return h;
}

bool nd_kdedup_seen(struct nd_kdedup *s, const struct nd_query *q, const struct nd_kdedup_key *key)
{
	if (!s->on)
		return false;
	uint32_t i = (uint32_t)hash_key(&q->worker->hash_key, key) & s->mask, walked = 0;
	for (; s->slot[i]; i = (i + 1) & s->mask) {
		if (s->slot[i] <= q->ans.n && equal(q, &q->ans.record[s->slot[i] - 1], key))
			return true;
		if (++walked > s->mask)
			return false;
	}
	s->slot[i] = (uint16_t)(q->ans.n + 1);
	return false;
}
