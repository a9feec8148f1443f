/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/cluster.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "sim/world.h"

static const char *const name_format[SIM_KINDS] = { "ns%u", "svc%u", "slice%u" };

static uint32_t draw(uint32_t below)
{
	return nd_world_random(ND_WORLD_SCENE, below);
}

void sim_cluster_init(struct sim_cluster *c, unsigned objects)
{
	*c = (struct sim_cluster){ .objects = objects, .compacted = SIM_VERSION };
}

void sim_cluster_clear(struct sim_cluster *c)
{
	free(c->change);
}

uint32_t sim_cluster_version(const struct sim_cluster *c)
{
	return SIM_VERSION + (uint32_t)c->nchanges;
}

const struct sim_change *sim_cluster_change(const struct sim_cluster *c, uint32_t version)
{
	return &c->change[version - SIM_VERSION - 1];
}

void sim_cluster_step(struct sim_cluster *c)
{
	enum nd_object_kind kind = (enum nd_object_kind)draw(SIM_KINDS);
	unsigned n = draw(c->objects);
	uint32_t last = c->last[kind][n];
	bool there = last && !sim_cluster_change(c, last)->gone;

	if (c->nchanges == c->cap) {
		c->cap = c->cap ? 2 * c->cap : 64;
		c->change = realloc(c->change, c->cap * sizeof *c->change);
		ND_ASSERT(c->change);
	}
	c->change[c->nchanges++] = (struct sim_change){
		.kind = kind, .n = n, .before = last, .gone = there && draw(3) == 0
	};
	c->last[kind][n] = sim_cluster_version(c);
}

uint32_t sim_cluster_at(const struct sim_cluster *c, enum nd_object_kind kind, unsigned n,
			uint32_t version)
{
	uint32_t at = c->last[kind][n];

	while (at > version)
		at = sim_cluster_change(c, at)->before;
	return at && !sim_cluster_change(c, at)->gone ? at : 0;
}

bool sim_cluster_went(const struct sim_cluster *c, enum nd_object_kind kind, unsigned n,
		      uint32_t version)
{
	for (uint32_t at = c->last[kind][n]; at > version; at = sim_cluster_change(c, at)->before)
		if (sim_cluster_change(c, at)->gone)
			return true;
	return false;
}

/* --- the content of objects --- */

static void make_ports(struct sim_object *s, uint32_t version, const struct nd_object_port **ports,
		       size_t *n)
{
	s->port[0] = (struct nd_object_port){ "http", "TCP", 80 + (int32_t)(version % 1000) };
	s->port[1] = (struct nd_object_port){ "dns", "UDP", 53 };
	*ports = s->port;
	*n = version % 3;
}

static void make_service(struct sim_object *s, uint32_t version)
{
	struct nd_object_service *v = &s->object.service;
	char text[32];

	make_ports(s, version, &v->ports, &v->nports);
	v->external = version % 7 == 0;
	v->headless = version % 7 == 1;
	v->external_name = v->external ? "far.example.net" : "";
	if (v->external || v->headless)
		return;
	snprintf(text, sizeof text, "10.96.%u.%u", version >> 8 & 255, version & 255);
	s->ip[0] = nd_object_ip(text);
	snprintf(text, sizeof text, "fd00::%x", version);
	s->ip[1] = nd_object_ip(text);
	v->ips = s->ip;
	v->nips = 1 + version % 2;
}

