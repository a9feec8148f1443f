/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kubernetes/kreverse.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include "base/rcu.h"

enum { CELLS_MIN = 16, OWNERS_MIN = 16 };

static const uint64_t deleted = UINT32_MAX; /* UINT32_MAX is never an id */

/* Free ids form a list through their entries. These are odd, which no owner's address is. */
static void *as_free(uint32_t next)
{
	uintptr_t odd = (uintptr_t)next << 1 | 1;
	void *at;

	memcpy(&at, &odd, sizeof at);
	return at;
}

static bool is_free(const void *at)
{
	return (uintptr_t)at & 1;
}

static int grow_owners(struct nd_kreverse *r)
{
	uint32_t cap = r->owners ? r->owners->cap * 2 : OWNERS_MIN;
	struct nd_kowners *o = nd_kmemory_new(r->memory, sizeof *o + cap * sizeof *o->at);

	if (!o)
		return -ENOMEM;
	o->cap = cap;
	if (r->owners)
		memcpy(o->at, r->owners->at, r->owners->cap * sizeof *o->at);
	struct nd_kowners *old = r->owners;
	nd_rcu_publish(r->owners, o);
	nd_kmemory_retire(r->memory, old);
	return 0;
}

int nd_kreverse_enter(struct nd_kreverse *r, void *owner, uint32_t *id)
{
	if (r->free_id) {
		*id = r->free_id;
		r->free_id = (uint32_t)((uintptr_t)r->owners->at[*id] >> 1);
	} else {
		if (!r->owners || r->last_id + 1 >= r->owners->cap) {
			int err = grow_owners(r);
			if (err)
				return err;
		}
		*id = ++r->last_id;
	}
	nd_rcu_publish(r->owners->at[*id], owner);
	return 0;
}

void nd_kreverse_leave(struct nd_kreverse *r, uint32_t id)
{
	nd_rcu_publish(r->owners->at[id], as_free(r->free_id));
	r->free_id = id;
}

/* False: the tag has as many owners as are kept. */
static bool put(struct nd_kcells *c, uint64_t cell)
{
	uint32_t i = (uint32_t)(cell >> 32) & c->mask, same = 0;

	for (; c->cell[i]; i = (i + 1) & c->mask)
		if (c->cell[i] >> 32 == cell >> 32 && ++same == ND_KREVERSE_SAME_MAX)
			return false;
	nd_rcu_publish(c->cell[i], cell);
	return true;
}

static int make_room(struct nd_kreverse *r, size_t n)
{
	uint32_t size = CELLS_MIN;

	if (r->cells && r->used + n <= (r->cells->mask + 1) / 4 * 3)
		return 0;
	if (n > UINT32_MAX / 4 - r->live)
		return -ENOMEM;
	while (size / 2 <= r->live + n)
		size *= 2;
	struct nd_kcells *c = nd_kmemory_new(r->memory, sizeof *c + size * sizeof *c->cell);
	if (!c)
		return -ENOMEM;
	c->mask = size - 1;
	for (uint32_t i = 0; r->cells && i <= r->cells->mask; i++)
		if (r->cells->cell[i] && r->cells->cell[i] != deleted)
			put(c, r->cells->cell[i]);
	struct nd_kcells *old = r->cells;
	nd_rcu_publish(r->cells, c);
	r->used = r->live;
	nd_kmemory_retire(r->memory, old);
	return 0;
}

/* Calls fn for each tag of a that is not in b. */
static void each_only(struct nd_kreverse *r, uint32_t id, const uint32_t *a, size_t na,
		      const uint32_t *b, size_t nb,
		      void (*fn)(struct nd_kreverse *r, uint64_t cell))
{
	for (size_t i = 0, j = 0; i < na; i++) {
		while (j < nb && b[j] < a[i])
			j++;
		if (j == nb || b[j] != a[i])
			fn(r, (uint64_t)a[i] << 32 | id);
	}
}

static void add_cell(struct nd_kreverse *r, uint64_t cell)
{
	bool added = put(r->cells, cell);

	r->used += added;
	r->live += added;
}

static void del_cell(struct nd_kreverse *r, uint64_t cell)
{
	uint32_t i = (uint32_t)(cell >> 32) & r->cells->mask;

	while (r->cells->cell[i] != cell) {
		if (!r->cells->cell[i])
			return;
		i = (i + 1) & r->cells->mask;
	}
	nd_rcu_publish(r->cells->cell[i], deleted);
	r->live--;
}

int nd_kreverse_add(struct nd_kreverse *r, uint32_t id, const uint32_t *old, size_t nold,
		    const uint32_t *next, size_t nnext)
{
	int err = make_room(r, nnext);

	if (!err)
		each_only(r, id, next, nnext, old, nold, add_cell);
	return err;
}

void nd_kreverse_del(struct nd_kreverse *r, uint32_t id, const uint32_t *old, size_t nold,
		     const uint32_t *next, size_t nnext)
{
	each_only(r, id, old, nold, next, nnext, del_cell);
}

void nd_kreverse_forget(struct nd_kreverse *r, uint32_t id, uint32_t tag)
{
	if (r->cells)
		del_cell(r, (uint64_t)tag << 32 | id);
}

uint32_t nd_kreverse_id(const struct nd_kreverse *r, uint32_t tag, const void *owner)
{
	const struct nd_kcells *c = r->cells;

	for (uint32_t i = c ? tag & c->mask : 0; c && c->cell[i]; i = (i + 1) & c->mask)
		if (c->cell[i] != deleted && c->cell[i] >> 32 == tag &&
		    r->owners->at[(uint32_t)c->cell[i]] == owner)
			return (uint32_t)c->cell[i];
	return 0;
}

struct nd_kreverse_iter nd_kreverse_find(const struct nd_kreverse *r, uint32_t tag)
{
	const struct nd_kcells *c = nd_rcu_get(r->cells);

	return (struct nd_kreverse_iter){
		.cells = c, .table = r, .tag = tag, .at = c ? tag & c->mask : 0
	};
}

void *nd_kreverse_next(struct nd_kreverse_iter *it)
{
	const struct nd_kcells *c = it->cells;

	if (!c)
		return NULL;
	for (;;) {
		uint64_t cell = nd_rcu_get(c->cell[it->at]);
		if (!cell)
			return NULL;
		it->at = (it->at + 1) & c->mask;
		uint32_t id = (uint32_t)cell;
		if (cell == deleted || cell >> 32 != it->tag)
			continue;
		/* Read after the cell: this array then has every id that a cell can contain. */
		const struct nd_kowners *o = nd_rcu_get(it->table->owners);
		void *owner = nd_rcu_get(o->at[id]);
		if (owner && !is_free(owner))
			return owner;
	}
}

void nd_kreverse_clear(struct nd_kreverse *r)
{
	nd_kmemory_free(r->memory, r->cells);
	nd_kmemory_free(r->memory, r->owners);
	r->cells = NULL;
	r->owners = NULL;
	r->used = r->live = r->free_id = r->last_id = 0;
}
