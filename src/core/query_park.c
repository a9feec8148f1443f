/* SPDX-License-Identifier: Apache-2.0 */
/* Parking: what a waiting query needs is copied from the worker's buffers into its slot, and back
 * when it runs again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/budget.h"
#include "core/parts.h"

/* The partial answer of a parked query. */
struct nd_query_saved {
	size_t size; /* of all of it, as counted in the budget */
	uint16_t n;
	uint32_t body_len;
	struct nd_record record[]; /* n of them, then the body's bytes */
};

/* Moves the request out of the batch's buffer; the message has only offsets into it. Out of memory:
 * header and question remain, and the query ends with SERVFAIL once it is resumed. */
static void own_request(struct nd_query *q)
{
	struct nd_query_slot *s = &q->slot;
	uint8_t *to = s->request;

	if (q->run.owned)
		return;
	q->run.owned = true;
	if (q->msg.len > sizeof s->request) {
		to = nd_query_slot_alloc(q, q->msg.len);
		if (!to) {
			to = s->request;
			q->msg.len = q->msg.question_end;
			q->msg.edns.options_len = 0;
			q->run.lost = true;
		}
	}
	memcpy(to, q->msg.base, q->msg.len);
	q->msg.base = to;
}

static void save_answer(struct nd_query *q)
{
	uint32_t len = (uint32_t)(q->ans.w.pos - q->ans.body);

	if (!len)
		return;
	size_t size = sizeof(struct nd_query_saved) + q->ans.n * sizeof *q->ans.record + len;
	struct nd_query_saved *s = nd_query_slot_malloc(q, size);
	if (!s) {
		q->run.lost = true;
		return;
	}
	s->size = size;
	s->n = q->ans.n;
	s->body_len = len;
	memcpy(s->record, q->ans.record, s->n * sizeof *s->record);
	memcpy(s->record + s->n, q->ans.w.base + q->ans.body, len);
	q->slot.saved = s;
}

void nd_query_forget_answer(struct nd_query *q)
{
	nd_budget_give(ND_BUDGET_QUERIES, q->slot.saved->size);
	free(q->slot.saved);
	q->slot.saved = NULL;
}

static void restore_answer(struct nd_query *q)
{
	struct nd_query_saved *s = q->slot.saved;

	if (nd_answer_body(q, s->record + s->n, s->body_len, s->record, s->n))
		q->run.lost = true;
	nd_query_forget_answer(q);
}

static void hold_origin(struct nd_query *q)
{
	struct nd_origin *o = q->client.origin;
	size_t n;
	const uint8_t *address = nd_addr_bytes(&q->client.peer, &n);

	q->slot.peer = nd_siphash(&q->worker->hash_key, 0, address, n) % ND_WORKER_PEERS;
	nd_list_add(&o->queries, &q->slot.origin_link);
	o->nqueries++;
}

/* Puts a query without a parent into the lists of those that wait. */
static void list_root(struct nd_query *q)
{
	struct nd_worker *w = q->worker;

	if (!nd_list_linked(&q->slot.origin_link))
		hold_origin(q);
	q->slot.deadline_ns = w->now_ns + ND_S(ND_WORKER_TIMEOUT_S);
	nd_list_add(&w->parked, &q->slot.link);
	nd_list_add(&w->peer[q->slot.peer], &q->slot.peer_link);
	w->peer_waiting[q->slot.peer]++;
	nd_worker_watch_deadline(w);
}

void nd_query_unlist(struct nd_query *q)
{
	struct nd_worker *w = q->worker;

	nd_list_del(&q->slot.link);
	w->nparked--;
	q->slot.page->waiting--;
	if (!q->run.parent) {
		nd_list_del(&q->slot.peer_link);
		w->peer_waiting[q->slot.peer]--;
	}
}

static void count_waiting(struct nd_query *q)
{
	struct nd_worker *w = q->worker;

	q->run.life = ND_QUERY_PARKED;
	q->slot.generation = ++w->generation;
	q->slot.page->waiting++;
	if (++w->nparked > w->most)
		w->most = w->nparked;
	if (!q->run.parent)
		list_root(q);
}

struct nd_query_ref nd_query_park(struct nd_query *q)
{
	ND_ASSERT(q->run.life == ND_QUERY_RUNNING);
	own_request(q);
	save_answer(q);
	nd_worker_close_output(q->worker, q);
	count_waiting(q);
	return (struct nd_query_ref){ .q = q, .generation = q->slot.generation };
}

void nd_query_park_new(struct nd_query *q)
{
	ND_ASSERT(q->run.life == ND_QUERY_RUNNING && q->run.owned);
	q->ans = (struct nd_answer){ 0 };
	count_waiting(q);
}

struct nd_query *nd_query_find(struct nd_query_ref ref)
{
	struct nd_query *q = ref.q;

	return q && q->slot.generation == ref.generation && nd_query_waits(q) ? q : NULL;
}

int nd_query_unpark(struct nd_query *q)
{
	const struct nd_answer was = q->ans;

	ND_ASSERT(nd_query_waits(q));
	nd_query_unlist(q);
	q->run.life = ND_QUERY_RUNNING;
	nd_worker_output(q->worker, q);
	q->ans.flags = was.flags;
	q->ans.ede = was.ede;
	q->ans.ede_text = was.ede_text;
	q->ans.opt = was.opt;
	q->ans.opt_options = was.opt_options;
	q->ans.opt_options_len = was.opt_options_len;
	q->ans.opt_size = was.opt_size;
	q->ans.opt_flags = was.opt_flags;
	if (q->slot.saved)
		restore_answer(q);
	return q->run.lost ? -ENOMEM : 0;
}

void nd_query_send_part(struct nd_query *q)
{
	struct nd_worker *w = q->worker;

	ND_ASSERT(!q->depth && q->client.proto != ND_PROTO_UDP);
	q->partial = true;
	nd_answer_finish(q);
	w->send(w, q);
	w->out_used += (uint32_t)q->ans.w.pos;
	nd_worker_close_output(w, q);
	nd_worker_output(w, q);
}

enum nd_verdict nd_query_drain(struct nd_query *q)
{
	nd_query_park(q);
	q->run.life = ND_QUERY_DRAINING;
	return ND_WAIT;
}
