/* SPDX-License-Identifier: Apache-2.0 */
#include "support/httpcall.h"

#include <stdio.h>
#include "base/err.h"

static void on_head(void *ctx, struct nd_httpc_exchange *x, int status)
{
	struct nd_httpcall *call = ctx;
	const char *extra = nd_httpc_header(x, "X-Extra");

	ND_ASSERT(call->x == x && !call->ends && !call->heads);
	call->heads++;
	call->status = status;
	call->version = nd_httpc_version(x);
	if (!extra)
		extra = nd_httpc_header(x, "content-type");
	snprintf(call->extra, sizeof call->extra, "%s", extra ? extra : "");
	ND_ASSERT(!nd_httpc_header(x, "x-not-there"));
	if (call->pause_in_head)
		nd_httpc_pause(x, true);
	if (call->cancel_in_head) {
		call->x = NULL;
		nd_httpc_cancel(x);
	}
}

static void on_data(void *ctx, struct nd_httpc_exchange *x, const uint8_t *bytes, size_t n)
{
	struct nd_httpcall *call = ctx;

	ND_ASSERT(call->x == x && !call->ends && call->heads == 1 && n);
	call->datas++;
	ND_ASSERT(nd_buf_add(&call->body, bytes, n) == 0);
	if (call->pause_each && call->body.len - call->paused_at >= call->pause_each) {
		call->paused_at = call->body.len;
		nd_httpc_pause(x, true);
	}
	if (call->cancel_in_data) {
		call->x = NULL;
		nd_httpc_cancel(x);
	} else if (call->free_in_data) {
		call->x = NULL;
		nd_httpc_free(call->client);
	}
}

static void on_end(void *ctx, struct nd_httpc_exchange *x, int err)
{
	struct nd_httpcall *call = ctx;

	ND_ASSERT(call->x == x && !call->ends && (err || call->heads == 1));
	call->x = NULL;
	call->ends++;
	call->err = err;
	snprintf(call->text, sizeof call->text, "%s", nd_httpc_error_text(x));
	nd_httpc_cancel(x); /* no effect in on_end */
	if (call->free_in_end)
		nd_httpc_free(call->client);
	if (call->at_end)
		call->at_end(call);
}

void nd_httpcall_send(struct nd_httpcall *call, struct nd_httpc *client,
		      const struct nd_httpc_request *request)
{
	struct nd_httpc_handler h = {
		.ctx = call, .on_head = on_head, .on_data = on_data, .on_end = on_end
	};

	call->client = client;
	if (!call->body.max)
		nd_buf_init(&call->body, 64 << 20);
	ND_ASSERT(nd_httpc_send(client, request, &h, &call->x) == 0);
}

void nd_httpcall_get(struct nd_httpcall *call, struct nd_httpc *client, const char *target)
{
	nd_httpcall_send(call, client, &(struct nd_httpc_request){ .target = target });
}

void nd_httpcall_clear(struct nd_httpcall *call)
{
	nd_httpc_cancel(call->x);
	nd_buf_clear(&call->body);
	*call = (struct nd_httpcall){ 0 };
}
