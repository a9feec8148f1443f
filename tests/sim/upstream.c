/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "sim/forge.h"
#include "sim/truth.h"
#include "sim/upstream_state.h"
#include "sim/world.h"
#include "wire/type.h"
#include "wire/writer.h"

static bool happens(uint32_t ppm)
{
	return nd_world_random(ND_WORLD_SCENE, 1000000) < ppm;
}

static void say(struct sim_thought *t)
{
	struct nd_datagram d = { .bytes = t->bytes, .len = (uint32_t)t->n, .peer = &t->peer };

	nd_list_del(&t->link);
	if (!t->tcp)
		nd_udp_send(t->u->udp, &d, 1);
	else if (t->stream)
		sim_stream_say(t->stream, t);
	free(t);
}

static void on_thought(struct nd_timer *timer)
{
	say(ND_CONTAINER(timer, struct sim_thought, timer));
}

static uint64_t delay(const struct sim_upstream *u, const uint8_t *query, size_t n)
{
	const struct sim_upstream_watch *w = &u->watch;
	uint64_t ns = u->mood.slow_ns;

	if (u->mood.vary_ns)
		ns += nd_world_random(ND_WORLD_SCENE, (uint32_t)(u->mood.vary_ns / 1000)) * 1000ull;
	return w->delay_ns ? ns + w->delay_ns(w->ctx, query, n) : ns;
}

/* Sends it later. */
static struct sim_thought *think(struct sim_upstream *u, const uint8_t *bytes, size_t n,
				 const struct nd_addr *peer, struct sim_stream *stream,
				 uint64_t after_ns)
{
	struct sim_thought *t = calloc(1, sizeof *t + n);

	ND_ASSERT(t);
	t->u = u;
	t->stream = stream;
	t->tcp = stream != NULL;
	if (peer)
		t->peer = *peer;
	t->n = n;
	memcpy(t->bytes, bytes, n);
	nd_list_add(&u->thoughts, &t->link);
	nd_timer_start(u->loop, &t->timer, after_ns, on_thought);
	return t;
}

static void forge(struct sim_upstream *u, const uint8_t *question, size_t n,
		  const struct nd_addr *peer, struct sim_stream *stream)
{
	uint8_t out[SIM_FORGE_MAX];

	for (unsigned i = 1 + nd_world_random(ND_WORLD_SCENE, 3); i > 0; i--) {
		u->counts.forged++;
		size_t len = sim_forge_message(question, n, stream, out);
		think(u, out, len, peer, stream, delay(u, question, n))->beside = true;
	}
}

bool sim_upstream_answer(struct sim_upstream *u, const uint8_t *query, size_t n,
			 const struct nd_addr *peer, struct sim_stream *stream)
{
	uint8_t out[4096 + SIM_FORGE_MAX];
	size_t len;

	if (u->mood.forge_ppm && !(stream && u->mood.forge_udp) && happens(u->mood.forge_ppm))
		forge(u, query, n, peer, stream);
	if (happens(u->mood.silent_ppm))
		return false;
	len = u->answer(query, n, out, stream ? 4096 : 512, happens(u->mood.lie_ppm));
	if (!len)
		return false;
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
	think(u, out, len, peer, stream, delay(u, query, n));
	return true;
}

void sim_upstream_note_lost(struct sim_upstream *u, const uint8_t *query, size_t n)
{
	if (u->watch.on_lost)
		u->watch.on_lost(u->watch.ctx, query, n);
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
		if (u->watch.on_query)
			u->watch.on_query(u->watch.ctx, d[i].bytes, d[i].len, port);
		sim_upstream_answer(u, d[i].bytes, d[i].len, d[i].peer, NULL);
	}
}

/* --- open and close --- */

struct sim_upstream *sim_upstream_new(struct nd_loop *loop, const struct nd_addr *addr)
{
	struct sim_upstream *u = calloc(1, sizeof *u);

	ND_ASSERT(u);
	u->loop = loop;
	u->addr = *addr;
	u->answer = sim_truth_answer;
	nd_list_init(&u->streams);
	nd_list_init(&u->thoughts);
	sim_upstream_start(u);
	return u;
}

void sim_upstream_start(struct sim_upstream *u)
{
	struct nd_udp_handler h = { .ctx = u, .on_batch = on_batch };

	if (u->udp)
		return;
	ND_ASSERT(nd_udp_bind(u->loop, &u->addr, NULL, &h, &u->udp) == 0);
	ND_ASSERT(nd_tcp_listen(u->loop, &u->addr, NULL, sim_stream_accept, u, &u->tcp) == 0);
}

void sim_upstream_stop(struct sim_upstream *u)
{
	sim_stream_close_all(u);
	while (!nd_list_empty(&u->thoughts)) {
		struct sim_thought *t = ND_LIST_ENTRY(nd_list_pop(&u->thoughts), struct sim_thought,
						      link);
		nd_timer_stop(&t->timer);
		if (!t->beside && !t->tcp)
			sim_upstream_note_lost(u, t->bytes, t->n);
		free(t);
	}
	nd_udp_close(u->udp);
	nd_tcp_listener_close(u->tcp);
	u->udp = NULL;
	u->tcp = NULL;
}

void sim_upstream_free(struct sim_upstream *u)
{
	u->watch = (struct sim_upstream_watch){ 0 };
	sim_upstream_stop(u);
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

void sim_upstream_set_habit(struct sim_upstream *u, const struct sim_habit *habit)
{
	u->habit = *habit;
}

void sim_upstream_set_watch(struct sim_upstream *u, const struct sim_upstream_watch *watch)
{
	u->watch = *watch;
}

struct sim_upstream_counts sim_upstream_counts(const struct sim_upstream *u)
{
	return u->counts;
}
