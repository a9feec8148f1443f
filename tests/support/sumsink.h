/* SPDX-License-Identifier: Apache-2.0 */
/* sumsink.h - a sink that reads all that it is told, and keeps a sum of it: two readers of the same
 * must come to equal ones. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "kube/objects.h"

struct nd_sumsink {
	struct nd_sink sink;
	uint64_t hash;
	size_t begun, ended;
};

void nd_sumsink_init(struct nd_sumsink *t);
bool nd_sumsink_equal(const struct nd_sumsink *a, const struct nd_sumsink *b);
