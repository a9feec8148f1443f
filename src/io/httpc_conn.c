/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that comes from a connection or from its timer passes here, between enter and exit: in between a dead
 * connection's memory stays. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "io/clock.h"
#include "io/h1.h"
#include "io/h2.h"
#include "io/httpc_parts.h"

enum { QUEUED_MAX = 2 * ND_HTTPC_BODY_MAX + (256 << 10) };

void nd_httpc_conn_enter(struct nd_httpc_conn *c)
{
	c->busy++;
}

void nd_httpc_conn_exit(struct nd_httpc_conn *c)
{
	if (--c->busy || !c->dead)
		return;
	if (c->engine)
		c->engine->clear(c);
	free(c);
}

int nd_httpc_conn_say(struct nd_httpc_conn *c, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	/* The analyzer forgets va_start where it follows a call from this same file. */
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
	vsnprintf(c->text, sizeof c->text, format, args);
	va_end(args);
	return err;
}

int nd_httpc_conn_write(struct nd_httpc_conn *c, const void *bytes, size_t n)
{
	if (c->dead)
		return ND_ECLOSED;
	int err = c->tls ? nd_tls_write(c->tls, bytes, n) : nd_tcp_write(c->tcp, bytes, n);
	return err ? nd_httpc_conn_say(c, err, "write: %s", nd_err_text(err)) : 0;
}

size_t nd_httpc_conn_queued(const struct nd_httpc_conn *c)
{
	return c->tls ? nd_tls_queued(c->tls) : c->tcp ? nd_tcp_queued(c->tcp) : 0;
}

void nd_httpc_conn_pause(struct nd_httpc_conn *c, bool paused)
{
	if (c->tls)
		nd_tls_pause(c->tls, paused);
	else if (c->tcp)
		nd_tcp_pause(c->tcp, paused);
}

/* --- ends --- */

void nd_httpc_conn_kill(struct nd_httpc_conn *c)
{
	if (c->dead)
		return;
	nd_httpc_conn_enter(c);
	c->dead = true;
	c->client->stats.connections--;
	nd_list_del(&c->node);
	nd_timer_stop(&c->timer);
	nd_timer_stop(&c->soon);
	nd_tls_close(c->tls);
	nd_tcp_close(c->tcp);
	c->tls = NULL;
	c->tcp = NULL;
	if (c->client->nwaiting)
		nd_httpc_kick(c->client);
	nd_httpc_conn_exit(c);
}

/* Whether x can have had no effect because the connection was gone before it was sent: the server may close a kept
 * connection at any time (RFC 9112 s9.3.1). */
static bool came_too_late(const struct nd_httpc_conn *c, const struct nd_httpc_exchange *x)
{
	return x->safe && c->served && c->heard == x->heard;
}

void nd_httpc_conn_fail(struct nd_httpc_conn *c, int err)
{
	bool opened = c->open;

	if (c->dead)
		return;
	nd_httpc_conn_enter(c);
	struct nd_httpc *client = c->client;
	client->busy++;
	nd_httpc_conn_kill(c);
	while (!nd_list_empty(&c->exchanges)) {
		struct nd_httpc_exchange *x = ND_LIST_ENTRY(c->exchanges.next,
							    struct nd_httpc_exchange, node);
		if (came_too_late(c, x))
			nd_httpc_end_or_again(x, err, c->text);
		else
			nd_httpc_end(x, err, c->text);
	}
	if (!opened && !client->gone) {
		client->stats.failed_connects++;
		nd_httpc_fail_waiting(client, err, c->text);
	}
	if (--client->busy == 0 && client->gone)
		free(client);
	nd_httpc_conn_exit(c);
}

void nd_httpc_conn_drop(struct nd_httpc_conn *c, struct nd_httpc_exchange *x)
{
	if (!c->dead)
		c->engine->drop(c, x);
}

/* --- time --- */

static void watch(struct nd_httpc_conn *c);

