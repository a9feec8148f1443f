/* SPDX-License-Identifier: Apache-2.0 */
/* world.h - a Kubernetes node made of network namespaces: a pod, the node, DNS pods.
 *
 *     pod 10.244.1.2 --- node --- 10.244.2.2 dns0      Services, UDP and TCP:
 *                             \-- 10.244.3.2 dns1      kube-dns, kube-dns-upstream
 *
 * Every row of the lab gets a new one: conntrack, sets and counters start empty.
 *
 * Owns:    the namespaces, until nd_world_close() or the end of the sandbox.
 * Errors:  reported on standard error.
 * Threads: one. In the sandbox.
 */
#pragma once

#include <stdbool.h>
#include "tools/lab/proxy.h"

struct nd_world {
	unsigned pods;       /* DNS pods, 1..ND_PROXY_PODS_MAX */
	unsigned services;   /* additional ones, whose rules every first packet traverses */
	bool old_kernel;     /* drops what a kernel before 5.6 drops */
	bool short_timeouts; /* UDP conntrack entries last one second; the pod has all ports */
};

enum { ND_WORLD_NAME = 16, ND_WORLD_LIFETIME_S = 1 };

int nd_world_open(const struct nd_world *w);
void nd_world_close(const struct nd_world *w);
/* "dns0", "dns1" */
const char *nd_world_pod_name(unsigned i, char name[ND_WORLD_NAME]);
/* Runs read(arg) in the network namespace of that place. */
int nd_world_run_in(const char *place, int (*read)(void *arg), void *arg);
