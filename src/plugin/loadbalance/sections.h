/* SPDX-License-Identifier: Apache-2.0 */
/* sections.h - an answer written again, in the order of CoreDNS: where records of different kinds
 * or lengths change places.
 *
 * Owns:    nothing; works in the memory of the query.
 * Threads: workers.
 */
#pragma once

#include "plugin/loadbalance/choice.h"

enum { ND_SECTIONS_RECORDS_MAX = 64 }; /* of an answer that is written again */

/* Swapping addresses in place is not enough: several MX records, or a CNAME after other records. */
bool nd_sections_need_order(const struct nd_answer *a);
/* Writes the answer again. One that is too large for that is left as it is. */
void nd_sections_write(const struct loadbalance *lb, struct nd_query *q);
