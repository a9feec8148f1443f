/* SPDX-License-Identifier: Apache-2.0 */
/* A connection answers one request per turn of the loop, and takes the next one when the response
 * to the last is written. So a client that pipelines without reading costs one response, and a
 * crowd of them leaves the loop to others between any two requests.
 *
 * When the table is full a new connection takes the place of another: of the client address with
 * the most connections, the one that is idle longest (victim()). */
#include "io/http1.h"

#include <errno.h>
#include <http_parser.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/budget.h"
#include "base/err.h"
#include "base/list.h"
#include "io/clock.h"
#include "io/nofile.h"
#include "io/tcp.h"

#define IDLE_NS ND_S(10)    /* for a request to be complete, and for a response to be written */
#define GRACE_NS ND_MS(500) /* a request that has begun is left alone for so long */

enum {
	REQUEST_MAX = 8192,              /* line, headers and body */
	RECEIVE_BYTES = 2 * REQUEST_MAX, /* in the kernel */
	CONNECTIONS_MAX = ND_HTTP1_CONNECTIONS_MAX,
	RESPONSE_MAX = 16 << 20, /* the metrics of a large cluster */
	QUEUED_MAX = RESPONSE_MAX + 65536,
	PENDING_MAX = 2 * 65536, /* read, and not parsed yet; a read has 64 KiB */
	HEAD_MAX = 512,
};

struct nd_http1_server {
	struct nd_loop *loop;
	struct nd_tcp_listener *listener;
	void (*handle)(void *ctx, const struct nd_http1_request *req,
		       struct nd_http1_response *res);
	void *ctx;
	struct nd_list connections;
	unsigned count;
};

/* From the best victim to the worst. */
enum state {
	WAITING,   /* for the first byte of a request, after a response */
	SENDING,   /* a response */
	CLOSING,   /* the last response */
	RECEIVING, /* a request, or nothing yet on a new connection */
};

struct connection {
	struct nd_list node; /* in server->connections, the oldest first */
	struct nd_http1_server *server;
	struct nd_tcp *tcp;
	struct nd_addr peer;
	enum state state;
	uint64_t since_ns; /* the state's beginning */
	struct nd_timer idle, next;
	http_parser parser;
	struct nd_buf target;  /* of the request line */
	struct nd_buf pending; /* bytes after the request that is being answered */
	size_t request_bytes;
	size_t charged; /* bytes of the response, in the budget */
	int refuse;     /* status to send instead of calling the handler, then close; 0: none */
	bool close;     /* after the response */
	bool failed;    /* no response is possible: close at once */
};

static const char *reason(int status)
{
	switch (status) {
#define CASE(code, name, text) \
	case code: return #text;
		HTTP_STATUS_MAP(CASE)
#undef CASE
	}
	return "Status";
}

static void enter(struct connection *c, enum state state)
{
	c->state = state;
	c->since_ns = nd_loop_now_ns(c->server->loop);
}

static void uncharge(struct connection *c)
{
	nd_budget_give(ND_BUDGET_HTTP, c->charged);
	c->charged = 0;
}

/* Connections of all servers that took a descriptor of the clients' part: those of a server beyond
 * ND_HTTP1_CONNECTIONS_MIN. The most is a quarter of the part, so that DNS has the rest. */
static _Atomic uint32_t shared;

static bool take_descriptor(void)
{
	if (atomic_fetch_add_explicit(&shared, 1, memory_order_relaxed) < nd_nofile_max() / 4 &&
	    nd_nofile_take())
		return true;
	atomic_fetch_sub_explicit(&shared, 1, memory_order_relaxed);
	return false;
}

static void give_descriptor(void)
{
	atomic_fetch_sub_explicit(&shared, 1, memory_order_relaxed);
	nd_nofile_give();
}

static void drop(struct connection *c)
{
	nd_list_del(&c->node);
	if (c->server->count-- > ND_HTTP1_CONNECTIONS_MIN)
		give_descriptor();
	nd_timer_stop(&c->idle);
	nd_timer_stop(&c->next);
	nd_buf_clear(&c->target);
	nd_buf_clear(&c->pending);
	uncharge(c);
	free(c);
}

static void hang_up(struct connection *c)
{
	nd_tcp_abort(c->tcp);
	drop(c);
}

static void on_idle(struct nd_timer *t)
{
	hang_up(ND_CONTAINER(t, struct connection, idle));
}

