/* SPDX-License-Identifier: Apache-2.0 */
/* fdset.h - descriptors that outlive what serves with them: which one is the socket of which worker
 * on which address. Filled by who started us and holds them too, and by whoever opens a new one.
 *
 * Owns:    what was handed in and nobody has taken. What was taken or put is its user's, who closes
 * it and forgets it here. Threads: any; a lock inside. Bounds:  ND_FDSET_MAX entries.
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

struct nd_fdset *nd_fdset_new(void);    /* NULL: no memory */
void nd_fdset_free(struct nd_fdset *s); /* takes NULL */

/* Descriptors inherited, as text: words KIND/WORKER/ADDRESS=FD, "udp/0/169.254.20.10:53=7
 * tcp/1/[::1]:53=8 netfilter/0=9". They become non-blocking and are not inherited further. 0,
 * ND_EFORMAT, ND_ELIMIT, or what is wrong with a descriptor (-EBADF, -EADDRNOTAVAIL: not of that
 * kind, or bound elsewhere); then nothing was added. */
int nd_fdset_add_text(struct nd_fdset *s, const char *text);
/* How many workers there must be so that each socket handed in has one: a socket that is open
 * somewhere and that nobody reads swallows its share of what comes. 0: no socket was handed in. */
uint16_t nd_fdset_workers(struct nd_fdset *s);
/* Closes what was handed in and nobody has taken: addresses that are not served any more. */
void nd_fdset_drop_rest(struct nd_fdset *s);
/* What is known now, in the same form. */
void nd_fdset_format(struct nd_fdset *s, struct nd_buf *out);

/* The descriptor for this place, the caller's from now on; -1: there is none, or it is taken. */
int nd_fdset_take(struct nd_fdset *s, enum nd_fd_kind kind, const struct nd_addr *addr,
		  uint16_t worker);
/* The caller has opened fd for this place. 0 or ND_ELIMIT. */
int nd_fdset_put(struct nd_fdset *s, enum nd_fd_kind kind, const struct nd_addr *addr,
		 uint16_t worker, int fd);
/* The caller is about to close fd. */
void nd_fdset_forget(struct nd_fdset *s, int fd);
