/* SPDX-License-Identifier: Apache-2.0 */
/* An index written to a file and read back is equal: putting all objects in again changes
 * nothing. */
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

#include "base/err.h"
#include "base/rcu.h"
#include "plugin/kubernetes/ksink.h"
#include "plugin/kubernetes/ksnap.h"
#include "plugin/kubernetes/kwalk.h"

static char folder[64], path[96];

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/ksnap_test.XXXXXX");
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

static uint64_t wall_ns(void)
{
	return 1700000000u * 1000000000ull;
}

/* Everything that an index can store. */
static struct nd_kindex *make_index(uint64_t key)
{
	struct nd_kindex_config config = { .max_bytes = 1 << 20,
					   .wall_ns = wall_ns,
					   .pod_names = true,
					   .zones = true,
					   .pod_labels = true,
					   .outside = true,
					   .key = { key, 2 } };

	for (int k = 0; k < ND_OBJECT_KINDS; k++)
		config.wanted[k] = true;
	struct nd_kindex *ix = nd_ksink_new(&config);
	assert_non_null(ix);
	return ix;
}

static const struct nd_object_ip v4 = { 4, { 10, 0, 0, 1 } }, v4b = { 4, { 10, 0, 0, 2 } },
				 v6 = { 16, { 0xfd, [15] = 9 } }, none;

/* Puts in objects of all kinds, each kind as a full list; returns the number of objects. */
static size_t put_all(struct nd_kindex *ix)
{
	const struct nd_object_ip ips[] = { v4, v6 };
	const struct nd_object_port ports[] = { { "http", "TCP", 80 }, { "", "", -1 } };
	const struct nd_object_label labels[] = { { "app", "x" }, { "empty", "" } };
	const char *const outside[] = { "192.0.2.1", "2001:db8::1", "LB.example.org" };
	const struct nd_object_endpoint four[] = {
		{ v4, "10.0.0.1", "", "pod-1", "Zone-A" },
		{ v4b, "10.0.0.2", "host", "", "" },
		{ none, "oddity", "", "", "" },
	};
	const struct nd_object_endpoint six[] = { { v6, "FD00:0::9", "", "", "b" },
						  { v6, "fd00::9", "", "", "" } };
	const struct nd_object all[] = {
		{ .kind = ND_OBJECT_NAMESPACE, .namespace = "", .name = "n" },
		{ .kind = ND_OBJECT_NAMESPACE, .namespace = "", .name = "empty" },
		{ .kind = ND_OBJECT_SERVICE,
		  .namespace = "n",
		  .name = "s",
		  .service = { false, false, "", ips, 2, ports, 2, outside, 3 } },
		{ .kind = ND_OBJECT_SERVICE,
		  .namespace = "n",
		  .name = "headless",
		  .service = { .headless = true, .external_name = "" } },
		{ .kind = ND_OBJECT_SERVICE,
		  .namespace = "n",
		  .name = "external",
		  .service = { .external = true, .external_name = "We\\.ird.example" } },
		{ .kind = ND_OBJECT_SERVICE,
		  .namespace = "nowhere",
		  .name = "nothing",
		  .service = { .external = true, .external_name = "192.0.2.7" } },
		{ .kind = ND_OBJECT_SLICE,
		  .namespace = "n",
		  .name = "s-4",
		  .slice = { "s", "", "", "", four, 3, ports, 1 } },
		{ .kind = ND_OBJECT_SLICE,
		  .namespace = "n",
		  .name = "both",
		  .slice = { "s", "imp", "c1", "", six, 2, ports, 2 } },
		{ .kind = ND_OBJECT_SLICE,
		  .namespace = "n",
		  .name = "imported",
		  .slice = { "", "imp", "c2", "", four, 2, NULL, 0 } },
		{ .kind = ND_OBJECT_POD,
		  .namespace = "n",
		  .name = "p.dotted",
		  .labels = labels,
		  .nlabels = 2,
		  .pod = { ips, 2, false } },
		{ .kind = ND_OBJECT_POD, .namespace = "n", .name = "bare" },
		{ .kind = ND_OBJECT_IMPORT,
		  .namespace = "n",
		  .name = "imp",
		  .service = { false, false, "", ips, 1, ports, 1, NULL, 0 } },
		{ .kind = ND_OBJECT_IMPORT,
		  .namespace = "n",
		  .name = "portless",
		  .service = { .external_name = "" } },
	};

	for (int k = 0; k < ND_OBJECT_KINDS; k++)
		ix->sink.begin(&ix->sink, (enum nd_object_kind)k);
	for (size_t i = 0; i < ND_COUNT(all); i++)
		assert_int_equal(ix->sink.upsert(&ix->sink, &all[i]), 0);
	for (int k = 0; k < ND_OBJECT_KINDS; k++)
		ix->sink.end(&ix->sink, (enum nd_object_kind)k);
	return ND_COUNT(all);
}

