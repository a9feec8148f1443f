/* SPDX-License-Identifier: Apache-2.0 */
/* The parser is paused at the end of a response and when the exchange pauses; input that it has not
 * parsed yet is kept in held. */
#include "io/h1.h"

#include <errno.h>
#include <http_parser.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"

enum {
	REQUEST_MAX = 128 << 10,
	HELD_MAX = 16 << 20 /* more than a connection delivers per turn */
};

struct h1 {
	http_parser parser;
	struct nd_httpc_conn *conn;
	struct nd_httpc_exchange *x; /* NULL: idle */
	struct nd_buf held;
	bool in_value;      /* the last header bytes were part of a value */
	bool complete;      /* the response is complete */
	bool keep;          /* then: the connection can be reused */
	bool informational; /* a 1xx response, which is skipped */
	/* Of the exchange: bytes parsed; of these, the body's; chunks. */
	uint64_t parsed, body, chunks;
	int err; /* a callback stopped the parser with this error */
};

static int fail(struct h1 *h, int err, const char *why)
{
	h->err = nd_httpc_conn_set_error(h->conn, err, "%s", why);
	return -1;
}

/* --- callbacks of the parser; a result other than 0 stops it --- */

static int add_head(struct h1 *h, const char *bytes, size_t n)
{
	if (nd_buf_add(&h->x->head, bytes, n))
		return fail(h, h->x->head.err, "response header too large");
	return 0;
}

static int on_name(http_parser *p, const char *bytes, size_t n)
{
	struct h1 *h = p->data;

	if (h->in_value && add_head(h, "", 1))
		return -1;
	h->in_value = false;
	return add_head(h, bytes, n);
}

static int on_value(http_parser *p, const char *bytes, size_t n)
{
	struct h1 *h = p->data;

	if (!h->in_value && add_head(h, "", 1))
		return -1;
	h->in_value = true;
	return add_head(h, bytes, n);
}

/* 1: the response has no body, whatever the headers say. */
static int on_headers(http_parser *p)
{
	struct h1 *h = p->data;
	struct nd_httpc_exchange *x = h->x;
	bool is_head = x->is_head;

	if (h->in_value && add_head(h, "", 1))
		return -1;
	h->in_value = false;
	if (p->status_code == 101 || p->upgrade || p->status_code < 100)
		return fail(h, ND_EFORMAT, "unexpected status code in the response");
	h->informational = p->status_code < 200;
	if (h->informational) {
		nd_buf_reset(&x->head);
		if (++x->early > ND_HTTPC_EARLY_MAX)
			return fail(h, ND_ELIMIT, "too many 1xx responses");
		return 1;
	}
	if (!nd_httpc_give_head(x, p->status_code))
		return -1;
	if (x->paused)
		http_parser_pause(p, 1);
	return is_head;
}

static int on_body(http_parser *p, const char *bytes, size_t n)
{
	struct h1 *h = p->data;

	h->body += n;
	if (!nd_httpc_give_data(h->x, bytes, n))
		return -1;
	if (h->x->paused)
		http_parser_pause(p, 1);
	return 0;
}

static int on_chunk(http_parser *p)
{
	((struct h1 *)p->data)->chunks++;
	return 0;
}

static int on_complete(http_parser *p)
{
	struct h1 *h = p->data;

	/* Trailers are ignored. */
	nd_buf_reset(&h->x->head);
	h->in_value = false;
	if (h->informational)
		return 0;
	h->complete = true;
	h->keep = http_should_keep_alive(p);
	http_parser_pause(p, 1);
	return 0;
}

static const http_parser_settings settings = {
	.on_header_field = on_name,
	.on_header_value = on_value,
	.on_headers_complete = on_headers,
	.on_body = on_body,
	.on_chunk_header = on_chunk,
	.on_message_complete = on_complete,
};

/* --- the engine --- */

static int open_h1(struct nd_httpc_conn *c)
{
	struct h1 *h = calloc(1, sizeof *h);

	if (!h)
		return nd_httpc_conn_set_error(c, -ENOMEM, "out of memory");
	h->conn = c;
	nd_buf_init(&h->held, HELD_MAX);
	c->self = h;
	return 0;
}

static void clear_h1(struct nd_httpc_conn *c)
{
	struct h1 *h = c->self;

	if (!h)
		return;
	nd_buf_clear(&h->held);
	free(h);
}

static void format_request(struct nd_buf *b, const struct nd_httpc_exchange *x, const char *host)
{
	const char *method = nd_httpc_next_text(&x->request, NULL);
	const char *target = nd_httpc_next_text(&x->request, method);

	nd_buf_printf(b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, target, host);
	for (const char *value = target, *name; (name = nd_httpc_next_text(&x->request, value));) {
		value = nd_httpc_next_text(&x->request, name);
		nd_buf_printf(b, "%s: %s\r\n", name, value);
	}
	if (x->body.len || !x->safe)
		nd_buf_printf(b, "Content-Length: %zu\r\n", x->body.len);
	nd_buf_text(b, "\r\n");
}

