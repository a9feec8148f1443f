/* SPDX-License-Identifier: Apache-2.0 */
/* udp_parts.h - what udp.c and udp_queue.c need of each other.
 *
 * Included by these only. Threads: the loop's.
 */
#pragma once

#include "io/udp.h"

/* --- udp.c --- */

/* Counts it, and calls the owner's on_unsent. */
void nd_udp_report_unsent(struct nd_udp *u, int err, const uint8_t *bytes, size_t n);

/* --- udp_queue.c --- */

/* The socket is about to be closed: its datagrams are dropped. */
void nd_udp_queue_drop(struct nd_loop *loop, const struct nd_udp *u);
