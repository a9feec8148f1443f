/* SPDX-License-Identifier: Apache-2.0 */
/* icmp.h - ICMP errors of a connected UDP socket, with the datagram that each one quotes.
 *
 * Without it the kernel reports an error as the result of the next call, whatever datagram it was
 * about, and anyone who guesses the port can send one. With it (IP_RECVERR, ip(7)) errors are
 * queued with the bytes that they quote.
 *
 * Threads: the socket's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ND_ICMP_QUOTED_MAX = 512 }; /* bytes; more are not read */

struct nd_icmp {
	int err; /* negative errno */
	/* Port unreachable, prohibited and the like. Others may pass: no route, a lost fragment. As
	 * the kernel decides for a socket without IP_RECVERR (net/ipv4/icmp.c: fatal). */
	bool hard;
	size_t n; /* bytes quoted of the datagram's payload; 0: none */
	uint8_t quoted[ND_ICMP_QUOTED_MAX];
};

/* 0 or -errno. */
int nd_icmp_enable(int fd, int family);
/* The next error that came from the network. False: none waits. */
bool nd_icmp_read(int fd, struct nd_icmp *out);
/* An errno that an ICMP error of an earlier datagram may have left for the next call. */
bool nd_icmp_is_left_over(int err);
