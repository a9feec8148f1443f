/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kubernetes/kwalk.h"

#include <errno.h>
#include <string.h>
#include "base/addr.h"
#include "base/arena.h"
#include "plugin/kubernetes/kpod.h"
#include "wire/name.h"

enum { OBJECT_BYTES_MAX = 256 << 20, ARENA_BYTES_KEPT = 64 << 10 };

/* Strings and arrays of the object are in the arena; full: one did not fit. */
struct walk {
	const struct nd_kindex *ix;
	struct nd_arena arena;
	int (*visit)(void *ctx, const struct nd_object *o);
	void *ctx;
	bool full;
};

static void *table(struct walk *w, size_t n, size_t size)
{
	void *made = nd_arena_array(&w->arena, n, size);

	w->full |= !made;
	return made;
}

static const char *text(struct walk *w, const void *from, size_t n)
{
	const char *made = n ? nd_arena_text(&w->arena, from, n) : "";

	w->full |= !made;
	return made ? made : "";
}

/* The label at an offset of a block's text; offset 0 is the empty label. */
static const char *label(struct walk *w, const uint8_t *block_text, uint32_t at)
{
	return at ? text(w, block_text + at + 1, block_text[at]) : "";
}

static const char *node_name(struct walk *w, const struct nd_knode *node)
{
	return text(w, node->name, node->len);
}

static const char *wire_name(struct walk *w, const uint8_t *wire)
{
	char written[ND_NAME_TEXT_MAX];
	size_t n = nd_name_format(nd_name_view(wire), written);

	return text(w, written, n);
}

static struct nd_object_ip ip_of(const uint8_t *bytes, uint8_t n)
{
	struct nd_object_ip ip = { .len = n };

	memcpy(ip.bytes, bytes, n);
	return ip;
}

static const struct nd_object_port *ports_of(struct walk *w, const struct nd_kport *from, size_t *n,
					     const uint8_t *block_text, bool import)
{
	/* The placeholder for "no ports". */
	if (*n == 1 && !import && from->port == -1 && !from->name && !from->protocol)
		*n = 0;
	struct nd_object_port *to = table(w, *n, sizeof *to);
	if (!to)
		return NULL;
	for (size_t i = 0; i < *n; i++)
		to[i] = (struct nd_object_port){ .name = label(w, block_text, from[i].name),
						 .protocol = label(w, block_text, from[i].protocol),
						 .port = from[i].port };
	return to;
}

/* --- Services --- */

static const char *outside_text(struct walk *w, const struct nd_koutside *out)
{
	char written[ND_ADDR_TEXT_MAX];
	struct nd_addr ip;

	if (!out->len)
		return wire_name(w, out->at);
	ip = nd_addr_from(out->len == 4 ? AF_INET : AF_INET6, out->at, 0);
	return text(w, written, nd_addr_format_ip(&ip, written));
}

static void fill_outside(struct walk *w, const struct nd_kservice *from,
			 struct nd_object_service *to)
{
	struct nd_koutside out;
	size_t n = 0;

	for (size_t at = 0; nd_kobject_outside(from, &at, &out);)
		n++;
	const char **all = table(w, n, sizeof *all);
	if (!all)
		return;
	for (size_t at = 0; nd_kobject_outside(from, &at, &out);)
		all[to->noutside++] = outside_text(w, &out);
	to->outside = all;
}

static void fill_service(struct walk *w, const struct nd_kservice *from, bool import,
			 struct nd_object_service *to)
{
	struct nd_object_ip *ips = table(w, from->nips, sizeof *ips);

	to->external = from->kind == ND_KSERVICE_EXTERNAL;
	to->headless = from->kind == ND_KSERVICE_HEADLESS;
	/* ".." is not a host name either. */
	to->external_name = from->target_len ? wire_name(w, nd_kobject_target(from))
			    : to->external   ? ".."
					     : "";
	to->nports = from->nports;
	to->ports = ports_of(w, from->port, &to->nports, nd_kobject_service_text(from), import);
	fill_outside(w, from, to);
	if (!ips)
		return;
	for (size_t i = 0; i < from->nips; i++)
		ips[i] = ip_of(nd_kobject_ips(from)[i].bytes, nd_kobject_ips(from)[i].len);
	to->ips = ips;
	to->nips = from->nips;
}

/* --- slices --- */

static struct nd_object_endpoint endpoint(struct walk *w, const struct nd_kslice *from,
					  const uint8_t *ip, uint8_t len, uint32_t name,
					  uint32_t zone)
{
	const uint8_t *block_text = nd_kobject_slice_text(from);

	return (struct nd_object_endpoint){ .ip = ip_of(ip, len),
					    .text = "",
					    .hostname = label(w, block_text, name),
					    .pod = "",
					    .zone = label(w, block_text, zone) };
}

/* Endpoints without a usable address count as ready too; they come last. */
static void fill_endpoints(struct walk *w, const struct nd_kslice *from, struct nd_object_slice *to)
{
	const uint32_t *zones = from->zones ? nd_kobject_zones(from) : NULL;
	struct nd_object_endpoint *e = table(w, from->nready, sizeof *e);
	size_t n = 0;

	if (!e)
		return;
	for (uint32_t i = 0; i < from->n4; i++, n++)
		e[n] = endpoint(w, from, nd_kobject_v4(from)[i].ip, 4, nd_kobject_v4(from)[i].name,
				zones ? zones[n] : 0);
	for (uint32_t i = 0; i < from->n6; i++, n++)
		e[n] = endpoint(w, from, nd_kobject_v6(from)[i].ip, 16, nd_kobject_v6(from)[i].name,
				zones ? zones[n] : 0);
	for (; n < from->nready; n++)
		e[n] = endpoint(w, from, (const uint8_t *)"", 0, 0, 0);
	to->endpoints = e;
	to->nendpoints = n;
}