/* RFC 9110 s6.6.1: a server with a clock sends Date. */
static void add_date(struct nd_buf *head)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t now = (time_t)(nd_clock_wall_ns() / ND_NS_PER_S);
	struct tm t;

	gmtime_r(&now, &t); /* not strftime(), which depends on the locale */
	nd_buf_printf(head, "Date: %.3s, %02d %.3s %d %02d:%02d:%02d GMT\r\n", days + 3 * t.tm_wday,
		      t.tm_mday, months + 3 * t.tm_mon, t.tm_year + 1900, t.tm_hour, t.tm_min,
		      t.tm_sec);
}

/* Takes the response's bytes from the budget; without room the response becomes an empty 503. */
static void charge(struct connection *c, struct nd_http1_response *res)
{
	if (nd_budget_take(ND_BUDGET_HTTP, res->body.len)) {
		c->charged += res->body.len;
		return;
	}
	nd_buf_reset(&res->body);
	res->status = 503;
	c->close = true;
}

/* Queues the response; false if that is impossible. */
static bool respond(struct connection *c, struct nd_http1_response *res)
{
	struct nd_buf head;
	bool is_head = c->parser.method == HTTP_HEAD && !c->refuse;

	if (res->body.err) {
		nd_buf_reset(&res->body);
		res->status = 500;
	}
	charge(c, res);
	nd_buf_init(&head, HEAD_MAX);
	nd_buf_printf(&head, "HTTP/1.1 %d %s\r\nContent-Type: %.128s\r\nContent-Length: %zu\r\n",
		      res->status, reason(res->status), res->content_type, res->body.len);
	add_date(&head);
	if (c->close)
		nd_buf_text(&head, "Connection: close\r\n");
	else if (c->parser.http_minor == 0)
		nd_buf_text(&head, "Connection: keep-alive\r\n");
	nd_buf_text(&head, "\r\n");

	bool ok = !head.err && nd_tcp_write(c->tcp, head.data, head.len) == 0;
	if (ok && !is_head && res->body.len)
		ok = nd_tcp_write(c->tcp, res->body.data, res->body.len) == 0;
	nd_buf_clear(&head);
	return ok;
}

static struct nd_http1_response new_response(int status)
{
	struct nd_http1_response res = { .status = status,
					 .content_type = "text/plain; charset=utf-8" };

	nd_buf_init(&res.body, RESPONSE_MAX);
	return res;
}

/* Sends a status with its reason phrase as the body. */
static bool respond_plain(struct connection *c, int status)
{
	struct nd_http1_response res = new_response(status);

	nd_buf_printf(&res.body, "%d %s\n", status, reason(status));
	bool ok = respond(c, &res);
	nd_buf_clear(&res.body);
	return ok;
}

/* Splits the target ("/a?b", "http://host/a?b") in place. False if it is invalid. */
static bool split_target(struct nd_buf *target, struct nd_http1_request *req)
{
	struct http_parser_url url;

	http_parser_url_init(&url);
	if (!target->len || http_parser_parse_url(target->data, target->len, 0, &url))
		return false;
	req->path = "/";
	req->query = "";
	if (url.field_set & 1 << UF_QUERY) {
		req->query = target->data + url.field_data[UF_QUERY].off;
		target->data[url.field_data[UF_QUERY].off + url.field_data[UF_QUERY].len] = '\0';
	}
	if (url.field_set & 1 << UF_PATH) {
		req->path = target->data + url.field_data[UF_PATH].off;
		target->data[url.field_data[UF_PATH].off + url.field_data[UF_PATH].len] = '\0';
	}
	return true;
}

static bool answer(struct connection *c)
{
	struct nd_http1_request req = { .method = http_method_str(c->parser.method) };

	if (!split_target(&c->target, &req)) {
		c->close = true;
		return respond_plain(c, 400);
	}
	struct nd_http1_response res = new_response(200);
	c->server->handle(c->server->ctx, &req, &res);
	bool ok = respond(c, &res);
	nd_buf_clear(&res.body);
	return ok;
}

/* --- callbacks of the parser; a result other than 0 stops it --- */

static int on_request_begin(http_parser *p)
{
	struct connection *c = p->data;

	nd_buf_reset(&c->target);
	c->request_bytes = 0;
	return 0;
}

static int count_head(http_parser *p, const char *bytes, size_t n)
{
	struct connection *c = p->data;
	(void)bytes;

	c->request_bytes += n;
	if (c->request_bytes > REQUEST_MAX)
		c->refuse = 431;
	return c->refuse != 0;
}

