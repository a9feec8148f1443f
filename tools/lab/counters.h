/* SPDX-License-Identifier: Apache-2.0 */
/* counters.h - what kernel and rules counted, and the reading of it.
 *
 * Owns:    nothing.
 * Errors:  ND_EFORMAT where a text has no such figure; nd_counters_read() tells what it cannot
 * read. Threads: one.
 */
#pragma once

#include <stdint.h>
#include "tools/lab/world.h"

struct nd_counters {
	uint64_t pod_rcvbuf, node_rcvbuf, dns_rcvbuf; /* UdpRcvbufErrors, by who owns the sockets */
	uint64_t insert_failed, drop, clash_resolve;  /* the node's connection table */
	uint64_t old_kernel;                          /* dropped by the emulation */
	uint64_t dnat, dnat_upstream; /* new flows led to a DNS pod: kube-dns; kube-dns-upstream */
};

/* All of this world, since it was made. */
int nd_counters_read(const struct nd_world *w, struct nd_counters *c);
struct nd_counters nd_counters_since(const struct nd_counters *now, const struct nd_counters *then);

/* Pure. /proc/net/snmp: a line of names, then one of values, both behind "Udp:". */
int nd_counters_snmp(const char *text, const char *group, const char *name, uint64_t *value);
/* /proc/net/stat/nf_conntrack: a line of names, then one of hex values a processor; their sum. */
int nd_counters_conntrack(const char *text, const char *name, uint64_t *value);
/* `iptables -L CHAIN -v -n -x`: packets of the rule with that target. */
int nd_counters_rule(const char *text, const char *target, uint64_t *value);
/* `nft list counter`: packets. */
int nd_counters_nft(const char *text, uint64_t *value);
