/* SPDX-License-Identifier: Apache-2.0 */
/* resolv.h - a parsed resolv.conf, see resolv.conf(5).
 *
 * Owns:    everything by value.
 * Errors:  lines that resolvers ignore are ignored here too, and reported to `note`.
 * Threads: one parses; then any may read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "base/addr.h"
#include "wire/name.h"

enum {
	ND_RESOLV_SERVERS =
		3, /* MAXNS of glibc and musl; Go uses all, and kubelet writes at most 3 */
	ND_RESOLV_SEARCH = 32,  /* kubelet's own limit */
	ND_RESOLV_BYTES = 65536 /* of a file */
};

struct nd_resolv {
	struct nd_addr server[ND_RESOLV_SERVERS];
	unsigned servers;
	struct nd_name_buf search[ND_RESOLV_SEARCH]; /* read them with nd_name_view() */
	unsigned searches;
	/* As written; nd_style_limit() applies each style's limits. */
	unsigned ndots, timeout_s, attempts;
	bool rotate, use_vc, edns0, single_request, single_request_reopen, no_aaaa, trust_ad;
};

/* Called for each line that is ignored; line 0: an option that is not from a file. May be NULL. */
typedef void nd_resolv_note(void *ctx, unsigned line, const char *text);

/* No server, no search list, ndots 1, 5 s, 2 attempts. */
void nd_resolv_init(struct nd_resolv *r);
/* Parses a whole resolv.conf. Later `search` or `domain` lines replace earlier ones, `options`
 * accumulate. port: of its nameservers. */
void nd_resolv_parse(struct nd_resolv *r, const char *text, uint16_t port, nd_resolv_note *note,
		     void *ctx);
/* Parses options as they follow `options`, separated by white space or commas. 0, or ND_EFORMAT if
 * any is unknown or has an invalid value; those are reported and ignored. */
int nd_resolv_options(struct nd_resolv *r, const char *text, unsigned line, nd_resolv_note *note,
		      void *ctx);
