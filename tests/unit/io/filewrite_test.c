/* SPDX-License-Identifier: Apache-2.0 */
/* A file is complete or unchanged, and no temporary file remains. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/err.h"
#include "io/file.h"
#include "io/filewrite.h"

static char folder[64], path[128], fresh[128];

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/filewrite_test.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/f", folder);
	snprintf(fresh, sizeof fresh, "%s/f.new", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	unlink(fresh);
	return rmdir(folder);
}

static bool there(const char *name)
{
	struct stat st;

	return lstat(name, &st) == 0;
}

static int write_times(size_t times, uint64_t max)
{
	struct nd_filewrite w;

	nd_filewrite_open(&w, path, max);
	for (size_t i = 0; i < times; i++)
		nd_filewrite_add(&w, "0123456789", 10);
	return nd_filewrite_commit(&w);
}

static void assert_size(size_t want)
{
	assert_int_equal(nd_file_stamp(path).size, want);
	assert_false(there(fresh));
}

static void test_whole(void **state)
{
	struct nd_buf b;
	(void)state;

	assert_int_equal(write_times(20000, 1 << 20), 0);
	assert_size(200000);
	nd_buf_init(&b, 1 << 20);
	assert_int_equal(nd_file_read(path, &b), 0);
	for (size_t i = 0; i < b.len; i++)
		assert_int_equal(b.data[i], '0' + (char)(i % 10));
	nd_buf_clear(&b);
	assert_int_equal(write_times(1, 10), 0);
	assert_size(10);
}

static void test_not_at_all(void **state)
{
	struct nd_filewrite w;
	(void)state;

	assert_int_equal(write_times(1, 100), 0);
	assert_int_equal(write_times(2, 19), ND_ELIMIT);
	assert_size(10);
	assert_int_equal(nd_filewrite_open(&w, path, 100), 0);
	nd_filewrite_add(&w, "abc", 3);
	assert_true(there(fresh));
	nd_filewrite_abort(&w);
	assert_size(10);
}

static void test_refused(void **state)
{
	struct nd_filewrite w;
	(void)state;

	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(write_times(1, 100), ND_ENOTREG);
	assert_int_equal(nd_filewrite_replace(path, "x", 1, 0600), ND_ENOTREG);
	assert_int_equal(nd_filewrite_remove(path), ND_ENOTREG);
	assert_true(there(path));
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(write_times(1, 100), -EISDIR);
	assert_false(there(fresh));
	rmdir(path);
	assert_int_equal(nd_filewrite_open(&w, "/tmp/filewrite_test.none/f", 100), -ENOENT);
	nd_filewrite_add(&w, "abc", 3);
	assert_int_equal(nd_filewrite_commit(&w), -ENOENT);
}

/* Neither a link under the temporary name nor one at the path leads to its target. */
static void test_links(void **state)
{
	char victim[128], other[128];
	(void)state;

	snprintf(victim, sizeof victim, "%s/victim", folder);
	snprintf(other, sizeof other, "%s/other", folder);
	int fd = open(victim, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "whole", 5), 5);
	close(fd);
	assert_int_equal(symlink("victim", fresh), 0);
	assert_int_equal(symlink("victim", path), 0);
	assert_int_equal(write_times(1, 100), 0);
	assert_size(10);
	assert_int_equal(nd_file_stamp(victim).size, 5);
	assert_int_equal(link(victim, fresh), 0); /* a hard link, left or planted */
	assert_int_equal(nd_filewrite_replace(path, "four", 4, 0644), 0);
	assert_size(4);
	assert_int_equal(nd_file_stamp(victim).size, 5);
	assert_int_equal(mkfifo(fresh, 0600), 0);
	assert_int_equal(nd_filewrite_replace(path, "x", 1, 0644), 0);
	assert_size(1);
	assert_int_equal(symlink("victim", other), 0);
	assert_int_equal(nd_filewrite_remove(other), 0);
	assert_int_equal(nd_filewrite_remove(other), -ENOENT);
	assert_true(there(victim));
	unlink(victim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_at_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_links, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
