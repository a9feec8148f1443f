/* SPDX-License-Identifier: Apache-2.0 */
/* netif.h - the machine's own addresses. */
#pragma once

#include <stddef.h>
#include "base/addr.h"
#include "base/arena.h"

/* Addresses of the interface, or of all for NULL (port 0). 0 or -errno; -ENODEV for a name that
 * does not exist. */
int nd_netif_addresses(const char *interface, struct nd_arena *a, struct nd_addr **out, size_t *n);
