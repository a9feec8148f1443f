/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/attempt.h"

#include <stdio.h>
#include <string.h>
#include "base/time.h"
#include "io/random.h"
#include "upstream/reply.h"

/* For a suspect server: the longest wait before the next server is queried in parallel. */
#define SUSPECT_NS ND_MS(50)

enum { RETRIES_MAX = 3 };

static void on_timer(struct nd_timer *t);

static uint64_t now_of(const struct nd_exchange *e)
{
	return nd_loop_now_ns(e->x->loop);
}

static struct nd_pool *pool_of(const struct nd_attempt *a)
{
	return a->exchange->x->pool[a->host];
}

static uint64_t at_most(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void arm(struct nd_exchange *e)
{
	uint64_t now = now_of(e), when = e->end_ns;

	for (unsigned i = 0; i < ND_EXCHANGE_LIVE; i++) {
		const struct nd_attempt *a = &e->attempt[i];
		if (a->live)
			when = at_most(when, at_most(a->fire_ns, a->end_ns));
	}
	if (e->exhausted)
		when = now;
	nd_timer_start(e->x->loop, &e->timer, when > now ? when - now : 0, on_timer);
}

static bool any_live(const struct nd_exchange *e)
{
	for (unsigned i = 0; i < ND_EXCHANGE_LIVE; i++)
		if (e->attempt[i].live)
			return true;
	return false;
}

/* --- the choice of a server --- */

/* As in CoreDNS: hosts that are down are skipped. When all are down, the health checks may be
 * wrong, and a random host is queried (none, with failfast). -1: none. */
static int next_host(struct nd_exchange *e)
{
	const struct nd_exchange_config *c = e->x->config;

	for (;;) {
		if (e->at >= c->nhosts) {
			e->at = 0;
			e->down = 0;
		}
		uint8_t h = e->order[e->at++];
		if (!nd_host_down(c->host[h], c->max_fails))
			return h;
		if (++e->down < c->nhosts)
			continue;
		nd_metric_add(e->x->broken, 1);
		return c->failfast ? -1 : (int)nd_random_below((uint32_t)c->nhosts);
	}
}

static bool is_queried(const struct nd_exchange *e, uint8_t host)
{
	for (unsigned i = 0; i < ND_EXCHANGE_LIVE; i++)
		if (e->attempt[i].live && e->attempt[i].host == host)
			return true;
	return false;
}

/* The next in the list that is up and not being queried; -1: none. */
static int another_host(struct nd_exchange *e)
{
	const struct nd_exchange_config *c = e->x->config;

	for (size_t i = 0; i < c->nhosts; i++) {
		size_t at = (e->at + i) % c->nhosts;
		uint8_t h = e->order[at];
		if (nd_host_down(c->host[h], c->max_fails) || is_queried(e, h))
			continue;
		e->at = (uint8_t)(at + 1);
		return h;
	}
	return -1;
}

static bool may_try(const struct nd_exchange *e)
{
	uint32_t max = e->x->config->max_attempts;

	return now_of(e) < e->end_ns && (max == 0 || e->tries < max);
}

/* --- sending --- */

static void on_reply(struct nd_sent *s, const uint8_t *bytes, size_t n, bool cut);
static void on_error(struct nd_sent *s, int err, const char *text);

static uint64_t timer_ns(const struct nd_attempt *a)
{
	uint64_t ns = nd_rtt_timer_ns(&pool_of(a)->rtt, a->fires + 1u);

	if (a->tcp)
		ns *= 2; /* a connection may have to be opened */
	return a->fires == 0 && nd_pool_suspect(pool_of(a)) ? at_most(ns, SUSPECT_NS) : ns;
}

static void note_error(struct nd_exchange *e, const char *text)
{
	if (text != e->error)
		snprintf(e->error, sizeof e->error, "%s", text);
}

/* An attempt has failed: check the health of its server. */
static void suspect(struct nd_pool *p, const struct nd_exchange *e)
{
	if (e->x->config->max_fails)
		nd_probe_start(&p->probe, p);
}

static int send_attempt(struct nd_attempt *a, uint8_t host, bool tcp)
{
	struct nd_exchange *e = a->exchange;
	char text[ND_POOL_ERROR_MAX];

	a->host = host;
	a->exchange->asked = a->exchange->x->config->host[host];
	a->tcp = tcp;
	a->sends = 1;
	a->fires = 0;
	a->sent.on_reply = on_reply;
	a->sent.on_error = on_error;
	int err = nd_pool_send(pool_of(a), &a->sent, tcp, e->bytes, e->n, text);
	if (err) {
		note_error(e, text);
		suspect(pool_of(a), e);
		return err;
	}
	a->live = true;
	a->sent_ns = now_of(e);
	a->fire_ns = a->sent_ns + timer_ns(a);
	a->end_ns = a->sent_ns + e->x->config->read_timeout_ns;
	return 0;
}

/* A slot for another attempt. With all in use, the oldest attempt is given up, so that any number
 * of silent servers is worked through at the pace of the timers. */
static struct nd_attempt *free_slot(struct nd_exchange *e)
{
	struct nd_attempt *oldest = &e->attempt[0];

	for (unsigned i = 0; i < ND_EXCHANGE_LIVE; i++) {
		struct nd_attempt *a = &e->attempt[i];
		if (!a->live) {
			a->exchange = e;
			return a;
		}
		if (a->sent_ns < oldest->sent_ns)
			oldest = a;
	}
	nd_pool_timeout_text(&oldest->sent, e->error);
	nd_pool_give_up(&oldest->sent);
	oldest->live = false;
	return oldest;
}

/* Queries the next server of the list; false when none remains. */
static bool try_next(struct nd_exchange *e)
{
	while (may_try(e)) {
		int h = next_host(e);
		if (h < 0)
			return false;
		e->tries++;
		if (send_attempt(free_slot(e), (uint8_t)h, e->tcp) == 0)
			return true;
		if (e->down >= e->x->config->nhosts)
			return false;
	}
	return false;
}

void nd_attempt_begin(struct nd_exchange *e)
{
	e->exhausted = !try_next(e);
	arm(e);
}

void nd_attempt_end(struct nd_exchange *e)
{
	for (unsigned i = 0; i < ND_EXCHANGE_LIVE; i++) {
		if (e->attempt[i].live)
			nd_pool_forget(&e->attempt[i].sent);
		e->attempt[i].live = false;
	}
}

/* --- failing --- */

static void finish_failed(struct nd_exchange *e)
{
	struct nd_outcome o = { .kind = ND_OUTCOME_FAILED,
				.error = e->error[0] ? e->error : NULL,
				.host = e->asked };

	nd_exchange_finish(e, &o);
}

/* An attempt has ended without a reply. May free the exchange. */
static void continue_exchange(struct nd_exchange *e)
{
	if (any_live(e) || (e->down < e->x->config->nhosts && try_next(e)))
		arm(e);
	else
		finish_failed(e);
}

static void on_error(struct nd_sent *s, int err, const char *text)
{
	struct nd_attempt *a = ND_CONTAINER(s, struct nd_attempt, sent);
	struct nd_exchange *e = a->exchange;

	a->live = false;
	/* A server may close an idle connection while a query is on its way to it
	 * (RFC 7766 s6.2.4): this is not a failure. */
	if (err == 0 && s->reused && e->retries < RETRIES_MAX) {
		e->retries++;
		if (send_attempt(a, a->host, a->tcp) == 0) {
			arm(e);
			return;
		}
	} else {
		note_error(e, text);
		suspect(pool_of(a), e);
	}
	continue_exchange(e);
}

static void fail_attempt(struct nd_attempt *a, const char *text)
{
	struct nd_exchange *e = a->exchange;

	note_error(e, text);
	nd_pool_forget(&a->sent);
	a->live = false;
	suspect(pool_of(a), e);
	continue_exchange(e);
}

/* --- replies --- */

static void count_reply(struct nd_attempt *a, const struct nd_msg *m)
{
	uint64_t ns = now_of(a->exchange) - a->sent_ns;

	nd_host_count_answer(pool_of(a)->counts, nd_msg_rcode(m), ns);
	if (a->sends == 1 && !a->tcp)
		nd_rtt_sample(&pool_of(a)->rtt, ns);
}

static void retry_over_tcp(struct nd_attempt *a)
{
	struct nd_exchange *e = a->exchange;

	nd_pool_forget(&a->sent);
	a->live = false;
	if (send_attempt(a, a->host, true))
		continue_exchange(e);
	else
		arm(e);
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
	int h = may_try(e) ? another_host(e) : -1;
	if (h < 0) {
		continue_exchange(e);
		return true;
	}
	e->tries++;
	if (send_attempt(a, (uint8_t)h, e->tcp))
		continue_exchange(e);
	else
		arm(e);
	return true;
}

static void on_reply(struct nd_sent *s, const uint8_t *bytes, size_t n, bool cut)
{
	struct nd_attempt *a = ND_CONTAINER(s, struct nd_attempt, sent);
	struct nd_exchange *e = a->exchange;
	const struct nd_exchange_config *c = e->x->config;
	const struct nd_reply_query q = { .bytes = e->bytes,
					  .lower = nd_name_view(e->lower),
					  .qtype = e->qtype,
					  .qclass = e->qclass,
					  .limit = e->limit,
					  .tcp = a->tcp };
	struct nd_reply r;

	nd_pool_note_reply(pool_of(a));
	enum nd_reply_kind kind = nd_reply_read(&r, &q, bytes, n, cut);
	if (kind == ND_REPLY_BROKEN) {
		fail_attempt(a, r.error);
		return;
	}
	count_reply(a, &r.msg);
	if ((r.msg.flags & ND_FLAG_TC) && c->prefer_udp && !c->force_tcp && !a->tcp) {
		retry_over_tcp(a);
		return;
	}
	struct nd_outcome o = { .kind = ND_OUTCOME_WRONG, .msg = &r.msg, .host = c->host[a->host] };
	if (kind == ND_REPLY_ANSWER) {
		if (fails_over(a, &r.msg))
			return;
		o.kind = ND_OUTCOME_REPLY;
	}
	nd_exchange_finish(e, &o);
}

/* --- silence --- */

/* The server exceeded its usual response time: queries another one in parallel; without another
 * one, the same again. */
static void handle_silence(struct nd_attempt *a)
{
	struct nd_exchange *e = a->exchange;
	int h = -1;

	nd_pool_note_timeout(pool_of(a), e->x->config->max_fails != 0);
	a->fires++;
	if (may_try(e))
		h = another_host(e);
	if (h >= 0) {
		a->fire_ns = now_of(e) + timer_ns(a);
		e->tries++;
		/* An error is noted; this attempt continues. */
		(void)send_attempt(free_slot(e), (uint8_t)h, e->tcp);
		return;
	}
	if (!a->tcp) {
		a->sends++;
		nd_pool_resend(&a->sent, e->bytes, e->n);
	}
	a->fire_ns = now_of(e) + timer_ns(a);
}

static void time_out(struct nd_attempt *a)
{
	nd_pool_timeout_text(&a->sent, a->exchange->error);
	nd_pool_give_up(&a->sent);
	a->live = false;
	suspect(pool_of(a), a->exchange);
}

static void on_timer(struct nd_timer *t)
{
	struct nd_exchange *e = ND_CONTAINER(t, struct nd_exchange, timer);
	uint64_t now = now_of(e);
	bool over = e->exhausted || now >= e->end_ns;

	for (unsigned i = 0; i < ND_EXCHANGE_LIVE; i++) {
		struct nd_attempt *a = &e->attempt[i];
		if (a->live && (over || now >= a->end_ns))
			time_out(a);
	}
	if (over) {
		finish_failed(e);
		return;
	}
	for (unsigned i = 0; i < ND_EXCHANGE_LIVE; i++) {
		struct nd_attempt *a = &e->attempt[i];
		if (a->live && now >= a->fire_ns)
			handle_silence(a);
	}
	continue_exchange(e);
}
