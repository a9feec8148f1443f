/* SPDX-License-Identifier: Apache-2.0 */
/* treefill.c - the last step of a build: sorts the runs, and writes nodes, order and hash table. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/budget.h"
#include "base/err.h"
#include "wire/reader.h"
#include "wire/type.h"
#include "zone/canon.h"
#include "zone/treebuild_parts.h"

enum { LEVELS = ND_NAME_MAX / 2 + 2 };

struct record {
	uint32_t at; /* in its log */
	uint16_t type;
};

struct offsets {
	uint32_t *at;
	size_t n, cap; /* cap: bytes */
};

struct fill {
	struct nd_treebuild *b;
	struct nd_treebuild_log out;
	struct offsets order, empty; /* nodes with records; empty non-terminals */
	uint32_t n_in;
	struct record *record; /* of the node that is written */
	size_t nrecords, records_cap;
	const uint8_t *last; /* labels of the node before, in the zone; NULL: none yet */
	uint8_t last_n;
	bool covered[LEVELS]; /* by level below the origin: that name on the path to `last` is a
			       * cut, has a DNAME, or is below one */
};

/* --- sorting --- */

static int compare_runs(const void *left, const void *right, void *ctx)
{
	const struct nd_treebuild_run *a = left, *b = right;
	const uint8_t *log = ctx, *p = log + a->at, *q = log + b->at;

	if (p[0] != q[0])
		return (int)p[0] - (int)q[0]; /* those outside of the zone come last */
	if (a->prefix != b->prefix)
		return a->prefix < b->prefix ? -1 : 1;
	int c = nd_canon_compare(p + ND_TREE_HEAD, p[1], q + ND_TREE_HEAD, q[1]);
	if (c)
		return c;
	return a->at < b->at ? -1 : a->at > b->at;
}

static void sort_runs(struct nd_treebuild *b)
{
	for (size_t i = 1; i < b->n; i++) {
		if (compare_runs(&b->run[i - 1], &b->run[i], b->log.bytes) > 0) {
			qsort_r(b->run, b->n, sizeof *b->run, compare_runs, b->log.bytes);
			return;
		}
	}
}

static bool same_owner(const struct nd_treebuild *b, size_t i, size_t j)
{
	const uint8_t *p = b->log.bytes + b->run[i].at, *q = b->log.bytes + b->run[j].at;

	return p[0] == q[0] && p[1] == q[1] &&
	       memcmp(p + ND_TREE_HEAD, q + ND_TREE_HEAD, p[1]) == 0;
}

/* --- the records of a node --- */

static uint16_t read16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static int gather(struct fill *f, const uint8_t *log, size_t at, size_t end)
{
	while (at < end) {
		struct record *grown = nd_treebuild_grow(f->b, f->record, &f->records_cap,
							 (f->nrecords + 1) * sizeof *f->record);
		if (!grown)
			return f->b->err;
		f->record = grown;
		f->record[f->nrecords++] = (struct record){ .at = (uint32_t)at,
							    .type = read16(log + at) };
		at += ND_TREEBUILD_RECORD + (size_t)read16(log + at + 2);
	}
	return 0;
}

static int compare_records(const void *left, const void *right)
{
	const struct record *a = left, *b = right;

	if (a->type != b->type)
		return (int)a->type - (int)b->type;
	return a->at < b->at ? -1 : a->at > b->at;
}

static void sort_records(struct fill *f)
{
	for (size_t i = 1; i < f->nrecords; i++) {
		if (compare_records(&f->record[i - 1], &f->record[i]) > 0) {
			qsort(f->record, f->nrecords, sizeof *f->record, compare_records);
			return;
		}
	}
}

/* The set of record i and those of its type after it. Returns the index after the set; 0: an
 * error. */
static size_t write_set(struct fill *f, const uint8_t *log, size_t i)
{
	uint16_t type = f->record[i].type;
	size_t head = f->out.len, n = i;

	if (!nd_treebuild_room(f->b, &f->out, ND_TREE_SET_HEAD))
		return 0;
	for (; n < f->nrecords && f->record[n].type == type; n++) {
		const uint8_t *from = log + f->record[n].at;
		uint16_t len = read16(from + 2);
		uint8_t *to = nd_treebuild_room(f->b, &f->out, ND_TREE_RR_HEAD + (size_t)len);
		if (!to)
			return 0;
		memcpy(to, from + 4, 4);
		memcpy(to + 4, &len, 2);
		memcpy(to + ND_TREE_RR_HEAD, from + ND_TREEBUILD_RECORD, len);
	}
	uint32_t size = (uint32_t)(f->out.len - head - ND_TREE_SET_HEAD);
	if (n == f->nrecords)
		size |= ND_TREE_LAST;
	memcpy(f->out.bytes + head, &type, 2);
	memcpy(f->out.bytes + head + 2, &size, 4);
	return n;
}

