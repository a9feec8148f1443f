/* SPDX-License-Identifier: Apache-2.0 */
/* notify.h - sends NOTIFY messages to secondaries (RFC 1996), as CoreDNS does: over UDP, three
 * times, with 2 s for a reply; any rcode but NOERROR is a failure.
 *
 * Owns:    the messages in flight and their sockets, until nd_notify_clear().
 * Bounds:  ND_NOTIFY_SOCKETS at a time, the others wait. A zone and address are there once: another
 *          change of the zone starts that message anew.
 * Threads: control.
 */
#pragma once

#include "base/addr.h"
#include "base/list.h"
#include "wire/name.h"

struct nd_loop;

enum { ND_NOTIFY_SOCKETS = 32, ND_NOTIFY_TRIES = 3, ND_NOTIFY_WAIT_S = 2 };

struct nd_notify {
	struct nd_loop *loop;
	struct nd_list waiting, sent;
	unsigned nsent;
};

void nd_notify_init(struct nd_notify *n, struct nd_loop *loop);
void nd_notify_clear(struct nd_notify *n); /* a zeroed one is fine */
/* source may be NULL. */
void nd_notify_send(struct nd_notify *n, struct nd_name zone, const struct nd_addr *to,
		    const struct nd_addr *source);
