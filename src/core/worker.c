/* SPDX-License-Identifier: Apache-2.0 */
#include "core/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "core/parts.h"
#include "io/random.h"

enum { OUT_BYTES = 256 * 1024 };

int nd_worker_init(struct nd_worker *w, uint16_t id, struct nd_loop *loop, uint32_t max_roots)
{
	w->id = id;
	w->loop = loop;
	w->gen = NULL;
	nd_list_init(&w->gens);
	nd_list_init(&w->free);
	nd_list_init(&w->pages);
	nd_list_init(&w->parked);
	for (size_t i = 0; i < ND_WORKER_PEERS; i++)
		nd_list_init(&w->peer[i]);
	nd_list_init(&w->resumes);
	nd_origin_init(&w->background, NULL);
	nd_random_bytes(&w->hash_key, sizeof w->hash_key);
	w->batch = false;
	w->running = 0;
	w->out_used = 0;
	w->udp_max = ND_WORKER_UDP_MAX;
	w->roots_cap = UINT32_MAX;
	w->out_cap = OUT_BYTES;
	w->out = malloc(OUT_BYTES);
	w->record = malloc(ND_WORKER_RECORDS_MAX * sizeof *w->record);
	w->now_ns = nd_loop_now_ns(loop);
	if (w->out && w->record && nd_query_slot_init(w, max_roots) == 0)
		return 0;
	nd_worker_clear(w);
	return -ENOMEM;
}

void nd_worker_clear(struct nd_worker *w)
{
	nd_timer_stop(&w->deadline);
	if (w->pages.next)
		nd_query_slot_clear(w);
	for (size_t i = 0; i < ND_QUERY_DEPTH_MAX; i++) {
		free(w->scratch[i]);
		free(w->scratch_record[i]);
		w->scratch[i] = NULL;
		w->scratch_record[i] = NULL;
	}
	free(w->out);
	free(w->record);
	w->out = NULL;
	w->record = NULL;
}

/* Sub-queries answer into buffers of their depth: a child's answer is read by its parent while the
 * parent's own is written, one level up. */
int nd_worker_make_scratch(struct nd_worker *w, unsigned depth)
{
	unsigned i = depth - 1;

	if (!w->scratch[i])
		w->scratch[i] = malloc(ND_MSG_MAX);
	if (!w->scratch_record[i])
		w->scratch_record[i] = malloc(ND_WORKER_RECORDS_MAX * sizeof *w->record);
	return w->scratch[i] && w->scratch_record[i] ? 0 : -ENOMEM;
}

/* A finished sub-query whose parent asks again gives up its level. */
static void output_below(struct nd_worker *w, struct nd_query *q)
{
	struct nd_query *writer = w->writer[q->depth];
	unsigned i = q->depth - 1u;

	if (writer) {
		ND_ASSERT(writer->run.life == ND_QUERY_FINISHED &&
			  writer->run.parent == q->run.parent);
		nd_worker_close_output(w, writer);
	}
	w->writer[q->depth] = q;
	q->ans.open = true;
	nd_answer_begin(q, w->scratch[i], ND_MSG_MAX, w->scratch_record[i], ND_WORKER_RECORDS_MAX);
}

void nd_worker_output(struct nd_worker *w, struct nd_query *q)
{
	if (ND_UNLIKELY(q->depth)) {
		output_below(w, q);
		return;
	}
	ND_ASSERT(!w->writer[0]);
	w->writer[0] = q;
	q->ans.open = true;
	if (ND_UNLIKELY(w->out_cap - w->out_used < ND_MSG_MAX))
		w->flush(w);
	nd_answer_begin(q, w->out + w->out_used, ND_MSG_MAX, w->record, ND_WORKER_RECORDS_MAX);
}

static void on_deadline(struct nd_timer *t)
{
	struct nd_worker *w = ND_CONTAINER(t, struct nd_worker, deadline);

	w->now_ns = nd_loop_now_ns(w->loop);
	while (!nd_list_empty(&w->parked)) {
		struct nd_query *q = ND_LIST_ENTRY(w->parked.next, struct nd_query, slot.link);
		if (q->slot.deadline_ns > w->now_ns)
			break;
		w->cancelled++;
		nd_chain_cancel(q, true, "query timed out");
	}
	nd_worker_watch_deadline(w);
}

void nd_worker_watch_deadline(struct nd_worker *w)
{
	if (w->deadline.node.linked || nd_list_empty(&w->parked))
		return;
	const struct nd_query *q = ND_LIST_ENTRY(w->parked.next, struct nd_query, slot.link);
	uint64_t now = nd_loop_now_ns(w->loop);
	uint64_t delay = q->slot.deadline_ns > now ? q->slot.deadline_ns - now : 0;
	nd_timer_start(w->loop, &w->deadline, delay, on_deadline);
}

