/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "io/tcp.h"
#include "io/udp.h"
#include "sim/truth.h"
#include "sim/world.h"
#include "wire/type.h"

struct sim_client {
	struct nd_loop *loop;
	struct nd_addr server, self;
	struct sim_client_style style;
	struct nd_timer timer; /* the pause, or the timeout of an attempt */
	struct nd_udp *udp;    /* of the current lookup */
	struct nd_tcp *tcp;    /* after a truncated answer */
	uint8_t question[128];
	size_t question_len;
	uint8_t frame[4200];
	size_t have;
	unsigned attempt;
	uint64_t start_ns;
	bool running, stopped;
	struct sim_client_counts counts;
	char failure[160];
};

static void next_lookup(struct sim_client *c);

static void on_pause(struct nd_timer *t)
{
	struct sim_client *c = ND_CONTAINER(t, struct sim_client, timer);

	if (!c->stopped)
		next_lookup(c);
}

static void close_sockets(struct sim_client *c)
{
	if (c->udp)
		nd_udp_close(c->udp);
	if (c->tcp)
		nd_tcp_close(c->tcp);
	c->udp = NULL;
	c->tcp = NULL;
}

static void finish(struct sim_client *c)
{
	close_sockets(c);
	c->running = false;
	uint64_t pause = c->style.pause_ns / 2 +
			 nd_world_random(ND_WORLD_CLIENTS,
					 (uint32_t)(c->style.pause_ns / 1000) + 1) *
				 1000ull;
	nd_timer_start(c->loop, &c->timer, pause, on_pause);
}

static void record_failure(struct sim_client *c, const char *why)
{
	char name[ND_NAME_TEXT_MAX];

	if (c->failure[0])
		return;
	nd_name_format(nd_name_view(c->question + ND_MSG_HEADER), name);
	snprintf(c->failure, sizeof c->failure, "%.60s at %.3f s: %s", name,
		 (double)nd_world_now_ns() / 1e9, why);
}

static void by_stream(struct sim_client *c);

static void judge(struct sim_client *c, const uint8_t *bytes, size_t n)
{
	const char *why;
	uint64_t took = nd_world_now_ns() - c->start_ns;

	switch (sim_truth_judge(c->question, c->question_len, bytes, n, &why)) {
	case SIM_TRUNCATED:
		c->counts.truncated++;
		if (!c->tcp) {
			by_stream(c);
			return;
		}
		record_failure(c, "truncated over TCP");
		break;
	case SIM_RIGHT:
		c->counts.right++;
		if (took > c->counts.slowest_ns)
			c->counts.slowest_ns = took;
		break;
	case SIM_FAILED: c->counts.failed++; break;
	case SIM_WRONG: record_failure(c, why); break;
	}
	finish(c);
}

static void on_batch(void *ctx, struct nd_udp *u, struct nd_datagram *d, size_t n)
{
	struct sim_client *c = ctx;

	(void)n;
	/* Ignores duplicates and answers to earlier questions. */
	if (u != c->udp || c->tcp || d[0].len < 12 || memcmp(d[0].bytes, c->question, 2) != 0)
		return;
	judge(c, d[0].bytes, d[0].len);
}

static void on_time(struct nd_timer *t);

static void send_question(struct sim_client *c)
{
	struct nd_datagram d = { .bytes = c->question, .len = (uint32_t)c->question_len };

	nd_udp_send(c->udp, &d, 1);
	nd_timer_start(c->loop, &c->timer, c->style.timeout_ns, on_time);
}

static void on_time(struct nd_timer *t)
{
	struct sim_client *c = ND_CONTAINER(t, struct sim_client, timer);

	if (!c->tcp && ++c->attempt < c->style.attempts) {
		c->counts.again++;
		send_question(c);
		return;
	}
	c->counts.late++;
	finish(c);
}

/* --- the retry over TCP --- */

