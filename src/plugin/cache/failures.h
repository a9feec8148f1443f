/* SPDX-License-Identifier: Apache-2.0 */
/* failures.h - questions that failed lately: a small table of fixed size, read without a lock.
 *
 * A failure takes 16 bytes here, not a slot of the store, so that a flood of failing names neither
 * evicts answers nor takes memory. It has no records: those of a SERVFAIL are not kept.
 *
 * Entry:   two words. `what` is the expiry in ms, then the flags and the rcode; the other one is
 *          the keyed hash of the question XOR `what`, so that a reader sees a torn pair as another
 *          question. Two questions with one 64-bit SipHash count as equal.
 * Owns:    itself, on the heap.
 * Threads: any.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { ND_FAILURES_BYTES = 64 * 1024, ND_FAILURES_WAYS = 4 };

struct nd_failures;

struct nd_failure {
	uint16_t rcode, flags; /* SERVFAIL or NOTIMP; AA AD RA */
};

/* NULL when memory is out. Freed with free(). */
struct nd_failures *nd_failures_new(void);
bool nd_failures_find(const struct nd_failures *t, uint64_t hash, uint64_t now_ns,
		      struct nd_failure *out);
/* Replaces an equal or an expired one, else the one that expires first. True: that one was still
 * live. */
bool nd_failures_put(struct nd_failures *t, uint64_t hash, uint64_t now_ns, uint32_t ttl_s,
		     struct nd_failure f);
/* Those that have not expired. */
uint64_t nd_failures_count(const struct nd_failures *t, uint64_t now_ns);
