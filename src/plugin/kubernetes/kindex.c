/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kubernetes/kindex.h"

#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/rcu.h"
#include "plugin/kubernetes/kpod.h"
#include "plugin/kubernetes/ktags.h"

const struct nd_kns *nd_kindex_namespace(const struct nd_kindex *ix, const void *name, size_t n)
{
	uint32_t hash = nd_ktable_hash(&ix->config.key, NULL, name, n);
	const struct nd_kns *ns = (const struct nd_kns *)nd_ktable_find(&ix->namespaces, hash, NULL,
									name, n);

	return ns && nd_rcu_get(ns->exists) ? ns : NULL;
}

uint32_t nd_kindex_name_hash(const struct nd_kindex *ix, const uint8_t *labels)
{
	size_t n = labels[0] + 1u;

	return nd_ktable_hash(&ix->config.key, NULL, labels, n + labels[n] + 1u);
}

static bool node_is(const struct nd_knode *node, const uint8_t *label)
{
	return node->len == label[0] && memcmp(node->name, label + 1, label[0]) == 0;
}

const struct nd_kname *nd_kindex_name(const struct nd_kindex *ix, enum nd_krealm realm,
				      const uint8_t *labels)
{
	const struct nd_kslots *slots = nd_rcu_get(ix->realm[realm].names.now);
	uint32_t hash = nd_kindex_name_hash(ix, labels), at = hash;
	const struct nd_knode *node;

	while ((node = nd_ktable_next_like(slots, hash, &at))) {
		const struct nd_kname *name = (const struct nd_kname *)node;
		if (node_is(node, labels) && node_is(&name->ns->node, labels + labels[0] + 1))
			return name;
	}
	return NULL;
}

bool nd_kindex_exists(const struct nd_kname *name)
{
	return nd_rcu_get(name->ns->exists);
}

static struct nd_kreverse_iter by_ip(const struct nd_kindex *ix, const struct nd_kreverse *r,
				     const uint8_t *ip, size_t n)
{
	return nd_kreverse_find(r, nd_ktags_of(ix, ip, n));
}

struct nd_kreverse_iter nd_kindex_by_service_ip(const struct nd_kindex *ix, const uint8_t *ip,
						size_t n)
{
	return by_ip(ix, &ix->service_ips, ip, n);
}

struct nd_kreverse_iter nd_kindex_by_endpoint_ip(const struct nd_kindex *ix, const uint8_t *ip,
						 size_t n)
{
	return by_ip(ix, &ix->endpoint_ips, ip, n);
}

static bool ips_have(const struct nd_kip *ips, size_t nips, const uint8_t *ip, size_t n)
{
	for (size_t i = 0; i < nips; i++)
		if (ips[i].len == n && memcmp(ips[i].bytes, ip, n) == 0)
			return true;
	return false;
}

bool nd_kindex_service_has(const struct nd_kservice *s, const uint8_t *ip, size_t n)
{
	return ips_have(nd_kobject_ips(s), s->nips, ip, n);
}

size_t nd_kindex_count_pods(const struct nd_kindex *ix, const struct nd_kns *ns, const uint8_t *ip,
			    size_t n)
{
	struct nd_kreverse_iter it = by_ip(ix, &ix->pod_ips, ip, n);
	const struct nd_kpod *pod;
	size_t found = 0;

	while ((pod = nd_kreverse_next(&it)))
		found += nd_kpod_ns(pod) == ns && nd_kpod_has(pod, ip, n);
	return found;
}

const struct nd_kpod *nd_kindex_pod(const struct nd_kindex *ix, const uint8_t *ip, size_t n)
{
	struct nd_kreverse_iter it = by_ip(ix, &ix->pod_ips, ip, n);
	const struct nd_kpod *pod;

	while ((pod = nd_kreverse_next(&it)))
		if (nd_kpod_has(pod, ip, n))
			return pod;
	return NULL;
}

bool nd_kindex_complete(const struct nd_kindex *ix)
{
	uint32_t listed = nd_rcu_get(ix->listed);

	for (int k = 0; k < ND_OBJECT_KINDS; k++)
		if (ix->config.wanted[k] && !(listed & 1u << k))
			return false;
	return true;
}

static struct nd_kindex *of_sink(struct nd_sink *s)
{
	return ND_CONTAINER(s, struct nd_kindex, sink);
}

static void begin(struct nd_sink *s, enum nd_object_kind kind)
{
	of_sink(s)->epoch[kind]++;
}

