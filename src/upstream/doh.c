/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/doh.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/budget.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/time.h"
#include "io/httpc.h"
#include "wire/msg.h"
#include "wire/reader.h"
#include "wire/writer.h"

#define MEDIA_TYPE "application/dns-message"
#define PATH "/dns-query"

enum {
	GET_MAX = 4096, /* longer queries are sent by POST */
	PING_S = 1,     /* a silent connection is found in twice this time */
	EXCHANGES_MAX = 1024,
};

struct nd_doh {
	struct nd_loop *loop;
	struct nd_httpc *http;
	struct nd_doh_handler handler;
	struct nd_list calls;
	struct nd_timer open;
	bool get;
	bool closed;
	unsigned busy; /* callbacks on the stack */
};

/* A query in flight. */
struct call {
	struct nd_list link; /* in doh->calls */
	struct nd_doh *doh;
	struct nd_httpc_exchange *exchange;
	uint16_t id;
	bool usable;      /* the status is 2xx */
	size_t received;  /* bytes of the body */
	struct nd_buf in; /* room for the length, then the body */
	size_t charged;   /* bytes taken from the budget */
};

static void free_call(struct call *c)
{
	nd_list_del(&c->link);
	nd_budget_give(ND_BUDGET_EXCHANGES, c->charged);
	nd_buf_clear(&c->in);
	free(c);
}

static void leave(struct nd_doh *d)
{
	if (--d->busy || !d->closed)
		return;
	free(d);
}

void nd_doh_close(struct nd_doh *d)
{
	if (!d || d->closed)
		return;
	d->busy++;
	d->closed = true;
	nd_timer_stop(&d->open);
	nd_httpc_free(d->http); /* cancels the exchanges */
	d->http = NULL;
	while (!nd_list_empty(&d->calls))
		free_call(ND_LIST_ENTRY(d->calls.next, struct call, link));
	leave(d);
}

/* --- responses --- */

static void on_head(void *ctx, struct nd_httpc_exchange *x, int status)
{
	struct call *c = ctx;
	(void)x;

	c->usable = status >= 200 && status < 300;
}

/* False: the body cannot be kept. */
static bool keep(struct call *c, const uint8_t *bytes, size_t n)
{
	if (!nd_budget_take(ND_BUDGET_EXCHANGES, n))
		return false;
	c->charged += n;
	return !nd_buf_add(&c->in, bytes, n);
}

/* A header that announces a question: it cannot be read. */
static void make_broken(struct nd_buf *b)
{
	static const uint8_t header[2 + ND_MSG_HEADER] = { 0, ND_MSG_HEADER, 0, 0, 0x80, 0, 0, 1 };

	nd_buf_reset(b);
	nd_buf_add(b, header, sizeof header);
}

static void deliver(struct nd_doh *d, struct call *c)
{
	struct nd_buf in = c->in;
	bool usable = c->usable && in.len >= 2 + ND_MSG_HEADER && !in.err;
	uint16_t id = c->id;

	nd_buf_init(&c->in, in.max);
	free_call(c);
	if (!usable)
		make_broken(&in);
	if (in.len >= 2 + ND_MSG_HEADER && !in.err) {
		uint8_t *bytes = (uint8_t *)in.data;
		nd_writer_put16(bytes, (uint16_t)(in.len - 2));
		nd_writer_put16(bytes + 2, id);
		d->handler.on_data(d->handler.ctx, bytes, in.len);
	}
	nd_buf_clear(&in);
}

/* A body that is longer than any message is not read to its end. */
static void on_data(void *ctx, struct nd_httpc_exchange *x, const uint8_t *bytes, size_t n)
{
	struct call *c = ctx;
	struct nd_doh *d = c->doh;

	c->received += n;
	c->usable = c->usable && keep(c, bytes, n);
	if (c->received <= ND_MSG_MAX)
		return;
	d->busy++;
	nd_httpc_cancel(x);
	deliver(d, c);
	leave(d);
}

static void on_end(void *ctx, struct nd_httpc_exchange *x, int err)
{
	struct call *c = ctx;
	struct nd_doh *d = c->doh;
	char text[ND_DOH_TEXT_MAX];

	d->busy++;
	if (err == ND_ETIME) {
		free_call(c); /* its sender has a timer of its own */
	} else if (!err || nd_httpc_stats(d->http).connections) {
		c->usable = c->usable && !err;
		deliver(d, c);
	} else {
		snprintf(text, sizeof text, "https: %.240s", nd_httpc_error_text(x));
		free_call(c);
		struct nd_doh_handler h = d->handler;
		nd_doh_close(d);
		h.on_close(h.ctx, err == ND_ECLOSED ? 0 : err, text);
	}
	leave(d);
}

