/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/mirror.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"

static void complain(struct sim_mirror *m, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void complain(struct sim_mirror *m, const char *format, ...)
{
	va_list args;

	if (m->complaint[0])
		return;
	va_start(args, format);
	vsnprintf(m->complaint, sizeof m->complaint, format, args);
	va_end(args);
}

static struct sim_mirror *mirror(struct nd_sink *s)
{
	return ND_CONTAINER(s, struct sim_mirror, sink);
}

static void drop(struct sim_mirror *m, enum nd_object_kind kind, unsigned n, const char *why)
{
	uint32_t version = m->held[kind][n].version;

	if (version && !sim_cluster_went(m->cluster, kind, n, version))
		complain(m, "%s %u was removed %s, but the server never deleted it",
			 nd_object_kind_text[kind], n, why);
	m->held[kind][n].version = 0;
}

static void sweep(struct sim_mirror *m, enum nd_object_kind kind)
{
	for (unsigned n = 0; n < m->cluster->objects; n++) {
		if (!m->held[kind][n].version || m->held[kind][n].mark == m->mark[kind])
			continue;
		m->swept++;
		drop(m, kind, n, "by a list");
	}
}

static void on_begin(struct nd_sink *s, enum nd_object_kind kind)
{
	struct sim_mirror *m = mirror(s);

	m->broken += m->listing[kind];
	if (m->listing[kind] && m->plant == SIM_MIRROR_EARLY)
		sweep(m, kind);
	m->listing[kind] = true;
	m->mark[kind]++;
}

static void on_end(struct nd_sink *s, enum nd_object_kind kind)
{
	struct sim_mirror *m = mirror(s);

	if (!m->listing[kind])
		complain(m, "%s: end without begin", nd_object_kind_text[kind]);
	m->listing[kind] = false;
	if (m->plant != SIM_MIRROR_NO_SWEEP)
		sweep(m, kind);
}

static int on_upsert(struct nd_sink *s, const struct nd_object *o)
{
	struct sim_mirror *m = mirror(s);
	uint32_t version = (uint32_t)strtoul(nd_object_label(o, "rv"), NULL, 10);
	int n = sim_cluster_find(m->cluster, o->kind, o->namespace, o->name);
	char got[SIM_TEXT], want[SIM_TEXT];
	struct sim_object is;

	if (n < 0 || version > sim_cluster_version(m->cluster) ||
	    sim_cluster_at(m->cluster, o->kind, (unsigned)n, version) != version) {
		complain(m, "%s %s/%s of version %u never existed", nd_object_kind_text[o->kind],
			 o->namespace, o->name, version);
		return 0;
	}
	sim_cluster_object(o->kind, (unsigned)n, version, &is);
	sim_cluster_format(&is.object, want);
	sim_cluster_format(o, got);
	if (strcmp(got, want) != 0)
		complain(m, "got \"%.400s\", want \"%.400s\"", got, want);
	if (version < m->held[o->kind][n].newest)
		complain(m, "%s %d went back from version %u to %u", nd_object_kind_text[o->kind],
			 n, m->held[o->kind][n].newest, version);
	m->held[o->kind][n].version = m->held[o->kind][n].newest = version;
	m->held[o->kind][n].mark = m->mark[o->kind];
	return 0;
}

static void on_remove(struct nd_sink *s, enum nd_object_kind kind, const char *namespace,
		      const char *name)
{
	struct sim_mirror *m = mirror(s);
	int n = sim_cluster_find(m->cluster, kind, namespace, name);

	m->removed++;
	if (n < 0)
		complain(m, "%s %s/%s removed: it never existed", nd_object_kind_text[kind],
			 namespace, name);
	else
		drop(m, kind, (unsigned)n, "by an event");
}

void sim_mirror_init(struct sim_mirror *m, const struct sim_cluster *cluster,
		     enum sim_mirror_plant plant)
{
	*m = (struct sim_mirror){ .sink = { on_begin, on_upsert, on_remove, on_end, NULL },
				  .cluster = cluster,
				  .plant = plant };
}

void sim_mirror_compare(struct sim_mirror *m)
{
	for (int k = 0; k < SIM_KINDS; k++)
		for (unsigned n = 0; n < m->cluster->objects; n++) {
			uint32_t is = sim_cluster_at(m->cluster, (enum nd_object_kind)k, n,
						     sim_cluster_version(m->cluster));
			if (m->held[k][n].version != is)
				complain(m, "%s %u has version %u, want %u", nd_object_kind_text[k],
					 n, m->held[k][n].version, is);
		}
}
