/* SPDX-License-Identifier: Apache-2.0 */
/* canon.h - the canonical order of names (RFC 4034 s6.1). Pure.
 *
 * Names are lower-case labels in wire format without the zero byte, n bytes: a whole name without
 * its root, or the part of a name below an origin. n may be 0.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Below 0, 0, or above 0. */
int nd_canon_compare(const uint8_t *a, size_t an, const uint8_t *b, size_t bn);
/* The first bytes of a name in this order: prefix(a) < prefix(b) implies a < b. */
uint64_t nd_canon_prefix(const uint8_t *name, size_t n);
/* The number of labels that both names end with. */
unsigned nd_canon_common(const uint8_t *a, size_t an, const uint8_t *b, size_t bn);
unsigned nd_canon_labels(const uint8_t *name, size_t n);
