/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "io/clock.h"
#include "io/loop.h"

static char order[16];
static size_t fired;

struct note {
	struct nd_timer timer;
	struct nd_loop *loop;
	char letter;
	uint64_t at_ns, due_ns;
};

static void note(struct nd_timer *t)
{
	struct note *n = (struct note *)t;

	order[fired++] = n->letter;
	order[fired] = '\0';
	n->at_ns = nd_loop_now_ns(n->loop);
	if (n->letter == '!')
		nd_loop_stop(n->loop);
}

static struct note *start(struct nd_loop *loop, struct note *n, char letter, uint64_t delay_ns)
{
	n->loop = loop;
	n->letter = letter;
	n->due_ns = nd_loop_now_ns(loop) + delay_ns;
	nd_timer_start(loop, &n->timer, delay_ns, note);
	return n;
}

/* Timers fire in order of due time, equal ones in order of their start, and never early. */
static void test_order(void **state)
{
	static const struct {
		const char *name, *letters, *want;
		unsigned ms[5];
	} rows[] = {
		{ "as started", "abc!", "abc!", { 1, 2, 3, 4 } },
		{ "backwards", "abc!", "cba!", { 5, 3, 1, 7 } },
		{ "equal", "abcd!", "abcd!", { 2, 2, 2, 2, 2 } },
		{ "no delay", "ab!", "ab!", { 0, 0, 0 } },
	};
	(void)state;

	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		struct nd_loop *loop = nd_loop_new();
		struct note notes[5] = { 0 };
		fired = 0;
		for (size_t i = 0; rows[r].letters[i]; i++)
			start(loop, &notes[i], rows[r].letters[i], ND_MS(rows[r].ms[i]));
		nd_loop_run(loop);
		if (strcmp(order, rows[r].want) != 0)
			fail_msg("%s: got %s, want %s", rows[r].name, order, rows[r].want);
		for (size_t i = 0; rows[r].letters[i]; i++) {
			if (notes[i].at_ns < notes[i].due_ns)
				fail_msg("%s: %zu came early", rows[r].name, i);
		}
		nd_loop_free(loop);
	}
}

static void test_stop_and_move(void **state)
{
	struct nd_loop *loop = nd_loop_new();
	struct note stopped = { 0 }, moved = { 0 }, last = { 0 };
	(void)state;

	fired = 0;
	start(loop, &stopped, 's', ND_MS(1));
	start(loop, &moved, 'm', ND_MS(1));
	start(loop, &moved, 'm', ND_MS(6));
	start(loop, &last, '!', ND_MS(8));
	nd_timer_stop(&stopped.timer);
	nd_timer_stop(&stopped.timer);
	nd_loop_run(loop);
	assert_string_equal(order, "m!");
	assert_true(moved.at_ns >= moved.due_ns);
	nd_timer_stop(&last.timer); /* has fired: no effect */
	nd_loop_free(loop);
}

static unsigned again_count;

static void again(struct nd_timer *t)
{
	struct note *n = (struct note *)t;

	if (++again_count >= 1000)
		nd_loop_stop(n->loop);
	nd_timer_start(n->loop, t, 0, again);
}

/* A timer that restarts itself without delay must not block the loop. */
static void test_restart_at_once(void **state)
{
	struct nd_loop *loop = nd_loop_new();
	struct note self = { .loop = loop }, other = { 0 };
	(void)state;

	fired = again_count = 0;
	nd_timer_start(loop, &self.timer, 0, again);
	start(loop, &other, 'o', 1);
	nd_loop_run(loop);
	assert_in_range(again_count, 1000, 1010); /* the current turn completes */
	assert_string_equal(order, "o");
	nd_loop_free(loop);
	nd_timer_stop(&self.timer); /* no longer armed: the loop was freed */
}

static void free_self(struct nd_timer *t)
{
	struct note *n = (struct note *)t;

	nd_loop_stop(n->loop);
	free(n);
}

static void test_freed_in_its_call(void **state)
{
	struct nd_loop *loop = nd_loop_new();
	struct note *n = calloc(1, sizeof *n);
	(void)state;

	n->loop = loop;
	nd_timer_start(loop, &n->timer, ND_MS(1), free_self);
	nd_loop_run(loop);
	nd_loop_free(loop);
}

static void test_endless_delay(void **state)
{
	struct nd_loop *loop = nd_loop_new();
	struct note never = { 0 }, last = { 0 };
	(void)state;

	fired = 0;
	start(loop, &never, 'n', UINT64_MAX);
	start(loop, &last, '!', ND_MS(2));
	nd_loop_run(loop);
	assert_string_equal(order, "!");
	nd_timer_stop(&never.timer);
	nd_loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),           cmocka_unit_test(test_stop_and_move),
		cmocka_unit_test(test_restart_at_once), cmocka_unit_test(test_freed_in_its_call),
		cmocka_unit_test(test_endless_delay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
