/* SPDX-License-Identifier: Apache-2.0 */
#include "core/site.h"

#include <stdlib.h>
#include <string.h>
#include "base/hash.h"
#include "core/worker.h"
#include "wire/type.h"

static const struct {
	const char *prefix;
	enum nd_scheme scheme;
} schemes[] = {
	{ "dns://", ND_SCHEME_DNS },     { "tls://", ND_SCHEME_TLS },
	{ "quic://", ND_SCHEME_QUIC },   { "grpc://", ND_SCHEME_GRPC },
	{ "https://", ND_SCHEME_HTTPS }, { "https3://", ND_SCHEME_HTTPS3 },
};

const char *const nd_site_scheme_text[] = { "dns", "tls", "quic", "grpc", "https", "https3" };

static int add_name(struct nd_arena *a, struct nd_name name, struct nd_name *out)
{
	uint8_t *wire = nd_arena_copy(a, name.wire, name.len);

	if (!wire)
		return ND_ELIMIT;
	*out = (struct nd_name){ .wire = wire, .len = name.len, .labels = name.labels };
	return 0;
}

/* A network as reverse zones: one if its length is a whole number of bytes (IPv4) or nibbles
 * (IPv6), else as many as cover it. */
static int reverse_zones(const struct nd_cidr *net, struct nd_arena *a, struct nd_name **zones,
			 size_t *n)
{
	unsigned step = net->len == 4 ? 8 : 4;
	unsigned whole = (net->bits + step - 1) / step; /* labels kept */
	unsigned spare = whole * step - net->bits;      /* bits that vary in the last one */
	size_t count = (size_t)1 << spare;

	*zones = nd_arena_array(a, count, sizeof **zones);
	if (!*zones)
		return ND_ELIMIT;
	for (size_t i = 0; i < count; i++) {
		struct nd_cidr one = *net;
		struct nd_name_buf buf;
		if (whole) {
			unsigned shift = step == 8 || whole % 2 == 0 ? 0 : 4;
			one.bytes[(whole * step - 1) / 8] |= (uint8_t)(i << shift);
		}
		struct nd_name full = nd_name_from_address(one.bytes, one.len, &buf);
		struct nd_name zone = nd_name_parent(full, one.len * 8u / step - whole);
		int err = add_name(a, zone, &(*zones)[i]);
		if (err)
			return err;
	}
	*n = count;
	return 0;
}

int nd_site_parse_zone(const char *text, struct nd_arena *a, struct nd_name **zones, size_t *n)
{
	struct nd_cidr net;
	struct nd_name_buf buf;
	struct nd_name name;

	if (strchr(text, '/') && nd_cidr_parse(text, &net) == 0)
		return reverse_zones(&net, a, zones, n);
	int err = nd_name_parse(text, true, &buf, &name);
	if (err)
		return err;
	*zones = nd_arena_array(a, 1, sizeof **zones);
	if (!*zones)
		return ND_ELIMIT;
	*n = 1;
	return add_name(a, name, *zones);
}

/* Removes ":53" at the end if that is a port; anything else after a colon stays part of the name,
 * which CoreDNS accepts. Returns the length without it. */
static size_t split_port(const char *text, uint16_t *port)
{
	size_t len = strlen(text);
	const char *colon = strrchr(text, ':');
	char *end;

	*port = 0;
	if (!colon || !colon[1])
		return colon ? len - 1 : len;
	unsigned long v = strtoul(colon + 1, &end, 10);
	if (*end || colon[1] < '0' || colon[1] > '9' || v == 0 || v > 65535)
		return len;
	/* The last group of an IPv6 network is not a port. */
	const char *slash = strchr(text, '/');
	if (slash && slash > colon)
		return len;
	*port = (uint16_t)v;
	return (size_t)(colon - text);
}

int nd_site_parse_key(const struct nd_conf_token *key, struct nd_arena *a, enum nd_scheme *scheme,
		      uint16_t *port, struct nd_name **zones, size_t *n, struct nd_diag *d)
{
	const char *text = key->text;

	*scheme = ND_SCHEME_DNS;
	for (size_t i = 0; i < ND_COUNT(schemes); i++) {
		size_t len = strlen(schemes[i].prefix);
		if (strncmp(text, schemes[i].prefix, len) == 0) {
			*scheme = schemes[i].scheme;
			text += len;
			break;
		}
	}
	size_t len = split_port(text, port);
	char *zone = nd_arena_text(a, len ? text : ".", len ? len : 1);
	if (!zone)
		return ND_ELIMIT;
	if (nd_site_parse_zone(zone, a, zones, n))
		return nd_diag_invalid(d, key->file, key->line, "", "zone", key->text,
				       "[SCHEME://]ZONE[:PORT], like \"example.org:53\" or "
				       "\"10.0.0.0/24\"");
	return 0;
}

/* --- choosing the site of a question --- */

/* Unkeyed: only the zones of the Corefile are in the table, so its longest run does not depend on
 * clients. */
