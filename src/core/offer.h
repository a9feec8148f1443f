/* SPDX-License-Identifier: Apache-2.0 */
/* offer.h - what a plugin offers to others of its block, which never include it.
 *
 * Each part of an offer is for one taker: labels for `metadata`, a search list for `autopath`,
 * zones for `transfer`. A taker finds a plugin by name (nd_offer_find, in `start`) or asks all of
 * the block. Threads: everything here is called on workers, under the RCU read lock; nothing given
 * may be kept past the call.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "wire/name.h"

struct nd_plugin;
struct nd_query;
struct nd_setup;

enum {
	ND_OFFER_DOMAINS = 16,    /* of a search list */
	ND_OFFER_LABEL_MAX = 256, /* octets of a label's value that are read */
};

/* ---- metadata ---- */

/* What a question was when it came in, before any plugin changed it. */
struct nd_offer_asked {
	struct nd_name lower;
	uint16_t qtype;
};

/* ---- autopath ---- */

struct nd_offer_search {
	struct nd_name domain[ND_OFFER_DOMAINS]; /* in order; lower case; the last one is the root */
	size_t n;
	struct nd_name_buf buf[ND_OFFER_DOMAINS]; /* for names that are made */
};

/* ---- k8s_external ---- */

/* An address or a host outside, where something is reached. */
struct nd_offer_target {
	struct nd_name
		key;    /* SERVICE.NAMESPACE or ENDPOINT.SERVICE.NAMESPACE, below the zone given */
	uint8_t ip_len; /* 4 or 16; 0: host */
	uint8_t ip[16];
	struct nd_name host;
	int32_t port; /* -1: none given */
	/* Labels (length and letters; length 0: none), for a walk over all only. */
	const uint8_t *port_name, *protocol;
	bool endpoint; /* of a headless Service: each of its names is one of several */
};

struct nd_offer_targets {
	void (*put)(void *ctx, const struct nd_offer_target *t);
	void *ctx;
};

struct nd_offer_external {
	/* Puts what stands behind a name at or below zone, both lower case. headless: endpoints
	 * too. False: no such name. */
	bool (*find)(const void *self, struct nd_name lower, struct nd_name zone, bool headless,
		     const struct nd_offer_targets *to);
	/* Who has the address outside: key is SERVICE.NAMESPACE.ZONE. */
	void (*reverse)(const void *self, const uint8_t *ip, size_t n, struct nd_name zone,
			const struct nd_offer_targets *to);
	/* This server's own addresses outside. */
	void (*servers)(const void *self, bool headless, const struct nd_offer_targets *to);
	/* Everything, some Services a call: *at from 0 on. False: that was the last. A Service that
	 * stays is put once at least; perhaps twice while others come. */
	bool (*walk)(const void *self, struct nd_name zone, bool headless, uint64_t *at,
		     const struct nd_offer_targets *to);
	/* Unix time of the last change. */
	uint32_t (*serial)(const void *self);
	/* The plugin's own TTL, in seconds. */
	uint32_t (*ttl)(const void *self);
};

/* ---- transfer ---- */

enum { ND_OFFER_SOA_MAX = 2 * ND_NAME_MAX + 38 };

struct nd_offer_soa {
	uint32_t ttl, serial;
	uint16_t n;
	uint8_t rdata[ND_OFFER_SOA_MAX];
};

struct nd_offer_record {
	struct nd_name owner;
	uint16_t type;
	uint32_t ttl;
	const void *rdata; /* uncompressed */
	size_t n;
};

struct nd_offer_records {
	void (*put)(void *ctx, const struct nd_offer_record *r);
	void *ctx;
};

/* The contents of a zone, all but its SOA. */
struct nd_offer_zone {
	/* Is this a zone of the plugin, exactly? Then its SOA as it is now. zone: lower case. */
	bool (*soa)(const void *self, struct nd_name zone, struct nd_offer_soa *out);
	/* Does a secondary with this serial need nothing? */
	bool (*current)(uint32_t theirs, uint32_t ours);
	/* Puts some records a call, *at from 0 on. False: those were the last. What stays is put
	 * once at least; perhaps twice while other things come. */
	bool (*walk)(const void *self, struct nd_query *q, struct nd_name zone, uint64_t *at,
		     const struct nd_offer_records *to);
};

struct nd_offer {
	/* The value of a metadata label ("PLUGIN/NAME"), made only when somebody asks: its length
	 * (cut at cap) or -1, where there is no such label now. The plugin's per-query state can be
	 * asked for. */
	int (*label)(const void *self, struct nd_query *q, const struct nd_offer_asked *asked,
		     const char *label, char *out, size_t cap);
	/* Its labels say what happened to the question, and so do not keep to the zones of
	 * `metadata`. */
	bool label_anywhere;

	/* The domains that q's client searches. False: not known, nothing is searched. */
	bool (*search)(const void *self, const struct nd_query *q, struct nd_offer_search *out);

	const struct nd_offer_external *external;
	const struct nd_offer_zone *zone;
};

/* A plugin of the same block, by name. NULL: not there. In `start` or later; *self is its instance.
 */
const struct nd_plugin *nd_offer_find(const struct nd_setup *s, const char *name,
				      const void **self);

/* `metadata` stands in this block, for these zones. From its setup. */
void nd_offer_labels(struct nd_setup *s, const struct nd_name *zones, size_t n);
/* `k8s_external` stands in this block: what is outside is kept by who offers it. From its setup. */
void nd_offer_want_external(struct nd_setup *s);
/* Is this text shaped like a label: something before a slash, and something behind it? */
bool nd_offer_is_label(const char *text, size_t n);
/* The value of a label for q: its length, cut at cap, or -1 (no such label, or no `metadata` in the
 * block). On the way of a query that nobody asks a label of, nothing of this costs anything. */
int nd_offer_label(struct nd_query *q, const char *label, char *out, size_t cap);