static bool is_live(void *ctx)
{
	return *(const bool *)ctx;
}

static int count_one(void *ctx, const struct nd_object *o)
{
	(void)o;
	++*(size_t *)ctx;
	return 0;
}

static struct nd_ksnap snap_of(struct nd_kindex *ix, uint64_t who, bool *live)
{
	return (struct nd_ksnap){
		.path = path, .who = who, .index = ix, .live = is_live, .ctx = live
	};
}

static void save(struct nd_kindex *ix, bool live)
{
	struct nd_ksnap s = snap_of(ix, 5, &live);

	nd_ksnap_stop(&s, true, true);
}

static void test_same_again(void **state)
{
	struct nd_kindex *from = make_index(1), *to = make_index(2);
	bool live = false;
	size_t n = put_all(from), walked = 0;
	uint64_t age;
	(void)state;

	save(from, true);
	struct nd_ksnap s = snap_of(to, 5, &live);
	nd_ksnap_load(&s);
	assert_true(nd_kindex_complete(to));
	assert_true(nd_ksnap_served(&s, &age));
	assert_in_range(age, 0, 60);
	assert_int_equal(nd_kwalk_objects(to, count_one, &walked), 0);
	assert_int_equal(walked, n);
	assert_int_equal(to->memory.used, from->memory.used);
	/* The live list that follows finds everything unchanged. */
	uint64_t before = to->changes;
	put_all(to);
	assert_int_equal(to->changes, before);
	live = true;
	assert_false(nd_ksnap_served(&s, &age));
	nd_ksink_free(from);
	nd_ksink_free(to);
}

/* Objects missing from the live list are removed at its end. */
static void test_replaced(void **state)
{
	struct nd_kindex *from = make_index(1), *to = make_index(2);
	bool live = false;
	size_t walked = 0;
	(void)state;

	put_all(from);
	save(from, true);
	struct nd_ksnap s = snap_of(to, 5, &live);
	nd_ksnap_load(&s);
	for (int k = 0; k < ND_OBJECT_KINDS; k++) {
		to->sink.begin(&to->sink, (enum nd_object_kind)k);
		to->sink.end(&to->sink, (enum nd_object_kind)k);
	}
	assert_int_equal(nd_kwalk_objects(to, count_one, &walked), 0);
	assert_int_equal(walked, 0);
	nd_ksink_free(from);
	nd_ksink_free(to);
}

static void test_left_out(void **state)
{
	struct nd_kindex *from = make_index(1), *to = make_index(2);
	bool live = false;
	uint64_t age;
	(void)state;

	put_all(from);
	save(from, false); /* no kind was fully listed: nothing is written */
	assert_int_not_equal(access(path, F_OK), 0);
	save(from, true);
	struct nd_ksnap s = snap_of(to, 6, &live);
	nd_ksnap_load(&s);
	assert_false(nd_kindex_complete(to));
	assert_false(nd_ksnap_served(&s, &age));
	assert_int_equal(to->changes, 0);
	nd_ksink_free(from);
	nd_ksink_free(to);
}

/* The folder does not exist: the failure is counted, nothing else happens. */
static void test_no_folder(void **state)
{
	struct nd_kindex *from = make_index(1);
	bool live = true;
	(void)state;

	put_all(from);
	struct nd_ksnap s = snap_of(from, 5, &live);
	s.path = "/tmp/ksnap_test.none/snap";
	nd_ksnap_load(&s);
	nd_ksnap_stop(&s, true, true);
	assert_int_equal(s.failures, 1);
	assert_int_equal(s.saved_s, 0);
	nd_ksink_free(from);
}

static int with_rcu(void **state)
{
	(void)state;
	nd_rcu_register();
	return 0;
}

static int without_rcu(void **state)
{
	(void)state;
	nd_rcu_barrier();
	nd_rcu_unregister();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_same_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_replaced, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_left_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_folder, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, with_rcu, without_rcu);
}
