/* SPDX-License-Identifier: Apache-2.0 */
#include "core/chain.h"

#include "core/parts.h"

static void run(struct nd_query *q, enum nd_verdict v);

/* Of these links those that q came past: below where it began, down to where it turned around. */
static uint64_t passed(const struct nd_query *q, uint64_t links)
{
	if (q->from == ND_CHAIN_MAX) /* behind the last one */
		return 0;
	return (links & (((uint64_t)2 << q->answerer) - 1)) >> q->from << q->from;
}

/* Takes the last one of the links that are left, and stands there. */
static const struct nd_link *take_last(struct nd_query *q, uint64_t *left)
{
	unsigned i = 63u - (unsigned)__builtin_clzll(*left);

	*left &= ~((uint64_t)1 << i);
	q->at = (uint16_t)(i + 1);
	return &q->chain->link[i];
}

static void call_reply(struct nd_query *q)
{
	uint64_t left = q->want_reply | passed(q, q->chain->see_reply);

	while (left) {
		const struct nd_link *l = take_last(q, &left);
		l->plugin->reply(l->self, q);
	}
}

static void call_done(struct nd_query *q)
{
	uint64_t left = q->want_done | passed(q, q->chain->see_done);

	while (left) {
		const struct nd_link *l = take_last(q, &left);
		l->plugin->done(l->self, q);
	}
}

/* Hands the finished bytes to the server. */
static void send_reply(struct nd_query *q)
{
	struct nd_worker *w = q->worker;

	if (q->drop)
		return;
	nd_answer_finish(q);
	w->send(w, q);
	w->out_used += (uint32_t)q->ans.w.pos;
}

static enum nd_verdict tell_parent(struct nd_query *parent, struct nd_query *child)
{
	const struct nd_link *l = &parent->chain->link[parent->at - 1];

	parent->child = NULL;
	return parent->child_done(l->self, parent, child);
}

/* A sub-query is answered. Its parent either waits on the stack (nd_query_ask reads `finished`),
 * or is parked and goes on from here. */
static void finish_child(struct nd_query *q)
{
	struct nd_query *parent = q->parent;

	call_done(q);
	q->finished = true;
	if (!parent->parked)
		return;
	nd_query_unpark(parent);
	enum nd_verdict v = tell_parent(parent, q);
	nd_query_release(q);
	run(parent, v);
}

/* The way back: those who see the reply, last plugin first. */
static void way_back(struct nd_query *q)
{
	call_reply(q);
	if (q->parent) {
		finish_child(q);
		return;
	}
	send_reply(q);
	call_done(q);
	nd_query_release(q);
}

static void run_resumes(struct nd_worker *w)
{
	struct nd_list *node;

	while ((node = nd_list_pop(&w->resumes))) {
		struct nd_query *q = ND_LIST_ENTRY(node, struct nd_query, link);
		q->queued = false;
		nd_list_add(&w->parked, &q->link); /* where unpark expects it */
		nd_query_unpark(q);
		run(q, q->resume_with);
	}
}

/* The next one that has a `query`, and q stands there; NULL: there is none. */
static const struct nd_link *next_link(struct nd_query *q)
{
	const struct nd_chain *c = q->chain;
	uint64_t left = q->at < ND_CHAIN_MAX ? c->asked >> q->at : 0;

	if (!left)
		return NULL;
	q->at = (uint16_t)(q->at + __builtin_ctzll(left) + 1);
	return &c->link[q->at - 1];
}

/* Runs q from where it stands, given what the last plugin said. */
static void run(struct nd_query *q, enum nd_verdict v)
{
	struct nd_worker *w = q->worker;
	const struct nd_chain *c = q->chain;
	const struct nd_link *l;

	if (ND_UNLIKELY(v == ND_AGAIN)) {
		q->at--;
		v = ND_NEXT;
	}
	/* What plugins read under RCU (kube index, hosts) stands still for the whole run. */
	if (w->running++ == 0)
		nd_worker_hold(w);
	while (v == ND_NEXT && (l = next_link(q)))
		v = l->plugin->query(l->self, q);
	switch (v) {
	case ND_WAIT: /* parked; the plugin holds its reference */ ND_ASSERT(q->parked); break;
	case ND_NEXT: /* ran out: the server answers, as after CoreDNS's NextOrFailure */
		q->answerer = c->len ? c->len - 1 : 0;
		nd_query_fail(q, c->empty ? ND_RCODE_REFUSED : ND_RCODE_SERVFAIL, NULL);
		if (c->len)
			q->error = nd_query_printf(q, "plugin/%s: no next plugin found",
						   c->link[c->len - 1].plugin->name);
		way_back(q);
		break;
	case ND_AGAIN: ND_ASSERT(false); break; /* no plugin's own answer */
	case ND_DROP:
		q->drop = true;
		/* fall through */
	case ND_DONE:
		q->answerer = q->at ? q->at - 1 : 0;
		way_back(q);
		break;
	}
	if (w->running == 1 && !nd_list_empty(&w->resumes))
		run_resumes(w);
	if (--w->running == 0)
		nd_worker_let_go(w);
}

