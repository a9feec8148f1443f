/* SPDX-License-Identifier: Apache-2.0 */
/* All events of a connection and its timers arrive here, between enter and exit. Until exit, the
 * memory of a dead connection remains valid. */
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

int nd_httpc_conn_set_error(struct nd_httpc_conn *c, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	/* The analyzer misses the va_start if a caller is in this file. */
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
	return err ? nd_httpc_conn_set_error(c, err, "write: %s", nd_err_text(err)) : 0;
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

/* --- closing --- */

void nd_httpc_conn_kill(struct nd_httpc_conn *c)
{
	if (c->dead)
		return;
	nd_httpc_conn_enter(c);
	c->dead = true;
	c->client->stats.connections--;
	nd_list_del(&c->node);
	nd_timer_stop(&c->timer);
	nd_timer_stop(&c->drain_later);
	nd_httpc_dial_close(c);
	if (c->client->nwaiting)
		nd_httpc_dispatch(c->client);
	nd_httpc_conn_exit(c);
}

/* Whether the connection was closed before it received x: a server may close a kept connection at
 * any time (RFC 9112 s9.3.1). */
static bool was_never_processed(const struct nd_httpc_conn *c, const struct nd_httpc_exchange *x)
{
	return x->safe && c->served && c->reads == x->reads;
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
		if (was_never_processed(c, x))
			nd_httpc_retry_or_end(x, err, c->text);
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

static void arm_timer(struct nd_httpc_conn *c);

void nd_httpc_conn_on_timer(struct nd_timer *t)
{
	struct nd_httpc_conn *c = ND_CONTAINER(t, struct nd_httpc_conn, timer);
	const struct nd_httpc_config *config = &c->client->config;
	uint64_t now = nd_loop_now_ns(c->client->loop);
	int err = 0;

	nd_httpc_conn_enter(c);
	if (!c->open) {
		nd_httpc_dial_on_timeout(c);
	} else if (c->count == 0) {
		nd_httpc_conn_kill(c);
	} else if (c->pinged_ns && now >= c->pinged_ns + config->pong_ns) {
		err = nd_httpc_conn_set_error(c, ND_ETIME, "no answer to a ping");
	} else if (!c->pinged_ns && now >= c->read_ns + config->ping_ns) {
		c->pinged_ns = now;
		err = c->engine->ping(c);
	}
	if (err)
		nd_httpc_conn_fail(c, err);
	else if (!c->dead && c->open)
		arm_timer(c);
	nd_httpc_conn_exit(c);
}

/* Arms the timer for the current state. */
static void arm_timer(struct nd_httpc_conn *c)
{
	const struct nd_httpc_config *config = &c->client->config;
	uint64_t now = nd_loop_now_ns(c->client->loop), at;

	if (c->count == 0) {
		at = now + config->keep_ns;
	} else if (c->engine->ping) {
		at = c->pinged_ns ? c->pinged_ns + config->pong_ns : c->read_ns + config->ping_ns;
	} else {
		nd_timer_stop(&c->timer);
		return;
	}
	nd_timer_start(c->client->loop, &c->timer, at > now ? at - now : 0, nd_httpc_conn_on_timer);
}

/* --- events of the stream --- */

void nd_httpc_conn_received(struct nd_httpc_conn *c, const uint8_t *bytes, size_t n)
{
	nd_httpc_conn_enter(c);
	c->reads++;
	c->read_ns = nd_loop_now_ns(c->client->loop);
	if (c->pinged_ns) {
		c->pinged_ns = 0;
		arm_timer(c);
	}
	int err = c->engine->feed(c, bytes, n);
	if (err)
		nd_httpc_conn_fail(c, err);
	nd_httpc_conn_exit(c);
}

void nd_httpc_conn_opened(struct nd_httpc_conn *c, const char *alpn)
{
	struct nd_httpc *client = c->client;

	nd_httpc_conn_enter(c);
	bool h2 = c->tls ? strcmp(alpn, "h2") == 0 : client->config.versions == ND_HTTPC_H2;
	int err = 0;
	if (c->tls && !h2 && !(client->config.versions & ND_HTTPC_H1))
		err = nd_httpc_conn_set_error(c, ND_EFORMAT, "the server does not support HTTP/2");
	c->engine = h2 ? &nd_h2_engine : &nd_h1_engine;
	c->read_ns = nd_loop_now_ns(client->loop);
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
		arm_timer(c);
		nd_httpc_dispatch(client);
	}
	nd_httpc_conn_exit(c);
}

void nd_httpc_conn_closed(struct nd_httpc_conn *c, int err, const char *why)
{
	nd_httpc_conn_enter(c);
	if (!err)
		c->engine->eof(c);
	if (!c->draining || !c->text[0]) /* GOAWAY set the text */
		nd_httpc_conn_set_error(c, 0, "%s", err ? why : "connection closed by the server");
	nd_httpc_conn_fail(c, err ? err : ND_ECLOSED);
	nd_httpc_conn_exit(c);
}

void nd_httpc_conn_drained(struct nd_httpc_conn *c)
{
	nd_httpc_conn_enter(c);
	int err = c->open ? c->engine->drain(c) : 0;
	if (err)
		nd_httpc_conn_fail(c, err);
	nd_httpc_conn_exit(c);
}

static void on_drain_later(struct nd_timer *t)
{
	nd_httpc_conn_drained(ND_CONTAINER(t, struct nd_httpc_conn, drain_later));
}

void nd_httpc_conn_drain_later(struct nd_httpc_conn *c)
{
	if (!c->dead)
		nd_timer_start(c->client->loop, &c->drain_later, 0, on_drain_later);
}

/* --- called by the client --- */

int nd_httpc_conn_new(struct nd_httpc *client, char text[ND_TLS_TEXT_MAX])
{
	struct nd_httpc_conn *c = calloc(1, sizeof *c);

	if (!c)
		return -ENOMEM;
	c->client = client;
	nd_list_init(&c->exchanges);
	client->stats.connects++;
	int err = nd_httpc_dial(c, text);
	if (err) {
		client->stats.failed_connects++;
		nd_timer_stop(&c->timer);
		free(c);
		return err;
	}
	nd_list_add(&client->conns, &c->node);
	client->stats.connections++;
	return 0;
}

void nd_httpc_conn_begin(struct nd_httpc_conn *c, struct nd_httpc_exchange *x)
{
	nd_httpc_conn_enter(c);
	x->conn = c;
	x->version = c->engine->version;
	x->reads = c->reads;
	nd_list_add(&c->exchanges, &x->node);
	c->count++;
	arm_timer(c);
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
		arm_timer(c);
	if (!c->dead && c->client->nwaiting)
		nd_httpc_dispatch(c->client);
}
