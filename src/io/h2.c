/* SPDX-License-Identifier: Apache-2.0 */
/* The connection's flow-control window is large and is reopened at once; a stream's window is
 * reopened as its owner takes the data. A paused exchange therefore blocks its own stream only.
 *
 * nghttp2's read and write functions must not be called from its callbacks: `running` is set while
 * one of them is on the stack, and output is then sent when it returns. */
#include "io/h2.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "io/clock.h"
#include "io/h2_flood.h"

enum {
	QUEUED_ENOUGH = 256 << 10, /* no more is formatted until this is sent */
	CONNECTION_WINDOW_MIN = 1 << 20,
	HEADERS_MAX = ND_HTTPC_HEADERS_MAX + 5, /* with those added by us */
	HEAD_FACTOR = 4, /* times head_bytes: a header block that ends the connection */
};

struct h2 {
	nghttp2_session *session;
	struct nd_httpc_conn *conn;
	bool running;
	struct nd_h2_flood flood;
	size_t header_bytes; /* of the header block that is being received */
	int err;             /* a callback stopped nghttp2 with this error; its text is set */
	char why[160];       /* error text from nghttp2 */
};

static size_t connection_window(const struct nd_httpc_config *config)
{
	size_t window = 4 * config->window_bytes;

	return window < CONNECTION_WINDOW_MIN ? CONNECTION_WINDOW_MIN : window;
}

static bool is_failing(const struct h2 *h)
{
	return h->conn->dead;
}

/* --- callbacks of nghttp2 --- */

static struct nd_httpc_exchange *exchange_of(struct h2 *h, int32_t stream)
{
	return nghttp2_session_get_stream_user_data(h->session, stream);
}

static int stop(struct h2 *h, const char *why)
{
	h->err = nd_httpc_conn_set_error(h->conn, ND_ELIMIT, "HTTP/2: %s", why);
	return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static uint64_t now_ns(const struct h2 *h)
{
	return nd_loop_now_ns(h->conn->client->loop);
}

/* Any frame of a known type, also CONTINUATION. */
static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *ctx)
{
	struct h2 *h = ctx;
	(void)session;
	(void)hd;

	return nd_h2_flood_frame(&h->flood, now_ns(h)) ? 0
						       : stop(h, "too many frames without data");
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct h2 *h = ctx;
	struct nd_httpc_exchange *x = exchange_of(h, frame->hd.stream_id);
	(void)session;

	h->header_bytes = 0;
	if (x)
		nd_buf_reset(&x->head);
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t nname, const uint8_t *value, size_t nvalue, uint8_t flags, void *ctx)
{
	struct h2 *h = ctx;
	struct nd_httpc_exchange *x = exchange_of(h, frame->hd.stream_id);
	(void)session;
	(void)flags;

	/* HPACK makes kilobytes of one byte; a head that is only too large ends its exchange. */
	h->header_bytes += nname + nvalue + 2;
	if (h->header_bytes > HEAD_FACTOR * h->conn->client->config.head_bytes)
		return stop(h, "response header too large");
	if (!x)
		return 0;
	if (nname == 7 && memcmp(name, ":status", 7) == 0) {
		x->status = atoi((const char *)value); /* validated by nghttp2 */
		return 0;
	}
	nd_buf_add(&x->head, name, nname);
	nd_buf_add(&x->head, "", 1);
	nd_buf_add(&x->head, value, nvalue);
	nd_buf_add(&x->head, "", 1);
	return 0;
}

/* Ends x with an error of ours, and cancels its stream. */
static void abort_exchange(struct h2 *h, struct nd_httpc_exchange *x, int err, const char *why)
{
	nghttp2_session_set_stream_user_data(h->session, x->stream, NULL);
	nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, x->stream, NGHTTP2_CANCEL);
	nd_httpc_end(x, err, why);
}

static void on_head(struct h2 *h, struct nd_httpc_exchange *x)
{
	if (x->headed) {
		nd_buf_reset(&x->head); /* trailers */
	} else if (x->head.err) {
		abort_exchange(h, x, x->head.err, "response header too large");
	} else if (x->status >= 200) {
		nd_h2_flood_useful(&h->flood, h->header_bytes);
		nd_httpc_give_head(x, x->status);
	} else if (++x->early > ND_HTTPC_EARLY_MAX) {
		abort_exchange(h, x, ND_ELIMIT, "too many 1xx responses");
	}
}

