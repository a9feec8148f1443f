/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/attempt_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/budget.h"
#include "base/time.h"
#include "io/random.h"

/* For a suspect server: the longest wait before the next server is queried in parallel. */
#define SUSPECT_NS ND_MS(50)

/* How long to wait for one of the connections when no more can be opened. */
#define FULL_NS ND_MS(10)

enum {
	WAITS_MAX = 5, /* for a server that closes connections without an answer */
	MORE_BYTES = (ND_EXCHANGE_LIVE - 1) * sizeof(struct nd_attempt),
};

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

static bool any_live(const struct nd_exchange *e)
{
	for (unsigned i = 0; i < nd_attempt_slots(e); i++)
		if (nd_attempt_view(e, i)->live)
			return true;
	return false;
}

/* --- the choice of a server --- */

/* It closes connections without an answer, and another host may do better. */
static bool refuses(const struct nd_exchange *e, uint8_t host)
{
	return e->tcp && e->x->config->nhosts > 1 && nd_pool_refused_ns(e->x->pool[host]);
}

/* As in CoreDNS: hosts that are down are skipped. When all are down, the health checks may be
 * wrong, and a random host is queried (none, with failfast). -1: none. */
static int next_host(struct nd_exchange *e)
{
	const struct nd_exchange_config *c = e->x->config;
	size_t refusing = 0;

	for (;;) {
		if (e->at >= c->nhosts) {
			e->at = 0;
			e->down = 0;
		}
		uint8_t h = e->order[e->at++];
		if (!nd_host_down(c->host[h], c->max_fails)) {
			if (refuses(e, h) && ++refusing < c->nhosts)
				continue;
			return h;
		}
		nd_pool_want(e->x->pool[h]);
		if (++e->down < c->nhosts)
			continue;
		nd_metric_add(&e->x->counts->broken, 1);
		return c->failfast ? -1 : (int)nd_random_below((uint32_t)c->nhosts);
	}
}

/* Or is about to be, when a connection can be opened. */
static bool is_queried(const struct nd_exchange *e, uint8_t host)
{
	for (unsigned i = 0; i < nd_attempt_slots(e); i++)
		if (nd_attempt_view(e, i)->live && nd_attempt_view(e, i)->host == host)
			return true;
	return e->sends[host] > 0;
}

int nd_attempt_another_host(const struct nd_exchange *e)
{
	const struct nd_exchange_config *c = e->x->config;

	for (size_t i = 0; i < c->nhosts; i++) {
		uint8_t h = e->order[(e->at + i) % c->nhosts];
		if (!nd_host_down(c->host[h], c->max_fails) && !is_queried(e, h))
			return h;
	}
	return -1;
}

void nd_attempt_pass_host(struct nd_exchange *e, uint8_t host)
{
	for (size_t i = 0; i < e->x->config->nhosts; i++)
		if (e->order[i] == host)
			e->at = (uint8_t)(i + 1);
}

bool nd_attempt_may_try(const struct nd_exchange *e)
{
	uint32_t max = e->x->config->max_attempts;

	return nd_attempt_now(e) < e->end_ns && (max == 0 || e->tries < max);
}

/* --- sending --- */

unsigned nd_attempt_pairs(const struct nd_exchange *e)
{
	unsigned n = 1;

	for (unsigned i = 0; i < nd_attempt_slots(e); i++)
		n += nd_attempt_view(e, i)->live && nd_attempt_view(e, i)->extra;
	return n;
}

uint64_t nd_attempt_timer_ns(const struct nd_attempt *a)
{
	uint64_t ns = nd_pool_timer_ns(&a->sent, a->fires + 1u);

	return a->fires == 0 && nd_pool_suspect(nd_attempt_pool(a)) ? at_most(ns, SUSPECT_NS) : ns;
}

void nd_attempt_note_error(struct nd_exchange *e, const char *text)
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
static int transmit(struct nd_attempt *a, struct nd_pool_way *way, char text[ND_POOL_ERROR_MAX])
{
	struct nd_exchange *e = a->exchange;
	struct nd_host *h = e->x->config->host[a->host];

	a->guarded = !way->tcp && nd_host_guarded(h, nd_attempt_now(e));
	a->tcp = way->tcp = way->tcp || a->guarded;
	int err = nd_pool_send(nd_attempt_pool(a), &a->sent, way, e->bytes, e->n, text);
	if (!err || !a->guarded)
		return err;
	nd_host_unguard(h, nd_attempt_now(e));
	a->guarded = a->tcp = way->tcp = false;
	return nd_pool_send(nd_attempt_pool(a), &a->sent, way, e->bytes, e->n, text);
}

