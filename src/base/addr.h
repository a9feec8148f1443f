/* SPDX-License-Identifier: Apache-2.0 */
/* addr.h - an IP address with a port, and an IP network; both are plain values.
 *
 * Owns:    nothing.
 * Threads: any; pure functions, except that a scope ("%eth0") is looked up in the system.
 * Errors:  ND_EFORMAT; outputs are then unchanged.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct nd_addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	};
	socklen_t len; /* 0: no address */
};

enum { ND_ADDR_TEXT_MAX = 64 }; /* "[v6%scope]:port" and a NUL */

/* bytes: 4 (AF_INET) or 16 (AF_INET6), network order. port in host order. */
struct nd_addr nd_addr_from(int family, const void *bytes, uint16_t port);
/* "1.2.3.4", "::1", "fe80::1%eth0"; no port in the text. 0 or ND_EFORMAT. */
int nd_addr_parse_ip(const char *text, uint16_t port, struct nd_addr *out);
/* As above, or "1.2.3.4:53", "[::1]:53"; port is the default. */
int nd_addr_parse(const char *text, uint16_t port, struct nd_addr *out);
/* "1.2.3.4:53", "[::1]:53"; returns its length. */
size_t nd_addr_format(const struct nd_addr *a, char text[ND_ADDR_TEXT_MAX]);
/* "1.2.3.4", "::1". */
size_t nd_addr_format_ip(const struct nd_addr *a, char text[ND_ADDR_TEXT_MAX]);

uint16_t nd_addr_port(const struct nd_addr *a);
void nd_addr_set_port(struct nd_addr *a, uint16_t port);
/* The address bytes, borrowed; *n is 4 or 16. An IPv4-mapped IPv6 address gives its last 4. */
const uint8_t *nd_addr_bytes(const struct nd_addr *a, size_t *n);
bool nd_addr_equal(const struct nd_addr *a, const struct nd_addr *b); /* port included */
/* Ports aside; an IPv4-mapped address equals its IPv4 address. */
bool nd_addr_same_ip(const struct nd_addr *a, const struct nd_addr *b);
/* 0.0.0.0 or ::. */
bool nd_addr_is_any(const struct nd_addr *a);
bool nd_addr_is_loopback(const struct nd_addr *a);

struct nd_cidr {
	uint8_t bytes[16];
	uint8_t len;  /* 4 or 16 */
	uint8_t bits; /* <= 8 * len */
};

/* "10.0.0.0/8", "2001:db8::/32"; a bare address is a network of one address. Host bits are
 * cleared. 0 or ND_EFORMAT. */
int nd_cidr_parse(const char *text, struct nd_cidr *out);
bool nd_cidr_has(const struct nd_cidr *net, const struct nd_addr *a);
