/* SPDX-License-Identifier: Apache-2.0 */
/* forward - forwards queries to upstream servers and returns their replies (CoreDNS's forward). */
#include "plugin/forward/forward.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include "core/chain.h"
#include "core/offer.h"
#include "core/worker.h"

struct state {
	struct nd_waiter waiter;
	const struct nd_forward *forward;
	struct nd_query_ref ref;
	bool counted; /* in forward->running */
	bool done;    /* the outcome is below, for `reply` */
	bool overload;
	enum nd_outcome_kind kind;
	const struct nd_msg
		*msg; /* borrowed until the resume ends, or a copy in the query's memory */
	const char *error;
	const struct nd_host *upstream; /* that answered, or was queried last */
};

struct worker {
	struct nd_exchanger *exchanger;
};

static int worker_start(const void *self, void *state, struct nd_worker *w)
{
	const struct nd_forward *f = self;
	struct worker *mine = state;

	mine->exchanger = nd_exchanger_new(&f->group, w->id, w->loop, f->tables,
					   &f->totals->worker[w->id].exchange);
	return mine->exchanger ? 0 : ND_ELIMIT;
}

static void worker_stop(const void *self, void *state, struct nd_worker *w)
{
	struct worker *mine = state;
	(void)self;
	(void)w;

	nd_exchanger_free(mine->exchanger);
	mine->exchanger = NULL;
}

/* --- the message to send --- */

/* The name in the client's spelling, if it is uncompressed, as in all but odd queries. */
static struct nd_name name_to_send(const struct nd_query *q)
{
	const struct nd_msg *m = &q->msg;

	if (!q->renamed && m->question_end == ND_MSG_HEADER + m->qname.len + 4)
		return nd_query_name_asked(q);
	return m->qname;
}

static void write_opt(struct nd_writer *w, const struct nd_msg *m)
{
	const struct nd_edns *e = &m->edns;

	nd_edns_write(w, e);
	nd_writer_bytes(w, m->base + e->options, e->options_len);
}

/* Writes the client's message as changed by earlier plugins: flags, question, EDNS with its
 * options; other records (the SOA of a NOTIFY, a TSIG) unchanged. The id is set by upstream. */
static size_t write_request(const struct nd_query *q, uint8_t *out, size_t cap)
{
	const struct nd_msg *m = &q->msg;
	struct nd_name name = name_to_send(q);
	struct nd_writer w = nd_writer_over(out, cap);
	bool others = m->count[1] || m->count[2] || m->count[3] > m->edns.present;
	bool verbatim = others && name.wire != m->qname.wire;

	nd_writer_u16(&w, 0);
	nd_writer_u16(&w, m->flags & (uint16_t)~ND_FLAG_QR);
	nd_writer_u16(&w, 1);
	nd_writer_u16(&w, verbatim ? m->count[1] : 0);
	nd_writer_u16(&w, verbatim ? m->count[2] : 0);
	nd_writer_u16(&w, verbatim ? m->count[3] : m->edns.present);
	nd_writer_bytes(&w, name.wire, name.len);
	nd_writer_u16(&w, m->qtype);
	nd_writer_u16(&w, m->qclass);
	if (verbatim)
		nd_writer_bytes(&w, m->base + m->question_end, m->len - (size_t)m->question_end);
	else if (m->edns.present)
		write_opt(&w, m);
	return w.err ? 0 : w.pos;
}

/* --- the way in --- */

static bool is_ours(const struct nd_forward *f, struct nd_name name)
{
	if (!nd_name_under_lower(name, f->from))
		return false;
	return nd_name_same(name, f->from) || !nd_setup_zone_match(f->except, f->nexcept, name);
}

static bool count_in(const struct nd_forward *f)
{
	if (atomic_fetch_add_explicit(f->running, 1, memory_order_relaxed) < f->max_concurrent)
		return true;
	atomic_fetch_sub_explicit(f->running, 1, memory_order_relaxed);
	return false;
}

static void count_out(struct state *st)
{
	if (st->counted)
		atomic_fetch_sub_explicit(st->forward->running, 1, memory_order_relaxed);
	st->counted = false;
}

static void on_outcome(struct nd_waiter *w, const struct nd_outcome *o);

