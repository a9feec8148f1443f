/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kubernetes/kset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/hash.h"
#include "base/rcu.h"
#include "plugin/kubernetes/kspace.h"
#include "plugin/kubernetes/ktags.h"

enum {
	/* A larger group, or during a list one of more slices, is not checked for duplicates:
	 * answers eliminate them, in case there are any. */
	CHECKED_ENDPOINTS = 16384,
	CHECKED_SLICES = 16,
};

/* --- groups --- */

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static uint64_t print_of(unsigned what, const void *bytes, size_t n)
{
	return nd_hash_add(nd_hash_add(ND_HASH_START, &what, 1), bytes, n);
}

/* Unkeyed: equal hashes of different texts cost time, like those of equal texts.
 *
 * Adds a hash of each address and of each name that is not made of the address. Ports repeat only
 * within a slice. */
static size_t add_prints(const struct nd_kslice *s, uint64_t *to)
{
	const uint8_t *text = nd_kobject_slice_text(s);
	size_t n = 0;

	for (uint32_t i = 0; i < s->n4; i++) {
		const struct nd_kend4 *e = &nd_kobject_v4(s)[i];
		to[n++] = print_of(4, e->ip, 4);
		if (e->name)
			to[n++] = print_of(1, text + e->name, text[e->name] + 1u);
	}
	for (uint32_t i = 0; i < s->n6; i++) {
		const struct nd_kend6 *e = &nd_kobject_v6(s)[i];
		to[n++] = print_of(6, e->ip, 16);
		if (e->name)
			to[n++] = print_of(1, text + e->name, text[e->name] + 1u);
	}
	return n;
}

/* Is an address or a name in the group twice? Without memory to find out, true: it only costs
 * time. */
static bool has_twice(const struct nd_kgroup *g)
{
	uint64_t *prints = malloc((2 * (size_t)g->endpoints + 1) * sizeof *prints);
	size_t n = 0;
	bool found = false;

	if (!prints)
		return true;
	for (uint32_t i = 0; i < g->n; i++)
		if (g->slice[i])
			n += add_prints(g->slice[i], prints + n);
	qsort(prints, n, sizeof *prints, by_value);
	for (size_t i = 1; i < n && !found; i++)
		found = prints[i] == prints[i - 1];
	free(prints);
	return found;
}

/* A list adds slices one by one: checked each time, a Service of many would take time that grows
 * with the square of their number. */
static void check_group(const struct nd_kindex *ix, struct nd_kgroup *g)
{
	g->unchecked = ix->listing[ND_OBJECT_SLICE] && g->n > CHECKED_SLICES;
	nd_rcu_publish(g->repeats, g->same_ports || g->unchecked ||
					   g->endpoints > CHECKED_ENDPOINTS || has_twice(g));
}

/* sign: 1 to add the slice to the group's counts, -1 to subtract it. */
static void count_slice(struct nd_kgroup *g, const struct nd_kslice *s, int sign)
{
	if (!s)
		return;
	nd_rcu_publish(g->ready, g->ready + (uint32_t)(sign * (s->nready > 0)));
	g->same_ports += (uint32_t)(sign * (s->same_ports > 0));
	g->endpoints += (uint64_t)(sign * ((int64_t)s->n4 + s->n6));
}

/* The group of `of` with `made` in the place of `old`; made NULL: without it; old NULL: with one
 * more. *out is NULL if it would be empty. */
