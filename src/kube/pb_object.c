/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/pb.h"

#include "kube/pb_parts.h"

/* map<string, string>: each entry a message of 1 (key) and 2 (value). */
static void read_pair(struct nd_proto *p, const struct nd_proto_field *entry, struct nd_arena *a,
		      struct nd_object_label *l)
{
	struct nd_proto in = nd_proto_inside(p, entry);
	struct nd_proto_field f;

	*l = (struct nd_object_label){ .key = "", .value = "" };
	while (nd_proto_next(&in, &f)) {
		if (f.number == 1)
			l->key = nd_pb_text(&in, &f, a, "");
		else if (f.number == 2)
			l->value = nd_pb_text(&in, &f, a, "");
	}
	nd_pb_take_error(p, in.err);
}

/* Two annotations are read: the end of a streaming list (KEP-3157), and ND_OBJECT_CHANGED of a
 * slice. */
static void read_annotation(struct nd_proto *p, const struct nd_proto_field *entry,
			    struct nd_arena *a, struct nd_pb_object *to)
{
	struct nd_proto in = nd_proto_inside(p, entry);
	struct nd_pb_view key = { 0 }, value = { 0 };
	struct nd_proto_field f, found = { 0 };

	while (nd_proto_next(&in, &f)) {
		if (f.number == 1) {
			key = nd_pb_view_of(&in, &f);
		} else if (f.number == 2) {
			value = nd_pb_view_of(&in, &f);
			found = f;
		}
	}
	if (nd_pb_view_is(key, "k8s.io/initial-events-end") && nd_pb_view_is(value, "true"))
		to->initial_end = true;
	if (to->object.kind == ND_OBJECT_SLICE && value.len &&
	    nd_pb_view_is(key, ND_OBJECT_CHANGED) && !memchr(value.bytes, 0, value.len))
		to->object.slice.changed = nd_pb_text(&in, &found, a, "");
	nd_pb_take_error(p, in.err);
}

/* ObjectMeta. *deleted: it has a deletionTimestamp. */
static void read_meta(struct nd_proto *p, struct nd_arena *a, struct nd_pb_object *to,
		      bool *deleted)
{
	struct nd_object *o = &to->object;
	struct nd_object_label *labels = nd_pb_array(p, a, 11, sizeof *labels);
	struct nd_proto_field f;

	o->labels = labels;
	while (nd_proto_next(p, &f)) {
		if (f.number == 1)
			o->name = nd_pb_text(p, &f, a, "");
		else if (f.number == 3 && o->kind != ND_OBJECT_NAMESPACE)
			o->namespace = nd_pb_text(p, &f, a, o->namespace);
		else if (f.number == 6)
			nd_pb_text_into(p, &f, to->version, sizeof to->version, false);
		else if (f.number == 9)
			*deleted = true;
		else if (f.number == 11)
			read_pair(p, &f, a, &labels[o->nlabels++]);
		else if (f.number == 12)
			read_annotation(p, &f, a, to);
	}
}

/* ServicePort and EndpointPort alike: 1 name, 2 protocol, 3 port. */
static void read_port(struct nd_proto *p, const struct nd_proto_field *entry, struct nd_arena *a,
		      struct nd_object_port *to)
{
	struct nd_proto in = nd_proto_inside(p, entry);
	struct nd_proto_field f;

	*to = nd_object_port();
	while (nd_proto_next(&in, &f)) {
		if (f.number == 1)
			to->name = nd_pb_text(&in, &f, a, "");
		else if (f.number == 2)
			to->protocol = nd_pb_text(&in, &f, a, to->protocol);
		else if (f.number == 3)
			to->port = nd_pb_int32(&in, &f);
	}
	if (to->port < 0 || to->port > 65535)
		to->port = -1;
	nd_pb_take_error(p, in.err);
}

static struct nd_object_ip address(struct nd_proto *p, const struct nd_proto_field *f,
				   struct nd_arena *a, const char **as_text)
{
	*as_text = nd_pb_text(p, f, a, "");
	return nd_object_ip(*as_text);
}

/* LoadBalancerIngress: 1 ip, 2 hostname. */
static const char *read_ingress(struct nd_proto *p, const struct nd_proto_field *entry,
				struct nd_arena *a)
{
	struct nd_proto in = nd_proto_inside(p, entry);
	const char *ip = "", *host = "";
	struct nd_proto_field f;

	while (nd_proto_next(&in, &f)) {
		if (f.number == 1)
			ip = nd_pb_text(&in, &f, a, "");
		else if (f.number == 2)
			host = nd_pb_text(&in, &f, a, "");
	}
	nd_pb_take_error(p, in.err);
	return ip[0] ? ip : host;
}