static const char *owner(struct walk *w, const struct nd_kset *set)
{
	return set ? node_name(w, &set->of->node) : "";
}

/* A slice may be in both scopes; the cluster scope's block holds more. */
static void fill_slice(struct walk *w, const struct nd_kset *cluster, const struct nd_kset *multi,
		       struct nd_object_slice *to)
{
	const struct nd_kslice *from = cluster ? cluster->now : multi->now;

	to->changed = "";
	to->service = owner(w, cluster);
	to->import = owner(w, multi);
	to->cluster = label(w, nd_kobject_slice_text(from), from->cluster);
	to->nports = from->nports;
	to->ports = ports_of(w, from->port, &to->nports, nd_kobject_slice_text(from), false);
	fill_endpoints(w, from, to);
}

/* --- pods --- */

static void fill_pod(struct walk *w, const struct nd_kpod *from, struct nd_object *to)
{
	struct nd_object_ip *ips = table(w, from->nips, sizeof *ips);
	const char *at = from->node.name + from->node.len, *end = at + from->labels_len;
	const uint8_t *next = from->bytes, *ip;
	size_t n = 0;

	for (const char *p = at; p < end; p++)
		n += !*p;
	struct nd_object_label *labels = table(w, n / 2, sizeof *labels);
	if (!ips || !labels)
		return;
	for (size_t i = 0; i < from->nips; i++) {
		uint8_t len = nd_kpod_ip(&next, &ip);
		ips[i] = ip_of(ip, len);
	}
	for (size_t i = 0; i < n / 2; i++) {
		labels[i].key = at;
		labels[i].value = at + strlen(at) + 1;
		at = labels[i].value + strlen(labels[i].value) + 1;
	}
	to->pod.ips = ips;
	to->pod.nips = from->nips;
	to->labels = labels;
	to->nlabels = n / 2;
}

/* --- any --- */

static const struct nd_kset *same_in(const struct nd_kindex *ix, enum nd_kscope scope,
				     const struct nd_knode *node)
{
	return (const struct nd_kset *)nd_ktable_find(&ix->scope[scope].sets, node->hash,
						      node->parent, node->name, node->len);
}

/* False: the node is not an object of this kind, or the slice is reported by the other scope. */
static bool fill(struct walk *w, const struct nd_knode *node, enum nd_kscope scope,
		 struct nd_object *o)
{
	const struct nd_kname *name = (const struct nd_kname *)node;
	const struct nd_kset *set = (const struct nd_kset *)node;

	switch (o->kind) {
	case ND_OBJECT_NAMESPACE: return ((const struct nd_kns *)node)->exists;
	case ND_OBJECT_POD: fill_pod(w, (const struct nd_kpod *)node, o); return true;
	case ND_OBJECT_SLICE:
		if (scope == ND_KSCOPE_CLUSTER)
			fill_slice(w, set, same_in(w->ix, ND_KSCOPE_CLUSTERSET, node), &o->slice);
		else if (same_in(w->ix, ND_KSCOPE_CLUSTER, node))
			return false;
		else
			fill_slice(w, NULL, set, &o->slice);
		return true;
	default:
		if (name->service)
			fill_service(w, name->service, o->kind == ND_OBJECT_IMPORT, &o->service);
		return name->service;
	}
}

static int walk_table(struct walk *w, enum nd_object_kind kind, enum nd_kscope scope)
{
	const struct nd_ktable *t = nd_kindex_table(w->ix, kind, scope);
	const struct nd_knode *node;
	uint32_t at = 0;

	while ((node = nd_ktable_next(t, &at))) {
		struct nd_object o;
		if (w->arena.used > ARENA_BYTES_KEPT)
			nd_arena_clear(&w->arena);
		nd_object_init(&o, kind);
		if (!fill(w, node, scope, &o))
			continue;
		if (kind != ND_OBJECT_NAMESPACE)
			o.namespace = node_name(w, &((const struct nd_kns *)node->parent)->node);
		o.name = node_name(w, node);
		int err = w->full ? -ENOMEM : w->visit(w->ctx, &o);
		if (err)
			return err;
	}
	return 0;
}

int nd_kwalk_objects(const struct nd_kindex *ix, int (*visit)(void *ctx, const struct nd_object *o),
		     void *ctx)
{
	struct walk w = { .ix = ix, .visit = visit, .ctx = ctx };
	int err = 0;

	nd_arena_init(&w.arena, OBJECT_BYTES_MAX);
	for (int k = 0; k < ND_OBJECT_KINDS && !err; k++) {
		enum nd_object_kind kind = (enum nd_object_kind)k;
		if (kind != ND_OBJECT_IMPORT)
			err = walk_table(&w, kind, ND_KSCOPE_CLUSTER);
		if (!err && (kind == ND_OBJECT_IMPORT || kind == ND_OBJECT_SLICE))
			err = walk_table(&w, kind, ND_KSCOPE_CLUSTERSET);
	}
	nd_arena_clear(&w.arena);
	return err;
}
