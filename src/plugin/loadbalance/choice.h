/* SPDX-License-Identifier: Apache-2.0 */
/* choice.h - which address of an answer comes first: by preferred networks, or drawn by weight.
 *
 * Owns:    nothing. struct loadbalance is the plugin's instance.
 * Threads: workers.
 */
#pragma once

#include "core/query.h"
#include "plugin/loadbalance/weights.h"

struct loadbalance {
	struct nd_cidr *prefer; /* in the order of their preference */
	size_t nprefer;
	struct nd_weightfile *weights; /* NULL: round_robin */
	const char *path;
	int64_t reload_ns;
};

static inline bool nd_choice_is_address(uint16_t type)
{
	return type == ND_TYPE_A || type == ND_TYPE_AAAA;
}

/* An address with the length of its type. */
static inline bool nd_choice_is_plain(const struct nd_record *r)
{
	return (r->type == ND_TYPE_A && r->rdata_len == 4) ||
	       (r->type == ND_TYPE_AAAA && r->rdata_len == 16);
}

/* The place of an address in the order of preference: that of the first network that has it. */
size_t nd_choice_preference(const struct loadbalance *lb, uint16_t type, const uint8_t *rdata);
/* One of the addresses of a section, drawn by weight; a->n: it has none. */
unsigned nd_choice_draw(const struct loadbalance *lb, const struct nd_answer *a, unsigned section);
