/* SPDX-License-Identifier: Apache-2.0 */
/* reply.h - what a message with the id of a query in flight is to that query. Pure.
 *
 * Owns:    nothing. A reply read views the bytes received, or its own `truncated`.
 */
#pragma once

#include <stdbool.h>
#include "wire/msg.h"

/* The query that was sent. */
struct nd_reply_query {
	const uint8_t *bytes; /* the message */
	struct nd_name lower; /* its name, lower case */
	uint16_t qtype, qclass;
	uint16_t limit; /* longest UDP reply that the client accepts */
	bool tcp;       /* it was sent over TCP */
};

enum nd_reply_kind {
	ND_REPLY_ANSWER, /* a response to the question */
	ND_REPLY_WRONG,  /* to another question or not a response, however broken */
	ND_REPLY_BROKEN, /* cannot be read: no msg */
};

struct nd_reply {
	struct nd_msg msg;
	const char *error; /* ND_REPLY_BROKEN; static */
	struct nd_name_buf name;
	uint8_t truncated[ND_MSG_HEADER + ND_NAME_MAX + 4];
};

/* cut: the datagram was longer than the n bytes received; n >= ND_MSG_HEADER. As in CoreDNS, a UDP
 * reply that is cut, has a record that extends past its end, or is longer than the limit becomes
 * its header and the question, with TC. If its question cannot be read, it counts as a response to
 * the query's. On ND_REPLY_WRONG the header fields of msg are set. */
enum nd_reply_kind nd_reply_read(struct nd_reply *r, const struct nd_reply_query *q,
				 const uint8_t *bytes, size_t n, bool cut);
