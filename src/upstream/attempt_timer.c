/* SPDX-License-Identifier: Apache-2.0 */
/* The timer of an exchange: servers that stay silent, and the end of its time. */
#include "upstream/attempt_parts.h"

/* Over TCP only because of forged replies, and the server does not accept the connection. */
static void fall_back(struct nd_attempt *a)
{
	nd_host_unguard(a->exchange->x->config->host[a->host], nd_attempt_now(a->exchange));
	nd_pool_give_up(&a->sent);
	a->live = false;
	(void)nd_attempt_send(a, a->host, false); /* an error is noted */
}

/* The server exceeded its usual response time: queries another one in parallel; without another
 * one, the same again. */
static void handle_silence(struct nd_attempt *a)
{
	struct nd_exchange *e = a->exchange;
	int h = -1;

	if (a->guarded && !nd_pool_is_open(&a->sent)) {
		fall_back(a);
		return;
	}
	nd_pool_note_timeout(nd_attempt_pool(a), e->x->config->max_fails != 0);
	a->fires++;
	if (nd_attempt_may_try(e))
		h = nd_attempt_another_host(e);
	if (h >= 0) {
		a->fire_ns = nd_attempt_now(e) + nd_attempt_timer_ns(a);
		e->tries++;
		/* An error is noted; this attempt continues. */
		(void)nd_attempt_send(nd_attempt_free_slot(e), (uint8_t)h, e->tcp);
		return;
	}
	if (!a->tcp) {
		a->sends++;
		nd_pool_resend(&a->sent, e->bytes, e->n);
	}
	a->fire_ns = nd_attempt_now(e) + nd_attempt_timer_ns(a);
}

static void time_out(struct nd_attempt *a)
{
	if (a->guarded && !nd_pool_has_answered(&a->sent))
		nd_host_unguard(a->exchange->x->config->host[a->host], nd_attempt_now(a->exchange));
	nd_attempt_note_timeout(a);
	nd_pool_give_up(&a->sent);
	a->live = false;
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

void nd_attempt_on_timer(struct nd_timer *t)
{
	struct nd_exchange *e = ND_CONTAINER(t, struct nd_exchange, timer);
	uint64_t now = nd_attempt_now(e);
	bool over = e->exhausted || now >= e->end_ns;

	for (unsigned i = 0; i < nd_attempt_slots(e); i++) {
		struct nd_attempt *a = nd_attempt_slot(e, i);
		if (!a->live)
			continue;
		if (a->noted && (over || now >= a->fire_ns || now >= a->end_ns)) {
			if (use_noted(a))
				return;
		} else if (over || now >= a->end_ns) {
			time_out(a);
		}
	}
	if (over) {
		nd_attempt_finish_failed(e);
		return;
	}
	for (unsigned i = 0; i < nd_attempt_slots(e); i++) {
		struct nd_attempt *a = nd_attempt_slot(e, i);
		if (a->live && now >= a->fire_ns)
			handle_silence(a);
	}
	nd_attempt_continue(e);
}
