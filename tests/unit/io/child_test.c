/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include "base/err.h"
#include "io/child.h"
#include "io/clock.h"

struct seen {
	struct nd_loop *loop;
	int ends, err, code, signal;
	size_t nout;
	char out[64], errors[64];
};

static void on_end(void *ctx, const struct nd_child_result *r)
{
	struct seen *s = ctx;

	s->ends++;
	s->err = r->err;
	s->code = r->code;
	s->signal = r->signal;
	s->nout = r->nout;
	snprintf(s->out, sizeof s->out, "%s", r->out);
	snprintf(s->errors, sizeof s->errors, "%s", r->errors);
	nd_loop_stop(s->loop);
}

static struct seen run(const char *script, size_t out_max, uint64_t limit_ns)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	const char *const env[] = { "PATH=/usr/bin:/bin", "X=here", NULL };
	struct nd_child_request r = { argv, env, out_max, limit_ns };
	struct seen s = { .loop = nd_loop_new() };
	struct nd_child *c;

	assert_int_equal(nd_child_start(s.loop, &r, on_end, &s, &c), 0);
	assert_int_equal(s.ends, 0);
	nd_loop_run(s.loop);
	nd_loop_free(s.loop);
	return s;
}

static void test_ends(void **state)
{
	static const struct {
		const char *script, *out, *errors;
		size_t nout, out_max;
		int err, code, signal;
	} rows[] = {
		{ "echo $X; echo no >&2; exit 3", "here\n", "no\n", 5, 100, 0, 3, 0 },
		{ "cat", "", "", 0, 100, 0, 0, 0 }, /* nothing to read */
		{ "kill -9 $$", "", "", 0, 100, 0, 0, 9 },
		{ "printf 12345", "12345", "", 5, 5, 0, 0, 0 },
		{ "printf 123456; sleep 60", "12345", "", 5, 5, ND_ELIMIT, 0, 0 },
		{ "head -c 100000 /dev/zero >&2; echo x", "x\n", "", 2, 5, 0, 0, 0 },
		/* A background process that keeps our pipes open. */
		{ "sleep 5 & echo x", "x\n", "", 2, 5, 0, 0, 0 },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct seen s = run(rows[i].script, rows[i].out_max, ND_S(60));
		if (s.ends != 1 || s.err != rows[i].err || s.code != rows[i].code ||
		    s.signal != rows[i].signal || s.nout != rows[i].nout ||
		    strcmp(s.out, rows[i].out) != 0 || strcmp(s.errors, rows[i].errors) != 0)
			fail_msg("%s: %d times, %d, exit %d, signal %d, \"%s\", \"%s\"",
				 rows[i].script, s.ends, s.err, s.code, s.signal, s.out, s.errors);
	}
}

static void test_time(void **state)
{
	(void)state;
	struct seen s = run("echo $$; sleep 60; echo b", 100, ND_MS(200));
	int status = 0, pid = atoi(s.out);
	assert_int_equal(s.err, ND_ETIME);
	assert_true(pid > 1);
	/* The loop either reaped the child or was freed before; then we have to wait for it. */
	pid_t waited = waitpid(pid, &status, 0);
	if (waited == pid)
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == 9);
	else
		assert_true(waited == -1 && errno == ECHILD);
	assert_int_equal(kill(pid, 0), -1);
}

static void test_none(void **state)
{
	const char *const argv[] = { "/nowhere/at-all", NULL };
	struct nd_child_request r = { argv, NULL, 10, ND_S(1) };
	struct nd_loop *loop = nd_loop_new();
	struct seen s = { .loop = loop };
	struct nd_child *c;
	(void)state;

	assert_int_equal(nd_child_start(loop, &r, on_end, &s, &c), -ENOENT);
	nd_loop_free(loop);
	assert_int_equal(s.ends, 0);
}

struct stop {
	struct nd_timer timer;
	struct nd_loop *loop;
};

static void on_time(struct nd_timer *t)
{
	nd_loop_stop(ND_CONTAINER(t, struct stop, timer)->loop);
}

static void test_given_up(void **state)
{
	const char *const argv[] = { "sleep", "60", NULL };
	struct nd_child_request r = { argv, NULL, 10, ND_S(60) };
	struct nd_loop *loop = nd_loop_new();
	struct stop stop = { .loop = loop };
	struct seen s = { .loop = loop };
	struct nd_child *c;
	(void)state;

	assert_int_equal(nd_child_start(loop, &r, on_end, &s, &c), 0);
	nd_child_free(c);
	nd_timer_start(loop, &stop.timer, ND_MS(100), on_time);
	nd_loop_run(loop);
	/* Freeing the loop kills the child. */
	assert_int_equal(nd_child_start(loop, &r, on_end, &s, &c), 0);
	nd_loop_free(loop);
	assert_int_equal(s.ends, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_given_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
