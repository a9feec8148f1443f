/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kubernetes/kpod.h"

#include <errno.h>
#include <string.h>
#include "plugin/kubernetes/kspace.h"
#include "plugin/kubernetes/ktags.h"

/* --- reading --- */

uint8_t nd_kpod_ip(const uint8_t **at, const uint8_t **ip)
{
	uint8_t len = **at;

	*ip = *at + 1;
	*at += 1 + len;
	return len;
}

bool nd_kpod_has(const struct nd_kpod *pod, const uint8_t *ip, size_t n)
{
	const uint8_t *at = pod->bytes, *own;

	for (uint8_t i = 0; i < pod->nips; i++)
		if (nd_kpod_ip(&at, &own) == n && memcmp(own, ip, n) == 0)
			return true;
	return false;
}

const struct nd_kpod *nd_kpod_find(const struct nd_kindex *ix, const uint8_t *ip, size_t n)
{
	struct nd_kreverse_iter it = nd_kreverse_find(&ix->pod_ips, nd_ktags_of(ix, ip, n));
	const struct nd_kpod *pod;

	while ((pod = nd_kreverse_next(&it)))
		if (nd_kpod_has(pod, ip, n))
			return pod;
	return NULL;
}

size_t nd_kpod_count(const struct nd_kindex *ix, const struct nd_kns *ns, const uint8_t *ip,
		     size_t n)
{
	struct nd_kreverse_iter it = nd_kreverse_find(&ix->pod_ips, nd_ktags_of(ix, ip, n));
	const struct nd_kpod *pod;
	size_t found = 0;

	while ((pod = nd_kreverse_next(&it)))
		found += nd_kpod_ns(pod) == ns && nd_kpod_has(pod, ip, n);
	return found;
}

static const char *labels_of(const struct nd_kpod *pod)
{
	return pod->node.name + pod->node.len;
}

const char *nd_kpod_label(const struct nd_kpod *pod, const char *key)
{
	const char *at = labels_of(pod), *end = at + pod->labels_len;

	while (at < end) {
		const char *value = at + strlen(at) + 1;
		if (strcmp(at, key) == 0)
			return value;
		at = value + strlen(value) + 1;
	}
	return NULL;
}

/* --- making --- */

static size_t labels_size(const struct nd_kindex *ix, const struct nd_object *o)
{
	size_t n = 0;

	for (size_t i = 0; ix->config.pod_labels && i < o->nlabels; i++)
		n += strlen(o->labels[i].key) + strlen(o->labels[i].value) + 2;
	return n < UINT32_MAX ? n : 0;
}

static size_t ips_size(const struct nd_object_pod *p, uint8_t *count, uint32_t *skipped)
{
	size_t n = 0;

	*count = 0;
	*skipped = 0;
	for (size_t i = 0; i < p->nips && *count < UINT8_MAX; i++) {
		*count += p->ips[i].len > 0;
		*skipped += p->ips[i].len == 0;
		n += p->ips[i].len ? 1u + p->ips[i].len : 0;
	}
	return n;
}

static void fill_ips(uint8_t *at, uint8_t count, const struct nd_object_pod *p)
{
	for (size_t i = 0; count; i++) {
		if (!p->ips[i].len)
			continue;
		*at++ = p->ips[i].len;
		memcpy(at, p->ips[i].bytes, p->ips[i].len);
		at += p->ips[i].len;
		count--;
	}
}

static void fill_labels(char *at, const struct nd_object *o)
{
	for (size_t i = 0; i < o->nlabels; i++) {
		at = stpcpy(at, o->labels[i].key) + 1;
		at = stpcpy(at, o->labels[i].value) + 1;
	}
}

static struct nd_kpod *make(struct nd_kindex *ix, const struct nd_object *o,
			    struct nd_kskips *skips)
{
	uint8_t count;
	size_t ips = ips_size(&o->pod, &count, &skips->addresses), labels = labels_size(ix, o);
	struct nd_kns *ns = nd_kspace_ref(ix, o->namespace);
	struct nd_kpod *pod = ns ? nd_kmemory_new(&ix->memory,
						  sizeof *pod + ips + strlen(o->name) + labels)
				 : NULL;

	if (!pod) {
		if (ns)
			nd_kspace_unref(ix, ns);
		return NULL;
	}
	pod->nips = count;
	pod->labels_len = (uint32_t)labels;
	fill_ips(pod->bytes, count, &o->pod);
	nd_kspace_fill_node(ix, &pod->node, ns, (char *)pod->bytes + ips, o->name);
	if (labels)
		fill_labels((char *)pod->bytes + ips + pod->node.len, o);
	pod->node.mark = ix->epoch[ND_OBJECT_POD];
	return pod;
}

