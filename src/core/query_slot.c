/* SPDX-License-Identifier: Apache-2.0 */
/* The slab of a worker's queries: slots in pages, taken and released. */
#include <stdlib.h>
#include "core/parts.h"

enum { PAGE_SLOTS = 32 };

struct page {
	struct page *next;
	struct nd_query query[PAGE_SLOTS];
};

static bool grow(struct nd_worker *w)
{
	if (w->nslots + PAGE_SLOTS > w->max_slots)
		return false;
	struct page *p = calloc(1, sizeof *p);
	if (!p)
		return false;
	p->next = w->pages;
	w->pages = p;
	w->nslots += PAGE_SLOTS;
	/* Pushed last to first: the first is taken first, and the rest stays untouched. */
	for (size_t i = PAGE_SLOTS; i-- > 0;) {
		p->query[i].worker = w;
		nd_list_push(&w->free, &p->query[i].slot.link);
	}
	return true;
}

/* The oldest waiting query: its client is the first to give up. False: none waits. */
static bool shed_oldest(struct nd_worker *w)
{
	if (nd_list_empty(&w->parked))
		return false;
	w->shed++;
	nd_chain_cancel(ND_LIST_ENTRY(w->parked.next, struct nd_query, slot.link), true,
			"too many queries are waiting");
	return !nd_list_empty(&w->free);
}

static __attribute__((noinline, cold)) bool make_free(struct nd_worker *w)
{
	return grow(w) || shed_oldest(w);
}

struct nd_query *nd_query_slot_take(struct nd_worker *w)
{
	if (ND_UNLIKELY(nd_list_empty(&w->free)) && !make_free(w))
		return NULL;
	struct nd_query *q = ND_LIST_ENTRY(nd_list_pop(&w->free), struct nd_query, slot.link);
	q->run = (struct nd_query_run){ .life = ND_QUERY_RUNNING };
	q->error = NULL;
	q->rcode = ND_RCODE_NOERROR;
	q->failed = q->drop = q->renamed = q->partial = q->on_release = false;
	q->depth = 0;
	q->site = NULL;
	q->start_ns = w->now_ns;
	q->slot.gen = w->gen;
	q->slot.gen->queries++;
	return q;
}

struct nd_query *nd_query_new(struct nd_worker *w, const struct nd_endpoint *e,
			      const struct nd_client *client)
{
	struct nd_query *q = nd_query_slot_take(w);

	if (!q)
		return NULL;
	q->endpoint = e;
	q->client = *client;
	return q;
}

static void free_memory(struct nd_query_slot *s)
{
	while (s->heap) {
		struct nd_query_piece *piece = s->heap;
		s->heap = piece->next;
		free(piece);
	}
	if (ND_UNLIKELY(s->saved || s->long_request)) {
		free(s->saved);
		free(s->long_request);
		s->saved = NULL;
		s->long_request = NULL;
	}
}

void nd_query_slot_release(struct nd_query *q)
{
	struct nd_worker *w = q->worker;

	if (q->on_release) {
		q->on_release = false;
		w->on_release(q);
	}
	nd_list_del(&q->slot.link);
	if (nd_query_waits(q))
		w->nparked--;
	q->run.life = ND_QUERY_FREE;
	free_memory(&q->slot);
	q->slot.generation++;
	nd_list_push(&w->free, &q->slot.link);
	nd_worker_unref_gen(w, q->slot.gen);
}

void nd_query_slot_clear(struct nd_worker *w)
{
	while (w->pages) {
		struct page *p = w->pages;
		w->pages = p->next;
		free(p);
	}
}
