/* SPDX-License-Identifier: Apache-2.0 */
/* The table, and reading from it. */
#include "plugin/cache/store_parts.h"

#include <stdlib.h>
#include <sys/mman.h>
#include "base/budget.h"
#include "io/random.h"

enum {
	PAGE = 4096,
	SEGMENTS_MIN = 6, /* per shard: one per queue, and two to drain into */
	WAYS_PER_ENTRY = 2,
};

/* --- the table --- */

static uint32_t power_of_two(size_t at_least)
{
	uint32_t n = 1;

	while (n < at_least)
		n *= 2;
	return n;
}

static uint32_t shards_for(size_t entries)
{
	uint32_t n = 1;

	while (n < ND_STORE_SHARDS_MAX && entries / (2 * n) >= ND_STORE_SHARD_ENTRIES)
		n *= 2;
	return n;
}

static uint32_t segments_for(size_t entries, uint32_t nshards)
{
	size_t n = entries * ND_STORE_ENTRY / ND_STORE_SEGMENT / nshards;
	size_t most = UINT32_MAX / ND_STORE_SEGMENT_WORDS / nshards;

	if (n < SEGMENTS_MIN)
		n = SEGMENTS_MIN;
	return (uint32_t)(n < most ? n : most) * nshards;
}

/* The parts of the memory, each from a new page on. */
static size_t lay_out(struct nd_store *s, uint32_t ghosts, char *base)
{
	struct {
		void *to;
		size_t bytes;
	} part[] = {
		{ &s->sets, s->nsets * sizeof *s->sets },
		{ &s->uses, s->nsets * sizeof *s->uses },
		{ &s->heat, (size_t)s->nsets * ND_STORE_WAYS * sizeof *s->heat },
		{ &s->segments, s->nsegments * sizeof *s->segments },
		{ &s->shard[0].ghost, (size_t)s->nshards * ghosts * sizeof(uint32_t) },
		{ &s->words, (size_t)s->nsegments * ND_STORE_SEGMENT },
	};
	size_t at = 0;

	for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
		char *p = base ? base + at : NULL;
		memcpy(part[i].to, &p, sizeof p);
		at += (part[i].bytes + PAGE - 1) / PAGE * PAGE;
	}
	return at;
}

static void init_shards(struct nd_store *s, size_t success, size_t denial, uint32_t ghosts)
{
	for (uint32_t i = 0; i < s->nshards; i++) {
		struct nd_store_shard *h = &s->shard[i];
		h->fresh = s->nsegments / s->nshards * i;
		h->end = h->fresh + s->nsegments / s->nshards;
		h->room[ND_STORE_SUCCESS] = (uint32_t)((success + i) / s->nshards);
		h->room[ND_STORE_DENIAL] = (uint32_t)((denial + i) / s->nshards);
		h->free = ND_STORE_NONE;
		h->ghost = s->shard[0].ghost + (size_t)i * ghosts;
		h->ghost_mask = ghosts - 1;
		for (unsigned q = 0; q < ND_STORE_KINDS * ND_STORE_LEVELS; q++)
			h->queue[q / ND_STORE_LEVELS][q % ND_STORE_LEVELS].first = ND_STORE_NONE;
	}
}

struct nd_store *nd_store_new(size_t success, size_t denial)
{
	size_t entries = success + denial;
	uint32_t nshards = shards_for(entries), ghosts = power_of_two(entries / nshards + 1);
	struct nd_store *s = entries <= ND_STORE_ENTRIES_MAX
				     ? calloc(1, sizeof *s + nshards * sizeof *s->shard)
				     : NULL;

