/* SPDX-License-Identifier: Apache-2.0 */
/* probe.h - asks an upstream that has failed whether it is back: NS of a name, until a reply comes.
 *
 * As in CoreDNS: probing begins with an error, never by itself; one probe of a host at a time in
 * the whole process; any DNS message that comes back is health; it ends at the first success.
 * Threads: the worker whose question failed runs it, and hands the host back when its pool closes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "io/loop.h"
#include "io/tcp.h"
#include "io/udp.h"

struct nd_pool;

enum { ND_PROBE_TIMEOUT_MS = 1000, ND_PROBE_INTERVAL_MIN_MS = 10 };

struct nd_probe {
	struct nd_pool *pool;
	bool active;
	uint16_t id;
	struct nd_udp *udp;
	struct nd_tcp *tcp;
	struct nd_buf in; /* of tcp */
	struct nd_timer timer;
};

/* Does nothing when the host is probed already, here or by another worker. */
void nd_probe_start(struct nd_probe *p, struct nd_pool *pool);
void nd_probe_stop(struct nd_probe *p);
