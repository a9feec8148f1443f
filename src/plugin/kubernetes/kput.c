/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kubernetes/kput.h"

#include <errno.h>
#include <string.h>
#include "base/rcu.h"
#include "plugin/kubernetes/kpod.h"
#include "plugin/kubernetes/kset.h"
#include "plugin/kubernetes/kspace.h"
#include "plugin/kubernetes/ktags.h"

static enum nd_kscope scope_of(enum nd_object_kind kind)
{
	return kind == ND_OBJECT_IMPORT ? ND_KSCOPE_CLUSTERSET : ND_KSCOPE_CLUSTER;
}

/* --- Services --- */

static int service_tags(struct nd_kindex *ix, const struct nd_kservice *s, struct nd_ktags *out)
{
	return s ? nd_ktags_service(ix, s, out) : 0;
}

/* Only Services of the cluster scope are found by address. */
static int enter_service(struct nd_kindex *ix, struct nd_kname *name,
			 const struct nd_kservice *made, struct nd_ktags *before,
			 struct nd_ktags *after)
{
	bool entered = false;
	int err = service_tags(ix, name->service, before);

	if (!err)
		err = service_tags(ix, made, after);
	if (!err && !name->id && after->n) {
		err = nd_kreverse_enter(&ix->service_ips, name, &name->id);
		entered = !err;
	}
	if (!err && after->n)
		err = nd_kreverse_add(&ix->service_ips, name->id, before->tag, before->n,
				      after->tag, after->n);
	if (err && entered) {
		nd_kreverse_leave(&ix->service_ips, name->id);
		name->id = 0;
	}
	return err;
}

static void leave_if_none(struct nd_kindex *ix, struct nd_kname *name, size_t left)
{
	if (!name->id || left)
		return;
	nd_kreverse_leave(&ix->service_ips, name->id);
	name->id = 0;
}

static int swap_service(struct nd_kindex *ix, enum nd_kscope scope, struct nd_kname *name,
			struct nd_kservice *made)
{
	struct nd_kservice *old = name->service;
	struct nd_ktags before = { 0 }, after = { 0 };
	int err = 0;

	if (scope == ND_KSCOPE_CLUSTER)
		err = enter_service(ix, name, made, &before, &after);
	if (!err) {
		nd_rcu_publish(name->service, made);
		nd_kreverse_del(&ix->service_ips, name->id, before.tag, before.n, after.tag,
				after.n);
		leave_if_none(ix, name, after.n);
		nd_kmemory_retire(&ix->memory, old);
	}
	nd_ktags_clear(&before);
	nd_ktags_clear(&after);
	return err;
}

static int put_service(struct nd_kindex *ix, const struct nd_object *o, struct nd_kupdate *update)
{
	enum nd_kscope scope = scope_of(o->kind);
	struct nd_kservice *made = nd_kobject_service(&ix->memory, o, ix->config.outside,
						      &update->skips);
	struct nd_kname *name = made ? nd_kspace_make_name(ix, scope, o->namespace, o->name) : NULL;
	int err = -ENOMEM;

	if (!name)
		goto fail;
	const struct nd_kservice *old = name->service;
	if (old && old->size == made->size && memcmp(old, made, made->size) == 0) {
		nd_kmemory_free(&ix->memory, made);
		name->mark = ix->epoch[o->kind];
		return 0;
	}
	err = swap_service(ix, scope, name, made);
	if (err)
		goto fail;
	name->mark = ix->epoch[o->kind];
	*(old ? &update->changed : &update->added) = true;
	return 0;

fail:
	nd_kmemory_free(&ix->memory, made);
	if (name)
		nd_kspace_prune_name(ix, scope, name);
	return err;
}

static void remove_service(struct nd_kindex *ix, enum nd_kscope scope, struct nd_kname *name)
{
	struct nd_kservice *old = name->service;

	nd_rcu_publish(name->service, NULL);
	for (size_t i = 0; name->id && i < old->nips; i++) {
		const struct nd_kip *ip = &nd_kobject_ips(old)[i];
		nd_kreverse_forget(&ix->service_ips, name->id, nd_ktags_of(ix, ip->bytes, ip->len));
	}
	struct nd_koutside out;
	for (size_t at = 0; name->id && nd_kobject_outside(old, &at, &out);)
		if (out.len)
			nd_kreverse_forget(&ix->service_ips, name->id,
					   nd_ktags_of(ix, out.at, out.len));
	leave_if_none(ix, name, 0);
	nd_kmemory_retire(&ix->memory, old);
	nd_kspace_prune_name(ix, scope, name);
}

/* --- slices --- */

static int put_slice(struct nd_kindex *ix, const struct nd_object *o, struct nd_kupdate *update)
{
	int err = nd_kset_put(ix, ND_KSCOPE_CLUSTER, o, o->slice.service, update);

	if (!err && ix->config.wanted[ND_OBJECT_IMPORT])
		err = nd_kset_put(ix, ND_KSCOPE_CLUSTERSET, o, o->slice.import, update);
	return err;
}

/* --- any --- */

