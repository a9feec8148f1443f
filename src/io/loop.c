/* SPDX-License-Identifier: Apache-2.0 */
/* A turn of libuv 1.44: due timers, then `prepare`, then the wait, then what became readable. Our
 * turn ends in `prepare`: everything that the last wait brought, and the timers after it, have
 * run; what they left to write goes out before we sleep. */
#include "io/loop.h"

#include <signal.h>
#include <stdlib.h>
#include "base/err.h"
#include "io/uv.h"

struct nd_timers *nd_loop_timers(struct nd_loop *loop)
{
	return &loop->timers;
}

uint64_t nd_loop_now_ns(const struct nd_loop *loop)
{
	return loop->timers.now_ns;
}

uint64_t nd_loop_update(struct nd_loop *loop)
{
	loop->fresh = true;
	return loop->timers.now_ns = nd_clock_now_ns();
}

static void on_alarm(uv_timer_t *alarm)
{
	struct nd_loop *loop = alarm->loop->data;

	loop->alarm_ns = ND_TIMERS_NONE;
	nd_loop_enter(loop);
	nd_timers_fire(&loop->timers);
}

/* One uv timer for all of ours, set to the earliest, only when that has changed. Milliseconds are
 * rounded up: better late by less than one than awake for nothing. */
static void set_alarm(struct nd_loop *loop)
{
	uint64_t next = nd_timers_next(&loop->timers);

	if (!nd_list_empty(&loop->unflushed))
		next = 0; /* on_drain wrote more: do not sleep on it */
	if (next == loop->alarm_ns)
		return;
	loop->alarm_ns = next;
	if (next == ND_TIMERS_NONE) {
		uv_timer_stop(&loop->alarm);
		return;
	}
	uv_update_time(&loop->uv); /* libuv counts from its own reading of the clock */
	uint64_t now = nd_loop_update(loop), wait = next > now ? next - now : 0;
	uv_timer_start(&loop->alarm, on_alarm, wait / ND_NS_PER_MS + (wait % ND_NS_PER_MS != 0), 0);
}

static void end_turn(struct nd_loop *loop)
{
	if (loop->turn)
		loop->turn(loop->turn_ctx);
	if (!nd_list_empty(&loop->unflushed))
		nd_tcp_flush_all(loop);
}

static void on_before_wait(uv_prepare_t *prepare)
{
	struct nd_loop *loop = prepare->loop->data;

	/* Also those whose alarm is late: libuv's clock stands still while the machine sleeps. */
	if (nd_timers_next(&loop->timers) <= loop->timers.now_ns)
		nd_timers_fire(&loop->timers);
	end_turn(loop);
	set_alarm(loop);
	loop->fresh = false;
}

struct nd_loop *nd_loop_new(void)
{
	struct nd_loop *loop = calloc(1, sizeof *loop);

	if (!loop)
		return NULL;
	loop->stream_bytes = malloc(ND_STREAM_READ_BYTES);
	if (!loop->stream_bytes || uv_loop_init(&loop->uv)) {
		free(loop->stream_bytes);
		free(loop);
		return NULL;
	}
	/* libuv writes to streams with write(2); a peer that is gone must not end the process. */
	signal(SIGPIPE, SIG_IGN);
	loop->uv.data = loop;
	loop->alarm_ns = ND_TIMERS_NONE;
	nd_list_init(&loop->unflushed);
	uv_timer_init(&loop->uv, &loop->alarm);
	uv_prepare_init(&loop->uv, &loop->before_wait);
	uv_prepare_start(&loop->before_wait, on_before_wait);
	nd_loop_update(loop);
	return loop;
}

static void close_handle(uv_handle_t *h, void *arg)
{
	struct nd_uv_owner *owner = h->data;
	(void)arg;

	if (uv_is_closing(h))
		return;
	if (owner)
		owner->destroy(owner);
	else
		uv_close(h, NULL);
}

void nd_loop_free(struct nd_loop *loop)
{
	if (!loop)
		return;
	/* Owners who are told of a closed stream may open another: until nothing is left. */
	do {
		uv_walk(&loop->uv, close_handle, NULL);
		uv_run(&loop->uv, UV_RUN_DEFAULT);
	} while (uv_loop_close(&loop->uv) == UV_EBUSY);
	nd_timers_clear(&loop->timers);
	nd_udp_free_batches(loop);
	free(loop->stream_bytes);
	free(loop);
}

void nd_loop_run(struct nd_loop *loop)
{
	uv_update_time(&loop->uv);
	nd_loop_update(loop);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	end_turn(loop); /* the turn that was stopped in has not been flushed */
}

void nd_loop_stop(struct nd_loop *loop)
{
	uv_stop(&loop->uv);
}

void nd_loop_on_turn(struct nd_loop *loop, void (*fn)(void *ctx), void *ctx)
{
	loop->turn = fn;
	loop->turn_ctx = ctx;
}

struct nd_wake {
	struct nd_uv_owner owner;
	uv_async_t async;
	void (*fn)(void *ctx);
	void *ctx;
};

static void on_async(uv_async_t *async)
{
	struct nd_wake *w = async->data;

	nd_loop_enter(async->loop->data);
	w->fn(w->ctx);
}

static void free_wake(uv_handle_t *h)
{
	free(h->data);
}

static void destroy_wake(struct nd_uv_owner *owner)
{
	nd_wake_free((struct nd_wake *)owner);
}

struct nd_wake *nd_wake_new(struct nd_loop *loop, void (*fn)(void *ctx), void *ctx)
{
	struct nd_wake *w = malloc(sizeof *w);

	if (!w)
		return NULL;
	*w = (struct nd_wake){ .owner.destroy = destroy_wake, .fn = fn, .ctx = ctx };
	if (uv_async_init(&loop->uv, &w->async, on_async)) {
		free(w);
		return NULL;
	}
	w->async.data = w;
	return w;
}

void nd_wake_send(struct nd_wake *w)
{
	uv_async_send(&w->async);
}

void nd_wake_free(struct nd_wake *w)
{
	if (w)
		uv_close((uv_handle_t *)&w->async, free_wake);
}

struct nd_signal {
	struct nd_uv_owner owner;
	uv_signal_t handle;
	void (*fn)(void *ctx, int number);
	void *ctx;
};

static void on_signal(uv_signal_t *handle, int number)
{
	struct nd_signal *s = handle->data;

	nd_loop_enter(handle->loop->data);
	s->fn(s->ctx, number);
}

static void free_signal(uv_handle_t *h)
{
	free(h->data);
}

static void destroy_signal(struct nd_uv_owner *owner)
{
	nd_signal_free((struct nd_signal *)owner);
}

struct nd_signal *nd_signal_new(struct nd_loop *loop, int number, void (*fn)(void *ctx, int number),
				void *ctx)
{
	struct nd_signal *s = malloc(sizeof *s);

	if (!s)
		return NULL;
	*s = (struct nd_signal){ .owner.destroy = destroy_signal, .fn = fn, .ctx = ctx };
	if (uv_signal_init(&loop->uv, &s->handle)) {
		free(s);
		return NULL;
	}
	s->handle.data = s;
	if (uv_signal_start(&s->handle, on_signal, number)) {
		nd_signal_free(s);
		return NULL;
	}
	return s;
}

void nd_signal_free(struct nd_signal *s)
{
	if (s)
		uv_close((uv_handle_t *)&s->handle, free_signal);
}
