/* SPDX-License-Identifier: Apache-2.0 */
/* question.h - one question as it goes over the wire, and what came for it.
 *
 * Owns:    all by value; asking again keeps the bytes.
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
	uint8_t bytes[ND_QUESTION_BYTES]; /* the length as TCP wants it, then the message */
	size_t len;                       /* of the message */
	/* What came; nothing of it holds while !answered. */
	bool answered, truncated;
	bool lame; /* neither an answer nor a server that would find one */
	uint16_t rcode;
	unsigned records; /* of the type asked */
};

struct nd_question_options {
	uint16_t edns_bytes; /* 0: no OPT record */
	bool ad;             /* the AD bit (trust-ad) */
};

/* A question with an id of its own, unanswered. 0 or ND_ELIMIT. */
int nd_question_init(struct nd_question *q, struct nd_name name, uint16_t type,
		     struct nd_question_options o);
/* Unanswered again; under a new id, if it may not be taken for the earlier one. */
void nd_question_reset(struct nd_question *q, bool new_id);
/* Is this message the response to it (id, name, type, class; RFC 5452 s9)? Then it is answered. */
bool nd_question_answer(struct nd_question *q, const void *bytes, size_t n);
