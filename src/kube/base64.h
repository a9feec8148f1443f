/* SPDX-License-Identifier: Apache-2.0 */
/* base64.h - RFC 4648 s4, as Go's StdEncoding: line ends are skipped, padding is required. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"

/* to: room for strlen(text) + 3 bytes. False: not base64. */
bool nd_base64_decode(const char *text, uint8_t *to, size_t *n);
/* The text is in the arena; NULL: it is full. */
const char *nd_base64_encode(struct nd_arena *a, const void *bytes, size_t n);
