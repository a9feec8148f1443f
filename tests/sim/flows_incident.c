/* SPDX-License-Identifier: Apache-2.0 */
/* What happens in a world: flows that die, outages, loss, forged replies, sleep, reloads. */
#include <stdio.h>
#include "base/time.h"
#include "sim/flows_scene.h"

/* --- incidents --- */

static void check_running(struct scene *s)
{
	const char *why = sim_steady_failure(s->client);

	sim_stage_check(&s->stage, !why, why);
	for (unsigned i = 0; i < s->nupstreams; i++) {
		why = sim_packets_failure(s->upstream[i].packets);
		sim_stage_check(&s->stage, !why, why);
	}
}

void sim_flows_run(struct scene *s, uint64_t ns)
{
	for (uint64_t end = nd_world_now_ns() + ns;
	     nd_world_now_ns() < end && !s->stage.failure[0];) {
		uint64_t step = end - nd_world_now_ns();
		sim_stage_run(step < ND_MS(100) ? step : ND_MS(100));
		check_running(s);
	}
}

void sim_flows_run_some(struct scene *s)
{
	sim_flows_run(s, s->rate == 2 ? ND_S(5) : s->rate == 100 ? ND_S(2) : ND_S(1) / 2);
}

static uint64_t draw_span(struct scene *s)
{
	return ND_MS(200) + sim_stage_draw(s->rate == 1000 ? 800 : 4000) * ND_MS(1);
}

/* Excuses the questions whose life meets this time, which ends now. */
static void excuse(struct scene *s, uint64_t from_ns, bool slow)
{
	s->period[s->nperiods++] = (struct period){ from_ns - ND_S(OUT_S), nd_world_now_ns(),
						    slow };
}

static void say(const char *what, unsigned n)
{
	if (sim_seeds_verbose())
		printf("%.3f %s %u\n", (double)nd_world_now_ns() / 1e9, what, n);
}

static void swallow(struct scene *s)
{
	const struct upstream *u = &s->upstream[sim_stage_draw(s->nupstreams)];

	if (u->habit.conns_max) /* the dead ones would count for it */
		return;
	unsigned n = nd_world_swallow_flows(&u->addr, sim_stage_draw(2) ? 1000000 : 500000);

	say("flows swallowed:", n);
	sim_flows_seen[SWALLOWED] += n;
	s->late_max += LATE_FLOWS;
	excuse(s, nd_world_now_ns(), true);
}

enum way { SILENT, DARK, STOPPED, WAYS };

static void set_away(struct upstream *u, enum way way, bool away)
{
	struct sim_mood m = { .silent_ppm = away ? 1000000 : 0 };

	switch (way) {
	case SILENT: sim_upstream_set_mood(u->sim, &m); break;
	case DARK: nd_world_set_dark(&u->addr, away); break;
	default:
		if (away)
			sim_upstream_stop(u->sim);
		else
			sim_upstream_start(u->sim);
		break;
	}
}

static void lead_away(struct upstream *u, enum way way)
{
	set_away(u, way, true);
	sim_packets_note_away(u->packets);
}

static void bring_back(struct upstream *u, enum way way, uint64_t from_ns)
{
	set_away(u, way, false);
	sim_packets_excuse_return(u->packets, from_ns);
}

static bool answered_since(const struct scene *s, uint64_t since_ns)
{
	for (unsigned i = sim_steady_count(s->client); i-- > 0;) {
		const struct sim_steady_question *q = sim_steady_get(s->client, i);
		if (q->took_ns && !q->failed && q->sent_ns + q->took_ns >= since_ns)
			return true;
	}
	return false;
}

/* All are back: a good answer comes soon, to a question that waits or to the next one. */
static void check_return(struct scene *s)
{
	uint64_t back_ns = nd_world_now_ns(), wait = ND_MS(RETURN_MS);

	if (s->rate == 2)
		wait += ND_MS(750);
	sim_flows_run(s, wait);
	sim_stage_check(&s->stage, answered_since(s, back_ns), "no good answer after the return");
}

/* Not into the dark with a limit of connections: those that it does not hear of would count. */
static enum way draw_way(const struct scene *s)
{
	enum way way = (enum way)sim_stage_draw(WAYS);

	for (unsigned i = 0; i < s->nupstreams; i++)
		if (way == DARK && s->upstream[i].habit.conns_max)
			return STOPPED;
	return way;
}

static void take_away(struct scene *s)
{
	enum way way = draw_way(s);
	bool all = s->nupstreams == 1 || sim_stage_draw(2);
	unsigned one = sim_stage_draw(s->nupstreams);
	uint64_t from_ns = nd_world_now_ns();

	say(all ? "all upstreams away: way" : "an upstream away: way", way);
	for (unsigned i = 0; i < s->nupstreams; i++)
		if (all || i == one)
			lead_away(&s->upstream[i], way);
	sim_flows_run(s, draw_span(s));
	say("back", 0);
	for (unsigned i = 0; i < s->nupstreams; i++)
		if (all || i == one)
			bring_back(&s->upstream[i], way, from_ns);
	if (!all) {
		s->late_max += LATE_SERVER;
		return;
	}
	sim_flows_seen[AWAY]++;
	s->late_max += LATE_FLOWS;
	check_return(s);
	excuse(s, from_ns, false);
	sim_flows_run(s, ND_S(2)); /* its questions have ended */
}

/* Packets are lost; or they are late, and others overtake them. */
static void disturb(struct scene *s, bool lose)
{
	uint64_t from_ns = nd_world_now_ns();

	for (unsigned i = 0; lose && s->tcp && i < s->nupstreams; i++)
		sim_packets_stop(s->upstream[i].packets);
	say(lose ? "loss" : "reordering", 0);
	sim_flows_set_link(lose ? sim_stage_draw(50000) : 0, lose ? 0 : sim_stage_draw(200000));
	sim_flows_run(s, draw_span(s));
	sim_flows_set_link(0, 0);
	say("no more", 0);
	if (!lose)
		return;
	if (s->tcp)
		sim_flows_run(s, ND_S(1)); /* TCP sends lost segments again */
	excuse(s, from_ns, false);
}

static void forge(struct scene *s)
{
	struct sim_mood liar = { .forge_ppm = 200000 + sim_stage_draw(800000), .forge_udp = true },
			honest = { 0 };
	struct upstream *u = &s->upstream[sim_stage_draw(s->nupstreams)];

	say("forged replies", 0);
	s->late_max += LATE_START; /* it is queried over TCP */
	sim_upstream_set_mood(u->sim, &liar);
	sim_flows_run(s, draw_span(s));
	sim_upstream_set_mood(u->sim, &honest);
	say("no more", 0);
}

static void sleep_some(struct scene *s)
{
	uint64_t from_ns = nd_world_now_ns();

	say("sleep", 0);
	nd_world_sleep(draw_span(s));
	sim_stage_run(ND_MS(10));
	say("awake", 0);
	excuse(s, from_ns, false);
}

static void reload(struct scene *s)
{
	say("reload", 0);
	sim_flows_load(s);
	sim_flows_seen[RELOADED]++;
}

void sim_flows_meet(struct scene *s)
{
	switch (sim_stage_draw(9)) {
	case 0:
	case 1:
	case 2: swallow(s); break;
	case 3:
	case 4: take_away(s); break;
	case 5: disturb(s, sim_stage_draw(2)); break;
	case 6: forge(s); break;
	case 7: sleep_some(s); break;
	default: reload(s); break;
	}
	sim_flows_run_some(s);
}
