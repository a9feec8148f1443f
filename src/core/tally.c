/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include "core/gen.h"

enum { LINE_CELLS = 64 / sizeof(nd_metric_cell) };

struct want {
	uint32_t n;
	uint16_t nworkers;
};

static void *make(void *ctx)
{
	const struct want *want = ctx;
	struct nd_tally *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->n = want->n;
	t->nworkers = want->nworkers;
	t->stride = (want->n + LINE_CELLS - 1) / LINE_CELLS * LINE_CELLS;
	size_t bytes = (size_t)t->stride * t->nworkers * sizeof *t->cell;
	t->cell = aligned_alloc(64, bytes);
	if (!t->cell) {
		free(t);
		return NULL;
	}
	memset((void *)t->cell, 0, bytes);
	return t;
}

static void unmake(void *object)
{
	struct nd_tally *t = object;

	free((void *)t->cell);
	free(t);
}

uint64_t nd_tally_sum(const struct nd_tally *t, uint32_t i)
{
	uint64_t sum = 0;

	for (uint16_t w = 0; w < t->nworkers; w++)
		sum += nd_metric_get(nd_tally_cells(t, w) + i);
	return sum;
}

struct nd_tally *nd_tally_get(struct nd_setup *s, const char *kind, const char *key, uint32_t n)
{
	struct want want = { .n = n, .nworkers = s->process->nworkers };
	const char *id = nd_arena_printf(s->arena, "%s %u %s", kind, n, key);

	return id ? nd_setup_share(s, "tally", id, strlen(id), make, &want, unmake) : NULL;
}

static bool serves(const struct nd_endpoint *e, const struct nd_block *b)
{
	for (size_t i = 0; i < e->nsites; i++)
		if (e->sites[i]->block == b)
			return true;
	return false;
}

/* How many blocks before b have its first zone and its view. */
static unsigned same_before(const struct nd_gen *g, const struct nd_block *b)
{
	unsigned n = 0;

	for (const struct nd_block *o = g->blocks; o < b; o++)
		n += o->nkeys && nd_name_same(o->keys[0].zone, b->keys[0].zone) &&
		     strcmp(o->view, b->view) == 0;
	return n;
}

struct nd_tally **nd_tally_by_endpoint(struct nd_setup *s, const char *kind, const char *key,
				       uint32_t n)
{
	struct nd_gen *g = s->gen;
	struct nd_tally **all = nd_arena_array(s->arena, g->nendpoints, sizeof *all);
	const char *zones = nd_setup_zones_text(s, s->block->zones, s->block->nzones);
	unsigned before = same_before(g, s->block);

	for (size_t i = 0; all && i < g->nendpoints; i++) {
		if (!serves(&g->endpoints[i], s->block))
			continue;
		const char *id = nd_arena_printf(s->arena, "%s %u %s %s %s", g->endpoints[i].label,
						 before, zones, s->block->view, key);
		all[i] = id ? nd_tally_get(s, kind, id, n) : NULL;
		if (!all[i])
			return NULL;
	}
	return all;
}