static int make_group(struct nd_kindex *ix, struct nd_kname *of, const struct nd_kslice *old,
		      const struct nd_kslice *made, struct nd_kgroup **out)
{
	const struct nd_kgroup *now = of->group;
	uint32_t n = now ? now->n : 0;
	struct nd_kgroup *g = nd_kmemory_new(&ix->memory, sizeof *g + (n + 1) * sizeof *g->slice);

	*out = NULL;
	if (!g)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		const struct nd_kslice *s = now->slice[i];
		if (s && s == old)
			s = made;
		if (s)
			atomic_init(&g->slice[g->n++], s);
	}
	if (!old && made)
		atomic_init(&g->slice[g->n++], made);
	if (!g->n) {
		nd_kmemory_free(&ix->memory, g);
		return 0;
	}
	if (now) {
		g->ready = now->ready;
		g->same_ports = now->same_ports;
		g->endpoints = now->endpoints;
	}
	count_slice(g, old, -1);
	count_slice(g, made, 1);
	check_group(ix, g);
	*out = g;
	return 0;
}

void nd_kset_check_groups(struct nd_kindex *ix, enum nd_kscope scope)
{
	struct nd_knode *node;
	uint32_t at = 0;

	while ((node = nd_ktable_next(&ix->scope[scope].names, &at))) {
		struct nd_kgroup *g = ((struct nd_kname *)node)->group;
		if (g && g->unchecked)
			check_group(ix, g);
	}
}

static void publish_group(struct nd_kindex *ix, struct nd_kname *of, struct nd_kgroup *group)
{
	struct nd_kgroup *old = of->group;

	nd_rcu_publish(of->group, group);
	nd_kmemory_retire(&ix->memory, old);
}

/* --- sets --- */

static struct nd_kset *make_set(struct nd_kindex *ix, enum nd_kscope scope,
				const struct nd_object *o, const char *owner)
{
	struct nd_kname *of = nd_kspace_make_name(ix, scope, o->namespace, owner);
	struct nd_kset *set = of ? nd_kmemory_new(&ix->memory, sizeof *set + strlen(o->name))
				 : NULL;

	if (!set)
		goto fail;
	nd_kspace_fill_node(ix, &set->node, of->ns, set->text, o->name);
	set->of = of;
	if (nd_ktable_add(&ix->scope[scope].sets, &set->node))
		goto fail;
	nd_list_add(&of->sets, &set->link);
	return set;

fail:
	nd_kmemory_free(&ix->memory, set);
	if (of)
		nd_kspace_prune_name(ix, scope, of);
	return NULL;
}

/* The slice and its cells are already removed. The name references the namespace, so node.parent is
 * valid until the name is pruned. */
static void forget_set(struct nd_kindex *ix, enum nd_kscope scope, struct nd_kset *set)
{
	struct nd_kname *of = set->of;

	if (set->id)
		nd_kreverse_leave(&ix->endpoint_ips, set->id);
	nd_list_del(&set->link);
	nd_ktable_del(&ix->scope[scope].sets, &set->node);
	nd_kmemory_retire(&ix->memory, set);
	nd_kspace_prune_name(ix, scope, of);
}

/* Only endpoints of the cluster scope are found by address. */
static int enter_tags(struct nd_kindex *ix, struct nd_kset *set, const struct nd_kslice *made,
		      struct nd_ktags *before, struct nd_ktags *after)
{
	int err = nd_ktags_slice(ix, set->now, before);

	if (!err)
		err = nd_ktags_slice(ix, made, after);
	if (!err && !set->id)
		err = nd_kreverse_enter(&ix->endpoint_ips, set, &set->id);
	if (!err)
		err = nd_kreverse_add(&ix->endpoint_ips, set->id, before->tag, before->n,
				      after->tag, after->n);
	return err;
}

static int swap_slice(struct nd_kindex *ix, enum nd_kscope scope, struct nd_kset *set,
		      struct nd_kslice *made)
{
	struct nd_kslice *old = set->now;
	struct nd_ktags before = { 0 }, after = { 0 };
	struct nd_kgroup *group;
	int err = make_group(ix, set->of, old, made, &group);

