/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <cmocka.h>

#include "io/clock.h"
#include "io/loop.h"
#include "io/thread.h"

static void stop(void *ctx)
{
	nd_loop_stop(ctx);
}

static void send_wake(void *ctx)
{
	nd_wake_send(ctx);
}

/* A wake from another thread while this one sleeps, and one before the loop runs. */
static void test_wake(void **state)
{
	struct nd_loop *loop = nd_loop_new();
	struct nd_wake *w = nd_wake_new(loop, stop, loop);
	struct nd_thread *t;
	(void)state;

	for (int i = 0; i < 20; i++) {
		assert_int_equal(nd_thread_start("waker", send_wake, w, &t), 0);
		nd_loop_run(loop);
		nd_thread_join(t);
	}
	nd_wake_send(w);
	nd_loop_run(loop);
	nd_wake_free(w);
	nd_loop_free(loop);
}

static int got_signal;

static void on_signal(void *ctx, int number)
{
	got_signal = number;
	nd_loop_stop(ctx);
}

static void test_signal(void **state)
{
	static const int numbers[] = { SIGUSR1, SIGTERM, SIGHUP };
	(void)state;

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		struct nd_loop *loop = nd_loop_new();
		struct nd_signal *s = nd_signal_new(loop, numbers[i], on_signal, loop);
		got_signal = 0;
		raise(numbers[i]);
		nd_loop_run(loop);
		assert_int_equal(got_signal, numbers[i]);
		nd_signal_free(s);
		nd_loop_free(loop);
	}
	struct nd_loop *loop = nd_loop_new();
	assert_null(nd_signal_new(loop, SIGKILL, on_signal, loop));
	nd_loop_free(loop);
}

struct turns {
	struct nd_loop *loop;
	unsigned wakes, turns, wakes_at_turn;
	struct nd_wake *wake;
};

static void count_wake(void *ctx)
{
	struct turns *t = ctx;

	if (++t->wakes == 3)
		nd_loop_stop(t->loop);
	else
		nd_wake_send(t->wake);
}

static void count_turn(void *ctx)
{
	struct turns *t = ctx;

	t->turns++;
	t->wakes_at_turn = t->wakes;
}

/* Called after each wake-up, including the one that stops the loop. */
static void test_turn(void **state)
{
	struct turns t = { .loop = nd_loop_new() };
	(void)state;

	t.wake = nd_wake_new(t.loop, count_wake, &t);
	nd_loop_on_turn(t.loop, count_turn, &t);
	nd_wake_send(t.wake);
	nd_loop_run(t.loop);
	assert_int_equal(t.wakes, 3);
	assert_int_equal(t.wakes_at_turn, 3);
	assert_true(t.turns >= 3);
	nd_loop_free(t.loop); /* also frees the wake */
}

static void test_now(void **state)
{
	struct nd_loop *loop = nd_loop_new();
	uint64_t before = nd_loop_now_ns(loop), now;
	(void)state;

	while (nd_clock_now_ns() == before)
		;
	assert_int_equal(nd_loop_now_ns(loop), before);
	now = nd_loop_update(loop);
	assert_true(now > before && now <= nd_clock_now_ns());
	assert_int_equal(nd_loop_now_ns(loop), now);
	assert_true(nd_clock_wall_ns() / ND_NS_PER_S > 1700000000);
	nd_loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wake),
		cmocka_unit_test(test_signal),
		cmocka_unit_test(test_turn),
		cmocka_unit_test(test_now),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
