/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/decode.h"

#include <string.h>
#include "base/err.h"
#include "kube/fields.h"

static int read_labels(struct nd_fields *c, const struct nd_tree *meta, struct nd_object *o)
{
	const struct nd_tree *labels;
	int err = nd_fields_node(c, meta, "labels", ND_TREE_MAP, &labels);

	if (err || !labels || !labels->n)
		return err;
	struct nd_object_label *l = nd_arena_array(c->arena, labels->n, sizeof *l);
	if (!l)
		return nd_fields_no_memory(c);
	o->labels = l;
	for (const struct nd_tree *v = labels->first; v; v = v->next, l++, o->nlabels++) {
		if (v->kind != ND_TREE_TEXT && v->kind != ND_TREE_NULL)
			return nd_fields_fail(c, v, v->key,
					      "is a label: must be a string (put it in quotes)");
		l->key = nd_arena_string(c->arena, v->key);
		l->value = nd_arena_string(c->arena, v->text ? v->text : "");
		if (!l->key || !l->value)
			return nd_fields_no_memory(c);
	}
	return 0;
}

/* ports: name, port, protocol (the API server fills in TCP). */
static int read_ports(struct nd_fields *c, const struct nd_tree *map,
		      const struct nd_object_port **out, size_t *n)
{
	const struct nd_tree *list;
	int err = nd_fields_node(c, map, "ports", ND_TREE_LIST, &list);

	if (err || !list || !list->n)
		return err;
	struct nd_object_port *p = nd_arena_array(c->arena, list->n, sizeof *p);
	if (!p)
		return nd_fields_no_memory(c);
	*out = p;
	*n = list->n;
	for (const struct nd_tree *v = list->first; v && !err; v = v->next, p++) {
		*p = nd_object_port();
		err = nd_fields_need_map(c, v, "ports");
		if (!err)
			err = nd_fields_text(c, v, "name", &p->name);
		if (!err)
			err = nd_fields_text(c, v, "protocol", &p->protocol);
		if (!err)
			err = nd_fields_port(c, v, "port", &p->port);
	}
	return err;
}

/* A list of addresses, or of maps with the address under `inner`. *first: the text of the first
 * one, in the tree. */
static int read_ips(struct nd_fields *c, const struct nd_tree *map, const char *key,
		    const char *inner, const struct nd_object_ip **out, size_t *n,
		    const char **first)
{
	const struct nd_tree *list;
	int err = nd_fields_node(c, map, key, ND_TREE_LIST, &list);

	if (err || !list || !list->n)
		return err;
	struct nd_object_ip *ip = nd_arena_array(c->arena, list->n, sizeof *ip);
	if (!ip)
		return nd_fields_no_memory(c);
	*out = ip;
	*n = list->n;
	for (const struct nd_tree *v = list->first; v; v = v->next, ip++) {
		const struct nd_tree *t = inner ? nd_tree_get(v, inner) : v;
		if (inner && v->kind == ND_TREE_MAP && !t)
			continue;
		if (!t || t->kind != ND_TREE_TEXT)
			return nd_fields_fail(c, v, key, "must be a list of addresses");
		*ip = nd_object_ip(t->text);
		if (first && v == list->first)
			*first = t->text;
	}
	return 0;
}

/* A Service from before dual stack has clusterIP alone. */
static int read_one_ip(struct nd_fields *c, const char *text, struct nd_object_service *s)
{
	struct nd_object_ip *one = nd_arena_alloc(c->arena, sizeof *one);

	if (!one)
		return nd_fields_no_memory(c);
	*one = nd_object_ip(text);
	s->ips = one;
	s->nips = 1;
	return 0;
}

static int count_entries(struct nd_fields *c, const struct nd_tree *map, const char *key,
			 const struct nd_tree **list, size_t *n)
{
	int err = nd_fields_node(c, map, key, ND_TREE_LIST, list);

	*n += !err && *list ? (*list)->n : 0;
	return err;
}

/* spec.externalIPs, and status.loadBalancer.ingress with `ip` or else `hostname` (CoreDNS
 * object.ToService). */
static int read_outside(struct nd_fields *c, const struct nd_tree *t, const struct nd_tree *spec,
			struct nd_object_service *s)
{
	const struct nd_tree *status, *balancer = NULL, *ips = NULL, *ingress = NULL;
	size_t n = 0;