/* --- origins --- */

void nd_origin_init(struct nd_origin *o, void (*on_release)(struct nd_origin *o))
{
	nd_list_init(&o->queries);
	o->nqueries = 0;
	o->on_release = on_release;
}

void nd_origin_drained(struct nd_origin *o)
{
	/* Marked first: a query that sends more now waits for the next time. */
	ND_LIST_EACH(&o->queries, it) {
		struct nd_query *q = ND_LIST_ENTRY(it, struct nd_query, slot.origin_link);
		if (q->run.life == ND_QUERY_DRAINING)
			q->run.life = ND_QUERY_DRAINED;
	}
	/* Each moves to the end before it runs; it may end others. */
	for (uint32_t n = o->nqueries; n > 0 && !nd_list_empty(&o->queries); n--) {
		struct nd_list *it = nd_list_pop(&o->queries);
		struct nd_query *q = ND_LIST_ENTRY(it, struct nd_query, slot.origin_link);
		nd_list_add(&o->queries, it);
		if (q->run.life == ND_QUERY_DRAINED)
			nd_chain_resume((struct nd_query_ref){ q, q->slot.generation }, ND_AGAIN);
	}
}

void nd_origin_drop(struct nd_origin *o)
{
	while (!nd_list_empty(&o->queries))
		nd_chain_cancel(ND_LIST_ENTRY(o->queries.next, struct nd_query, slot.origin_link),
				false, NULL);
}

/* --- generations --- */

static void stop_plugins(struct nd_worker *w, struct nd_worker_gen *wg, size_t n)
{
	while (n-- > 0) {
		struct nd_instance *in = &wg->gen->instances[n];
		if (in->plugin->worker_stop)
			in->plugin->worker_stop(in->self, wg->state[n], w);
	}
}

static void free_worker_gen(struct nd_worker_gen *wg)
{
	for (size_t i = 0; wg->state && i < wg->gen->ninstances; i++)
		free(wg->state[i]);
	free(wg->state);
	free(wg);
}

static void end_gen(struct nd_worker *w, struct nd_worker_gen *wg)
{
	struct nd_gen *g = wg->gen;

	nd_list_del(&wg->link);
	stop_plugins(w, wg, g->ninstances);
	free_worker_gen(wg);
	if (atomic_fetch_sub_explicit(&g->workers, 1, memory_order_acq_rel) == 1 &&
	    g->process->gen_left)
		g->process->gen_left(g->process);
}

void nd_worker_unref_gen(struct nd_worker *w, struct nd_worker_gen *wg)
{
	if (--wg->queries == 0 && ND_UNLIKELY(wg->retired))
		end_gen(w, wg);
}

int nd_worker_adopt(struct nd_worker *w, struct nd_gen *gen)
{
	struct nd_worker_gen *wg = calloc(1, sizeof *wg);
	size_t i = 0;
	int err = -ENOMEM;

	if (!wg)
		return err;
	wg->gen = gen;
	wg->state = calloc(gen->ninstances + 1, sizeof *wg->state);
	if (!wg->state)
		goto fail;
	for (; i < gen->ninstances; i++) {
		const struct nd_instance *in = &gen->instances[i];
		wg->state[i] = calloc(1, in->plugin->worker_size + 1);
		err = wg->state[i] ? 0 : -ENOMEM;
		if (!err && in->plugin->worker_start)
			err = in->plugin->worker_start(in->self, wg->state[i], w);
		if (err)
			goto fail;
	}
	atomic_fetch_add_explicit(&gen->workers, 1, memory_order_acq_rel);
	nd_list_add(&w->gens, &wg->link);

	struct nd_worker_gen *old = w->gen;
	w->gen = wg;
	if (old) {
		old->retired = true;
		if (old->queries == 0)
			end_gen(w, old);
	}
	return 0;

fail:
	stop_plugins(w, wg, i);
	free_worker_gen(wg);
	return err;
}

void nd_worker_leave(struct nd_worker *w)
{
	while (!nd_list_empty(&w->parked))
		nd_chain_cancel(ND_LIST_ENTRY(w->parked.next, struct nd_query, slot.link), true,
				"the server is stopping");
	if (w->flush)
		w->flush(w);
	while (!nd_list_empty(&w->gens))
		end_gen(w, ND_LIST_ENTRY(w->gens.next, struct nd_worker_gen, link));
	w->gen = NULL;
	nd_timer_stop(&w->deadline);
}
