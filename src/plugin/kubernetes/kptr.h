/* SPDX-License-Identifier: Apache-2.0 */
/* kptr.h - PTR answers. Workers, under the RCU read lock. */
#pragma once

#include "plugin/kubernetes/kconf.h"

/* Adds the PTR record of one Service with this address, or else of every endpoint with it; nothing
 * if there is none. 0 or ND_ELIMIT. */
int nd_kptr_answer(const struct nd_kconf *c, struct nd_query *q, const uint8_t *ip, size_t n);
