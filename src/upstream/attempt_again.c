/* SPDX-License-Identifier: Apache-2.0 */
/* An exchange sends its query again: a connection ended or was abandoned, or no reply came in the
 * usual time. */
#include <errno.h>
#include "base/time.h"
#include "upstream/attempt_parts.h"

#define RECENT_NS ND_MS(500) /* later than that it makes little difference */

static struct nd_exchange *exchange_of(struct nd_sent *s)
{
	return ND_CONTAINER(s, struct nd_attempt, sent)->exchange;
}

/* Another attempt at the same host is in flight, sent later on a connection that is trusted, or
 * just now. */
static bool is_sent_again(const struct nd_exchange *e, const struct nd_attempt *a)
{
	for (unsigned i = 0; i < nd_attempt_slots(e); i++) {
		const struct nd_attempt *b = nd_attempt_view(e, i);
		if (b != a && b->live && b->host == a->host && b->sent.sent_ns >= a->sent.sent_ns &&
		    (b->pending || b->sent.sent_ns == nd_attempt_now(e) ||
		     nd_pool_is_trusted(&b->sent)))
			return true;
	}
	return false;
}

/* A packet to its host will not be answered: it no longer counts. False: the query has been sent
 * again often enough for such reasons. */
static bool may_replace(struct nd_attempt *a)
{
	struct nd_exchange *e = a->exchange;

	if (e->sends[a->host])
		e->sends[a->host]--;
	return e->retries < ND_EXCHANGE_RETRIES && nd_attempt_now(e) < e->end_ns;
}

/* --- connections that end --- */

static bool is_closed(int err)
{
	return err == 0 || err == -ECONNRESET || err == -EPIPE;
}

void nd_attempt_on_error(struct nd_sent *s, int err, const char *text)
{
	struct nd_attempt *a = ND_CONTAINER(s, struct nd_attempt, sent);
	struct nd_exchange *e = a->exchange;

	a->live = false;
	bool again = s->again && may_replace(a);
	if (a->guarded && !again) {
		nd_host_unguard(e->x->config->host[a->host], nd_attempt_now(e));
		if (nd_attempt_send(a, a->host, false, NULL) == 0)
			nd_attempt_arm(e);
		else
			nd_attempt_continue(e);
		return;
	}
	/* A server may close a connection while a query is on its way to it (RFC 7766 s6.2.4), or
	 * after a number of answers: this is not a failure. */
	if (again) {
		e->retries++;
		if (is_sent_again(e, a) ||
		    nd_attempt_send(a, a->host, a->tcp && !a->guarded, NULL) == 0) {
			nd_attempt_arm(e);
			return;
		}
	} else {
		e->closed = a->tcp && is_closed(err);
		nd_attempt_note_error(e, text);
		nd_attempt_suspect(nd_attempt_pool(a), e);
	}
	nd_attempt_continue(e);
}

/* --- the same server again --- */

/* silent: nothing has arrived on its connection since. No earlier attempt ends for this one: the
 * name may be slow, and the first query is answered first. */
static int send_again(struct nd_attempt *a, bool silent)
{
	struct nd_exchange *e = a->exchange;
	bool tcp = a->tcp && !a->guarded, slot = nd_attempt_has_slot(e);

	if (a->tcp && !slot)
		return 0;
	nd_metric_add(&nd_attempt_pool(a)->counts->retransmits, 1);
	if (a->tcp)
		return nd_attempt_send(nd_attempt_free_slot(e), a->host, tcp, a);
	/* Each pair of port and id is one more for a forger to hit: their number is limited. */
	if (silent && slot && nd_exchange_may_add_pair(e))
		return nd_attempt_send(nd_attempt_free_slot(e), a->host, false, a);
	if (silent && e->x->table->alike_max < 2) {
		nd_pool_forget(&a->sent);
		a->live = false;
		return nd_attempt_send(a, a->host, false, a);
	}
	a->sends++;
	e->sends[a->host]++;
	nd_pool_resend(&a->sent, e->bytes, e->n);
	return 0;
}

void nd_attempt_on_move(struct nd_sent *s)
{
	struct nd_attempt *a = ND_CONTAINER(s, struct nd_attempt, sent);
	struct nd_exchange *e = exchange_of(s);
	if (!is_sent_again(e, a) && may_replace(a)) {
		e->retries++;
		(void)send_again(a, !nd_pool_is_trusted(s));
		if (!a->tcp) /* once for all attempts at the host */
			s->sent_ns = nd_attempt_now(e);
	}
	nd_attempt_continue(e);
}

/* --- no reply in the usual time --- */

bool nd_attempt_ask_another(struct nd_attempt *a)
{
	struct nd_exchange *e = a->exchange;
	int h = nd_attempt_may_try(e) ? nd_attempt_another_host(e) : -1;

	if (h < 0)
		return false;
	struct nd_pool *to = e->x->pool[h];
	bool instead = nd_pool_suspect(nd_attempt_pool(a));
	if (!instead && nd_pool_suspect(to))
		return false;
	if (!instead && !nd_quota_take(&to->quota, true, nd_attempt_now(e))) {
		nd_metric_add(&to->counts->withheld, 1);
		return false;
	}
	nd_attempt_pass_host(e, (uint8_t)h);
	e->tries++;
	/* An error is noted; this attempt continues. */
	if (instead) {
		(void)nd_attempt_try(nd_attempt_free_slot(e), (uint8_t)h, e->tcp);
	} else {
		nd_metric_add(&to->counts->retransmits, 1);
		(void)nd_attempt_send(nd_attempt_free_slot(e), (uint8_t)h, e->tcp, NULL);
	}
	return true;
}

bool nd_attempt_repeat(struct nd_attempt *a, bool silent)
{
	struct nd_exchange *e = a->exchange;
	struct nd_pool *p = nd_attempt_pool(a);

	if (nd_attempt_ask_another(a) || e->sends[a->host] > ND_EXCHANGE_REPEATS ||
	    (a->tcp && !nd_attempt_has_slot(e)))
		return true;
	bool first = e->sends[a->host] < ND_EXCHANGE_REPEATS &&
		     nd_attempt_now(e) - e->begun_ns < RECENT_NS;
	if (!nd_quota_take(&p->quota, first, nd_attempt_now(e))) {
		nd_metric_add(&p->counts->withheld, 1);
		return false;
	}
	(void)send_again(a, silent);
	return true;
}