static uint32_t bucket_of(const struct nd_endpoint *e, struct nd_name name)
{
	uint64_t h = nd_hash_mix(nd_hash_add(ND_HASH_START, name.wire, name.len));
	return (uint32_t)(h >> (64 - e->hash_bits));
}

/* Adds site i: to the sites of its zone, or as the first of them. */
static void add_site(struct nd_endpoint *e, uint32_t i, uint32_t mask)
{
	uint32_t b = bucket_of(e, e->sites[i]->zone);

	for (; e->buckets[b]; b = (b + 1) & mask) {
		struct nd_site *s = e->sites[e->buckets[b] - 1];
		if (!nd_name_same(s->zone, e->sites[i]->zone))
			continue;
		while (s->next)
			s = s->next;
		s->next = e->sites[i];
		e->sites[i]->repeats = true;
		return;
	}
	e->buckets[b] = i + 1;
}

int nd_site_index(struct nd_endpoint *e, struct nd_arena *a)
{
	e->hash_bits = 3;
	while (((size_t)1 << e->hash_bits) < 2 * e->nsites)
		e->hash_bits++;
	uint32_t mask = ((uint32_t)1 << e->hash_bits) - 1;
	e->buckets = nd_arena_array(a, (size_t)mask + 1, sizeof *e->buckets);
	if (!e->buckets)
		return ND_ELIMIT;
	e->label_counts = 0;
	e->other_classes = false;
	for (uint32_t i = 0; i < e->nsites; i++) {
		struct nd_name zone = e->sites[i]->zone;
		add_site(e, i, mask);
		e->label_counts |= (uint64_t)1 << (zone.labels < 63 ? zone.labels : 63);
		e->other_classes |= e->sites[i]->block->other_classes;
	}
	const struct nd_site *first = e->sites[0];
	bool all = e->nsites == 1 && first->zone.len == 1 && !first->chain->empty;
	e->only = all && !first->block->filter ? first : NULL;
	return 0;
}

static const struct nd_site *find_zone(const struct nd_endpoint *e, struct nd_name name)
{
	uint32_t mask = ((uint32_t)1 << e->hash_bits) - 1;

	for (uint32_t b = bucket_of(e, name); e->buckets[b]; b = (b + 1) & mask) {
		const struct nd_site *s = e->sites[e->buckets[b] - 1];
		if (nd_name_same(s->zone, name))
			return s;
	}
	return NULL;
}

/* The filter sees q as if its block were chosen: labels are those of that block. */
static bool accepts(const struct nd_site *s, struct nd_query *q)
{
	const struct nd_block *b = s->block;

	if (ND_LIKELY(!b->filter))
		return true;
	bool locks = q->worker->running == 0;
	q->site = s;
	q->run.chain = s->chain;
	q->run.at = (uint16_t)(b->filter_link + 1);
	if (locks)
		nd_worker_rcu_lock(q->worker);
	bool accepted = b->filter(s->chain->link[b->filter_link].self, q);
	if (locks)
		nd_worker_rcu_unlock(q->worker);
	q->run.at = 0;
	q->run.state_set = 0; /* states of this chain */
	q->run.more_states = NULL;
	return accepted;
}

/* The first, or the last, of a zone's sites that accepts q. *ends: one without plugins is before
 * it. */
static const struct nd_site *choose(const struct nd_site *s, struct nd_query *q, bool last,
				    bool *ends)
{
	const struct nd_site *found = NULL;

	for (; s && (last || !found); s = s->next) {
		if (s->chain->empty) {
			*ends = true;
			return NULL;
		}
		if (accepts(s, q))
			found = s;
	}
	return found;
}

/* The root zone comes last; its blocks without plugins are not met. */
static const struct nd_site *choose_root(const struct nd_endpoint *e, struct nd_query *q)
{
	const struct nd_site *s = e->label_counts & 1 ? find_zone(e, nd_name_root) : NULL;

	while (s && (s->chain->empty || !accepts(s, q)))
		s = s->next;
	return s;
}

const struct nd_site *nd_site_find(struct nd_query *q)
{
	const struct nd_endpoint *e = q->endpoint;
	struct nd_name lower = q->msg.qname;
	const struct nd_site *found = NULL;
	bool ends = false;

	/* The usual case: one block, for everything. */
	if (ND_LIKELY(e->only))
		return e->only;
	/* DS is in the parent zone: CoreDNS continues to the shortest zone that it serves. */
	bool ds = q->msg.qtype == ND_TYPE_DS && nd_msg_opcode(&q->msg) == ND_OPCODE_QUERY;
	for (unsigned n = lower.labels; n > 0 && !ends && (ds || !found); n--) {
		if (!(e->label_counts >> (n < 63 ? n : 63) & 1))
			continue;
		const struct nd_site *s = choose(find_zone(e,
							   nd_name_parent(lower, lower.labels - n)),
						 q, ds, &ends);
		found = s ? s : found;
	}
	if (ends)
		return NULL;
	return found ? found : choose_root(e, q);
}
