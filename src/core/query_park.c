/* SPDX-License-Identifier: Apache-2.0 */
/* Parking: what a waiting query needs is copied from the worker's buffers into its slot and back. */
#include <stdlib.h>
#include <string.h>
#include "core/parts.h"

/* A partial answer while its query is parked. */
struct nd_query_saved {
	uint16_t n;
	uint32_t body_len;
	struct nd_record record[]; /* n of them, then the body's bytes */
};

/* Moves the request out of the batch's buffer; everything else of the message are offsets. */
static void own_request(struct nd_query *q)
{
	if (q->msg.base == q->request || (q->long_request && q->msg.base == q->long_request))
		return;
	uint8_t *to = q->request;
	if (q->msg.len > sizeof q->request) {
		to = q->long_request = malloc(q->msg.len);
		if (!to) { /* keep header and question; EDNS options are lost with the rest */
			to = q->request;
			q->msg.len = q->msg.question_end;
			q->msg.edns.options_len = 0;
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
	struct nd_query_saved *s = malloc(sizeof *s + q->ans.n * sizeof *s->record + len);
	if (!s)
		return; /* the partial answer is lost; who resumes builds on an empty one */
	s->n = q->ans.n;
	s->body_len = len;
	memcpy(s->record, q->ans.record, s->n * sizeof *s->record);
	memcpy(s->record + s->n, q->ans.w.base + q->ans.body, len);
	q->saved = s;
}

struct nd_query_ref nd_query_park(struct nd_query *q)
{
	struct nd_worker *w = q->worker;

	ND_ASSERT(!q->parked);
	own_request(q);
	save_answer(q);
	q->parked = true;
	q->deadline_ns = w->now_ns + ND_WORKER_TIMEOUT_S * (uint64_t)ND_NS_PER_S;
	nd_list_add(&w->parked, &q->link);
	w->nparked++;
	nd_worker_watch_deadline(w);
	return (struct nd_query_ref){ .q = q, .generation = q->generation };
}

struct nd_query *nd_query_find(struct nd_query_ref ref)
{
	return ref.q && ref.q->generation == ref.generation && ref.q->parked ? ref.q : NULL;
}

void nd_query_unpark(struct nd_query *q)
{
	struct nd_query_saved *s = q->saved;
	const struct nd_answer was = q->ans;

	nd_list_del(&q->link);
	q->parked = false;
	q->worker->nparked--;
	nd_worker_output(q->worker, q);
	q->ans.flags = was.flags;
	q->ans.ede = was.ede;
	q->ans.ede_text = was.ede_text;
	q->ans.opt = was.opt;
	q->ans.opt_options = was.opt_options;
	q->ans.opt_options_len = was.opt_options_len;
	q->ans.opt_size = was.opt_size;
	q->ans.opt_flags = was.opt_flags;
	if (!s)
		return;
	if (q->ans.w.cap - q->ans.w.pos >= s->body_len && s->n <= q->ans.max) {
		memcpy(q->ans.record, s->record, s->n * sizeof *s->record);
		memcpy(q->ans.w.base + q->ans.body, s->record + s->n, s->body_len);
		q->ans.w.pos += s->body_len;
		q->ans.n = s->n;
		for (unsigned i = 0; i < s->n; i++)
			q->ans.count[s->record[i].section]++;
	}
	free(s);
	q->saved = NULL;
}

void nd_query_send_part(struct nd_query *q)
{
	struct nd_worker *w = q->worker;

	ND_ASSERT(!q->parent && q->client.proto != ND_PROTO_UDP);
	q->partial = true;
	nd_answer_finish(q);
	w->send(w, q);
	w->out_used += (uint32_t)q->ans.w.pos;
	nd_worker_output(w, q);
}

enum nd_verdict nd_query_drain(struct nd_query *q)
{
	q->draining = true;
	nd_query_park(q);
	return ND_WAIT;
}
