/* SPDX-License-Identifier: Apache-2.0 */
/* A turn of ours contains one of libuv's: wait; timers; libuv (streams, wake-ups, signals,
 * connected sockets); bound sockets; then the turn's end, where queued output is written. */
#include "io/loop.h"

#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include "base/err.h"
#include "io/uv.h"

_Static_assert(offsetof(struct nd_loop, timers) == 0, "timer.c finds the timers at its start");

uint64_t nd_loop_now_ns(const struct nd_loop *loop)
{
	return loop->timers.now_ns;
}

uint64_t nd_loop_update(struct nd_loop *loop)
{
	return loop->timers.now_ns = nd_clock_now_ns();
}

bool nd_loop_watch(struct nd_loop *loop, struct nd_direct *d, int fd)
{
	if (loop->ndirect == ND_DIRECT_MAX)
		return false;
	loop->direct[loop->ndirect++] = d;
	loop->waits[loop->ndirect] = (struct pollfd){ .fd = fd, .events = POLLIN };
	return true;
}

void nd_loop_unwatch(struct nd_loop *loop, struct nd_direct *d)
{
	for (unsigned i = 0; i < loop->ndirect; i++) {
		if (loop->direct[i] == d) {
			loop->direct[i] = NULL;
			loop->waits[1 + i].fd = -1;
		}
	}
	nd_list_add(&loop->gone, &d->gone);
}

static void free_gone(struct nd_loop *loop)
{
	struct nd_list *node;
	unsigned n = 0;

	if (nd_list_empty(&loop->gone))
		return;
	while ((node = nd_list_pop(&loop->gone)))
		free(ND_LIST_ENTRY(node, struct nd_direct, gone));
	for (unsigned i = 0; i < loop->ndirect; i++) {
		loop->direct[n] = loop->direct[i];
		loop->waits[1 + n] = loop->waits[1 + i];
		n += loop->direct[i] != NULL;
	}
	loop->ndirect = n;
}

/* How long the loop may sleep; ND_TIMERS_NONE: without limit. */
static uint64_t idle_ns(const struct nd_loop *loop)
{
	uint64_t next = nd_timers_next(&loop->timers);

	/* turn_end: a hook was linked at the last turn's end (on_drain wrote more) or since */
	if (loop->touched || !nd_list_empty(&loop->turn_end))
		return 0;
	if (next == ND_TIMERS_NONE)
		return next;
	uint64_t now = nd_clock_now_ns(); /* the turn itself took time */
	return next > now ? next - now : 0;
}

/* Waits until a descriptor is readable or the earliest timer is due. */
static void wait_turn(struct nd_loop *loop)
{
	uint64_t ns = idle_ns(loop);
	struct timespec t = { .tv_sec = (time_t)(ns / ND_NS_PER_S),
			      .tv_nsec = (long)(ns % ND_NS_PER_S) };

	if (ppoll(loop->waits, 1 + loop->ndirect, ns == ND_TIMERS_NONE ? NULL : &t, NULL) < 0) {
		for (unsigned i = 0; i <= loop->ndirect; i++) /* EINTR: revents are stale */
			loop->waits[i].revents = 0;
	}
}

static void run_uv(struct nd_loop *loop)
{
	if (!loop->touched && !loop->waits[0].revents)
		return;
	loop->touched = false;
	uv_run(&loop->uv, UV_RUN_NOWAIT);
}

static void run_direct(struct nd_loop *loop)
{
	unsigned n = loop->ndirect; /* sockets added below have no revents yet */

	for (unsigned i = 0; i < n; i++) {
		if (loop->direct[i] && loop->waits[1 + i].revents)
			loop->direct[i]->on_readable(loop->direct[i]);
	}
}

/* Calls the hooks linked now. A hook linked meanwhile waits for the next call, so this one ends. */
static void run_hooks(struct nd_list *hooks)
{
	struct nd_list now, *node;

	nd_list_init(&now);
	while ((node = nd_list_pop(hooks)))
		nd_list_add(&now, node);
	while ((node = nd_list_pop(&now))) {
		struct nd_hook *h = ND_LIST_ENTRY(node, struct nd_hook, link);
		h->fn(h);
	}
}

static void run_turn(struct nd_loop *loop)
{
	wait_turn(loop);
	loop->turn_number++;
	nd_loop_update(loop);
	if (nd_timers_next(&loop->timers) <= loop->timers.now_ns)
		nd_timers_fire(&loop->timers);
	run_uv(loop);
	run_direct(loop);
	if (loop->turn)
		loop->turn(loop->turn_ctx);
	if (!nd_list_empty(&loop->turn_end))
		run_hooks(&loop->turn_end);
	free_gone(loop);
}

struct nd_loop *nd_loop_new(void)
{
	struct nd_loop *loop = calloc(1, sizeof *loop);

	if (!loop)
		return NULL;
	if (uv_loop_init(&loop->uv)) {
		free(loop);
		return NULL;
	}
	/* libuv writes to streams with write(2): a closed peer must not end the process. */
	signal(SIGPIPE, SIG_IGN);
	loop->uv.data = loop;
	loop->touched = true;
	loop->waits[0] = (struct pollfd){ .fd = uv_backend_fd(&loop->uv), .events = POLLIN };
	nd_list_init(&loop->gone);
	nd_list_init(&loop->turn_end);
	nd_list_init(&loop->loop_end);
	nd_loop_update(loop);
	return loop;
}

static void close_handle(uv_handle_t *h, void *arg)
{
	struct nd_uv_owner *owner = h->data;
	(void)arg;

	if (!uv_is_closing(h))
		owner->destroy(owner);
}

static void close_direct(struct nd_loop *loop)
{
	for (unsigned i = 0; i < loop->ndirect; i++) {
		if (loop->direct[i])
			loop->direct[i]->destroy(loop->direct[i]);
	}
	free_gone(loop);
}

void nd_loop_free(struct nd_loop *loop)
{
	if (!loop)
		return;
	/* An owner's on_close may open another stream: repeat until none is left. */
	do {
		uv_walk(&loop->uv, close_handle, NULL);
		uv_run(&loop->uv, UV_RUN_DEFAULT);
		close_direct(loop);
	} while (uv_loop_close(&loop->uv) == UV_EBUSY);
	nd_timers_clear(&loop->timers);
	run_hooks(&loop->loop_end);
	free(loop);
}

void nd_loop_run(struct nd_loop *loop)
{
	while (!loop->stopped)
		run_turn(loop);
	loop->stopped = false;
}

void nd_loop_stop(struct nd_loop *loop)
{
	loop->stopped = true;
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
	nd_loop_touch(loop);
	return w;
}

void nd_wake_send(struct nd_wake *w)
{
	uv_async_send(&w->async);
}

void nd_wake_free(struct nd_wake *w)
{
	if (!w)
		return;
	nd_loop_touch(w->async.loop->data);
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

	nd_loop_touch(handle->loop->data);
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
	nd_loop_touch(loop);
	if (uv_signal_start(&s->handle, on_signal, number)) {
		nd_signal_free(s);
		return NULL;
	}
	return s;
}

void nd_signal_free(struct nd_signal *s)
{
	if (!s)
		return;
	nd_loop_touch(s->handle.loop->data);
	uv_close((uv_handle_t *)&s->handle, free_signal);
}
