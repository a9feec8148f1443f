/* SPDX-License-Identifier: Apache-2.0 */
/* primary.h - one question to a primary over TCP: a SOA, or a zone transfer with many messages.
 *
 * Owns:    the connection, its buffer and its timers, until the end is reported or
 * nd_primary_stop(). Bounds:  ND_PRIMARY_SILENT_S for each message, ND_PRIMARY_TOTAL_S for all. A
 * message must have a record, so the owner's limit of records ends a stream of messages. Threads:
 * the loop's own.
 */
#pragma once

#include <stdbool.h>
#include "base/addr.h"
#include "base/buf.h"
#include "io/timer.h"
#include "wire/msg.h"

struct nd_loop;
struct nd_tcp;

enum {
	ND_PRIMARY_SILENT_S = 10,  /* to connect, and for each message */
	ND_PRIMARY_TOTAL_S = 3600, /* for a transfer */
};

struct nd_primary_handler {
	void *ctx;
	/* A valid response to the question with rcode NOERROR and at least one answer. 1: more
	 * follow; 0: that was the last; or an error, with a static text in *why. */
	int (*on_message)(void *ctx, const struct nd_msg *m, const char **why);
	/* The end: 0 after the last message, or an error with a text. A new question may follow. */
	void (*on_end)(void *ctx, int err, const char *why);
};

/* Embedded in its owner; all zero: idle. */
struct nd_primary {
	struct nd_primary_handler h;
	struct nd_loop *loop;
	struct nd_tcp *tcp; /* NULL: idle */
	struct nd_timer timer;
	uint64_t until_ns; /* of the whole */
	struct nd_buf input;
	struct nd_name_buf name_buf;
	struct nd_name name;
	uint16_t type, id;
};

/* on_end is called later, also if the connection cannot be opened. */
void nd_primary_ask(struct nd_primary *p, struct nd_loop *loop, const struct nd_addr *to,
		    struct nd_name name, uint16_t type, const struct nd_primary_handler *h);
/* No callback follows. Does nothing if it is idle. */
void nd_primary_stop(struct nd_primary *p);
