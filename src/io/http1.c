/* SPDX-License-Identifier: Apache-2.0 */
/* A request is answered as soon as it is complete, so responses are sent in the order of the
 * requests. A client that pipelines without reading exceeds the connection's write limit and is
 * disconnected. */
#include "io/http1.h"

#include <errno.h>
#include <http_parser.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/err.h"
#include "base/list.h"
#include "io/clock.h"
#include "io/tcp.h"

#define IDLE_NS ND_S(10)

enum {
	REQUEST_MAX = 8192, /* line, headers and body */
	CONNECTIONS_MAX = 64,
	RESPONSE_MAX = 16 << 20, /* the metrics of a large cluster */
	QUEUED_MAX = RESPONSE_MAX + 65536,
	ANSWER_MAX = 4 << 20, /* body of the response to a GET */
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

struct connection {
	struct nd_list node; /* in server->connections */
	struct nd_http1_server *server;
	struct nd_tcp *tcp;
	struct nd_timer idle;
	http_parser parser;
	struct nd_buf target; /* of the request line */
	size_t request_bytes;
	int refuse; /* status to send instead of calling the handler, then close; 0: none */
	bool close; /* the last response was sent */
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

static void drop(struct connection *c)
{
	nd_list_del(&c->node);
	c->server->count--;
	nd_timer_stop(&c->idle);
	nd_buf_clear(&c->target);
	free(c);
}

static void hang_up(struct connection *c)
{
	nd_tcp_close(c->tcp);
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

/* Queues the response; false if the write limit is exceeded. */
static bool respond(struct connection *c, struct nd_http1_response *res)
{
	struct nd_buf head;
	bool is_head = c->parser.method == HTTP_HEAD && !c->refuse;

	if (res->body.err) {
		nd_buf_reset(&res->body);
		res->status = 500;
	}
	nd_buf_init(&head, HEAD_MAX);
	nd_buf_printf(&head, "HTTP/1.1 %d %s\r\nContent-Type: %.128s\r\nContent-Length: %zu\r\n",
		      res->status, reason(res->status), res->content_type, res->body.len);
	add_date(&head);
	if (res->status == 405)
		nd_buf_text(&head, "Allow: GET, HEAD\r\n");
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

	if (c->parser.method != HTTP_GET && c->parser.method != HTTP_HEAD)
		return respond_plain(c, 405);
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

static int on_request(http_parser *p)
{
	struct connection *c = p->data;

	if (c->refuse)
		return 1;
	c->close = !http_should_keep_alive(p);
	if (!answer(c))
		c->close = true;
	if (c->close)
		return 1;
	nd_timer_start(c->server->loop, &c->idle, IDLE_NS, on_idle);
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

static void on_server_data(void *ctx, struct nd_tcp *tcp, const uint8_t *bytes, size_t n)
{
	struct connection *c = ctx;
	(void)tcp;

	http_parser_execute(&c->parser, &request_settings, (const char *)bytes, n);
	bool failed = HTTP_PARSER_ERRNO(&c->parser) != HPE_OK;
	if (failed && !c->close) {
		c->close = true;
		c->refuse = c->refuse ? c->refuse : 400;
	}
	if (c->refuse) {
		c->close = true;
		respond_plain(c, c->refuse);
	}
	if (c->close)
		hang_up(c);
}

static void on_server_close(void *ctx, struct nd_tcp *tcp, int err)
{
	(void)tcp;
	(void)err;
	drop(ctx);
}

static void on_accept(void *ctx, struct nd_tcp *tcp)
{
	struct nd_http1_server *s = ctx;
	struct connection *c = s->count < CONNECTIONS_MAX ? malloc(sizeof *c) : NULL;

	if (!c) {
		nd_tcp_close(tcp);
		return;
	}
	*c = (struct connection){ .server = s, .tcp = tcp };
	http_parser_init(&c->parser, HTTP_REQUEST);
	c->parser.data = c;
	nd_buf_init(&c->target, REQUEST_MAX);
	nd_list_add(&s->connections, &c->node);
	s->count++;
	nd_tcp_set_max_queued(tcp, QUEUED_MAX);
	nd_timer_start(s->loop, &c->idle, IDLE_NS, on_idle);
	nd_tcp_start(tcp, &(struct nd_tcp_handler){ .ctx = c,
						    .on_data = on_server_data,
						    .on_close = on_server_close });
}

int nd_http1_server_new(struct nd_loop *loop, const struct nd_addr *addr,
			void (*handle)(void *ctx, const struct nd_http1_request *req,
				       struct nd_http1_response *res),
			void *ctx, struct nd_http1_server **out)
{
	struct nd_http1_server *s = malloc(sizeof *s);
	/* SO_REUSEPORT as CoreDNS: during an upgrade the old and the new process both listen. */
	struct nd_tcp_options o = { .reuseport = true, .backlog = CONNECTIONS_MAX };

	if (!s)
		return -ENOMEM;
	*s = (struct nd_http1_server){ .loop = loop, .handle = handle, .ctx = ctx };
	nd_list_init(&s->connections);
	int err = nd_tcp_listen(loop, addr, &o, on_accept, s, &s->listener);
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

/* --- the GET --- */

struct get {
	struct nd_tcp *tcp;
	struct nd_timer deadline;
	struct nd_buf request, body;
	http_parser parser;
	bool complete;
	void (*done)(void *ctx, int status, const char *body, size_t n);
	void *ctx;
};

static void free_get(struct get *g)
{
	nd_timer_stop(&g->deadline);
	nd_buf_clear(&g->request);
	nd_buf_clear(&g->body);
	free(g);
}

/* Calls done. The stream is closed already, or the caller closes it. */
static void finish(struct get *g, int status)
{
	if (status > 0)
		g->done(g->ctx, status, nd_buf_string(&g->body), g->body.len);
	else
		g->done(g->ctx, status, "", 0);
	free_get(g);
}

static void abandon(struct get *g, int status)
{
	nd_tcp_close(g->tcp);
	finish(g, status);
}

static void on_deadline(struct nd_timer *t)
{
	abandon(ND_CONTAINER(t, struct get, deadline), ND_ETIME);
}

static int on_answer_body(http_parser *p, const char *bytes, size_t n)
{
	struct get *g = p->data;

	return nd_buf_add(&g->body, bytes, n) != 0;
}

static int on_answer_complete(http_parser *p)
{
	struct get *g = p->data;

	g->complete = p->status_code >= 200; /* skips 1xx responses */
	return g->complete;
}

static const http_parser_settings answer_settings = {
	.on_body = on_answer_body,
	.on_message_complete = on_answer_complete,
};

static void on_get_open(void *ctx, struct nd_tcp *tcp, int err)
{
	struct get *g = ctx;

	if (err) {
		finish(g, err);
		return;
	}
	err = nd_tcp_write(tcp, g->request.data, g->request.len);
	if (err)
		abandon(g, err);
}

static void on_get_data(void *ctx, struct nd_tcp *tcp, const uint8_t *bytes, size_t n)
{
	struct get *g = ctx;
	(void)tcp;

	http_parser_execute(&g->parser, &answer_settings, (const char *)bytes, n);
	if (g->complete)
		abandon(g, (int)g->parser.status_code);
	else if (g->body.err)
		abandon(g, g->body.err);
	else if (HTTP_PARSER_ERRNO(&g->parser) != HPE_OK || g->parser.upgrade)
		abandon(g, ND_EFORMAT);
}

static void on_get_close(void *ctx, struct nd_tcp *tcp, int err)
{
	struct get *g = ctx;
	(void)tcp;

	if (!err) /* the end of a body without a length */
		http_parser_execute(&g->parser, &answer_settings, NULL, 0);
	finish(g, g->complete ? (int)g->parser.status_code : err ? err : ND_ECLOSED);
}

int nd_http1_get(struct nd_loop *loop, const struct nd_addr *addr, const char *path,
		 uint64_t timeout_ns,
		 void (*done)(void *ctx, int status, const char *body, size_t n), void *ctx)
{
	char host[ND_ADDR_TEXT_MAX];
	struct nd_tcp_handler h = { .on_open = on_get_open,
				    .on_data = on_get_data,
				    .on_close = on_get_close };
	struct get *g = malloc(sizeof *g);

	if (!g)
		return -ENOMEM;
	*g = (struct get){ .done = done, .ctx = ctx };
	h.ctx = g;
	http_parser_init(&g->parser, HTTP_RESPONSE);
	g->parser.data = g;
	nd_buf_init(&g->body, ANSWER_MAX);
	nd_buf_init(&g->request, REQUEST_MAX);
	nd_addr_format(addr, host);
	nd_buf_printf(&g->request, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path,
		      host);
	int err = g->request.err ? g->request.err : nd_tcp_connect(loop, addr, NULL, &h, &g->tcp);
	if (err) {
		free_get(g);
		return err;
	}
	nd_timer_start(loop, &g->deadline, timeout_ns, on_deadline);
	return 0;
}
