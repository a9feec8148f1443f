/* SPDX-License-Identifier: Apache-2.0 */
#include "authority/zoneslot.h"

#include "base/rcu.h"

void nd_zoneslot_init(struct nd_zoneslot *s, struct nd_name origin)
{
	*s = (struct nd_zoneslot){ .expired = false };
	s->origin = nd_name_copy(origin, &s->origin_buf);
	nd_list_init(&s->listeners);
}

static void free_tree(void *tree)
{
	nd_tree_unref(tree);
}

void nd_zoneslot_clear(struct nd_zoneslot *s)
{
	struct nd_tree *old = s->tree;

	nd_rcu_publish(s->tree, NULL);
	if (old)
		nd_rcu_defer(free_tree, old);
}

void nd_zoneslot_publish(struct nd_zoneslot *s, struct nd_tree *t)
{
	struct nd_tree *old = s->tree;

	nd_rcu_publish(s->tree, t);
	if (old)
		nd_rcu_defer(free_tree, old);
	ND_LIST_EACH(&s->listeners, it) {
		struct nd_zoneslot_listener *l = ND_LIST_ENTRY(it, struct nd_zoneslot_listener,
							       link);
		l->changed(l, s);
	}
}

struct nd_tree *nd_zoneslot_tree(const struct nd_zoneslot *s)
{
	return nd_rcu_get(s->tree);
}

void nd_zoneslot_listen(struct nd_zoneslot *s, struct nd_zoneslot_listener *l)
{
	nd_list_add(&s->listeners, &l->link);
}

void nd_zoneslot_unlisten(struct nd_zoneslot_listener *l)
{
	nd_list_del(&l->link);
}
