/* SPDX-License-Identifier: Apache-2.0 */
#include "core/query.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/chain.h"
#include "core/worker.h"

const char *const nd_proto_text[] = { "udp", "tcp", "tls", "https", "quic", "grpc" };

struct nd_query_piece {
	struct nd_query_piece *next;
	_Alignas(max_align_t) uint8_t bytes[];
};

struct nd_query_saved {
	uint16_t n;
	uint32_t body_len;
	struct nd_record record[]; /* n of them, then the body's bytes */
};

void *nd_query_alloc(struct nd_query *q, size_t n)
{
	n = (n + 15) & ~(size_t)15;
	if (n <= sizeof q->memory - q->memory_used) {
		void *p = q->memory + q->memory_used;
		q->memory_used += (uint32_t)n;
		return memset(p, 0, n);
	}
	struct nd_query_piece *piece = calloc(1, sizeof *piece + n);
	if (!piece)
		return NULL;
	piece->next = q->heap;
	q->heap = piece;
	return piece->bytes;
}

void *nd_query_state(struct nd_query *q)
{
	unsigned i = q->at - 1u;

	if (!(q->state_set >> i & 1)) {
		q->state[i] = nd_query_alloc(q, q->chain->link[i].plugin->query_size);
		if (q->state[i])
			q->state_set |= (uint64_t)1 << i;
		return q->state[i];
	}
	return q->state[i];
}

void *nd_query_worker_state(const struct nd_query *q)
{
	return q->gen->state[q->chain->link[q->at - 1].index];
}

const char *nd_query_printf(struct nd_query *q, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	int n = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (n < 0)
		return format;
	if ((size_t)n >= sizeof text)
		n = sizeof text - 1;
	char *p = nd_query_alloc(q, (size_t)n + 1);
	return p ? memcpy(p, text, (size_t)n) : format;
}

void nd_query_want_reply(struct nd_query *q)
{
	q->want_reply |= (uint64_t)1 << (q->at - 1);
}

void nd_query_want_done(struct nd_query *q)
{
	q->want_done |= (uint64_t)1 << (q->at - 1);
}

enum nd_verdict nd_query_fail(struct nd_query *q, uint16_t rcode, const char *why)
{
	nd_answer_reset(q);
	q->rcode = rcode;
	q->error = why;
	q->failed = true;
	return ND_DONE;
}

uint16_t nd_query_limit(const struct nd_query *q)
{
	if (q->client.proto != ND_PROTO_UDP)
		return ND_MSG_MAX;
	if (!q->msg.edns.present || q->msg.edns.udp_size < 512)
		return 512;
	return q->msg.edns.udp_size;
}

struct nd_name nd_query_name_asked(const struct nd_query *q)
{
	if (q->renamed)
		return q->msg.qname;
	struct nd_name name = q->msg.qname;
	name.wire = q->msg.base + ND_MSG_HEADER;
	return name;
}

void nd_query_rename(struct nd_query *q, struct nd_name name, uint16_t qtype)
{
	q->msg.qname = nd_name_copy(name, &q->name_buf);
	nd_name_lower(q->name_buf.bytes, name.len);
	q->msg.qtype = qtype;
	q->renamed = true;
	nd_answer_begin(q, q->ans.w.base, q->ans.w.cap, q->ans.record, q->ans.max);
}

void nd_query_keep(const struct nd_query *q, struct nd_query_asked *asked)
{
	nd_name_copy(q->msg.qname, &asked->name);
	asked->len = q->msg.qname.len;
	asked->labels = q->msg.qname.labels;
	asked->qtype = q->msg.qtype;
	asked->qclass = q->msg.qclass;
	asked->renamed = q->renamed;
}

void nd_query_restore(struct nd_query *q, const struct nd_query_asked *asked)
{
	struct nd_name name = { asked->name.bytes, asked->len, asked->labels };

	q->msg.qname = nd_name_copy(name, &q->name_buf);
	q->msg.qtype = asked->qtype;
	q->msg.qclass = asked->qclass;
	q->renamed = asked->renamed; /* if not: the letters come from the request, as ever */
	nd_answer_begin(q, q->ans.w.base, q->ans.w.cap, q->ans.record, q->ans.max);
}

/* --- the slab --- */

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

/* --- parking --- */

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
