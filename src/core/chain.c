/* SPDX-License-Identifier: Apache-2.0 */
/* The driver: when a plugin is called. The life of a query (enum nd_query_life):
 *
 *	FREE -> RUNNING                     nd_query_slot_take: a request, or a sub-query
 *	RUNNING -> PARKED -> RUNNING        ND_WAIT; nd_chain_resume, or the sub-query is answered
 *	           PARKED -> QUEUED -> RUNNING      resumed while another query runs; that one ended
 *	RUNNING -> DRAINING -> DRAINED -> RUNNING   nd_query_drain; the connection has written all
 *	FREE -> PARKED -> QUEUED            nd_query_background: runs after those that run now
 *	RUNNING -> FREE                     the reply was sent or dropped, or none is sent
 *	RUNNING -> FINISHED -> FREE         a sub-query is answered; its parent has read the answer
 *	any that waits -> RUNNING           a client's query, cancelled: the way back with SERVFAIL
 *	any that waits -> FREE              a sub-query of a cancelled one; or the client is gone
 */
#include "core/chain.h"

#include "core/parts.h"

static void run(struct nd_query *q, enum nd_verdict v);

/* Those of the links that q passed: from the one it began at to the one that answered. */
static uint64_t passed(const struct nd_query *q, uint64_t links)
{
	if (q->run.from == ND_CHAIN_MAX) /* after the last one */
		return 0;
	return (links & (((uint64_t)2 << q->run.answerer) - 1)) >> q->run.from << q->run.from;
}

/* Removes the last of the links that are left and moves q there. */
static const struct nd_link *take_last(struct nd_query *q, uint64_t *left)
{
	unsigned i = 63u - (unsigned)__builtin_clzll(*left);

	*left &= ~((uint64_t)1 << i);
	q->run.at = (uint16_t)(i + 1);
	return &q->run.chain->link[i];
}

static void call_reply(struct nd_query *q)
{
	uint64_t left = q->run.want_reply | passed(q, q->run.chain->see_reply);

	while (left) {
		const struct nd_link *l = take_last(q, &left);
		l->plugin->reply(l->self, q);
	}
}

static void call_done(struct nd_query *q)
{
	uint64_t left = q->run.want_done | passed(q, q->run.chain->see_done);

	while (left) {
		const struct nd_link *l = take_last(q, &left);
		l->plugin->done(l->self, q);
	}
}

/* Completes the reply of a client's query and gives it to the server. */
static void send_reply(struct nd_query *q)
{
	struct nd_worker *w = q->worker;

	if (!q->drop) {
		nd_answer_finish(q);
		w->send(w, q);
		w->out_used += (uint32_t)q->ans.w.pos;
	}
	w->writer[0] = NULL;
	q->ans.open = false;
}

/* Runs a waiting query again. */
static void resume(struct nd_query *q, enum nd_verdict v)
{
	if (ND_UNLIKELY(nd_query_unpark(q)))
		v = nd_query_fail(q, ND_RCODE_SERVFAIL, "out of memory");
	run(q, v);
}

/* A sub-query is answered. Its parent is either still in nd_query_ask(), which looks for FINISHED,
 * or parked, and runs again from here. */
static void finish_child(struct nd_query *q)
{
	struct nd_query *parent = q->run.parent;
	enum nd_verdict v;

	call_done(q);
	if (!parent) { /* in the background: nothing is sent */
		nd_query_end_child(q);
		return;
	}
	q->run.life = ND_QUERY_FINISHED;
	if (!nd_query_waits(parent))
		return;
	parent->run.child = NULL;
	if (ND_UNLIKELY(nd_query_unpark(parent)))
		v = nd_query_fail(parent, ND_RCODE_SERVFAIL, "out of memory");
	else
		v = parent->slot.child_done(parent->run.chain->link[parent->run.at - 1].self,
					    parent, q);
	nd_query_end_child(q);
	run(parent, v);
}

/* The way back: `reply`, the reply itself, `done`; last plugin first. */
static void way_back(struct nd_query *q)
{
	call_reply(q);
	if (q->depth) {
		finish_child(q);
		return;
	}
	send_reply(q);
	call_done(q);
	nd_query_slot_release(q);
}

/* Around what calls plugins: one read-side section for all that they read under RCU (kube index,
 * hosts). */
static inline void enter(struct nd_worker *w)
{
	if (w->running++ == 0)
		nd_worker_rcu_lock(w);
}

static void run_resumes(struct nd_worker *w)
{
	while (!nd_list_empty(&w->resumes)) {
		struct nd_query *q = ND_LIST_ENTRY(w->resumes.next, struct nd_query, slot.link);
		resume(q, q->run.resume_with);
	}
}

/* Queries that were resumed meanwhile run when the stack is empty. */
static inline void leave(struct nd_worker *w)
{
	if (w->running == 1 && ND_UNLIKELY(!nd_list_empty(&w->resumes)))
		run_resumes(w);
	if (--w->running == 0)
		nd_worker_rcu_unlock(w);
}

