/* SPDX-License-Identifier: Apache-2.0 */
/* io/loop.h in the simulated world. */
#include <stdlib.h>
#include "base/err.h"
#include "base/list.h"
#include "io/timer.h"
#include "sim/world.h"

struct nd_loop {
	struct nd_timers timers;
	struct nd_list link;
	struct nd_addr host;
	void (*on_turn)(void *ctx);
	void *ctx;
	bool stopped;
};

static void refresh(struct nd_timers *ts)
{
	ts->now_ns = nd_world_now_ns();
}

struct nd_loop *nd_loop_new(void)
{
	struct nd_loop *loop = calloc(1, sizeof *loop);

	if (!loop)
		return NULL;
	loop->timers.refresh = refresh;
	loop->timers.now_ns = nd_world_now_ns();
	nd_world_add_loop(loop);
	return loop;
}

void nd_loop_free(struct nd_loop *loop)
{
	if (!loop)
		return;
	nd_timers_clear(&loop->timers);
	nd_world_del_loop(loop);
	free(loop);
}

void nd_loop_run(struct nd_loop *loop)
{
	loop->stopped = false;
	while (!loop->stopped)
		nd_world_run(nd_world_now_ns() + 1000000);
}

void nd_loop_stop(struct nd_loop *loop)
{
	loop->stopped = true;
}

uint64_t nd_loop_update(struct nd_loop *loop)
{
	return loop->timers.now_ns = nd_world_now_ns();
}

uint64_t nd_loop_now_ns(const struct nd_loop *loop)
{
	(void)loop;
	return nd_world_now_ns();
}

void nd_loop_on_turn(struct nd_loop *loop, void (*fn)(void *ctx), void *ctx)
{
	loop->on_turn = fn;
	loop->ctx = ctx;
}

/* --- for world.c --- */

bool nd_world_loop_due(struct nd_loop *loop, uint64_t *when_ns)
{
	*when_ns = nd_timers_next(&loop->timers);
	return *when_ns != ND_TIMERS_NONE;
}

void nd_world_loop_turn(struct nd_loop *loop)
{
	nd_loop_update(loop);
	nd_timers_fire(&loop->timers);
	if (loop->on_turn)
		loop->on_turn(loop->ctx);
}

struct nd_list *nd_world_loop_link(struct nd_loop *loop)
{
	return &loop->link;
}

struct nd_loop *nd_world_loop_of(struct nd_list *link)
{
	return ND_LIST_ENTRY(link, struct nd_loop, link);
}

void nd_world_set_host(struct nd_loop *loop, const struct nd_addr *host)
{
	loop->host = *host;
}

struct nd_addr nd_world_host(const struct nd_loop *loop)
{
	return loop->host;
}

/* --- wake-ups --- */

struct nd_wake {
	struct nd_loop *loop;
	void (*fn)(void *ctx);
	void *ctx;
	struct wake_event *pending;
};

struct wake_event {
	struct nd_world_event event;
	struct nd_wake *wake; /* NULL: freed before it arrived */
};

struct nd_wake *nd_wake_new(struct nd_loop *loop, void (*fn)(void *ctx), void *ctx)
{
	struct nd_wake *w = calloc(1, sizeof *w);

	if (w)
		*w = (struct nd_wake){ .loop = loop, .fn = fn, .ctx = ctx };
	return w;
}

static void on_wake(struct nd_world_event *e)
{
	struct wake_event *we = (struct wake_event *)e;
	struct nd_wake *w = we->wake;

	free(we);
	if (!w)
		return;
	w->pending = NULL;
	w->fn(w->ctx);
}

void nd_wake_send(struct nd_wake *w)
{
	if (w->pending)
		return;
	w->pending = calloc(1, sizeof *w->pending);
	ND_ASSERT(w->pending);
	w->pending->wake = w;
	nd_world_at(&w->pending->event, nd_world_now_ns(), w->loop, on_wake);
}

void nd_wake_free(struct nd_wake *w)
{
	if (w->pending) {
		w->pending->wake = NULL;
		w->pending->event.loop = NULL;
	}
	free(w);
}

/* There are no signals in the simulated world. */
struct nd_signal *nd_signal_new(struct nd_loop *loop, int number, void (*fn)(void *ctx, int number),
				void *ctx)
{
	(void)loop;
	(void)number;
	(void)fn;
	(void)ctx;
	return NULL;
}

void nd_signal_free(struct nd_signal *s)
{
	(void)s;
}
