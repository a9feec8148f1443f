/* SPDX-License-Identifier: Apache-2.0 */
#include "io/timer.h"

#include <stddef.h>
#include "base/err.h"

static struct nd_timer *timer_of(struct nd_heap_node *node)
{
	return ND_CONTAINER(node, struct nd_timer, node);
}

static struct nd_timers *refreshed(struct nd_loop *loop)
{
	struct nd_timers *ts = nd_timers_of(loop);

	if (ts->refresh)
		ts->refresh(ts);
	return ts;
}

void nd_timer_start(struct nd_loop *loop, struct nd_timer *t, uint64_t delay_ns,
		    void (*fn)(struct nd_timer *t))
{
	struct nd_timers *ts = refreshed(loop);
	/* Below NONE: even a timer that never fires counts as armed. */
	uint64_t longest = ND_TIMERS_NONE - 1 - ts->now_ns;

	nd_timer_stop(t);
	t->loop = loop;
	t->fn = fn;
	nd_heap_add(&ts->heap, &t->node, ts->now_ns + (delay_ns < longest ? delay_ns : longest));
}

static void forget(struct nd_timers *ts, struct nd_timer *t)
{
	nd_heap_del(&ts->heap, &t->node);
	t->loop = NULL;
}

void nd_timer_stop(struct nd_timer *t)
{
	if (t->loop)
		forget(refreshed(t->loop), t);
}

uint64_t nd_timers_next(const struct nd_timers *ts)
{
	const struct nd_heap_node *first = nd_heap_first(&ts->heap);
	return first ? first->key : ND_TIMERS_NONE;
}

void nd_timers_fire(struct nd_timers *ts)
{
	uint64_t now_ns = ts->now_ns, seq = ts->heap.seq;
	struct nd_heap_node *node;

	/* A timer started meanwhile has key >= now_ns and a later seq, so it comes after all timers
	 * that were due before: the first one ends the loop. */
	while ((node = nd_heap_first(&ts->heap)) && node->key <= now_ns && node->seq < seq) {
		struct nd_timer *t = timer_of(node);
		forget(ts, t);
		t->fn(t);
	}
}

void nd_timers_clear(struct nd_timers *ts)
{
	struct nd_heap_node *node;

	while ((node = nd_heap_first(&ts->heap)))
		forget(ts, timer_of(node));
}
