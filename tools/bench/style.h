/* SPDX-License-Identifier: Apache-2.0 */
/* style.h - the resolvers that can be imitated: a table, with a file for each.
 *
 * Written from resolv.conf(5), the documentation of glibc, musl and Go, and the queries they were
 * observed to send; README.md describes each.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "tools/bench/channel.h"
#include "tools/bench/helper.h"
#include "tools/bench/resolv.h"
#include "wire/type.h"

/* The state of one client. */
struct nd_style_client {
	struct nd_channel ch;
	const struct nd_resolv
		*resolv;          /* within the style's limits; >= 1 server, but for `system` */
	const char *host;         /* for `system` */
	struct nd_helper *helper; /* NULL if the style needs none */
	unsigned lookups;         /* started so far; `rotate` depends on it */
	/* The fallbacks of glibc after a stall; initialized from the options. */
	bool one_at_a_time, reopen;
	struct nd_question q[2];
};

/* What a resolver does after a candidate name without an address. */
enum nd_style_next {
	ND_STYLE_TRY,  /* the next candidate */
	ND_STYLE_LAST, /* end the search list; try the name as given if it was not tried yet */
	ND_STYLE_STOP,
};

struct nd_style {
	const char *name, *help;
	bool helper;
	bool search_dotted; /* uses the search list for names with ndots dots or more, too */
	bool no_aaaa;       /* honours that option */
	uint16_t edns, edns_always;           /* UDP payload size: with option edns0; without it */
	unsigned timeout_max_s, attempts_max; /* 0: none */
	/* Sends q[n] (A and AAAA of one name, or one question) until answered or given up. */
	struct nd_outcome (*ask)(struct nd_style_client *c, size_t n);
	enum nd_style_next (*next)(struct nd_outcome how);
};

extern const struct nd_style nd_style_glibc, nd_style_parallel, nd_style_go, nd_style_musl,
	nd_style_system;

/* NULL if there is none; nd_style_at(i) returns all in turn, then NULL. */
const struct nd_style *nd_style_find(const char *name);
const struct nd_style *nd_style_at(size_t i);
/* Applies this style's limits to ndots, timeout and attempts. */
void nd_style_limit(const struct nd_style *s, struct nd_resolv *r);

/* The outcome of q[n] as a whole: any address found is success. */
struct nd_outcome nd_style_outcome(const struct nd_question *q, size_t n);
/* The outcome for -errno of a channel. */
struct nd_outcome nd_style_failed(int err);
/* Whether the response answers the question: NOERROR or NXDOMAIN. */
static inline bool nd_style_is_usable(const struct nd_question *q)
{
	return q->rcode == ND_RCODE_NOERROR || q->rcode == ND_RCODE_NXDOMAIN;
}
