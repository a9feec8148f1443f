/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/hosts/hostsfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/addr.h"
#include "base/ascii.h"
#include "base/budget.h"

/* Most lines of a list are longer: "0.0.0.0 example.com". */
enum { LINE_BYTES = 24 };

/* The line being read. */
struct line {
	size_t fields;   /* complete ones */
	bool skip;       /* the rest is a comment, or the line has no valid address */
	bool oversized;  /* so is the field being read */
	uint8_t key[17]; /* of the address */
	uint8_t key_len;
	uint32_t record;    /* of the address; 0: not in the table yet */
	size_t pending_len; /* of the field, while it continues in the next piece of the text */
	char pending[ND_HOSTSFILE_FIELD_MAX];
};

struct nd_hostsfile {
	struct nd_hoststable table;
	size_t entries;
	bool reverse, wildcards;
	const struct nd_name *zones;
	size_t nzones;
	struct line line;
};

/* --- reading --- */

static bool in_zones(const struct nd_hostsfile *h, struct nd_name name)
{
	for (size_t i = 0; i < h->nzones; i++)
		if (nd_name_under_lower(name, h->zones[i]))
			return true;
	return false;
}

static size_t address_key(const uint8_t *address, size_t len, uint8_t key[17])
{
	key[0] = (uint8_t)(ND_HOSTSTABLE_ADDRESS + len);
	memcpy(key + 1, address, len);
	return len + 1;
}

static void add_entry(struct nd_hostsfile *h, struct nd_name name)
{
	struct nd_hoststable *t = &h->table;
	struct line *l = &h->line;
	bool wildcard = name.labels && name.wire[0] == 1 && name.wire[1] == '*';

	if (!l->record)
		l->record = nd_hoststable_add(t, l->key, l->key_len);
	uint32_t record = l->record ? nd_hoststable_add(t, name.wire, name.len) : 0;
	if (!record || !nd_hoststable_append(t, record, l->record))
		return;
	h->entries++;
	h->wildcards |= wildcard;
	if (h->reverse && !wildcard)
		h->entries += nd_hoststable_append(t, l->record, record);
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
	if (strlen(text) != n || nd_addr_parse_ip(text, 0, &a))
		return 0;
	const uint8_t *bytes = nd_addr_bytes(&a, &len);
	memcpy(out, bytes, len);
	return len;
}

static void end_field(struct nd_hostsfile *h, const char *field, size_t n)
{
	struct line *l = &h->line;
	bool oversized = l->oversized || n > ND_HOSTSFILE_FIELD_MAX;
	struct nd_name_buf buf;
	struct nd_name name;
	uint8_t address[16];

	l->oversized = false;
	l->pending_len = 0;
	if (l->fields++ == 0) {
		size_t len = oversized ? 0 : read_address(field, n, address);
		l->skip = len == 0;
		if (len)
			l->key_len = (uint8_t)address_key(address, len, l->key);
		l->record = 0;
		return;
	}
	if (!oversized && nd_name_parse_at(field, n, NULL, true, &buf, &name) == 0 &&
	    in_zones(h, name))
		add_entry(h, name);
}

/* The field continues in the next piece. */
static void keep_field(struct line *l, const char *field, size_t n)
{
	if (n > sizeof l->pending - l->pending_len)
		l->oversized = true;
	else if (!l->oversized)
		memcpy(l->pending + l->pending_len, field, n);
	if (!l->oversized)
		l->pending_len += n;
}

static void end_pending(struct nd_hostsfile *h)
{
	if (h->line.pending_len || h->line.oversized)
		end_field(h, h->line.pending, h->line.pending_len);
}

/* Reads one field, or as much of it as there is; returns where it ends. */
static const char *take_field(struct nd_hostsfile *h, const char *p, const char *end)
{
	const char *field = p;

	while (p < end && !nd_ascii_is_space(*p) && *p != '#')
		p++;
	size_t n = (size_t)(p - field);
	if (p < end && !h->line.pending_len && !h->line.oversized) {
		end_field(h, field, n);
		return p;
	}
	keep_field(&h->line, field, n);
	if (p < end)
		end_pending(h);
	return p;
}

