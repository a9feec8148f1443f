/* SPDX-License-Identifier: Apache-2.0 */
/* An exchange is waiting (in client->waiting), on a connection, complete but paused, or gone. Its
 * request is validated first, so no text in it can inject a header or another request. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "io/clock.h"
#include "io/httpc_parts.h"

enum { REQUEST_MAX = 64 << 10 };

/* --- the request --- */

/* RFC 9110 s5.6.2. */
static bool is_token(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f ||
		    strchr("\"(),/:;<=>?@[\\]{}", *s))
			return false;
	return true;
}

static bool is_value(const char *s)
{
	for (; *s; s++)
		if (((unsigned char)*s < ' ' && *s != '\t') || *s == 0x7f)
			return false;
	return true;
}

static bool is_target(const char *s)
{
	if (*s != '/')
		return false;
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f)
			return false;
	return true;
}

/* Headers that the client sets itself, and hop-by-hop ones, which HTTP/2 forbids (RFC 9113
 * s8.2.2). */
static bool is_reserved(const char *name)
{
	static const char *const reserved[] = {
		"host",       "content-length",   "transfer-encoding", "connection",
		"keep-alive", "proxy-connection", "upgrade",           "te",
		"expect"
	};

	for (size_t i = 0; i < ND_COUNT(reserved); i++)
		if (strcasecmp(name, reserved[i]) == 0)
			return true;
	return false;
}

static void add_text(struct nd_buf *b, const char *text)
{
	nd_buf_add(b, text, strlen(text) + 1);
}

static int copy_request(struct nd_httpc_exchange *x, const struct nd_httpc_request *r)
{
	const char *method = r->method ? r->method : "GET";

	if (!is_token(method) || strcmp(method, "CONNECT") == 0 || !r->target ||
	    !is_target(r->target))
		return ND_EFORMAT;
	if (r->nheaders > ND_HTTPC_HEADERS_MAX)
		return ND_ELIMIT;
	add_text(&x->request, method);
	add_text(&x->request, r->target);
	for (size_t i = 0; i < r->nheaders; i++) {
		const struct nd_httpc_header *h = &r->headers[i];
		if (!is_token(h->name) || is_reserved(h->name) || !is_value(h->value))
			return ND_EFORMAT;
		add_text(&x->request, h->name);
		add_text(&x->request, h->value);
	}
	if (r->body_bytes)
		nd_buf_add(&x->body, r->body, r->body_bytes);
	x->is_head = strcmp(method, "HEAD") == 0;
	x->safe = x->is_head || strcmp(method, "GET") == 0;
	return x->request.err ? x->request.err : x->body.err;
}

const char *nd_httpc_next_text(const struct nd_buf *texts, const char *last)
{
	const char *next = last ? last + strlen(last) + 1 : texts->data;

	return next && next < texts->data + texts->len ? next : NULL;
}

/* --- the end --- */

static void free_exchange(struct nd_httpc_exchange *x)
{
	nd_buf_clear(&x->request);
	nd_buf_clear(&x->body);
	nd_buf_clear(&x->head);
	nd_buf_clear(&x->held);
	free(x);
}

static void leave(struct nd_httpc_exchange *x)
{
	if (--x->busy == 0 && x->gone)
		free_exchange(x);
}

/* Removes x from all lists and stops its timers; x->busy keeps its memory. */
static void detach(struct nd_httpc_exchange *x, bool drop)
{
	struct nd_httpc_conn *conn = x->conn;

	x->gone = true;
	nd_timer_stop(&x->timer);
	nd_timer_stop(&x->resume);
	nd_list_del(&x->all);
	x->client->stats.exchanges--;
	if (!conn) {
		x->client->nwaiting -= nd_list_linked(&x->node);
		nd_list_del(&x->node);
		return;
	}
	nd_httpc_conn_enter(conn);
	nd_httpc_conn_leave(conn, x);
	if (drop)
		nd_httpc_conn_drop(conn, x);
	nd_httpc_conn_exit(conn);
}

static void finish(struct nd_httpc_exchange *x, int err, const char *why, bool drop)
{
	if (x->gone)
		return;
	x->busy++;
	snprintf(x->text, sizeof x->text, "%.200s: %s", x->client->where, why ? why : "no error");
	detach(x, drop);
	x->handler.on_end(x->handler.ctx, x, err);
	leave(x);
}

void nd_httpc_end(struct nd_httpc_exchange *x, int err, const char *why)
{
	finish(x, err, why, false);
}

void nd_httpc_retry_or_end(struct nd_httpc_exchange *x, int err, const char *why)
{
	struct nd_httpc *c = x->client;

	if (x->gone)
		return;
	if (x->headed || x->retried || !x->request.len) {
		nd_httpc_end(x, err, why);
		return;
	}
	x->retried = true;
	x->body_sent = 0;
	x->early = 0;
	x->stream = 0;
	nd_buf_reset(&x->head);
	if (x->conn)
		nd_httpc_conn_leave(x->conn, x);
	c->stats.retried++;
	c->nwaiting++;
	nd_list_push(&c->waiting, &x->node);
	nd_httpc_dispatch(c);
}

