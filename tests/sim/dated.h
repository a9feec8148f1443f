/* SPDX-License-Identifier: Apache-2.0 */
/* dated.h - answers that say where they come from: the upstream, the name, and the second in which
 * it answered. So a client can check whose answer it has, and how old it is.
 *
 * An answer is the address 20+U.NAME.S.S, or NXDOMAIN with the same as the serial of the SOA.
 *
 * Threads: the simulation has one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIM_DATED_NAMES = 16, SIM_DATED_UPSTREAMS = 2 };

/* The TTL of all answers. */
void sim_dated_set_ttl(uint32_t ttl_s);
/* For sim_upstream_set_answer() of upstream u. lie: NXDOMAIN. */
size_t (*sim_dated_answer(unsigned u))(const uint8_t *question, size_t n, uint8_t *out,
				       size_t limit, bool lie);
/* Writes a query; returns its length. */
size_t sim_dated_question(uint8_t *out, size_t cap, uint16_t id, unsigned name, bool dnssec);

struct sim_dated {
	bool failed, denied; /* SERVFAIL; NXDOMAIN */
	unsigned upstream, name;
	uint32_t ttl_s;
	uint64_t second;
};
/* Reads a reply to the question. NULL, or a static text: not an answer to it, or not dated. */
const char *sim_dated_read(const uint8_t *question, size_t qn, const uint8_t *reply, size_t n,
			   struct sim_dated *d);
