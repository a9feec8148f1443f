/* SPDX-License-Identifier: Apache-2.0 */
/* Queries in flight that are sent again without a timer of their own: their connection was
 * abandoned, or the server was away and is back. */
#include "base/time.h"
#include "upstream/pool_parts.h"

enum {
	BURST = 64, /* sent at once; the others follow after a pause, so that no buffer overflows */
	PAUSE_MS = 5,
	PULSE_MS = 50, /* how often a silent server's recovery is looked for */
};

static void run_moves(struct nd_timer *t)
{
	struct nd_pool *p = ND_CONTAINER(t, struct nd_pool, move);
	struct nd_list *node;

	p->refs++; /* a callback may drop the last one of others */
	for (unsigned i = 0; i < BURST && (node = nd_list_pop(&p->moving)); i++) {
		struct nd_sent *s = ND_LIST_ENTRY(node, struct nd_sent, move);
		s->on_move(s);
	}
	if (!nd_list_empty(&p->moving))
		nd_timer_start(p->loop, &p->move, ND_MS(PAUSE_MS), run_moves);
	nd_pool_unref(p);
}

void nd_pool_move(struct nd_sent *s)
{
	struct nd_pool *p = s->pool;

	if (nd_list_linked(&s->move))
		return;
	nd_list_add(&p->moving, &s->move);
	if (!p->move.loop)
		nd_timer_start(p->loop, &p->move, 0, run_moves);
}

static void move_conns(struct nd_list *conns, uint64_t before_ns)
{
	ND_LIST_EACH(conns, it) {
		struct nd_conn *c = ND_LIST_ENTRY(it, struct nd_conn, link);
		ND_LIST_EACH(&c->sent, node) {
			struct nd_sent *s = ND_LIST_ENTRY(node, struct nd_sent, order);
			if (s->sent_ns < before_ns)
				nd_pool_move(s);
		}
	}
}

static uint32_t host_recoveries(const struct nd_pool *p)
{
	return atomic_load_explicit(&p->host->recoveries, memory_order_acquire);
}

static void recover(struct nd_pool *p)
{
	uint64_t before_ns = atomic_load_explicit(&p->host->returned_ns, memory_order_relaxed);

	p->recoveries = host_recoveries(p);
	p->recovered_ns = nd_loop_now_ns(p->loop);
	p->timers_in_row = 0;
	move_conns(&p->sockets, before_ns);
	move_conns(&p->streams, before_ns);
}

void nd_pool_return(struct nd_pool *p, uint64_t sent_ns)
{
	if (p->replied_ns >= p->probe.begun_ns)
		return;
	atomic_store_explicit(&p->host->returned_ns, sent_ns, memory_order_relaxed);
	atomic_fetch_add_explicit(&p->host->recoveries, 1, memory_order_release);
	recover(p);
}

/* The worker that probes the server is another one. */
static void on_pulse(struct nd_timer *t)
{
	struct nd_pool *p = ND_CONTAINER(t, struct nd_pool, pulse);

	if (p->recoveries != host_recoveries(p))
		recover(p);
	else if (nd_pool_suspect(p) && p->nsent)
		nd_timer_start(p->loop, t, ND_MS(PULSE_MS), on_pulse);
}

void nd_pool_want(struct nd_pool *p)
{
	atomic_store_explicit(&p->host->wanted_ns, nd_loop_now_ns(p->loop), memory_order_relaxed);
	if (!p->pulse.loop)
		nd_timer_start(p->loop, &p->pulse, ND_MS(PULSE_MS), on_pulse);
}