/* n: the frame's length. Padding without data counts as empty. */
static void on_data(struct h2 *h, struct nd_httpc_exchange *x, size_t n)
{
	if (x->empty == 0)
		nd_h2_flood_useful(&h->flood, n);
	if (++x->empty > ND_HTTPC_EMPTY_MAX)
		abort_exchange(h, x, ND_ELIMIT, "too many empty DATA frames");
}

static void on_goaway(struct h2 *h, const nghttp2_goaway *g)
{
	h->conn->draining = true;
	if (g->error_code != NGHTTP2_NO_ERROR)
		nd_httpc_conn_set_error(h->conn, 0, "server sent GOAWAY: %s",
					nghttp2_http2_strerror(g->error_code));
	else
		nd_httpc_conn_set_error(h->conn, 0, "server sent GOAWAY");
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct h2 *h = ctx;
	struct nd_httpc_exchange *x = exchange_of(h, frame->hd.stream_id);
	(void)session;

	if (frame->hd.type == NGHTTP2_GOAWAY)
		on_goaway(h, &frame->goaway);
	else if (frame->hd.type == NGHTTP2_HEADERS && x)
		on_head(h, x);
	else if (frame->hd.type == NGHTTP2_DATA && x)
		on_data(h, x, frame->hd.length);
	return is_failing(h) ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_chunk(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes,
		    size_t n, void *ctx)
{
	struct h2 *h = ctx;
	struct nd_httpc_exchange *x = exchange_of(h, stream);
	(void)flags;

	nghttp2_session_consume_connection(session, n);
	if (x)
		x->empty = 0;
	if (x && (x->paused || x->held.len)) {
		if (nd_buf_add(&x->held, bytes, n))
			abort_exchange(h, x, -ENOMEM, "out of memory");
		return 0;
	}
	/* Before on_data, which may close the stream. */
	nghttp2_session_consume_stream(session, stream, n);
	if (x)
		nd_httpc_give_data(x, bytes, n);
	return is_failing(h) ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* The stream of x has ended. */
static void close_exchange(struct h2 *h, struct nd_httpc_exchange *x, uint32_t code)
{
	char why[96];

	x->stream = 0;
	if (code == NGHTTP2_NO_ERROR && x->headed) {
		if (!x->paused && !x->held.len) {
			nd_httpc_end(x, 0, NULL);
			return;
		}
		/* Paused, or resumed with its timer still running: on_resume() ends it. */
		x->complete = true;
		nd_httpc_conn_leave(h->conn, x);
		return;
	}
	snprintf(why, sizeof why, "stream reset by the server: %s", nghttp2_http2_strerror(code));
	if (code == NGHTTP2_REFUSED_STREAM)
		nd_httpc_retry_or_end(x, ND_ECLOSED, why);
	else if (code == NGHTTP2_PROTOCOL_ERROR)
		nd_httpc_end(x, ND_EFORMAT, "HTTP/2: protocol error");
	else
		nd_httpc_end(x, ND_ECLOSED, why);
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t code, void *ctx)
{
	struct h2 *h = ctx;
	struct nd_httpc_exchange *x = exchange_of(h, stream);

	if (x) {
		nghttp2_session_set_stream_user_data(session, stream, NULL);
		close_exchange(h, x, code);
	}
	return is_failing(h) ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* A request was not sent: the server accepts no more streams on this connection. */
static int on_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int err, void *ctx)
{
	struct h2 *h = ctx;
	(void)session;

	if (frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	ND_LIST_EACH(&h->conn->exchanges, node) {
		struct nd_httpc_exchange *x = ND_LIST_ENTRY(node, struct nd_httpc_exchange, node);
		if (x->stream != frame->hd.stream_id)
			continue;
		h->conn->draining = true;
		x->stream = 0;
		nd_httpc_retry_or_end(x, ND_ECLOSED, nghttp2_strerror(err));
		break;
	}
	return is_failing(h) ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static ssize_t read_body(nghttp2_session *session, int32_t stream, uint8_t *to, size_t n,
			 uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
	struct nd_httpc_exchange *x = exchange_of(ctx, stream);
	(void)session;
	(void)source;

	if (!x)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	size_t left = x->body.len - x->body_sent;
	n = n < left ? n : left;
	memcpy(to, x->body.data + x->body_sent, n);
	x->body_sent += n;
	if (n == left)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static int on_error(nghttp2_session *session, int code, const char *text, size_t n, void *ctx)
{
	struct h2 *h = ctx;
	(void)session;
	(void)code;

	snprintf(h->why, sizeof h->why, "%.*s", (int)n, text);
	return 0;
}

/* --- the engine --- */

/* Sends nghttp2's output until the connection holds QUEUED_ENOUGH. */
static int pump(struct nd_httpc_conn *c)
{
	struct h2 *h = c->self;
	const uint8_t *bytes;
	ssize_t n = 0;
	int err = 0;

	if (h->running)
		return 0;
	h->running = true;
	while (!c->dead && !err && nd_httpc_conn_queued(c) < QUEUED_ENOUGH) {
		n = nghttp2_session_mem_send(h->session, &bytes);
		if (n <= 0)
			break;
		err = nd_httpc_conn_write(c, bytes, (size_t)n);
	}
	h->running = false;
	if (c->dead || err)
		return c->dead ? 0 : err;
	if (n < 0)
		return nd_httpc_conn_set_error(c, n == NGHTTP2_ERR_NOMEM ? -ENOMEM : ND_EFORMAT,
					       "HTTP/2: %s", nghttp2_strerror((int)n));
	if (!nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session)) {
		if (c->draining && !h->why[0])
			return nd_httpc_conn_set_error(c, ND_ECLOSED, "%s",
						       c->text[0] ? c->text : "connection closed");
		return nd_httpc_conn_set_error(c, ND_EFORMAT, "HTTP/2: %s",
					       h->why[0] ? h->why : "protocol error");
	}
	return 0;
}

static int set_up(struct h2 *h)
{
	const struct nd_httpc_config *config = &h->conn->client->config;
	nghttp2_session_callbacks *calls;
	nghttp2_option *options = NULL;
	int err = nghttp2_session_callbacks_new(&calls);

	if (err)
		return err;
	nghttp2_session_callbacks_set_on_begin_frame_callback(calls, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(calls, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_chunk);
	nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(calls, on_not_sent);
	nghttp2_session_callbacks_set_error_callback2(calls, on_error);
	err = nghttp2_option_new(&options);
	if (!err) {
		nghttp2_option_set_no_auto_window_update(options, 1);
		/* A server may push until it has acknowledged our SETTINGS. */
		nghttp2_option_set_max_reserved_remote_streams(options, 0);
		err = nghttp2_session_client_new2(&h->session, calls, h, options);
	}
	nghttp2_option_del(options);
	nghttp2_session_callbacks_del(calls);
	if (err)
		return err;
	nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (uint32_t)config->window_bytes },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)config->head_bytes },
	};
	err = nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings, ND_COUNT(settings));
	return err ? err
		   : nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0,
							   (int32_t)connection_window(config));
}

