/* SPDX-License-Identifier: Apache-2.0 */
/* netif.h - the addresses of the machine's network interfaces.
 *
 * Owns:    nothing; the result is in the caller's arena.
 * Threads: any.
 */
#pragma once

#include <stddef.h>
#include "base/addr.h"
#include "base/arena.h"

/* The addresses of one interface, or of all for NULL; their port is 0. 0, ND_ELIMIT (the arena is
 * full) or -errno; -ENODEV: no such interface. */
int nd_netif_addresses(const char *interface, struct nd_arena *a, struct nd_addr **out, size_t *n);
