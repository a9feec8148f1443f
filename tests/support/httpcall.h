/* SPDX-License-Identifier: Apache-2.0 */
/* httpcall.h - one exchange of the HTTP client, as tests look at it. */
#pragma once

#include "base/buf.h"
#include "io/httpc.h"

struct nd_httpcall {
	struct nd_httpc *client;
	struct nd_httpc_exchange *x; /* NULL: over */
	int status, err;
	unsigned heads, ends, datas; /* how often each came */
	unsigned version;
	struct nd_buf body;
	char extra[64],
		text[ND_HTTPC_TEXT_MAX]; /* the header x-extra or content-type; why it ended so */
	/* What to do in a callback. */
	bool pause_in_head, cancel_in_head, cancel_in_data, free_in_data, free_in_end;
	size_t pause_each; /* pauses whenever so many bytes more have come */
	size_t paused_at;
	void (*at_end)(struct nd_httpcall *call);
	void *ctx;
};

/* method NULL: GET. Asserts that it is taken. */
void nd_httpcall_send(struct nd_httpcall *call, struct nd_httpc *client,
		      const struct nd_httpc_request *request);
void nd_httpcall_get(struct nd_httpcall *call, struct nd_httpc *client, const char *target);
/* Cancels what is not over. */
void nd_httpcall_clear(struct nd_httpcall *call);