	int err = nd_fields_node(c, t, "status", ND_TREE_MAP, &status);
	if (!err)
		err = nd_fields_node(c, status, "loadBalancer", ND_TREE_MAP, &balancer);
	if (!err)
		err = count_entries(c, spec, "externalIPs", &ips, &n);
	if (!err)
		err = count_entries(c, balancer, "ingress", &ingress, &n);
	if (err || !n)
		return err;
	const char **outside = nd_arena_array(c->arena, n, sizeof *outside);
	if (!outside)
		return nd_fields_no_memory(c);
	s->outside = outside;
	for (const struct nd_tree *v = ips ? ips->first : NULL; v; v = v->next) {
		if (v->kind != ND_TREE_TEXT)
			return nd_fields_fail(c, v, "externalIPs", "must be a list of addresses");
		outside[s->noutside] = nd_arena_string(c->arena, v->text);
		if (!outside[s->noutside++])
			return nd_fields_no_memory(c);
	}
	for (const struct nd_tree *v = ingress ? ingress->first : NULL; v && !err; v = v->next) {
		const char *ip = "", *host = "";
		err = nd_fields_need_map(c, v, "ingress");
		if (!err)
			err = nd_fields_text(c, v, "ip", &ip);
		if (!err)
			err = nd_fields_text(c, v, "hostname", &host);
		if (!err)
			outside[s->noutside++] = ip[0] ? ip : host;
	}
	return err;
}

static int read_service(struct nd_fields *c, const struct nd_tree *t, struct nd_object *o)
{
	struct nd_object_service *s = &o->service;
	const char *type = "ClusterIP", *ip = "", *first = NULL;
	const struct nd_tree *spec;

	int err = nd_fields_node(c, t, "spec", ND_TREE_MAP, &spec);
	if (!err)
		err = nd_fields_text(c, spec, "type", &type);
	if (!err)
		err = nd_fields_text(c, spec, "externalName", &s->external_name);
	if (!err)
		err = nd_fields_text(c, spec, "clusterIP", &ip);
	if (!err)
		err = read_ips(c, spec, "clusterIPs", NULL, &s->ips, &s->nips, &first);
	if (!err)
		err = read_ports(c, spec, &s->ports, &s->nports);
	if (!err && !s->nips && ip[0])
		err = read_one_ip(c, ip, s);
	if (!err)
		err = read_outside(c, t, spec, s);
	nd_object_set_type(s, type, first ? first : ip);
	return err;
}

static int read_import(struct nd_fields *c, const struct nd_tree *t, struct nd_object *o)
{
	struct nd_object_service *s = &o->service;
	const char *type = "";
	const struct nd_tree *spec;

	int err = nd_fields_node(c, t, "spec", ND_TREE_MAP, &spec);
	if (!err)
		err = nd_fields_text(c, spec, "type", &type);
	if (!err)
		err = read_ips(c, spec, "ips", NULL, &s->ips, &s->nips, NULL);
	if (!err)
		err = read_ports(c, spec, &s->ports, &s->nports);
	s->headless = strcmp(type, "Headless") == 0;
	return err;
}

/* One element of `endpoints`: its addresses, if it is ready. A missing "ready" means ready (API
 * reference). */
static int read_endpoint(struct nd_fields *c, const struct nd_tree *v,
			 struct nd_object_endpoint *to, size_t *n)
{
	struct nd_object_endpoint e = { .hostname = "", .pod = "", .zone = "" };
	const struct nd_tree *conditions, *target, *addresses;
	bool ready = true;

	int err = nd_fields_need_map(c, v, "endpoints");
	if (!err)
		err = nd_fields_node(c, v, "conditions", ND_TREE_MAP, &conditions);
	if (!err)
		err = nd_fields_bool(c, conditions, "ready", &ready);
	if (!err)
		err = nd_fields_node(c, v, "addresses", ND_TREE_LIST, &addresses);
	if (err || !ready || !addresses)
		return err;
	err = nd_fields_text(c, v, "hostname", &e.hostname);
	if (!err)
		err = nd_fields_text(c, v, "zone", &e.zone);
	if (!err)
		err = nd_fields_node(c, v, "targetRef", ND_TREE_MAP, &target);
	if (!err)
		err = nd_fields_text(c, target, "name", &e.pod);
	for (const struct nd_tree *a = addresses->first; a && !err; a = a->next) {
		if (a->kind != ND_TREE_TEXT)
			return nd_fields_fail(c, a, "addresses", "must be a list of strings");
		e.ip = nd_object_ip(a->text);
		e.text = nd_arena_string(c->arena, a->text);
		if (!e.text)
			return nd_fields_no_memory(c);
		to[(*n)++] = e;
	}
	return err;
}

