/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/attempt_parts.h"

#include <stdlib.h>
#include <string.h>
#include "base/budget.h"
#include "base/time.h"
#include "io/random.h"

/* For a suspect server: the longest wait before the next server is queried in parallel. */
#define SUSPECT_NS ND_MS(50)

enum { RETRIES_MAX = 3, MORE_BYTES = (ND_EXCHANGE_LIVE - 1) * sizeof(struct nd_attempt) };

static uint64_t at_most(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void nd_attempt_arm(struct nd_exchange *e)
{
	uint64_t now = nd_attempt_now(e), when = e->end_ns;

	for (unsigned i = 0; i < nd_attempt_slots(e); i++) {
		const struct nd_attempt *a = nd_attempt_slot(e, i);
		if (a->live)
			when = at_most(when, at_most(a->fire_ns, a->end_ns));
	}
	if (e->exhausted)
		when = now;
	nd_timer_start(e->x->loop, &e->timer, when > now ? when - now : 0, nd_attempt_on_timer);
}

static bool any_live(struct nd_exchange *e)
{
	for (unsigned i = 0; i < nd_attempt_slots(e); i++)
		if (nd_attempt_slot(e, i)->live)
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
		nd_metric_add(&e->x->counts->broken, 1);
		return c->failfast ? -1 : (int)nd_random_below((uint32_t)c->nhosts);
	}
}

static bool is_queried(struct nd_exchange *e, uint8_t host)
{
	for (unsigned i = 0; i < nd_attempt_slots(e); i++)
		if (nd_attempt_slot(e, i)->live && nd_attempt_slot(e, i)->host == host)
			return true;
	return false;
}

/* The next in the list that is up and not being queried; -1: none. */
int nd_attempt_another_host(struct nd_exchange *e)
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

bool nd_attempt_may_try(const struct nd_exchange *e)
{
	uint32_t max = e->x->config->max_attempts;

	return nd_attempt_now(e) < e->end_ns && (max == 0 || e->tries < max);
}

/* --- sending --- */

static void on_error(struct nd_sent *s, int err, const char *text);

uint64_t nd_attempt_timer_ns(const struct nd_attempt *a)
{
	uint64_t ns = nd_rtt_timer_ns(&nd_attempt_pool(a)->rtt, a->fires + 1u);

	if (a->tcp)
		ns *= 2; /* a connection may have to be opened */
	return a->fires == 0 && nd_pool_suspect(nd_attempt_pool(a)) ? at_most(ns, SUSPECT_NS) : ns;
}

static void note_error(struct nd_exchange *e, const char *text)
{
	char *copy = strdup(text);

	if (!copy) /* the text before it, or that of no upstream being healthy */
		return;
	free(e->error);
	e->error = copy;
}

/* An attempt has failed: check the health of its server. */
void nd_attempt_suspect(struct nd_pool *p, const struct nd_exchange *e)
{
	if (e->x->config->max_fails)
		nd_probe_start(&p->probe, p);
}

/* Over UDP, or over TCP if wanted or while the host is guarded and answers there. */
static int transmit(struct nd_attempt *a, bool tcp, char text[ND_POOL_ERROR_MAX])
{
	struct nd_exchange *e = a->exchange;
	struct nd_host *h = e->x->config->host[a->host];

	tcp = tcp || h->config.tls;
	a->guarded = !tcp && nd_host_guarded(h, nd_attempt_now(e));
	a->tcp = tcp || a->guarded;
	int err = nd_pool_send(nd_attempt_pool(a), &a->sent, a->tcp, e->bytes, e->n, text);
	if (!err || !a->guarded)
		return err;
	nd_host_unguard(h, nd_attempt_now(e));
	a->guarded = a->tcp = false;
	return nd_pool_send(nd_attempt_pool(a), &a->sent, false, e->bytes, e->n, text);
}

int nd_attempt_send(struct nd_attempt *a, uint8_t host, bool tcp)
{
	struct nd_exchange *e = a->exchange;
	char text[ND_POOL_ERROR_MAX];

	a->host = host;
	e->asked = e->x->config->host[host];
	a->sends = 1;
	a->fires = 0;
	a->noted = ND_ATTEMPT_NOTHING;
	a->sent.on_reply = nd_attempt_on_reply;
	a->sent.on_error = on_error;
	int err = transmit(a, tcp, text);
	if (err) {
		note_error(e, text);
		nd_attempt_suspect(nd_attempt_pool(a), e);
		return err;
	}
	a->live = true;
	a->sent_ns = nd_attempt_now(e);
	a->fire_ns = a->sent_ns + nd_attempt_timer_ns(a);
	a->end_ns = a->sent_ns + e->x->config->read_timeout_ns;
	return 0;
}

