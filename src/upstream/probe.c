/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/probe.h"

#include <string.h>
#include "io/clock.h"
#include "io/random.h"
#include "upstream/pool.h"
#include "wire/msg.h"
#include "wire/type.h"
#include "wire/writer.h"

enum { QUESTION_MAX = ND_MSG_HEADER + ND_NAME_MAX + 4 };

static void ask(struct nd_probe *p);

static void close_sockets(struct nd_probe *p)
{
	nd_udp_close(p->udp);
	nd_tcp_close(p->tcp);
	p->udp = NULL;
	p->tcp = NULL;
	nd_buf_clear(&p->in);
	nd_timer_stop(&p->timer);
}

static void leave(struct nd_probe *p)
{
	p->active = false;
	__atomic_store_n(&p->pool->host->probing, 0, __ATOMIC_RELEASE);
}

static void ask_again(struct nd_timer *t)
{
	ask(ND_CONTAINER(t, struct nd_probe, timer));
}

static void failed(struct nd_probe *p)
{
	struct nd_host *h = p->pool->host;
	uint64_t wait = h->config.probe_interval_ns;
	uint32_t fails = __atomic_load_n(&h->fails, __ATOMIC_RELAXED);

	close_sockets(p);
	nd_metric_add(&p->pool->counts->failed_probes, 1);
	if (fails < UINT32_MAX)
		__atomic_store_n(&h->fails, fails + 1, __ATOMIC_RELAXED); /* one prober at a time */
	/* `health_check 0s` would spin on a closed port. */
	if (wait < ND_PROBE_INTERVAL_MIN_MS * (uint64_t)ND_NS_PER_MS)
		wait = ND_PROBE_INTERVAL_MIN_MS * (uint64_t)ND_NS_PER_MS;
	nd_timer_start(p->pool->loop, &p->timer, wait, ask_again);
}

static void timed_out(struct nd_timer *t)
{
	failed(ND_CONTAINER(t, struct nd_probe, timer));
}

/* Any DNS message that answers the probe will do: the server is there. */
static void heard(struct nd_probe *p, const uint8_t *bytes, size_t n)
{
	struct nd_host *h = p->pool->host;

	if (n < ND_MSG_HEADER || nd_reader_peek16(bytes) != p->id)
		return;
	close_sockets(p);
	__atomic_store_n(&h->fails, 0, __ATOMIC_RELAXED);
	__atomic_add_fetch(&h->epoch, 1, __ATOMIC_RELAXED);
	leave(p);
}

static void on_batch(void *ctx, struct nd_udp *u, struct nd_datagram *d, size_t n)
{
	struct nd_probe *p = ctx;

	for (size_t i = 0; i < n && p->udp == u; i++)
		heard(p, d[i].bytes, d[i].len);
}

static void on_udp_error(void *ctx, struct nd_udp *u, int err)
{
	(void)u;
	(void)err;
	failed(ctx);
}

static void on_open(void *ctx, struct nd_tcp *c, int err)
{
	struct nd_probe *p = ctx;
	(void)c;

	if (err)
		failed(p);
}

static void on_close(void *ctx, struct nd_tcp *c, int err)
{
	(void)c;
	(void)err;
	failed(ctx);
}

static void on_data(void *ctx, struct nd_tcp *c, const uint8_t *bytes, size_t n)
{
	struct nd_probe *p = ctx;

	if (nd_buf_add(&p->in, bytes, n)) {
		failed(p);
		return;
	}
	while (p->tcp == c && p->in.len >= 2) {
		const uint8_t *at = (const uint8_t *)p->in.data;
		size_t len = nd_reader_peek16(at);
		if (p->in.len - 2 < len)
			return;
		heard(p, at + 2, len);
		if (p->tcp == c)
			nd_buf_drop(&p->in, 2 + len);
	}
}

/* Two octets of length (for TCP), then the question. Returns its length without the two. */
static size_t write_question(struct nd_probe *p, uint8_t out[2 + QUESTION_MAX])
{
	const struct nd_host_config *c = &p->pool->host->config;
	struct nd_writer w = nd_writer_over(out + 2, QUESTION_MAX);

	p->id = (uint16_t)nd_random_u32();
	nd_writer_u16(&w, p->id);
	nd_writer_u16(&w, c->probe_no_rec ? 0 : ND_FLAG_RD);
	nd_writer_u16(&w, 1);
	nd_writer_bytes(&w, "\0\0\0\0\0\0", 6);
	nd_writer_bytes(&w, c->probe_name.bytes, c->probe_name_len);
	nd_writer_u16(&w, ND_TYPE_NS);
	nd_writer_u16(&w, ND_CLASS_IN);
	nd_writer_put16(out, (uint16_t)w.pos);
	return w.pos;
}

static int send_udp(struct nd_probe *p, uint8_t *question, size_t n)
{
	const struct nd_host_config *c = &p->pool->host->config;
	struct nd_udp_options o = { .datagram_bytes = ND_MSG_MAX };
	struct nd_udp_handler h = { .ctx = p, .on_batch = on_batch, .on_error = on_udp_error };
	struct nd_datagram d = { .bytes = question, .len = (uint32_t)n };

	int err = nd_udp_connect(p->pool->loop, &c->addr, c->source.len ? &c->source : NULL, &o, &h,
				 &p->udp);
	if (err)
		return err;
	return nd_udp_send(p->udp, &d, 1) == 1 ? 0 : ND_ECLOSED;
}

static int send_tcp(struct nd_probe *p, const uint8_t *frame, size_t n)
{
	const struct nd_host_config *c = &p->pool->host->config;
	struct nd_tcp_handler h = {
		.ctx = p, .on_open = on_open, .on_data = on_data, .on_close = on_close
	};

	nd_buf_init(&p->in, 2 * (2 + ND_MSG_MAX));
	int err = nd_tcp_connect(p->pool->loop, &c->addr, c->source.len ? &c->source : NULL, &h,
				 &p->tcp);
	return err ? err : nd_tcp_write(p->tcp, frame, n);
}

static void ask(struct nd_probe *p)
{
	uint8_t frame[2 + QUESTION_MAX];
	size_t n = write_question(p, frame);
	int err = p->pool->host->config.probe_tcp ? send_tcp(p, frame, 2 + n)
						  : send_udp(p, frame + 2, n);

	if (err)
		failed(p);
	else
		nd_timer_start(p->pool->loop, &p->timer,
			       ND_PROBE_TIMEOUT_MS * (uint64_t)ND_NS_PER_MS, timed_out);
}

void nd_probe_start(struct nd_probe *p, struct nd_pool *pool)
{
	uint32_t idle = 0;

	if (p->active || !__atomic_compare_exchange_n(&pool->host->probing, &idle, 1, false,
						      __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	p->pool = pool;
	p->active = true;
	ask(p);
}

void nd_probe_stop(struct nd_probe *p)
{
	if (!p->active)
		return;
	close_sockets(p);
	leave(p);
}
