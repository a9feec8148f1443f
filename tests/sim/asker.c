/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/asker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/time.h"
#include "io/tcp.h"
#include "io/udp.h"
#include "sim/oracle.h"
#include "sim/world.h"
#include "wire/msg.h"

enum { BURST_MAX = 128, QUESTION_MAX = 160 };

/* A burst: a socket or a connection, and its questions. The id is the index in it. */
struct burst {
	struct nd_list link;
	struct sim_asker *a;
	struct nd_udp *udp;
	struct nd_tcp *tcp;
	struct nd_timer end;
	struct nd_buf in;
	unsigned n;
	uint16_t first_id;
	bool answered[BURST_MAX];
	size_t len[BURST_MAX];
	uint8_t question[BURST_MAX][QUESTION_MAX];
};

struct sim_asker {
	struct nd_loop *loop;
	struct nd_addr server, self;
	struct sim_asker_style style;
	struct nd_timer timer;
	struct nd_list bursts;
	bool stopped;
	uint32_t names;
	struct sim_asker_counts counts;
	char failure[200];
};

static uint32_t draw(uint32_t below)
{
	return nd_world_random(ND_WORLD_CLIENTS, below);
}

static void record_failure(struct sim_asker *a, const uint8_t *question, const char *why)
{
	char name[ND_NAME_TEXT_MAX] = "?";

	if (a->failure[0])
		return;
	if (question)
		nd_name_format(nd_name_view(question + ND_MSG_HEADER), name);
	snprintf(a->failure, sizeof a->failure, "%.80s at %.3f s: %s", name,
		 (double)nd_world_now_ns() / 1e9, why);
}

static void judge(struct burst *b, const uint8_t *bytes, size_t n)
{
	struct sim_asker *a = b->a;
	const char *why;

	uint16_t i = n >= 2 ? (uint16_t)(nd_reader_peek16(bytes) - b->first_id) : UINT16_MAX;
	if (i >= b->n) {
		record_failure(a, NULL, "an answer to no question of this client");
		return;
	}
	if (b->answered[i]) {
		record_failure(a, b->question[i], "a second answer");
		return;
	}
	b->answered[i] = true;
	switch (sim_oracle_judge(b->question[i], b->len[i], bytes, n, &why)) {
	case SIM_ORACLE_RIGHT: a->counts.right++; break;
	case SIM_ORACLE_PART: a->counts.part++; break;
	case SIM_ORACLE_FAILED: a->counts.failed++; break;
	case SIM_ORACLE_WRONG: record_failure(a, b->question[i], why); break;
	}
}

static void end_burst(struct burst *b)
{
	nd_timer_stop(&b->end);
	nd_list_del(&b->link);
	if (b->udp)
		nd_udp_close(b->udp);
	if (b->tcp)
		nd_tcp_close(b->tcp);
	nd_buf_clear(&b->in);
	free(b);
}

static void on_end(struct nd_timer *t)
{
	end_burst(ND_CONTAINER(t, struct burst, end));
}

static void on_batch(void *ctx, struct nd_udp *u, struct nd_datagram *d, size_t n)
{
	(void)u;
	for (size_t i = 0; i < n; i++)
		judge(ctx, d[i].bytes, d[i].len);
}

static void on_data(void *ctx, struct nd_tcp *tcp, const uint8_t *bytes, size_t n)
{
	struct burst *b = ctx;

	(void)tcp;
	nd_buf_add(&b->in, bytes, n);
	while (b->in.len >= 2) {
		const uint8_t *p = (const uint8_t *)b->in.data;
		size_t len = nd_reader_peek16(p);
		if (b->in.len < 2 + len)
			break;
		judge(b, p + 2, len);
		nd_buf_drop(&b->in, 2 + len);
	}
}

static void on_open(void *ctx, struct nd_tcp *tcp, int err)
{
	struct burst *b = ctx;

	if (err) {
		b->tcp = NULL;
		return;
	}
	for (unsigned i = 0; i < b->n; i++) {
		uint8_t len[2] = { (uint8_t)(b->len[i] >> 8), (uint8_t)b->len[i] };
		nd_tcp_write(tcp, len, 2);
		nd_tcp_write(tcp, b->question[i], b->len[i]);
	}
}

