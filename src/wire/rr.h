/* SPDX-License-Identifier: Apache-2.0 */
/* rr.h - the records of a message, and checks of them. Pure.
 *
 * Owns:    nothing. An iterator borrows the message.
 * Errors:  0 or a negative ND_E*; sticky in an iterator.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "wire/msg.h"

enum nd_section { ND_SECTION_ANSWER, ND_SECTION_AUTHORITY, ND_SECTION_ADDITIONAL };

struct nd_rr {
	enum nd_section section;
	uint16_t owner; /* offset of the owner name, which may be compressed */
	uint16_t type, class;
	uint32_t ttl;
	uint16_t ttl_at; /* offset of the TTL */
	uint16_t rdata;  /* offset of the rdata */
	uint16_t rdata_len;
	uint16_t end; /* offset after the record */
};

struct nd_rr_iter {
	struct nd_reader r;
	uint16_t left[3];
	enum nd_section section;
	int err; /* the reason for an early end; 0 at the real end */
};

/* Iterates over the records of m in the order of the message. */
struct nd_rr_iter nd_rr_iter_over(const struct nd_msg *m);
/* The next record, OPT included. False at the end (of the counts or of the message), or at an
 * incomplete or malformed record, with iter->err. */
bool nd_rr_next(struct nd_rr_iter *iter, struct nd_rr *rr);

/* Copies the rdata at [rdata, rdata+len) of a message to out with its names expanded, case
 * preserved. Returns the length, or ND_ETRUNC, ND_EFORMAT, ND_ELIMIT. */
int nd_rr_expand_rdata(const uint8_t *base, size_t msg_len, uint16_t rdata, uint16_t len,
		       uint16_t type, uint8_t *out, size_t cap);
/* The same without output. Also checks the types without names that miekg/dns knows, and the
 * parts of rdata that an expansion only copies (bitmaps, service parameters). */
int nd_rr_check_rdata(const uint8_t *base, size_t msg_len, uint16_t rdata, uint16_t len,
		      uint16_t type);
/* Is a record of a reply well-formed? Checks its owner and its rdata; an OPT must be in the
 * additional section (RFC 6891 s6.1.1) with valid options. An empty TXT is accepted. 0; ND_ETRUNC:
 * a part extends past the end of the rdata or of the message; ND_EFORMAT.
 * miekg/dns accepts some records that this function refuses: rdata that is empty or ends between
 * two fields (it writes zeros for numbers that are missing), and pointers to later names. */
int nd_rr_check(const struct nd_msg *m, const struct nd_rr *rr);
/* Does each compression pointer of a record that passed nd_rr_check() lead to an offset for which
 * allowed() is true? */
bool nd_rr_pointers_allowed(const struct nd_msg *m, const struct nd_rr *rr,
			    bool (*allowed)(const void *ctx, size_t to), const void *ctx);

enum { ND_RR_SRV_TARGET = 6, ND_RR_SRV_MAX = ND_RR_SRV_TARGET + ND_NAME_MAX };
/* Writes the rdata of an SRV record (RFC 2782): priority, weight, port at octet 4, target. Returns
 * its length. */
size_t nd_rr_write_srv(uint8_t rdata[ND_RR_SRV_MAX], uint16_t priority, uint16_t weight,
		       uint16_t port, struct nd_name target);
/* Is the uncompressed rdata well-formed for its type? Checks lengths, names and strings. */
bool nd_rr_rdata_valid(uint16_t type, const uint8_t *rdata, size_t n);