static int open_h2(struct nd_httpc_conn *c)
{
	struct h2 *h = calloc(1, sizeof *h);

	if (!h)
		return nd_httpc_conn_set_error(c, -ENOMEM, "out of memory");
	h->conn = c;
	nd_h2_flood_init(&h->flood,
			 ND_HTTPC_AROUND_BYTES_MAX + connection_window(&c->client->config),
			 nd_loop_now_ns(c->client->loop));
	c->self = h;
	return set_up(h) ? nd_httpc_conn_set_error(c, -ENOMEM, "out of memory") : pump(c);
}

static void clear_h2(struct nd_httpc_conn *c)
{
	struct h2 *h = c->self;

	if (!h)
		return;
	nghttp2_session_del(h->session);
	free(h);
}

static nghttp2_nv header(const char *name, const char *value)
{
	/* A token must not be guessable from how well it compresses (RFC 7541 s7.1.3). */
	bool secret = strcasecmp(name, "authorization") == 0 || strcasecmp(name, "cookie") == 0;

	return (nghttp2_nv){ .name = (uint8_t *)name,
			     .value = (uint8_t *)value,
			     .namelen = strlen(name),
			     .valuelen = strlen(value),
			     .flags = secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE };
}

static int begin_h2(struct nd_httpc_conn *c, struct nd_httpc_exchange *x)
{
	struct h2 *h = c->self;
	nghttp2_nv nv[HEADERS_MAX];
	nghttp2_data_provider body = { .read_callback = read_body };
	const char *method = nd_httpc_next_text(&x->request, NULL);
	const char *target = nd_httpc_next_text(&x->request, method);
	char length[24];
	size_t n = 0;

	nv[n++] = header(":method", method);
	nv[n++] = header(":scheme", c->client->config.tls ? "https" : "http");
	nv[n++] = header(":authority", c->client->host);
	nv[n++] = header(":path", target);
	for (const char *value = target, *name; (name = nd_httpc_next_text(&x->request, value));) {
		value = nd_httpc_next_text(&x->request, name);
		nv[n++] = header(name, value);
	}
	if (x->body.len) {
		snprintf(length, sizeof length, "%zu", x->body.len);
		nv[n++] = header("content-length", length);
	}
	int32_t stream = nghttp2_submit_request(h->session, NULL, nv, n, x->body.len ? &body : NULL,
						x);
	if (stream < 0) {
		/* Out of stream ids, or closing: retry on another connection. */
		c->draining = true;
		nd_httpc_retry_or_end(x, ND_ECLOSED, nghttp2_strerror(stream));
		return 0;
	}
	x->stream = stream;
	return pump(c);
}

