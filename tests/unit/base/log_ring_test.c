/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>
#include "base/log_ring.h"

#define REPEATS "last line repeated "
#define REPORT "[WARNING] log: "

enum { RING = 4096, TEXT = 1 << 20 };

static char text[TEXT];

/* Everything that comes until the writer's end is closed. */
static void *read_all(void *arg)
{
	size_t n = 0;
	ssize_t got;

	while (n < sizeof text - 1 && (got = read(*(int *)arg, text + n, sizeof text - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	return NULL;
}

static void put(struct nd_log_ring *r, const char *line)
{
	nd_log_ring_put(r, line, strlen(line));
}

static void test_lines_arrive_in_order(void **state)
{
	struct nd_log_ring *r;
	pthread_t reader;
	char line[32];
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(nd_log_ring_start(fd[1], RING, &r), 0);
	pthread_create(&reader, NULL, read_all, &fd[0]);
	for (int i = 0; i < 100; i++) {
		snprintf(line, sizeof line, "line %d\n", i);
		put(r, line);
	}
	assert_int_equal(nd_log_ring_dropped(r), 0);
	assert_true(nd_log_ring_stop(r, 10000));
	close(fd[1]);
	pthread_join(reader, NULL);
	close(fd[0]);
	const char *at = text;
	for (int i = 0; i < 100; i++) {
		int n = snprintf(line, sizeof line, "line %d\n", i);
		assert_memory_equal(at, line, n);
		at += n;
	}
	assert_int_equal(*at, '\0');
}

/* No one reads: put never waits, and the loss is counted; then the reader comes, and the loss is
 * reported. */
static void test_stuck_reader(void **state)
{
	struct nd_log_ring *r;
	pthread_t reader;
	char line[64];
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	fcntl(fd[1], F_SETPIPE_SZ, 4096);
	assert_int_equal(nd_log_ring_start(fd[1], RING, &r), 0);
	for (int i = 0; i < 5000; i++) {
		snprintf(line, sizeof line, "a line with the number %d\n", i);
		put(r, line);
	}
	uint64_t dropped = nd_log_ring_dropped(r);
	assert_true(dropped > 1000);
	pthread_create(&reader, NULL, read_all, &fd[0]);
	assert_true(nd_log_ring_stop(r, 10000));
	close(fd[1]);
	pthread_join(reader, NULL);
	close(fd[0]);
	assert_non_null(strstr(text, "a line with the number 0\n"));
	/* More than one report, if the ring was empty for a moment before the pipe was full. */
	uint64_t reported = 0;
	for (const char *at = text; (at = strstr(at, REPORT)); at += strlen(REPORT))
		reported += strtoull(at + strlen(REPORT), NULL, 10);
	assert_int_equal(reported, dropped);
}

static void test_equal_lines_fold_only_during_loss(void **state)
{
	struct nd_log_ring *r;
	pthread_t reader;
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	fcntl(fd[1], F_SETPIPE_SZ, 4096);
	assert_int_equal(nd_log_ring_start(fd[1], RING, &r), 0);
	put(r, "same\n");
	put(r, "same\n");
	for (int i = 0; i < 5000; i++) /* far more than ring and pipe hold */
		put(r, "the upstream is down\n");
	uint64_t dropped = nd_log_ring_dropped(r);
	assert_true(dropped < 10); /* folded instead */
	pthread_create(&reader, NULL, read_all, &fd[0]);
	assert_true(nd_log_ring_stop(r, 10000));
	close(fd[1]);
	pthread_join(reader, NULL);
	close(fd[0]);
	assert_non_null(strstr(text, "same\nsame\n"));
	/* More than once, if the ring had room for a moment before the pipe was full. */
	unsigned long repeats = 0;
	for (const char *at = text; (at = strstr(at, REPEATS)); at += strlen(REPEATS))
		repeats += strtoul(at + strlen(REPEATS), NULL, 10);
	assert_true(repeats > 4000);
}

static void test_stop_does_not_wait_for_a_stuck_reader(void **state)
{
	static struct nd_log_ring *r; /* stays, and LeakSanitizer finds it here */
	char line[128];
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	fcntl(fd[1], F_SETPIPE_SZ, 4096);
	assert_int_equal(nd_log_ring_start(fd[1], RING, &r), 0);
	memset(line, 'x', sizeof line - 1);
	line[sizeof line - 1] = '\n';
	for (int i = 0; i < 200; i++)
		nd_log_ring_put(r, line, sizeof line);
	assert_false(nd_log_ring_stop(r, 50));
	/* The thread ends with its reader; the ring stays, for a process that is about to end. */
	close(fd[0]);
}

static void test_closed_descriptor(void **state)
{
	struct nd_log_ring *r;

	(void)state;
	assert_int_equal(nd_log_ring_start(-1, RING, &r), 0);
	put(r, "lost\n");
	assert_true(nd_log_ring_stop(r, 10000));
}

static void *put_many(void *arg)
{
	for (int i = 0; i < 2000; i++)
		put(arg, "0123456789\n");
	return NULL;
}

static void test_threads_do_not_mix_lines(void **state)
{
	struct nd_log_ring *r;
	pthread_t reader, t[4];
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(nd_log_ring_start(fd[1], TEXT, &r), 0);
	pthread_create(&reader, NULL, read_all, &fd[0]);
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, put_many, r);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(nd_log_ring_dropped(r), 0);
	assert_true(nd_log_ring_stop(r, 10000));
	close(fd[1]);
	pthread_join(reader, NULL);
	close(fd[0]);
	for (int i = 0; i < 8000; i++)
		assert_memory_equal(text + (size_t)i * 11, "0123456789\n", 11);
	assert_int_equal(strlen(text), 8000 * 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_arrive_in_order),
		cmocka_unit_test(test_stuck_reader),
		cmocka_unit_test(test_equal_lines_fold_only_during_loss),
		cmocka_unit_test(test_stop_does_not_wait_for_a_stuck_reader),
		cmocka_unit_test(test_closed_descriptor),
		cmocka_unit_test(test_threads_do_not_mix_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
