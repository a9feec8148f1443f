/* SPDX-License-Identifier: Apache-2.0 */
/* msg.h - a view of one message: header, question, start of the records, EDNS. Pure.
 *
 * Owns:    nothing. Everything is an offset from `base`, so the bytes can be moved (parking a
 *          query does); the mover sets base again.
 * Errors:  enum nd_msg_verdict for queries; 0 or a negative ND_E* for responses.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "wire/edns.h"
#include "wire/name.h"

enum {
	ND_MSG_HEADER = 12,
	ND_MSG_MAX = 65535,
	/* bits of the flags word: RFC 1035 s4.1.1, RFC 4035 s3.2 */
	ND_FLAG_QR = 0x8000,
	ND_FLAG_AA = 0x0400,
	ND_FLAG_TC = 0x0200,
	ND_FLAG_RD = 0x0100,
	ND_FLAG_RA = 0x0080,
	ND_FLAG_Z = 0x0040,
	ND_FLAG_AD = 0x0020,
	ND_FLAG_CD = 0x0010,
};

struct nd_msg {
	const uint8_t *base;
	uint16_t len;
	uint16_t id;
	uint16_t flags;    /* the whole word */
	uint16_t count[4]; /* question, answer, authority, additional: as in the header, or
			    * fewer if the message ends earlier, after a whole record */
	uint16_t qtype, qclass;
	uint16_t question_end; /* offset after the question, where the records start */
	struct nd_name qname;  /* lower case; views the buffer given to nd_msg_parse_*() */
	struct nd_edns edns;
};

static inline unsigned nd_msg_opcode(const struct nd_msg *m)
{
	return m->flags >> 11 & 15;
}

static inline unsigned nd_msg_rcode(const struct nd_msg *m)
{
	return (m->flags & 15u) | (unsigned)m->edns.extended_rcode << 4;
}

/* What to do with a received message, in CoreDNS's order of checks. */
enum nd_msg_verdict {
	ND_MSG_OK,
	ND_MSG_IGNORE,   /* shorter than a header, or QR is set: no reply */
	ND_MSG_FORMERR,  /* reply with the header, and the question if it could be read */
	ND_MSG_NOTIMP,   /* opcode is not QUERY or NOTIFY */
	ND_MSG_SERVFAIL, /* the header announces a question, but the message ends there */
	ND_MSG_BADVERS,  /* EDNS version is not 0 (RFC 6891 s6.1.3); the rest is valid */
};

/* Reads a query. ND_MSG_OK and ND_MSG_BADVERS set all of *m. The others set base, len, id, flags
 * and count (if there is a header); question_end is 12 unless the question was read. The qname is
 * written to buf in lower case.
 * Checks QR, opcode, counts (1 question; answer, authority <= 1; additional <= 2), the question,
 * every record, and that there is at most one OPT, with the root as owner and valid options.
 * Octets after the last record are ignored. */
enum nd_msg_verdict nd_msg_parse_query(struct nd_msg *m, const void *bytes, size_t n,
				       struct nd_name_buf *buf);

/* Reads a response: header, question (without one, qname.len is 0), all records with their names
 * and rdata (nd_rr_check), and the last OPT. 0; ND_ETRUNC: a record is incomplete, *m is set and
 * its counts are those of the complete records (0 if the header or question is incomplete);
 * ND_EFORMAT. */
int nd_msg_parse_response(struct nd_msg *m, const void *bytes, size_t n, struct nd_name_buf *buf);