static void on_close(void *ctx, struct nd_tcp *tcp, int err)
{
	struct burst *b = ctx;

	(void)tcp;
	(void)err;
	b->tcp = NULL;
}

static void add_question(struct burst *b, enum sim_oracle_kind kind)
{
	b->len[b->n] = sim_oracle_question(b->question[b->n], QUESTION_MAX,
					   (uint16_t)(b->first_id + b->n), kind, b->a->names++,
					   draw(3) == 0);
	b->n++;
}

static struct burst *new_burst(struct sim_asker *a)
{
	struct burst *b = calloc(1, sizeof *b);

	ND_ASSERT(b);
	b->a = a;
	b->first_id = (uint16_t)draw(65536);
	nd_buf_init(&b->in, 1 << 20);
	nd_list_add(&a->bursts, &b->link);
	return b;
}

static void send_burst(struct burst *b)
{
	struct sim_asker *a = b->a;
	uint64_t life = ND_S(25);

	a->counts.asked += b->n;
	if (a->style.stream) {
		struct nd_tcp_handler h = {
			.ctx = b, .on_open = on_open, .on_data = on_data, .on_close = on_close
		};
		ND_ASSERT(nd_tcp_connect(a->loop, &a->server, &a->self, &h, &b->tcp) == 0);
		if (draw(8) < a->style.resets) {
			life = draw(800) * ND_MS(1);
			a->counts.resets++;
		}
	} else {
		struct nd_udp_options o = { .datagram_bytes = 4096 };
		struct nd_udp_handler h = { .ctx = b, .on_batch = on_batch };
		ND_ASSERT(nd_udp_connect(a->loop, &a->server, &a->self, &o, &h, &b->udp) == 0);
		for (unsigned i = 0; i < b->n; i++) {
			struct nd_datagram d = { .bytes = b->question[i],
						 .len = (uint32_t)b->len[i] };
			nd_udp_send(b->udp, &d, 1);
		}
	}
	nd_timer_start(a->loop, &b->end, life, on_end);
}

static void on_pause(struct nd_timer *t)
{
	struct sim_asker *a = ND_CONTAINER(t, struct sim_asker, timer);

	if (a->stopped)
		return;
	struct burst *b = new_burst(a);
	for (unsigned n = 1 + draw(a->style.burst); n > 0; n--)
		add_question(b, draw(8) < a->style.silent
					? SIM_ORACLE_SILENT
					: (enum sim_oracle_kind)draw(SIM_ORACLE_SILENT));
	send_burst(b);
	nd_timer_start(a->loop, &a->timer,
		       a->style.pause_ns / 2 + draw((uint32_t)(a->style.pause_ns / 1000)) * 1000ull,
		       on_pause);
}

struct sim_asker *sim_asker_new(struct nd_loop *loop, const struct nd_addr *server,
				const struct nd_addr *self, const struct sim_asker_style *style)
{
	struct sim_asker *a = calloc(1, sizeof *a);

	ND_ASSERT(a && style->burst <= BURST_MAX);
	a->loop = loop;
	a->server = *server;
	a->self = *self;
	a->style = *style;
	nd_list_init(&a->bursts);
	nd_timer_start(loop, &a->timer, draw(1000) * 1000ull, on_pause);
	return a;
}

void sim_asker_free(struct sim_asker *a)
{
	nd_timer_stop(&a->timer);
	while (!nd_list_empty(&a->bursts))
		end_burst(ND_LIST_ENTRY(a->bursts.next, struct burst, link));
	free(a);
}

void sim_asker_set_port(struct sim_asker *a, uint16_t port)
{
	nd_addr_set_port(&a->server, port);
}

void sim_asker_stop(struct sim_asker *a)
{
	a->stopped = true;
}

void sim_asker_ask_each(struct sim_asker *a)
{
	struct burst *b = new_burst(a);

	for (int kind = 0; kind < SIM_ORACLE_SILENT; kind++)
		add_question(b, (enum sim_oracle_kind)kind);
	a->style.resets = 0;
	a->counts = (struct sim_asker_counts){ 0 };
	send_burst(b);
}

struct sim_asker_counts sim_asker_counts(const struct sim_asker *a)
{
	return a->counts;
}

const char *sim_asker_failure(const struct sim_asker *a)
{
	return a->failure[0] ? a->failure : NULL;
}
