/* SPDX-License-Identifier: Apache-2.0 */
/* resolv.h - what resolv.conf says, as resolv.conf(5) describes it.
 *
 * Owns:    all by value.
 * Errors:  a line that resolvers would pass over is passed over here too, and told to `note`.
 * Threads: one while it is read; then any, reading.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "base/addr.h"
#include "wire/name.h"

enum {
	ND_RESOLV_SERVERS =
		3, /* MAXNS of glibc and musl; Go takes them all, and kubelet writes 3 */
	ND_RESOLV_SEARCH = 32,  /* kubelet's own limit */
	ND_RESOLV_BYTES = 65536 /* of a file */
};

struct nd_resolv {
	struct nd_addr server[ND_RESOLV_SERVERS];
	unsigned servers;
	struct nd_name_buf search[ND_RESOLV_SEARCH]; /* as lookup names: nd_name_view() */
	unsigned searches;
	/* As written; each style has limits of its own. */
	unsigned ndots, timeout_s, attempts;
	bool rotate, use_vc, edns0, single_request, single_request_reopen, no_aaaa, trust_ad;
};

/* What is told of a line that has no effect; line 0: an option from elsewhere. May be NULL. */
typedef void nd_resolv_note(void *ctx, unsigned line, const char *text);

/* No server, no search list, ndots 1, 5 s, 2 attempts. */
void nd_resolv_init(struct nd_resolv *r);
/* Reads a whole resolv.conf. Later `search` or `domain` lines replace earlier ones, `options`
 * add up. port: of its nameservers. */
void nd_resolv_parse(struct nd_resolv *r, const char *text, uint16_t port, nd_resolv_note *note,
		     void *ctx);
/* Options as they stand behind `options`, parted by white space or commas. 0, or ND_EFORMAT if
 * any was unknown or has a value it cannot have: those are noted, and change nothing. */
int nd_resolv_options(struct nd_resolv *r, const char *text, unsigned line, nd_resolv_note *note,
		      void *ctx);
