/* SPDX-License-Identifier: Apache-2.0 */
/* treebuild.h - records in any order, made into a tree.
 *
 * As CoreDNS keeps them: owners and the names in the rdata of NS, SOA, CNAME, MX, SVCB and HTTPS in
 * lower case; records that are equal are all kept; of several SOAs the last one counts; NSEC3 is
 * not supported. Difference: owners of SRV records are in lower case too.
 *
 * Owns:    heap arrays, and their bytes in the memory budget (ND_BUDGET_ZONES), until clear.
 * Errors:  ND_EFORMAT with a static message in *why; ND_ELIMIT: the budget, or 2 GiB; -ENOMEM.
 *          Sticky.
 * Threads: one at a time.
 */
#pragma once

#include "zone/tree.h"

/* A run of records of one owner. */
struct nd_treebuild_run {
	uint64_t prefix; /* nd_canon_prefix() of the labels */
	uint32_t at;     /* in the log: flags, bytes of the labels, the labels, records */
	uint32_t end;
};

struct nd_treebuild_log {
	uint8_t *bytes;
	size_t len, cap;
};

struct nd_treebuild {
	struct nd_name origin;
	struct nd_name_buf origin_buf;
	struct nd_siphash_key key;
	struct nd_treebuild_log log;  /* records in runs: type (2), bytes (2), TTL (4), rdata */
	struct nd_treebuild_log apex; /* SOA, NS and their signatures, in the same form */
	size_t soa;                   /* offset of the last SOA in apex + 1; 0: none */
	struct nd_treebuild_run *run;
	size_t n, cap;
	size_t records;
	size_t charged;
	int err;
};

/* origin: lower case. key: random. */
void nd_treebuild_init(struct nd_treebuild *b, struct nd_name origin,
		       const struct nd_siphash_key *key);
/* A cleared or zeroed one is fine. */
void nd_treebuild_clear(struct nd_treebuild *b);

/* The rdata has its names uncompressed and is valid for the type. */
int nd_treebuild_add(struct nd_treebuild *b, struct nd_name owner, uint16_t type, uint16_t class,
		     uint32_t ttl, const uint8_t *rdata, uint16_t n, const char **why);

/* Makes the tree, with one reference, and clears b. ND_EFORMAT: there is no SOA. */
int nd_treebuild_finish(struct nd_treebuild *b, struct nd_tree **out, const char **why);