/* Moves q to the next plugin that has a `query`. NULL: there is none. */
static const struct nd_link *next_link(struct nd_query *q)
{
	const struct nd_chain *c = q->run.chain;
	uint64_t left = q->run.at < ND_CHAIN_MAX ? c->asked >> q->run.at : 0;

	if (!left)
		return NULL;
	q->run.at = (uint16_t)(q->run.at + __builtin_ctzll(left) + 1);
	return &c->link[q->run.at - 1];
}

/* Runs q from its position on, after the last plugin returned v. */
static void run(struct nd_query *q, enum nd_verdict v)
{
	struct nd_worker *w = q->worker;
	const struct nd_chain *c = q->run.chain;
	const struct nd_link *l;

	if (ND_UNLIKELY(v == ND_AGAIN)) {
		q->run.at--;
		v = ND_NEXT;
	}
	enter(w);
	while (v == ND_NEXT && (l = next_link(q)))
		v = l->plugin->query(l->self, q);
	switch (v) {
	case ND_WAIT: ND_ASSERT(nd_query_waits(q)); break;
	case ND_NEXT: /* the chain ended: the server answers, as CoreDNS's NextOrFailure */
		q->run.answerer = c->len ? c->len - 1 : 0;
		nd_query_fail(q, c->empty ? ND_RCODE_REFUSED : ND_RCODE_SERVFAIL, NULL);
		if (c->len)
			q->error = nd_query_printf(q, "plugin/%s: no next plugin found",
						   c->link[c->len - 1].plugin->name);
		way_back(q);
		break;
	case ND_AGAIN: ND_ASSERT(false); break; /* for nd_chain_resume() only */
	case ND_DROP:
		q->drop = true;
		/* fall through */
	case ND_DONE:
		q->run.answerer = q->run.at ? q->run.at - 1 : 0;
		way_back(q);
		break;
	}
	leave(w);
}

/* A reply by the server itself: no block, no plugin, or a malformed request. */
static void refuse(struct nd_query *q, uint16_t rcode, bool counted)
{
	static const struct nd_chain none = { .empty = true };
	const struct nd_instance *d = q->slot.gen->gen->dropped;

	q->run.chain = &none;
	q->rcode = rcode;
	if (q->depth) {
		q->run.life = ND_QUERY_FINISHED;
		return;
	}
	send_reply(q);
	if (counted && d)
		d->dropped(d->self, q);
	nd_query_slot_release(q);
}

void nd_chain_route(struct nd_query *q)
{
	q->site = nd_site_find(q);
	if (!q->site) {
		refuse(q, ND_RCODE_REFUSED, true);
		return;
	}
	q->run.chain = q->site->chain;
	run(q, ND_NEXT);
}

void nd_chain_run(struct nd_query *q)
{
	run(q, ND_NEXT);
}

void nd_chain_start(struct nd_query *q, const void *bytes, size_t n)
{
	enum nd_msg_verdict v = nd_msg_parse_query(&q->msg, bytes, n, &q->slot.name_buf);

	q->size = (uint32_t)n;
	if (ND_UNLIKELY(v == ND_MSG_IGNORE)) {
		nd_query_slot_release(q);
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
			nd_chain_route(q);
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

	if (!q || q->run.life == ND_QUERY_QUEUED)
		return;
	ND_ASSERT(verdict != ND_WAIT);
	if (q->worker->running) {
		/* Called while another query runs, whose answer is being written. */
		q->run.life = ND_QUERY_QUEUED;
		q->run.resume_with = verdict;
		nd_list_del(&q->slot.link);
		nd_list_add(&q->worker->resumes, &q->slot.link);
		return;
	}
	resume(q, verdict);
}

/* Ends what q waits for: the plugin that the deepest sub-query waits for drops its reference, and
 * the sub-queries end, deepest first, without their way back. */
static void end_wait(struct nd_query *q)
{
	struct nd_query *last = q;

	while (last->run.child)
		last = last->run.child;
	const struct nd_link *l = &last->run.chain->link[last->run.at - 1];
	struct nd_query_ref ref = { .q = last, .generation = last->slot.generation };
	ND_ASSERT(nd_query_waits(last));
	if (last->run.life != ND_QUERY_QUEUED && l->plugin->cancel)
		l->plugin->cancel(l->self, ref);
	while (last != q) {
		struct nd_query *parent = last->run.parent;
		nd_query_slot_release(last);
		parent->run.child = NULL;
		last = parent;
	}
}

void nd_chain_cancel(struct nd_query *q, bool answer, const char *why)
{
	struct nd_worker *w = q->worker;

	ND_ASSERT(!w->running && !q->run.parent);
	enter(w);
	end_wait(q);
	if (answer) {
		(void)nd_query_unpark(q);
		q->overload = true;
		nd_query_fail(q, ND_RCODE_SERVFAIL, why);
		q->run.answerer = q->run.at ? q->run.at - 1 : 0;
		way_back(q);
	} else {
		nd_query_slot_release(q);
	}
	leave(w);
}