static size_t count_addresses(const struct nd_tree *list)
{
	size_t n = 0;

	for (const struct nd_tree *v = list->first; v; v = v->next) {
		const struct nd_tree *a = nd_tree_get(v, "addresses");
		n += a ? a->n : 0;
	}
	return n;
}

static int read_changed(struct nd_fields *c, const struct nd_tree *t, struct nd_object_slice *s)
{
	const struct nd_tree *annotations;
	int err = nd_fields_node(c, nd_tree_get(t, "metadata"), "annotations", ND_TREE_MAP,
				 &annotations);

	const struct nd_tree *changed = err ? NULL : nd_tree_get(annotations, ND_OBJECT_CHANGED);
	/* An annotation may contain a NUL; such a time is not used. */
	if (err || (changed && changed->kind == ND_TREE_BYTES))
		return err;
	return nd_fields_text(c, annotations, ND_OBJECT_CHANGED, &s->changed);
}

static int read_slice(struct nd_fields *c, const struct nd_tree *t, struct nd_object *o)
{
	struct nd_object_slice *s = &o->slice;
	const struct nd_tree *list;

	nd_object_set_owner(o);
	int err = read_changed(c, t, s);
	if (!err)
		err = read_ports(c, t, &s->ports, &s->nports);
	if (!err)
		err = nd_fields_node(c, t, "endpoints", ND_TREE_LIST, &list);
	if (err || !list)
		return err;
	struct nd_object_endpoint *e = nd_arena_array(c->arena, count_addresses(list), sizeof *e);
	if (!e)
		return nd_fields_no_memory(c);
	s->endpoints = e;
	for (const struct nd_tree *v = list->first; v && !err; v = v->next)
		err = read_endpoint(c, v, e, &s->nendpoints);
	return err;
}

static int read_pod(struct nd_fields *c, const struct nd_tree *t, struct nd_object *o)
{
	struct nd_object_pod *p = &o->pod;
	const struct nd_tree *status;
	const char *phase = "";

	int err = nd_fields_node(c, t, "status", ND_TREE_MAP, &status);
	if (!err)
		err = nd_fields_text(c, status, "phase", &phase);
	if (!err)
		err = read_ips(c, status, "podIPs", "ip", &p->ips, &p->nips, NULL);
	p->gone = nd_object_pod_gone(phase);
	p->terminating = nd_tree_get(nd_tree_get(t, "metadata"), "deletionTimestamp") != NULL;
	return err;
}

static int read_namespace(struct nd_fields *c, const struct nd_tree *t, struct nd_object *o)
{
	(void)c;
	(void)t;
	(void)o;
	return 0;
}

static int (*const readers[ND_OBJECT_KINDS])(struct nd_fields *c, const struct nd_tree *t,
					     struct nd_object *o) = {
	[ND_OBJECT_NAMESPACE] = read_namespace, [ND_OBJECT_SERVICE] = read_service,
	[ND_OBJECT_SLICE] = read_slice,         [ND_OBJECT_POD] = read_pod,
	[ND_OBJECT_IMPORT] = read_import,
};

static int read_object(struct nd_fields *c, const struct nd_tree *t, int kind,
		       struct nd_decode_list *list)
{
	struct nd_decoded *made = nd_arena_alloc(c->arena, sizeof *made);
	const struct nd_tree *meta;

