/* SPDX-License-Identifier: Apache-2.0 */
/* synthesis.h - the IPv6 addresses of RFC 6052, and the answer made of an answer to A (RFC 6147
 * s5.1.7, s5.3.2, as CoreDNS does it).
 *
 * Owns:    nothing.
 * Threads: any; an answer is its worker's.
 */
#pragma once

#include <stdint.h>
#include "core/query.h"

struct nd_synthesis_prefix {
	uint8_t bytes[16];
	uint8_t bits; /* 32, 40, 48, 56, 64 or 96 */
};

/* "64:ff9b::/96"; host bits are cleared. 0 or ND_EFORMAT. */
int nd_synthesis_parse_prefix(const char *text, struct nd_synthesis_prefix *out);
/* RFC 6052 s2.2: the IPv4 address after the prefix, around byte 8, which is 0; the rest is 0. With
 * 96 bits byte 8 is the prefix's. */
void nd_synthesis_address(const struct nd_synthesis_prefix *p, const uint8_t ipv4[4],
			  uint8_t ipv6[16]);

bool nd_synthesis_has(const struct nd_answer *a, enum nd_section section, uint16_t type);
/* The largest TTL of a made record: that of the SOA in the negative answer, or 600 without one. */
uint32_t nd_synthesis_ttl_max(const struct nd_answer *negative);
/* Writes q's answer: the records of an answer to A, with A records of the answer section replaced,
 * and its rcode, TC and OPT. What does not fit is left out, with TC. */
void nd_synthesis_write(struct nd_query *q, const struct nd_query *of_a,
			const struct nd_synthesis_prefix *p, uint32_t ttl_max);
