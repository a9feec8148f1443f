/* SPDX-License-Identifier: Apache-2.0 */
/* udp_parts.h - what udp_queue.c needs of udp.c.
 *
 * Included by these only. Threads: the loop's.
 */
#pragma once

#include "io/udp.h"

/* Counts it, and calls the owner's on_unsent. */
void nd_udp_report_unsent(struct nd_udp *u, int err, const uint8_t *bytes, size_t n);
