/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/probe.h"

#include <string.h>
#include "base/time.h"
#include "io/random.h"
#include "upstream/pool.h"
#include "wire/msg.h"
#include "wire/type.h"
#include "wire/writer.h"

enum { QUERY_MAX = ND_MSG_HEADER + ND_NAME_MAX + 4, IN_MAX = 2 * (2 + ND_MSG_MAX) };

static void arm(struct nd_probe *p);
static void begin_check(struct nd_probe *p);

static uint64_t now_of(const struct nd_probe *p)
{
	return nd_loop_now_ns(p->pool->loop);
}

static void close_shot(struct nd_probe_shot *h)
{
	nd_udp_close(h->udp);
	nd_transport_close(&h->stream);
	h->udp = NULL;
	nd_buf_clear(&h->in);
}

static void close_all(struct nd_probe *p)
{
	for (unsigned i = 0; i < ND_PROBE_SHOTS; i++)
		close_shot(&p->shot[i]);
	nd_timer_stop(&p->timer);
}

static void release_host(struct nd_probe *p)
{
	p->active = false;
	atomic_store_explicit(&p->pool->host->probing, 0, memory_order_release);
}

/* --- failure and success --- */

/* Counts a failed check; the next one follows after the interval. Earlier shots stay open: a late
 * reply is a reply. */
static void fail_check(struct nd_probe *p)
{
	struct nd_host *h = p->pool->host;
	uint64_t wait = h->config.probe_interval_ns;
	uint32_t fails = atomic_load_explicit(&h->fails, memory_order_relaxed);

	nd_metric_add(&p->pool->counts->failed_probes, 1);
	if (fails < UINT32_MAX) /* there is one prober at a time: no read-modify-write */
		atomic_store_explicit(&h->fails, fails + 1, memory_order_relaxed);
	/* `health_check 0s` would busy-loop on a closed port. */
	if (wait < ND_MS(ND_PROBE_INTERVAL_MIN_MS))
		wait = ND_MS(ND_PROBE_INTERVAL_MIN_MS);
	p->waiting = false;
	p->next_ns = now_of(p) + wait;
	arm(p);
}

static void fail_shot(struct nd_probe_shot *h)
{
	close_shot(h);
	if (h->counts && h->probe->waiting)
		fail_check(h->probe);
}

/* Any DNS message with the id of the probe means that the server is up. True: it was, and the probe
 * has ended. */
static bool handle_reply(struct nd_probe_shot *shot, const uint8_t *bytes, size_t n)
{
	struct nd_probe *p = shot->probe;
	struct nd_host *h = p->pool->host;

	if (n < ND_MSG_HEADER || nd_reader_peek16(bytes) != shot->id)
		return false;
	close_all(p);
	atomic_store_explicit(&h->fails, 0, memory_order_relaxed);
	atomic_fetch_add_explicit(&h->epoch, 1, memory_order_relaxed);
	release_host(p);
	if (shot->before >= ND_PROBE_AWAY)
		nd_pool_return(p->pool, shot->sent_ns);
	return true;
}

/* --- callbacks of the sockets --- */

static void on_batch(void *ctx, struct nd_udp *u, struct nd_datagram *d, size_t n)
{
	struct nd_probe_shot *h = ctx;

	for (size_t i = 0; i < n && h->udp == u; i++)
		(void)handle_reply(h, d[i].bytes, d[i].len);
}

/* Anyone can forge an ICMP error: only one that quotes the probe counts. */
static void on_udp_error(void *ctx, struct nd_udp *u, int err, const uint8_t *quoted, size_t n)
{
	struct nd_probe_shot *h = ctx;
	(void)u;
	(void)err;

	if (n >= 2 && nd_reader_peek16(quoted) == h->id)
		fail_shot(h);
	else
		nd_metric_add(&h->probe->pool->counts->icmp_ignored, 1);
}

static void on_open(void *ctx, int err, const char *text)
{
	(void)text;

	if (err)
		fail_shot(ctx);
}

static void on_close(void *ctx, int err, const char *text)
{
	(void)err;
	(void)text;
	fail_shot(ctx);
}

static void on_data(void *ctx, const uint8_t *bytes, size_t n)
{
	struct nd_probe_shot *h = ctx;
	size_t at = 0;

	if (nd_buf_add(&h->in, bytes, n)) {
		fail_shot(h);
		return;
	}
	/* A reply to the probe ends it, and empties the buffer. */
	while (h->in.len - at >= 2) {
		const uint8_t *frame = (const uint8_t *)h->in.data + at;
		size_t len = nd_reader_peek16(frame);
		if (h->in.len - at - 2 < len)
			break;
		if (handle_reply(h, frame + 2, len))
			return;
		at += 2 + len;
	}
	nd_buf_drop(&h->in, at);
}

