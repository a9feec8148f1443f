/* SPDX-License-Identifier: Apache-2.0 */
#include "support/sumsink.h"

#include <string.h>
#include "base/err.h"

static void mix(struct nd_sumsink *t, const void *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		t->hash = (t->hash ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
}

static void mix_text(struct nd_sumsink *t, const char *text)
{
	mix(t, text, strlen(text) + 1);
}

static struct nd_sumsink *sum_of(struct nd_sink *s)
{
	return ND_CONTAINER(s, struct nd_sumsink, sink);
}

static void on_begin(struct nd_sink *s, enum nd_object_kind kind)
{
	(void)kind;
	sum_of(s)->begun++;
}

static void on_end(struct nd_sink *s, enum nd_object_kind kind)
{
	(void)kind;
	sum_of(s)->ended++;
	ND_ASSERT(sum_of(s)->ended <= sum_of(s)->begun);
}

static void on_remove(struct nd_sink *s, enum nd_object_kind kind, const char *namespace,
		      const char *name)
{
	(void)kind;
	ND_ASSERT(name[0]);
	mix_text(sum_of(s), namespace);
	mix_text(sum_of(s), name);
}

static void mix_ports(struct nd_sumsink *t, const struct nd_object_port *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		mix_text(t, p[i].name);
		mix_text(t, p[i].protocol);
		ND_ASSERT(p[i].port >= -1 && p[i].port <= 65535);
	}
}

static void mix_slice(struct nd_sumsink *t, const struct nd_object_slice *s)
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
	struct nd_sumsink *t = sum_of(s);

	ND_ASSERT(o->name[0]);
	mix_text(t, o->namespace);
	mix_text(t, o->name);
	for (size_t i = 0; i < o->nlabels; i++) {
		mix_text(t, o->labels[i].key);
		mix_text(t, o->labels[i].value);
	}
	if (o->kind == ND_OBJECT_SERVICE || o->kind == ND_OBJECT_IMPORT) {
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

void nd_sumsink_init(struct nd_sumsink *t)
{
	*t = (struct nd_sumsink){ .sink = { on_begin, on_upsert, on_remove, on_end, NULL } };
}

bool nd_sumsink_equal(const struct nd_sumsink *a, const struct nd_sumsink *b)
{
	return a->hash == b->hash && a->begun == b->begun && a->ended == b->ended;
}
