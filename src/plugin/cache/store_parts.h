/* SPDX-License-Identifier: Apache-2.0 */
/* store_parts.h - the table as its files see it.
 *
 * Included by store*.c and the fuzz target only. Threads: any.
 */
#pragma once

#include <stdatomic.h>
#include <string.h>
#include "base/time.h"
#include "io/clock.h"
#include "plugin/cache/store.h"

enum {
	ND_STORE_HEAD_WORDS = sizeof(struct nd_store_head) / 8,
	ND_STORE_DATA = 1 + ND_STORE_HEAD_WORDS, /* the first word is the sequence and the length */
	ND_STORE_SEGMENT_WORDS = ND_STORE_SEGMENT / 8,
	ND_STORE_ROUND = 4, /* words; so a new answer often fits into the place of the old one */
	ND_STORE_SHARDS_MAX = 8,
	ND_STORE_SHARD_ENTRIES = 4096, /* a shard for each, so that writers seldom meet */
};
#define ND_STORE_NONE UINT32_MAX

_Static_assert(sizeof(struct nd_store_head) % 8 == 0, "the head is copied by words");
_Static_assert(ND_STORE_SEGMENT_WORDS <= UINT16_MAX, "nd_store_segment");
_Static_assert(ND_STORE_SEGMENT >= 8 + sizeof(struct nd_store_head) + ND_NAME_MAX + 1 +
					   ND_STORE_INDEXED * sizeof(struct nd_record) + 8 +
					   ND_MSG_MAX + 8 * ND_STORE_ROUND,
	       "the longest answer fits");

typedef _Atomic uint64_t nd_store_word;

/* A way: tag << 32 | place. The place is a word's index in `words`. 0: empty. */
struct nd_store_set {
	nd_store_word way[ND_STORE_WAYS];
};

/* What is known of each way of a set, a byte each. */
struct nd_store_uses {
	_Atomic uint8_t way[ND_STORE_WAYS];
};
enum {
	ND_STORE_FREQ = 7,      /* uses, up to 7, less those that kept it at the queue's tail */
	ND_STORE_LIFE = 3 << 3, /* uses since it was stored, up to 3 */
	ND_STORE_LIFE_ONE = 1 << 3,
	ND_STORE_MAIN = 1 << 5, /* in the main queue */
};

/* Of a way; touched first when it is needed. */
struct nd_store_heat {
	_Atomic uint64_t hits;     /* in a row; the last one's time, ms, in the upper 48 bits */
	_Atomic uint64_t until_ns; /* it is being refreshed */
};

enum nd_store_level { ND_STORE_SMALL, ND_STORE_MAIN_QUEUE, ND_STORE_LEVELS };

/* The rest is used under the lock of its shard. */

struct nd_store_segment {
	uint32_t next;
	uint16_t used, drained; /* words: written from the start, passed by the tail */
};

struct nd_store_queue {
	uint32_t first, last; /* segments: tail and head; ND_STORE_NONE: none */
	uint32_t entries;     /* that are in a way */
	uint32_t words;       /* of these */
	uint32_t segments;
	bool closed; /* nothing more is written to `last` */
};

struct nd_store_shard {
	_Atomic uint32_t locked;
	uint32_t sequence; /* of the last write; even */
	struct nd_store_queue queue[ND_STORE_KINDS][ND_STORE_LEVELS];
	uint32_t free, nfree;   /* segments that were used */
	uint32_t fresh, end;    /* ids of those never used */
	_Atomic uint32_t taken; /* segments taken from the budget */
	_Atomic uint64_t writes;
	uint32_t room[ND_STORE_KINDS];
	uint32_t ghost_mask;
	uint32_t *ghost; /* tags of keys that left the small queues */
	char pad[64];
};

struct nd_store {
	struct nd_store_set *sets;
	struct nd_store_uses *uses;
	nd_store_word *words;
	struct nd_siphash_key key;
	uint32_t nsets, nshards; /* nshards is a power of two; set i belongs to shard i % nshards */
	struct nd_store_heat *heat;
	struct nd_store_segment *segments;
	uint32_t nsegments;
	void *memory;
	size_t bytes;
	struct nd_store_shard shard[];
};

static inline uint64_t nd_store_load(const nd_store_word *w)
{
	return atomic_load_explicit(w, memory_order_acquire);
}

static inline void nd_store_save(nd_store_word *w, uint64_t v)
{
	atomic_store_explicit(w, v, memory_order_release);
}

/* Of counters, which order nothing. */
#define ND_STORE_RELAXED_GET(at) atomic_load_explicit((at), memory_order_relaxed)
#define ND_STORE_RELAXED_PUT(at, v) atomic_store_explicit((at), (v), memory_order_relaxed)

static inline size_t nd_store_words(size_t bytes)
{
	return (bytes + 7) / 8;
}

static inline void nd_store_copy_word(uint8_t *to, const nd_store_word *from)
{
	uint64_t v = nd_store_load(from);

	memcpy(to, &v, 8);
}

