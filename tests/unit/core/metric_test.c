/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics page: grouping, merging, escaping, cumulative buckets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "core/gen.h"

static const char *const labels[] = { "zone", "type", NULL };
static const double bounds[] = { 0.00025, 0.5, 100, 16e3 };
static const struct nd_metric_family
	counter = { "b_total", ND_METRIC_COUNTER, "Bees.", labels, NULL, 0 },
	plain = { "a_total", ND_METRIC_COUNTER, "Ants.", NULL, NULL, 0 },
	gauge = { "g_seconds", ND_METRIC_GAUGE, "Gnats.", NULL, NULL, 0 },
	histogram = { "h_size", ND_METRIC_HISTOGRAM, "Hornets.", labels, bounds, ND_COUNT(bounds) },
	bare = { "i_size", ND_METRIC_HISTOGRAM, "Insects.", NULL, bounds, 1 };

static const char *const ab[] = { "a", "b" }, *const odd[] = { "q\"b\\n\nl", "" };

static void collect_some(void *ctx, struct nd_metric_out *out)
{
	(void)ctx;
	nd_metric_emit(out, &counter, ab, 2);
	nd_metric_emit(out, &counter, odd, 1);
	nd_metric_emit(out, &gauge, NULL, 1700000000.25);
	nd_metric_emit_histogram(out, &histogram, ab, (uint64_t[]){ 1, 2, 0, 3, 4 }, 12.5);
	nd_metric_emit_histogram(out, &bare, NULL, (uint64_t[]){ 5, 1 }, 7);
}

/* A second block, with the same families. */
static void collect_more(void *ctx, struct nd_metric_out *out)
{
	(void)ctx;
	nd_metric_emit(out, &plain, NULL, 1e15);
	nd_metric_emit(out, &counter, ab, 3);
	nd_metric_emit(out, &gauge, NULL, 1600000000);
	nd_metric_emit_histogram(out, &histogram, ab, (uint64_t[]){ 0, 1, 0, 0, 1 }, 0.5);
}

static void test_page(void **state)
{
	struct nd_gen gen = { 0 };
	struct nd_setup s = { .gen = &gen, .arena = &gen.arena };
	struct nd_buf b;
	(void)state;

	nd_arena_init(&gen.arena, 1 << 20);
	nd_list_init(&gen.collectors);
	nd_setup_collect(&s, collect_some, NULL);
	nd_setup_collect(&s, collect_more, NULL);
	nd_buf_init(&b, 1 << 20);
	nd_metric_page(&gen, &b);
	assert_string_equal(
		nd_buf_string(&b),
		"# HELP a_total Ants.\n# TYPE a_total counter\na_total 1e+15\n"
		"# HELP b_total Bees.\n# TYPE b_total counter\n"
		"b_total{zone=\"a\",type=\"b\"} 5\n"
		"b_total{zone=\"q\\\"b\\\\n\\nl\",type=\"\"} 1\n"
		"# HELP g_seconds Gnats.\n# TYPE g_seconds gauge\ng_seconds 1700000000.25\n"
		"# HELP h_size Hornets.\n# TYPE h_size histogram\n"
		"h_size_bucket{zone=\"a\",type=\"b\",le=\"0.00025\"} 1\n"
		"h_size_bucket{zone=\"a\",type=\"b\",le=\"0.5\"} 4\n"
		"h_size_bucket{zone=\"a\",type=\"b\",le=\"100\"} 4\n"
		"h_size_bucket{zone=\"a\",type=\"b\",le=\"16000\"} 7\n"
		"h_size_bucket{zone=\"a\",type=\"b\",le=\"+Inf\"} 12\n"
		"h_size_sum{zone=\"a\",type=\"b\"} 13\n"
		"h_size_count{zone=\"a\",type=\"b\"} 12\n"
		"# HELP i_size Insects.\n# TYPE i_size histogram\n"
		"i_size_bucket{le=\"0.00025\"} 5\ni_size_bucket{le=\"+Inf\"} 6\n"
		"i_size_sum 7\ni_size_count 6\n");
	nd_buf_clear(&b);
	nd_arena_clear(&gen.arena);
}

/* No collectors: an empty page. */
static void test_empty(void **state)
{
	struct nd_gen gen = { 0 };
	struct nd_buf b;
	(void)state;

	nd_list_init(&gen.collectors);
	nd_buf_init(&b, 1 << 20);
	nd_metric_page(&gen, &b);
	assert_int_equal(b.len, 0);
	nd_buf_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_page),
		cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
