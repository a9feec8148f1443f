/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/upstream.h"

#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "io/tcp.h"
#include "io/udp.h"
#include "sim/forge.h"
#include "sim/truth.h"
#include "sim/world.h"
#include "wire/type.h"
#include "wire/writer.h"

struct sim_upstream {
	struct nd_loop *loop;
	struct nd_udp *udp;
	struct nd_tcp_listener *tcp;
	struct sim_mood mood;
	size_t (*answer)(const uint8_t *question, size_t n, uint8_t *out, size_t limit, bool lie);
	struct nd_list conns, thoughts;
	struct sim_upstream_counts counts;
	uint16_t last_id, last_port;
};

struct conn {
	struct nd_list link;
	struct sim_upstream *u;
	struct nd_tcp *tcp;
	struct nd_buf in;
};

/* An answer that is delayed. */
struct thought {
	struct nd_list link;
	struct nd_timer timer;
	struct sim_upstream *u;
	struct nd_addr peer;
	struct conn *conn; /* NULL: UDP, or the connection has closed */
	bool stream;
	size_t n;
	uint8_t bytes[];
};

static bool happens(uint32_t ppm)
{
	return nd_world_random(ND_WORLD_SCENE, 1000000) < ppm;
}

static void say(struct thought *t)
{
	if (!t->stream) {
		struct nd_datagram d = { .bytes = t->bytes,
					 .len = (uint32_t)t->n,
					 .peer = &t->peer };
		nd_udp_send(t->u->udp, &d, 1);
	} else if (t->conn) {
		uint8_t len[2] = { (uint8_t)(t->n >> 8), (uint8_t)t->n };
		nd_tcp_write(t->conn->tcp, len, 2);
		nd_tcp_write(t->conn->tcp, t->bytes, t->n);
	}
	nd_list_del(&t->link);
	free(t);
}

static void on_thought(struct nd_timer *timer)
{
	say(ND_CONTAINER(timer, struct thought, timer));
}

/* Sends it after the delays of the mood. */
static void think(struct sim_upstream *u, const uint8_t *bytes, size_t n,
		  const struct nd_addr *peer, struct conn *conn)
{
	struct thought *t = calloc(1, sizeof *t + n);

	ND_ASSERT(t);
	t->u = u;
	t->conn = conn;
	t->stream = conn != NULL;
	if (peer)
		t->peer = *peer;
	t->n = n;
	memcpy(t->bytes, bytes, n);
	nd_list_add(&u->thoughts, &t->link);
	uint64_t more = u->mood.vary_ns ? nd_world_random(ND_WORLD_SCENE,
							  (uint32_t)(u->mood.vary_ns / 1000)) *
						  1000ull
					: 0;
	nd_timer_start(u->loop, &t->timer, u->mood.slow_ns + more, on_thought);
}

static void forge(struct sim_upstream *u, const uint8_t *question, size_t n,
		  const struct nd_addr *peer, struct conn *conn)
{
	uint8_t out[SIM_FORGE_MAX];

	for (unsigned i = 1 + nd_world_random(ND_WORLD_SCENE, 3); i > 0; i--) {
		u->counts.forged++;
		think(u, out, sim_forge_message(question, n, conn, out), peer, conn);
	}
}

static void answer(struct sim_upstream *u, const uint8_t *question, size_t n,
		   const struct nd_addr *peer, struct conn *conn)
{
	uint8_t out[4096 + SIM_FORGE_MAX];
	size_t len;

	if (u->mood.forge_ppm && happens(u->mood.forge_ppm))
		forge(u, question, n, peer, conn);
	if (happens(u->mood.silent_ppm))
		return;
	len = u->answer(question, n, out, conn ? 4096 : 512, happens(u->mood.lie_ppm));
	if (!len)
		return;
	if (happens(u->mood.servfail_ppm)) {
		nd_writer_put16(out + 2, ND_FLAG_QR | ND_FLAG_RD | ND_FLAG_RA | ND_RCODE_SERVFAIL);
		memset(out + 6, 0, 6);
		len = n;
	}
	if (u->mood.spoil_ppm && happens(u->mood.spoil_ppm)) {
		u->counts.spoiled++;
		len = sim_forge_answer(out, len);
	}
	u->counts.truncated += (out[2] & 2) != 0;
	think(u, out, len, peer, conn);
}

