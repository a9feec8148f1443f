/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/packets.h"

#include <stdio.h>
#include <stdlib.h>
#include "base/err.h"
#include "base/time.h"
#include "sim/steady.h"
#include "sim/world.h"
#include "upstream/quota.h"

enum {
	LOG = 8 * SIM_STEADY_MAX,
	/* The quota counts in parts of a second, at the time of sending. */
	EXTRA_MS = 1000 - 1000 / ND_QUOTA_PARTS - 50,
	ASKED_MS = 1050,
	ON_THE_WAY = 2, /* questions that it counted and that have not arrived */
};

#define LIFE_NS ND_S(5) /* of a query */

/* Times, the newest last; those before `first` are too old to count. */
struct log {
	uint32_t first, n;
	uint64_t at_ns[LOG];
};

struct sim_packets {
	struct {
		uint64_t first_ns, last_ns;
		uint16_t port;
		uint8_t excuses, early, reads;
		uint32_t sends;
	} question[SIM_STEADY_MAX];
	struct log asked, extra;
	bool away;
	uint64_t returned_ns; /* 0: it was never away */
	unsigned per_second;
	bool stopped;
	char failure[120];
};

struct sim_packets *sim_packets_new(unsigned per_second)
{
	struct sim_packets *p = calloc(1, sizeof *p);

	ND_ASSERT(p);
	p->per_second = per_second;
	return p;
}

void sim_packets_free(struct sim_packets *p)
{
	free(p);
}

static void add(struct log *l)
{
	ND_ASSERT(l->n < LOG);
	l->at_ns[l->n++] = nd_world_now_ns();
}

static uint32_t count(struct log *l, uint64_t ms)
{
	while (l->first < l->n && nd_world_now_ns() - l->at_ns[l->first] > ND_MS(ms))
		l->first++;
	return l->n - l->first;
}

static void fail(struct sim_packets *p, unsigned i, const char *why, unsigned a, unsigned b)
{
	if (!p->failure[0])
		snprintf(p->failure, sizeof p->failure, "question %u: %s (%u, %u)", i, why, a, b);
}

static bool returned(const struct sim_packets *p, uint64_t within_ms)
{
	return p->returned_ns && nd_world_now_ns() - p->returned_ns <= ND_MS(within_ms);
}

/* Questions that were sent in the last second. While it was away, not all arrived. */
static uint32_t count_asked(struct sim_packets *p)
{
	uint32_t n = count(&p->asked, ASKED_MS) + ON_THE_WAY;

	return (p->away || returned(p, ASKED_MS)) && n < p->per_second ? p->per_second : n;
}

static void note_extra(struct sim_packets *p, unsigned i)
{
	add(&p->extra);
	uint32_t extra = count(&p->extra, EXTRA_MS), asked = count_asked(p);
	/* At a return, connections are shared, end and are replaced. */
	if (!returned(p, SIM_PACKETS_RETURN_MS) &&
	    extra > ND_QUOTA_FEW + asked / ND_QUOTA_QUESTIONS + 1)
		fail(p, i, "packets beyond the quota", extra, asked);
	if (nd_world_now_ns() - p->question[i].first_ns < ND_S(1) &&
	    ++p->question[i].early > SIM_PACKETS_EARLY)
		fail(p, i, "too many packets in its first second", p->question[i].sends + 1, 0);
}

/* No reply to the last one is expected; or time is over, and another one is due. */
static bool is_given_up(struct sim_packets *p, unsigned i)
{
	uint64_t age = nd_world_now_ns() - p->question[i].first_ns;

	if (nd_world_is_swallowed(p->question[i].port))
		return true;
	if (age < (p->question[i].reads + 1u) * ND_MS(SIM_PACKETS_READ_MS - 50))
		return false;
	p->question[i].reads++;
	return true;
}

void sim_packets_note(struct sim_packets *p, unsigned i, uint16_t port)
{
	ND_ASSERT(i < SIM_STEADY_MAX);
	if (!p->question[i].sends) {
		p->question[i].first_ns = nd_world_now_ns();
		p->question[i].excuses += returned(p, SIM_PACKETS_RETURN_MS);
		add(&p->asked);
	} else if (p->question[i].excuses) {
		p->question[i].excuses--;
	} else if (!p->stopped && !is_given_up(p, i)) {
		note_extra(p, i);
	}
	p->question[i].port = port;
	p->question[i].last_ns = nd_world_now_ns();
	p->question[i].sends++;
}

void sim_packets_excuse(struct sim_packets *p, unsigned i)
{
	ND_ASSERT(i < SIM_STEADY_MAX);
	p->question[i].excuses++;
}

void sim_packets_note_away(struct sim_packets *p)
{
	p->away = true;
}

void sim_packets_excuse_return(struct sim_packets *p, uint64_t away_ns)
{
	p->away = false;
	p->returned_ns = nd_world_now_ns();
	for (unsigned i = 0; i < SIM_STEADY_MAX; i++) {
		if (!p->question[i].sends || p->question[i].last_ns + LIFE_NS < away_ns)
			continue;
		p->question[i].excuses++;
		p->question[i].early = 0;
	}
}

void sim_packets_stop(struct sim_packets *p)
{
	p->stopped = true;
}

uint64_t sim_packets_extra(const struct sim_packets *p)
{
	return p->extra.n;
}

const char *sim_packets_failure(const struct sim_packets *p)
{
	return p->failure[0] ? p->failure : NULL;
}
