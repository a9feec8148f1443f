/* SPDX-License-Identifier: Apache-2.0 */
/* The timer of an exchange: servers that stay silent, and the end of its time. */
#include "base/time.h"
#include "upstream/attempt_parts.h"

#define LATE_NS ND_MS(5)
#define DEFER_NS ND_MS(1)
#define WITHHELD_NS ND_MS(100) /* then a repetition is tried again */

/* Over TCP only because of forged replies, and the server does not accept the connection. */
static void fall_back(struct nd_attempt *a)
{
	nd_host_unguard(a->exchange->x->config->host[a->host], nd_attempt_now(a->exchange));
	nd_pool_give_up(&a->sent);
	a->live = false;
	(void)nd_attempt_send(a, a->host, false, NULL); /* an error is noted */
}

/* The server exceeded its usual response time. */
static void handle_silence(struct nd_attempt *a)
{
	struct nd_exchange *e = a->exchange;
	uint64_t now = nd_attempt_now(e), timer = nd_attempt_timer_ns(a);

	if (a->guarded && !nd_pool_is_open(&a->sent)) {
		fall_back(a);
		return;
	}
	a->deferred = false;
	enum nd_pool_state state = nd_pool_check(&a->sent, timer, &a->fire_ns);
	if (state == ND_POOL_BUSY)
		return;
	/* A busy connection may have held up the query: that says nothing about response times. */
	nd_pool_note_timeout(&a->sent,
			     e->sends[a->host] == 1 && (!a->tcp || state == ND_POOL_SILENT),
			     e->x->config->max_fails != 0);
	a->fires++;
	/* Before the repetition, which may take this slot. */
	a->fire_ns = now + nd_attempt_timer_ns(a);
	if (!nd_attempt_repeat(a, state == ND_POOL_SILENT)) {
		a->fires--;
		a->fire_ns = now + (timer > WITHHELD_NS ? timer : WITHHELD_NS);
	}
}

static void send_pending(struct nd_attempt *a)
{
	a->live = a->pending = false;
	(void)nd_attempt_send(a, a->host, true, NULL); /* an error is noted */
	if (a->pending)                                /* again */
		(void)nd_attempt_ask_another(a);
}

static void time_out(struct nd_attempt *a)
{
	if (a->guarded && !nd_pool_has_answered(&a->sent))
		nd_host_unguard(a->exchange->x->config->host[a->host], nd_attempt_now(a->exchange));
	nd_attempt_note_timeout(a);
	nd_pool_give_up(&a->sent);
	a->live = a->pending = false;
	nd_attempt_suspect(nd_attempt_pool(a), a->exchange);
}

/* The time is over for a good reply after a bad one. True: the exchange has been dealt with, and
 * may be gone. */
static bool use_noted(struct nd_attempt *a)
{
	if (a->noted == ND_ATTEMPT_BARE) {
		nd_attempt_take_bare(a, a->noted_flags);
		return true;
	}
	nd_attempt_fail(a, "dns: the reply is malformed");
	return false;
}

/* The loop was late: replies may have arrived in time and wait to be read. Once per attempt. */
static bool defer(struct nd_exchange *e, uint64_t now)
{
	bool late = false;

	for (unsigned i = 0; i < nd_attempt_slots(e); i++) {
		struct nd_attempt *a = nd_attempt_slot(e, i);
		if (a->live && !a->deferred && !a->pending && now > a->fire_ns + LATE_NS)
			late = a->deferred = true;
	}
	if (late)
		nd_timer_start(e->x->loop, &e->timer, DEFER_NS, nd_attempt_on_timer);
	return late;
}

/* Ends attempts whose time is over. True: the exchange has been dealt with, and may be gone. */
static bool end_attempts(struct nd_exchange *e, uint64_t now, bool over)
{
	for (unsigned i = 0; i < nd_attempt_slots(e); i++) {
		struct nd_attempt *a = nd_attempt_slot(e, i);
		if (!a->live)
			continue;
		if (a->noted && (over || now >= a->fire_ns || now >= a->end_ns)) {
			if (use_noted(a))
				return true;
		} else if (over || now >= a->end_ns) {
			time_out(a);
		}
	}
	return false;
}

void nd_attempt_on_timer(struct nd_timer *t)
{
	struct nd_exchange *e = ND_CONTAINER(t, struct nd_exchange, timer);
	uint64_t now = nd_attempt_now(e);
	bool over = e->exhausted || now >= e->end_ns;

	if ((!over && defer(e, now)) || end_attempts(e, now, over))
		return;
	if (over) {
		nd_attempt_finish_failed(e);
		return;
	}
	for (unsigned i = 0; i < nd_attempt_slots(e); i++) {
		struct nd_attempt *a = nd_attempt_slot(e, i);
		if (!a->live || now < a->fire_ns)
			continue;
		if (a->pending)
			send_pending(a);
		else
			handle_silence(a);
	}
	nd_attempt_continue(e);
}