static int count_body(http_parser *p, const char *bytes, size_t n)
{
	struct connection *c = p->data;
	(void)bytes;

	c->request_bytes += n;
	if (c->request_bytes > REQUEST_MAX)
		c->refuse = 413;
	return c->refuse != 0;
}

static int on_target(http_parser *p, const char *bytes, size_t n)
{
	struct connection *c = p->data;

	if (nd_buf_add(&c->target, bytes, n))
		c->refuse = 414;
	return c->refuse ? 1 : count_head(p, bytes, n);
}

static int on_headers(http_parser *p)
{
	struct connection *c = p->data;

	p->upgrade = 0; /* an Upgrade header is ignored, as RFC 9110 s7.8 allows */
	/* Checked here: the client may wait for a response before it sends the body. */
	if (p->content_length != UINT64_MAX && p->content_length > REQUEST_MAX)
		c->refuse = 413;
	return 0;
}

/* Stops the parser, so that it takes no further request now. */
static int on_request(http_parser *p)
{
	struct connection *c = p->data;

	if (c->refuse)
		return 1;
	c->close = !http_should_keep_alive(p);
	if (!answer(c)) {
		c->failed = true;
		return 1;
	}
	enter(c, SENDING);
	http_parser_pause(p, 1);
	return 0;
}

static const http_parser_settings request_settings = {
	.on_message_begin = on_request_begin,
	.on_url = on_target,
	.on_header_field = count_head,
	.on_header_value = count_head,
	.on_headers_complete = on_headers,
	.on_body = count_body,
	.on_message_complete = on_request,
};

/* The response is the last one: it is written, and then the connection ends. */
static void finish(struct connection *c)
{
	enter(c, CLOSING);
	nd_timer_stop(&c->idle); /* nd_tcp_finish() has a time limit of its own */
	nd_timer_stop(&c->next);
	nd_tcp_finish(c->tcp);
}

/* Parses up to the end of a request and keeps the bytes after it. */
static void parse(struct connection *c, const char *bytes, size_t n)
{
	size_t used = http_parser_execute(&c->parser, &request_settings, bytes, n);
	enum http_errno err = HTTP_PARSER_ERRNO(&c->parser);

	if (c->failed) {
		hang_up(c);
		return;
	}
	if (err != HPE_OK && err != HPE_PAUSED && !c->refuse)
		c->refuse = 400;
	if (c->refuse) {
		c->close = true;
		respond_plain(c, c->refuse);
	}
	if (c->close && (c->refuse || c->state == SENDING)) {
		finish(c);
		return;
	}
	if (c->state != SENDING) {
		if (n && c->state == WAITING)
			enter(c, RECEIVING);
		return;
	}
	nd_timer_start(c->server->loop, &c->idle, IDLE_NS, on_idle);
	nd_tcp_pause(c->tcp, true);
	if (nd_buf_add(&c->pending, bytes + used, n - used))
		hang_up(c);
}

/* The turn after a response was written: the next request, if its bytes are here already. */
static void on_next(struct nd_timer *t)
{
	struct connection *c = ND_CONTAINER(t, struct connection, next);
	struct nd_buf bytes = c->pending;

	nd_buf_init(&c->pending, PENDING_MAX);
	http_parser_pause(&c->parser, 0);
	nd_tcp_pause(c->tcp, false);
	if (bytes.len)
		parse(c, bytes.data, bytes.len);
	nd_buf_clear(&bytes);
}

static void on_server_drain(void *ctx, struct nd_tcp *tcp)
{
	struct connection *c = ctx;
	(void)tcp;

	if (c->state != SENDING)
		return;
	uncharge(c);
	enter(c, WAITING);
	nd_timer_start(c->server->loop, &c->idle, IDLE_NS, on_idle);
	nd_timer_start(c->server->loop, &c->next, 0, on_next);
}

static void on_server_data(void *ctx, struct nd_tcp *tcp, const uint8_t *bytes, size_t n)
{
	struct connection *c = ctx;
	(void)tcp;

	/* Bytes that were read before the pause took effect. */
	if (c->state == SENDING || c->next.node.linked) {
		if (nd_buf_add(&c->pending, bytes, n))
			hang_up(c);
		return;
	}
	parse(c, (const char *)bytes, n);
}

static void on_server_close(void *ctx, struct nd_tcp *tcp, int err)
{
	(void)tcp;
	(void)err;
	drop(ctx);
}

/* --- connections --- */

static unsigned connections_of(const struct nd_http1_server *s, const struct nd_addr *peer)
{
	unsigned n = 0;

	ND_LIST_EACH(&s->connections, it) {
		const struct connection *c = ND_LIST_ENTRY(it, struct connection, node);
		n += nd_addr_same_ip(&c->peer, peer);
	}
	return n;
}

