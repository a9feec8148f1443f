/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/transport.h"

#include <stdio.h>
#include <string.h>
#include "base/err.h"
#include "upstream/pool_parts.h"
#include "wire/msg.h"
#include "wire/writer.h"

static void forget(struct nd_transport *t)
{
	t->tcp = NULL;
	t->tls = NULL;
	t->doh = NULL;
}

/* --- TCP --- */

static void on_tcp_open(void *ctx, struct nd_tcp *c, int err)
{
	struct nd_transport *t = ctx;
	char text[ND_TRANSPORT_TEXT_MAX] = "";
	(void)c;

	if (err) {
		nd_pool_text(text, "dial", "tcp", NULL, &t->peer, "connect", err);
		forget(t);
	}
	t->handler.on_open(t->handler.ctx, err, text);
}

static void on_tcp_data(void *ctx, struct nd_tcp *c, const uint8_t *bytes, size_t n)
{
	struct nd_transport *t = ctx;
	(void)c;

	t->handler.on_data(t->handler.ctx, bytes, n);
}

static void on_tcp_close(void *ctx, struct nd_tcp *c, int err)
{
	struct nd_transport *t = ctx;
	struct nd_addr local = nd_tcp_local(c);
	char text[ND_TRANSPORT_TEXT_MAX] = "EOF";

	if (err)
		nd_pool_text(text, "read", "tcp", &local, &t->peer, "read", err);
	forget(t);
	t->handler.on_close(t->handler.ctx, err, text);
}

/* --- TLS --- */

static void on_tls_open(void *ctx, struct nd_tls_stream *s, int err)
{
	struct nd_transport *t = ctx;
	char text[ND_TRANSPORT_TEXT_MAX] = "";

	if (err) {
		snprintf(text, sizeof text, "dial tls: %s", nd_tls_error_text(s));
		forget(t);
	}
	t->handler.on_open(t->handler.ctx, err, text);
}

static void on_tls_data(void *ctx, struct nd_tls_stream *s, const uint8_t *bytes, size_t n)
{
	struct nd_transport *t = ctx;
	(void)s;

	t->handler.on_data(t->handler.ctx, bytes, n);
}

static void on_tls_close(void *ctx, struct nd_tls_stream *s, int err)
{
	struct nd_transport *t = ctx;
	char text[ND_TRANSPORT_TEXT_MAX] = "EOF";

	if (err == ND_ECLOSED)
		err = 0;
	if (err)
		snprintf(text, sizeof text, "read tls: %s", nd_tls_error_text(s));
	forget(t);
	t->handler.on_close(t->handler.ctx, err, text);
}

/* --- HTTPS --- */

static void on_doh_open(void *ctx)
{
	struct nd_transport *t = ctx;

	t->handler.on_open(t->handler.ctx, 0, "");
}

static void on_doh_data(void *ctx, const uint8_t *bytes, size_t n)
{
	struct nd_transport *t = ctx;

	t->handler.on_data(t->handler.ctx, bytes, n);
}

static void on_doh_close(void *ctx, int err, const char *text)
{
	struct nd_transport *t = ctx;

	forget(t);
	t->handler.on_close(t->handler.ctx, err, text);
}

/* --- all --- */

static int connect_https(struct nd_transport *t, struct nd_loop *loop,
			 const struct nd_host_config *c, char text[ND_TRANSPORT_TEXT_MAX])
{
	const struct nd_doh_handler h = {
		.ctx = t, .on_open = on_doh_open, .on_data = on_doh_data, .on_close = on_doh_close
	};
	const struct nd_doh_config config = { .addr = c->addr,
					      .source = c->source,
					      .tls = c->tls,
					      .name = c->tls_name,
					      .get = c->https == ND_HOST_HTTPS_GET };
	int err = nd_doh_new(loop, &config, &h, &t->doh);

	if (err)
		snprintf(text, ND_TRANSPORT_TEXT_MAX, "https: %s", nd_err_text(err));
	return err;
}

int nd_transport_connect(struct nd_transport *t, struct nd_loop *loop,
			 const struct nd_host_config *c, struct nd_tls_target *tls,
			 const struct nd_transport_handler *h, char text[ND_TRANSPORT_TEXT_MAX])
{
	const struct nd_tcp_handler over_tcp = {
		.ctx = t, .on_open = on_tcp_open, .on_data = on_tcp_data, .on_close = on_tcp_close
	};
	const struct nd_tls_handler over_tls = {
		.ctx = t, .on_open = on_tls_open, .on_data = on_tls_data, .on_close = on_tls_close
	};
	const struct nd_addr *source = c->source.len ? &c->source : NULL;
	char why[ND_TLS_TEXT_MAX] = "out of memory";
	int err;

	*t = (struct nd_transport){ .peer = c->addr, .handler = *h };
	if (c->https)
		return connect_https(t, loop, c, text);
	if (!c->tls) {
		err = nd_tcp_connect(loop, &c->addr, source, &over_tcp, &t->tcp);
		if (err)
			nd_pool_text(text, "dial", "tcp", NULL, &c->addr, "connect", err);
		return err;
	}
	err = nd_tls_connect(loop, tls, source, &over_tls, &t->tls, why);
	if (err)
		snprintf(text, ND_TRANSPORT_TEXT_MAX, "dial tls: %.240s", why);
	return err;
}

int nd_transport_write_frame(struct nd_transport *t, const void *bytes, uint16_t n)
{
	uint8_t frame[2 + ND_MSG_MAX];

	if (t->tcp)
		return nd_tcp_write_frame(t->tcp, bytes, n);
	if (t->doh)
		return nd_doh_write(t->doh, bytes, n);
	if (!t->tls)
		return ND_ECLOSED;
	/* One TLS record. */
	nd_writer_put16(frame, n);
	memcpy(frame + 2, bytes, n);
	return nd_tls_write(t->tls, frame, 2 + (size_t)n);
}

void nd_transport_set_liveness(struct nd_transport *t, unsigned unacked_ms, unsigned idle_s)
{
	if (t->tls)
		nd_tls_set_liveness(t->tls, unacked_ms, idle_s);
	else if (t->tcp)
		nd_tcp_set_liveness(t->tcp, unacked_ms, idle_s);
}

void nd_transport_close(struct nd_transport *t)
{
	struct nd_tcp *tcp = t->tcp;
	struct nd_tls_stream *tls = t->tls;
	struct nd_doh *doh = t->doh;

	forget(t);
	nd_tcp_close(tcp);
	nd_tls_close(tls);
	nd_doh_close(doh);
}

struct nd_addr nd_transport_local(const struct nd_transport *t)
{
	if (t->tls)
		return nd_tls_local(t->tls);
	return t->tcp ? nd_tcp_local(t->tcp) : (struct nd_addr){ .len = 0 };
}
