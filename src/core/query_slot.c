/* SPDX-License-Identifier: Apache-2.0 */
/* The slab of a worker's queries: slots in pages, taken and released. */
#include <stdlib.h>
#include "core/parts.h"

enum { PAGE_SLOTS = 32 };

struct page {
	struct page *next;
	struct nd_query slot[PAGE_SLOTS];
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
	/* Pushed last to first, so that the first one is taken first and the rest stays untouched. */
	for (size_t i = PAGE_SLOTS; i-- > 0;) {
		p->slot[i].worker = w;
		nd_list_push(&w->free, &p->slot[i].link);
	}
	return true;
}

struct nd_query *nd_query_slot(struct nd_worker *w)
{
	if (nd_list_empty(&w->free) && !grow(w)) {
		/* Overload sheds the oldest waiting query: its client is the nearest to giving up. */
		if (nd_list_empty(&w->parked))
			return NULL;
		w->shed++;
		nd_chain_cancel(ND_LIST_ENTRY(w->parked.next, struct nd_query, link), true,
				"too many queries wait");
		if (nd_list_empty(&w->free))
			return NULL;
	}
	struct nd_query *q = ND_LIST_ENTRY(nd_list_pop(&w->free), struct nd_query, link);
	q->at = q->from = 0;
	q->answerer = 0;
	q->want_reply = q->want_done = 0;
	q->rcode = ND_RCODE_NOERROR;
	q->failed = q->drop = q->on_release = q->parked = q->finished = q->queued = q->renamed =
		q->below = q->partial = q->draining = q->drained = false;
	q->error = NULL;
	q->parent = q->child = NULL;
	q->child_done = NULL;
	q->depth = 0;
	q->state_set = 0;
	q->memory_used = 0;
	q->site = NULL;
	q->chain = NULL;
	q->start_ns = w->now_ns;
	q->gen = w->gen;
	q->gen->parked++;
	return q;
}

void nd_query_release(struct nd_query *q)
{
	struct nd_worker *w = q->worker;

	if (q->on_release) {
		q->on_release = false;
		w->on_release(q);
	}
	nd_list_del(&q->link);
	if (q->parked)
		w->nparked--;
	q->parked = false;
	while (q->heap) {
		struct nd_query_piece *piece = q->heap;
		q->heap = piece->next;
		free(piece);
	}
	if (ND_UNLIKELY(q->saved || q->long_request)) {
		free(q->saved);
		free(q->long_request);
		q->saved = NULL;
		q->long_request = NULL;
	}
	q->generation++;
	nd_list_push(&w->free, &q->link);
	nd_worker_unref_gen(w, q->gen);
}

void nd_query_free_pages(struct nd_worker *w)
{
	while (w->pages) {
		struct page *p = w->pages;
		w->pages = p->next;
		free(p);
	}
}

struct nd_query *nd_query_new(struct nd_worker *w, const struct nd_endpoint *e,
			      const struct nd_client *client)
{
	struct nd_query *q = nd_query_slot(w);

	if (!q)
		return NULL;
	q->endpoint = e;
	q->client = *client;
	return q;
}
