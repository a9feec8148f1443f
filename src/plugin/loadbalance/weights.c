/* SPDX-License-Identifier: Apache-2.0 */
/* The weight file: its lines, and the table that they make. */
#include "plugin/loadbalance/weights.h"

#include <stdlib.h>
#include <string.h>
#include "base/addr.h"
#include "base/arena.h"
#include "base/array.h"

struct row {
	const uint8_t *name; /* lower case; in the arena */
	uint32_t place;      /* in the file */
	uint8_t name_len, address_len, weight;
	uint8_t address[16];
};

/* By name; those of a name in the order of the file, so the first one of an address counts. */
struct nd_weights {
	struct nd_arena arena;
	struct row *row;
	size_t n, cap;
};

struct parser {
	struct nd_weights *w;
	const char *path;
	struct nd_diag *d;
	struct nd_name_buf buf;
	struct nd_name domain; /* of the next addresses; len 0: none yet */
	const uint8_t *stored; /* the same in the arena; NULL: no address needed it */
};

static int compare(const struct row *r, const uint8_t *name, size_t len)
{
	int order = (r->name_len > len) - (r->name_len < len);

	return order ? order : memcmp(r->name, name, len);
}

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = compare(x, y->name, y->name_len);

	return order ? order : (x->place > y->place) - (x->place < y->place);
}

static int read_domain(struct parser *p, const char *word)
{
	struct nd_addr a;

	if (nd_addr_parse_ip(word, 0, &a) == 0)
		return nd_diag_at(p->d, NULL, 0,
				  "plugin/loadbalance: wrong domain name:\"%.255s\" in weight file "
				  "%.255s. (Maybe a missing weight value?)",
				  word, p->path);
	if (nd_name_parse(word, true, &p->buf, &p->domain))
		return nd_diag_at(p->d, NULL, 0,
				  "plugin/loadbalance: wrong domain name:\"%.255s\" in weight file "
				  "%.255s",
				  word, p->path);
	p->stored = NULL;
	return 0;
}

static bool store_domain(struct parser *p)
{
	uint8_t *to = p->stored ? NULL : nd_arena_alloc(&p->w->arena, p->domain.len);

	if (to)
		p->stored = memcpy(to, p->domain.wire, p->domain.len);
	return p->stored;
}

static int add(struct parser *p, struct row r)
{
	struct nd_weights *w = p->w;
	struct row *row = nd_array_grow(w->row, &w->cap, w->n + 1, sizeof *row);

	if (row)
		w->row = row;
	if (!row || !store_domain(p))
		return nd_diag_at(p->d, NULL, 0, "plugin/loadbalance: out of memory");
	r.name = p->stored;
	r.place = (uint32_t)w->n;
	row[w->n++] = r;
	return 0;
}

static int read_address(struct parser *p, const char *word, const char *number)
{
	struct row r = { .name_len = p->domain.len };
	struct nd_addr a;
	char *end;
	size_t n;

	if (nd_addr_parse_ip(word, 0, &a))
		return nd_diag_at(p->d, NULL, 0,
				  "plugin/loadbalance: wrong IP address:\"%.255s\" in weight file "
				  "%.255s",
				  word, p->path);
	unsigned long weight = strtoul(number, &end, 10);
	if (number[0] < '0' || number[0] > '9' || *end || weight < 1 || weight > 255)
		return nd_diag_at(p->d, NULL, 0,
				  "plugin/loadbalance: wrong weight value:\"%.255s\" in weight file "
				  "%.255s",
				  number, p->path);
	if (!p->domain.len)
		return nd_diag_at(p->d, NULL, 0,
				  "plugin/loadbalance: missing domain name in weight file %.255s",
				  p->path);
	const uint8_t *bytes = nd_addr_bytes(&a, &n);
	memcpy(r.address, bytes, n);
	r.address_len = (uint8_t)n;
	r.weight = (uint8_t)weight;
	return add(p, r);
}

static int read_line(struct parser *p, char *line)
{
	static const char blank[] = " \t\r\v\f";
	char *rest, *first = strtok_r(line, blank, &rest);
	char *second = first ? strtok_r(NULL, blank, &rest) : NULL;

	if (!first || first[0] == '#')
		return 0;
	if (!second)
		return read_domain(p, first);
	if (strtok_r(NULL, blank, &rest))
		return nd_diag_at(p->d, NULL, 0,
				  "plugin/loadbalance: could not parse weight line:\"%.255s %.255s "
				  "...\" in weight file %.255s",
				  first, second, p->path);
	return read_address(p, first, second);
}

struct nd_weights *nd_weights_parse(char *text, const char *path, struct nd_diag *d)
{
	struct parser p = { .w = calloc(1, sizeof *p.w), .path = path, .d = d };
	char *line;

	if (!p.w)
		return NULL;
	nd_arena_init(&p.w->arena, 8 * ND_WEIGHTS_BYTES_MAX);
	while ((line = strsep(&text, "\n")))
		if (read_line(&p, line)) {
			nd_weights_free(p.w);
			return NULL;
		}
	if (p.w->n)
		qsort(p.w->row, p.w->n, sizeof *p.w->row, compare_rows);
	return p.w;
}

void nd_weights_free(struct nd_weights *w)
{
	if (!w)
		return;
	nd_arena_clear(&w->arena);
	free(w->row);
	free(w);
}

/* The first row of the name, or the place where it would be. */
static size_t find(const struct nd_weights *w, struct nd_name lower)
{
	size_t from = 0, to = w->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;
		if (compare(&w->row[mid], lower.wire, lower.len) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

unsigned nd_weights_of(const struct nd_weights *w, struct nd_name lower, const uint8_t *address,
		       size_t len)
{
	if (!w)
		return 1;
	for (size_t i = find(w, lower); i < w->n; i++) {
		const struct row *r = &w->row[i];
		if (compare(r, lower.wire, lower.len))
			break;
		if (r->address_len == len && memcmp(r->address, address, len) == 0)
			return r->weight;
	}
	return 1;
}