void nd_httpc_cancel(struct nd_httpc_exchange *x)
{
	if (!x || x->gone)
		return;
	x->busy++;
	detach(x, true);
	leave(x);
}

/* --- timeouts --- */

static void on_time(struct nd_timer *t)
{
	struct nd_httpc_exchange *x = ND_CONTAINER(t, struct nd_httpc_exchange, timer);

	finish(x, ND_ETIME,
	       x->headed ? "timed out within the response" : "timed out waiting for the response",
	       true);
}

void nd_httpc_arm_timer(struct nd_httpc_exchange *x)
{
	uint64_t ns = !x->headed ? x->head_ns : x->paused ? 0 : x->idle_ns;

	if (x->until_ns) {
		uint64_t now = nd_loop_now_ns(x->client->loop);
		uint64_t left = x->until_ns > now ? x->until_ns - now : 1;
		ns = ns && ns < left ? ns : left;
	}
	if (ns)
		nd_timer_start(x->client->loop, &x->timer, ns, on_time);
	else
		nd_timer_stop(&x->timer);
}

/* --- the response --- */

bool nd_httpc_give_head(struct nd_httpc_exchange *x, int status)
{
	x->busy++;
	x->headed = true;
	x->status = status;
	nd_httpc_arm_timer(x);
	if (x->handler.on_head)
		x->handler.on_head(x->handler.ctx, x, status);
	bool alive = !x->gone;
	nd_buf_clear(&x->head);
	leave(x);
	return alive;
}

bool nd_httpc_give_data(struct nd_httpc_exchange *x, const void *bytes, size_t n)
{
	x->busy++;
	if (x->handler.on_data && n)
		x->handler.on_data(x->handler.ctx, x, bytes, n);
	bool alive = !x->gone;
	if (alive)
		nd_httpc_arm_timer(x);
	leave(x);
	return alive;
}

bool nd_httpc_give_held(struct nd_httpc_exchange *x)
{
	struct nd_buf held = x->held;
	bool alive = true;

	nd_buf_init(&x->held, held.max);
	if (held.len)
		alive = nd_httpc_give_data(x, held.data, held.len);
	nd_buf_clear(&held);
	if (!alive || !x->complete || x->paused)
		return alive;
	nd_httpc_end(x, 0, NULL);
	return false;
}

static void on_resume(struct nd_timer *t)
{
	struct nd_httpc_exchange *x = ND_CONTAINER(t, struct nd_httpc_exchange, resume);
	struct nd_httpc_conn *conn = x->conn;

	if (!conn) {
		if (x->complete)
			nd_httpc_give_held(x);
		return;
	}
	nd_httpc_conn_enter(conn);
	int err = conn->dead ? 0 : conn->engine->resume(conn, x);
	if (err)
		nd_httpc_conn_fail(conn, err);
	nd_httpc_conn_exit(conn);
}

void nd_httpc_pause(struct nd_httpc_exchange *x, bool paused)
{
	if (x->gone || x->paused == paused)
		return;
	x->paused = paused;
	nd_httpc_arm_timer(x);
	if (paused) {
		nd_timer_stop(&x->resume);
		if (x->conn)
			x->conn->engine->pause(x->conn, x);
	} else if (x->conn || x->complete) {
		nd_timer_start(x->client->loop, &x->resume, 0, on_resume);
	}
}

/* --- the client's functions --- */

int nd_httpc_send(struct nd_httpc *c, const struct nd_httpc_request *request,
		  const struct nd_httpc_handler *handler, struct nd_httpc_exchange **out)
{
	if (c->stats.exchanges >= c->config.exchanges)
		return ND_ELIMIT;
	struct nd_httpc_exchange *x = calloc(1, sizeof *x);
	if (!x)
		return -ENOMEM;
	x->client = c;
	x->handler = *handler;
	x->head_ns = request->head_ns;
	x->idle_ns = request->idle_ns;
	if (request->total_ns)
		x->until_ns = nd_loop_now_ns(c->loop) + request->total_ns;
	nd_buf_init(&x->request, REQUEST_MAX);
	nd_buf_init(&x->body, ND_HTTPC_BODY_MAX);
	nd_buf_init(&x->head, c->config.head_bytes);
	nd_buf_init(&x->held, 2 * c->config.window_bytes);
	int err = copy_request(x, request);
	if (err) {
		free_exchange(x);
		return err;
	}
	nd_list_add(&c->all, &x->all);
	nd_list_add(&c->waiting, &x->node);
	c->nwaiting++;
	c->stats.exchanges++;
	c->stats.sent++;
	nd_httpc_arm_timer(x);
	nd_httpc_dispatch(c);
	*out = x;
	return 0;
}

const char *nd_httpc_header(const struct nd_httpc_exchange *x, const char *name)
{
	for (const char *at = nd_httpc_next_text(&x->head, NULL), *value; at;
	     at = nd_httpc_next_text(&x->head, value)) {
		value = nd_httpc_next_text(&x->head, at);
		if (!value)
			return NULL;
		if (strcasecmp(at, name) == 0)
			return value;
	}
	return NULL;
}

const char *nd_httpc_error_text(const struct nd_httpc_exchange *x)
{
	return x->text;
}

unsigned nd_httpc_version(const struct nd_httpc_exchange *x)
{
	return x->version;
}
