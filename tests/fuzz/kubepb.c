/* SPDX-License-Identifier: Apache-2.0 */
/* A list or watch in protobuf; the first byte selects which, and the kind of its objects. Fed at
 * once and byte by byte, the result must be the same, and every text passed to the sink must be
 * readable. */
#include "base/err.h"
#include "kube/pbstream.h"
#include "support/sumsink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { WATCH = 8, INITIAL = 16, MAX_OBJECT = 1 << 14 };

static int run_list(enum nd_object_kind kind, struct nd_sumsink *t, const uint8_t *data, size_t n,
		    size_t piece)
{
	struct nd_pb_list l;
	int err = 0;

	nd_pbstream_list_init(&l, kind, &t->sink, MAX_OBJECT);
	for (size_t at = 0; at < n && !err; at += piece)
		err = nd_pbstream_list_feed(&l, data + at, n - at < piece ? n - at : piece);
	err = nd_pbstream_list_finish(&l);
	nd_pbstream_list_clear(&l);
	return err;
}

static int run_watch(enum nd_object_kind kind, bool initial, struct nd_sumsink *t,
		     const uint8_t *data, size_t n, size_t piece)
{
	struct nd_pb_watch w;
	int err = 0;

	nd_pbstream_watch_init(&w, kind, &t->sink, MAX_OBJECT, initial);
	for (size_t at = 0; at < n && !err; at += piece)
		err = nd_pbstream_watch_feed(&w, data + at, n - at < piece ? n - at : piece);
	err = nd_pbstream_watch_finish(&w);
	nd_pbstream_watch_clear(&w);
	return err;
}

static int run(uint8_t how, struct nd_sumsink *t, const uint8_t *data, size_t n, size_t piece)
{
	enum nd_object_kind kind = (enum nd_object_kind)(how % ND_OBJECT_IMPORT);

	nd_sumsink_init(t);
	return how & WATCH ? run_watch(kind, how & INITIAL, t, data, n, piece)
			   : run_list(kind, t, data, n, piece);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct nd_sumsink whole, bytes;

	_Static_assert(ND_OBJECT_IMPORT == 4, "the low two bits select the kind");
	if (n < 2)
		return 0;
	int err = run(data[0], &whole, data + 1, n - 1, n);
	int again = run(data[0], &bytes, data + 1, n - 1, 1);
	ND_ASSERT(err == again && nd_sumsink_equal(&whole, &bytes));
	return 0;
}