	if (!s)
		return NULL;
	s->nshards = nshards;
	/* One entry in twenty finds its set full, and another one leaves before its time. */
	s->nsets = ((uint32_t)entries * WAYS_PER_ENTRY / ND_STORE_WAYS + nshards) / nshards *
		   nshards;
	s->nsegments = segments_for(entries, nshards);
	s->bytes = lay_out(s, ghosts, NULL);
	s->memory = mmap(NULL, s->bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (s->memory == MAP_FAILED) {
		free(s);
		return NULL;
	}
	lay_out(s, ghosts, s->memory);
	init_shards(s, success, denial, ghosts);
	nd_random_bytes(&s->key, sizeof s->key);
	return s;
}

size_t nd_store_bytes(const struct nd_store *s)
{
	size_t n = 0;

	for (uint32_t i = 0; i < s->nshards; i++)
		n += ND_STORE_RELAXED_GET(&s->shard[i].taken);
	return n * ND_STORE_SEGMENT;
}

uint64_t nd_store_writes(const struct nd_store *s)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < s->nshards; i++)
		n += ND_STORE_RELAXED_GET(&s->shard[i].writes);
	return n;
}

void nd_store_free(struct nd_store *s)
{
	if (!s)
		return;
	nd_budget_give(ND_BUDGET_CACHE, nd_store_bytes(s));
	munmap(s->memory, s->bytes);
	free(s);
}

struct nd_store_key nd_store_key(const struct nd_store *s, struct nd_name lower, uint16_t qtype,
				 uint16_t qclass, uint8_t flags)
{
	struct nd_store_key k = { .name = lower, .qtype = qtype, .qclass = qclass, .flags = flags };
	uint64_t extra = (uint64_t)qtype | (uint64_t)qclass << 16 | (uint64_t)flags << 32;

	k.hash = nd_siphash(&s->key, extra, lower.wire, lower.len);
	return k;
}

/* --- reading --- */

enum outcome { OTHER, CHANGED, COPIED };

/* w: the way's value, which names the entry. While the way keeps that value the entry is there:
 * what is written over it is written after the way has changed. */
static inline enum outcome read_entry(const struct nd_store *s, const nd_store_word *way,
				      uint64_t w, const struct nd_store_key *key, uint64_t now_ns,
				      uint8_t *body, size_t cap, struct nd_record *record,
				      struct nd_store_hit *hit)
{
	const nd_store_word *e = &s->words[(uint32_t)w], *data = e + ND_STORE_DATA;
	struct nd_store_head *h = &hit->head;
	uint64_t first = nd_store_load(e);

	if (first & 1 || nd_store_load(way) != w)
		return CHANGED;
	nd_store_copy_out(h, e + 1, sizeof *h);
	uint64_t age = nd_store_age_s(h, now_ns);
	/* The sizes may be torn: they are checked before they are used. */
	if (!nd_store_matches(h, key) || age >= h->until_s || h->indexed > ND_STORE_INDEXED ||
	    nd_store_length(h) > nd_store_place_words(first) || h->body_len > cap ||
	    !nd_store_same_bytes(data, key->name.wire, h->name_len))
		return OTHER;
	hit->age_s = (uint32_t)age;
	data += nd_store_words(h->name_len);
	nd_store_copy_out(record, data, h->indexed * sizeof *record);
	data += nd_store_words(h->indexed * sizeof *record);
	nd_store_copy_out(body, data, h->body_len);
	return nd_store_load(e) == first && nd_store_load(way) == w ? COPIED : CHANGED;
}

static inline void count_use(struct nd_store *s, uint32_t set, unsigned way)
{
	_Atomic uint8_t *at = &s->uses[set].way[way];
	uint8_t uses = ND_STORE_RELAXED_GET(at);

	if ((uses & ND_STORE_FREQ) != ND_STORE_FREQ)
		uses++;
	else if ((uses & ND_STORE_LIFE) == ND_STORE_LIFE)
		return;
	if ((uses & ND_STORE_LIFE) != ND_STORE_LIFE)
		uses += ND_STORE_LIFE_ONE;
	ND_STORE_RELAXED_PUT(at, uses);
}

enum nd_store_found nd_store_find(struct nd_store *s, const struct nd_store_key *key,
				  uint64_t now_ns, uint8_t *body, size_t cap,
				  struct nd_record *record, struct nd_store_hit *hit)
{
	uint32_t set = nd_store_set_of(s, key->hash), tag = nd_store_tag(key->hash);
	const nd_store_word *way = s->sets[set].way;