void nd_attempt_note_timeout(struct nd_attempt *a)
{
	char text[ND_POOL_ERROR_MAX];

	nd_pool_timeout_text(&a->sent, text);
	note_error(a->exchange, text);
}

/* Room for more than one attempt; without memory there is no more. */
static void make_more(struct nd_exchange *e)
{
	if (e->more || !nd_budget_take(ND_BUDGET_EXCHANGES, MORE_BYTES))
		return;
	e->more = calloc(1, MORE_BYTES);
	if (!e->more)
		nd_budget_give(ND_BUDGET_EXCHANGES, MORE_BYTES);
}

void nd_attempt_free_more(struct nd_exchange *e)
{
	if (e->more)
		nd_budget_give(ND_BUDGET_EXCHANGES, MORE_BYTES);
	free(e->more);
	e->more = NULL;
}

/* A slot for another attempt. With all in use, the oldest attempt is given up, so that any number
 * of silent servers is worked through at the pace of the timers. */
struct nd_attempt *nd_attempt_free_slot(struct nd_exchange *e)
{
	struct nd_attempt *oldest = &e->first;

	if (e->first.live)
		make_more(e);
	for (unsigned i = 0; i < nd_attempt_slots(e); i++) {
		struct nd_attempt *a = nd_attempt_slot(e, i);
		if (!a->live) {
			a->exchange = e;
			return a;
		}
		if (a->sent_ns < oldest->sent_ns)
			oldest = a;
	}
	nd_attempt_note_timeout(oldest);
	nd_pool_give_up(&oldest->sent);
	oldest->live = false;
	return oldest;
}

/* Queries the next server of the list; false when none remains. */
static bool try_next(struct nd_exchange *e)
{
	while (nd_attempt_may_try(e)) {
		int h = next_host(e);
		if (h < 0)
			return false;
		e->tries++;
		if (nd_attempt_send(nd_attempt_free_slot(e), (uint8_t)h, e->tcp) == 0)
			return true;
		if (e->down >= e->x->config->nhosts)
			return false;
	}
	return false;
}

void nd_attempt_begin(struct nd_exchange *e)
{
	e->exhausted = !try_next(e);
	nd_attempt_arm(e);
}

void nd_attempt_await_turn(struct nd_exchange *e)
{
	nd_attempt_arm(e);
}

void nd_attempt_end(struct nd_exchange *e)
{
	for (unsigned i = 0; i < nd_attempt_slots(e); i++) {
		struct nd_attempt *a = nd_attempt_slot(e, i);
		if (a->live)
			nd_pool_forget(&a->sent);
		a->live = false;
	}
}

/* --- failing --- */

void nd_attempt_finish_failed(struct nd_exchange *e)
{
	/* Its turn came too late, if at all. */
	bool unsent = e->waited && !e->asked && nd_attempt_now(e) >= e->end_ns;
	struct nd_outcome o = { .kind = ND_OUTCOME_FAILED,
				.error = unsent ? "too many queries for the name" : NULL,
				.host = e->asked,
				.overload = unsent };

	nd_exchange_finish(e, &o);
}

/* An attempt has ended without a reply. May free the exchange. */
void nd_attempt_continue(struct nd_exchange *e)
{
	if (any_live(e) || (e->down < e->x->config->nhosts && try_next(e)))
		nd_attempt_arm(e);
	else
		nd_attempt_finish_failed(e);
}

static void on_error(struct nd_sent *s, int err, const char *text)
{
	struct nd_attempt *a = ND_CONTAINER(s, struct nd_attempt, sent);
	struct nd_exchange *e = a->exchange;

	a->live = false;
	if (a->guarded && !(err == 0 && s->reused && e->retries < RETRIES_MAX)) {
		nd_host_unguard(e->x->config->host[a->host], nd_attempt_now(e));
		if (nd_attempt_send(a, a->host, false) == 0)
			nd_attempt_arm(e);
		else
			nd_attempt_continue(e);
		return;
	}
	/* A server may close an idle connection while a query is on its way to it
	 * (RFC 7766 s6.2.4): this is not a failure. */
	if (err == 0 && s->reused && e->retries < RETRIES_MAX) {
		e->retries++;
		if (nd_attempt_send(a, a->host, a->tcp && !a->guarded) == 0) {
			nd_attempt_arm(e);
			return;
		}
	} else {
		note_error(e, text);
		nd_attempt_suspect(nd_attempt_pool(a), e);
	}
	nd_attempt_continue(e);
}

void nd_attempt_fail(struct nd_attempt *a, const char *text)
{
	struct nd_exchange *e = a->exchange;

	note_error(e, text);
	nd_pool_forget(&a->sent);
	a->live = false;
	nd_attempt_suspect(nd_attempt_pool(a), e);
}