/* --- sending --- */

/* Returns the length of the query. */
static size_t write_query(struct nd_probe_shot *h, uint8_t out[QUERY_MAX])
{
	const struct nd_host_config *c = &h->probe->pool->host->config;
	struct nd_writer w = nd_writer_over(out, QUERY_MAX);

	h->id = (uint16_t)nd_random_u32();
	nd_writer_u16(&w, h->id);
	nd_writer_u16(&w, c->probe_no_rec ? 0 : ND_FLAG_RD);
	nd_writer_u16(&w, 1);
	nd_writer_bytes(&w, "\0\0\0\0\0\0", 6);
	nd_writer_bytes(&w, c->probe_name.bytes, c->probe_name_len);
	nd_writer_u16(&w, ND_TYPE_NS);
	nd_writer_u16(&w, ND_CLASS_IN);
	return w.pos;
}

static int send_udp(struct nd_probe_shot *h, const uint8_t *query, size_t n)
{
	const struct nd_pool *pool = h->probe->pool;
	const struct nd_host_config *c = &pool->host->config;
	struct nd_udp_options o = { .datagram_bytes = ND_MSG_MAX };
	struct nd_udp_handler to = { .ctx = h, .on_batch = on_batch, .on_error = on_udp_error };

	int err = nd_udp_connect(pool->loop, &c->addr, c->source.len ? &c->source : NULL, &o, &to,
				 &h->udp);
	return err ? err : nd_udp_write(h->udp, query, n);
}

static int send_stream(struct nd_probe_shot *h, const uint8_t *query, size_t n)
{
	struct nd_pool *pool = h->probe->pool;
	const struct nd_host_config *c = &pool->host->config;
	struct nd_transport_handler to = {
		.ctx = h, .on_open = on_open, .on_data = on_data, .on_close = on_close
	};
	char text[ND_TRANSPORT_TEXT_MAX];

	nd_buf_init(&h->in, IN_MAX);
	int err = nd_transport_connect(&h->stream, pool->loop, c, &pool->tls, &to, text);
	return err ? err : nd_transport_write_frame(&h->stream, query, (uint16_t)n);
}

/* The oldest shot gives its place. */
static void shoot(struct nd_probe *p, bool counts)
{
	struct nd_probe_shot *h = &p->shot[p->shots % ND_PROBE_SHOTS];
	const struct nd_host_config *c = &p->pool->host->config;
	uint8_t query[QUERY_MAX];

	close_shot(h);
	h->probe = p;
	h->before = p->shots++;
	h->counts = counts;
	h->sent_ns = now_of(p);
	size_t n = write_query(h, query);
	int err = c->probe_tcp || c->tls ? send_stream(h, query, n) : send_udp(h, query, n);
	if (err && !nd_udp_is_loss(err))
		fail_shot(h);
}

static bool is_wanted(const struct nd_probe *p)
{
	uint64_t at = atomic_load_explicit(&p->pool->host->wanted_ns, memory_order_relaxed);

	return now_of(p) - at < ND_MS(ND_PROBE_TIMEOUT_MS);
}

static void on_timer(struct nd_timer *t);

static void arm(struct nd_probe *p)
{
	uint64_t now = now_of(p), ns = p->next_ns > now ? p->next_ns - now : 0;

	if (ns > ND_MS(ND_PROBE_PING_MS))
		ns = ND_MS(ND_PROBE_PING_MS);
	nd_timer_start(p->pool->loop, &p->timer, ns, on_timer);
}

static void on_timer(struct nd_timer *t)
{
	struct nd_probe *p = ND_CONTAINER(t, struct nd_probe, timer);

	if (now_of(p) < p->next_ns) {
		if (is_wanted(p))
			shoot(p, false);
	} else if (p->waiting) {
		fail_check(p);
	} else {
		begin_check(p);
	}
	arm(p);
}

static void begin_check(struct nd_probe *p)
{
	p->waiting = true;
	p->next_ns = now_of(p) + ND_MS(ND_PROBE_TIMEOUT_MS);
	shoot(p, true);
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
	p->begun_ns = now_of(p);
	p->shots = 0;
	begin_check(p);
	arm(p);
}

bool nd_probe_is_missed(const struct nd_probe *p, uint64_t before_ns)
{
	unsigned n = 0;

	for (unsigned i = 0; p->active && i < ND_PROBE_SHOTS && i < p->shots; i++)
		n += p->shot[i].sent_ns < before_ns;
	return n >= ND_PROBE_AWAY;
}

void nd_probe_stop(struct nd_probe *p)
{
	if (!p->active)
		return;
	close_all(p);
	release_host(p);
}
