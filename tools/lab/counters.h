/* SPDX-License-Identifier: Apache-2.0 */
/* counters.h - reads the counters of the kernel and of the rules.
 *
 * Owns:    nothing.
 * Errors:  ND_EFORMAT if a text lacks the counter; nd_counters_read() also reports on standard
 *          error.
 * Threads: one.
 */
#pragma once

#include <stdint.h>
#include "tools/lab/world.h"

struct nd_counters {
	uint64_t pod_rcvbuf, node_rcvbuf, dns_rcvbuf; /* UdpRcvbufErrors, by owner of the sockets */
	uint64_t insert_failed, drop, clash_resolve;  /* the node's conntrack */
	uint64_t old_kernel;                          /* packets dropped by the emulation */
	uint64_t dnat, dnat_upstream; /* new flows to a DNS pod: kube-dns; kube-dns-upstream */
};

/* All counters of this world, since it was created. */
int nd_counters_read(const struct nd_world *w, struct nd_counters *c);
struct nd_counters nd_counters_since(const struct nd_counters *now, const struct nd_counters *then);

/* Pure. /proc/net/snmp: a line of names, then a line of values, both starting with "Udp:". */
int nd_counters_snmp(const char *text, const char *group, const char *name, uint64_t *value);
/* /proc/net/stat/nf_conntrack: a line of names, then a line of hex values per processor; their
 * sum. */
int nd_counters_conntrack(const char *text, const char *name, uint64_t *value);
/* `iptables -L CHAIN -v -n -x`: packets of the rule with that target. */
int nd_counters_rule(const char *text, const char *target, uint64_t *value);
/* `nft list counter`: packets. */
int nd_counters_nft(const char *text, uint64_t *value);
