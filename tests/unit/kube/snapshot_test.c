/* SPDX-License-Identifier: Apache-2.0 */
/* Objects survive a round trip; a damaged or foreign file, or another version, passes no object. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "io/file.h"
#include "kube/snapshot.h"
#include "support/sinklog.h"

enum {
	KINDS = 1 << ND_OBJECT_NAMESPACE | 1 << ND_OBJECT_SERVICE | 1 << ND_OBJECT_SLICE |
		1 << ND_OBJECT_POD
};

static const struct nd_snapshot_head head = { .who = 77, .saved_s = 1700000000, .kinds = KINDS };

static char folder[64], path[96];

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/snapshot_test.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/snap", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

/* An object of each kind, with all fields. */
static void write_all(struct nd_buf *b)
{
	static const struct nd_object_ip ips[] = { { 4, { 10, 0, 0, 1 } },
						   { 16, { 0xfd, [15] = 9 } },
						   { 0, { 0 } } };
	static const struct nd_object_port ports[] = { { "http", "TCP", 80 },
						       { "", "", -1 },
						       { "top", "UDP", 65535 } };
	static const struct nd_object_label labels[] = { { "a", "b" }, { "c", "" } };
	static const char *const outside[] = { "192.0.2.1", "lb.example" };
	const struct nd_object_endpoint ends[] = { { ips[0], "10.0.0.1", "h", "p", "z" },
						   { ips[1], "", "", "", "" } };
	const struct nd_object all[] = {
		{ .kind = ND_OBJECT_NAMESPACE, .namespace = "", .name = "n" },
		{ .kind = ND_OBJECT_SERVICE,
		  .namespace = "n",
		  .name = "s",
		  .service = { true, false, "x.example", ips, 3, ports, 3, outside, 2 } },
		{ .kind = ND_OBJECT_SERVICE,
		  .namespace = "n",
		  .name = "bare",
		  .service = { .headless = true, .external_name = "" } },
		{ .kind = ND_OBJECT_SLICE,
		  .namespace = "n",
		  .name = "e",
		  .slice = { "s", "i", "c1", "2024-01-01T00:00:00Z", ends, 2, ports, 3 } },
		{ .kind = ND_OBJECT_POD,
		  .namespace = "n",
		  .name = "p",
		  .labels = labels,
		  .nlabels = 2,
		  .pod = { ips, 2, false } },
	};
	struct nd_snapshot w;

	assert_int_equal(nd_snapshot_open(&w, path, &head), 0);
	for (size_t i = 0; i < ND_COUNT(all); i++)
		assert_int_equal(nd_snapshot_add(&w, &all[i]), 0);
	assert_int_equal(nd_snapshot_commit(&w), 0);
	nd_buf_init(b, 1 << 20);
	assert_int_equal(nd_file_read(path, b), 0);
}

static int read_logged(const void *bytes, size_t n, struct nd_snapshot_head *want,
		       struct nd_sinklog *t, const char **why)
{
	nd_sinklog_init(t);
	*why = "";
	return nd_snapshot_read(bytes, n, want, &t->sink, why);
}

static void test_round(void **state)
{
	struct nd_snapshot_head want = { .who = 77, .kinds = KINDS };
	struct nd_sinklog t;
	struct nd_buf b;
	const char *why;
	(void)state;

	write_all(&b);
	assert_int_equal(read_logged(b.data, b.len, &want, &t, &why), 0);
	assert_int_equal(want.saved_s, 1700000000);
	assert_string_equal(nd_sinklog_text(&t),
			    "begin Namespace\nbegin Service\nbegin EndpointSlice\nbegin Pod\n"
			    "Namespace /n\n"
			    "Service n/s external to x.example ip4:0a..01 ip16:fd..09 ip0:00..00 "
			    "http/TCP=80 /=-1 top/UDP=65535 outside 192.0.2.1 outside lb.example\n"
			    "Service n/bare headless\n"
			    "EndpointSlice n/e of s of import i in c1 [10.0.0.1 ip4:0a..01 h p z] "
			    "[ ip16:fd..09   ] http/TCP=80 /=-1 top/UDP=65535\n"
			    "Pod n/p a=b c= ip4:0a..01 ip16:fd..09\n"
			    "end Namespace\nend Service\nend EndpointSlice\nend Pod\n");
	nd_sinklog_clear(&t);
	nd_buf_clear(&b);
}

/* Cut at each byte, and with each byte changed: nothing reaches the sink. */
static void test_damage(void **state)
{
	struct nd_buf b;
	(void)state;

	write_all(&b);
	for (size_t i = 0; i < 2 * b.len; i++) {
		struct nd_snapshot_head want = { .who = 77, .kinds = KINDS };
		struct nd_sinklog t;
		const char *why;
		size_t n = i < b.len ? i : b.len;
		/* Of exact size, so that a sanitizer finds a read beyond it. */
		char *copy = malloc(n + 1);
		assert_non_null(copy);
		memcpy(copy, b.data, n);
		char *exact = realloc(copy, n ? n : 1);
		assert_non_null(exact);
		if (i >= b.len)
			exact[i - b.len] ^= 0x20;
		int err = read_logged(exact, n, &want, &t, &why);
		if (err != ND_EFORMAT || t.text.len || !why[0])
			fail_msg("%zu of %zu: %d %s\n%s", i, b.len, err, why, nd_sinklog_text(&t));
		nd_sinklog_clear(&t);
		free(exact);
	}
	nd_buf_clear(&b);
}

static void test_refused(void **state)
{
	static const struct {
		const char *name;
		size_t at;
		char byte;
		uint64_t who;
		uint32_t kinds;
		const char *why;
	} rows[] = {
		{ "another file", 0, 'X', 77, KINDS, "is not a nodens snapshot" },
		{ "newer", 8, 2, 77, KINDS, "unsupported version" },
		{ "other selection", 8, 1, 78, KINDS, "another API server" },
		{ "other kinds", 8, 1, 77, 1, "another API server" },
		{ "damaged", 24, 'X', 77, KINDS, "is damaged" },
	};
	struct nd_buf b;
	(void)state;

	write_all(&b);
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_snapshot_head want = { .who = rows[i].who, .kinds = rows[i].kinds };
		struct nd_sinklog t;
		const char *why;
		char was = b.data[rows[i].at];
		b.data[rows[i].at] = rows[i].byte;
		int err = read_logged(b.data, b.len, &want, &t, &why);
		if (err != ND_EFORMAT || !strstr(why, rows[i].why) || t.text.len)
			fail_msg("%s: %d %s", rows[i].name, err, why);
		b.data[rows[i].at] = was;
		nd_sinklog_clear(&t);
	}
	nd_buf_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
