/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin in a chain: stored answers, hits, metrics; a hit does not use the heap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "support/rig.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
	__has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

/* Heap allocations of the whole program. Compilers assume that malloc() writes no variable. */
static volatile unsigned long taken;

#ifdef SANITIZED
/* The sanitizers have their own allocator; this is in their run time, and in clang's headers. */
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *p, size_t n),
					      void (*on_free)(const volatile void *p));

static void count(const volatile void *p, size_t n)
{
	(void)p;
	(void)n;
	taken++;
}

static void ignore(const volatile void *p)
{
	(void)p;
}

static int count_allocations(void **state)
{
	(void)state;
	return __sanitizer_install_malloc_and_free_hooks(count, ignore) > 0 ? 0 : -1;
}
#else
static int count_allocations(void **state)
{
	(void)state;
	return 0;
}

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *malloc(size_t n);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t n);

void *malloc(size_t n)
{
	taken++;
	return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	taken++;
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	taken++;
	return __libc_realloc(p, n);
}
#endif

/* The plugins of kubeadm's Corefile, with hosts in place of kubernetes. */
static const char corefile[] = ".:1053 {\n"
			       "  errors\n"
			       "  hosts /dev/null {\n"
			       "    10.0.0.1 a.test\n"
			       "    10.0.0.2 two.test\n"
			       "    10.0.0.3 two.test\n"
			       "    fallthrough\n"
			       "  }\n"
			       "  cache 30\n"
			       "  loadbalance\n"
			       "}\n";

static struct nd_rig rig;

static int open_rig(void **state)
{
	(void)state;
	nd_rig_open(&rig, corefile);
	return 0;
}

static int close_rig(void **state)
{
	(void)state;
	nd_rig_close(&rig);
	return 0;
}

static uint32_t ttl_of(const char *name)
{
	struct nd_rr rr;

	assert_true(nd_rig_ask(&rig, name, ND_TYPE_A, 0x0100, 0));
	assert_true(nd_rig_record(&rig, 0, &rr));
	return rr.ttl;
}

static uint64_t sum(const char *page, const char *metric)
{
	const char *at = strstr(page, metric);

	at = at ? strchr(at, ' ') : NULL;
	return at ? strtoull(at, NULL, 10) : 0;
}

static uint64_t metric(const char *name)
{
	struct nd_buf b;

	nd_buf_init(&b, 1 << 20);
	nd_metric_page(rig.gen, &b);
	/* Skip the HELP and TYPE lines: the sample starts a line. */
	char start[128];
	snprintf(start, sizeof start, "\n%s", name);
	uint64_t v = sum(nd_buf_string(&b), start);
	nd_buf_clear(&b);
	return v;
}

static void test_counts_down(void **state)
{
	(void)state;
	assert_int_equal(ttl_of("a.test."), 30); /* capped in the first answer too */
	rig.ahead_ns = 12 * (uint64_t)ND_NS_PER_S;
	assert_int_equal(ttl_of("A.test."), 18);
	assert_memory_equal(rig.bytes + 13, "A", 1); /* the spelling of the query */
	rig.ahead_ns = 31 * (uint64_t)ND_NS_PER_S;
	assert_int_equal(ttl_of("a.test."), 30);
	assert_int_equal(metric("coredns_cache_hits_total{server=\"dns://:1053\",type=\"success\""),
			 1);
	assert_int_equal(metric("coredns_cache_requests_total"), 3);
	rig.ahead_ns = 0;
}

static void test_both_records_come_back(void **state)
{
	unsigned seen[4] = { 0 };
	(void)state;

	for (unsigned i = 0; i < 64; i++) {
		struct nd_rr rr;
		assert_true(nd_rig_ask(&rig, "two.test.", ND_TYPE_A, 0x0100, 1232));
		assert_int_equal(rig.msg.count[1], 2);
		assert_true(nd_rig_record(&rig, 0, &rr));
		seen[rig.bytes[rr.rdata + 3]]++;
	}
	assert_int_equal(seen[2] + seen[3], 64);
	assert_in_range(seen[2], 10, 54); /* loadbalance shuffles cached answers */
}

static void test_failures_are_kept(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		assert_true(nd_rig_ask(&rig, "none.test.", ND_TYPE_A, 0x0100, 0));
		assert_int_equal(nd_rig_rcode(&rig), ND_RCODE_SERVFAIL);
	}
	assert_int_equal(metric("coredns_cache_hits_total{server=\"dns://:1053\",type=\"denial\""),
			 1);
	rig.ahead_ns = 6 * (uint64_t)ND_NS_PER_S;
	assert_true(nd_rig_ask(&rig, "none.test.", ND_TYPE_A, 0x0100, 0));
	assert_int_equal(metric("coredns_cache_hits_total{server=\"dns://:1053\",type=\"denial\""),
			 1);
	rig.ahead_ns = 0;
}

static void test_reload_keeps_equal_answers(void **state)
{
	char other[512];
	(void)state;

	assert_int_equal(ttl_of("a.test."), 30);
	rig.ahead_ns = 10 * (uint64_t)ND_NS_PER_S;
	nd_rig_reload(&rig, corefile);
	assert_int_equal(ttl_of("a.test."), 20); /* cached */
	snprintf(other, sizeof other, "%s", corefile);
	memcpy(strstr(other, "10.0.0.1"), "10.0.0.9", 8);
	nd_rig_reload(&rig, other);
	assert_int_equal(ttl_of("a.test."), 30); /* answers of another configuration are not used */
	rig.ahead_ns = 0;
}

static void test_hit_takes_no_memory(void **state)
{
	uint8_t plain[512], edns[512];
	size_t n = nd_rig_question(plain, "two.test.", ND_TYPE_A, 0x0100, 0);
	size_t m = nd_rig_question(edns, "two.test.", ND_TYPE_A, 0x0100, 1232);
	(void)state;

	unsigned long before = taken;
	void *volatile p = malloc(1);
	assert_int_equal(taken - before, 1); /* the counter works */
	free(p);
	assert_true(nd_rig_send(&rig, plain, n, ND_PROTO_UDP));
	before = taken;
	for (unsigned i = 0; i < 1000; i++) {
		assert_true(nd_rig_send(&rig, plain, n, ND_PROTO_UDP));
		assert_true(nd_rig_send(&rig, edns, m, ND_PROTO_UDP));
	}
	assert_int_equal(taken - before, 0);
}

/* Nor does a stale one, and the refresh that it starts. */
static void test_stale_hit_takes_no_memory(void **state)
{
	uint8_t m[512];
	size_t n = nd_rig_question(m, "two.test.", ND_TYPE_A, 0x0100, 0);
	unsigned long before = 0;
	(void)state;

	nd_rig_reload(&rig, ".:1053 {\n"
			    "  hosts /dev/null {\n    10.0.0.2 two.test\n  }\n"
			    "  cache {\n    serve_stale\n  }\n"
			    "  loadbalance\n}\n");
	for (unsigned i = 0; i < 1000; i++) {
		if (i == 2)
			before = taken;
		rig.ahead_ns = i * ND_S(3601);
		assert_true(nd_rig_send(&rig, m, n, ND_PROTO_UDP));
	}
	assert_int_equal(taken - before, 0);
	assert_int_equal(metric("coredns_cache_served_stale_total"), 999);
}

#define RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_counts_down),         RIG(test_both_records_come_back),
		RIG(test_failures_are_kept),   RIG(test_reload_keeps_equal_answers),
		RIG(test_hit_takes_no_memory), RIG(test_stale_hit_takes_no_memory),
	};

	return cmocka_run_group_tests(tests, count_allocations, NULL);
}