static void on_time(struct nd_timer *t)
{
	struct nd_httpc_conn *c = ND_CONTAINER(t, struct nd_httpc_conn, timer);
	const struct nd_httpc_config *config = &c->client->config;
	uint64_t now = nd_loop_now_ns(c->client->loop);
	int err = 0;

	nd_httpc_conn_enter(c);
	if (!c->open) {
		err = nd_httpc_conn_say(c, ND_ETIME, "connect: timed out");
	} else if (c->count == 0) {
		nd_httpc_conn_kill(c);
	} else if (c->pinged_ns && now >= c->pinged_ns + config->pong_ns) {
		err = nd_httpc_conn_say(c, ND_ETIME, "the server does not answer a ping");
	} else if (!c->pinged_ns && now >= c->heard_ns + config->ping_ns) {
		c->pinged_ns = now;
		err = c->engine->ping(c);
	}
	if (err)
		nd_httpc_conn_fail(c, err);
	else if (!c->dead)
		watch(c);
	nd_httpc_conn_exit(c);
}

/* Arms the timer for what comes next in the state it is in. */
static void watch(struct nd_httpc_conn *c)
{
	const struct nd_httpc_config *config = &c->client->config;
	uint64_t now = nd_loop_now_ns(c->client->loop), at;

	if (c->count == 0) {
		at = now + config->keep_ns;
	} else if (c->engine->ping) {
		at = c->pinged_ns ? c->pinged_ns + config->pong_ns : c->heard_ns + config->ping_ns;
	} else {
		nd_timer_stop(&c->timer);
		return;
	}
	nd_timer_start(c->client->loop, &c->timer, at > now ? at - now : 0, on_time);
}

/* --- what comes --- */

static void on_data(struct nd_httpc_conn *c, const uint8_t *bytes, size_t n)
{
	nd_httpc_conn_enter(c);
	c->heard++;
	c->heard_ns = nd_loop_now_ns(c->client->loop);
	if (c->pinged_ns) {
		c->pinged_ns = 0;
		watch(c);
	}
	int err = c->engine->feed(c, bytes, n);
	if (err)
		nd_httpc_conn_fail(c, err);
	nd_httpc_conn_exit(c);
}

static void on_open(struct nd_httpc_conn *c, const char *alpn)
{
	struct nd_httpc *client = c->client;

	nd_httpc_conn_enter(c);
	bool h2 = c->tls ? strcmp(alpn, "h2") == 0 : client->config.versions == ND_HTTPC_H2;
	int err = 0;
	if (c->tls && !h2 && !(client->config.versions & ND_HTTPC_H1))
		err = nd_httpc_conn_say(c, ND_EFORMAT, "the server does not speak HTTP/2");
	c->engine = h2 ? &nd_h2_engine : &nd_h1_engine;
	c->heard_ns = nd_loop_now_ns(client->loop);
	if (c->tls)
		nd_tls_set_max_queued(c->tls, QUEUED_MAX);
	else
		nd_tcp_set_max_queued(c->tcp, QUEUED_MAX);
	if (!err)
		err = c->engine->open(c);
	if (err) {
		nd_httpc_conn_fail(c, err);
	} else {
		c->open = true;
		client->version = c->engine->version;
		watch(c);
		nd_httpc_kick(client);
	}
	nd_httpc_conn_exit(c);
}

/* err 0: its end was said. */
static void on_close(struct nd_httpc_conn *c, int err, const char *why)
{
	nd_httpc_conn_enter(c);
	if (!err)
		c->engine->eof(c);
	if (!c->draining || !c->text[0]) /* GOAWAY has said why */
		nd_httpc_conn_say(c, 0, "%s",
				  err ? why : "the server closed the connection before the end");
	nd_httpc_conn_fail(c, err ? err : ND_ECLOSED);
	nd_httpc_conn_exit(c);
}

static void on_drain(struct nd_httpc_conn *c)
{
	nd_httpc_conn_enter(c);
	int err = c->open ? c->engine->drain(c) : 0;
	if (err)
		nd_httpc_conn_fail(c, err);
	nd_httpc_conn_exit(c);
}

static void on_soon(struct nd_timer *t)
{
	on_drain(ND_CONTAINER(t, struct nd_httpc_conn, soon));
}

void nd_httpc_conn_soon(struct nd_httpc_conn *c)
{
	if (!c->dead)
		nd_timer_start(c->client->loop, &c->soon, 0, on_soon);
}

