/* SPDX-License-Identifier: Apache-2.0 */
/* kpod.h - a pod: one block of some 70 octets, found by its address alone, or by its name when it
 * changes.
 *
 * Threads: nd_kpod_put and _remove by the control thread; the rest by any under the RCU read lock.
 */
#pragma once

#include "plugin/kubernetes/kindex.h"

struct nd_kpod {
	struct nd_knode node; /* its parent is the namespace */
	uint32_t labels_len;
	uint8_t nips;
	uint8_t bytes[]; /* each address behind its length; the name; if they are kept, labels: key,
			    NUL, value, NUL */
};

static inline const struct nd_kns *nd_kpod_ns(const struct nd_kpod *pod)
{
	return pod->node.parent;
}

/* The next address, *at from pod->bytes on, nips times: its length; *ip views it. */
uint8_t nd_kpod_ip(const uint8_t **at, const uint8_t **ip);
bool nd_kpod_has(const struct nd_kpod *pod, const uint8_t *ip, size_t n);
/* A pod with this address, or NULL. */
const struct nd_kpod *nd_kpod_find(const struct nd_kindex *ix, const uint8_t *ip, size_t n);
/* The number of pods of the namespace with this address. (Pods on the host network share the
 * node's.) */
size_t nd_kpod_count(const struct nd_kindex *ix, const struct nd_kns *ns, const uint8_t *ip,
		     size_t n);
/* The value of a label that was kept; NULL. */
const char *nd_kpod_label(const struct nd_kpod *pod, const char *key);

/* 0, -ENOMEM. */
int nd_kpod_put(struct nd_kindex *ix, const struct nd_object *o, struct nd_kupdate *update);
void nd_kpod_remove(struct nd_kindex *ix, struct nd_kpod *pod);
