/* SPDX-License-Identifier: Apache-2.0 */
/* probe.h - health checks of a failed upstream: an NS query, repeated until a reply arrives.
 *
 * As in CoreDNS: probing starts after an error, never on its own; at most one probe per host in the
 * whole process; any DNS message in reply means healthy; the first success ends the probing. One
 * addition: while queries need the host (nd_pool_want), the probe is sent every ND_PROBE_PING_MS,
 * so that its return is seen at once; failures are counted at the pace that is configured.
 * Owns:    its sockets, timer and buffers, until nd_probe_stop().
 * Threads: the worker whose query failed; it releases the host when its pool closes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "io/loop.h"
#include "io/udp.h"
#include "upstream/transport.h"

struct nd_pool;

enum {
	ND_PROBE_TIMEOUT_MS = 1000,
	ND_PROBE_INTERVAL_MIN_MS = 10,
	ND_PROBE_PING_MS = 150,
	ND_PROBE_AWAY =
		2, /* shots in a row without a reply: the server is away, and not one lost */
	ND_PROBE_SHOTS = 8, /* enough for a reply that takes ND_PROBE_TIMEOUT_MS */
};

/* One query, on a socket of its own. */
struct nd_probe_shot {
	struct nd_probe *probe;
	struct nd_udp *udp;
	struct nd_transport stream; /* TCP or TLS */
	struct nd_buf in;           /* bytes read from it */
	uint64_t sent_ns;
	uint16_t id;
	unsigned before; /* shots sent before it */
	bool counts;     /* its failure is a failed check */
};

struct nd_probe {
	struct nd_pool *pool;
	bool active;
	bool waiting; /* a shot that counts is in flight; else for next_ns */
	uint64_t begun_ns;
	uint64_t next_ns; /* when the check fails, or the next one begins */
	unsigned shots;   /* sent so far */
	struct nd_probe_shot shot[ND_PROBE_SHOTS];
	struct nd_timer timer;
};

/* Does nothing if the host is already being probed, here or by another worker. */
void nd_probe_start(struct nd_probe *p, struct nd_pool *pool);
/* No reply to ND_PROBE_AWAY shots that were sent before then. */
bool nd_probe_is_missed(const struct nd_probe *p, uint64_t before_ns);
void nd_probe_stop(struct nd_probe *p);
