/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kubernetes/ksink.h"

#include <stdlib.h>
#include "base/err.h"
#include "base/rcu.h"
#include "base/time.h"
#include "plugin/kubernetes/kput.h"

static struct nd_kindex *of_sink(struct nd_sink *s)
{
	return ND_CONTAINER(s, struct nd_kindex, sink);
}

static void begin(struct nd_sink *s, enum nd_object_kind kind)
{
	nd_kput_begin(of_sink(s), kind);
}

static uint32_t wall_s(const struct nd_kindex *ix)
{
	return (uint32_t)(ix->config.wall_ns() / ND_NS_PER_S);
}

static void touch(struct nd_kindex *ix, enum nd_kscope scope)
{
	nd_rcu_publish(ix->modified[scope], wall_s(ix));
}

/* A Service or its endpoints were added, changed or removed. (CoreDNS advances this serial for
 * changed Services only, so a secondary never learns of a new one.) */
static void touch_outside(struct nd_kindex *ix, enum nd_object_kind kind)
{
	if (ix->config.outside && (kind == ND_OBJECT_SERVICE || kind == ND_OBJECT_SLICE))
		nd_rcu_publish(ix->modified_outside, wall_s(ix));
}

/* Counts a change and advances the serial it belongs to. CoreDNS: added and removed objects advance
 * the cluster zones' serial, changed ServiceImports and their slices that of the multicluster
 * zones. Namespaces advance none. */
static void note_update(struct nd_kindex *ix, const struct nd_object *o,
			const struct nd_kupdate *update)
{
	bool multi = o->kind == ND_OBJECT_IMPORT ||
		     (o->kind == ND_OBJECT_SLICE && o->slice.import[0] && !o->slice.service[0]);

	if (!update->added && !update->changed)
		return;
	ix->changes++;
	if (o->kind == ND_OBJECT_NAMESPACE)
		return;
	touch(ix, multi && !update->added ? ND_KSCOPE_CLUSTERSET : ND_KSCOPE_CLUSTER);
	touch_outside(ix, o->kind);
}

static int upsert(struct nd_sink *s, const struct nd_object *o)
{
	struct nd_kindex *ix = of_sink(s);
	struct nd_kupdate update = { 0 };
	int err = nd_kput_object(ix, o, &update);

	if (err)
		nd_kcount_no_memory(ix, o);
	else
		nd_kcount_object(ix, o, &update.skips);
	if (!err)
		note_update(ix, o, &update);
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
	touch(ix, ND_KSCOPE_CLUSTER);
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
		touch(ix, ND_KSCOPE_CLUSTER);
		touch_outside(ix, kind);
	}
	nd_rcu_publish(ix->listed, ix->listed | 1u << kind);
}

struct nd_kindex *nd_ksink_new(const struct nd_kindex_config *config)
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
	for (int r = 0; r < ND_KSCOPES; r++)
		ix->scope[r].names.memory = ix->scope[r].sets.memory = &ix->memory;
	ix->service_ips.memory = ix->endpoint_ips.memory = ix->pod_ips.memory = &ix->memory;
	return ix;
}

void nd_ksink_free(struct nd_kindex *ix)
{
	if (!ix)
		return;
	/* An empty list of every kind removes all objects. */
	for (int k = ND_OBJECT_KINDS - 1; k >= 0; k--) {
		nd_kput_begin(ix, (enum nd_object_kind)k);
		nd_kput_sweep(ix, (enum nd_object_kind)k);
	}
	nd_ktable_clear(&ix->namespaces);
	nd_ktable_clear(&ix->pods);
	for (int r = 0; r < ND_KSCOPES; r++) {
		nd_ktable_clear(&ix->scope[r].names);
		nd_ktable_clear(&ix->scope[r].sets);
	}
	nd_kreverse_clear(&ix->service_ips);
	nd_kreverse_clear(&ix->endpoint_ips);
	nd_kreverse_clear(&ix->pod_ips);
	free(ix);
}