/* It is to be sent later: no connection can be opened now. */
static int postpone(struct nd_attempt *a, uint64_t ns)
{
	struct nd_exchange *e = a->exchange;
	uint64_t now = nd_attempt_now(e);

	a->live = a->pending = a->tcp = true;
	a->guarded = false;
	a->sent.pool = nd_attempt_pool(a);
	a->sent.conn = NULL;
	a->sent.sent_ns = now;
	a->fire_ns = now + ns;
	a->end_ns = now + e->x->config->read_timeout_ns;
	return 0;
}

static void prepare(struct nd_attempt *a, uint8_t host)
{
	struct nd_exchange *e = a->exchange;

	a->host = host;
	e->asked = e->x->config->host[host];
	a->sends = 1;
	a->fires = 0;
	a->noted = ND_ATTEMPT_NOTHING;
	a->pending = a->extra = a->deferred = false;
	a->sent.on_reply = nd_attempt_on_reply;
	a->sent.on_error = nd_attempt_on_error;
	a->sent.on_move = nd_attempt_on_move;
}

int nd_attempt_send(struct nd_attempt *a, uint8_t host, bool tcp, const struct nd_attempt *earlier)
{
	struct nd_exchange *e = a->exchange;
	struct nd_pool_way way = { 0 };
	char text[ND_POOL_ERROR_MAX];
	bool extra = earlier && earlier != a;

	tcp |= e->x->config->host[host]->config.tls != NULL;
	if (earlier)
		way.since_ns = earlier->sent.sent_ns;
	way.bytes = e->bytes;
	way.tcp = tcp;
	prepare(a, host);
	uint64_t wait = tcp && !earlier && e->waits < WAITS_MAX
				? nd_pool_refused_ns(nd_attempt_pool(a))
				: 0;
	if (wait) {
		e->waits++;
		return postpone(a, wait);
	}
	int err = transmit(a, &way, text);
	if (err == -EAGAIN && a->tcp && !earlier)
		return postpone(a, FULL_NS);
	if (err) {
		if (!earlier || earlier == a)
			nd_attempt_note_error(e, text);
		if (!earlier)
			nd_attempt_suspect(nd_attempt_pool(a), e);
		return err;
	}
	if (e->sends[host] < UINT8_MAX)
		e->sends[host]++;
	a->live = true;
	a->extra = extra && !a->tcp;
	a->fire_ns = a->sent.sent_ns + nd_attempt_timer_ns(a);
	a->end_ns = a->sent.sent_ns + e->x->config->read_timeout_ns;
	return 0;
}

int nd_attempt_try(struct nd_attempt *a, uint8_t host, bool tcp)
{
	struct nd_exchange *e = a->exchange;

	if (!e->sends[host])
		nd_quota_ask(&e->x->pool[host]->quota, nd_attempt_now(e));
	return nd_attempt_send(a, host, tcp, NULL);
}

void nd_attempt_note_timeout(struct nd_attempt *a)
{
	char text[ND_POOL_ERROR_MAX];

	nd_pool_timeout_text(&a->sent, text);
	nd_attempt_note_error(a->exchange, text);
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

bool nd_attempt_has_slot(struct nd_exchange *e)
{
	if (e->first.live)
		make_more(e);
	for (unsigned i = 0; i < nd_attempt_slots(e); i++)
		if (!nd_attempt_slot(e, i)->live)
			return true;
	return false;
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
		if (a->sent.sent_ns < oldest->sent.sent_ns)
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
		if (nd_attempt_try(nd_attempt_free_slot(e), (uint8_t)h, e->tcp) == 0)
			return true;
		if (e->down >= e->x->config->nhosts)
			return false;
	}
	return false;
}

void nd_attempt_begin(struct nd_exchange *e)
{
	e->begun_ns = nd_attempt_now(e);
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

/* The server closed its only connection without an answer: it may be about to restart, or have too
 * many connections. */
static bool wait_for_server(struct nd_exchange *e)
{
	const struct nd_exchange_config *c = e->x->config;
	uint8_t h = 0;

	if (!e->closed || e->waits >= WAITS_MAX || nd_attempt_now(e) >= e->end_ns)
		return false;
	while (h + 1u < c->nhosts && c->host[h] != e->asked)
		h++;
	e->waits++;
	return nd_attempt_send(nd_attempt_free_slot(e), h, true, NULL) == 0;
}

void nd_attempt_continue(struct nd_exchange *e)
{
	if (any_live(e) || (e->down < e->x->config->nhosts && try_next(e)) || wait_for_server(e))
		nd_attempt_arm(e);
	else
		nd_attempt_finish_failed(e);
}

void nd_attempt_fail(struct nd_attempt *a, const char *text)
{
	struct nd_exchange *e = a->exchange;

	nd_attempt_note_error(e, text);
	nd_pool_forget(&a->sent);
	a->live = false;
	nd_attempt_suspect(nd_attempt_pool(a), e);
}