/* A reply of the server's own: no block, no plugin, or not even a proper question. */
static void refuse(struct nd_query *q, uint16_t rcode, bool counted)
{
	static const struct nd_chain none = { .empty = true };
	const struct nd_instance *d = q->gen->gen->dropped;

	q->chain = &none;
	q->rcode = rcode;
	if (q->parent) {
		q->finished = true;
		return;
	}
	nd_answer_finish(q);
	q->worker->send(q->worker, q);
	q->worker->out_used += (uint32_t)q->ans.w.pos;
	if (counted && d)
		d->dropped(d->self, q);
	nd_query_release(q);
}

/* Chooses the block and runs its chain. q->msg is read. */
static void route(struct nd_query *q)
{
	q->site = nd_site_find(q->endpoint, q->msg.qname, q->msg.qtype);
	if (!q->site || q->site->chain->empty) {
		q->site = NULL;
		refuse(q, ND_RCODE_REFUSED, true);
		return;
	}
	q->chain = q->site->chain;
	run(q, ND_NEXT);
}

void nd_chain_route(struct nd_query *q)
{
	route(q);
}

void nd_chain_run(struct nd_query *q)
{
	run(q, ND_NEXT);
}

void nd_chain_start(struct nd_query *q, const void *bytes, size_t n)
{
	enum nd_msg_verdict v = nd_msg_parse_query(&q->msg, bytes, n, &q->name_buf);

	q->size = (uint32_t)n;
	if (ND_UNLIKELY(v == ND_MSG_IGNORE)) {
		nd_query_release(q);
		return;
	}
	nd_worker_output(q->worker, q);
	switch (v) {
	case ND_MSG_OK:
	case ND_MSG_BADVERS:
		/* CoreDNS looks at the class before the EDNS version. */
		if (ND_UNLIKELY(q->msg.qclass != ND_CLASS_IN && !q->endpoint->other_classes))
			refuse(q, ND_RCODE_REFUSED, true);
		else if (ND_UNLIKELY(v == ND_MSG_BADVERS))
			refuse(q, ND_RCODE_BADVERS, false);
		else
			route(q);
		break;
	case ND_MSG_FORMERR: refuse(q, ND_RCODE_FORMERR, false); break;
	case ND_MSG_NOTIMP: refuse(q, ND_RCODE_NOTIMP, false); break;
	case ND_MSG_SERVFAIL: refuse(q, ND_RCODE_SERVFAIL, true); break;
	case ND_MSG_IGNORE: break;
	}
}

void nd_chain_resume(struct nd_query_ref ref, enum nd_verdict verdict)
{
	struct nd_query *q = nd_query_find(ref);

	if (!q || q->queued)
		return;
	ND_ASSERT(verdict != ND_WAIT);
	if (q->worker->running) {
		/* From inside another query's run, whose answer is being written: later. */
		q->queued = true;
		q->resume_with = verdict;
		nd_list_del(&q->link);
		nd_list_add(&q->worker->resumes, &q->link);
		return;
	}
	nd_query_unpark(q);
	run(q, verdict);
}

/* Tells whoever holds a reference to q, or to a query below it, to forget it. */
static void forget(struct nd_query *q)
{
	if (q->child) {
		forget(q->child);
		nd_query_release(q->child);
		q->child = NULL;
		return;
	}
	const struct nd_link *l = &q->chain->link[q->at - 1];
	struct nd_query_ref ref = { .q = q, .generation = q->generation };
	if (!q->queued && l->plugin->cancel)
		l->plugin->cancel(l->self, ref);
}

/* Ends a parked query from outside: the deadline, a full slab, a client that has gone. */
void nd_chain_cancel(struct nd_query *q, bool answer, const char *why)
{
	while (q->parent && !answer) /* a client that has gone takes the whole family along */
		q = q->parent;
	forget(q);
	q->queued = false;
	if (!answer) {
		nd_query_release(q);
		return;
	}
	nd_query_unpark(q);
	run(q, nd_query_fail(q, ND_RCODE_SERVFAIL, why));
}
