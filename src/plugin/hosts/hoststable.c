/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/hosts/hoststable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "base/budget.h"
#include "base/err.h"
#include "io/random.h"

enum {
	HEAD = 4, /* bytes of a record before its key */
	SLOTS_MIN = 64,
	CHARGE = 64 << 10,  /* bytes taken from the budget at once */
	SLOT_BYTES = 4 + 1, /* offset and tag */
};

/* Words of a node. */
enum { NODE_ITEM, NODE_NEXT, NODE_ONE, NODE_END = NODE_ONE, NODE_RUN };

#define RING (1u << 31) /* a list, or a position in it, is a node and not an item */

/* --- memory --- */

static bool fail(struct nd_hoststable *t, int err)
{
	t->err = err;
	return false;
}

static size_t bytes_of(const struct nd_hoststable *t)
{
	return t->len + (size_t)t->nslots * SLOT_BYTES + t->nwords * sizeof *t->words;
}

/* Before `more` bytes are used. */
static bool charge(struct nd_hoststable *t, size_t more)
{
	size_t bytes = bytes_of(t) + more;

	if (t->err)
		return false;
	if (bytes <= t->charged)
		return true;
	if (bytes > t->max_bytes) {
		nd_budget_refuse(ND_BUDGET_HOSTS);
		return fail(t, ND_ELIMIT);
	}
	size_t step = bytes - t->charged + CHARGE;
	if (!nd_budget_take(ND_BUDGET_HOSTS, step))
		return fail(t, ND_ELIMIT);
	t->charged += step;
	return true;
}

static bool new_slots(struct nd_hoststable *t, size_t n)
{
	if (n > UINT32_MAX / 2 || !charge(t, n * SLOT_BYTES))
		return fail(t, t->err ? t->err : ND_ELIMIT);
	uint32_t *slots = malloc(n * sizeof *slots);
	uint8_t *tags = calloc(n, 1);
	if (!slots || !tags) {
		free(slots);
		free(tags);
		return fail(t, -ENOMEM);
	}
	free(t->slots);
	free(t->tags);
	t->slots = slots;
	t->tags = tags;
	t->nslots = (uint32_t)n;
	return true;
}

void nd_hoststable_init(struct nd_hoststable *t, size_t max_bytes, size_t keys)
{
	*t = (struct nd_hoststable){ .max_bytes = max_bytes, .len = HEAD }; /* no record is 0 */
	nd_random_bytes(&t->hash_key, sizeof t->hash_key);
	new_slots(t, keys < SLOTS_MIN ? SLOTS_MIN : keys);
}

void nd_hoststable_clear(struct nd_hoststable *t)
{
	free(t->blob);
	free(t->tags);
	free(t->slots);
	free(t->words);
	nd_budget_give(ND_BUDGET_HOSTS, t->charged);
	*t = (struct nd_hoststable){ 0 };
}

/* --- the hash table --- */

static size_t key_length(const uint8_t *key)
{
	const uint8_t *p = key;

	if (*p >= ND_HOSTSTABLE_ADDRESS)
		return 1u + *p - ND_HOSTSTABLE_ADDRESS;
	while (*p)
		p += 1 + *p;
	return (size_t)(p - key) + 1;
}

static uint64_t hash(const struct nd_hoststable *t, const uint8_t *key, size_t len)
{
	return nd_siphash(&t->hash_key, 0, key, len);
}

static uint8_t tag_of(uint64_t hash)
{
	uint8_t tag = (uint8_t)(hash >> 56);

	return tag ? tag : 1;
}

static uint32_t first_slot(const struct nd_hoststable *t, uint64_t hash)
{
	return (uint32_t)(((hash & UINT32_MAX) * t->nslots) >> 32);
}

/* Keys are self-delimiting, so comparing the bytes of one compares the lengths too. */
static bool is_key(const struct nd_hoststable *t, uint32_t record, const uint8_t *key, size_t len)
{
	size_t at = (size_t)record + HEAD;

	return len <= t->len - at && memcmp(t->blob + at, key, len) == 0;
}

/* The slot of the key, or the empty one where it belongs: there always is one. */
static uint32_t find_slot(const struct nd_hoststable *t, uint64_t hash, const uint8_t *key,
			  size_t len)
{
	uint8_t tag = tag_of(hash);

	for (uint32_t i = first_slot(t, hash);; i = i + 1 == t->nslots ? 0 : i + 1) {
		if (!t->tags[i] || (t->tags[i] == tag && is_key(t, t->slots[i], key, len)))
			return i;
	}
}

/* Enters all records into n new slots. */
static bool rehash(struct nd_hoststable *t, size_t n)
{
	if (!new_slots(t, n))
		return false;
	for (size_t at = HEAD, len; at < t->len; at += HEAD + len) {
		const uint8_t *key = t->blob + at + HEAD;
		len = key_length(key);
		uint64_t h = hash(t, key, len);
		uint32_t i = first_slot(t, h);
		while (t->tags[i])
			i = i + 1 == t->nslots ? 0 : i + 1;
		t->tags[i] = tag_of(h);
		t->slots[i] = (uint32_t)at;
	}
	return true;
}

static uint32_t put_record(struct nd_hoststable *t, const uint8_t *key, size_t len)
{
	size_t at = t->len;

	if (!charge(t, HEAD + len))
		return 0;
	uint8_t *grown = nd_array_grow(t->blob, &t->cap, at + HEAD + len, 1);
	if (!grown) {
		t->err = -ENOMEM;
		return 0;
	}
	t->blob = grown;
	memset(grown + at, 0, HEAD);
	memcpy(grown + at + HEAD, key, len);
	t->len = at + HEAD + len;
	return (uint32_t)at;
}

