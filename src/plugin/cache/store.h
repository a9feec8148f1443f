/* SPDX-License-Identifier: Apache-2.0 */
/* store.h - the table of packet-ready answers, read without a lock.
 *
 * Layout:  sets of 8 ways, each with a tag and the place of an entry; and entries of any size, one
 *          after another in segments. A segment belongs to a queue, at whose head entries are
 *          written; entries that are not evicted at its tail move on to a head.
 * Which:   S3-FIFO (Yang et al., SOSP 2023), for each kind of answer: a small queue for new
 *          entries, a main one for those that were used in it, and a table of the keys that left
 *          the small queue (`ghost`) and go to the main queue when they come back. Names that are
 *          asked for once therefore evict no others.
 * Reading: a way names an entry, which begins with a sequence number: odd while it is written. If
 *          both are the same after the copy as before, the copy is whole, and already the reply.
 *          Otherwise it is a miss.
 * Writing: one writer at a time per shard. Another one tries for a moment, and then gives up.
 * Data races: there are none. Words are read with acquire and written with release atomics, which
 *          are plain moves on x86.
 * Owns:    the memory.
 * Threads: any.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/siphash.h"
#include "core/answer.h"

enum {
	ND_STORE_WAYS = 8,
	ND_STORE_INDEXED = 8,         /* records in the index; with more, the body is walked */
	ND_STORE_SEGMENT = 68 * 1024, /* bytes: the longest entry fits */
	ND_STORE_ENTRY = 1536,        /* bytes: of an entry on average, at most */
	ND_STORE_ENTRIES_MAX = 1 << 24,
};

enum nd_store_kind { ND_STORE_SUCCESS, ND_STORE_DENIAL, ND_STORE_KINDS };

struct nd_store_head {
	uint64_t hash;
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
	uint32_t at; /* the way, for the functions of store_heat.c */
};

struct nd_store;

/* Room for this many answers of each kind. One takes the room that the other does not use, and
 * gives it back when that needs it. In all they take ND_STORE_ENTRY bytes per answer at most.
 * NULL when memory is out. Segments are taken from ND_BUDGET_CACHE when they are first written;
 * without room entries are evicted instead. */
struct nd_store *nd_store_new(size_t success, size_t denial);
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

/* Of a put: usable entries that were evicted, by kind. */
struct nd_store_evicted {
	uint32_t n[ND_STORE_KINDS];
};

/* Stores an answer, in place of the one with this key. head: the caller sets rcode, flags, kind,
 * the times, body and counts; stored_ns is now_ns if it is 0. False: it is not stored, because it
 * is too long, memory is out, or others write; one with this key may have been removed. */
bool nd_store_put(struct nd_store *s, const struct nd_store_key *key,
		  const struct nd_store_head *head, const struct nd_record *record,
		  const uint8_t *body, uint64_t now_ns, struct nd_store_evicted *evicted);
/* Removes the answer, if there is one. False: it is still there, because others write. */
bool nd_store_remove(struct nd_store *s, const struct nd_store_key *key);

/* --- store_heat.c: what is known of an entry's uses --- */

/* By the way. An entry that was replaced meanwhile loses nothing but exactness. */

/* Uses since it was stored, up to 3. */
unsigned nd_store_uses(const struct nd_store *s, uint32_t at);
/* Counts a hit; those in a row with less than gap_ns between them, up to 65,535. */
uint32_t nd_store_count_hit(struct nd_store *s, uint32_t at, uint64_t now_ns, uint64_t gap_ns);
/* Marks the entry as being refreshed, for at most for_ns. False: it is marked. One caller wins. */
bool nd_store_begin_refresh(struct nd_store *s, uint32_t at, uint64_t now_ns, uint64_t for_ns);
/* Ends the mark, or sets its end. */
void nd_store_end_refresh(struct nd_store *s, uint32_t at, uint64_t until_ns);

/* Counts usable entries by kind. Walks the whole table. */
void nd_store_count(const struct nd_store *s, uint64_t now_ns, uint64_t *success, uint64_t *denial);
/* Bytes of the segments in use; puts and removals so far. */
size_t nd_store_bytes(const struct nd_store *s);
uint64_t nd_store_writes(const struct nd_store *s);

/* Calls fn with each usable entry, a copy: head, name, index and body. The order is any. scratch:
 * ND_STORE_SEGMENT bytes. */
struct nd_store_entry {
	const struct nd_store_head *head;
	struct nd_name name;
	const struct nd_record *record; /* head->indexed of them */
	const uint8_t *body;
};
void nd_store_walk(const struct nd_store *s, uint64_t now_ns, uint8_t *scratch,
		   void (*fn)(void *ctx, const struct nd_store_entry *e), void *ctx);
