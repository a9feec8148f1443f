/* SPDX-License-Identifier: Apache-2.0 */
/* dnsmsg.h - the parts of a DNS message that the benchmark needs.
 *
 * Not src/wire: the checks of a server's bytes must not share code with the server.
 *
 * Owns:    nothing. Every function works on the caller's buffers.
 * Errors:  0 or -1 (malformed, or does not fit); sizes are 0 on failure.
 * Threads: pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ND_DNSMSG_HEADER = 12,
	ND_DNSMSG_NAME_MAX = 255,
	ND_DNSMSG_MAX = 65535,
	ND_DNSMSG_UDP_PLAIN = 512, /* RFC 1035 s4.2.1: without EDNS */
	ND_DNSMSG_UDP_EDNS = 4096, /* as dnsperf -e advertises */

	ND_DNSMSG_A = 1,
	ND_DNSMSG_SOA = 6,
	ND_DNSMSG_AAAA = 28,
	ND_DNSMSG_OPT = 41,

	ND_DNSMSG_NXDOMAIN = 3,
};

/* The question of a query, and the fields of its OPT. */
struct nd_dnsmsg_question {
	size_t name_len; /* bytes of the name, which starts at ND_DNSMSG_HEADER, with the root */
	size_t end;      /* first byte after the question */
	uint16_t type;
	uint16_t class;
	bool edns;
	uint16_t udp_size; /* largest UDP answer that the client accepts */
};

static inline uint16_t nd_dnsmsg_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline void nd_dnsmsg_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* Views a query with exactly one question and at most one OPT. */
int nd_dnsmsg_view(const uint8_t *msg, size_t len, struct nd_dnsmsg_question *q);

/* Writes a query with RD and id 0; name is text without escapes. Returns its size. */
size_t nd_dnsmsg_ask(uint8_t *out, size_t cap, const char *name, uint16_t type, bool edns);

/* Copies msg to out (of the same size) in the form in which two answers of a server to the same
 * query must be equal byte by byte: id 0, TTLs 0, records of the answer section sorted, since a
 * server may rotate them. Returns the size, or 0 if the message is malformed. */
size_t nd_dnsmsg_normalise(const uint8_t *msg, size_t len, uint8_t *out);

/* The addresses of the A records in the answer section, in network byte order, sorted. Returns
 * their number, or -1 if the message is malformed or has more than max. */
int nd_dnsmsg_addresses(const uint8_t *msg, size_t len, uint32_t *out, size_t max);
