/* SPDX-License-Identifier: Apache-2.0 */
/* store.h - the table of packet-ready answers: fixed size, set-associative, read without a lock.
 *
 * Layout (one mapping without pointers, so that it can become a file shared with a successor):
 *   struct header | sets[nsets] | entries[nsets * 16]
 *   set:   16 tags of 32 bits, one cache line (0: empty way); 16 use counters; the clock's hand
 *   entry: ND_STORE_ENTRY bytes: word 0 = sequence and owner, then nd_store_head, then
 *          the name (lower case, padded to 8), the index (nd_record, padded), the body
 *
 * Reading: a seqlock. If the sequence is even before the copy and unchanged after it, the copy is
 * consistent, and it is already the reply. An odd or changed sequence is a miss.
 * Writing: the writer that makes an even sequence odd owns the entry; a second writer gives up. A
 * writer that dies leaves the sequence odd, with its owner in the same word.
 * All words are read with acquire and written with release atomics (plain moves on x86): no torn
 * words, no data races.
 * Owns:    the mapping.
 * Threads: any.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/siphash.h"
#include "core/answer.h"

enum {
	ND_STORE_WAYS = 16,
	ND_STORE_ENTRY = 1536,
	ND_STORE_INDEXED = 8, /* records in the index; with more, the body is walked */
	ND_STORE_MAGIC = 0x6e64737431,
	ND_STORE_ENTRIES_MAX = 1 << 24,
};

enum nd_store_kind { ND_STORE_SUCCESS, ND_STORE_DENIAL, ND_STORE_KINDS };

struct nd_store_head {
	uint64_t hash;
	uint64_t view;      /* the fingerprint of the block's configuration */
	uint64_t stored_ns; /* CLOCK_BOOTTIME */
	uint32_t ttl_s;     /* of every record, when stored */
	/* Ages: live before ttl_s, stale before until_s; hits from refresh_s on may need a newer
	 * answer. */
	uint32_t until_s, refresh_s;
	uint16_t qtype, qclass;
	uint16_t rcode, flags; /* AA AD RA TC */
	uint16_t body_len;
	uint16_t body;     /* offset of the body in the reply: the end of the question */
	uint16_t count[3]; /* records by section */
	uint16_t n;        /* records in all */
	uint8_t name_len, key_flags, kind, indexed;
	uint32_t checksum; /* of name, index and body: for a process that adopts the table */
};

struct nd_store_key {
	uint64_t hash;
	struct nd_name name; /* lower case */
	uint16_t qtype, qclass;
	uint8_t flags; /* ND_STORE_DO, ... */
};
enum {
	ND_STORE_DO = 1,
	ND_STORE_CD = 2,
	ND_STORE_HOP = 4,   /* asked with options of one hop (variant.h) */
	ND_STORE_OTHER = 8, /* `prefer_positive`: not an answer to the question */
};

enum nd_store_found { ND_STORE_MISS, ND_STORE_LIVE, ND_STORE_STALE };

struct nd_store_hit {
	struct nd_store_head head;
	uint32_t age_s;
	uint32_t at; /* the entry, for the functions below */
};

struct nd_store;

/* success + denial: the most answers kept (rounded up to whole sets). In a full set neither kind
 * takes the share of the other. NULL when memory is out. An entry is taken from ND_BUDGET_CACHE
 * when it is first written; without room one of its set is evicted instead. */
struct nd_store *nd_store_new(size_t success, size_t denial, uint64_t view);
void nd_store_free(struct nd_store *s);

struct nd_store_key nd_store_key(const struct nd_store *s, struct nd_name lower, uint16_t qtype,
				 uint16_t qclass, uint8_t flags);

/* With an answer: its body is copied to `body` (cap bytes), its index to `record` (at least
 * ND_STORE_INDEXED elements), and *hit is set. */
enum nd_store_found nd_store_find(struct nd_store *s, const struct nd_store_key *key,
				  uint64_t now_ns, uint8_t *body, size_t cap,
				  struct nd_record *record, struct nd_store_hit *hit);
/* The same without the answer; not a use of it. */
enum nd_store_found nd_store_look(const struct nd_store *s, const struct nd_store_key *key,
				  uint64_t now_ns);

enum nd_store_put {
	ND_STORE_KEPT,
	ND_STORE_EVICTED_SUCCESS,
	ND_STORE_EVICTED_DENIAL,
	ND_STORE_REFUSED
};

/* Stores an answer. head: the caller sets rcode, flags, kind, ttl_s, body and counts. REFUSED: too
 * large, no budget for the set's first entry, or another writer has the entry. */
enum nd_store_put nd_store_put(struct nd_store *s, uint32_t owner, const struct nd_store_key *key,
			       const struct nd_store_head *head, const struct nd_record *record,
			       const uint8_t *body, uint64_t now_ns);

/* Removes the answer, if there is one and no other writer has it. */
void nd_store_remove(struct nd_store *s, uint32_t owner, const struct nd_store_key *key);

/* --- store_heat.c: what is known of an entry's uses --- */

/* By the entry's index. An entry that was replaced meanwhile loses nothing but exactness. */

/* Uses since it was stored, up to 3. */
unsigned nd_store_uses(const struct nd_store *s, uint32_t at);
/* Counts a hit; those in a row with less than gap_ns between them, up to 65,535. */
uint32_t nd_store_count_hit(struct nd_store *s, uint32_t at, uint64_t now_ns, uint64_t gap_ns);
/* Marks the entry as being refreshed, for at most for_ns. False: it is marked. One caller wins. */
bool nd_store_begin_refresh(struct nd_store *s, uint32_t at, uint64_t now_ns, uint64_t for_ns);
/* Ends the mark, or sets its end. */
void nd_store_end_refresh(struct nd_store *s, uint32_t at, uint64_t until_ns);

/* Counts entries that are not older than until_s, by kind. Walks the whole table. */
void nd_store_count(const struct nd_store *s, uint64_t now_ns, uint64_t *success, uint64_t *denial);
