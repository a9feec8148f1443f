/* SPDX-License-Identifier: Apache-2.0 */
/* answer.h - the reply being written: its bytes on the wire, and an index of its records.
 *
 * Layout:  header (12 bytes), the question as the client wrote it, then records in section order.
 *          The part after the question is the body: its compression pointers lead only to offset
 *          12 or into the body, so it fits any question for the same name, whatever the letter
 *          case (cache). The OPT is not part of it; nd_answer_finish() adds that.
 * Owns:    nothing; bytes and index are in the worker's buffers while the query runs. Core copies
 *          them when it is parked.
 * Threads: the query's worker.
 * Errors:  0 or ND_ELIMIT (no room for bytes or records) unless stated otherwise.
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
	uint16_t ttl_at; /* offset of the TTL; type and class come before it, RDLENGTH after it */
	uint16_t rdata;  /* offset */
	uint16_t rdata_len;
	uint8_t section; /* enum nd_section */
};

struct nd_answer {
	struct nd_writer w;       /* over the reply */
	struct nd_record *record; /* n of them, in wire order; sections ascend */
	uint16_t n, max;
	uint16_t body;     /* offset after the question */
	uint16_t count[3]; /* records by section */
	uint16_t flags;    /* AA, RA, AD, TC (ND_FLAG_*), set by the plugin that answers; RD of an
			    * upstream's reply, in addition to the client's */
	uint16_t ede;      /* extended DNS error (RFC 8914) + 1; 0: none */
	const char *ede_text; /* query's or static memory; NULL: none */
	/* The OPT of an upstream's reply (forward). CoreDNS passes its options on. */
	const uint8_t *opt_options; /* query's memory */
	uint16_t opt_options_len, opt_size, opt_flags;
	bool opt;
	bool open; /* the output of its level is this query's; see nd_worker_output() */
};

/* All that write to an answer need it open: its query runs, and no other writes at its level. */

/* Removes records, flags and EDE; header and question remain. */
void nd_answer_reset(struct nd_query *q);

/* Keeps the first n records only. */
void nd_answer_cut(struct nd_query *q, unsigned n);

/* Adds a record with the question's name and class. rdata is uncompressed. ND_ELIMIT: nothing is
 * written. Sections must be written in order. */
int nd_answer_add(struct nd_query *q, enum nd_section section, uint16_t type, uint32_t ttl,
		  const void *rdata, size_t n);
/* The same with any owner and class. */
int nd_answer_rr(struct nd_query *q, enum nd_section section, struct nd_name owner, uint16_t type,
		 uint16_t class, uint32_t ttl, const void *rdata, size_t n);

/* The same with any owner, class IN, and rdata that is copied unchanged: compression pointers in it
 * lead into this message, to offset 12 or later. */
int nd_answer_as_is(struct nd_query *q, enum nd_section section, struct nd_name owner,
		    uint16_t type, uint32_t ttl, const void *rdata, size_t n);

/* Addresses of one name in the answer section, class IN. */
struct nd_answer_set {
	struct nd_query *q;
	struct nd_name owner;
	uint32_t ttl;
	uint16_t type; /* A or AAAA */
	uint8_t size;  /* bytes of an address: 4 or 16 */
};

/* Adds n addresses, `stride` bytes apart; the fixed part of their records is made once. ND_ELIMIT:
 * those that fit are written. */
int nd_answer_set_add(const struct nd_answer_set *s, const uint8_t *address, size_t stride,
		      size_t n);

/* Sets the extended DNS error (RFC 8914). As with CoreDNS the reply then has an OPT even if the
 * client sent none: size 4096, DO. text: query's or static memory, or NULL. */
void nd_answer_set_ede(struct nd_query *q, uint16_t code, const char *text);

/* Sets a complete body with its index, as a cache keeps it, for the same question name. The n
 * records have offsets from the message start. ND_ELIMIT: nothing is written. */
int nd_answer_body(struct nd_query *q, const void *body, size_t body_len,
		   const struct nd_record *record, size_t n);

/* Takes over a response to q's question: records, rcode, flags, OPT options. m was read by
 * nd_msg_parse_response(), so its records are valid. The body is copied as a whole if its
 * compression pointers remain valid, else record by record. 0, ND_EFORMAT or ND_ELIMIT; on an
 * error the answer is empty. */
int nd_answer_message(struct nd_query *q, const struct nd_msg *m);
/* The index of a response whose body can be copied as a whole, after a question of the same
 * length: its compression pointers lead only to names, and an OPT comes last. a->record has room
 * for a->max records; a->body is the end of the question; it is open; n and the counts are 0. *end:
 * the end of the body, without the OPT. 0, ND_EFORMAT or ND_ELIMIT. m as for nd_answer_message().
 * On any thread. */
int nd_answer_index(struct nd_answer *a, const struct nd_msg *m, size_t *end);
/* Appends one record of another query's complete answer. */
int nd_answer_copy(struct nd_query *q, enum nd_section to, const struct nd_query *from,
		   const struct nd_record *r);
/* Appends the records of one section of another query's complete answer. */
int nd_answer_append(struct nd_query *q, enum nd_section to, const struct nd_query *from,
		     enum nd_section section);
/* Appends the answer section of a sub-query; TC is set if that was truncated or does not fit. */
void nd_answer_append_cut(struct nd_query *q, enum nd_section to, const struct nd_query *from);

/* Takes over the OPT of another answer, with its options, and the EDE. */
void nd_answer_take_opt(struct nd_query *q, const struct nd_answer *from);
/* Appends all records of another query's complete answer, and takes over its rcode, flags, OPT, EDE
 * and error. ND_ELIMIT: not all of it fits. */
int nd_answer_take(struct nd_query *q, const struct nd_query *from);

/* The owner of a record, in its letter case. 0 or ND_EFORMAT. */
int nd_answer_owner(const struct nd_answer *a, const struct nd_record *r, struct nd_name_buf *buf,
		    struct nd_name *out);

static inline uint16_t nd_answer_class(const struct nd_answer *a, const struct nd_record *r)
{
	return nd_reader_peek16(a->w.base + r->ttl_at - 2);
}

static inline uint32_t nd_answer_ttl(const struct nd_answer *a, const struct nd_record *r)
{
	return nd_reader_peek32(a->w.base + r->ttl_at);
}

static inline void nd_answer_set_ttl(struct nd_answer *a, const struct nd_record *r, uint32_t ttl)
{
	nd_writer_put32(a->w.base + r->ttl_at, ttl);
}

/* Completes the reply: removes whole records and sets TC if it exceeds the client's limit, adds the
 * OPT if the client sent one (with the client's size and DO, as CoreDNS does) and the EDE, writes
 * the header. Called by core once per message, after the way back. */
void nd_answer_finish(struct nd_query *q);
