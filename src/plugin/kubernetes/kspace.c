/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kubernetes/kspace.h"

#include <errno.h>
#include <string.h>
#include "base/rcu.h"
#include "wire/name.h"

struct nd_knode *nd_kspace_find(const struct nd_kindex *ix, const struct nd_ktable *t,
				const void *parent, const char *name)
{
	size_t n = strlen(name);

	return nd_ktable_find(t, nd_ktable_hash(&ix->config.key, parent, name, n), parent, name, n);
}

struct nd_knode *nd_kspace_find_in(const struct nd_kindex *ix, const struct nd_ktable *t,
				   const char *namespace, const char *name)
{
	const struct nd_knode *ns = nd_kspace_find(ix, &ix->namespaces, NULL, namespace);

	return ns ? nd_kspace_find(ix, t, ns, name) : NULL;
}

static void fill_node(struct nd_knode *node, void *parent, char *text, const char *name,
		      uint32_t hash)
{
	uint8_t n = (uint8_t)strlen(name);

	memcpy(text, name, n);
	*node = (struct nd_knode){ .parent = parent, .name = text, .len = n, .hash = hash };
}

void nd_kspace_fill_node(const struct nd_kindex *ix, struct nd_knode *node, void *parent,
			 char *text, const char *name)
{
	fill_node(node, parent, text, name,
		  nd_ktable_hash(&ix->config.key, parent, name, strlen(name)));
}

struct nd_kns *nd_kspace_ref(struct nd_kindex *ix, const char *name)
{
	struct nd_kns *ns = (struct nd_kns *)nd_kspace_find(ix, &ix->namespaces, NULL, name);

	if (!ns) {
		ns = nd_kmemory_new(&ix->memory, sizeof *ns + strlen(name));
		if (!ns)
			return NULL;
		nd_kspace_fill_node(ix, &ns->node, NULL, ns->text, name);
		if (nd_ktable_add(&ix->namespaces, &ns->node)) {
			nd_kmemory_free(&ix->memory, ns);
			return NULL;
		}
	}
	ns->refs++;
	return ns;
}

void nd_kspace_unref(struct nd_kindex *ix, struct nd_kns *ns)
{
	if (--ns->refs || ns->exists)
		return;
	nd_ktable_del(&ix->namespaces, &ns->node);
	nd_kmemory_retire(&ix->memory, ns);
}

int nd_kspace_put(struct nd_kindex *ix, const char *name, struct nd_kupdate *update)
{
	struct nd_kns *ns = nd_kspace_ref(ix, name);

	if (!ns)
		return -ENOMEM;
	ns->node.mark = ix->epoch[ND_OBJECT_NAMESPACE];
	update->added = !ns->exists;
	nd_rcu_publish(ns->exists, true);
	nd_kspace_unref(ix, ns);
	return 0;
}

void nd_kspace_remove(struct nd_kindex *ix, struct nd_kns *ns)
{
	ns->refs++;
	nd_rcu_publish(ns->exists, false);
	nd_kspace_unref(ix, ns);
}

/* Both are labels. */
static void write_labels(uint8_t labels[2 * (ND_LABEL_MAX + 1)], const char *namespace,
			 const char *name)
{
	size_t n = strlen(name), m = strlen(namespace);

	ND_ASSERT(n <= ND_LABEL_MAX && m <= ND_LABEL_MAX);
	labels[0] = (uint8_t)n;
	memcpy(labels + 1, name, n);
	labels[n + 1] = (uint8_t)m;
	memcpy(labels + n + 2, namespace, m);
}

struct nd_kname *nd_kspace_find_name(struct nd_kindex *ix, enum nd_kscope scope,
				     const char *namespace, const char *name)
{
	uint8_t labels[2 * (ND_LABEL_MAX + 1)];

	if (!nd_kobject_is_label(namespace) || !nd_kobject_is_label(name))
		return NULL;
	write_labels(labels, namespace, name);
	return nd_kindex_own_name(ix, scope, labels);
}

struct nd_kname *nd_kspace_make_name(struct nd_kindex *ix, enum nd_kscope scope,
				     const char *namespace, const char *name)
{
	struct nd_ktable *table = &ix->scope[scope].names;
	struct nd_kns *ns = nd_kspace_ref(ix, namespace);
	uint8_t labels[2 * (ND_LABEL_MAX + 1)];
	struct nd_kname *made;

	if (!ns)
		return NULL;
	struct nd_kname *found = nd_kspace_find_name(ix, scope, namespace, name);
	if (found) {
		nd_kspace_unref(ix, ns);
		return found;
	}
	made = nd_kmemory_new(&ix->memory, sizeof *made + strlen(name));
	if (!made)
		goto fail;
	write_labels(labels, namespace, name);
	fill_node(&made->node, ns, made->text, name, nd_kindex_name_hash(ix, labels));
	made->ns = ns;
	nd_list_init(&made->sets);
	if (nd_ktable_add(table, &made->node))
		goto fail;
	return made;

fail:
	nd_kmemory_free(&ix->memory, made);
	nd_kspace_unref(ix, ns);
	return NULL;
}

void nd_kspace_prune_name(struct nd_kindex *ix, enum nd_kscope scope, struct nd_kname *name)
{
	if (name->service || !nd_list_empty(&name->sets))
		return;
	nd_ktable_del(&ix->scope[scope].names, &name->node);
	nd_kspace_unref(ix, name->ns);
	nd_kmemory_retire(&ix->memory, name);
}