static void on_batch(void *ctx, struct nd_udp *udp, struct nd_datagram *d, size_t n)
{
	struct sim_upstream *u = ctx;

	(void)udp;
	for (size_t i = 0; i < n; i++) {
		if (d[i].len < 12)
			continue;
		uint16_t id = nd_reader_peek16(d[i].bytes), port = nd_addr_port(d[i].peer);
		u->counts.udp++;
		u->counts.repeated += id == u->last_id && port == u->last_port;
		u->last_id = id;
		u->last_port = port;
		answer(u, d[i].bytes, d[i].len, d[i].peer, NULL);
	}
}

/* --- TCP --- */

static void forget_conn(struct conn *c)
{
	ND_LIST_EACH(&c->u->thoughts, it) {
		struct thought *t = ND_LIST_ENTRY(it, struct thought, link);
		if (t->conn == c)
			t->conn = NULL;
	}
	nd_list_del(&c->link);
	nd_buf_clear(&c->in);
	free(c);
}

static void on_data(void *ctx, struct nd_tcp *tcp, const uint8_t *bytes, size_t n)
{
	struct conn *c = ctx;

	(void)tcp;
	nd_buf_add(&c->in, bytes, n);
	while (c->in.len >= 2) {
		const uint8_t *p = (const uint8_t *)c->in.data;
		size_t len = nd_reader_peek16(p);
		if (c->in.len < 2 + len)
			break;
		c->u->counts.tcp++;
		answer(c->u, p + 2, len, NULL, c);
		nd_buf_drop(&c->in, 2 + len);
	}
}

static void on_close(void *ctx, struct nd_tcp *tcp, int err)
{
	(void)tcp;
	(void)err;
	forget_conn(ctx);
}

static void on_accept(void *ctx, struct nd_tcp *tcp)
{
	struct sim_upstream *u = ctx;
	struct nd_tcp_handler h = { .on_data = on_data, .on_close = on_close };

	if (u->mood.no_tcp) {
		nd_tcp_close(tcp);
		return;
	}
	struct conn *c = calloc(1, sizeof *c);
	ND_ASSERT(c);
	c->u = u;
	c->tcp = tcp;
	nd_buf_init(&c->in, 1 << 20);
	nd_list_add(&u->conns, &c->link);
	h.ctx = c;
	nd_tcp_start(tcp, &h);
}

/* --- open and close --- */

struct sim_upstream *sim_upstream_new(struct nd_loop *loop, const struct nd_addr *addr)
{
	struct sim_upstream *u = calloc(1, sizeof *u);
	struct nd_udp_handler h = { .ctx = u, .on_batch = on_batch };

	ND_ASSERT(u);
	u->loop = loop;
	u->answer = sim_truth_answer;
	nd_list_init(&u->conns);
	nd_list_init(&u->thoughts);
	ND_ASSERT(nd_udp_bind(loop, addr, NULL, &h, &u->udp) == 0);
	ND_ASSERT(nd_tcp_listen(loop, addr, NULL, on_accept, u, &u->tcp) == 0);
	return u;
}

void sim_upstream_free(struct sim_upstream *u)
{
	while (!nd_list_empty(&u->thoughts)) {
		struct thought *t = ND_LIST_ENTRY(nd_list_pop(&u->thoughts), struct thought, link);
		nd_timer_stop(&t->timer);
		free(t);
	}
	while (!nd_list_empty(&u->conns)) {
		struct conn *c = ND_LIST_ENTRY(u->conns.next, struct conn, link);
		nd_tcp_close(c->tcp);
		forget_conn(c);
	}
	nd_udp_close(u->udp);
	nd_tcp_listener_close(u->tcp);
	free(u);
}

void sim_upstream_set_answer(struct sim_upstream *u,
			     size_t (*fn)(const uint8_t *question, size_t n, uint8_t *out,
					  size_t limit, bool lie))
{
	u->answer = fn;
}

void sim_upstream_set_mood(struct sim_upstream *u, const struct sim_mood *mood)
{
	u->mood = *mood;
}

struct sim_upstream_counts sim_upstream_counts(const struct sim_upstream *u)
{
	return u->counts;
}
