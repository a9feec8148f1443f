/* SPDX-License-Identifier: Apache-2.0 */
/* What a pool notes about its server: silence, and replies that nothing asked for. */
#include "base/time.h"
#include "upstream/pool_parts.h"

static uint32_t host_epoch(const struct nd_pool *p)
{
	return atomic_load_explicit(&p->host->epoch, memory_order_relaxed);
}

void nd_pool_note_reply(const struct nd_sent *s)
{
	struct nd_pool *p = s->pool;

	p->timers_in_row = 0;
	if (nd_probe_is_missed(&p->probe, s->sent_ns))
		nd_pool_return(p, s->sent_ns);
	p->replied_ns = nd_loop_now_ns(p->loop);
}

bool nd_pool_suspect(const struct nd_pool *p)
{
	return p->timers_in_row >= ND_POOL_SUSPECT && p->epoch == host_epoch(p);
}

void nd_pool_note_timeout(const struct nd_sent *s, bool first, bool probes)
{
	struct nd_pool *p = s->pool;

	if (p->epoch != host_epoch(p)) {
		p->timers_in_row = 0;
		p->epoch = host_epoch(p);
	}
	/* Once the server is suspect, timeouts are not round-trip times. */
	if (p->timers_in_row < ND_POOL_SUSPECT && first)
		nd_rtt_add_timeout(&p->rtt[s->conn && s->conn->stream]);
	if (++p->timers_in_row < ND_POOL_SUSPECT)
		return;
	nd_pool_want(p);
	if (probes)
		nd_probe_start(&p->probe, p);
}

bool nd_pool_take_trial(struct nd_pool *p)
{
	uint64_t now = nd_loop_now_ns(p->loop);

	if (now - p->trial_ns < ND_S(1))
		return false;
	p->trial_ns = now;
	return true;
}

static void count_stray(struct nd_pool *p)
{
	uint64_t now = nd_loop_now_ns(p->loop);

	if (now - p->strays_ns >= ND_S(1)) {
		p->strays_ns = now;
		p->strays = 0;
	}
	if (++p->strays == ND_POOL_STRAYS_MAX)
		nd_host_guard(p->host, now);
}

void nd_pool_note_stray(struct nd_pool *p, bool late)
{
	nd_metric_add(&p->counts->unsolicited, 1);
	if (!late)
		count_stray(p);
}

void nd_pool_note_ignored_icmp(struct nd_pool *p, bool late)
{
	nd_metric_add(&p->counts->icmp_ignored, 1);
	if (!late)
		count_stray(p);
}