static int error_code(int err)
{
	return err == NGHTTP2_ERR_NOMEM     ? -ENOMEM
	       : err == NGHTTP2_ERR_FLOODED ? ND_ELIMIT /* PING or SETTINGS to acknowledge */
					    : ND_EFORMAT;
}

static int feed_h2(struct nd_httpc_conn *c, const uint8_t *bytes, size_t n)
{
	struct h2 *h = c->self;

	h->running = true;
	ssize_t ret = nghttp2_session_mem_recv(h->session, bytes, n);
	h->running = false;
	if (c->dead)
		return 0;
	if (h->err)
		return h->err;
	if (ret < 0)
		return nd_httpc_conn_set_error(c, error_code((int)ret), "HTTP/2: %s",
					       h->why[0] ? h->why : nghttp2_strerror((int)ret));
	/* nghttp2 skips frames of unknown types, and those of streams that we cancelled. */
	int err = nd_h2_flood_bytes(&h->flood, n, now_ns(h))
			  ? pump(c)
			  : nd_httpc_conn_set_error(c, ND_ELIMIT,
						    "HTTP/2: too many bytes without data");
	if (!err && !c->dead && c->draining && c->count == 0)
		nd_httpc_conn_kill(c);
	return err;
}

/* In HTTP/2 the end of the connection ends no stream. */
static void eof_h2(struct nd_httpc_conn *c)
{
	(void)c;
}

static void drop_h2(struct nd_httpc_conn *c, struct nd_httpc_exchange *x)
{
	struct h2 *h = c->self;

	if (!x->stream)
		return;
	nghttp2_session_set_stream_user_data(h->session, x->stream, NULL);
	nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, x->stream, NGHTTP2_CANCEL);
	x->stream = 0;
	/* Later: a failure here would call back from inside nd_httpc_cancel(). */
	nd_httpc_conn_drain_later(c);
}

static void pause_h2(struct nd_httpc_conn *c, struct nd_httpc_exchange *x)
{
	(void)c;
	(void)x;
}

static int resume_h2(struct nd_httpc_conn *c, struct nd_httpc_exchange *x)
{
	struct h2 *h = c->self;

	nghttp2_session_consume_stream(h->session, x->stream, x->held.len);
	nd_httpc_give_held(x);
	return c->dead ? 0 : pump(c);
}

static int ping_h2(struct nd_httpc_conn *c)
{
	struct h2 *h = c->self;

	nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, NULL);
	return pump(c);
}

const struct nd_httpc_engine nd_h2_engine = {
	.version = 2,
	.many = true,
	.open = open_h2,
	.clear = clear_h2,
	.begin = begin_h2,
	.feed = feed_h2,
	.eof = eof_h2,
	.drop = drop_h2,
	.pause = pause_h2,
	.resume = resume_h2,
	.drain = pump,
	.ping = ping_h2,
};
const bool nd_h2_built = true;
