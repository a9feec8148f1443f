/* SPDX-License-Identifier: Apache-2.0 */
/* The slab of a worker's queries: slots in pages, taken and released; shedding when it is full. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "base/budget.h"
#include "core/parts.h"

enum {
	PAGE_BYTES = 64 * 1024,
	PAGE_SLOTS = (PAGE_BYTES - sizeof(struct nd_query_page)) / sizeof(struct nd_query),
	TRIM_PAGES = 32, /* given back in one turn */
};
/* Pages that were not needed for one to two periods are given back. */
#define TRIM_NS ND_S(2)
#define TRIM_AGAIN_NS ND_MS(10)
#define RELAX_NS ND_S(1)
enum {
	SHORTAGE_LESS = 16, /* a shortage: a sixteenth of the waiting queries is too many */
	RELAX_MORE = 8,     /* a period later: an eighth more may wait */
	SHORTAGE_MIN = 2 * ND_QUERY_DEPTH_MAX,
};

static void on_trim(struct nd_timer *t);

/* --- pages --- */

/* A reserve of an eighth for sub-queries. */
static void set_max_roots(struct nd_worker *w, uint32_t slots)
{
	uint32_t reserve = slots / 9;

	if (reserve < ND_QUERY_DEPTH_MAX)
		reserve = ND_QUERY_DEPTH_MAX;
	w->max_roots = slots > 2 * reserve ? slots - reserve : (slots + 1) / 2;
	if (w->max_roots > w->roots_cap)
		w->max_roots = w->roots_cap;
}

static struct nd_query_page *map_page(void)
{
	if (!nd_budget_take(ND_BUDGET_QUERIES, PAGE_BYTES))
		return NULL;
	void *p = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);
	if (p != MAP_FAILED)
		return p;
	nd_budget_give(ND_BUDGET_QUERIES, PAGE_BYTES);
	return NULL;
}

static void unmap_page(struct nd_query_page *p)
{
	nd_list_del(&p->link);
	munmap(p, PAGE_BYTES);
	nd_budget_give(ND_BUDGET_QUERIES, PAGE_BYTES);
}

/* False: the slab is full, or memory is out. In the latter case the slots that exist are divided
 * anew, so that sub-queries keep a reserve. */
static bool grow(struct nd_worker *w)
{
	uint32_t n = w->max_slots - w->nslots;

	if (n == 0)
		return false;
	struct nd_query_page *p = map_page();
	if (!p) {
		set_max_roots(w, w->nslots);
		return false;
	}
	p->n = n < PAGE_SLOTS ? n : PAGE_SLOTS;
	nd_list_add(&w->pages, &p->link);
	w->nslots += p->n;
	set_max_roots(w, w->max_slots);
	/* Pushed last to first: the first is taken first, and the rest stays untouched. */
	for (size_t i = p->n; i-- > 0;) {
		p->query[i].worker = w;
		p->query[i].slot.page = p;
		nd_list_push(&w->free, &p->query[i].slot.link);
	}
	if (w->nslots > p->n && !w->trim.node.linked)
		nd_timer_start(w->loop, &w->trim, TRIM_NS, on_trim);
	return true;
}

static void give_back(struct nd_worker *w, struct nd_query_page *p)
{
	for (size_t i = 0; i < p->n; i++)
		nd_list_del(&p->query[i].slot.link);
	w->nslots -= p->n;
	unmap_page(p);
	set_max_roots(w, w->max_slots);
}

/* Gives back pages without queries, but keeps `needed` slots. True: there may be more. */
static bool trim(struct nd_worker *w, uint32_t needed)
{
	unsigned given = 0;

	ND_LIST_EACH(&w->pages, it) {
		struct nd_query_page *p = ND_LIST_ENTRY(it, struct nd_query_page, link);
		if (p->waiting || w->nslots < needed + p->n)
			continue;
		if (given++ == TRIM_PAGES)
			return true;
		give_back(w, p);
	}
	return false;
}

static void on_trim(struct nd_timer *t)
{
	struct nd_worker *w = ND_CONTAINER(t, struct nd_worker, trim);
	uint32_t most = w->most > w->most_before ? w->most : w->most_before;

	if (trim(w, most + PAGE_SLOTS)) {
		nd_timer_start(w->loop, &w->trim, TRIM_AGAIN_NS, on_trim);
		return;
	}
	w->most_before = w->most;
	w->most = w->nparked;
	struct nd_query_page *first = ND_LIST_ENTRY(w->pages.next, struct nd_query_page, link);
	if (w->nslots > first->n)
		nd_timer_start(w->loop, &w->trim, TRIM_NS, on_trim);
}

int nd_query_slot_init(struct nd_worker *w, uint32_t max_roots)
{
	uint32_t reserve = max_roots / 8;

	if (reserve < ND_QUERY_DEPTH_MAX)
		reserve = ND_QUERY_DEPTH_MAX;
	w->max_slots = max_roots + reserve;
	return grow(w) ? 0 : -ENOMEM;
}

void nd_query_slot_clear(struct nd_worker *w)
{
	nd_timer_stop(&w->trim);
	nd_timer_stop(&w->relax);
	while (!nd_list_empty(&w->pages))
		unmap_page(ND_LIST_ENTRY(w->pages.next, struct nd_query_page, link));
}

