/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include "io/procinfo.h"

static unsigned count_descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void test_descriptors(void **state)
{
	struct nd_procinfo before, after;
	struct rlimit l;
	(void)state;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &l), 0);
	nd_procinfo_read(&before);
	int fd = open("/dev/null", O_RDONLY);
	nd_procinfo_read(&after);
	assert_int_equal(after.open_fds, count_descriptors());
	close(fd);
	assert_int_equal(after.open_fds, before.open_fds + 1);
	assert_int_equal(after.max_fds, l.rlim_cur);
}

static void test_memory(void **state)
{
	const size_t n = 64 << 20;
	struct nd_procinfo before, after;
	struct rlimit l;
	(void)state;

	nd_procinfo_read(&before);
	char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(p != MAP_FAILED);
	memset(p, 1, n);
	nd_procinfo_read(&after);
	munmap(p, n);
	assert_true(after.virtual_bytes >= before.virtual_bytes + n);
	assert_true(after.resident_bytes > before.resident_bytes + n / 2);
	assert_true(after.resident_bytes <= after.virtual_bytes);
	assert_int_equal(getrlimit(RLIMIT_AS, &l), 0);
	assert_int_equal(after.virtual_max_bytes, l.rlim_cur);
}

static void test_times(void **state)
{
	struct nd_procinfo a, b;
	double now = (double)time(NULL);
	(void)state;

	nd_procinfo_read(&a);
	assert_true(a.start_s > now - 600 && a.start_s <= now + 2);
	do
		nd_procinfo_read(&b); /* takes CPU time */
	while (b.cpu_s < a.cpu_s + 0.01);
	assert_true(b.start_s > a.start_s - 0.1 && b.start_s < a.start_s + 0.1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
