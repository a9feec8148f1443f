/* SPDX-License-Identifier: Apache-2.0 */
/* answer.h - the reply being written: wire bytes first, and a small index of its records.
 *
 * Layout: header (12 octets), the question as the client wrote it, then records in section order.
 * The part behind the question is the *body*: its compression points only to offset 12 or into
 * itself, so a body fits any question for the same name (cache), whatever the letters.
 * OPT is no part of it: nd_answer_finish() adds it.
 *
 * Owns:    nothing; bytes and index lie in the worker's buffers while the query runs, and are
 *          carried along by core when it is parked.
 * Threads: the query's worker.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "wire/rr.h"
#include "wire/writer.h"

struct nd_query;

struct nd_record {
	uint16_t owner; /* offset of the owner name */
	uint16_t type;
	uint16_t ttl_at; /* offset of the TTL; type and class stand before it, RDLENGTH behind it */
	uint16_t rdata;  /* offset */
	uint16_t rdata_len;
	uint8_t section; /* enum nd_section */
};

struct nd_answer {
	struct nd_writer w;       /* over the reply */
	struct nd_record *record; /* n of them, in wire order; sections ascend */
	uint16_t n, max;
	uint16_t body;        /* offset behind the question */
	uint16_t count[3];    /* records by section */
	uint16_t flags;       /* AA, RA, AD, TC (ND_FLAG_*) as the answerer set them */
	uint16_t ede;         /* extended error (RFC 8914) + 1; 0: none */
	const char *ede_text; /* query's or static memory; NULL: none */
	/* An OPT that came with the answer (forward): its options are kept. CoreDNS passes them on.
	 */
	const uint8_t *opt_options; /* query's memory */
	uint16_t opt_options_len, opt_size, opt_flags;
	bool opt;
};

/* Empty again: header and question stay, records, flags and EDE go. */
void nd_answer_reset(struct nd_query *q);

/* A record owned by the question's name, class the question's. rdata uncompressed. 0 or ND_ELIMIT
 * (then nothing is written). Sections must not go back. */
int nd_answer_add(struct nd_query *q, enum nd_section section, uint16_t type, uint32_t ttl,
		  const void *rdata, size_t n);
/* Any owner, any class. */
int nd_answer_rr(struct nd_query *q, enum nd_section section, struct nd_name owner, uint16_t type,
		 uint16_t class, uint32_t ttl, const void *rdata, size_t n);

/* Any owner, class IN, and rdata that stands as it is: pointers in it lead into this message, to
 * offset 12 and behind. */
int nd_answer_as_is(struct nd_query *q, enum nd_section section, struct nd_name owner,
		    uint16_t type, uint32_t ttl, const void *rdata, size_t n);

/* Addresses of one name in the answer section, class IN. */
struct nd_answer_set {
	struct nd_query *q;
	struct nd_name owner;
	uint32_t ttl;
	uint16_t type; /* A or AAAA */
	uint8_t size;  /* octets of such an address */
};

/* n more of them, `stride` octets from one to the next: what they share is made once. 0 or
 * ND_ELIMIT (what fits is written). */
int nd_answer_set_add(const struct nd_answer_set *s, const uint8_t *address, size_t stride,
		      size_t n);

/* An extended error (RFC 8914). As with CoreDNS an OPT then goes out even if the client sent none:
 * size 4096, DO. text: query's or static memory, or NULL. */
void nd_answer_set_ede(struct nd_query *q, uint16_t code, const char *text);

/* A finished body with its index, as a cache keeps it: bytes as they stood behind the question of
 * the same name. n records, offsets from the message start. 0 or ND_ELIMIT. */
int nd_answer_body(struct nd_query *q, const void *body, size_t body_len,
		   const struct nd_record *record, size_t n);

/* Everything of a response message but its OPT: records, rcode, AA RA AD (q->rcode and flags are
 * set). Copies the body as it is where pointers allow, else writes it anew. The message must answer
 * q's question. 0, ND_EFORMAT, ND_ELIMIT. */
int nd_answer_message(struct nd_query *q, const struct nd_msg *m);
/* Records of one section of another finished answer (a sub-query's), names expanded and written
 * anew. */
int nd_answer_append(struct nd_query *q, enum nd_section to, const struct nd_query *from,
		     enum nd_section section);

/* Another's whole answer behind what q has: records, rcode, flags, OPT, extended error, and why it
 * failed. 0 or ND_ELIMIT: not all of it fits. */
int nd_answer_take(struct nd_query *q, const struct nd_query *from);

static inline uint32_t nd_answer_ttl(const struct nd_answer *a, const struct nd_record *r)
{
	return nd_reader_peek32(a->w.base + r->ttl_at);
}

static inline void nd_answer_set_ttl(struct nd_answer *a, const struct nd_record *r, uint32_t ttl)
{
	nd_writer_put32(a->w.base + r->ttl_at, ttl);
}

/* Makes it final: OPT if the client sent one (RFC 6891: the client's size and DO come back, as
 * CoreDNS does; EDE where set), whole records cut off and TC set when over the client's limit,
 * counts and flags in the header. Called by core once, after the way back. */
void nd_answer_finish(struct nd_query *q);
