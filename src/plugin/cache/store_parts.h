/* SPDX-License-Identifier: Apache-2.0 */
/* store_parts.h - the table as store.c (reading) and store_write.c see it.
 *
 * Included by these two and the fuzz target only. Threads: any.
 */
#pragma once

#include <stdatomic.h>
#include <string.h>
#include "base/time.h"
#include "io/clock.h"
#include "plugin/cache/store.h"

enum {
	ND_STORE_WORDS = ND_STORE_ENTRY / 8,
	ND_STORE_HEAD_WORDS = sizeof(struct nd_store_head) / 8,
	ND_STORE_DATA = 1 + ND_STORE_HEAD_WORDS
};

_Static_assert(sizeof(struct nd_store_head) % 8 == 0, "the head is copied by words");

typedef _Atomic uint64_t nd_store_word;

struct nd_store_set {
	_Atomic uint32_t tag[ND_STORE_WAYS];
	_Atomic uint8_t uses[ND_STORE_WAYS]; /* 0..3: hits since the clock's hand passed */
	_Atomic uint8_t hand;
	uint8_t spare[47];
};

struct nd_store_header {
	uint64_t magic, view, entry_bytes;
	uint64_t nsets;
	struct nd_siphash_key key;
};

/* Of an entry; touched first when it is needed. */
struct nd_store_heat {
	_Atomic uint64_t hits;     /* in a row; the last one's time, ms, in the upper 48 bits */
	_Atomic uint64_t until_ns; /* it is being refreshed */
};

struct nd_store {
	struct nd_store_header *header;
	struct nd_store_set *sets;
	nd_store_word (*entries)[ND_STORE_WORDS];
	struct nd_store_heat *heat; /* per entry */
	uint32_t nsets;
	struct nd_siphash_key key;
	uint64_t view;
	size_t bytes;
	uint8_t share[ND_STORE_KINDS];    /* ways of a set; together all */
	_Atomic uint32_t entries_written; /* taken from the budget */
};

static inline uint64_t nd_store_load(const nd_store_word *w)
{
	return atomic_load_explicit(w, memory_order_acquire);
}

static inline void nd_store_save(nd_store_word *w, uint64_t v)
{
	atomic_store_explicit(w, v, memory_order_release);
}

/* Of tags, use counters and the hand, which order nothing. */
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

static inline bool nd_store_matches(const struct nd_store *s, const struct nd_store_head *h,
				    const struct nd_store_key *k)
{
	return h->hash == k->hash && h->qtype == k->qtype && h->qclass == k->qclass &&
	       h->key_flags == k->flags && h->name_len == k->name.len && h->view == s->view;
}

/* Checks the sizes in the head before they are used to copy. */
static inline bool nd_store_fits(const struct nd_store_head *h)
{
	size_t words = nd_store_words(h->name_len) +
		       nd_store_words(h->indexed * sizeof(struct nd_record)) +
		       nd_store_words(h->body_len);
	return h->indexed <= ND_STORE_INDEXED && ND_STORE_DATA + words <= ND_STORE_WORDS;
}

static inline bool nd_store_peek(const nd_store_word *e, struct nd_store_head *h)
{
	uint64_t seq = nd_store_load(&e[0]);

	nd_store_copy_out(h, e + 1, sizeof *h);
	return !(seq & 1) && nd_store_load(&e[0]) == seq;
}

/* store_heat.c: another key's entry begins. */
void nd_store_cool(struct nd_store *s, uint32_t at);
