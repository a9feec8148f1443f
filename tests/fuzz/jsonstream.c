/* SPDX-License-Identifier: Apache-2.0 */
/* A list or watch in JSON; the first byte selects which, and the kind of its objects. Fed at once
 * and byte by byte, result and sink calls must be the same. */
#include "base/err.h"
#include "kube/jsonstream.h"
#include "support/sumsink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { WATCH = 8, INITIAL = 16, MAX_OBJECT = 1 << 14 };

static int run(uint8_t how, struct nd_sumsink *t, const uint8_t *data, size_t n, size_t piece)
{
	struct nd_jsonstream j;
	int err = 0;

	nd_sumsink_init(t);
	nd_jsonstream_init(&j, (enum nd_object_kind)(how % 8 % ND_OBJECT_KINDS), &t->sink,
			   MAX_OBJECT, how & WATCH, how & INITIAL);
	for (size_t at = 0; at < n && !err; at += piece)
		err = nd_jsonstream_feed(&j, data + at, n - at < piece ? n - at : piece);
	err = nd_jsonstream_finish(&j);
	ND_ASSERT(j.nkey <= sizeof j.key && j.to.part.len <= MAX_OBJECT + 1024);
	nd_jsonstream_clear(&j);
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct nd_sumsink whole, bytes;

	if (n < 2)
		return 0;
	int err = run(data[0], &whole, data + 1, n - 1, n);
	int again = run(data[0], &bytes, data + 1, n - 1, 1);
	ND_ASSERT(err == again && nd_sumsink_equal(&whole, &bytes));
	return 0;
}