static void on_tcp_open(void *ctx, struct nd_tcp *tcp, int err)
{
	struct nd_httpc_conn *c = ctx;
	(void)tcp;

	if (!err) {
		on_open(c, "");
		return;
	}
	c->tcp = NULL;
	nd_httpc_conn_fail(c, nd_httpc_conn_say(c, err, "connect: %s", nd_err_text(err)));
}

static void on_tcp_data(void *ctx, struct nd_tcp *tcp, const uint8_t *bytes, size_t n)
{
	(void)tcp;
	on_data(ctx, bytes, n);
}

static void on_tcp_close(void *ctx, struct nd_tcp *tcp, int err)
{
	struct nd_httpc_conn *c = ctx;
	(void)tcp;

	c->tcp = NULL;
	on_close(c, err, nd_err_text(err));
}

static void on_tcp_drain(void *ctx, struct nd_tcp *tcp)
{
	(void)tcp;
	on_drain(ctx);
}

static void on_tls_open(void *ctx, struct nd_tls_stream *s, int err)
{
	struct nd_httpc_conn *c = ctx;

	if (!err) {
		on_open(c, nd_tls_alpn(s));
		return;
	}
	c->tls = NULL;
	nd_httpc_conn_fail(c, nd_httpc_conn_say(c, err, "%s", nd_tls_error_text(s)));
}

static void on_tls_data(void *ctx, struct nd_tls_stream *s, const uint8_t *bytes, size_t n)
{
	(void)s;
	on_data(ctx, bytes, n);
}

static void on_tls_close(void *ctx, struct nd_tls_stream *s, int err)
{
	struct nd_httpc_conn *c = ctx;

	c->tls = NULL;
	on_close(c, err, nd_tls_error_text(s));
}

static void on_tls_drain(void *ctx, struct nd_tls_stream *s)
{
	(void)s;
	on_drain(ctx);
}

/* --- asked by the client --- */

int nd_httpc_conn_new(struct nd_httpc *client, char text[ND_TLS_TEXT_MAX])
{
	struct nd_httpc_conn *c = calloc(1, sizeof *c);
	int err;

	if (!c)
		return -ENOMEM;
	c->client = client;
	nd_list_init(&c->exchanges);
	if (client->config.tls)
		err = nd_tls_connect(client->loop, &client->target, NULL,
				     &(struct nd_tls_handler){ .ctx = c,
							       .on_open = on_tls_open,
							       .on_data = on_tls_data,
							       .on_close = on_tls_close,
							       .on_drain = on_tls_drain },
				     &c->tls, text);
	else
		err = nd_tcp_connect(client->loop, &client->config.addr, NULL,
				     &(struct nd_tcp_handler){ .ctx = c,
							       .on_open = on_tcp_open,
							       .on_data = on_tcp_data,
							       .on_close = on_tcp_close,
							       .on_drain = on_tcp_drain },
				     &c->tcp);
	client->stats.connects++;
	if (err) {
		client->stats.failed_connects++;
		if (!client->config.tls)
			snprintf(text, ND_TLS_TEXT_MAX, "connect: %s", nd_err_text(err));
		free(c);
		return err;
	}
	nd_list_add(&client->conns, &c->node);
	client->stats.connections++;
	nd_timer_start(client->loop, &c->timer, client->config.connect_ns, on_time);
	return 0;
}

void nd_httpc_conn_begin(struct nd_httpc_conn *c, struct nd_httpc_exchange *x)
{
	nd_httpc_conn_enter(c);
	x->conn = c;
	x->version = c->engine->version;
	x->heard = c->heard;
	nd_list_add(&c->exchanges, &x->node);
	c->count++;
	watch(c);
	int err = c->engine->begin(c, x);
	if (err)
		nd_httpc_conn_fail(c, err);
	nd_httpc_conn_exit(c);
}

void nd_httpc_conn_leave(struct nd_httpc_conn *c, struct nd_httpc_exchange *x)
{
	nd_list_del(&x->node);
	x->conn = NULL;
	c->count--;
	c->served++;
	if (c->dead)
		return;
	if (c->count == 0 && c->draining)
		nd_httpc_conn_kill(c);
	else if (c->count == 0)
		watch(c);
	if (!c->dead && c->client->nwaiting)
		nd_httpc_kick(c->client);
}