static void on_open(void *ctx, struct nd_tcp *tcp, int err)
{
	struct sim_client *c = ctx;
	uint8_t len[2] = { (uint8_t)(c->question_len >> 8), (uint8_t)c->question_len };

	if (err) {
		c->tcp = NULL;
		c->counts.late++;
		finish(c);
		return;
	}
	nd_tcp_write(tcp, len, 2);
	nd_tcp_write(tcp, c->question, c->question_len);
}

static void on_data(void *ctx, struct nd_tcp *tcp, const uint8_t *bytes, size_t n)
{
	struct sim_client *c = ctx;

	(void)tcp;
	if (n > sizeof c->frame - c->have)
		n = sizeof c->frame - c->have;
	memcpy(c->frame + c->have, bytes, n);
	c->have += n;
	if (c->have >= 2 && c->have >= 2u + nd_reader_peek16(c->frame))
		judge(c, c->frame + 2, nd_reader_peek16(c->frame));
}

static void on_close(void *ctx, struct nd_tcp *tcp, int err)
{
	struct sim_client *c = ctx;

	(void)tcp;
	(void)err;
	c->tcp = NULL;
	c->counts.late++;
	finish(c);
}

static void by_stream(struct sim_client *c)
{
	struct nd_tcp_handler h = {
		.ctx = c, .on_open = on_open, .on_data = on_data, .on_close = on_close
	};

	c->have = 0;
	ND_ASSERT(nd_tcp_connect(c->loop, &c->server, &c->self, &h, &c->tcp) == 0);
	nd_timer_start(c->loop, &c->timer, 10 * c->style.timeout_ns, on_time);
}

/* --- lookups --- */

static void next_lookup(struct sim_client *c)
{
	static const char kinds[] = "nnnnnnxb";
	char kind = kinds[nd_world_random(ND_WORLD_CLIENTS, sizeof kinds - 1)];
	unsigned n = nd_world_random(ND_WORLD_CLIENTS, c->style.names);
	uint16_t type = nd_world_random(ND_WORLD_CLIENTS, 3) ? ND_TYPE_A : ND_TYPE_AAAA;
	uint16_t id = (uint16_t)nd_world_random(ND_WORLD_CLIENTS, 65536);
	struct nd_udp_options o = { .datagram_bytes = 4096 };
	struct nd_udp_handler h = { .ctx = c, .on_batch = on_batch };

	c->question_len = sim_truth_question(c->question, sizeof c->question, id, kind, n, type);
	ND_ASSERT(nd_udp_connect(c->loop, &c->server, &c->self, &o, &h, &c->udp) == 0);
	c->running = true;
	c->attempt = 0;
	c->start_ns = nd_world_now_ns();
	c->counts.lookups++;
	send_question(c);
}

struct sim_client *sim_client_new(struct nd_loop *loop, const struct nd_addr *server,
				  const struct nd_addr *self, const struct sim_client_style *style)
{
	struct sim_client *c = calloc(1, sizeof *c);

	ND_ASSERT(c);
	c->loop = loop;
	c->server = *server;
	c->self = *self;
	c->style = *style;
	sim_client_start(c);
	return c;
}

void sim_client_start(struct sim_client *c)
{
	c->stopped = false;
	if (!c->running)
		nd_timer_start(c->loop, &c->timer,
			       nd_world_random(ND_WORLD_CLIENTS, 1000) * 1000ull, on_pause);
}

void sim_client_stop(struct sim_client *c)
{
	c->stopped = true;
}

bool sim_client_idle(const struct sim_client *c)
{
	return !c->running;
}

struct sim_client_counts sim_client_counts(const struct sim_client *c)
{
	return c->counts;
}

void sim_client_reset(struct sim_client *c)
{
	c->counts = (struct sim_client_counts){ 0 };
}

const char *sim_client_failure(const struct sim_client *c)
{
	return c->failure[0] ? c->failure : NULL;
}

void sim_client_free(struct sim_client *c)
{
	nd_timer_stop(&c->timer);
	close_sockets(c);
	free(c);
}
