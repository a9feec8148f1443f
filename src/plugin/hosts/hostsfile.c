/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/hosts/hostsfile.h"

#include <stdlib.h>
#include <string.h>
#include "base/addr.h"
#include "base/arena.h"
#include "base/ascii.h"
#include "base/siphash.h"
#include "io/random.h"

/* One name, or one address. The key is the bytes of the name, or a byte over 63 and the bytes of
 * the address: the two never collide. */
struct node {
	struct node *next;
	uint8_t key_len;
	uint8_t key[255];
	struct list {
		void *items;
		size_t n, cap;
	} list[2]; /* names: IPv4, IPv6; addresses: names in [0] */
};

struct nd_hostsfile {
	struct nd_arena arena;
	struct node **buckets;
	size_t nbuckets, nnodes, entries;
	struct nd_siphash_key hash_key;
	const struct nd_name *zones;
	size_t nzones;
	bool reverse, full;
};

static size_t bucket(const struct nd_hostsfile *h, const uint8_t *key, size_t len)
{
	return nd_siphash(&h->hash_key, 0, key, len) & (h->nbuckets - 1);
}

static struct node *find(const struct nd_hostsfile *h, const uint8_t *key, size_t len)
{
	for (struct node *n = h->buckets[bucket(h, key, len)]; n; n = n->next)
		if (n->key_len == len && memcmp(n->key, key, len) == 0)
			return n;
	return NULL;
}

static bool grow(struct nd_hostsfile *h)
{
	size_t was = h->nbuckets;
	struct node **old = h->buckets, **grown = calloc(2 * was, sizeof *grown);

	if (!grown)
		return false;
	h->buckets = grown;
	h->nbuckets = 2 * was;
	for (size_t i = 0; i < was; i++)
		for (struct node *n = old[i], *next; n; n = next) {
			size_t b = bucket(h, n->key, n->key_len);
			next = n->next;
			n->next = grown[b];
			grown[b] = n;
		}
	free(old);
	return true;
}

static struct node *take(struct nd_hostsfile *h, const uint8_t *key, size_t len)
{
	struct node *n = find(h, key, len);

	if (n)
		return n;
	if (h->nnodes >= h->nbuckets && !grow(h))
		return NULL;
	n = nd_arena_alloc(&h->arena, offsetof(struct node, list) + sizeof n->list);
	if (!n)
		return NULL;
	memcpy(n->key, key, len);
	n->key_len = (uint8_t)len;
	size_t b = bucket(h, key, len);
	n->next = h->buckets[b];
	h->buckets[b] = n;
	h->nnodes++;
	return n;
}

static bool append(struct nd_hostsfile *h, struct list *l, const void *item, size_t size)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 1;
		void *grown = nd_arena_array(&h->arena, cap, size);
		if (!grown)
			return false;
		if (l->n)
			memcpy(grown, l->items, l->n * size);
		l->items = grown;
		l->cap = cap;
	}
	memcpy((char *)l->items + l->n++ * size, item, size);
	h->entries++;
	return true;
}

static size_t address_key(const uint8_t *address, size_t len, uint8_t key[17])
{
	key[0] = (uint8_t)(128 + len);
	memcpy(key + 1, address, len);
	return len + 1;
}

static bool in_zones(const struct nd_hostsfile *h, struct nd_name name)
{
	for (size_t i = 0; i < h->nzones; i++)
		if (nd_name_under_lower(name, h->zones[i]))
			return true;
	return false;
}

static bool add(struct nd_hostsfile *h, const uint8_t *address, size_t len, struct nd_name name)
{
	struct node *n = take(h, name.wire, name.len);
	bool wildcard = name.labels && name.wire[0] == 1 && name.wire[1] == '*';
	uint8_t key[17];

	if (!n || !append(h, &n->list[len == 16], address, len))
		return false;
	if (!h->reverse || wildcard)
		return true;
	struct node *a = take(h, key, address_key(address, len, key));
	uint8_t *wire = nd_arena_copy(&h->arena, name.wire, name.len);
	if (!a || !wire)
		return false;
	name.wire = wire;
	return append(h, &a->list[0], &name, sizeof name);
}

