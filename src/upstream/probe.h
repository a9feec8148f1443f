/* SPDX-License-Identifier: Apache-2.0 */
/* probe.h - health checks of a failed upstream: an NS query, repeated until a reply arrives.
 *
 * As in CoreDNS: probing starts after an error, never on its own; at most one probe per host in the
 * whole process; any DNS message in reply means healthy; the first success ends the probing.
 * Owns:    its sockets, timer and buffer, until nd_probe_stop().
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

enum { ND_PROBE_TIMEOUT_MS = 1000, ND_PROBE_INTERVAL_MIN_MS = 10 };

struct nd_probe {
	struct nd_pool *pool;
	bool active;
	uint16_t id;
	struct nd_udp *udp;
	struct nd_transport stream; /* TCP or TLS */
	struct nd_buf in;           /* bytes read from it */
	struct nd_timer timer;
};

/* Does nothing if the host is already being probed, here or by another worker. */
void nd_probe_start(struct nd_probe *p, struct nd_pool *pool);
void nd_probe_stop(struct nd_probe *p);