/* --- memory outside the slab --- */

static void on_relax(struct nd_timer *t)
{
	struct nd_worker *w = ND_CONTAINER(t, struct nd_worker, relax);

	w->roots_cap += w->roots_cap / RELAX_MORE + 1;
	if (w->roots_cap < w->max_slots)
		nd_timer_start(w->loop, &w->relax, RELAX_NS, on_relax);
	else
		w->roots_cap = UINT32_MAX;
	set_max_roots(w, w->max_slots);
}

void nd_query_note_shortage(const struct nd_query *q)
{
	struct nd_worker *w = q->worker;
	uint32_t cap = w->nparked - w->nparked / SHORTAGE_LESS;

	if (cap < SHORTAGE_MIN)
		cap = SHORTAGE_MIN;
	if (cap < w->roots_cap)
		w->roots_cap = cap;
	if (w->max_roots > w->roots_cap)
		w->max_roots = w->roots_cap;
	nd_timer_start(w->loop, &w->relax, RELAX_NS, on_relax);
}

/* --- slots --- */

/* The free slot that was used last, reset. There is one. */
static inline struct nd_query *pop_free(struct nd_worker *w)
{
	struct nd_query *q = ND_LIST_ENTRY(nd_list_pop(&w->free), struct nd_query, slot.link);

	q->run = (struct nd_query_run){ .life = ND_QUERY_RUNNING };
	q->error = NULL;
	q->rcode = ND_RCODE_NOERROR;
	q->failed = q->drop = q->overload = q->renamed = q->partial = false;
	q->server_options = 0;
	q->depth = 0;
	q->site = NULL;
	q->start_ns = w->now_ns;
	q->slot.gen = w->gen;
	q->slot.gen->queries++;
	return q;
}

struct nd_query *nd_query_slot_take(struct nd_worker *w)
{
	return nd_list_empty(&w->free) && !grow(w) ? NULL : pop_free(w);
}

/* The client that has most waiting queries loses its oldest: it is the first that it gives up. */
static void shed(struct nd_worker *w)
{
	unsigned most = 0;

	for (unsigned i = 1; i < ND_WORKER_PEERS; i++)
		if (w->peer_waiting[i] > w->peer_waiting[most])
			most = i;
	ND_ASSERT(w->peer_waiting[most] > 0);
	w->shed++;
	nd_chain_cancel(ND_LIST_ENTRY(w->peer[most].next, struct nd_query, slot.peer_link), true,
			"too many queries are waiting");
}

/* Makes room for a request. Sheds at most two families, so that the number falls when memory has
 * become scarce. If no slot is free something waits: the first page is never given back. */
static __attribute__((noinline, cold)) void make_room(struct nd_worker *w)
{
	for (unsigned i = 0; i < 2 && w->nparked >= w->max_roots; i++)
		shed(w);
	if (nd_list_empty(&w->free) && !grow(w)) /* the budget refused a page */
		shed(w);
}

struct nd_query *nd_query_new(struct nd_worker *w, const struct nd_endpoint *e,
			      const struct nd_client *client)
{
	if (ND_UNLIKELY(w->nparked >= w->max_roots || nd_list_empty(&w->free)))
		make_room(w);
	struct nd_query *q = pop_free(w);
	q->endpoint = e;
	q->client = *client;
	return q;
}

void *nd_query_slot_malloc(struct nd_query *q, size_t size)
{
	bool counted = nd_budget_take(ND_BUDGET_QUERIES, size);
	void *p = counted ? malloc(size) : NULL;

	if (p)
		return p;
	if (counted)
		nd_budget_give(ND_BUDGET_QUERIES, size);
	nd_query_note_shortage(q);
	return NULL;
}

void *nd_query_slot_alloc(struct nd_query *q, size_t n)
{
	struct nd_query_piece *piece;
	size_t size = sizeof *piece + n;

	piece = nd_query_slot_malloc(q, size);
	if (!piece)
		return NULL;
	piece->size = size;
	piece->next = q->slot.heap;
	q->slot.heap = piece;
	return piece->bytes;
}

static void free_heap(struct nd_query *q)
{
	struct nd_query_slot *s = &q->slot;

	if (s->saved)
		nd_query_forget_answer(q);
	while (s->heap) {
		struct nd_query_piece *piece = s->heap;
		s->heap = piece->next;
		nd_budget_give(ND_BUDGET_QUERIES, piece->size);
		free(piece);
	}
}

static void leave_origin(struct nd_query *q)
{
	struct nd_origin *o = q->client.origin;

	nd_list_del(&q->slot.origin_link);
	o->nqueries--;
	if (o->on_release)
		o->on_release(o);
}

void nd_query_slot_release(struct nd_query *q)
{
	struct nd_worker *w = q->worker;

	if (ND_UNLIKELY(nd_query_waits(q))) {
		ND_ASSERT(!q->run.child);
		nd_query_unlist(q);
	}
	if (ND_UNLIKELY(q->slot.heap || q->slot.saved))
		free_heap(q);
	q->run.life = ND_QUERY_FREE;
	nd_list_push(&w->free, &q->slot.link);
	nd_worker_unref_gen(w, q->slot.gen);
	if (nd_list_linked(&q->slot.origin_link))
		leave_origin(q);
}