static bool has_type(const struct fill *f, uint16_t type)
{
	for (size_t i = 0; i < f->nrecords && f->record[i].type <= type; i++)
		if (f->record[i].type == type)
			return true;
	return false;
}

/* Writes a node with the gathered records. */
static int write_node(struct fill *f, uint8_t flags, const uint8_t *labels, uint8_t n,
		      const uint8_t *log)
{
	uint8_t *p = nd_treebuild_room(f->b, &f->out, ND_TREE_HEAD + (size_t)n);

	if (!p)
		return f->b->err;
	p[0] = flags;
	p[1] = n;
	if (n)
		memcpy(p + ND_TREE_HEAD, labels, n);
	for (size_t i = 0; i < f->nrecords;) {
		i = write_set(f, log, i);
		if (!i)
			return f->b->err;
	}
	return 0;
}

/* --- nodes --- */

static int note(struct fill *f, struct offsets *o, size_t at)
{
	uint32_t *grown = nd_treebuild_grow(f->b, o->at, &o->cap, (o->n + 1) * sizeof *o->at);

	if (!grown)
		return f->b->err;
	o->at = grown;
	o->at[o->n++] = (uint32_t)at;
	return 0;
}

/* An empty non-terminal: the last n bytes of the name at `end`. */
static int write_empty(struct fill *f, size_t end, uint8_t n)
{
	uint32_t name = (uint32_t)(end - n);
	size_t at = f->out.len;
	uint8_t *p = nd_treebuild_room(f->b, &f->out, ND_TREE_EMPTY_BYTES);

	if (!p)
		return f->b->err;
	p[0] = ND_TREE_EMPTY;
	p[1] = n;
	memcpy(p + ND_TREE_HEAD, &name, 4);
	return note(f, &f->empty, at);
}

/* The names between a node of the zone and the last name that it shares with the node before have
 * no records: they would be between the two. `at`: the node's offset. */
static int write_empties(struct fill *f, size_t at, const uint8_t *labels, uint8_t n)
{
	unsigned level = nd_canon_labels(labels, n);
	unsigned common = f->last ? nd_canon_common(f->last, f->last_n, labels, n) : 0;
	size_t end = at + ND_TREE_HEAD + n;
	const uint8_t *p = labels;
	int err = 0;

	/* From the longest name to the shortest. */
	for (unsigned l = level; l-- > common && !err;) {
		p += 1u + *p;
		if (l > common || !f->last)
			err = write_empty(f, end, (uint8_t)(n - (size_t)(p - labels)));
	}
	return err;
}

/* Which names on the path to this node are covered; returns its flags. */
static uint8_t cover(struct fill *f, const uint8_t *labels, uint8_t n)
{
	unsigned level = nd_canon_labels(labels, n);
	unsigned common = f->last ? nd_canon_common(f->last, f->last_n, labels, n) : 0;
	bool cut = has_type(f, ND_TYPE_NS), dname = has_type(f, ND_TYPE_DNAME);
	uint8_t flags = (uint8_t)((cut ? ND_TREE_CUT : 0) | (dname ? ND_TREE_DNAME : 0));

	if (!f->last)
		f->covered[0] = false;
	for (unsigned l = common + 1; l < level; l++)
		f->covered[l] = f->covered[l - 1];
	if (cut || (level && f->covered[level - 1]))
		flags |= ND_TREE_COVERED;
	f->covered[level] = dname || (flags & ND_TREE_COVERED);
	return flags;
}

/* A node of runs i to j, which have the same owner. */
static int fill_node(struct fill *f, size_t i, size_t j)
{
	struct nd_treebuild *b = f->b;
	const uint8_t *p = b->log.bytes + b->run[i].at, *labels = p + ND_TREE_HEAD;
	bool outside = p[0] & ND_TREE_OUTSIDE;
	uint8_t n = p[1], flags = ND_TREE_OUTSIDE;
	size_t at = f->out.len;
	int err = 0;

	f->nrecords = 0;
	for (; i < j && !err; i++)
		err = gather(f, b->log.bytes, b->run[i].at + ND_TREE_HEAD + (size_t)n,
			     b->run[i].end);
	if (err)
		return err;
	sort_records(f);
	if (!outside)
		flags = cover(f, labels, n);
	else if (has_type(f, ND_TYPE_NS))
		flags |= ND_TREE_CUT;
	err = write_node(f, flags, labels, n, b->log.bytes);
	if (!err)
		err = note(f, &f->order, at);
	if (!err && !outside) {
		err = write_empties(f, at, labels, n);
		f->last = labels;
		f->last_n = n;
		f->n_in++;
	}
	return err;
}

