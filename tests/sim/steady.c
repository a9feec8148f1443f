/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/steady.h"

#include <stdio.h>
#include <stdlib.h>
#include "base/err.h"
#include "base/time.h"
#include "io/udp.h"
#include "sim/truth.h"
#include "sim/world.h"
#include "wire/reader.h"
#include "wire/type.h"

struct sim_steady {
	struct nd_loop *loop;
	struct nd_addr server;
	struct nd_udp *udp;
	struct nd_timer timer;
	uint64_t pause_ns;
	bool stopped;
	unsigned n;
	struct sim_steady_question question[SIM_STEADY_MAX];
	char failure[120];
};

/* Its id is its number. */
static size_t write_question(unsigned i, uint8_t *out, size_t cap)
{
	return sim_truth_question(out, cap, (uint16_t)i, 'n', i, ND_TYPE_A);
}

static void fail(struct sim_steady *s, unsigned i, const char *why)
{
	if (!s->failure[0])
		snprintf(s->failure, sizeof s->failure, "question %u: %.80s", i, why);
}

static void take_answer(struct sim_steady *s, const uint8_t *bytes, size_t n)
{
	uint8_t question[64];
	const char *why;
	unsigned i = n >= 2 ? nd_reader_peek16(bytes) : s->n;

	if (i >= s->n || s->question[i].took_ns) {
		fail(s, i, i >= s->n ? "an answer to no question" : "a second answer");
		return;
	}
	struct sim_steady_question *q = &s->question[i];
	q->took_ns = nd_world_now_ns() - q->sent_ns;
	size_t len = write_question(i, question, sizeof question);
	switch (sim_truth_judge(question, len, bytes, n, &why)) {
	case SIM_RIGHT: break;
	case SIM_FAILED: q->failed = true; break;
	case SIM_TRUNCATED: fail(s, i, "truncated"); break;
	case SIM_WRONG: fail(s, i, why); break;
	}
}

static void on_batch(void *ctx, struct nd_udp *u, struct nd_datagram *d, size_t n)
{
	(void)u;
	for (size_t i = 0; i < n; i++)
		take_answer(ctx, d[i].bytes, d[i].len);
}

static void on_timer(struct nd_timer *t)
{
	struct sim_steady *s = ND_CONTAINER(t, struct sim_steady, timer);
	uint8_t bytes[64];

	if (s->stopped)
		return;
	ND_ASSERT(s->n < SIM_STEADY_MAX);
	struct nd_datagram d = { .bytes = bytes, .peer = &s->server };
	d.len = (uint32_t)write_question(s->n, bytes, sizeof bytes);
	s->question[s->n++].sent_ns = nd_world_now_ns();
	nd_udp_send(s->udp, &d, 1);
	uint64_t ns = s->pause_ns / 2 +
		      nd_world_random(ND_WORLD_CLIENTS, (uint32_t)(s->pause_ns / 1000)) * 1000ull;
	nd_timer_start(s->loop, t, ns, on_timer);
}

struct sim_steady *sim_steady_new(struct nd_loop *loop, const struct nd_addr *server,
				  const struct nd_addr *self, unsigned per_second)
{
	struct sim_steady *s = calloc(1, sizeof *s);
	struct nd_udp_handler h = { .ctx = s, .on_batch = on_batch };

	ND_ASSERT(s);
	s->loop = loop;
	s->server = *server;
	s->pause_ns = ND_NS_PER_S / per_second;
	ND_ASSERT(nd_udp_bind(loop, self, NULL, &h, &s->udp) == 0);
	nd_timer_start(loop, &s->timer, 0, on_timer);
	return s;
}

void sim_steady_free(struct sim_steady *s)
{
	nd_timer_stop(&s->timer);
	nd_udp_close(s->udp);
	free(s);
}

void sim_steady_stop(struct sim_steady *s)
{
	s->stopped = true;
}

unsigned sim_steady_count(const struct sim_steady *s)
{
	return s->n;
}

const struct sim_steady_question *sim_steady_get(const struct sim_steady *s, unsigned i)
{
	ND_ASSERT(i < s->n);
	return &s->question[i];
}

const char *sim_steady_failure(const struct sim_steady *s)
{
	return s->failure[0] ? s->failure : NULL;
}
