/* SPDX-License-Identifier: Apache-2.0 */
/* offer.h - services of a plugin for other plugins of its block, which never include it.
 *
 * Each part of an offer has one user: labels `metadata`, search domains `autopath`, zones
 * `transfer`, external names `k8s_external`. A user finds a plugin by name (nd_offer_find), or core
 * asks all plugins of the block (nd_offer_label).
 *
 * Owns:    nothing; what a call returns is valid until its RCU read-side section ends.
 * Threads: functions of an offer on workers, in an RCU read-side section; registration on the
 *          control thread.
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
	ND_OFFER_DOMAINS = 16,    /* search domains at most */
	ND_OFFER_LABEL_MAX = 256, /* bytes of a label's value that are used */
};

/* --- metadata --- */

/* The question as the client asked it, before any plugin changed it. */
struct nd_offer_asked {
	struct nd_name lower;
	uint16_t qtype;
};

/* --- autopath --- */

struct nd_offer_search {
	struct nd_name domain[ND_OFFER_DOMAINS]; /* in order; lower case; the last is the root */
	size_t n;
	struct nd_name_buf buf[ND_OFFER_DOMAINS]; /* space for names that are made */
};

/* --- walks, of k8s_external and transfer --- */

/* How far a walk has come; all zero: nothing yet. Kept by the caller between calls, otherwise the
 * walker's own: the objects before `at` are done, and a part of the one it stopped inside. */
struct nd_offer_cursor {
	uint64_t at;
	uint64_t stamp;
	uint32_t object, part, item;
	uint8_t restarts;
	bool inside;
};

/* --- k8s_external --- */

/* An external address or host of a Service. */
struct nd_offer_target {
	/* SERVICE.NAMESPACE or ENDPOINT.SERVICE.NAMESPACE, below the zone given. */
	struct nd_name key;
	uint8_t ip_len; /* 4 or 16; 0: host */
	uint8_t ip[16];
	struct nd_name host;
	int32_t port; /* -1: none */
	/* Labels (length and letters; length 0: none), for a walk only. */
	const uint8_t *port_name, *protocol;
	bool endpoint; /* of a headless Service: one of several with this name */
};

struct nd_offer_targets {
	void (*put)(void *ctx, const struct nd_offer_target *t);
	/* Asked after each address; true: no more are wanted now. NULL: all are. */
	bool (*full)(void *ctx);
	void *ctx;
};

struct nd_offer_external {
	/* Puts the targets of a name at or below zone, both lower case. headless: endpoints too.
	 * False: the name does not exist. */
	bool (*find)(const void *self, struct nd_name lower, struct nd_name zone, bool headless,
		     const struct nd_offer_targets *to);
	/* Puts the owners of an external address; key is SERVICE.NAMESPACE.ZONE. */
	void (*reverse)(const void *self, const uint8_t *ip, size_t n, struct nd_name zone,
			const struct nd_offer_targets *to);
	/* Puts this server's external addresses. */
	void (*servers)(const void *self, bool headless, const struct nd_offer_targets *to);
	/* Puts all targets, some Services per call, and stops inside a Service where `full` says
	 * so. False: those were the last. A target that remains is put at least once, perhaps twice
	 * while others are added. */
	bool (*walk)(const void *self, struct nd_name zone, bool headless,
		     struct nd_offer_cursor *at, const struct nd_offer_targets *to);
	/* Unix time of the last change. */
	uint32_t (*serial)(const void *self);
	/* The plugin's TTL, in seconds. */
	uint32_t (*ttl)(const void *self);
};

/* --- transfer --- */

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
	/* Asked at least after each address; true: no more are wanted now. */
	bool (*full)(void *ctx);
	void *ctx;
};

/* The records of a zone without its SOA. */
struct nd_offer_zone {
	/* True: the plugin is authoritative for exactly this zone; out is its SOA now. zone: lower
	 * case. */
	bool (*soa)(const void *self, struct nd_name zone, struct nd_offer_soa *out);
	/* A secondary with this serial is up to date. */
	bool (*current)(uint32_t theirs, uint32_t ours);
	/* Puts some records per call, and stops where `full` says so. False: those were the last. A
	 * record that remains is put at least once, perhaps twice while others are added. */
	bool (*walk)(const void *self, struct nd_query *q, struct nd_name zone,
		     struct nd_offer_cursor *at, const struct nd_offer_records *to);
	/* NULL, or takes a snapshot for one walk: the records are those of *out, whatever changes.
	 * False: the zone is gone. release ends it, once for each hold. */
	bool (*hold)(const void *self, struct nd_name zone, struct nd_offer_cursor *at,
		     struct nd_offer_soa *out);
	void (*release)(struct nd_offer_cursor *at);
};

struct nd_offer {
	/* Writes the value of a metadata label ("PLUGIN/NAME"), only when it is used. Returns its
	 * length, cut at cap, or -1: no such label now. nd_query_state() is the plugin's. */
	int (*label)(const void *self, struct nd_query *q, const struct nd_offer_asked *asked,
		     const char *label, char *out, size_t cap);
	/* Its labels are those of the query, not of a zone: not limited to the zones of
	 * `metadata`. */
	bool label_anywhere;

	/* The search domains of q's client. False: unknown, none. */
	bool (*search)(const void *self, const struct nd_query *q, struct nd_offer_search *out);

	const struct nd_offer_external *external;
	const struct nd_offer_zone *zone;

	/* Of transfer: the records of this zone have changed; its secondaries are notified. Control
	 * thread, from `serving` to `stop`. zone: lower case. */
	void (*notify)(void *self, struct nd_name zone);
};

/* A plugin of the same block by name; *self is its instance. NULL: not in the block. From `start`
 * on. */
const struct nd_plugin *nd_offer_find(const struct nd_setup *s, const char *name,
				      const void **self);

/* The block has `metadata`, for these zones. From its setup. */
void nd_offer_labels(struct nd_setup *s, const struct nd_name *zones, size_t n);
/* The block has `k8s_external`: the plugin with that offer keeps external addresses. From its
 * setup. */
void nd_offer_want_external(struct nd_setup *s);
/* The text has the form of a label: characters before and after a slash. */
bool nd_offer_is_label(const char *text, size_t n);
/* Writes the value of a label for q. Returns its length, cut at cap, or -1: no such label, or the
 * block has no `metadata`. A query costs nothing until this is called. */
int nd_offer_label(struct nd_query *q, const char *label, char *out, size_t cap);
