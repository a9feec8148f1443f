/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <cmocka.h>

#include "io/thread.h"

struct seen {
	char name[16];
	sigset_t mask;
};

static void look(void *arg)
{
	struct seen *s = arg;

	pthread_getname_np(pthread_self(), s->name, sizeof s->name);
	pthread_sigmask(SIG_SETMASK, NULL, &s->mask);
}

static void test_start(void **state)
{
	struct seen s = { .name = "" };
	struct nd_thread *t;
	sigset_t own;
	(void)state;

	assert_int_equal(nd_thread_start("fifteen-letters", look, &s, &t), 0);
	nd_thread_join(t);
	assert_true(sigismember(&s.mask, SIGTERM) == 1 && sigismember(&s.mask, SIGHUP) == 1 &&
		    sigismember(&s.mask, SIGUSR1) == 1 && sigismember(&s.mask, SIGPIPE) == 1);
	pthread_sigmask(SIG_SETMASK, NULL, &own);
	assert_int_equal(sigismember(&own, SIGTERM), 0); /* unchanged here */
}

/* With one CPU in the affinity mask the result is 1 on any machine. */
static void test_cpus(void **state)
{
	cpu_set_t before, one;
	unsigned all = nd_thread_cpus();
	(void)state;

	assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
	assert_in_range(all, 1, (unsigned)CPU_COUNT(&before));
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
	assert_int_equal(nd_thread_cpus(), 1);
	sched_setaffinity(0, sizeof before, &before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_cpus),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