uint32_t nd_hoststable_add(struct nd_hoststable *t, const uint8_t *key, size_t len)
{
	if (t->err || (t->nkeys >= t->nslots - t->nslots / 4 && !rehash(t, 2 * (size_t)t->nslots)))
		return 0;
	uint64_t h = hash(t, key, len);
	uint32_t i = find_slot(t, h, key, len);
	if (t->tags[i])
		return t->slots[i];
	uint32_t record = put_record(t, key, len);
	if (record) {
		t->slots[i] = record;
		t->tags[i] = tag_of(h);
		t->nkeys++;
	}
	return record;
}

uint32_t nd_hoststable_find(const struct nd_hoststable *t, const uint8_t *key, size_t len)
{
	uint32_t i = find_slot(t, hash(t, key, len), key, len);

	return t->tags[i] ? t->slots[i] : 0;
}

void nd_hoststable_trim(struct nd_hoststable *t)
{
	if (t->err)
		return;
	/* Without room for smaller slots beside the old ones, those stay. */
	if (t->nkeys < t->nslots / 3 && t->nslots > SLOTS_MIN &&
	    !rehash(t, t->nkeys < SLOTS_MIN / 2 ? SLOTS_MIN : 2 * t->nkeys))
		t->err = 0;
	uint8_t *blob = t->blob ? realloc(t->blob, t->len) : NULL;
	if (blob)
		t->blob = blob;
	uint32_t *words = t->words ? realloc(t->words, t->nwords * sizeof *words) : NULL;
	if (words)
		t->words = words;
	nd_budget_give(ND_BUDGET_HOSTS, t->charged - bytes_of(t));
	t->charged = bytes_of(t);
}

/* --- lists --- */

/* A list is 0 (empty), an item, or RING and the last node, whose next one is the first. */
static uint32_t get_list(const struct nd_hoststable *t, uint32_t record)
{
	uint32_t list;

	memcpy(&list, t->blob + record, sizeof list);
	return list;
}

static void set_list(struct nd_hoststable *t, uint32_t record, uint32_t list)
{
	memcpy(t->blob + record, &list, sizeof list);
}

static const uint8_t *key_of(const struct nd_hoststable *t, uint32_t record)
{
	return t->blob + record + HEAD;
}

static bool has_runs(const struct nd_hoststable *t, uint32_t record)
{
	return *key_of(t, record) >= ND_HOSTSTABLE_ADDRESS;
}

static uint32_t end_of(const struct nd_hoststable *t, uint32_t record)
{
	return record + HEAD + (uint32_t)key_length(key_of(t, record));
}

/* A node of one item. RING: see err. */
static uint32_t new_node(struct nd_hoststable *t, uint32_t item, bool run)
{
	size_t n = run ? NODE_RUN : NODE_ONE, at = t->nwords;

	if (!charge(t, n * sizeof *t->words))
		return RING;
	uint32_t *grown = nd_array_grow(t->words, &t->words_cap, at + n, sizeof *t->words);
	if (!grown) {
		t->err = -ENOMEM;
		return RING;
	}
	t->words = grown;
	t->nwords = at + n;
	grown[at + NODE_ITEM] = item;
	grown[at + NODE_NEXT] = (uint32_t)at;
	if (run)
		grown[at + NODE_END] = end_of(t, item);
	return (uint32_t)at;
}

bool nd_hoststable_append(struct nd_hoststable *t, uint32_t record, uint32_t item)
{
	uint32_t list = get_list(t, record);
	bool run = has_runs(t, record);

	if (!list) {
		set_list(t, record, item);
		return true;
	}
	uint32_t last = list & RING ? list & ~RING : new_node(t, list, run);
	if (last == RING)
		return false;
	set_list(t, record, RING | last);
	if (run && t->words[last + NODE_END] == item) {
		t->words[last + NODE_END] = end_of(t, item);
		return true;
	}
	uint32_t node = new_node(t, item, run);
	if (node == RING)
		return false;
	t->words[node + NODE_NEXT] = t->words[last + NODE_NEXT];
	t->words[last + NODE_NEXT] = node;
	set_list(t, record, RING | node);
	return true;
}

static void set_node(const struct nd_hoststable *t, struct nd_hoststable_list *l, uint32_t node)
{
	l->node = node;
	l->item = t->words[node + NODE_ITEM];
	if (l->end)
		l->end = t->words[node + NODE_END];
}

struct nd_hoststable_list nd_hoststable_items(const struct nd_hoststable *t, uint32_t record)
{
	uint32_t list = record ? get_list(t, record) : 0;
	struct nd_hoststable_list l = { .item = list };

	if (list & RING) {
		l.last = list & ~RING;
		l.end = has_runs(t, record);
		set_node(t, &l, t->words[l.last + NODE_NEXT]);
	}
	return l;
}

const uint8_t *nd_hoststable_next(const struct nd_hoststable *t, struct nd_hoststable_list *l)
{
	uint32_t item = l->item;

	if (!item)
		return NULL;
	if (l->end && (l->item = end_of(t, item)) < l->end)
		return key_of(t, item);
	if (l->node == l->last)
		l->item = 0;
	else
		set_node(t, l, t->words[l->node + NODE_NEXT]);
	return key_of(t, item);
}