/* The name lies between addresses and labels, and is equal. */
static bool same(const struct nd_kpod *a, const struct nd_kpod *b)
{
	size_t n = (size_t)(labels_of(a) - (const char *)a->bytes);

	return a->nips == b->nips && a->labels_len == b->labels_len &&
	       labels_of(b) - (const char *)b->bytes == (ptrdiff_t)n &&
	       memcmp(a->bytes, b->bytes, n + a->labels_len) == 0;
}

/* --- in and out --- */

/* Frees a pod that was never published. */
static void unmake(struct nd_kindex *ix, struct nd_kpod *pod)
{
	nd_kspace_unref(ix, pod->node.parent);
	nd_kmemory_free(&ix->memory, pod);
}

/* The pod does not store its id; its first address leads to it. */
static uint32_t id_of(const struct nd_kindex *ix, const struct nd_kpod *pod)
{
	const uint8_t *at = pod->bytes, *ip;

	if (!pod->nips)
		return 0;
	uint8_t n = nd_kpod_ip(&at, &ip);
	return nd_kreverse_id(&ix->pod_ips, nd_ktags_of(ix, ip, n), pod);
}

/* Readers find a pod by its address alone: first the cells are removed, then the id, then the
 * pod. */
static void discard(struct nd_kindex *ix, struct nd_kpod *pod)
{
	uint32_t id = id_of(ix, pod);
	const uint8_t *at = pod->bytes, *ip;

	for (uint8_t i = 0; i < pod->nips; i++) {
		uint8_t n = nd_kpod_ip(&at, &ip);
		nd_kreverse_forget(&ix->pod_ips, id, nd_ktags_of(ix, ip, n));
	}
	if (id)
		nd_kreverse_leave(&ix->pod_ips, id);
	nd_kspace_unref(ix, pod->node.parent);
	nd_kmemory_retire(&ix->memory, pod);
}

static int enter(struct nd_kindex *ix, struct nd_kpod *pod)
{
	struct nd_ktags tags = { 0 };
	struct nd_kip ips[UINT8_MAX];
	const uint8_t *at = pod->bytes, *ip;
	uint32_t id;

	if (!pod->nips)
		return 0;
	for (uint8_t i = 0; i < pod->nips; i++) {
		ips[i].len = nd_kpod_ip(&at, &ip);
		memcpy(ips[i].bytes, ip, ips[i].len);
	}
	int err = nd_ktags_ips(ix, ips, pod->nips, &tags);
	if (!err)
		err = nd_kreverse_enter(&ix->pod_ips, pod, &id);
	if (!err) {
		err = nd_kreverse_add(&ix->pod_ips, id, NULL, 0, tags.tag, tags.n);
		if (err)
			nd_kreverse_leave(&ix->pod_ips, id);
	}
	nd_ktags_clear(&tags);
	return err;
}

int nd_kpod_put(struct nd_kindex *ix, const struct nd_object *o, struct nd_kupdate *update)
{
	struct nd_kpod *old = (struct nd_kpod *)nd_kspace_find_in(ix, &ix->pods, o->namespace,
								  o->name);
	struct nd_kpod *pod;

	/* As in CoreDNS, a terminating pod keeps its last state until it is removed. */
	if (o->pod.terminating) {
		if (old)
			old->node.mark = ix->epoch[ND_OBJECT_POD];
		return 0;
	}
	pod = make(ix, o, &update->skips);
	if (!pod)
		return -ENOMEM;
	if (old && same(old, pod)) {
		old->node.mark = pod->node.mark;
		unmake(ix, pod);
		return 0;
	}
	int err = enter(ix, pod);
	if (err) {
		unmake(ix, pod);
		return err;
	}
	if (old)
		nd_ktable_replace(&ix->pods, &old->node, &pod->node);
	else
		err = nd_ktable_add(&ix->pods, &pod->node);
	if (err || old)
		discard(ix, err ? pod : old);
	if (!err)
		*(old ? &update->changed : &update->added) = true;
	return err;
}

void nd_kpod_remove(struct nd_kindex *ix, struct nd_kpod *pod)
{
	nd_ktable_del(&ix->pods, &pod->node);
	discard(ix, pod);
}
