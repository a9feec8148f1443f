/* SPDX-License-Identifier: Apache-2.0 */
/* reply.h - what a message with the id of a query in flight is to that query. Pure.
 *
 * Owns:    nothing. A reply read views the bytes received, or `own`.
 */
#pragma once

#include <stdbool.h>
#include "wire/msg.h"

/* The query that was sent. */
struct nd_reply_query {
	const uint8_t *bytes; /* the message */
	struct nd_name name;  /* its name, in any case */
	uint16_t qtype, qclass;
	uint16_t limit; /* longest UDP reply that the client accepts */
	bool tcp;       /* it was sent over TCP */
};

enum nd_reply_kind {
	ND_REPLY_ANSWER, /* a response to the question */
	ND_REPLY_BARE,   /* an error without question and records, as old servers send it */
	ND_REPLY_BROKEN, /* to the question, but it cannot be read: no msg */
	ND_REPLY_WRONG,  /* to another question or to none, or not a response */
};

struct nd_reply {
	struct nd_msg msg;
	const char *error; /* ND_REPLY_BROKEN; static */
	struct nd_name_buf name;
	uint8_t own[ND_MSG_HEADER + ND_NAME_MAX + 4];
};

/* cut: the datagram was longer than the n bytes received; n >= ND_MSG_HEADER. As in CoreDNS, a UDP
 * reply that is cut, has a record that extends past its end, or is longer than the limit becomes
 * its header and the question, with TC. On ND_REPLY_BARE the header fields of msg are set. */
enum nd_reply_kind nd_reply_read(struct nd_reply *r, const struct nd_reply_query *q,
				 const uint8_t *bytes, size_t n, bool cut);
/* Makes r the reply that consists of these flags and the query's question. */
void nd_reply_make_empty(struct nd_reply *r, const struct nd_reply_query *q, uint16_t flags);
