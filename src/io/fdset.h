/* SPDX-License-Identifier: Apache-2.0 */
/* fdset.h - the set of sockets that survive a restart of the server: which descriptor is the socket
 * of which worker on which address. The parent process, which holds them too, passes the first
 * ones; sockets opened later are added.
 *
 * Owns:    inherited descriptors until they are taken. A descriptor that was taken or put belongs
 * to its user, who removes it with nd_fdset_forget() and closes it. Threads: any; it has a lock.
 * Bounds:  ND_FDSET_MAX entries.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/buf.h"

enum { ND_FDSET_MAX = 4096, ND_FDSET_WORKERS_MAX = 256 };

enum nd_fd_kind {
	ND_FD_UDP,
	ND_FD_TCP,       /* listening */
	ND_FD_NETFILTER, /* netlink; no address: addr is NULL */
};

struct nd_fdset;

struct nd_fdset *nd_fdset_new(void);    /* NULL: out of memory */
void nd_fdset_free(struct nd_fdset *s); /* NULL is fine */

/* Adds inherited descriptors from text: words KIND/WORKER/ADDRESS=FD, as in
 * "udp/0/169.254.20.10:53=7 tcp/1/[::1]:53=8 netfilter/0=9". They are made non-blocking and
 * close-on-exec. 0, ND_EFORMAT, ND_ELIMIT, or an error of a descriptor (-EBADF; -EADDRNOTAVAIL:
 * wrong kind of socket, or bound to another address). On failure nothing is added. */
int nd_fdset_add_text(struct nd_fdset *s, const char *text);
/* The number of workers needed to read every inherited socket; 0: none was inherited. The kernel
 * keeps sending a share of the traffic to an open SO_REUSEPORT socket, read or not. */
uint16_t nd_fdset_workers(struct nd_fdset *s);
/* Closes inherited descriptors that were not taken: their addresses are no longer served. */
void nd_fdset_close_unused(struct nd_fdset *s);
/* Appends the current entries, in the form of nd_fdset_add_text(). */
void nd_fdset_format(struct nd_fdset *s, struct nd_buf *out);

/* The descriptor for this place, which the caller now owns; -1: none, or already taken. */
int nd_fdset_take(struct nd_fdset *s, enum nd_fd_kind kind, const struct nd_addr *addr,
		  uint16_t worker);
/* Adds fd, opened and owned by the caller, for this place. 0 or ND_ELIMIT. */
int nd_fdset_put(struct nd_fdset *s, enum nd_fd_kind kind, const struct nd_addr *addr,
		 uint16_t worker, int fd);
/* Removes fd, which the caller is about to close. */
void nd_fdset_forget(struct nd_fdset *s, int fd);
