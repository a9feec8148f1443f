/* SPDX-License-Identifier: Apache-2.0 */
/* kptr.h - from an address to names. Workers, under the RCU read lock. */
#pragma once

#include "plugin/kubernetes/kconf.h"

/* PTR of an address: one Service's that has it, else all endpoints' that have it. 0 or ND_ELIMIT;
 * nothing is written where nobody has it. */
int nd_kptr_answer(const struct nd_kconf *c, struct nd_query *q, const uint8_t *ip, size_t n);
