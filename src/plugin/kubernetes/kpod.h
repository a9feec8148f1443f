/* SPDX-License-Identifier: Apache-2.0 */
/* kpod.h - a pod: one block of about 70 bytes, found by address, or by name when it changes.
 *
 * Threads: nd_kpod_put and nd_kpod_remove by the control thread; the rest by any thread under the
 *          RCU read lock.
 */
#pragma once

#include "plugin/kubernetes/kindex.h"

struct nd_kpod {
	struct nd_knode node; /* its parent is the namespace */
	uint32_t labels_len;
	uint8_t nips;
	uint8_t bytes[]; /* nips times length and address; the name; if kept, labels as KEY NUL
			    VALUE NUL */
};

static inline const struct nd_kns *nd_kpod_ns(const struct nd_kpod *pod)
{
	return pod->node.parent;
}

/* Reads the next address; *at starts at pod->bytes; call nips times. Returns its length, *ip views
 * it. */
uint8_t nd_kpod_ip(const uint8_t **at, const uint8_t **ip);
bool nd_kpod_has(const struct nd_kpod *pod, const uint8_t *ip, size_t n);
/* A pod with this address, or NULL. */
const struct nd_kpod *nd_kpod_find(const struct nd_kindex *ix, const uint8_t *ip, size_t n);
/* The number of pods in the namespace with this address. (Pods on the host network share the
 * node's.) */
size_t nd_kpod_count(const struct nd_kindex *ix, const struct nd_kns *ns, const uint8_t *ip,
		     size_t n);
/* The value of a label, or NULL if there is none or labels are not kept. */
const char *nd_kpod_label(const struct nd_kpod *pod, const char *key);

/* Adds or replaces a pod. 0 or -ENOMEM. */
int nd_kpod_put(struct nd_kindex *ix, const struct nd_object *o, struct nd_kupdate *update);
void nd_kpod_remove(struct nd_kindex *ix, struct nd_kpod *pod);