static int begin_h1(struct nd_httpc_conn *c, struct nd_httpc_exchange *x)
{
	struct h1 *h = c->self;
	struct nd_buf b;

	http_parser_init(&h->parser, HTTP_RESPONSE);
	h->parser.data = h;
	h->x = x;
	h->complete = h->keep = h->in_value = h->informational = false;
	h->parsed = h->body = h->chunks = 0;
	nd_buf_init(&b, REQUEST_MAX);
	format_request(&b, x, c->client->host);
	int err = b.err ? nd_httpc_conn_set_error(c, b.err, "request too large")
			: nd_httpc_conn_write(c, b.data, b.len);
	if (!err && x->body.len)
		err = nd_httpc_conn_write(c, x->body.data, x->body.len);
	explicit_bzero(b.data ? b.data : "", b.data ? b.len : 0); /* tokens */
	nd_buf_clear(&b);
	if (!err && x->paused)
		nd_httpc_conn_pause(c, true);
	return err;
}

/* The response is complete and was delivered. */
static void finish(struct h1 *h)
{
	struct nd_httpc_conn *c = h->conn;
	struct nd_httpc_exchange *x = h->x;

	h->x = NULL;
	if (!h->keep || h->held.len)
		nd_httpc_conn_kill(c);
	else
		nd_httpc_conn_pause(c, false); /* its last callback may have paused and resumed */
	nd_httpc_end(x, 0, NULL);
}

/* A body byte by byte in chunks has 5 bytes around each. */
static bool is_bloated(const struct h1 *h)
{
	return h->parsed > ND_HTTPC_AROUND_BYTES_MAX + 16 * h->chunks + 3 * h->body;
}

static int parse(struct h1 *h, const uint8_t *bytes, size_t n)
{
	struct nd_httpc_conn *c = h->conn;

	h->err = 0;
	size_t done = http_parser_execute(&h->parser, &settings, (const char *)bytes, n);
	enum http_errno why = HTTP_PARSER_ERRNO(&h->parser);
	if (c->dead)
		return 0;
	if (h->err)
		return h->err;
	if (why == HPE_PAUSED) {
		http_parser_pause(&h->parser, 0);
		if (done < n && nd_buf_add(&h->held, bytes + done, n - done))
			return nd_httpc_conn_set_error(c, -ENOMEM, "out of memory");
	} else if (why != HPE_OK) {
		return nd_httpc_conn_set_error(c, ND_EFORMAT, "invalid HTTP response: %s",
					       http_errno_description(why));
	}
	h->parsed += done;
	if (h->complete && !h->x->paused)
		finish(h);
	else if (!h->complete && is_bloated(h))
		return nd_httpc_conn_set_error(c, ND_ELIMIT,
					       "too many bytes around the body of the response");
	return 0;
}

static int feed_h1(struct nd_httpc_conn *c, const uint8_t *bytes, size_t n)
{
	struct h1 *h = c->self;

	if (!h->x) /* RFC 9112 s9.5: it cannot be matched to a request */
		return nd_httpc_conn_set_error(c, ND_EFORMAT, "unsolicited data from the server");
	if (h->x->paused || h->held.len)
		return nd_buf_add(&h->held, bytes, n)
			       ? nd_httpc_conn_set_error(c, -ENOMEM, "out of memory")
			       : 0;
	return parse(h, bytes, n);
}

/* The end of a body without a length. */
static void eof_h1(struct nd_httpc_conn *c)
{
	struct h1 *h = c->self;

	if (h->x && !h->x->paused && !h->held.len)
		parse(h, NULL, 0);
}

/* The rest of the response would still arrive on this connection. */
static void drop_h1(struct nd_httpc_conn *c, struct nd_httpc_exchange *x)
{
	struct h1 *h = c->self;
	(void)x;

	h->x = NULL;
	nd_httpc_conn_kill(c);
}

static void pause_h1(struct nd_httpc_conn *c, struct nd_httpc_exchange *x)
{
	(void)x;
	nd_httpc_conn_pause(c, true);
}

static int resume_h1(struct nd_httpc_conn *c, struct nd_httpc_exchange *x)
{
	struct h1 *h = c->self;
	struct nd_buf held = h->held;
	int err = 0;

	nd_buf_init(&h->held, held.max);
	if (h->complete) {
		h->held = held;
		finish(h);
	} else {
		if (held.len) /* n == 0 would mean the end of the stream */
			err = parse(h, (const uint8_t *)held.data, held.len);
		nd_buf_clear(&held);
	}
	if (!err && !c->dead && !(h->x == x && x->paused))
		nd_httpc_conn_pause(c, false);
	return err;
}

static int drain_h1(struct nd_httpc_conn *c)
{
	(void)c;
	return 0;
}

const struct nd_httpc_engine nd_h1_engine = {
	.version = 1,
	.open = open_h1,
	.clear = clear_h1,
	.begin = begin_h1,
	.feed = feed_h1,
	.eof = eof_h1,
	.drop = drop_h1,
	.pause = pause_h1,
	.resume = resume_h1,
	.drain = drain_h1,
};