int nd_kput_object(struct nd_kindex *ix, const struct nd_object *o, struct nd_kupdate *update)
{
	update->skips.name = !nd_kobject_can_be_named(o);
	if (update->skips.name)
		return 0;
	switch (o->kind) {
	case ND_OBJECT_NAMESPACE: return nd_kspace_put(ix, o->name, update);
	case ND_OBJECT_SERVICE:
	case ND_OBJECT_IMPORT: return put_service(ix, o, update);
	case ND_OBJECT_SLICE: return put_slice(ix, o, update);
	case ND_OBJECT_POD: return nd_kpod_put(ix, o, update);
	case ND_OBJECT_KINDS: break;
	}
	return 0;
}

/* Removes one object; with `sweep`, only if the last list did not contain it. */
static bool remove_node(struct nd_kindex *ix, enum nd_object_kind kind, enum nd_kscope scope,
			struct nd_knode *node, bool sweep)
{
	uint8_t epoch = ix->epoch[kind];
	struct nd_kname *name = (struct nd_kname *)node;
	struct nd_kns *ns = (struct nd_kns *)node;

	switch (kind) {
	case ND_OBJECT_SERVICE:
	case ND_OBJECT_IMPORT:
		if (!name->service || (sweep && name->mark == epoch))
			return false;
		remove_service(ix, scope, name);
		return true;
	case ND_OBJECT_NAMESPACE:
		if (!ns->exists || (sweep && node->mark == epoch))
			return false;
		nd_kspace_remove(ix, ns);
		return true;
	default:
		if (sweep && node->mark == epoch)
			return false;
		if (kind == ND_OBJECT_POD)
			nd_kpod_remove(ix, (struct nd_kpod *)node);
		else
			nd_kset_remove(ix, scope, (struct nd_kset *)node);
		return true;
	}
}

static void unmark(struct nd_kindex *ix, enum nd_object_kind kind, enum nd_kscope scope)
{
	const struct nd_ktable *t = nd_kindex_table(ix, kind, scope);
	bool name = kind == ND_OBJECT_SERVICE || kind == ND_OBJECT_IMPORT;
	struct nd_knode *node;
	uint32_t at = 0;

	while ((node = nd_ktable_next(t, &at))) {
		if (name)
			((struct nd_kname *)node)->mark = 0;
		else
			node->mark = 0;
	}
}

/* Lists that break off are not swept, so marks of any age may remain. Before an epoch is used
 * again they are removed: an object of 255 lists ago must not count as one of this list. */
void nd_kput_begin(struct nd_kindex *ix, enum nd_object_kind kind)
{
	ix->listing[kind] = true;
	if (++ix->epoch[kind])
		return;
	ix->epoch[kind] = 1;
	unmark(ix, kind, scope_of(kind));
	if (kind == ND_OBJECT_SLICE)
		unmark(ix, kind, ND_KSCOPE_CLUSTERSET);
}

static struct nd_knode *find_node(struct nd_kindex *ix, enum nd_object_kind kind,
				  enum nd_kscope scope, const char *namespace, const char *name)
{
	const struct nd_ktable *t = nd_kindex_table(ix, kind, scope);

	if (kind == ND_OBJECT_NAMESPACE)
		return nd_kspace_find(ix, t, NULL, name);
	if (kind == ND_OBJECT_SLICE || kind == ND_OBJECT_POD)
		return nd_kspace_find_in(ix, t, namespace, name);
	struct nd_kname *found = nd_kspace_find_name(ix, scope, namespace, name);
	return found ? &found->node : NULL;
}

static bool remove_one(struct nd_kindex *ix, enum nd_object_kind kind, enum nd_kscope scope,
		       const char *namespace, const char *name)
{
	struct nd_knode *node = find_node(ix, kind, scope, namespace, name);

	return node && remove_node(ix, kind, scope, node, false);
}

static bool sweep_one(struct nd_kindex *ix, enum nd_object_kind kind, enum nd_kscope scope)
{
	const struct nd_ktable *t = nd_kindex_table(ix, kind, scope);
	struct nd_knode *node;
	uint32_t at = 0;
	bool any = false;

	while ((node = nd_ktable_next(t, &at)))
		any = remove_node(ix, kind, scope, node, true) || any;
	return any;
}

bool nd_kput_remove(struct nd_kindex *ix, enum nd_object_kind kind, const char *namespace,
		    const char *name)
{
	bool found = remove_one(ix, kind, scope_of(kind), namespace, name);

	/* A slice may be in both scopes. */
	if (kind == ND_OBJECT_SLICE)
		found = remove_one(ix, kind, ND_KSCOPE_CLUSTERSET, namespace, name) || found;
	return found;
}

bool nd_kput_sweep(struct nd_kindex *ix, enum nd_object_kind kind)
{
	bool any = sweep_one(ix, kind, scope_of(kind));

	if (kind == ND_OBJECT_SLICE)
		any = sweep_one(ix, kind, ND_KSCOPE_CLUSTERSET) || any;
	ix->listing[kind] = false;
	for (int r = 0; kind == ND_OBJECT_SLICE && r < ND_KSCOPES; r++)
		nd_kset_check_groups(ix, (enum nd_kscope)r);
	return any;
}
