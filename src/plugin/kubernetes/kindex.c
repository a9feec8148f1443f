/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kubernetes/kindex.h"

#include <string.h>
#include "base/rcu.h"
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

static inline struct nd_kname *find_name(const struct nd_kindex *ix, enum nd_kscope scope,
					 const uint8_t *labels)
{
	const struct nd_kslots *slots = nd_rcu_get(ix->scope[scope].names.now);
	uint32_t hash = nd_kindex_name_hash(ix, labels), at = hash;
	struct nd_knode *node;

	while ((node = nd_ktable_next_like(slots, hash, &at))) {
		struct nd_kname *name = (struct nd_kname *)node;
		if (node_is(node, labels) && node_is(&name->ns->node, labels + labels[0] + 1))
			return name;
	}
	return NULL;
}

const struct nd_kname *nd_kindex_name(const struct nd_kindex *ix, enum nd_kscope scope,
				      const uint8_t *labels)
{
	return find_name(ix, scope, labels);
}

struct nd_kname *nd_kindex_own_name(struct nd_kindex *ix, enum nd_kscope scope,
				    const uint8_t *labels)
{
	return find_name(ix, scope, labels);
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

bool nd_kindex_complete(const struct nd_kindex *ix)
{
	uint32_t listed = nd_rcu_get(ix->listed);

	for (int k = 0; k < ND_OBJECT_KINDS; k++)
		if (ix->config.wanted[k] && !(listed & 1u << k))
			return false;
	return true;
}

const struct nd_ktable *nd_kindex_table(const struct nd_kindex *ix, enum nd_object_kind kind,
					enum nd_kscope scope)
{
	switch (kind) {
	case ND_OBJECT_NAMESPACE: return &ix->namespaces;
	case ND_OBJECT_POD: return &ix->pods;
	case ND_OBJECT_SLICE: return &ix->scope[scope].sets;
	default: return &ix->scope[scope].names;
	}
}
