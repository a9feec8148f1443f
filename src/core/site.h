/* SPDX-License-Identifier: Apache-2.0 */
/* site.h - server blocks: what their keys mean, and which one a question goes to.
 *
 * A site is one zone of one server block (a block with several keys makes several sites with one
 * chain). Keys: [SCHEME://]ZONE[:PORT], CIDR as reverse zones; CoreDNS's rules
 * (coredns-features 1.2).
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

struct nd_site {
	struct nd_name zone;   /* lookup name */
	const char *zone_text; /* "cluster.local." */
	const char *view;      /* "" without the view plugin */
	uint16_t key;          /* which of the block's keys this is */
	struct nd_chain *chain;
	struct nd_block *block;
};

/* One zone of a block's keys. */
struct nd_zone_key {
	struct nd_name zone;
	const char *text; /* "cluster.local." */
	enum nd_scheme scheme;
	uint16_t port;
	const struct nd_conf_token *token; /* where it stands */
};

/* One server block of the Corefile. */
struct nd_block {
	const struct nd_conf_server *conf;
	struct nd_chain chain;
	struct nd_name *zones; /* of its keys, in order; the default of every plugin's ZONES */
	size_t nzones;
	struct nd_zone_key *keys;
	size_t nkeys;
	bool other_classes;                /* has chaos, forward or proxy */
	const char *root;                  /* plugin root; "" */
	const struct nd_name *label_zones; /* plugin metadata; none: no labels */
	size_t nlabel_zones;
	bool wants_external;  /* plugin k8s_external */
	struct nd_addr *bind; /* plugin bind; none: wildcard */
	size_t nbind;
};

/* One address to listen on, with the sites it serves. */
struct nd_endpoint {
	uint16_t index; /* in its generation */
	enum nd_scheme scheme;
	bool wildcard;       /* no bind: IPv4 and IPv6 */
	struct nd_addr addr; /* port set; when wildcard, ::, and the server opens 0.0.0.0 too */
	const char *label;   /* "dns://:53", "dns://127.0.0.1:53": the `server` label of metrics */
	bool other_classes;  /* some block here takes classes but IN */
	struct nd_site **sites; /* longest zone first */
	size_t nsites;
	uint32_t hash_bits, *buckets; /* index by zone for many sites; see site.c */
	uint64_t label_counts;        /* bit n: some zone has n labels (63: or more) */
};

/* "a.test:1053", "dns://.:53", "10.0.0.0/8" to scheme, port (0: none given) and zones in the arena.
 * 0 or ND_ECONF (diag has file, line and cure). */
int nd_site_parse_key(const struct nd_conf_token *key, struct nd_arena *a, enum nd_scheme *scheme,
		      uint16_t *port, struct nd_name **zones, size_t *n, struct nd_diag *d);
/* A zone argument of a plugin ("cluster.local", "10.0.0.0/24"): as CoreDNS's
 * plugin.Host.NormalizeExact. */
int nd_site_parse_zone(const char *text, struct nd_arena *a, struct nd_name **zones, size_t *n);

/* The site for a lower-case name by longest zone; DS goes to the parent's block if that is served
 * ('.' does not count). NULL: none. */
const struct nd_site *nd_site_find(const struct nd_endpoint *e, struct nd_name lower,
				   uint16_t qtype);
/* Called once the sites are in place. */
int nd_site_index(struct nd_endpoint *e, struct nd_arena *a);
