/* SPDX-License-Identifier: Apache-2.0 */
/* httpcall.h - one exchange of the HTTP client, and what its callbacks received.
 *
 * Owns:    its exchange and body.
 * Threads: the loop's own.
 */
#pragma once

#include "base/buf.h"
#include "io/httpc.h"

struct nd_httpcall {
	struct nd_httpc *client;
	struct nd_httpc_exchange *x; /* NULL: ended */
	int status, err;
	unsigned heads, ends, datas; /* number of callbacks */
	unsigned version;
	struct nd_buf body;
	char extra[64];               /* the header x-extra or content-type */
	char text[ND_HTTPC_TEXT_MAX]; /* nd_httpc_error_text() at the end */
	/* What the callbacks do. */
	bool pause_in_head, cancel_in_head, cancel_in_data, free_in_data, free_in_end;
	size_t pause_each; /* pauses after every so many bytes; 0: never */
	size_t paused_at;
	void (*at_end)(struct nd_httpcall *call);
	void *ctx;
};

/* Fails the test if the client does not accept the request. */
void nd_httpcall_send(struct nd_httpcall *call, struct nd_httpc *client,
		      const struct nd_httpc_request *request);
void nd_httpcall_get(struct nd_httpcall *call, struct nd_httpc *client, const char *target);
/* Cancels the exchange if it has not ended. */
void nd_httpcall_clear(struct nd_httpcall *call);
