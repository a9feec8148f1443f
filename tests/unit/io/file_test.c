/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/err.h"
#include "io/file.h"

static void test_read(void **state)
{
	static const struct {
		size_t size, max, before;
		int want;
	} rows[] = {
		{ 0, 100, 0, 0 },
		{ 10, 10, 0, 0 },
		{ 11, 10, 0, ND_ELIMIT },
		{ 70000, 70000, 0, 0 },
		{ 70000, 69999, 0, ND_ELIMIT },
		{ 10, 15, 5, 0 },
		{ 11, 15, 5, ND_ELIMIT },
		{ 16384, 1 << 20, 0, 0 },
	};
	static char text[70000], hello[] = "hello";
	(void)state;

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)('a' + i % 26);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char path[] = "/tmp/file_test.XXXXXX";
		int fd = mkstemp(path);
		struct nd_buf b;
		assert_int_equal(write(fd, text, rows[i].size), rows[i].size);
		close(fd);
		nd_buf_init(&b, rows[i].max);
		nd_buf_add(&b, hello, rows[i].before);
		int err = nd_file_read(path, &b);
		unlink(path);
		if (err != rows[i].want)
			fail_msg("%zu of %zu: got %d", rows[i].size, rows[i].max, err);
		if (!err) {
			assert_int_equal(b.len, rows[i].before + rows[i].size);
			assert_memory_equal(b.data, hello, rows[i].before);
			assert_memory_equal(b.data + rows[i].before, text, rows[i].size);
			assert_int_equal(b.data[b.len], '\0');
		}
		nd_buf_clear(&b);
	}
}

static void test_absent(void **state)
{
	struct nd_buf b;
	(void)state;

	nd_buf_init(&b, 100);
	assert_int_equal(nd_file_read("/nowhere/at/all", &b), -ENOENT);
	assert_int_equal(nd_file_read("/", &b), -EISDIR);
	assert_int_equal(b.err, 0);
	nd_buf_clear(&b);
	assert_false(nd_file_stamp("/nowhere/at/all").exists);
}

/* None of these may block or be read; links are followed, as in a ConfigMap's folder. */
static void test_irregular(void **state)
{
	char folder[] = "/tmp/file_test.XXXXXX", path[64], link[64];
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct nd_buf b;
	(void)state;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/x", folder);
	snprintf(link, sizeof link, "%s/link", folder);
	snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	assert_int_equal(symlink("x", link), 0);
	nd_buf_init(&b, 100);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(nd_file_read(path, &b), ND_ENOTREG);
	assert_int_equal(nd_file_read(link, &b), ND_ENOTREG);
	unlink(path);
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(s, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(nd_file_read(path, &b), ND_ENOTREG);
	close(s);
	unlink(path);
	assert_int_equal(nd_file_read("/dev/zero", &b), ND_ENOTREG);
	assert_int_equal(b.err, 0);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "text", 4), 4);
	close(fd);
	assert_int_equal(nd_file_read(link, &b), 0);
	assert_string_equal(nd_buf_string(&b), "text");
	nd_buf_clear(&b);
	unlink(path);
	unlink(link);
	rmdir(folder);
}

static void test_stamp(void **state)
{
	char path[] = "/tmp/file_test.XXXXXX";
	int fd = mkstemp(path);
	(void)state;

	struct nd_file_stamp empty = nd_file_stamp(path);
	assert_true(empty.exists);
	assert_true(nd_file_stamp_equal(empty, nd_file_stamp(path)));
	assert_int_equal(write(fd, "x", 1), 1);
	assert_false(nd_file_stamp_equal(empty, nd_file_stamp(path)));
	unlink(path);
	assert_false(nd_file_stamp_equal(empty, nd_file_stamp(path)));
	close(fd);
}

/* build/tests/NAME is the running program. */
static void test_beside(void **state)
{
	char path[4096], whole[4096];
	(void)state;

	assert_int_equal(nd_file_beside("../nodens", path, sizeof path), 0);
	assert_int_equal(readlink("/proc/self/exe", whole, sizeof whole) > 0, 1);
	assert_memory_equal(path, whole, (size_t)(strstr(path, "../nodens") - path));
	assert_int_equal(nd_file_beside("../nodens", path, strlen(path)), -ENAMETOOLONG);
	assert_int_equal(nd_file_beside("x", path, sizeof path), 0);
	assert_string_equal(strrchr(path, '/'), "/x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),      cmocka_unit_test(test_absent),
		cmocka_unit_test(test_irregular), cmocka_unit_test(test_stamp),
		cmocka_unit_test(test_beside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
