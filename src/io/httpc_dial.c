/* SPDX-License-Identifier: Apache-2.0 */
/* Opens a connection: looks up the name and tries its addresses in turn. Also the handlers of the
 * stream under the connection. */
#include <errno.h>
#include <string.h>
#include "base/err.h"
#include "io/clock.h"
#include "io/httpc_parts.h"

static void try_next(struct nd_httpc_conn *c, int err, const char *why);

void nd_httpc_dial_close(struct nd_httpc_conn *c)
{
	nd_lookup_cancel(c->lookup);
	nd_tls_close(c->tls);
	nd_tcp_close(c->tcp);
	c->lookup = NULL;
	c->tls = NULL;
	c->tcp = NULL;
}

/* --- handlers of the stream --- */

static void on_tcp_open(void *ctx, struct nd_tcp *tcp, int err)
{
	struct nd_httpc_conn *c = ctx;
	char why[ND_TLS_TEXT_MAX];
	(void)tcp;

	if (!err) {
		nd_httpc_conn_opened(c, "");
		return;
	}
	c->tcp = NULL;
	snprintf(why, sizeof why, "connect: %s", nd_err_text(err));
	try_next(c, err, why);
}

static void on_tcp_data(void *ctx, struct nd_tcp *tcp, const uint8_t *bytes, size_t n)
{
	(void)tcp;
	nd_httpc_conn_received(ctx, bytes, n);
}

static void on_tcp_close(void *ctx, struct nd_tcp *tcp, int err)
{
	struct nd_httpc_conn *c = ctx;
	(void)tcp;

	c->tcp = NULL;
	nd_httpc_conn_closed(c, err, nd_err_text(err));
}

static void on_tcp_drain(void *ctx, struct nd_tcp *tcp)
{
	(void)tcp;
	nd_httpc_conn_drained(ctx);
}

static void on_tls_open(void *ctx, struct nd_tls_stream *s, int err)
{
	struct nd_httpc_conn *c = ctx;
	char why[ND_TLS_TEXT_MAX];

	if (!err) {
		nd_httpc_conn_opened(c, nd_tls_alpn(s));
		return;
	}
	c->tls = NULL;
	snprintf(why, sizeof why, "%s", nd_tls_error_text(s));
	try_next(c, err, why);
}

static void on_tls_data(void *ctx, struct nd_tls_stream *s, const uint8_t *bytes, size_t n)
{
	(void)s;
	nd_httpc_conn_received(ctx, bytes, n);
}

static void on_tls_close(void *ctx, struct nd_tls_stream *s, int err)
{
	struct nd_httpc_conn *c = ctx;

	c->tls = NULL;
	nd_httpc_conn_closed(c, err, nd_tls_error_text(s));
}

static void on_tls_drain(void *ctx, struct nd_tls_stream *s)
{
	(void)s;
	nd_httpc_conn_drained(ctx);
}

/* --- addresses --- */

/* Connects to the next address. The remaining time is divided equally among the remaining
 * addresses. */
static int dial(struct nd_httpc_conn *c, char text[ND_TLS_TEXT_MAX])
{
	struct nd_httpc *client = c->client;
	const struct nd_addr *to = &c->addrs[c->tried++];
	const struct nd_addr *source = client->config.source.len ? &client->config.source : NULL;
	uint64_t now = nd_loop_now_ns(client->loop);
	int err;

	nd_timer_start(client->loop, &c->timer,
		       c->until_ns > now ? (c->until_ns - now) / (c->naddrs - c->tried + 1) : 0,
		       nd_httpc_conn_on_timer);
	if (client->config.tls) {
		client->target.addr = *to;
		return nd_tls_connect(client->loop, &client->target, source,
				      &(struct nd_tls_handler){ .ctx = c,
								.on_open = on_tls_open,
								.on_data = on_tls_data,
								.on_close = on_tls_close,
								.on_drain = on_tls_drain },
				      &c->tls, text);
	}
	err = nd_tcp_connect(client->loop, to, source,
			     &(struct nd_tcp_handler){ .ctx = c,
						       .on_open = on_tcp_open,
						       .on_data = on_tcp_data,
						       .on_close = on_tcp_close,
						       .on_drain = on_tcp_drain },
			     &c->tcp);
	if (err)
		snprintf(text, ND_TLS_TEXT_MAX, "connect: %s", nd_err_text(err));
	return err;
}

/* Sets the error text. A client with a name may have tried several addresses: the text says which
 * one failed. */
static int set_failed(struct nd_httpc_conn *c, int err, const char *why)
{
	char ip[ND_ADDR_TEXT_MAX];

	if (!c->client->name || !c->tried)
		return nd_httpc_conn_set_error(c, err, "%s", why);
	nd_addr_format_ip(&c->addrs[c->tried - 1], ip);
	return nd_httpc_conn_set_error(c, err, "(%s) %s", ip, why);
}

/* An attempt failed: tries the next address, unless the error was TLS's. */
static void try_next(struct nd_httpc_conn *c, int err, const char *why)
{
	char text[ND_TLS_TEXT_MAX];

	nd_httpc_conn_enter(c);
	set_failed(c, err, why);
	while (err && err != ND_ETLS && c->tried < c->naddrs) {
		text[0] = '\0';
		err = dial(c, text);
		if (err)
			set_failed(c, err, text[0] ? text : nd_err_text(err));
		else
			c->text[0] = '\0';
	}
	if (err)
		nd_httpc_conn_fail(c, err);
	nd_httpc_conn_exit(c);
}

static void on_found(void *ctx, const struct nd_lookup_result *r)
{
	struct nd_httpc_conn *c = ctx;
	char why[ND_TLS_TEXT_MAX];

	c->lookup = NULL;
	c->naddrs = r->n;
	for (size_t i = 0; i < r->n; i++)
		c->addrs[i] = r->addrs[i];
	snprintf(why, sizeof why, "lookup: %s", r->failed ? r->failed : "no address");
	try_next(c, -EHOSTUNREACH, why);
}

int nd_httpc_dial(struct nd_httpc_conn *c, char text[ND_TLS_TEXT_MAX])
{
	const struct nd_httpc_config *config = &c->client->config;

	c->until_ns = nd_loop_now_ns(c->client->loop) + config->connect_ns;
	if (!config->name) {
		c->naddrs = 1;
		c->addrs[0] = config->addr;
		return dial(c, text);
	}
	nd_timer_start(c->client->loop, &c->timer, config->connect_ns, nd_httpc_conn_on_timer);
	int err = nd_lookup_start(c->client->loop, config->name, config->port, on_found, c,
				  &c->lookup);
	if (err)
		snprintf(text, ND_TLS_TEXT_MAX, "lookup: %s", nd_err_text(err));
	return err;
}

void nd_httpc_dial_on_timeout(struct nd_httpc_conn *c)
{
	bool named = c->lookup;

	nd_httpc_dial_close(c);
	try_next(c, ND_ETIME, named ? "lookup: timed out" : "connect: timed out");
}
