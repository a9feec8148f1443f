/* SPDX-License-Identifier: Apache-2.0 */
/* msg.h - a const view over one message: header, the one question, where sections start, EDNS.
 *
 * Owns:    nothing. All places are offsets from `base`, so the bytes may move (a parked
 *          query takes them along); whoever moves them sets base anew.
 * Never:   allocates, or keeps a cursor.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "wire/edns.h"
#include "wire/name.h"

enum {
	ND_MSG_HEADER = 12,
	ND_MSG_MAX = 65535,
	/* bits of the flags word, RFC 1035 s4.1.1, RFC 4035 s3.2 */
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
	uint16_t count[4]; /* question, answer, authority, additional: as the header says,
			    * or fewer where the message ends before, at a record's edge */
	uint16_t qtype, qclass;
	uint16_t question_end; /* offset behind the question: the records begin here */
	struct nd_name qname;  /* lower case; views the buffer given to nd_msg_parse */
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

/* What a server does with a message that came in, in CoreDNS's order of checks. */
enum nd_msg_verdict {
	ND_MSG_OK,
	ND_MSG_IGNORE,   /* not even a header, or QR set: no reply */
	ND_MSG_FORMERR,  /* reply with the header, and the question if it was read */
	ND_MSG_NOTIMP,   /* opcode is not QUERY or NOTIFY */
	ND_MSG_SERVFAIL, /* the header promises a question, and nothing follows it */
	ND_MSG_BADVERS,  /* EDNS version is not 0 (RFC 6891 s6.1.3); all else is fine */
};

/* Reads a question message. On ND_MSG_OK and ND_MSG_BADVERS all of *m is set; on the rest base,
 * len, id, flags and count are (where there is a header), and question_end is 12 unless the
 * question itself was read. The qname is written into buf, lower case.
 * Checks: QR, opcode, counts (1 question; answer, authority <= 1; additional <= 2), question,
 * every record up to the end, at most one OPT, its owner the root, its options. Octets behind
 * the last record are not looked at. */
enum nd_msg_verdict nd_msg_parse_query(struct nd_msg *m, const void *bytes, size_t n,
				       struct nd_name_buf *buf);

/* Reads a response: header, question if there is one (qname empty - len 0 - if not), frames of
 * all records, OPT (the last one, if there are several). 0; ND_ETRUNC: a record is cut, and m is
 * set, its counts to the whole records before (no header or question: to nothing); ND_EFORMAT. */
int nd_msg_parse_response(struct nd_msg *m, const void *bytes, size_t n, struct nd_name_buf *buf);