static int start_exchange(struct nd_query *q, struct state *st)
{
	struct worker *mine = nd_query_worker_state(q);
	uint8_t bytes[ND_MSG_MAX];
	struct nd_exchange_question question = {
		.bytes = bytes,
		.n = write_request(q, bytes, sizeof bytes),
		.lower = q->msg.qname,
		.qtype = q->msg.qtype,
		.qclass = q->msg.qclass,
		.limit = nd_query_limit(q),
		.stream = q->client.proto != ND_PROTO_UDP,
		/* Plugin loop counts its HINFO query: joined with itself, it would arrive once, and
		 * wait for its own reply. */
		.alone = q->msg.qtype == ND_TYPE_HINFO,
		.client = &q->client.peer,
	};

	if (question.n == 0)
		return ND_ELIMIT;
	st->waiter.done = on_outcome;
	return nd_exchange_ask(mine->exchanger, &question, &st->waiter);
}

static enum nd_verdict query(const void *self, struct nd_query *q)
{
	const struct nd_forward *f = self;

	if (!is_ours(f, q->msg.qname))
		return ND_NEXT;
	struct state *st = nd_query_state(q);
	if (!st)
		return nd_query_fail(q, ND_RCODE_SERVFAIL, "out of memory");
	st->forward = f;
	if (f->max_concurrent) {
		st->counted = count_in(f);
		if (!st->counted) {
			nd_metric_add(&f->totals->worker[q->worker->id].rejected, 1);
			return nd_query_fail(q, ND_RCODE_REFUSED, f->too_many);
		}
	}
	int err = start_exchange(q, st);
	if (err) {
		count_out(st);
		nd_query_mark_overload(q);
		if (err == -ENOMEM)
			nd_query_note_shortage(q);
		return nd_query_fail(q, ND_RCODE_SERVFAIL,
				     err == -EBUSY ? "too many queries for the name"
						   : "out of memory");
	}
	nd_query_want_reply(q);
	st->ref = nd_query_park(q);
	return ND_WAIT;
}

static void cancel(const void *self, struct nd_query_ref ref)
{
	struct state *st = nd_query_state(ref.q);
	(void)self;

	if (!st)
		return;
	nd_exchange_cancel(&st->waiter);
	count_out(st);
}

/* --- the way back --- */

/* `next` and `next_on_nodata`: the query goes to the next forward of the block, if there is one. */
static bool continues(const struct nd_forward *f, const struct nd_query *q,
		      const struct nd_outcome *o)
{
	if (o->kind != ND_OUTCOME_REPLY || nd_query_next_plugin(q) != &nd_plugin_forward)
		return false;
	unsigned rcode = nd_msg_rcode(o->msg);
	if (rcode < 32 && (f->next >> rcode & 1))
		return true;
	return f->next_on_nodata && rcode == ND_RCODE_NOERROR && o->msg->count[1] == 0;
}

/* A copy of the reply that lives as long as the query. */
static const struct nd_msg *keep(struct nd_query *q, const struct nd_msg *m)
{
	struct nd_msg *copy = nd_query_alloc(q, sizeof *copy);
	uint8_t *bytes = nd_query_alloc(q, m->len);

	if (!copy || !bytes)
		return NULL;
	*copy = *m;
	copy->base = memcpy(bytes, m->base, m->len);
	copy->qname = nd_name_root; /* viewed a buffer of the caller; not used */
	return copy;
}

static void on_outcome(struct nd_waiter *w, const struct nd_outcome *o)
{
	struct state *st = ND_CONTAINER(w, struct state, waiter);
	struct nd_query *q = nd_query_find(st->ref);

	count_out(st);
	ND_ASSERT(q); /* a parked query that ends is cancelled first */
	st->upstream = o->host;
	if (continues(st->forward, q, o)) {
		nd_chain_resume(st->ref, ND_NEXT);
		return;
	}
	st->done = true;
	st->kind = o->kind;
	/* Inside another query's run the resume is deferred; the reply's bytes are gone by then. */
	st->msg = o->kind != ND_OUTCOME_REPLY ? NULL
		  : q->worker->running        ? keep(q, o->msg)
					      : o->msg;
	st->overload = o->overload;
	if (o->kind == ND_OUTCOME_FAILED)
		st->error = o->error ? nd_query_printf(q, "%s", o->error) : "no healthy proxies";
	nd_chain_resume(st->ref, ND_DONE);
}