/* --- requests --- */

static size_t encode_base64url(const uint8_t *bytes, size_t n, char *to)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t len = 0;

	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i < 3 ? n - i : 3;
		uint32_t v = (uint32_t)bytes[i] << 16;
		if (left > 1)
			v |= (uint32_t)bytes[i + 1] << 8;
		if (left > 2)
			v |= bytes[i + 2];
		for (size_t k = 0; k <= left; k++)
			to[len++] = digits[v >> (18 - 6 * k) & 63];
	}
	to[len] = '\0';
	return len;
}

static int send_call(struct call *c, uint8_t *bytes, size_t n)
{
	static const struct nd_httpc_header headers[] = { { "Accept", MEDIA_TYPE },
							  { "Content-Type", MEDIA_TYPE } };
	const struct nd_httpc_handler h = {
		.ctx = c, .on_head = on_head, .on_data = on_data, .on_end = on_end
	};
	char target[sizeof PATH + sizeof "?dns=" + GET_MAX / 3 * 4 + 4] = PATH;
	struct nd_httpc_request r = { .target = target,
				      .headers = headers,
				      .nheaders = ND_COUNT(headers),
				      .total_ns = ND_MS(ND_DOH_TIMEOUT_MS) };

	if (c->doh->get && n <= GET_MAX) {
		size_t at = (size_t)snprintf(target, sizeof target, PATH "?dns=");
		encode_base64url(bytes, n, target + at);
	} else {
		r.method = "POST";
		r.body = bytes;
		r.body_bytes = n;
	}
	return nd_httpc_send(c->doh->http, &r, &h, &c->exchange);
}

int nd_doh_write(struct nd_doh *d, const uint8_t *bytes, size_t n)
{
	uint8_t copy[ND_MSG_MAX];
	size_t charge = sizeof(struct call) + n;

	if (!nd_budget_take(ND_BUDGET_EXCHANGES, charge))
		return -ENOMEM;
	struct call *c = calloc(1, sizeof *c);
	if (!c) {
		nd_budget_give(ND_BUDGET_EXCHANGES, charge);
		return -ENOMEM;
	}
	c->doh = d;
	c->charged = charge;
	c->id = nd_reader_peek16(bytes);
	nd_list_init(&c->link);
	nd_buf_init(&c->in, 2 + ND_MSG_MAX);
	nd_list_add(&d->calls, &c->link);
	memcpy(copy, bytes, n);
	nd_writer_put16(copy, 0);
	int err = nd_buf_add(&c->in, "\0\0", 2);
	if (!err)
		err = send_call(c, copy, n);
	if (err)
		free_call(c);
	return err;
}

/* --- the stream --- */

static void on_open_timer(struct nd_timer *t)
{
	struct nd_doh *d = ND_CONTAINER(t, struct nd_doh, open);

	d->handler.on_open(d->handler.ctx);
}

int nd_doh_new(struct nd_loop *loop, const struct nd_doh_config *config,
	       const struct nd_doh_handler *h, struct nd_doh **out)
{
	struct nd_doh *d = calloc(1, sizeof *d);
	char ip[ND_ADDR_TEXT_MAX];
	bool named = *config->name;
	struct nd_httpc_config c = { .addr = config->addr,
				     .host = named ? config->name : NULL,
				     .source = config->source,
				     .tls = config->tls,
				     .server_name = named ? config->name : ip,
				     .connect_ns = ND_MS(ND_DOH_TIMEOUT_MS),
				     .ping_ns = ND_S(PING_S),
				     .pong_ns = ND_S(PING_S),
				     .exchanges = EXCHANGES_MAX };

	if (!d)
		return -ENOMEM;
	nd_addr_format_ip(&config->addr, ip);
	int err = nd_httpc_new(loop, &c, &d->http);
	if (err) {
		free(d);
		return err;
	}
	d->loop = loop;
	d->handler = *h;
	d->get = config->get;
	nd_list_init(&d->calls);
	nd_timer_start(loop, &d->open, 0, on_open_timer);
	*out = d;
	return 0;
}