/* The last bytes of what is copied, fewer than a word. */
static inline void nd_store_copy_rest(uint8_t *to, const nd_store_word *from, size_t bytes)
{
	uint64_t v = nd_store_load(from);

	if (bytes & 4) {
		memcpy(to, &v, 4);
		to += 4;
		v >>= 32;
	}
	for (; bytes & 3; bytes--, v >>= 8)
		*to++ = (uint8_t)v;
}

/* By four words: compilers do not unroll loops of atomic loads. */
static inline void nd_store_copy_out(void *to, const nd_store_word *from, size_t bytes)
{
	uint8_t *p = to;

	for (; bytes >= 32; bytes -= 32, p += 32, from += 4) {
		nd_store_copy_word(p, from);
		nd_store_copy_word(p + 8, from + 1);
		nd_store_copy_word(p + 16, from + 2);
		nd_store_copy_word(p + 24, from + 3);
	}
	for (; bytes >= 8; bytes -= 8, p += 8)
		nd_store_copy_word(p, from++);
	if (bytes)
		nd_store_copy_rest(p, from, bytes);
}

static inline uint32_t nd_store_tag(uint64_t hash)
{
	return (uint32_t)hash | 1;
}

static inline uint32_t nd_store_set_of(const struct nd_store *s, uint64_t hash)
{
	return (uint32_t)((hash >> 32) * s->nsets >> 32);
}

/* In whole seconds, as CoreDNS counts. */
static inline uint64_t nd_store_age_s(const struct nd_store_head *h, uint64_t now_ns)
{
	return now_ns < h->stored_ns ? 0 : (now_ns - h->stored_ns) / ND_NS_PER_S;
}

static inline bool nd_store_usable(const struct nd_store_head *h, uint64_t now_ns)
{
	return nd_store_age_s(h, now_ns) < h->until_s;
}

static inline bool nd_store_matches(const struct nd_store_head *h, const struct nd_store_key *k)
{
	return h->hash == k->hash && h->qtype == k->qtype && h->qclass == k->qclass &&
	       h->key_flags == k->flags && h->name_len == k->name.len;
}

static inline bool nd_store_same_bytes(const nd_store_word *stored, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	uint64_t v;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&v, p, 8);
		if (nd_store_load(stored++) != v)
			return false;
	}
	if (n == 0)
		return true;
	v = nd_store_load(stored);
	for (; n; n--, v >>= 8)
		if (*p++ != (uint8_t)v)
			return false;
	return true;
}

/* By the index of a way. */
static inline nd_store_word *nd_store_way(const struct nd_store *s, uint32_t at)
{
	return &s->sets[at / ND_STORE_WAYS].way[at % ND_STORE_WAYS];
}

static inline uint8_t nd_store_uses_at(const struct nd_store *s, uint32_t at)
{
	return ND_STORE_RELAXED_GET(&s->uses[at / ND_STORE_WAYS].way[at % ND_STORE_WAYS]);
}

static inline void nd_store_set_uses(struct nd_store *s, uint32_t at, uint8_t uses)
{
	ND_STORE_RELAXED_PUT(&s->uses[at / ND_STORE_WAYS].way[at % ND_STORE_WAYS], uses);
}

/* Words of the entry: the first one, head, name, index, body. */
static inline size_t nd_store_length(const struct nd_store_head *h)
{
	return ND_STORE_DATA + nd_store_words(h->name_len) +
	       nd_store_words(h->indexed * sizeof(struct nd_record)) + nd_store_words(h->body_len);
}

/* The first word: words of the place << 32 | sequence. */
static inline uint32_t nd_store_place_words(uint64_t first)
{
	return (uint32_t)(first >> 32);
}

/* store_heat.c: another key's entry begins. */
void nd_store_cool(struct nd_store *s, uint32_t at);

/* --- store_queue.c: the writer's side; under the shard's lock --- */

struct nd_store_writer {
	struct nd_store *s;
	struct nd_store_shard *shard;
	uint64_t now_ns;
	struct nd_store_evicted *evicted;
};

/* A place of this many words at the queue's head. ND_STORE_NONE: there is no room. Evicts what it
 * must, and one entry more if `one_more` would exceed the room for entries. */
uint32_t nd_store_make_place(struct nd_store_writer *w, enum nd_store_kind kind,
			     enum nd_store_level level, uint32_t words, bool one_more);
/* The kind that makes room for an entry of this one. */
enum nd_store_kind nd_store_victim(const struct nd_store_shard *h, enum nd_store_kind kind);
/* The entry of a way leaves its queue. The caller then changes the way. */
void nd_store_leave(struct nd_store_writer *w, uint32_t at, bool evicted);
/* Drains a little if more than half of the words in use are of entries that left. */
void nd_store_tidy(struct nd_store_writer *w);
/* True: the key left a small queue lately. It is forgotten. */
bool nd_store_take_ghost(struct nd_store_shard *h, uint64_t hash);