	if (!err && scope == ND_KSCOPE_CLUSTER)
		err = enter_tags(ix, set, made, &before, &after);
	if (err) {
		nd_kmemory_free(&ix->memory, group);
	} else {
		nd_rcu_publish(set->now, made);
		publish_group(ix, set->of, group);
		nd_kreverse_del(&ix->endpoint_ips, set->id, before.tag, before.n, after.tag,
				after.n);
		nd_kmemory_retire(&ix->memory, old);
	}
	nd_ktags_clear(&before);
	nd_ktags_clear(&after);
	return err;
}

static void forget_cells(struct nd_kindex *ix, const struct nd_kset *set)
{
	const struct nd_kslice *s = set->now;

	for (uint32_t i = 0; i < s->n4; i++)
		nd_kreverse_forget(&ix->endpoint_ips, set->id,
				   nd_ktags_of(ix, nd_kobject_v4(s)[i].ip, 4));
	for (uint32_t i = 0; i < s->n6; i++)
		nd_kreverse_forget(&ix->endpoint_ips, set->id,
				   nd_ktags_of(ix, nd_kobject_v6(s)[i].ip, 16));
}

/* Without memory for a smaller group, the old group's pointer to the slice becomes NULL. */
static void leave_group(struct nd_kindex *ix, struct nd_kset *set)
{
	struct nd_kgroup *old = set->of->group, *group;
	bool others = false;

	if (make_group(ix, set->of, set->now, NULL, &group) == 0) {
		publish_group(ix, set->of, group);
		return;
	}
	for (uint32_t i = 0; i < old->n; i++) {
		if (old->slice[i] == set->now)
			nd_rcu_publish(old->slice[i], NULL);
		others = others || old->slice[i];
	}
	if (others)
		count_slice(old, set->now, -1);
	else
		publish_group(ix, set->of, NULL);
}

void nd_kset_remove(struct nd_kindex *ix, enum nd_kscope scope, struct nd_kset *set)
{
	struct nd_kslice *old = set->now;

	leave_group(ix, set);
	if (set->id)
		forget_cells(ix, set);
	nd_rcu_publish(set->now, NULL);
	nd_kmemory_retire(&ix->memory, old);
	forget_set(ix, scope, set);
}

static bool belongs(const struct nd_kset *set, const char *owner)
{
	const struct nd_knode *of = &set->of->node;

	return strlen(owner) == of->len && memcmp(owner, of->name, of->len) == 0;
}

static bool same(const struct nd_kset *set, const struct nd_kslice *made)
{
	return set->now->size == made->size && memcmp(set->now, made, made->size) == 0;
}

int nd_kset_put(struct nd_kindex *ix, enum nd_kscope scope, const struct nd_object *o,
		const char *owner, struct nd_kupdate *update)
{
	struct nd_kset *set = (struct nd_kset *)nd_kspace_find_in(ix, &ix->scope[scope].sets,
								  o->namespace, o->name);
	struct nd_kslice *made;
	int err = -ENOMEM;

	if (set && !belongs(set, owner)) {
		nd_kset_remove(ix, scope, set);
		update->changed = true;
		set = NULL;
	}
	if (!nd_kobject_is_label(owner))
		return 0;
	made = nd_kobject_slice(&ix->memory, &o->slice, ix->config.pod_names,
				ix->config.zones && scope == ND_KSCOPE_CLUSTER, &update->skips);
	if (!made)
		return -ENOMEM;
	if (set && same(set, made)) {
		nd_kmemory_free(&ix->memory, made);
		set->node.mark = ix->epoch[ND_OBJECT_SLICE];
		return 0;
	}
	bool is_new = !set;
	if (is_new)
		set = make_set(ix, scope, o, owner);
	if (set)
		err = swap_slice(ix, scope, set, made);
	if (err) {
		nd_kmemory_free(&ix->memory, made);
		if (set && is_new)
			forget_set(ix, scope, set);
		return err;
	}
	set->node.mark = ix->epoch[ND_OBJECT_SLICE];
	*(is_new ? &update->added : &update->changed) = true;
	return 0;
}
