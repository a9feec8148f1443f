/* SPDX-License-Identifier: Apache-2.0 */
/* Replies to the attempts of an exchange. */
#include "upstream/attempt_parts.h"
#include "upstream/reply.h"

static void count_reply(struct nd_attempt *a, const struct nd_msg *m)
{
	uint64_t ns = nd_attempt_now(a->exchange) - a->sent.sent_ns;

	nd_host_count_answer(nd_attempt_pool(a)->counts, nd_msg_rcode(m), ns);
	if (a->sends == 1)
		nd_pool_sample(&a->sent);
}

/* Connections to the same server on which the query was sent before, without a reply. */
static void judge_others(const struct nd_attempt *a)
{
	struct nd_exchange *e = a->exchange;
	uint64_t now = nd_attempt_now(e);

	for (unsigned i = 0; i < nd_attempt_slots(e); i++) {
		struct nd_attempt *b = nd_attempt_slot(e, i);
		if (b != a && b->live && b->host == a->host && b->sent.sent_ns < a->sent.sent_ns)
			nd_pool_judge(&b->sent,
				      now - a->sent.sent_ns <= nd_pool_timer_ns(&a->sent, 1));
	}
}

static void retry_over_tcp(struct nd_attempt *a)
{
	struct nd_exchange *e = a->exchange;

	nd_pool_forget(&a->sent);
	a->live = false;
	if (nd_attempt_send(a, a->host, true, NULL))
		nd_attempt_continue(e);
	else
		nd_attempt_arm(e);
}

/* An rcode of the `failover` list: queries the next server, unless all have replied. */
static bool fails_over(struct nd_attempt *a, const struct nd_msg *m)
{
	struct nd_exchange *e = a->exchange;
	const struct nd_exchange_config *c = e->x->config;
	unsigned rcode = nd_msg_rcode(m);

	if (rcode >= 32 || !(c->failover >> rcode & 1) || ++e->failovers >= c->nhosts)
		return false;
	nd_pool_forget(&a->sent);
	a->live = false;
	e->tries--; /* it did connect: max_connect_attempts counts failures only */
	int h = nd_attempt_may_try(e) ? nd_attempt_another_host(e) : -1;
	if (h < 0) {
		nd_attempt_continue(e);
		return true;
	}
	e->tries++;
	nd_attempt_pass_host(e, (uint8_t)h);
	if (nd_attempt_try(a, (uint8_t)h, e->tcp))
		nd_attempt_continue(e);
	else
		nd_attempt_arm(e);
	return true;
}

static struct nd_reply_query query_of(const struct nd_attempt *a)
{
	const struct nd_exchange *e = a->exchange;

	return (struct nd_reply_query){ .bytes = e->bytes,
					.name = nd_exchange_name(e),
					.qtype = e->qtype,
					.qclass = e->qclass,
					.limit = e->limit,
					.tcp = a->tcp };
}

/* A reply to the question: the answer, unless another server is to be queried. */
static void take_reply(struct nd_attempt *a, const struct nd_msg *m)
{
	struct nd_exchange *e = a->exchange;
	const struct nd_exchange_config *c = e->x->config;
	struct nd_outcome o = { .kind = ND_OUTCOME_REPLY, .msg = m, .host = c->host[a->host] };

	nd_pool_note_reply(&a->sent);
	count_reply(a, m);
	if (e->more)
		judge_others(a);
	if ((m->flags & ND_FLAG_TC) && c->prefer_udp && !c->force_tcp && !a->tcp)
		retry_over_tcp(a);
	else if (!fails_over(a, m))
		nd_exchange_finish(e, &o);
}

void nd_attempt_take_bare(struct nd_attempt *a, uint16_t flags)
{
	const struct nd_reply_query q = query_of(a);
	struct nd_reply r;

	nd_reply_make_empty(&r, &q, flags);
	take_reply(a, &r.msg);
}

void nd_attempt_on_reply(struct nd_sent *s, const uint8_t *bytes, size_t n, bool cut)
{
	struct nd_attempt *a = ND_CONTAINER(s, struct nd_attempt, sent);
	const struct nd_reply_query q = query_of(a);
	struct nd_reply r;
	enum nd_reply_kind kind = nd_reply_read(&r, &q, bytes, n, cut);

	switch (kind) {
	case ND_REPLY_ANSWER: take_reply(a, &r.msg); break;
	case ND_REPLY_WRONG: nd_pool_note_stray(nd_attempt_pool(a), false); break;
	case ND_REPLY_BARE:
		if (a->tcp) {
			nd_attempt_take_bare(a, r.msg.flags);
			break;
		}
		a->noted = ND_ATTEMPT_BARE;
		a->noted_flags = r.msg.flags;
		break;
	case ND_REPLY_BROKEN:
		if (a->tcp) {
			struct nd_exchange *e = a->exchange;
			nd_attempt_fail(a, r.error);
			nd_attempt_continue(e);
		} else if (!a->noted) {
			a->noted = ND_ATTEMPT_BROKEN;
		}
		break;
	}
}
