/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/probe.h"

#include <string.h>
#include "base/time.h"
#include "io/random.h"
#include "upstream/pool.h"
#include "wire/msg.h"
#include "wire/type.h"
#include "wire/writer.h"

enum { QUERY_MAX = ND_MSG_HEADER + ND_NAME_MAX + 4 };

static void send_probe(struct nd_probe *p);

static void close_sockets(struct nd_probe *p)
{
	nd_udp_close(p->udp);
	nd_transport_close(&p->stream);
	p->udp = NULL;
	nd_buf_clear(&p->in);
	nd_timer_stop(&p->timer);
}

static void release_host(struct nd_probe *p)
{
	p->active = false;
	atomic_store_explicit(&p->pool->host->probing, 0, memory_order_release);
}

static void on_interval(struct nd_timer *t)
{
	send_probe(ND_CONTAINER(t, struct nd_probe, timer));
}

static void fail_probe(struct nd_probe *p)
{
	struct nd_host *h = p->pool->host;
	uint64_t wait = h->config.probe_interval_ns;
	uint32_t fails = atomic_load_explicit(&h->fails, memory_order_relaxed);

	close_sockets(p);
	nd_metric_add(&p->pool->counts->failed_probes, 1);
	if (fails < UINT32_MAX) /* there is one prober at a time: no read-modify-write */
		atomic_store_explicit(&h->fails, fails + 1, memory_order_relaxed);
	/* `health_check 0s` would busy-loop on a closed port. */
	if (wait < ND_MS(ND_PROBE_INTERVAL_MIN_MS))
		wait = ND_MS(ND_PROBE_INTERVAL_MIN_MS);
	nd_timer_start(p->pool->loop, &p->timer, wait, on_interval);
}

static void on_timeout(struct nd_timer *t)
{
	fail_probe(ND_CONTAINER(t, struct nd_probe, timer));
}

/* Any DNS message with the id of the probe means that the server is up. True: it was, and the probe
 * has ended. */
static bool handle_reply(struct nd_probe *p, const uint8_t *bytes, size_t n)
{
	struct nd_host *h = p->pool->host;

	if (n < ND_MSG_HEADER || nd_reader_peek16(bytes) != p->id)
		return false;
	close_sockets(p);
	atomic_store_explicit(&h->fails, 0, memory_order_relaxed);
	atomic_fetch_add_explicit(&h->epoch, 1, memory_order_relaxed);
	release_host(p);
	return true;
}

static void on_batch(void *ctx, struct nd_udp *u, struct nd_datagram *d, size_t n)
{
	struct nd_probe *p = ctx;

	for (size_t i = 0; i < n && p->udp == u; i++)
		(void)handle_reply(p, d[i].bytes, d[i].len);
}

/* Anyone can forge an ICMP error: only one that quotes the probe counts. */
static void on_udp_error(void *ctx, struct nd_udp *u, int err, const uint8_t *quoted, size_t n)
{
	struct nd_probe *p = ctx;
	(void)u;
	(void)err;

	if (n >= 2 && nd_reader_peek16(quoted) == p->id)
		fail_probe(p);
	else
		nd_metric_add(&p->pool->counts->icmp_ignored, 1);
}

static void on_open(void *ctx, int err, const char *text)
{
	(void)text;

	if (err)
		fail_probe(ctx);
}

static void on_close(void *ctx, int err, const char *text)
{
	(void)err;
	(void)text;
	fail_probe(ctx);
}

static void on_data(void *ctx, const uint8_t *bytes, size_t n)
{
	struct nd_probe *p = ctx;
	size_t at = 0;

	if (nd_buf_add(&p->in, bytes, n)) {
		fail_probe(p);
		return;
	}
	/* A reply to the probe ends it, and empties the buffer. */
	while (p->in.len - at >= 2) {
		const uint8_t *frame = (const uint8_t *)p->in.data + at;
		size_t len = nd_reader_peek16(frame);
		if (p->in.len - at - 2 < len)
			break;
		if (handle_reply(p, frame + 2, len))
			return;
		at += 2 + len;
	}
	nd_buf_drop(&p->in, at);
}

/* Returns the length of the query. */
static size_t write_query(struct nd_probe *p, uint8_t out[QUERY_MAX])
{
	const struct nd_host_config *c = &p->pool->host->config;
	struct nd_writer w = nd_writer_over(out, QUERY_MAX);

	p->id = (uint16_t)nd_random_u32();
	nd_writer_u16(&w, p->id);
	nd_writer_u16(&w, c->probe_no_rec ? 0 : ND_FLAG_RD);
	nd_writer_u16(&w, 1);
	nd_writer_bytes(&w, "\0\0\0\0\0\0", 6);
	nd_writer_bytes(&w, c->probe_name.bytes, c->probe_name_len);
	nd_writer_u16(&w, ND_TYPE_NS);
	nd_writer_u16(&w, ND_CLASS_IN);
	return w.pos;
}

static int send_udp(struct nd_probe *p, uint8_t *query, size_t n)
{
	const struct nd_host_config *c = &p->pool->host->config;
	struct nd_udp_options o = { .datagram_bytes = ND_MSG_MAX };
	struct nd_udp_handler h = { .ctx = p, .on_batch = on_batch, .on_error = on_udp_error };
	struct nd_datagram d = { .bytes = query, .len = (uint32_t)n };

	int err = nd_udp_connect(p->pool->loop, &c->addr, c->source.len ? &c->source : NULL, &o, &h,
				 &p->udp);
	if (err)
		return err;
	return nd_udp_send(p->udp, &d, 1) == 1 ? 0 : ND_ECLOSED;
}

static int send_stream(struct nd_probe *p, const uint8_t *query, size_t n)
{
	const struct nd_host_config *c = &p->pool->host->config;
	struct nd_transport_handler h = {
		.ctx = p, .on_open = on_open, .on_data = on_data, .on_close = on_close
	};
	char text[ND_TRANSPORT_TEXT_MAX];

	nd_buf_init(&p->in, 2 * (2 + ND_MSG_MAX));
	int err = nd_transport_connect(&p->stream, p->pool->loop, &c->addr,
				       c->source.len ? &c->source : NULL,
				       c->tls ? &p->pool->tls : NULL, &h, text);
	return err ? err : nd_transport_write_frame(&p->stream, query, (uint16_t)n);
}

static void send_probe(struct nd_probe *p)
{
	const struct nd_host_config *c = &p->pool->host->config;
	uint8_t query[QUERY_MAX];
	size_t n = write_query(p, query);
	int err = c->probe_tcp || c->tls ? send_stream(p, query, n) : send_udp(p, query, n);

	if (err)
		fail_probe(p);
	else
		nd_timer_start(p->pool->loop, &p->timer, ND_MS(ND_PROBE_TIMEOUT_MS), on_timeout);
}

void nd_probe_start(struct nd_probe *p, struct nd_pool *pool)
{
	uint32_t idle = 0;

	if (p->active ||
	    !atomic_compare_exchange_strong_explicit(&pool->host->probing, &idle, 1,
						     memory_order_acquire, memory_order_relaxed))
		return;
	p->pool = pool;
	p->active = true;
	send_probe(p);
}

void nd_probe_stop(struct nd_probe *p)
{
	if (!p->active)
		return;
	close_sockets(p);
	release_host(p);
}