/* ServiceStatus: 1 loadBalancer; LoadBalancerStatus: 1 ingress. The last loadBalancer is used. */
static struct nd_proto balancer_of(struct nd_proto status)
{
	struct nd_proto_field f;
	struct nd_proto found = { 0 };

	while (nd_proto_next(&status, &f))
		if (f.number == 1)
			found = nd_proto_inside(&status, &f);
	return found;
}

/* spec.externalIPs (5), then the load balancer's ingress. */
static void read_outside(struct nd_proto *p, struct nd_proto *status, struct nd_arena *a,
			 struct nd_object_service *s)
{
	struct nd_proto spec = *p, balancer = balancer_of(*status);
	size_t n = nd_proto_count(spec, 5) + nd_proto_count(balancer, 1);
	const char **outside = n ? nd_arena_array(a, n, sizeof *outside) : NULL;
	struct nd_proto_field f;

	if (n && !outside) {
		nd_pb_take_error(p, -ENOMEM);
		return;
	}
	while (n && nd_proto_next(&spec, &f))
		if (f.number == 5)
			outside[s->noutside++] = nd_pb_text(p, &f, a, "");
	while (n && nd_proto_next(&balancer, &f))
		if (f.number == 1)
			outside[s->noutside++] = read_ingress(status, &f, a);
	nd_pb_take_error(status, balancer.err);
	s->outside = outside;
}

static void read_service(struct nd_proto *p, struct nd_proto *status, struct nd_arena *a,
			 struct nd_object *o)
{
	struct nd_object_service *s = &o->service;
	struct nd_object_port *ports = nd_pb_array(p, a, 1, sizeof *ports);
	struct nd_object_ip *ips = nd_arena_array(a, nd_proto_count(*p, 18) + 1, sizeof *ips);
	const char *type = "ClusterIP", *first = "", *one = "", *each;
	struct nd_proto_field f;

	if (!ips)
		nd_pb_take_error(p, -ENOMEM);
	read_outside(p, status, a, s);
	while (nd_proto_next(p, &f)) {
		if (f.number == 1) {
			read_port(p, &f, a, &ports[s->nports++]);
		} else if (f.number == 3) {
			one = nd_pb_text(p, &f, a, "");
		} else if (f.number == 4) {
			type = nd_pb_text(p, &f, a, type);
		} else if (f.number == 10) {
			s->external_name = nd_pb_text(p, &f, a, "");
		} else if (f.number == 18) {
			ips[s->nips] = address(p, &f, a, &each);
			first = s->nips++ ? first : each;
		}
	}
	s->ports = ports;
	s->ips = ips;
	if (!p->err && !s->nips && one[0]) { /* from before dual stack: clusterIP alone */
		ips[s->nips++] = nd_object_ip(one);
		first = one;
	}
	nd_object_set_type(s, type, first);
}

static bool read_ready(struct nd_proto *p, const struct nd_proto_field *conditions)
{
	struct nd_proto in = nd_proto_inside(p, conditions);
	struct nd_proto_field f;
	bool ready = true; /* a missing one means ready (API reference) */

	while (nd_proto_next(&in, &f))
		if (f.number == 1)
			ready = nd_proto_int(&in, &f) != 0;
	nd_pb_take_error(p, in.err);
	return ready;
}

static const char *read_target(struct nd_proto *p, const struct nd_proto_field *reference,
			       struct nd_arena *a)
{
	struct nd_proto in = nd_proto_inside(p, reference);
	struct nd_proto_field f;
	const char *name = "";

	while (nd_proto_next(&in, &f))
		if (f.number == 3)
			name = nd_pb_text(&in, &f, a, "");
	nd_pb_take_error(p, in.err);
	return name;
}

/* Endpoint: 1 addresses. Other fields may follow them, so they are copied to each address at the
 * end. */
static void read_endpoint(struct nd_proto *p, const struct nd_proto_field *entry,
			  struct nd_arena *a, struct nd_object_endpoint *to, size_t *n)
{
	struct nd_object_endpoint e = { .hostname = "", .pod = "", .zone = "" };
	struct nd_proto in = nd_proto_inside(p, entry);
	struct nd_proto_field f;
	size_t found = 0;
	bool ready = true;

