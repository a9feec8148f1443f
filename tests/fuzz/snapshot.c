/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot with a valid header and checksum around the input. Either everything is passed to
 * the sink, with readable texts, or nothing. With a wrong checksum nothing is. */
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "kube/snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { HEAD = 32, KINDS = (1 << ND_OBJECT_KINDS) - 1 };

struct tally {
	struct nd_sink sink;
	size_t begun, ended, texts;
};

static struct tally *tally_of(struct nd_sink *s)
{
	return ND_CONTAINER(s, struct tally, sink);
}

static void on_begin(struct nd_sink *s, enum nd_object_kind kind)
{
	ND_ASSERT(kind < ND_OBJECT_KINDS);
	tally_of(s)->begun++;
}

static void on_end(struct nd_sink *s, enum nd_object_kind kind)
{
	ND_ASSERT(kind < ND_OBJECT_KINDS);
	tally_of(s)->ended++;
}

static void on_remove(struct nd_sink *s, enum nd_object_kind kind, const char *namespace,
		      const char *name)
{
	(void)s, (void)kind, (void)namespace, (void)name;
	abort(); /* a snapshot removes nothing */
}

static void see_ips(const struct nd_object_ip *ip, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ND_ASSERT(ip[i].len == 0 || ip[i].len == 4 || ip[i].len == 16);
}

static size_t see_ports(const struct nd_object_port *p, size_t n)
{
	size_t texts = 0;

	for (size_t i = 0; i < n; i++) {
		ND_ASSERT(p[i].port >= -1 && p[i].port <= UINT16_MAX);
		texts += strlen(p[i].name) + strlen(p[i].protocol);
	}
	return texts;
}

static size_t see_service(const struct nd_object_service *s)
{
	size_t texts = strlen(s->external_name) + see_ports(s->ports, s->nports);

	see_ips(s->ips, s->nips);
	for (size_t i = 0; i < s->noutside; i++)
		texts += strlen(s->outside[i]);
	return texts;
}

static size_t see_slice(const struct nd_object_slice *s)
{
	size_t texts = strlen(s->service) + strlen(s->import) + strlen(s->cluster);

	for (size_t i = 0; i < s->nendpoints; i++) {
		const struct nd_object_endpoint *e = &s->endpoints[i];
		see_ips(&e->ip, 1);
		texts += strlen(e->text) + strlen(e->hostname) + strlen(e->pod) + strlen(e->zone);
	}
	return texts + see_ports(s->ports, s->nports);
}

static int on_upsert(struct nd_sink *s, const struct nd_object *o)
{
	struct tally *t = tally_of(s);

	ND_ASSERT(o->name[0]);
	t->texts += strlen(o->namespace) + strlen(o->name);
	for (size_t i = 0; i < o->nlabels; i++)
		t->texts += strlen(o->labels[i].key) + strlen(o->labels[i].value);
	if (o->kind == ND_OBJECT_SERVICE || o->kind == ND_OBJECT_IMPORT)
		t->texts += see_service(&o->service);
	else if (o->kind == ND_OBJECT_SLICE)
		t->texts += see_slice(&o->slice);
	else if (o->kind == ND_OBJECT_POD)
		see_ips(o->pod.ips, o->pod.nips);
	return 0;
}

static int run(const uint8_t *file, size_t n, struct tally *t)
{
	struct nd_snapshot_head head = { .who = 1, .kinds = KINDS };
	const char *why;

	*t = (struct tally){ .sink = { on_begin, on_upsert, on_remove, on_end, NULL } };
	int err = nd_snapshot_read(file, n, &head, &t->sink, &why);
	ND_ASSERT(t->begun == (err ? 0 : ND_OBJECT_KINDS) && t->ended == t->begun);
	ND_ASSERT(t->texts <= n && (!err || (!t->texts && why)));
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const uint8_t head[HEAD] = { 'N', 'D',  'K', 'S',          'N',     'A',
					    'P', '\n', 1,   [12] = KINDS, [16] = 1 };
	uint8_t *file = malloc(HEAD + n + 8);
	struct tally t;

	if (!file)
		return 0;
	memcpy(file, head, HEAD);
	memcpy(file + HEAD, data, n);
	uint64_t sum = nd_snapshot_sum(file, HEAD + n);
	for (unsigned i = 0; i < 8; i++)
		file[HEAD + n + i] = (uint8_t)(sum >> (8 * i));
	run(file, HEAD + n + 8, &t);
	file[HEAD + n] ^= 1;
	ND_ASSERT(run(file, HEAD + n + 8, &t));
	free(file);
	return 0;
}
