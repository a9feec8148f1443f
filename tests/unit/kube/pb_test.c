/* SPDX-License-Identifier: Apache-2.0 */
/* One object in protobuf: external addresses of a Service, the annotation of a changed slice.
 * (Lists and watches: pbstream_test.c.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/buf.h"
#include "kube/pb.h"

/* A field of at most 127 bytes. */
static size_t field(uint8_t *to, unsigned number, const void *bytes, size_t n)
{
	to[0] = (uint8_t)(number << 3 | 2);
	to[1] = (uint8_t)n;
	memcpy(to + 2, bytes, n);
	return n + 2;
}

static size_t text(uint8_t *to, unsigned number, const char *value)
{
	return field(to, number, value, strlen(value));
}

static size_t service(uint8_t out[512])
{
	uint8_t a[128], b[128], c[128];
	size_t n = 0, len;

	len = text(a, 1, "s");
	len += text(a + len, 3, "n");
	n += field(out + n, 1, a, len);
	len = text(a, 5, "192.0.2.1");
	len += text(a + len, 4, "LoadBalancer");
	len += text(a + len, 5, "2001:db8::1");
	n += field(out + n, 2, a, len);
	size_t one = text(b, 1, "192.0.2.9");
	one += text(b + one, 2, "both.test");
	len = field(a, 1, b, one);
	one = text(b, 2, "lb.test");
	len += field(a + len, 1, b, one);
	len += field(a + len, 1, b, 0);
	one = field(c, 1, a, len);
	return n + field(out + n, 3, c, one);
}

static const char *show(const struct nd_object_service *s)
{
	static char out[512];
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < s->noutside; i++)
		n += (size_t)snprintf(out + n, sizeof out - n, "%s%s", i ? " " : "", s->outside[i]);
	return out;
}

static void test_outside(void **state)
{
	struct nd_pb_object o;
	struct nd_arena a;
	uint8_t bytes[512];
	size_t n = service(bytes);
	(void)state;

	nd_arena_init(&a, 1 << 20);
	assert_int_equal(nd_pb_object(ND_OBJECT_SERVICE, bytes, n, &a, &o), 0);
	assert_string_equal(o.object.name, "s");
	assert_string_equal(show(&o.object.service), "192.0.2.1 2001:db8::1 192.0.2.9 lb.test ");
	/* Cut anywhere: refused, or fewer addresses. */
	for (size_t cut = 0; cut < n; cut++)
		if (nd_pb_object(ND_OBJECT_SERVICE, bytes, cut, &a, &o) == 0)
			assert_true(o.object.service.noutside <= 2);
	nd_arena_clear(&a);
}

/* metadata with one annotation; other keys are ignored. */
static void test_changed(void **state)
{
	static const struct {
		const char *name, *key;
		enum nd_object_kind kind;
		bool kept;
	} rows[] = {
		{ "of a slice", "endpoints.kubernetes.io/last-change-trigger-time", ND_OBJECT_SLICE,
		  true },
		{ "another key", "endpoints.kubernetes.io/over-capacity", ND_OBJECT_SLICE, false },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint8_t pair[128], meta[160], bytes[256];
		struct nd_pb_object o;
		struct nd_arena a;
		size_t n = text(pair, 1, rows[i].key);

		n += text(pair + n, 2, "2026-02-28T23:59:59Z");
		n = field(meta, 12, pair, n);
		n = field(bytes, 1, meta, n);
		nd_arena_init(&a, 1 << 20);
		assert_int_equal(nd_pb_object(rows[i].kind, bytes, n, &a, &o), 0);
		if (strcmp(o.object.slice.changed, rows[i].kept ? "2026-02-28T23:59:59Z" : "") != 0)
			fail_msg("%s: got %s", rows[i].name, o.object.slice.changed);
		nd_arena_clear(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_outside),
					    cmocka_unit_test(test_changed) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
