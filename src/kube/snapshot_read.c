/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "base/arena.h"
#include "base/err.h"
#include "kube/snapshot.h"
#include "kube/snapshot_parts.h"

enum { ARENA_BYTES_KEPT = 64 << 10 };

/* --- bytes to objects --- */

/* Errors are sticky: the first one moves `at` to the end, so everything read after it is zero or
 * "". */
struct cursor {
	const uint8_t *at, *end;
	struct nd_arena *arena; /* arrays of an object */
	bool bad;
};

static const uint8_t *take(struct cursor *c, size_t n)
{
	const uint8_t *at = c->at;

	if (n > (size_t)(c->end - at)) {
		c->bad = true;
		c->at = c->end;
		return NULL;
	}
	c->at += n;
	return at;
}

static uint64_t take_fixed(struct cursor *c, unsigned n_bytes)
{
	const uint8_t *at = take(c, n_bytes);
	uint64_t n = 0;

	for (unsigned i = 0; at && i < n_bytes; i++)
		n |= (uint64_t)at[i] << (8 * i);
	return n;
}

static size_t take_number(struct cursor *c)
{
	size_t n = 0;

	for (unsigned shift = 0; shift < 35; shift += 7) {
		const uint8_t *at = take(c, 1);
		if (!at)
			return 0;
		n |= (size_t)(*at & 0x7f) << shift;
		if (*at < 0x80)
			return n;
	}
	c->bad = true;
	return 0;
}

static const char *take_text(struct cursor *c)
{
	size_t n = take_number(c);
	const char *text = n ? (const char *)take(c, n + 1) : NULL;

	if (!text)
		return "";
	if (text[n] != '\0' || memchr(text, '\0', n)) {
		c->bad = true;
		return "";
	}
	return text;
}

/* A count, and an array of that many elements. Each needs `least` bytes of input or more, so a
 * count cannot exceed the input. */
static void *take_array(struct cursor *c, size_t *n, size_t least, size_t size)
{
	void *array = NULL;

	*n = take_number(c);
	if (*n <= (size_t)(c->end - c->at) / least)
		array = nd_arena_array(c->arena, *n, size);
	if (array)
		return array;
	c->bad = true;
	*n = 0;
	return NULL;
}

static struct nd_object_ip take_ip(struct cursor *c)
{
	struct nd_object_ip ip = { .len = (uint8_t)take_fixed(c, 1) };
	const uint8_t *at = ip.len == 0 || ip.len == 4 || ip.len == 16 ? take(c, ip.len) : NULL;

	if (!at) {
		c->bad = true;
		return (struct nd_object_ip){ 0 };
	}
	memcpy(ip.bytes, at, ip.len);
	return ip;
}

static const struct nd_object_ip *take_ips(struct cursor *c, size_t *n)
{
	struct nd_object_ip *ips = take_array(c, n, 1, sizeof *ips);

	for (size_t i = 0; i < *n; i++)
		ips[i] = take_ip(c);
	return ips;
}

static const struct nd_object_port *take_ports(struct cursor *c, size_t *n)
{
	struct nd_object_port *ports = take_array(c, n, 3, sizeof *ports);

	for (size_t i = 0; i < *n; i++) {
		ports[i].name = take_text(c);
		ports[i].protocol = take_text(c);
		size_t port = take_number(c);
		c->bad |= port > UINT16_MAX + 1;
		ports[i].port = (int32_t)port - 1;
	}
	return ports;
}

static void take_service(struct cursor *c, struct nd_object_service *s)
{
	uint8_t flags = (uint8_t)take_fixed(c, 1);

	s->external = flags & ND_SNAPSHOT_EXTERNAL;
	s->headless = flags & ND_SNAPSHOT_HEADLESS;
	s->external_name = take_text(c);
	s->ips = take_ips(c, &s->nips);
	s->ports = take_ports(c, &s->nports);
	const char **outside = take_array(c, &s->noutside, 1, sizeof *outside);
	for (size_t i = 0; i < s->noutside; i++)
		outside[i] = take_text(c);
	s->outside = outside;
}

static void take_slice(struct cursor *c, struct nd_object_slice *s)
{
	s->changed = "";
	s->service = take_text(c);
	s->import = take_text(c);
	s->cluster = take_text(c);
	struct nd_object_endpoint *e = take_array(c, &s->nendpoints, 5, sizeof *e);
	for (size_t i = 0; i < s->nendpoints; i++) {
		e[i].ip = take_ip(c);
		e[i].text = take_text(c);
		e[i].hostname = take_text(c);
		e[i].pod = take_text(c);
		e[i].zone = take_text(c);
	}
	s->endpoints = e;
	s->ports = take_ports(c, &s->nports);
}

