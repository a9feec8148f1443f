/* SPDX-License-Identifier: Apache-2.0 */
/* site.h - server blocks: their keys, and which block a question goes to.
 *
 * A site is one zone of one server block; a block with several keys makes several sites with one
 * chain. Keys: [SCHEME://]ZONE[:PORT], a CIDR as its reverse zones, by CoreDNS's rules.
 *
 * Owns:    nothing; all of it is in the generation's arena.
 * Threads: built on the control thread, then read by all workers.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/arena.h"
#include "conf/corefile.h"
#include "core/chain.h"
#include "wire/name.h"

enum nd_scheme {
	ND_SCHEME_DNS,
	ND_SCHEME_TLS,
	ND_SCHEME_QUIC,
	ND_SCHEME_GRPC,
	ND_SCHEME_HTTPS,
	ND_SCHEME_HTTPS3
};

extern const char *const nd_site_scheme_text[]; /* by enum nd_scheme: "dns", "tls", ... */

struct nd_site {
	struct nd_name zone;   /* lower case */
	const char *zone_text; /* "cluster.local." */
	uint16_t key;          /* index in the block's keys */
	bool repeats;          /* a site before it has the same zone */
	struct nd_site *next;  /* the next one with the same zone */
	struct nd_chain *chain;
	struct nd_block *block;
};

/* One zone of a block's keys. */
struct nd_zone_key {
	struct nd_name zone;
	const char *text; /* "cluster.local." */
	enum nd_scheme scheme;
	uint16_t port;
	const struct nd_conf_token *token; /* its place in the Corefile */
};

/* Of TCP connections (plugin timeouts). 0: not set in the block. */
struct nd_conn_limits {
	uint64_t read_ns;  /* the first question */
	uint64_t idle_ns;  /* the next one, after the last one or its answer */
	uint64_t write_ns; /* unread answers, until the client has read some */
	int64_t queries;   /* taken from one connection; -1: any number */
};

/* One server block of the Corefile. */
struct nd_block {
	const struct nd_conf_server *conf;
	struct nd_chain chain;
	struct nd_name *zones; /* of its keys, in order; the default for every plugin's ZONES */
	size_t nzones;
	struct nd_zone_key *keys;
	size_t nkeys;
	const char *view; /* plugin view: its name; "" */
	/* It takes only queries for which this is true; NULL: all. */
	bool (*filter)(const void *self, struct nd_query *q);
	uint16_t filter_link;              /* whose filter it is */
	bool other_classes;                /* nd_setup_other_classes() */
	const char *root;                  /* plugin root; "" */
	const struct nd_name *label_zones; /* plugin metadata; none: no labels */
	size_t nlabel_zones;
	bool wants_external;  /* plugin k8s_external */
	struct nd_addr *bind; /* plugin bind; none: wildcard */
	size_t nbind;
	struct nd_conn_limits limits;
};

/* An address of an endpoint. */
struct nd_listen {
	struct nd_addr addr;
	bool optional; /* the machine may not have the address or its family */
};

/* One address to listen on, with the sites it serves. 0.0.0.0 and :: are both families, as in Go,
 * unless another endpoint has the other one. */
struct nd_endpoint {
	uint16_t index; /* in its generation */
	enum nd_scheme scheme;
	bool wildcard;                  /* no bind */
	struct nd_addr addr;            /* with port; wildcard: :: */
	const struct nd_listen *listen; /* what it listens on */
	size_t nlisten;
	struct nd_conn_limits limits; /* of each, the last that a block sets, or the default */
	const char *label;  /* "dns://:53", "dns://127.0.0.1:53": the `server` label of metrics */
	bool other_classes; /* some block here accepts classes other than IN */
	struct nd_site **sites; /* in the order of the Corefile */
	size_t nsites;
	const struct nd_site *only;   /* every query goes to this one; NULL: look */
	uint32_t hash_bits, *buckets; /* index by zone; site.c */
	uint64_t label_counts;        /* bit n: some zone has n labels (63: or more) */
};

/* Parses "a.test:1053", "dns://.:53", "10.0.0.0/8" to scheme, port (0: none given) and zones in the
 * arena. 0, ND_ELIMIT, or ND_ECONF with a message. */
int nd_site_parse_key(const struct nd_conf_token *key, struct nd_arena *a, enum nd_scheme *scheme,
		      uint16_t *port, struct nd_name **zones, size_t *n, struct nd_diag *d);
/* Parses a zone argument of a plugin ("cluster.local", "10.0.0.0/24"), like CoreDNS's
 * plugin.Host.NormalizeExact. */
int nd_site_parse_zone(const char *text, struct nd_arena *a, struct nd_name **zones, size_t *n);

/* The site of q's endpoint for q: of the longest zone that contains the name, the first one whose
 * block's filter accepts q; if there is none, that of the next shorter zone. DS: of the parent
 * zone, if that is served too (the root zone does not count), and of several that accept it the
 * last one. NULL: none, or a block without plugins is met. q->run.chain is undefined then. On q's
 * worker. */
const struct nd_site *nd_site_find(struct nd_query *q);
/* Builds the index once all sites are in place. 0 or ND_ELIMIT. */
int nd_site_index(struct nd_endpoint *e, struct nd_arena *a);