static void make_slice(struct sim_object *s, unsigned n, uint32_t version)
{
	struct nd_object_slice *v = &s->object.slice;

	make_ports(s, version, &v->ports, &v->nports);
	snprintf(s->service, sizeof s->service, name_format[ND_OBJECT_SERVICE], n);
	s->label[s->object.nlabels++] = (struct nd_object_label){ "kubernetes.io/service-name",
								  s->service };
	v->nendpoints = version % (SIM_ENDPOINTS + 1);
	for (unsigned i = 0; i < v->nendpoints; i++) {
		snprintf(s->address[i], sizeof s->address[i], "10.%u.%u.%u", i, version >> 8 & 255,
			 version & 255);
		snprintf(s->host[i], sizeof s->host[i], "pod-%u", i);
		s->endpoint[i] = (struct nd_object_endpoint){ .ip = nd_object_ip(s->address[i]),
							      .text = s->address[i],
							      .hostname = i % 2 ? s->host[i] : "",
							      .pod = "",
							      .zone = i % 3 ? "a" : "" };
	}
	v->endpoints = s->endpoint;
}

void sim_cluster_object(enum nd_object_kind kind, unsigned n, uint32_t version,
			struct sim_object *out)
{
	struct nd_object *o = &out->object;

	nd_object_init(o, kind);
	snprintf(out->name, sizeof out->name, name_format[kind], n);
	snprintf(out->namespace, sizeof out->namespace, name_format[ND_OBJECT_NAMESPACE], n % 4);
	snprintf(out->version, sizeof out->version, "%u", version);
	o->name = out->name;
	if (kind != ND_OBJECT_NAMESPACE)
		o->namespace = out->namespace;
	out->label[0] = (struct nd_object_label){ "rv", out->version };
	o->labels = out->label;
	o->nlabels = 1;
	if (kind == ND_OBJECT_SERVICE)
		make_service(out, version);
	else if (kind == ND_OBJECT_SLICE)
		make_slice(out, n, version);
	if (kind == ND_OBJECT_SLICE)
		nd_object_set_owner(o);
}

int sim_cluster_find(const struct sim_cluster *c, enum nd_object_kind kind, const char *namespace,
		     const char *name)
{
	struct sim_object s;

	for (unsigned n = 0; kind <= ND_OBJECT_SLICE && n < c->objects; n++) {
		sim_cluster_object(kind, n, SIM_VERSION, &s);
		if (strcmp(s.object.name, name) == 0 && strcmp(s.object.namespace, namespace) == 0)
			return (int)n;
	}
	return -1;
}

/* --- formatting --- */

struct pen {
	char *at;
	size_t left;
};

static void add(struct pen *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct pen *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(p->at, p->left, format, args);
	va_end(args);
	ND_ASSERT(n >= 0 && (size_t)n < p->left);
	p->at += n;
	p->left -= (size_t)n;
}

static void add_ports(struct pen *p, const struct nd_object_port *port, size_t n)
{
	for (size_t i = 0; i < n; i++)
		add(p, " %s/%s=%d", port[i].name, port[i].protocol, port[i].port);
}

void sim_cluster_format(const struct nd_object *o, char text[SIM_TEXT])
{
	struct pen p = { text, SIM_TEXT };
	char ip[INET6_ADDRSTRLEN];

	add(&p, "%s %s/%s rv %s", nd_object_kind_text[o->kind], o->namespace, o->name,
	    nd_object_label(o, "rv"));
	if (o->kind == ND_OBJECT_SERVICE) {
		const struct nd_object_service *s = &o->service;
		add(&p, "%s%s %s", s->headless ? " headless" : "", s->external ? " external" : "",
		    s->external_name);
		for (size_t i = 0; i < s->nips; i++)
			if (s->ips[i].len)
				add(&p, " %s",
				    inet_ntop(s->ips[i].len == 4 ? AF_INET : AF_INET6,
					      s->ips[i].bytes, ip, sizeof ip));
		add_ports(&p, s->ports, s->nports);
	} else if (o->kind == ND_OBJECT_SLICE) {
		add(&p, " of %s", o->slice.service);
		for (size_t i = 0; i < o->slice.nendpoints; i++) {
			const struct nd_object_endpoint *e = &o->slice.endpoints[i];
			add(&p, " [%s %s %s %s]", e->text, e->hostname, e->pod, e->zone);
		}
		add_ports(&p, o->slice.ports, o->slice.nports);
	}
}