static void touch(struct nd_kindex *ix, enum nd_krealm realm)
{
	nd_rcu_publish(ix->modified[realm], (uint32_t)(ix->config.wall_ns() / 1000000000u));
}

/* A Service or its endpoints came, went or changed. (CoreDNS moves this serial for changed Services
 * only, so that a secondary would never learn of a new one.) */
static void touch_outside(struct nd_kindex *ix, enum nd_object_kind kind)
{
	if (ix->config.outside && (kind == ND_OBJECT_SERVICE || kind == ND_OBJECT_SLICE))
		nd_rcu_publish(ix->modified_outside,
			       (uint32_t)(ix->config.wall_ns() / 1000000000u));
}

/* Which serial a change moves: CoreDNS counts what comes and goes to the cluster's, changes of
 * ServiceImports and their slices to the multicluster zones'. Namespaces move none. */
static void note_change(struct nd_kindex *ix, const struct nd_object *o, enum nd_kput_change change)
{
	bool multi = o->kind == ND_OBJECT_IMPORT ||
		     (o->kind == ND_OBJECT_SLICE && o->slice.import[0] && !o->slice.service[0]);

	ix->changes += change != ND_KPUT_SAME;
	if (change == ND_KPUT_SAME || o->kind == ND_OBJECT_NAMESPACE)
		return;
	touch(ix, multi && change == ND_KPUT_CHANGED ? ND_KREALM_MULTI : ND_KREALM_CLUSTER);
	touch_outside(ix, o->kind);
}

static int upsert(struct nd_sink *s, const struct nd_object *o)
{
	struct nd_kindex *ix = of_sink(s);
	enum nd_kput_change change = ND_KPUT_SAME;
	int err = nd_kput_object(ix, o, &change);

	if (!err)
		note_change(ix, o, change);
	nd_kcount_object(ix, o, err);
	return err;
}

static void remove_object(struct nd_sink *s, enum nd_object_kind kind, const char *namespace,
			  const char *name)
{
	struct nd_kindex *ix = of_sink(s);

	if (!nd_kput_remove(ix, kind, namespace, name))
		return;
	ix->changes++;
	if (kind == ND_OBJECT_NAMESPACE)
		return;
	touch(ix, ND_KREALM_CLUSTER);
	touch_outside(ix, kind);
}

static void unread(struct nd_sink *s, enum nd_object_kind kind, const char *why)
{
	nd_kcount_unread(of_sink(s), kind, why);
}

static void end(struct nd_sink *s, enum nd_object_kind kind)
{
	struct nd_kindex *ix = of_sink(s);

	bool swept = nd_kput_sweep(ix, kind);

	ix->changes += swept;
	if (swept && kind != ND_OBJECT_NAMESPACE) {
		touch(ix, ND_KREALM_CLUSTER);
		touch_outside(ix, kind);
	}
	nd_rcu_publish(ix->listed, ix->listed | 1u << kind);
}

struct nd_kindex *nd_kindex_new(const struct nd_kindex_config *config)
{
	struct nd_kindex *ix = calloc(1, sizeof *ix);

	if (!ix)
		return NULL;
	ix->config = *config;
	ix->memory.max = config->max_bytes;
	ix->sink = (struct nd_sink){ .begin = begin,
				     .upsert = upsert,
				     .remove = remove_object,
				     .end = end,
				     .unread = unread };
	ix->namespaces.memory = ix->pods.memory = &ix->memory;
	for (int r = 0; r < ND_KREALMS; r++)
		ix->realm[r].names.memory = ix->realm[r].sets.memory = &ix->memory;
	ix->service_ips.memory = ix->endpoint_ips.memory = ix->pod_ips.memory = &ix->memory;
	return ix;
}

void nd_kindex_free(struct nd_kindex *ix)
{
	if (!ix)
		return;
	/* A relist of nothing, of every kind: what was put in comes out by the same ways. */
	for (int k = ND_OBJECT_KINDS - 1; k >= 0; k--) {
		ix->epoch[k]++;
		nd_kput_sweep(ix, (enum nd_object_kind)k);
	}
	nd_ktable_clear(&ix->namespaces);
	nd_ktable_clear(&ix->pods);
	for (int r = 0; r < ND_KREALMS; r++) {
		nd_ktable_clear(&ix->realm[r].names);
		nd_ktable_clear(&ix->realm[r].sets);
	}
	nd_kreverse_clear(&ix->service_ips);
	nd_kreverse_clear(&ix->endpoint_ips);
	nd_kreverse_clear(&ix->pod_ips);
	free(ix);
}
