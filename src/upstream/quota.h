/* SPDX-License-Identifier: Apache-2.0 */
/* quota.h - how many packets more than one per question a server gets.
 *
 * A timer that follows the response time is short, so a server that is slow or gone would get each
 * question many times. All packets after the first one of a question (sent again to the same
 * server, or sent to this one because another one is slow) may be one for each ND_QUOTA_QUESTIONS
 * questions of the last second, and ND_QUOTA_FEW more.
 *
 * Owns:    nothing; a plain value.
 * Threads: the owner's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	ND_QUOTA_QUESTIONS = 10,
	ND_QUOTA_FEW = 8,   /* one for each UDP socket */
	ND_QUOTA_PARTS = 8, /* of a second: the window moves by one of these */
};

struct nd_quota {
	uint64_t part; /* number of the current part since the start of time */
	struct nd_quota_part {
		uint32_t asked, spent;
	} parts[ND_QUOTA_PARTS], sum;
};

/* A question was sent for the first time. */
void nd_quota_ask(struct nd_quota *q, uint64_t now_ns);
/* May another packet be sent? It then counts. first: it is the first one more of its question; the
 * others get half of the quota, so that slow names leave some for lost packets and dead flows. */
bool nd_quota_take(struct nd_quota *q, bool first, uint64_t now_ns);
