/* SPDX-License-Identifier: Apache-2.0 */
/* proxy.h - the rules of kube-proxy's iptables mode as text for iptables-restore, and the emulation
 * of an old kernel as text for nft. Pure: runs no program.
 *
 * Owns:    nothing.
 * Errors:  those of the buffer.
 */
#pragma once

#include <stdint.h>
#include "base/buf.h"

/* The addresses of the lab's cluster. */
#define ND_PROXY_PODS "10.244.0.0/16"
#define ND_PROXY_KUBE_DNS "10.96.0.10"
#define ND_PROXY_UPSTREAM "10.96.0.11"
/* DNS pod number i, from 0. */
#define ND_PROXY_DNS_POD "10.244.%u.2"
#define ND_PROXY_DNS_NET 2 /* of pod 0 */

enum { ND_PROXY_PODS_MAX = 2, ND_PROXY_CHAIN = 32 };

/* Chains, jumps from the hooks, filter rules; no Services. */
void nd_proxy_base(struct nd_buf *to);
/* Additional Services [from, below), one endpoint each: they are never queried, but packets
 * traverse their rules. For `iptables-restore --noflush`. */
void nd_proxy_services(struct nd_buf *to, unsigned from, unsigned below);
/* kube-dns and kube-dns-upstream, UDP and TCP, over so many DNS pods; at the end of KUBE-SERVICES,
 * so a lookup traverses all other rules first. */
void nd_proxy_dns(struct nd_buf *to, unsigned pods);

enum nd_proxy_service { ND_PROXY_TO_KUBE_DNS, ND_PROXY_TO_UPSTREAM };
/* The KUBE-SEP chain with the DNAT to that pod. */
void nd_proxy_endpoint(enum nd_proxy_service service, const char *proto, unsigned pod,
		       char name[ND_PROXY_CHAIN]);

/* A kernel that cannot resolve the clash of two first packets: the second is dropped if the flow is
 * known under another conntrack id. lifetime_s: how long a flow stays known. */
void nd_proxy_old_kernel(struct nd_buf *to, unsigned lifetime_s);
#define ND_PROXY_TABLE "nodens-lab-old-kernel"
#define ND_PROXY_COUNTER "lost"
