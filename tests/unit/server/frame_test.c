/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "server/frame.h"

enum { MESSAGES = 6, BYTES_MAX = 80000 };

/* Lengths at the limits: empty, one byte, around the inline buffer, the largest. */
static const size_t length[MESSAGES] = { 0, 1, ND_FRAME_INLINE - 2, ND_FRAME_INLINE, 1000, 0xffff };

static uint8_t stream[BYTES_MAX];
static size_t stream_len;

static uint8_t byte_of(size_t message, size_t i)
{
	return (uint8_t)(message * 31 + i * 7);
}

static int make_stream(void **state)
{
	(void)state;
	stream_len = 0;
	for (size_t m = 0; m < MESSAGES; m++) {
		stream[stream_len++] = (uint8_t)(length[m] >> 8);
		stream[stream_len++] = (uint8_t)length[m];
		for (size_t i = 0; i < length[m]; i++)
			stream[stream_len++] = byte_of(m, i);
	}
	return 0;
}

static void check(const struct nd_frame_bytes *got, size_t m)
{
	assert_true(m < MESSAGES);
	assert_int_equal(got->n, length[m]);
	for (size_t i = 0; i < got->n; i++)
		assert_int_equal(got->at[i], byte_of(m, i));
}

/* The same messages, whatever the pieces. */
static void test_pieces(void **state)
{
	static const size_t pieces[] = { 1, 2, 3, 100, 127, 4096, BYTES_MAX };

	(void)state;
	for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
		struct nd_frame f = { 0 };
		size_t m = 0;
		for (size_t at = 0; at < stream_len; at += pieces[k]) {
			size_t n = stream_len - at < pieces[k] ? stream_len - at : pieces[k];
			struct nd_frame_bytes in = { stream + at, n }, got;
			while (nd_frame_next(&f, &in, &got) == ND_FRAME_MESSAGE)
				check(&got, m++);
			assert_int_equal(in.n, 0);
			nd_frame_trim(&f);
		}
		assert_int_equal(m, MESSAGES);
		assert_false(nd_frame_pending(&f));
		assert_int_equal(nd_frame_heap(&f), 0);
		nd_frame_clear(&f);
	}
}

/* A reader that stops after each message, and keeps the input, misses none. */
static void test_keep(void **state)
{
	struct nd_frame f = { 0 };
	struct nd_frame_bytes got;
	size_t m = 0;

	(void)state;
	for (size_t at = 0; at < stream_len; at += 700) {
		struct nd_frame_bytes in = { stream + at,
					     stream_len - at < 700 ? stream_len - at : 700 };
		for (;;) {
			enum nd_frame_state s = nd_frame_next(&f, &in, &got);
			if (s != ND_FRAME_MESSAGE)
				break;
			check(&got, m++);
			assert_true(nd_frame_keep(&f, &in));
			assert_int_equal(in.n, 0);
		}
	}
	assert_int_equal(m, MESSAGES);
	assert_false(nd_frame_pending(&f));
	nd_frame_clear(&f);
}

/* Memory follows the bytes that arrived, not the length announced. */
static void test_memory(void **state)
{
	struct nd_frame f = { 0 };
	struct nd_frame_bytes in = { (const uint8_t *)"\xff\xff"
						      "abc",
				     5 },
			      got;

	(void)state;
	assert_int_equal(nd_frame_next(&f, &in, &got), ND_FRAME_MORE);
	assert_true(nd_frame_pending(&f));
	assert_int_equal(nd_frame_heap(&f), 0);
	in = (struct nd_frame_bytes){ stream, 1000 };
	assert_int_equal(nd_frame_next(&f, &in, &got), ND_FRAME_MORE);
	assert_in_range(nd_frame_heap(&f), 1005, 2048);
	nd_frame_clear(&f);
	assert_int_equal(nd_frame_heap(&f), 0);
	assert_false(nd_frame_pending(&f));
}

static void test_kept_has_a_maximum(void **state)
{
	struct nd_frame f = { 0 };
	size_t n = 0;

	(void)state;
	for (;;) {
		struct nd_frame_bytes in = { stream, 50000 };
		if (!nd_frame_keep(&f, &in))
			break;
		n += 50000;
		assert_true(n <= ND_FRAME_KEPT_MAX);
	}
	assert_int_equal(n, ND_FRAME_KEPT_MAX / 50000 * 50000);
	nd_frame_clear(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_keep),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_kept_has_a_maximum),
	};
	return cmocka_run_group_tests(tests, make_stream, NULL);
}