/* A request that has just begun ranks last: a probe is answered within milliseconds. */
static bool worse(const struct connection *a, const struct connection *b, uint64_t now_ns)
{
	bool young_a = a->state == RECEIVING && now_ns - a->since_ns < GRACE_NS;
	bool young_b = b->state == RECEIVING && now_ns - b->since_ns < GRACE_NS;

	if (young_a != young_b)
		return young_b;
	if (a->state != b->state)
		return a->state < b->state;
	return a->since_ns < b->since_ns;
}

/* The connection that makes room for a new one. */
static struct connection *victim(struct nd_http1_server *s)
{
	struct connection *worst = NULL;
	uint64_t now_ns = nd_loop_now_ns(s->loop);
	unsigned most = 0;

	ND_LIST_EACH(&s->connections, it) {
		struct connection *c = ND_LIST_ENTRY(it, struct connection, node);
		unsigned n = connections_of(s, &c->peer);
		if (n > most || (n == most && worse(c, worst, now_ns))) {
			worst = c;
			most = n;
		}
	}
	return worst;
}

static void on_accept(void *ctx, struct nd_tcp *tcp)
{
	struct nd_http1_server *s = ctx;
	struct connection *c = malloc(sizeof *c);

	if (!c) {
		nd_tcp_abort(tcp);
		return;
	}
	while (s->count == CONNECTIONS_MAX ||
	       (s->count >= ND_HTTP1_CONNECTIONS_MIN && !take_descriptor()))
		hang_up(victim(s));
	*c = (struct connection){ .server = s, .tcp = tcp, .peer = nd_tcp_peer(tcp) };
	http_parser_init(&c->parser, HTTP_REQUEST);
	c->parser.data = c;
	nd_buf_init(&c->target, REQUEST_MAX);
	nd_buf_init(&c->pending, PENDING_MAX);
	nd_list_add(&s->connections, &c->node);
	s->count++;
	enter(c, RECEIVING);
	nd_tcp_set_max_queued(tcp, QUEUED_MAX);
	nd_timer_start(s->loop, &c->idle, IDLE_NS, on_idle);
	nd_tcp_start(tcp, &(struct nd_tcp_handler){ .ctx = c,
						    .on_data = on_server_data,
						    .on_drain = on_server_drain,
						    .on_close = on_server_close });
}

/* All addresses are both families, as in Go, where the machine has IPv6. */
static int open_listener(struct nd_http1_server *s, const struct nd_addr *addr)
{
	static const uint8_t any[16];
	/* SO_REUSEPORT as CoreDNS: during an upgrade the old and the new process both listen. */
	struct nd_tcp_options o = { .reuseport = true,
				    .backlog = CONNECTIONS_MAX,
				    .receive_bytes = RECEIVE_BYTES };

	if (!nd_addr_is_any(addr))
		return nd_tcp_listen(s->loop, addr, &o, on_accept, s, &s->listener);
	struct nd_addr all = nd_addr_from(AF_INET6, any, nd_addr_port(addr));
	int err = nd_tcp_listen(s->loop, &all, &o, on_accept, s, &s->listener);
	if (err != -EAFNOSUPPORT && err != -EADDRNOTAVAIL)
		return err;
	all = nd_addr_from(AF_INET, any, nd_addr_port(addr));
	return nd_tcp_listen(s->loop, &all, &o, on_accept, s, &s->listener);
}

int nd_http1_server_new(struct nd_loop *loop, const struct nd_addr *addr,
			void (*handle)(void *ctx, const struct nd_http1_request *req,
				       struct nd_http1_response *res),
			void *ctx, struct nd_http1_server **out)
{
	struct nd_http1_server *s = malloc(sizeof *s);

	if (!s)
		return -ENOMEM;
	*s = (struct nd_http1_server){ .loop = loop, .handle = handle, .ctx = ctx };
	nd_list_init(&s->connections);
	int err = open_listener(s, addr);
	if (err) {
		free(s);
		return err;
	}
	*out = s;
	return 0;
}

void nd_http1_server_free(struct nd_http1_server *s)
{
	if (!s)
		return;
	ND_LIST_EACH(&s->connections, node)
		hang_up(ND_LIST_ENTRY(node, struct connection, node));
	nd_tcp_listener_close(s->listener);
	free(s);
}

struct nd_addr nd_http1_server_local(const struct nd_http1_server *s)
{
	return nd_tcp_listener_local(s->listener);
}