/* Writes the answer here, not in on_outcome(): the query has no output before. */
static void reply(const void *self, struct nd_query *q)
{
	struct state *st = nd_query_state(q);
	(void)self;

	if (!st || !st->done)
		return; /* answered by another plugin, or by the deadline */
	st->done = false;
	switch (st->kind) {
	case ND_OUTCOME_REPLY:
		if (!st->msg || nd_answer_message(q, st->msg))
			nd_query_fail(q, ND_RCODE_SERVFAIL, "dns: the reply is malformed");
		break;
	case ND_OUTCOME_FAILED:
		if (st->overload)
			nd_query_mark_overload(q);
		nd_query_fail(q, ND_RCODE_SERVFAIL, st->error);
		break;
	}
	st->msg = NULL;
}

/* forward/upstream. Set by the outcome of the query, hence for all zones, as in CoreDNS. */
static int label(const void *self, struct nd_query *q, const struct nd_offer_asked *asked,
		 const char *name, char *out, size_t cap)
{
	const struct state *st = strcmp(name, "forward/upstream") == 0 ? nd_query_state(q) : NULL;
	(void)self;
	(void)asked;

	if (!st || !st->upstream)
		return -1;
	size_t n = strlen(st->upstream->text);
	n = n < cap ? n : cap;
	memcpy(out, st->upstream->text, n);
	return (int)n;
}

static const struct nd_offer offer = { .label = label, .label_anywhere = true };

static void clear(void *self)
{
	nd_forward_metrics_forget(self);
}

static const struct nd_setting settings[] = {
	ND_SET_OWN_ROW("except", "names below FROM that go to the next plugin"),
	ND_SET_OWN_ROW("force_tcp", "use TCP, whatever the client uses"),
	ND_SET_OWN_ROW("prefer_udp", "use UDP first, and TCP after a truncated reply"),
	ND_SET_OWN_ROW("expire", "idle sockets are closed after this (10s)"),
	ND_SET_OWN_ROW("max_age", "sockets older than this get no new queries (30s; 0s: no limit)"),
	ND_SET_OWN_ROW("max_idle_conns",
		       "idle sockets kept per upstream and protocol (0: no limit)"),
	ND_SET_OWN_ROW("read_timeout", "for one upstream (2s)"),
	ND_SET_OWN_ROW("max_fails",
		       "an upstream with more failed checks in a row is down (2; 0: never)"),
	ND_SET_OWN_ROW("max_connect_attempts",
		       "tries per query (2 per upstream; 0: no limit but time)"),
	ND_SET_OWN_ROW("health_check", "time between checks (0.5s), no_rec, domain NAME"),
	ND_SET_OWN_ROW("policy", "random, round_robin or sequential"),
	ND_SET_OWN_ROW("max_concurrent", "queries in flight; above it REFUSED (0: no limit)"),
	ND_SET_OWN_ROW("next", "rcodes that send the query to the next forward of the block"),
	ND_SET_OWN_ROW("next_on_nodata",
		       "an answer without records sends the query to the next forward"),
	ND_SET_OWN_ROW("failover", "rcodes that send the query to the next upstream"),
	ND_SET_OWN_ROW("failfast_all_unhealthy_upstreams", "SERVFAIL at once when all are down"),
	ND_SET_OWN_ROW("source_address", "local address of queries"),
	ND_SET_OWN_ROW("tls", "[CERT KEY] [CA]: files for upstreams over TLS"),
	ND_SET_OWN_ROW("tls_servername", "NAME in the certificate of upstreams over TLS"),
	ND_SET_OWN_ROW("doh_method", "POST or GET (POST): of upstreams over HTTPS"),
	ND_SET_OWN_ROW("resolver", "ADDRESS...: look up host names in TO (the system's resolver)"),
	{ 0 },
};

const struct nd_plugin nd_plugin_forward = {
	.name = "forward",
	.repeat = ND_REPEAT_INSTANCES,
	.self_size = sizeof(struct nd_forward),
	.worker_size = sizeof(struct worker),
	.query_size = sizeof(struct state),
	.settings = settings,
	.setup = nd_forward_setup,
	.clear = clear,
	.offer = &offer,
	.worker_start = worker_start,
	.worker_stop = worker_stop,
	.query = query,
	.reply = reply,
	.cancel = cancel,
};