static int fill_nodes(struct fill *f)
{
	struct nd_treebuild *b = f->b;
	int err = 0;

	for (size_t i = 0, j; i < b->n && !err; i = j) {
		for (j = i + 1; j < b->n && same_owner(b, i, j);)
			j++;
		err = fill_node(f, i, j);
	}
	return err;
}

/* The last SOA counts. */
static int fill_apex(struct fill *f)
{
	struct nd_treebuild *b = f->b;
	size_t kept = 0;

	f->nrecords = 0;
	int err = gather(f, b->apex.bytes, 0, b->apex.len);
	if (err)
		return err;
	for (size_t i = 0; i < f->nrecords; i++)
		if (f->record[i].type != ND_TYPE_SOA || f->record[i].at == b->soa - 1)
			f->record[kept++] = f->record[i];
	f->nrecords = kept;
	sort_records(f);
	return write_node(f, 0, NULL, 0, b->apex.bytes);
}

/* --- the tree --- */

static void put_slot(struct nd_tree *t, uint32_t offset)
{
	const uint8_t *p = t->blob + offset;
	const uint8_t *labels = p + ND_TREE_HEAD;

	if (p[0] & ND_TREE_EMPTY) {
		uint32_t name;
		memcpy(&name, labels, 4);
		labels = t->blob + name;
	}
	uint64_t h = nd_tree_hash(&t->key, p[0] & ND_TREE_OUTSIDE, labels, p[1]);
	uint32_t i = nd_tree_slot(h, t->nslots);
	while (t->tags[i])
		i = i + 1 == t->nslots ? 0 : i + 1;
	t->tags[i] = nd_tree_tag(h);
	t->slots[i] = offset;
}

static int make_slots(struct fill *f, struct nd_tree *t)
{
	size_t nodes = f->order.n + f->empty.n, n = nodes + nodes / 4 + 8, bytes = n * 5;

	if (n > UINT32_MAX / 2 || !nd_budget_take(ND_BUDGET_ZONES, bytes))
		return ND_ELIMIT;
	f->b->charged += bytes;
	t->nslots = (uint32_t)n;
	t->tags = calloc(n, 1);
	t->slots = malloc(n * sizeof *t->slots);
	if (!t->tags || !t->slots)
		return -ENOMEM;
	for (size_t i = 0; i < f->order.n; i++)
		put_slot(t, f->order.at[i]);
	for (size_t i = 0; i < f->empty.n; i++)
		put_slot(t, f->empty.at[i]);
	return 0;
}

static void *trim(void *array, size_t n)
{
	void *shorter = realloc(array, n ? n : 1);

	return shorter ? shorter : array;
}

/* The tree takes its arrays; what is left of the budget's bytes goes back with b. */
static int give(struct fill *f, struct nd_tree *t)
{
	struct nd_treebuild *b = f->b;

	t->origin = nd_name_copy(b->origin, &t->origin_buf);
	t->key = b->key;
	t->blob = f->out.bytes;
	f->out.bytes = NULL;
	int err = make_slots(f, t);
	if (err)
		return err;
	t->blob = trim(t->blob, f->out.len);
	t->order = trim(f->order.at, f->order.n * sizeof *t->order);
	f->order.at = NULL;
	t->n = (uint32_t)f->order.n;
	t->n_in = f->n_in;
	t->records = b->records;
	const uint8_t *soa = b->apex.bytes + b->soa - 1;
	t->serial = nd_reader_peek32(soa + ND_TREEBUILD_RECORD + read16(soa + 2) - 20);
	t->charged = f->out.len + f->order.n * sizeof *t->order + t->nslots * 5u;
	b->charged -= t->charged;
	return 0;
}

int nd_treebuild_finish(struct nd_treebuild *b, struct nd_tree **out, const char **why)
{
	struct fill f = { .b = b };
	struct nd_tree *t = calloc(1, sizeof *t);
	int err = b->err;

	*why = NULL;
	if (t)
		t->refs = 1;
	else
		err = -ENOMEM;
	if (!err && !b->soa) {
		*why = "no SOA record";
		err = ND_EFORMAT;
	}
	if (!err) {
		sort_runs(b);
		err = fill_nodes(&f);
	}
	if (!err) {
		t->apex = (uint32_t)f.out.len;
		err = fill_apex(&f);
	}
	if (!err)
		err = give(&f, t);
	free(f.out.bytes);
	free(f.order.at);
	free(f.empty.at);
	free(f.record);
	nd_treebuild_clear(b);
	if (err) {
		nd_tree_unref(t);
		return err;
	}
	*out = t;
	return 0;
}