/* Reads the address at the start of a line; ignores a zone index (fe80::1%lo0), as CoreDNS does. */
static size_t read_address(const char *field, size_t n, uint8_t out[16])
{
	char text[ND_ADDR_TEXT_MAX];
	struct nd_addr a;
	size_t len;
	const char *zone = memchr(field, '%', n);

	if (zone)
		n = (size_t)(zone - field);
	if (n >= sizeof text)
		return 0;
	memcpy(text, field, n);
	text[n] = '\0';
	if (nd_addr_parse_ip(text, 0, &a))
		return 0;
	const uint8_t *bytes = nd_addr_bytes(&a, &len);
	memcpy(out, bytes, len);
	return len;
}

static bool parse_line(struct nd_hostsfile *h, const char *p, const char *end)
{
	uint8_t address[16];
	size_t len = 0, index = 0;

	for (;;) {
		while (p < end && nd_ascii_is_space(*p))
			p++;
		const char *field = p;
		while (p < end && !nd_ascii_is_space(*p))
			p++;
		size_t n = (size_t)(p - field);
		if (n == 0)
			return true;
		if (index++ == 0) {
			len = n <= ND_HOSTSFILE_FIELD_MAX ? read_address(field, n, address) : 0;
			if (!len)
				return true;
			continue;
		}
		struct nd_name_buf buf;
		struct nd_name name;
		if (n <= ND_HOSTSFILE_FIELD_MAX &&
		    nd_name_parse_at(field, n, NULL, true, &buf, &name) == 0 && in_zones(h, name) &&
		    !add(h, address, len, name))
			return false;
	}
}

struct nd_hostsfile *nd_hostsfile_parse(const char *text, size_t n, const struct nd_name *zones,
					size_t nzones, bool reverse)
{
	struct nd_hostsfile *h = calloc(1, sizeof *h);
	const char *p = text, *end = text + n;

	if (!h)
		return NULL;
	nd_arena_init(&h->arena, ND_HOSTSFILE_BYTES_MAX);
	nd_random_bytes(&h->hash_key, sizeof h->hash_key);
	h->zones = zones;
	h->nzones = nzones;
	h->reverse = reverse;
	h->nbuckets = 64;
	h->buckets = calloc(h->nbuckets, sizeof *h->buckets);
	bool ok = h->buckets;
	while (ok && p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *stop = newline ? newline : end;
		const char *comment = memchr(p, '#', (size_t)(stop - p));
		ok = parse_line(h, p, comment ? comment : stop);
		p = newline ? newline + 1 : end;
	}
	h->zones = NULL; /* the caller's */
	if (!ok) {
		nd_hostsfile_free(h);
		return NULL;
	}
	return h;
}

void nd_hostsfile_free(struct nd_hostsfile *h)
{
	if (!h)
		return;
	nd_arena_clear(&h->arena);
	free(h->buckets);
	free(h);
}

size_t nd_hostsfile_entries(const struct nd_hostsfile *h)
{
	return h->entries;
}

const uint8_t *nd_hostsfile_addresses(const struct nd_hostsfile *h, struct nd_name name, int family,
				      size_t *n)
{
	int i = family == 6;
	const struct node *node = find(h, name.wire, name.len);

	if (!node || !node->list[i].n) {
		struct nd_name_buf buf;
		struct nd_name wild;
		node = NULL;
		if (name.labels &&
		    nd_name_prepend("*", 1, nd_name_parent(name, 1), &buf, &wild) == 0)
			node = find(h, wild.wire, wild.len);
	}
	*n = node ? node->list[i].n : 0;
	return *n ? node->list[i].items : NULL;
}

const struct nd_name *nd_hostsfile_names(const struct nd_hostsfile *h, const uint8_t *address,
					 size_t len, size_t *n)
{
	uint8_t key[17];
	const struct node *node = find(h, key, address_key(address, len, key));

	*n = node ? node->list[0].n : 0;
	return *n ? node->list[0].items : NULL;
}