	while (nd_proto_next(&in, &f)) {
		if (f.number == 1) {
			struct nd_object_endpoint *at = &to[*n + found++];
			at->ip = address(&in, &f, a, &at->text);
		} else if (f.number == 2) {
			ready = read_ready(&in, &f);
		} else if (f.number == 3) {
			e.hostname = nd_pb_text(&in, &f, a, "");
		} else if (f.number == 4) {
			e.pod = read_target(&in, &f, a);
		} else if (f.number == 7) {
			e.zone = nd_pb_text(&in, &f, a, "");
		}
	}
	nd_pb_take_error(p, in.err);
	for (size_t i = 0; ready && i < found; i++, ++*n) {
		to[*n].hostname = e.hostname;
		to[*n].pod = e.pod;
		to[*n].zone = e.zone;
	}
}

static size_t count_addresses(struct nd_proto p)
{
	struct nd_proto_field f;
	size_t n = 0;

	while (nd_proto_next(&p, &f))
		if (f.number == 2)
			n += nd_proto_count(nd_proto_inside(&p, &f), 1);
	return n;
}

static void read_slice(struct nd_proto *p, struct nd_arena *a, struct nd_object *o)
{
	struct nd_object_slice *s = &o->slice;
	struct nd_object_port *ports = nd_pb_array(p, a, 3, sizeof *ports);
	struct nd_object_endpoint *to = nd_arena_array(a, count_addresses(*p), sizeof *to);
	struct nd_proto_field f;

	if (!to)
		nd_pb_take_error(p, -ENOMEM);
	nd_object_set_owner(o);
	while (nd_proto_next(p, &f)) {
		if (f.number == 2)
			read_endpoint(p, &f, a, to, &s->nendpoints);
		else if (f.number == 3)
			read_port(p, &f, a, &ports[s->nports++]);
	}
	s->endpoints = to;
	s->ports = ports;
}

/* PodIP: 1 ip. */
static struct nd_object_ip read_pod_ip(struct nd_proto *p, const struct nd_proto_field *entry,
				       struct nd_arena *a)
{
	struct nd_proto in = nd_proto_inside(p, entry);
	struct nd_object_ip ip = { 0 };
	struct nd_proto_field f;
	const char *as_text;

	while (nd_proto_next(&in, &f))
		if (f.number == 1)
			ip = address(&in, &f, a, &as_text);
	nd_pb_take_error(p, in.err);
	return ip;
}

static void read_pod_status(struct nd_proto *p, struct nd_arena *a, bool deleted,
			    struct nd_object *o)
{
	struct nd_object_ip *ips = nd_pb_array(p, a, 12, sizeof *ips);
	struct nd_proto_field f;
	const char *phase = "";

	while (nd_proto_next(p, &f)) {
		if (f.number == 1)
			phase = nd_pb_text(p, &f, a, "");
		else if (f.number == 12)
			ips[o->pod.nips++] = read_pod_ip(p, &f, a);
	}
	o->pod.ips = ips;
	o->pod.gone = nd_object_pod_gone(phase);
	o->pod.terminating = deleted;
}

/* Every object: 1 metadata, 2 spec, 3 status; but an EndpointSlice has its endpoints and ports next
 * to the metadata. Metadata is read first: the labels name a slice's Service. */
int nd_pb_object(enum nd_object_kind kind, const uint8_t *bytes, size_t n, struct nd_arena *a,
		 struct nd_pb_object *out)
{
	struct nd_proto p = nd_proto_over(bytes, n), all = p;
	struct nd_proto meta = { 0 }, spec = { 0 }, status = { 0 };
	struct nd_proto_field f;
	bool deleted = false;

	ND_ASSERT(kind != ND_OBJECT_IMPORT);
	*out = (struct nd_pb_object){ 0 };
	nd_object_init(&out->object, kind);
	while (nd_proto_next(&p, &f)) {
		if (f.number == 1)
			meta = nd_proto_inside(&p, &f);
		else if (f.number == 2 && kind == ND_OBJECT_SERVICE)
			spec = nd_proto_inside(&p, &f);
		else if (f.number == 3 && (kind == ND_OBJECT_POD || kind == ND_OBJECT_SERVICE))
			status = nd_proto_inside(&p, &f);
	}
	if (p.err)
		return p.err;
	read_meta(&meta, a, out, &deleted);
	if (kind == ND_OBJECT_SERVICE)
		read_service(&spec, &status, a, &out->object);
	else if (kind == ND_OBJECT_POD)
		read_pod_status(&status, a, deleted, &out->object);
	else if (kind == ND_OBJECT_SLICE)
		read_slice(&all, a, &out->object);
	return meta.err ? meta.err : spec.err ? spec.err : status.err ? status.err : all.err;
}
