/* SPDX-License-Identifier: Apache-2.0 */
/* Sub-queries: a plugin asks the whole server, or the plugins below it, another question. */
#include <string.h>
#include "core/parts.h"

/* Writes the EDNS with its options after the question. A lookup within the server is not a hop, so
 * RFC 6891 s7 does not apply (CoreDNS's upstream.Lookup and autopath copy the request). */
static void write_opt(struct nd_query *child, const struct nd_query *q, struct nd_edns edns,
		      uint8_t *at)
{
	struct nd_msg *m = &child->msg;

	m->edns = edns;
	if (!edns.present)
		return;
	m->edns.options = (uint16_t)(m->len + ND_EDNS_HEAD);
	struct nd_writer w = nd_writer_over(at, ND_EDNS_HEAD + (size_t)edns.options_len);
	nd_edns_write(&w, &edns);
	nd_writer_bytes(&w, q->msg.base + edns.options, edns.options_len);
	m->len = (uint16_t)(m->len + ND_EDNS_HEAD + edns.options_len);
	m->count[3] = 1;
}

bool nd_query_write_request(struct nd_query *child, const struct nd_query *q, struct nd_name name,
			    uint16_t qtype, uint16_t qclass, uint16_t flags, struct nd_edns edns)
{
	size_t end = ND_MSG_HEADER + name.len + 4u;
	size_t opt = edns.present ? ND_EDNS_HEAD + (size_t)edns.options_len : 0;
	uint8_t *p = child->slot.request;

	if (end + opt > sizeof child->slot.request)
		p = end + opt <= ND_MSG_MAX ? nd_query_slot_alloc(child, end + opt) : NULL;
	if (!p)
		return false;
	memset(p, 0, ND_MSG_HEADER);
	nd_writer_put16(p, q->msg.id);
	nd_writer_put16(p + 2, flags);
	p[5] = 1;
	p[11] = opt > 0;
	memcpy(p + ND_MSG_HEADER, name.wire, name.len);
	nd_writer_put16(p + ND_MSG_HEADER + name.len, qtype);
	nd_writer_put16(p + ND_MSG_HEADER + name.len + 2, qclass);

	struct nd_msg *m = &child->msg;
	*m = (struct nd_msg){ .base = p, .id = q->msg.id, .qtype = qtype, .qclass = qclass };
	m->flags = nd_reader_peek16(p + 2);
	m->count[0] = 1;
	m->question_end = m->len = (uint16_t)end;
	m->qname = nd_name_copy(name, &child->slot.name_buf);
	nd_name_lower(child->slot.name_buf.bytes, name.len);
	write_opt(child, q, edns, p + end);
	child->size = m->len;
	child->run.owned = true;
	return true;
}

void nd_query_end_child(struct nd_query *child)
{
	if (child->ans.open) /* its parent has not asked again */
		nd_worker_close_output(child->worker, child);
	nd_query_slot_release(child);
}

enum nd_verdict nd_query_ask(struct nd_query *q, struct nd_name name, uint16_t qtype,
			     enum nd_ask_from from,
			     enum nd_verdict (*done)(const void *self, struct nd_query *q,
						     struct nd_query *child))
{
	struct nd_worker *w = q->worker;

	if (q->depth == ND_QUERY_DEPTH_MAX)
		return nd_query_fail(q, ND_RCODE_SERVFAIL, "too many nested lookups");
	if (w->now_ns - q->start_ns >= ND_S(ND_WORKER_TIMEOUT_S))
		return nd_query_fail(q, ND_RCODE_SERVFAIL, "query timed out");
	struct nd_query *child = nd_query_slot_take(w);
	if (!child) { /* nothing is shed here: q's answer is being written */
		w->refused++;
		nd_query_mark_overload(q);
		return nd_query_fail(q, ND_RCODE_SERVFAIL, "too many queries are waiting");
	}
	child->endpoint = q->endpoint;
	child->client = q->client;
	child->run.parent = q;
	child->depth = (uint8_t)(q->depth + 1);
	child->start_ns = q->start_ns;
	/* Its parent's configuration, which may be older than the one that serves. */
	if (child->slot.gen != q->slot.gen) {
		nd_worker_unref_gen(w, child->slot.gen);
		child->slot.gen = q->slot.gen;
		child->slot.gen->queries++;
	}
	child->server_options = q->server_options;
	if (nd_worker_make_scratch(w, child->depth) ||
	    !nd_query_write_request(child, q, name, qtype, ND_CLASS_IN,
				    q->msg.flags & (ND_FLAG_RD | ND_FLAG_AD | ND_FLAG_CD),
				    q->msg.edns)) {
		nd_query_slot_release(child);
		return nd_query_fail(q, ND_RCODE_SERVFAIL, "out of memory");
	}
	nd_worker_output(w, child);

	q->run.child = child;
	q->slot.child_done = done;
	if (from == ND_ASK_SITE) {
		nd_chain_route(child);
	} else {
		child->run.below = true;
		child->site = q->site;
		child->run.chain = q->run.chain;
		child->run.at = child->run.from = q->run.at;
		nd_chain_run(child);
	}
	if (child->run.life != ND_QUERY_FINISHED) {
		nd_query_park(q);
		return ND_WAIT;
	}
	q->run.child = NULL;
	enum nd_verdict v = done(q->run.chain->link[q->run.at - 1].self, q, child);
	nd_query_end_child(child);
	return v;
}

static enum nd_verdict on_target(const void *self, struct nd_query *q, struct nd_query *child)
{
	(void)self;
	if (child->rcode == ND_RCODE_NOERROR || child->rcode == ND_RCODE_NXDOMAIN)
		nd_answer_append_cut(q, ND_SECTION_ANSWER, child);
	return ND_DONE;
}

enum nd_verdict nd_query_chase(struct nd_query *q, struct nd_name target)
{
	if (q->depth >= ND_QUERY_DEPTH_MAX)
		return ND_DONE; /* a loop of CNAMEs: the answer ends here */
	return nd_query_ask(q, target, q->msg.qtype, ND_ASK_SITE, on_target);
}
