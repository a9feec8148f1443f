/* SPDX-License-Identifier: Apache-2.0 */
/* style.h - how the resolvers of applications ask: one table, a file for each.
 *
 * Written from resolv.conf(5), from what glibc, musl and Go are seen to send, and their
 * documentation; README.md says for each what that is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "tools/bench/channel.h"
#include "tools/bench/helper.h"
#include "tools/bench/resolv.h"
#include "wire/type.h"

/* What a client has for itself as long as it lives. */
struct nd_style_client {
	struct nd_channel ch;
	const struct nd_resolv
		*resolv;          /* within the style's limits; >= 1 server, but for `system` */
	const char *host;         /* for `system` */
	struct nd_helper *helper; /* where the style has one */
	unsigned lookups;         /* begun: where `rotate` stands */
	/* glibc's memory of a stall; set from the options to start with. */
	bool one_at_a_time, reopen;
	struct nd_question q[2];
};

/* What a resolver does after a candidate name that gave no address. */
enum nd_style_next {
	ND_STYLE_TRY,  /* the next candidate */
	ND_STYLE_LAST, /* leave the search list; the name as it is, if that was not asked yet */
	ND_STYLE_STOP,
};

struct nd_style {
	const char *name, *help;
	bool helper;
	bool search_dotted; /* a name of ndots dots or more is looked for in the search list too */
	bool no_aaaa;       /* honours that option */
	uint16_t edns, edns_always; /* size in the OPT record: with option edns0; without it */
	unsigned timeout_max_s, attempts_max; /* 0: none */
	/* Asks q[n] (A and AAAA of one name, or one question) until answered or given up. */
	struct nd_outcome (*ask)(struct nd_style_client *c, size_t n);
	enum nd_style_next (*next)(struct nd_outcome how);
};

extern const struct nd_style nd_style_glibc, nd_style_parallel, nd_style_go, nd_style_musl,
	nd_style_system;

/* NULL if there is none; nd_style_at(i) gives all in turn, then NULL. */
const struct nd_style *nd_style_find(const char *name);
const struct nd_style *nd_style_at(size_t i);
/* Brings ndots, timeout and attempts into the limits that this style has. */
void nd_style_limit(const struct nd_style *s, struct nd_resolv *r);

/* How q[n] ended, as a whole: any address found is success. */
struct nd_outcome nd_style_outcome(const struct nd_question *q, size_t n);
/* The outcome for -errno of a channel. */
struct nd_outcome nd_style_failed(int err);
/* An answer to keep: the name is there, or it is not. */
static inline bool nd_style_is_usable(const struct nd_question *q)
{
	return q->rcode == ND_RCODE_NOERROR || q->rcode == ND_RCODE_NXDOMAIN;
}
