/* SPDX-License-Identifier: Apache-2.0 */
/* world.h - a Kubernetes node of network namespaces: a pod, the node, DNS pods.
 *
 *     pod 10.244.1.2 --- node --- 10.244.2.2 dns0      Services, UDP and TCP:
 *                             \-- 10.244.3.2 dns1      kube-dns, kube-dns-upstream
 *
 * Every row of the lab has a new one: connection table, sets and counters begin at nothing.
 *
 * Owns:    the namespaces, until nd_world_close() or the end of the cage.
 * Errors:  told on standard error where they happen.
 * Threads: one. Inside the cage.
 */
#pragma once

#include <stdbool.h>
#include "tools/lab/proxy.h"

struct nd_world {
	unsigned pods;       /* DNS pods, 1..ND_PROXY_PODS_MAX */
	unsigned services;   /* further ones, whose rules every first packet passes */
	bool old_kernel;     /* drops what a kernel before 5.6 loses */
	bool short_timeouts; /* connections of UDP live a second; the pod has all ports */
};

enum { ND_WORLD_NAME = 8, ND_WORLD_LIFETIME_S = 1 };

int nd_world_open(const struct nd_world *w);
void nd_world_close(const struct nd_world *w);
/* "dns0", "dns1" */
const char *nd_world_pod_name(unsigned i, char name[ND_WORLD_NAME]);
/* Runs read(arg) with that place's network as ours. */
int nd_world_run_in(const char *place, int (*read)(void *arg), void *arg);
