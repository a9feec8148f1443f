/* SPDX-License-Identifier: Apache-2.0 */
/* Lookups with the test's own resolver, which answers, fails or hangs depending on the name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "io/clock.h"
#include "io/lookup.h"

static sem_t gate; /* releases hanging lookups */
static atomic_uint hanging, answered;

static struct addrinfo *entry(const char *ip, struct addrinfo *next)
{
	struct addrinfo *a = calloc(1, sizeof *a);
	struct nd_addr at;

	assert_int_equal(nd_addr_parse_ip(ip, 0, &at), 0);
	a->ai_addr = malloc(sizeof at.in6);
	memcpy(a->ai_addr, &at.in6, sizeof at.in6);
	a->ai_addrlen = at.len;
	a->ai_family = at.sa.sa_family;
	a->ai_next = next;
	return a;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
		struct addrinfo **out)
{
	assert_null(service);
	assert_int_equal(hints->ai_socktype, SOCK_STREAM);
	*out = NULL;
	if (strcmp(name, "hangs") == 0) {
		hanging++;
		while (sem_wait(&gate) < 0)
			;
	}
	answered++;
	if (strcmp(name, "none") == 0)
		return EAI_NONAME;
	if (strcmp(name, "broken") == 0) {
		errno = EMFILE;
		return EAI_SYSTEM;
	}
	if (strcmp(name, "other") == 0) {
		*out = entry("10.0.0.1", NULL);
		(*out)->ai_family = AF_UNIX;
		return 0;
	}
	unsigned n = strcmp(name, "many") == 0 ? 20 : 1;
	for (unsigned i = 0; i < n; i++)
		*out = entry("10.0.0.2", *out);
	*out = entry("fd00::1", *out);
	return 0;
}

void freeaddrinfo(struct addrinfo *a)
{
	while (a) {
		struct addrinfo *next = a->ai_next;
		free(a->ai_addr);
		free(a);
		a = next;
	}
}

struct call {
	struct nd_loop *loop;
	struct nd_timer limit;
	struct nd_lookup *lookup;
	unsigned ends;
	size_t n;
	char failed[128], first[ND_ADDR_TEXT_MAX], last[ND_ADDR_TEXT_MAX];
};

static void on_end(void *ctx, const struct nd_lookup_result *r)
{
	struct call *c = ctx;

	c->lookup = NULL;
	c->ends++;
	c->n = r->n;
	snprintf(c->failed, sizeof c->failed, "%s", r->failed ? r->failed : "");
	if (r->n) {
		nd_addr_format(&r->addrs[0], c->first);
		nd_addr_format(&r->addrs[r->n - 1], c->last);
	}
	nd_loop_stop(c->loop);
}

static void stop(struct nd_timer *t)
{
	nd_loop_stop(ND_CONTAINER(t, struct call, limit)->loop);
}

static void run(struct call *c, unsigned ms)
{
	nd_timer_start(c->loop, &c->limit, ND_MS(ms), stop);
	nd_loop_run(c->loop);
	nd_timer_stop(&c->limit);
}

static int start(struct call *c, const char *name)
{
	c->lookup = NULL;
	return nd_lookup_start(c->loop, name, 6443, on_end, c, &c->lookup);
}

static void test_names(void **state)
{
	static const struct {
		const char *name;
		size_t n;
		const char *failed, *first, *last;
	} rows[] = {
		{ "api.example", 2, "", "[fd00::1]:6443", "10.0.0.2:6443" },
		{ "many", ND_LOOKUP_ADDRS_MAX, "", "[fd00::1]:6443", "10.0.0.2:6443" },
		{ "none", 0, "Name or service not known", "", "" },
		{ "broken", 0, "Too many open files", "", "" },
		{ "other", 0, "Name or service not known", "", "" },
	};
	struct call c = { .loop = nd_loop_new() };
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		c.ends = 0;
		c.first[0] = c.last[0] = '\0';
		assert_int_equal(start(&c, rows[i].name), 0);
		assert_int_equal(c.ends, 0);
		run(&c, 5000);
		if (c.ends != 1 || c.n != rows[i].n || strcmp(c.failed, rows[i].failed) != 0 ||
		    strcmp(c.first, rows[i].first) != 0 || strcmp(c.last, rows[i].last) != 0)
			fail_msg("%s: %u ends, %zu, \"%s\", %s to %s", rows[i].name, c.ends, c.n,
				 c.failed, c.first, c.last);
	}
	nd_loop_free(c.loop);
}

static void test_refused(void **state)
{
	struct call c = { .loop = nd_loop_new() };
	char large[300];
	(void)state;

	memset(large, 'a', sizeof large - 1);
	large[sizeof large - 1] = '\0';
	assert_int_equal(start(&c, ""), ND_EFORMAT);
	assert_int_equal(start(&c, large), ND_EFORMAT);
	nd_loop_free(c.loop);
}

/* A hanging resolver blocks neither the loop, nor a cancel, nor the freeing of the loop; and the
 * number of hanging lookups is limited. */
static void test_hangs(void **state)
{
	enum { MAX = 16 };
	struct call c[MAX + 1];
	struct nd_loop *loop = nd_loop_new();
	(void)state;

	hanging = answered = 0;
	for (int i = 0; i < MAX; i++) {
		c[i] = (struct call){ .loop = loop };
		assert_int_equal(start(&c[i], "hangs"), 0);
	}
	c[MAX] = (struct call){ .loop = loop };
	assert_int_equal(start(&c[MAX], "hangs"), ND_ELIMIT);
	run(&c[0], 20);
	assert_int_equal(c[0].ends, 0);
	for (int i = 1; i < MAX; i++)
		nd_lookup_cancel(c[i].lookup);
	assert_int_equal(start(&c[MAX], "hangs"), ND_ELIMIT); /* they still hang */
	while (hanging < MAX)
		run(&c[0], 1);
	for (int i = 0; i < MAX; i++)
		sem_post(&gate);
	run(&c[0], 5000);
	assert_int_equal(c[0].ends, 1);
	while (answered < MAX)
		run(&c[0], 1);
	int err;
	while ((err = start(&c[1], "hangs")) == ND_ELIMIT) /* the last thread is ending */
		run(&c[0], 1);
	assert_int_equal(err, 0);
	nd_lookup_cancel(c[1].lookup);
	nd_loop_free(loop); /* before the thread ends */
	sem_post(&gate);
	for (int i = 1; i <= MAX; i++)
		assert_int_equal(c[i].ends, 0);
	while (answered < MAX + 1)
		;
}

/* Cancelled after the result arrived, before it was delivered. */
static void test_cancel_late(void **state)
{
	struct call c = { .loop = nd_loop_new() };
	(void)state;

	answered = 0;
	assert_int_equal(start(&c, "api.example"), 0);
	while (!answered)
		;
	nd_lookup_cancel(c.lookup);
	run(&c, 20);
	assert_int_equal(c.ends, 0);
	nd_lookup_cancel(NULL);
	nd_loop_free(c.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_hangs),
		cmocka_unit_test(test_cancel_late),
	};

	sem_init(&gate, 0, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
