/* SPDX-License-Identifier: Apache-2.0 */
/* A list or a watch in protobuf: the first byte says of what kind and which. In one piece and byte by
 * byte it comes to the same end, and every text handed over can be read. */
#include <stdlib.h>
#include <string.h>
#include "kube/pbstream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { WATCH = 8, INITIAL = 16, MAX_OBJECT = 1 << 14 };

struct tally {
	struct nd_sink sink;
	uint64_t hash;
	size_t begun, ended;
};

static void mix(struct tally *t, const void *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		t->hash = (t->hash ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
}

static void mix_text(struct tally *t, const char *text)
{
	mix(t, text, strlen(text) + 1);
}

static struct tally *tally_of(struct nd_sink *s)
{
	return ND_CONTAINER(s, struct tally, sink);
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
	ND_ASSERT(name[0]);
	mix_text(tally_of(s), namespace);
	mix_text(tally_of(s), name);
}

static void mix_ports(struct tally *t, const struct nd_object_port *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		mix_text(t, p[i].name);
		mix_text(t, p[i].protocol);
		ND_ASSERT(p[i].port >= -1 && p[i].port <= 65535);
	}
}

static void mix_slice(struct tally *t, const struct nd_object_slice *s)
{
	for (size_t i = 0; i < s->nendpoints; i++) {
		mix_text(t, s->endpoints[i].text);
		mix_text(t, s->endpoints[i].hostname);
		mix_text(t, s->endpoints[i].pod);
		mix_text(t, s->endpoints[i].zone);
		mix(t, s->endpoints[i].ip.bytes, s->endpoints[i].ip.len);
	}
	mix_ports(t, s->ports, s->nports);
}

static int on_upsert(struct nd_sink *s, const struct nd_object *o)
{
	struct tally *t = tally_of(s);

	ND_ASSERT(o->name[0]);
	mix_text(t, o->namespace);
	mix_text(t, o->name);
	for (size_t i = 0; i < o->nlabels; i++) {
		mix_text(t, o->labels[i].key);
		mix_text(t, o->labels[i].value);
	}
	if (o->kind == ND_OBJECT_SERVICE) {
		mix_text(t, o->service.external_name);
		mix(t, o->service.ips, o->service.nips * sizeof *o->service.ips);
		mix_ports(t, o->service.ports, o->service.nports);
	} else if (o->kind == ND_OBJECT_SLICE) {
		mix_slice(t, &o->slice);
	} else if (o->kind == ND_OBJECT_POD) {
		mix(t, o->pod.ips, o->pod.nips * sizeof *o->pod.ips);
	}
	return 0;
}

static int run_list(enum nd_object_kind kind, struct tally *t, const uint8_t *data, size_t n,
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

static int run_watch(enum nd_object_kind kind, bool initial, struct tally *t, const uint8_t *data,
		     size_t n, size_t piece)
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

static int run(uint8_t how, struct tally *t, const uint8_t *data, size_t n, size_t piece)
{
	enum nd_object_kind kind = (enum nd_object_kind)(how % ND_OBJECT_IMPORT);

	*t = (struct tally){ .sink = { on_begin, on_upsert, on_remove, on_end, NULL } };
	return how & WATCH ? run_watch(kind, how & INITIAL, t, data, n, piece)
			   : run_list(kind, t, data, n, piece);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct tally whole, bytes;

	_Static_assert(ND_OBJECT_IMPORT == 4, "the low two bits say which kind");
	if (n < 2)
		return 0;
	int err = run(data[0], &whole, data + 1, n - 1, n);
	int again = run(data[0], &bytes, data + 1, n - 1, 1);
	ND_ASSERT(err == again && whole.hash == bytes.hash && whole.begun == bytes.begun &&
		  whole.ended == bytes.ended);
	return 0;
}