	if (!made)
		return nd_fields_no_memory(c);
	struct nd_object *o = &made->object;
	nd_object_init(o, (enum nd_object_kind)kind);
	int err = nd_fields_node(c, t, "metadata", ND_TREE_MAP, &meta);
	if (!err)
		err = nd_fields_text(c, meta, "name", &o->name);
	c->name = o->name;
	/* A Namespace is in no namespace, whatever its field contains. Of other objects an empty
	 * field is an absent one, as for kubectl and in protobuf. */
	if (!err && kind != ND_OBJECT_NAMESPACE)
		err = nd_fields_text(c, meta, "namespace", &o->namespace);
	if (kind != ND_OBJECT_NAMESPACE && !o->namespace[0])
		o->namespace = "default";
	c->namespace = o->namespace;
	if (!err && !o->name[0])
		err = nd_fields_fail(c, meta, "metadata", "must have a name");
	if (!err)
		err = read_labels(c, meta, o);
	if (!err)
		err = readers[kind](c, t, o);
	if (err)
		return err;
	*list->end = made;
	list->end = &made->next;
	list->count[kind]++;
	return 0;
}

/* A List, or a ServiceList as the API server sends it, whose items have no kind of their own. */
static bool is_list(const struct nd_tree *t, const char *kind)
{
	size_t n = strlen(kind);

	return n >= 4 && strcmp(kind + n - 4, "List") == 0 && nd_tree_get(t, "items");
}

static int read_any(struct nd_fields *c, const struct nd_tree *t, const char *version,
		    const char *kind, unsigned depth, struct nd_decode_list *list);

static int read_list(struct nd_fields *c, const struct nd_tree *t, const char *version,
		     const char *kind, unsigned depth, struct nd_decode_list *list)
{
	const struct nd_tree *items;
	size_t n = strlen(kind) - 4;

	c->name = "items";
	if (depth > 0)
		return nd_fields_fail(c, t, "", "a List must not contain a List");
	int err = nd_fields_node(c, t, "items", ND_TREE_LIST, &items);
	if (err)
		return err;
	const char *each = n ? nd_arena_text(c->arena, kind, n) : "";
	if (!each)
		return nd_fields_no_memory(c);
	for (const struct nd_tree *v = items->first; v && !err; v = v->next)
		err = read_any(c, v, n ? version : "", each, depth + 1, list);
	return err;
}

/* version and kind: the defaults where t has none of its own. */
static int read_any(struct nd_fields *c, const struct nd_tree *t, const char *version,
		    const char *kind, unsigned depth, struct nd_decode_list *list)
{
	c->object = t;
	c->kind = kind[0] ? kind : "object";
	c->namespace = c->name = "";
	if (t->kind != ND_TREE_MAP)
		return nd_fields_fail(c, t, "", "must be a map with apiVersion, kind and metadata");
	int err = nd_fields_text(c, t, "apiVersion", &version);
	if (!err)
		err = nd_fields_text(c, t, "kind", &kind);
	if (err)
		return err;
	if (!kind[0] || !version[0])
		return nd_fields_fail(c, t, "", "must have apiVersion and kind");
	c->kind = kind;
	if (is_list(t, kind))
		return read_list(c, t, version, kind, depth, list);
	int known = nd_object_find_kind(version, kind);
	if (known >= 0)
		return read_object(c, t, known, list);
	list->others++;
	return 0;
}

void nd_decode_init(struct nd_decode_list *list)
{
	*list = (struct nd_decode_list){ 0 };
	list->end = &list->first;
}

int nd_decode_document(const char *file, const struct nd_tree *doc, struct nd_arena *a,
		       struct nd_decode_list *list, struct nd_diag *d)
{
	struct nd_fields c = { .file = file, .arena = a, .diag = d };

	if (doc->kind == ND_TREE_NULL)
		return 0;
	return read_any(&c, doc, "", "", 0, list);
}

int nd_decode_object(const struct nd_tree *t, enum nd_object_kind kind, struct nd_arena *a,
		     struct nd_decode_list *list, struct nd_diag *d)
{
	static const char *const versions[ND_OBJECT_KINDS] = {
		[ND_OBJECT_NAMESPACE] = "v1",
		[ND_OBJECT_SERVICE] = "v1",
		[ND_OBJECT_SLICE] = "discovery.k8s.io/v1",
		[ND_OBJECT_POD] = "v1",
		[ND_OBJECT_IMPORT] = "multicluster.x-k8s.io/v1alpha1",
	};
	struct nd_fields c = { .file = "", .arena = a, .diag = d, .lax = true };

	return read_any(&c, t, versions[kind], nd_object_kind_text[kind], 0, list);
}
