/* SPDX-License-Identifier: Apache-2.0 */
/* sim_flows [--seeds N] [--first S] [--seed S] [-v] - the whole server, and its flows to upstreams.
 *
 * Each seed draws a world: upstreams with habits (they answer a connection in order, or the first
 * query only; they close it after some answers, or in the middle of one; they limit connections),
 * some slow names, UDP or TCP, and a steady client that asks 2, 100 or 1,000 questions a second.
 * Then come incidents: flows are swallowed while new ones work, upstreams restart, fall silent or
 * are away, packets are lost or reordered, replies are forged, the Corefile is reloaded, the
 * machine sleeps. Safety, at all times: each question is answered at most once, and correctly; no
 * question fails while an upstream answers; few are late, and a slow name makes no other one late;
 * no upstream gets more packets than the quota allows. Liveness: 300 ms after all upstreams are
 * back there is a good answer, and from then on each question is answered. tests/sim/plants.toml
 * has bugs that must be found. */
#include <stdio.h>
#include "base/time.h"
#include "sim/flows_scene.h"

static const char *const seen_text[SEEN] = {
	"flows swallowed",  "connections closed with a query unanswered",
	"repeated queries", "slow names",
	"late answers",     "SERVFAIL to a client",
	"queries over TCP", "all upstreams away",
	"forged replies",   "reloads",
};
uint64_t sim_flows_seen[SEEN];

/* --- the verdict --- */

static bool is_excused(const struct scene *s, unsigned question)
{
	const struct sim_steady_question *q = sim_steady_get(s->client, question);

	for (unsigned i = 0; i < s->nperiods; i++) {
		const struct period *p = &s->period[i];
		if (q->sent_ns >= p->from_ns && q->sent_ns <= p->to_ns &&
		    (!p->slow || sim_flows_is_slow(s, question)))
			return true;
	}
	return false;
}

static void judge(struct scene *s)
{
	unsigned late = 0, failed = 0;

	for (unsigned i = 0; i < sim_steady_count(s->client); i++) {
		const struct sim_steady_question *q = sim_steady_get(s->client, i);
		uint64_t due = ND_MS(LATE_MS) + (sim_flows_is_slow(s, i) ? s->slow_ns : 0);
		bool is_late = !q->took_ns || q->took_ns > due, excused = is_excused(s, i);

		sim_flows_seen[SLOW] += sim_flows_is_slow(s, i);
		sim_flows_seen[FAILED] += q->failed;
		sim_flows_seen[LATE] += is_late;
		if (!q->took_ns)
			sim_stage_check(&s->stage, false, "a question without an answer");
		late += is_late && !excused;
		failed += q->failed && !excused;
		if (sim_seeds_verbose() && (is_late || q->failed))
			printf("question %u of %.3f s: %s after %.3f s%s%s\n", i,
			       (double)q->sent_ns / 1e9, q->failed ? "failed" : "answered",
			       (double)q->took_ns / 1e9, sim_flows_is_slow(s, i) ? ", slow" : "",
			       excused ? ", excused" : "");
	}
	if (sim_seeds_verbose())
		printf("%u late of %u allowed, %u failed\n", late, s->late_max, failed);
	sim_stage_check(&s->stage, !failed, "SERVFAIL while an upstream answers");
	sim_stage_check(&s->stage, late <= s->late_max, "too many questions are late");
}

static void note_seen(struct scene *s)
{
	for (unsigned i = 0; i < s->nupstreams; i++) {
		struct sim_upstream_counts c = sim_upstream_counts(s->upstream[i].sim);
		sim_flows_seen[CLOSED] += c.closed;
		sim_flows_seen[TCP] += c.tcp;
		sim_flows_seen[FORGED] += c.forged;
		sim_flows_seen[EXTRA] += sim_packets_extra(s->upstream[i].packets);
	}
}

static void close_scene(struct scene *s)
{
	sim_steady_free(s->client);
	sim_stage_stop(&s->stage);
	for (unsigned i = 0; i < s->nupstreams; i++) {
		sim_upstream_free(s->upstream[i].sim);
		sim_packets_free(s->upstream[i].packets);
	}
	sim_stage_close(&s->stage);
}

static bool run_seed(uint64_t seed, uint64_t *trace, char why[SIM_SEEDS_WHY])
{
	static struct scene s;

	nd_world_open(seed);
	sim_flows_open(&s);
	sim_flows_run_some(&s);
	for (unsigned i = 0; i < INCIDENTS && !s.stage.failure[0]; i++)
		sim_flows_meet(&s);
	sim_flows_run_some(&s);
	sim_steady_stop(s.client);
	sim_flows_run(&s, ND_S(OUT_S + 1));
	note_seen(&s);
	judge(&s);
	close_scene(&s);
	*trace = nd_world_trace();
	nd_world_close();
	snprintf(why, SIM_SEEDS_WHY, "%s", s.stage.failure);
	return !s.stage.failure[0];
}

int main(int argc, char **argv)
{
	static const char *const plants[] = { NULL };
	const struct sim_seeds seeds = {
		.usage = "sim_flows [--seeds N] [--first S] [--seed S] [-v]",
		.replay = "./dev sim flows",
		.plants = plants,
		.n = 1000,
		.trace_every = 100,
		.seen_text = seen_text,
		.seen = sim_flows_seen,
		.nseen = SEEN,
		.run = run_seed,
	};

	return sim_stage_main(&seeds, argc, argv);
}
