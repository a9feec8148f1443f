/* SPDX-License-Identifier: Apache-2.0 */
/* question.h - one query message and the result of its response.
 *
 * Owns:    everything by value; the message is kept for retries.
 * Threads: one at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "wire/name.h"

enum { ND_QUESTION_BYTES = 2 + 12 + ND_NAME_MAX + 4 + 11 };

struct nd_question {
	uint16_t type, id;
	struct nd_name_buf name_buf;
	uint8_t bytes[ND_QUESTION_BYTES]; /* the length prefix of TCP, then the message */
	size_t len;                       /* of the message */
	/* The response; valid only if answered. */
	bool answered, truncated;
	bool lame; /* an invalid referral */
	uint16_t rcode;
	unsigned records; /* answers of the requested type */
};

struct nd_question_options {
	uint16_t edns_bytes; /* 0: no OPT record */
	bool ad;             /* the AD bit (trust-ad) */
};

/* Builds a query with a new ID, unanswered. 0 or ND_ELIMIT. */
int nd_question_init(struct nd_question *q, struct nd_name name, uint16_t type,
		     struct nd_question_options o);
/* Marks it unanswered; with a new ID if responses to the earlier query must not match. */
void nd_question_reset(struct nd_question *q, bool new_id);
/* Whether this message is the response (ID, name, type, class; RFC 5452 s9); takes it if so. */
bool nd_question_answer(struct nd_question *q, const void *bytes, size_t n);