	for (unsigned i = 0; i < ND_STORE_WAYS; i++, way++) {
		uint64_t w = nd_store_load(way);
		/* An entry that changes meanwhile is read once more. */
		for (unsigned tries = 0; tries < 2 && w >> 32 == tag; tries++) {
			enum outcome o = read_entry(s, way, w, key, now_ns, body, cap, record, hit);
			if (o == OTHER)
				break;
			if (o == COPIED) {
				hit->at = set * ND_STORE_WAYS + i;
				count_use(s, set, i);
				return hit->age_s < hit->head.ttl_s ? ND_STORE_LIVE
								    : ND_STORE_STALE;
			}
			w = nd_store_load(way);
		}
	}
	return ND_STORE_MISS;
}

/* The head of a way's entry. False: there is none, or it changes now. */
static bool peek(const struct nd_store *s, uint32_t at, struct nd_store_head *h)
{
	uint64_t w = nd_store_load(nd_store_way(s, at));
	const nd_store_word *e = &s->words[(uint32_t)w];

	if (!w)
		return false;
	uint64_t first = nd_store_load(e);
	nd_store_copy_out(h, e + 1, sizeof *h);
	return !(first & 1) && nd_store_load(e) == first && nd_store_load(nd_store_way(s, at)) == w;
}

enum nd_store_found nd_store_look(const struct nd_store *s, const struct nd_store_key *key,
				  uint64_t now_ns)
{
	uint32_t at = nd_store_set_of(s, key->hash) * ND_STORE_WAYS;

	for (uint32_t end = at + ND_STORE_WAYS; at < end; at++) {
		struct nd_store_head h;
		/* The hash counts as the name here: nothing is given to a client. */
		if (nd_store_load(nd_store_way(s, at)) >> 32 == nd_store_tag(key->hash) &&
		    peek(s, at, &h) && nd_store_matches(&h, key) && nd_store_usable(&h, now_ns))
			return nd_store_age_s(&h, now_ns) < h.ttl_s ? ND_STORE_LIVE
								    : ND_STORE_STALE;
	}
	return ND_STORE_MISS;
}

/* --- the whole table --- */

void nd_store_count(const struct nd_store *s, uint64_t now_ns, uint64_t *success, uint64_t *denial)
{
	*success = *denial = 0;
	for (uint32_t at = 0; at < s->nsets * ND_STORE_WAYS; at++) {
		struct nd_store_head h;
		if (peek(s, at, &h) && nd_store_usable(&h, now_ns))
			++*(h.kind == ND_STORE_SUCCESS ? success : denial);
	}
}

void nd_store_walk(const struct nd_store *s, uint64_t now_ns, uint8_t *scratch,
		   void (*fn)(void *ctx, const struct nd_store_entry *e), void *ctx)
{
	for (uint32_t at = 0; at < s->nsets * ND_STORE_WAYS; at++) {
		uint64_t w = nd_store_load(nd_store_way(s, at));
		const nd_store_word *e = &s->words[(uint32_t)w];
		struct nd_store_head h;
		if (!w)
			continue;
		uint64_t first = nd_store_load(e);
		size_t bytes = (size_t)nd_store_place_words(first) * 8;
		if (first & 1 || nd_store_load(nd_store_way(s, at)) != w)
			continue;
		nd_store_copy_out(scratch, e, bytes);
		if (nd_store_load(e) != first || nd_store_load(nd_store_way(s, at)) != w)
			continue;
		memcpy(&h, scratch + 8, sizeof h);
		if (!nd_store_usable(&h, now_ns))
			continue;
		const uint8_t *p = scratch + ND_STORE_DATA * 8, *name = p;
		p += nd_store_words(h.name_len) * 8;
		const struct nd_record *record = (const struct nd_record *)(const void *)p;
		p += nd_store_words(h.indexed * sizeof *record) * 8;
		fn(ctx, &(struct nd_store_entry){ &h, nd_name_view(name), record, p });
	}
}
