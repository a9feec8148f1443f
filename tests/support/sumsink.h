/* SPDX-License-Identifier: Apache-2.0 */
/* sumsink.h - a sink that hashes all objects it gets: two readers of the same input must produce
 * equal hashes.
 *
 * Owns:    nothing.
 * Threads: one at a time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "kube/objects.h"

struct nd_sumsink {
	struct nd_sink sink;
	uint64_t hash;
	size_t begun, ended;
};

void nd_sumsink_init(struct nd_sumsink *s);
bool nd_sumsink_equal(const struct nd_sumsink *a, const struct nd_sumsink *b);