static void take_object(struct cursor *c, struct nd_object *o)
{
	uint64_t kind = take_fixed(c, 1);

	*o = (struct nd_object){ .kind = (enum nd_object_kind)kind };
	o->namespace = take_text(c);
	o->name = take_text(c);
	struct nd_object_label *labels = take_array(c, &o->nlabels, 2, sizeof *labels);
	for (size_t i = 0; i < o->nlabels; i++) {
		labels[i].key = take_text(c);
		labels[i].value = take_text(c);
	}
	o->labels = labels;
	switch (o->kind) {
	case ND_OBJECT_SERVICE:
	case ND_OBJECT_IMPORT: take_service(c, &o->service); break;
	case ND_OBJECT_SLICE: take_slice(c, &o->slice); break;
	case ND_OBJECT_POD: o->pod.ips = take_ips(c, &o->pod.nips); break;
	case ND_OBJECT_NAMESPACE: break;
	default: c->bad = true; /* unknown kind */
	}
	c->bad |= c->at != c->end || !o->name[0];
}

/* --- reading --- */

/* The next object, of n bytes. */
static bool take_record(struct cursor *c, size_t n, struct nd_object *o)
{
	struct cursor one = { .arena = c->arena };

	/* Not after each one: most are small, and a fresh arena is expensive. */
	if (c->arena->used > ARENA_BYTES_KEPT)
		nd_arena_clear(c->arena);
	one.at = take(c, n);
	if (!one.at)
		return false;
	one.end = one.at + n;
	take_object(&one, o);
	return !one.bad;
}

/* All objects from c on, to the sink; NULL: they are only checked. False: the file is damaged. */
static bool walk(struct cursor c, uint32_t kinds, struct nd_sink *sink)
{
	enum nd_object_kind last = ND_OBJECT_NAMESPACE;
	struct nd_object o;
	uint32_t count = 0;
	size_t n;

	for (; (n = take_number(&c)) != 0; count++) {
		if (!take_record(&c, n, &o) || o.kind < last || !(kinds & 1u << o.kind))
			return false;
		if (sink)
			sink->upsert(sink, &o);
		last = o.kind;
	}
	return take_fixed(&c, 4) == count && !c.bad && c.at == c.end;
}

/* The pieces: the head; length and object in turn; the end. */
uint64_t nd_snapshot_sum(const void *bytes, size_t n)
{
	struct cursor c = { .at = bytes, .end = (const uint8_t *)bytes + n };
	const uint8_t *at = take(&c, ND_SNAPSHOT_HEAD_BYTES);
	uint64_t sum = at ? nd_snapshot_add_sum(0, at, ND_SNAPSHOT_HEAD_BYTES) : 0;

	for (at = c.at; (n = take_number(&c)) != 0; at = c.at) {
		sum = nd_snapshot_add_sum(sum, at, (size_t)(c.at - at));
		at = take(&c, n);
		if (!at)
			return sum;
		sum = nd_snapshot_add_sum(sum, at, n);
	}
	return nd_snapshot_add_sum(sum, at, (size_t)(c.end - at));
}

static const char *read_head(struct cursor *c, struct nd_snapshot_head *head)
{
	const uint8_t *at = take(c, 8);

	if (!at || memcmp(at, ND_SNAPSHOT_MAGIC, 8) != 0)
		return "is not a nodens snapshot";
	if (take_fixed(c, 4) != ND_SNAPSHOT_VERSION)
		return "has an unsupported version";
	uint64_t kinds = take_fixed(c, 4), who = take_fixed(c, 8);
	uint64_t saved_s = take_fixed(c, 8);
	if (c->bad || c->end - c->at < 8)
		return "is truncated";
	if (kinds != head->kinds || who != head->who)
		return "is for another API server, or another selection of objects";
	head->saved_s = saved_s;
	return NULL;
}

static int read_all(struct cursor c, uint32_t kinds, struct nd_sink *sink)
{
	if (!walk(c, kinds, NULL))
		return ND_EFORMAT;
	for (int k = 0; k < ND_OBJECT_KINDS; k++)
		if (kinds & 1u << k)
			sink->begin(sink, (enum nd_object_kind)k);
	walk(c, kinds, sink);
	for (int k = 0; k < ND_OBJECT_KINDS; k++)
		if (kinds & 1u << k)
			sink->end(sink, (enum nd_object_kind)k);
	return 0;
}

int nd_snapshot_read(const void *bytes, size_t n, struct nd_snapshot_head *head,
		     struct nd_sink *sink, const char **why)
{
	struct cursor c = { .at = bytes, .end = (const uint8_t *)bytes + n };
	struct nd_snapshot_head got = *head;

	*why = read_head(&c, &got);
	if (*why)
		return ND_EFORMAT;
	struct cursor sum = { .at = c.end - 8, .end = c.end };
	c.end -= 8;
	struct nd_arena arena;
	nd_arena_init(&arena, ND_SNAPSHOT_OBJECT_BYTES_MAX);
	c.arena = &arena;
	*why = "is damaged: truncated or modified";
	int err = nd_snapshot_sum(bytes, n - 8) == take_fixed(&sum, 8)
			  ? read_all(c, got.kinds, sink)
			  : ND_EFORMAT;
	nd_arena_clear(&arena);
	if (!err)
		*head = got;
	return err;
}