int nd_hostsfile_add(struct nd_hostsfile *h, const char *text, size_t n)
{
	struct line *l = &h->line;
	const char *p = text, *end = text + n;

	while (p < end && !h->table.err) {
		if (l->skip) {
			p = memchr(p, '\n', (size_t)(end - p));
			if (!p)
				break;
		}
		if (!nd_ascii_is_space(*p) && *p != '#') {
			p = take_field(h, p, end);
			continue;
		}
		end_pending(h);
		if (*p == '\n')
			l->fields = 0;
		l->skip = *p == '\n' ? false : l->skip || *p == '#';
		p++;
	}
	return h->table.err;
}

int nd_hostsfile_end(struct nd_hostsfile *h)
{
	end_pending(h);
	h->zones = NULL; /* the caller's */
	h->nzones = 0;
	nd_hoststable_trim(&h->table);
	return h->table.err;
}

size_t nd_hostsfile_limit(void)
{
	uint64_t half = nd_budget_ceiling(ND_BUDGET_HOSTS) / 2;

	return half < ND_HOSTSFILE_BYTES_MAX ? (size_t)half : ND_HOSTSFILE_BYTES_MAX;
}

struct nd_hostsfile *nd_hostsfile_new(const struct nd_name *zones, size_t nzones, bool reverse,
				      uint64_t bytes)
{
	struct nd_hostsfile *h = calloc(1, sizeof *h);
	size_t max = nd_hostsfile_limit();

	if (!h)
		return NULL;
	/* A file can be much longer than what it adds to the table: comments, other zones. */
	if (bytes > max)
		bytes = max;
	nd_hoststable_init(&h->table, max, bytes / LINE_BYTES);
	h->zones = zones;
	h->nzones = nzones;
	h->reverse = reverse;
	return h;
}

void nd_hostsfile_free(struct nd_hostsfile *h)
{
	if (!h)
		return;
	nd_hoststable_clear(&h->table);
	free(h);
}

struct nd_hostsfile *nd_hostsfile_parse(const char *text, size_t n, const struct nd_name *zones,
					size_t nzones, bool reverse)
{
	struct nd_hostsfile *h = nd_hostsfile_new(zones, nzones, reverse, n);

	if (!h)
		return NULL;
	int err = nd_hostsfile_add(h, text, n);
	if (!err)
		err = nd_hostsfile_end(h);
	if (!err)
		return h;
	nd_hostsfile_free(h);
	return NULL;
}

/* --- looking up --- */

size_t nd_hostsfile_entries(const struct nd_hostsfile *h)
{
	return h->entries;
}

/* address: as in struct nd_hostsfile_list. */
static struct nd_hostsfile_list find(const struct nd_hostsfile *h, const uint8_t *key, size_t len,
				     uint8_t address)
{
	uint32_t record = nd_hoststable_find(&h->table, key, len);

	return (struct nd_hostsfile_list){
		.file = h,
		.items = nd_hoststable_items(&h->table, record),
		.address = address,
	};
}

struct nd_hostsfile_list nd_hostsfile_addresses(const struct nd_hostsfile *h, struct nd_name name,
						int family)
{
	uint8_t address = family == 6 ? 16 : 4;
	struct nd_hostsfile_list exact = find(h, name.wire, name.len, address), first = exact;
	struct nd_name_buf buf;
	struct nd_name wild;

	if (!h->wildcards || nd_hostsfile_next(&first) || !name.labels ||
	    nd_name_prepend("*", 1, nd_name_parent(name, 1), &buf, &wild))
		return exact;
	return find(h, wild.wire, wild.len, address);
}

struct nd_hostsfile_list nd_hostsfile_names(const struct nd_hostsfile *h, const uint8_t *address,
					    size_t len)
{
	uint8_t key[17];

	return find(h, key, address_key(address, len, key), 0);
}

const uint8_t *nd_hostsfile_next(struct nd_hostsfile_list *l)
{
	const uint8_t *key;

	do
		key = nd_hoststable_next(&l->file->table, &l->items);
	while (key && l->address && *key != ND_HOSTSTABLE_ADDRESS + l->address);
	return key && l->address ? key + 1 : key;
}
