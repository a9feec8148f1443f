/* SPDX-License-Identifier: Apache-2.0 */
/* Queries without a client. They are in the lists of waiting queries like a client's, which gives
 * them a deadline and an end when the worker ends; their origin is the worker's own. They answer
 * into the output of a sub-query. */
#include "core/parts.h"

static bool room_for_more(const struct nd_worker *w)
{
	uint32_t max = w->max_roots / 4;

	if (max > ND_QUERY_BACKGROUND_MAX)
		max = ND_QUERY_BACKGROUND_MAX;
	return w->background.nqueries < max && w->nparked < w->max_roots / 2;
}

/* b begins after the calling plugin, in q's chain and configuration. */
static void place(struct nd_query *b, const struct nd_query *q, enum nd_proto proto)
{
	struct nd_worker *w = q->worker;

	b->depth = 1;
	b->endpoint = q->endpoint;
	b->site = q->site;
	b->client = q->client;
	b->client.proto = proto;
	b->client.origin = &w->background;
	b->run.chain = q->run.chain;
	b->run.at = b->run.from = q->run.at;
	if (b->slot.gen != q->slot.gen) {
		nd_worker_unref_gen(w, b->slot.gen);
		b->slot.gen = q->slot.gen;
		b->slot.gen->queries++;
	}
}

bool nd_query_background(struct nd_query *q, enum nd_proto proto,
			 void (*begin)(const void *self, struct nd_query *b, void *ctx), void *ctx)
{
	struct nd_worker *w = q->worker;
	struct nd_query *b = room_for_more(w) ? nd_query_slot_take(w) : NULL;
	struct nd_edns edns = q->msg.edns;
	uint16_t flags = ND_FLAG_RD | ND_FLAG_AD | (q->msg.flags & ND_FLAG_CD);

	if (!b)
		return false;
	place(b, q, proto);
	if (nd_worker_make_scratch(w, b->depth)) {
		nd_query_slot_release(b);
		return false;
	}
	edns.options_len = 0;
	edns.extended_rcode = edns.version = 0;
	edns.flags &= ND_EDNS_DO;
	if (!nd_query_write_request(b, q, q->msg.qname, q->msg.qtype, q->msg.qclass, flags, edns)) {
		nd_query_slot_release(b);
		return false;
	}
	begin(q->run.chain->link[q->run.at - 1].self, b, ctx);
	nd_query_park_new(b);
	nd_chain_resume((struct nd_query_ref){ b, b->slot.generation }, ND_NEXT);
	return true;
}
