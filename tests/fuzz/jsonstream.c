/* SPDX-License-Identifier: Apache-2.0 */
/* A list or a watch in JSON: the first byte says of what kind and which. In one piece and byte by byte it comes to
 * the same end, and the sink is told the same. */
#include <string.h>
#include "base/err.h"
#include "kube/jsonstream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { WATCH = 8, INITIAL = 16, MAX_OBJECT = 1 << 14 };

struct tally {
	struct nd_sink sink;
	uint64_t hash;
	size_t begun, ended;
};

static struct tally *tally_of(struct nd_sink *s)
{
	return ND_CONTAINER(s, struct tally, sink);
}

static void mix(struct nd_sink *s, const char *text)
{
	for (size_t i = 0; i <= strlen(text); i++)
		tally_of(s)->hash = (tally_of(s)->hash ^ (uint8_t)text[i]) * 1099511628211u;
}

static void on_begin(struct nd_sink *s, enum nd_object_kind kind)
{
	(void)kind;
	tally_of(s)->begun++;
}

static void on_end(struct nd_sink *s, enum nd_object_kind kind)
{
	(void)kind;
	tally_of(s)->ended++;
	ND_ASSERT(tally_of(s)->ended <= tally_of(s)->begun);
}

static void on_remove(struct nd_sink *s, enum nd_object_kind kind, const char *namespace,
		      const char *name)
{
	(void)kind;
	mix(s, namespace);
	mix(s, name);
}

static int on_upsert(struct nd_sink *s, const struct nd_object *o)
{
	ND_ASSERT(o->name[0]);
	mix(s, o->namespace);
	mix(s, o->name);
	for (size_t i = 0; i < o->nlabels; i++)
		mix(s, o->labels[i].value);
	return 0;
}

static int run(uint8_t how, struct tally *t, const uint8_t *data, size_t n, size_t piece)
{
	struct nd_jsonstream j;
	int err = 0;

	*t = (struct tally){ .sink = { on_begin, on_upsert, on_remove, on_end, NULL } };
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
	struct tally whole, bytes;

	if (n < 2)
		return 0;
	int err = run(data[0], &whole, data + 1, n - 1, n);
	int again = run(data[0], &bytes, data + 1, n - 1, 1);
	ND_ASSERT(err == again && whole.hash == bytes.hash && whole.begun == bytes.begun &&
		  whole.ended == bytes.ended);
	return 0;
}
