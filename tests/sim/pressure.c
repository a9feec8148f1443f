/* SPDX-License-Identifier: Apache-2.0 */
/* sim_pressure [--seeds N] [--first S] [--seed S] [-v] - the whole server with room for few
 * queries, flooded.
 *
 * Each seed draws a world: a server with a slab of 64, plugins that ask again, clients that ask in
 * bursts, over TCP too, and reset connections; reloads that remove a listener and add it again; in
 * half of the worlds upstreams that forge and break replies.
 * Safety, at all times: a client gets at most one answer to each of its questions and no other
 * answers, and every record comes from a source that gives it for that name (oracle.h). Liveness,
 * after the flood: nothing waits, and each kind of question is answered. tests/sim/plants.toml has
 * bugs that must be found. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "base/rcu.h"
#include "base/time.h"
#include "server/server.h"
#include "sim/asker.h"
#include "sim/oracle.h"
#include "sim/seeds.h"
#include "sim/upstream.h"
#include "sim/world.h"

enum {
	UPSTREAMS = 2,
	ASKERS_MAX = 6,
	ROOTS = 64 - ND_QUERY_DEPTH_MAX, /* with the reserve for sub-queries a slab of 64 */
};

enum seen { SHED, PARTS, FAILED, RESETS, RELOADED, FORGED, SPOILED, SEEN };
static const char *const seen_text[SEEN] = { "queries shed",         "CNAMEs only",
					     "SERVFAIL to a client", "connections reset",
					     "listeners removed",    "forged replies",
					     "broken answers" };
static uint64_t seen[SEEN];
static char folder[200];

struct scene {
	struct nd_loop *server_loop, *outside;
	struct nd_server *server;
	struct sim_upstream *upstream[UPSTREAMS];
	struct sim_asker *asker[ASKERS_MAX];
	unsigned naskers;
	bool cache, second, hostile, ended;
	char failure[256];
};

static uint32_t draw(uint32_t below)
{
	return nd_world_random(ND_WORLD_SCENE, below);
}

static struct nd_addr address(uint8_t net, uint8_t host, uint16_t port)
{
	uint8_t bytes[4] = { 10, 0, net, host };
	return nd_addr_from(AF_INET, bytes, port);
}

static void check(struct scene *s, bool fine, const char *text)
{
	if (!fine && !s->failure[0])
		snprintf(s->failure, sizeof s->failure, "%.250s", text);
}

static void check_askers(struct scene *s)
{
	for (unsigned i = 0; i < s->naskers; i++)
		if (sim_asker_failure(s->asker[i]))
			check(s, false, sim_asker_failure(s->asker[i]));
}

static void run(uint64_t ns)
{
	nd_world_run(nd_world_now_ns() + ns);
}

static void no_lines(void *ctx, const char *text, size_t n)
{
	(void)ctx;
	if (sim_seeds_verbose())
		fwrite(text, 1, n, stdout);
}

static void on_end(void *ctx, int status)
{
	struct scene *s = ctx;

	s->ended = true;
	check(s, status == 0, "the server ended with an error");
}

/* --- the scene --- */

static void load(struct scene *s)
{
	char corefile[1024];
	struct nd_diag d = { 0 };

	sim_oracle_corefile(corefile, sizeof corefile, folder, s->second, s->cache);
	if (nd_server_load_text(s->server, corefile, &d))
		check(s, false, d.text);
}

static void open_server(struct scene *s)
{
	struct nd_server_options o = { .corefile = "Corefile",
				       .port = 53,
				       .workers = 1,
				       .parked_max = ROOTS,
				       .version = "sim",
				       .on_end = on_end,
				       .ctx = s };
	struct nd_addr host = address(0, 1, 0);

	s->server_loop = nd_loop_new();
	nd_world_set_host(s->server_loop, &host);
	s->cache = draw(2);
	s->hostile = draw(2);
	s->second = true;
	if (nd_server_new(s->server_loop, &o, &s->server))
		check(s, false, "no server");
	else
		load(s);
}

static void draw_moods(struct scene *s)
{
	for (unsigned i = 0; i < UPSTREAMS; i++) {
		struct sim_mood m = { .vary_ns = ND_MS(1) + draw(700) * ND_MS(1) };
		if (draw(3) == 0)
			m.silent_ppm = draw(500000);
		if (draw(3) == 0)
			m.servfail_ppm = draw(300000);
		if (s->hostile) {
			m.forge_ppm = draw(1000000);
			m.spoil_ppm = draw(2) * draw(600000);
		}
		sim_upstream_set_mood(s->upstream[i], &m);
	}
}

static void open_askers(struct scene *s)
{
	struct nd_addr server = address(0, 1, 53);

	s->naskers = 2 + draw(ASKERS_MAX - 1);
	for (unsigned i = 0; i < s->naskers; i++) {
		struct nd_addr self = address(2, (uint8_t)(i + 1), 0);
		struct sim_asker_style style = { .stream = draw(3) == 0,
						 .burst = 1 + draw(i == 0 ? 100 : 20),
						 .pause_ns = ND_MS(20) + draw(300) * ND_MS(1),
						 .silent = i == 0 ? draw(9) : draw(3),
						 .resets = draw(9) };
		s->asker[i] = sim_asker_new(s->outside, &server, &self, &style);
	}
}

static void open_scene(struct scene *s)
{
	struct nd_world_link l = { .delay_min_ns = ND_MS(1) / 20, .delay_max_ns = ND_MS(2) };

	memset(s, 0, sizeof *s);
	nd_world_set_link(&l);
	s->outside = nd_loop_new();
	for (unsigned i = 0; i < UPSTREAMS; i++) {
		struct nd_addr a = address(1, (uint8_t)(i + 1), 53);
		s->upstream[i] = sim_upstream_new(s->outside, &a);
		sim_upstream_set_answer(s->upstream[i], sim_oracle_answer);
	}
	open_server(s);
	open_askers(s);
}

/* --- the run --- */

/* Clients turn to a port after it was added, and away from it some time after it was removed. */
static void run_under_pressure(struct scene *s)
{
	bool reloads = draw(2);

	for (unsigned i = 0; i < 10 && !s->failure[0]; i++) {
		draw_moods(s);
		if (reloads && draw(2)) {
			s->second = !s->second;
			load(s);
			seen[RELOADED] += !s->second;
		}
		for (unsigned k = 0; k < s->naskers; k++)
			sim_asker_set_port(s->asker[k], s->second && draw(2) ? 54 : 53);
		run(draw(500) * ND_MS(1));
		check_askers(s);
	}
}

static void note_stats(struct scene *s)
{
	struct nd_process *p = nd_server_process(s->server);
	struct nd_process_stats st;

	p->stats(p, &st);
	seen[SHED] += st.shed;
	check(s, st.waiting == 0, "queries still wait");
	for (unsigned i = 0; i < s->naskers; i++) {
		struct sim_asker_counts c = sim_asker_counts(s->asker[i]);
		seen[PARTS] += c.part;
		seen[FAILED] += c.failed;
		seen[RESETS] += c.resets;
	}
	for (unsigned i = 0; i < UPSTREAMS; i++) {
		seen[FORGED] += sim_upstream_counts(s->upstream[i]).forged;
		seen[SPOILED] += sim_upstream_counts(s->upstream[i]).spoiled;
	}
}

/* All that was asked ends, and each kind of question is answered; forged replies that come with the
 * answers change nothing. */
static void run_calm(struct scene *s)
{
	struct sim_mood m = { .vary_ns = ND_MS(10), .forge_ppm = s->hostile ? 1000000 : 0 };
	char text[100];

	for (unsigned i = 0; i < s->naskers; i++)
		sim_asker_stop(s->asker[i]);
	for (unsigned i = 0; i < UPSTREAMS; i++)
		sim_upstream_set_mood(s->upstream[i], &m);
	run(ND_S(22));
	check_askers(s);
	note_stats(s);
	for (unsigned i = 0; i < s->naskers && !s->failure[0]; i++) {
		sim_asker_set_port(s->asker[i], 53);
		sim_asker_ask_each(s->asker[i]);
		run(ND_S(1));
	}
	check_askers(s);
	for (unsigned i = 0; i < s->naskers && !s->failure[0]; i++) {
		struct sim_asker_counts c = sim_asker_counts(s->asker[i]);
		if (c.right == c.asked)
			continue;
		snprintf(text, sizeof text,
			 "after the flood %u of %u are answered, %u in part, %u fail",
			 (unsigned)c.right, (unsigned)c.asked, (unsigned)c.part,
			 (unsigned)c.failed);
		check(s, false, text);
	}
}

static void close_scene(struct scene *s)
{
	for (unsigned i = 0; i < s->naskers; i++)
		sim_asker_free(s->asker[i]);
	if (s->server) {
		nd_server_stop(s->server, 0);
		run(ND_S(10));
		check(s, s->ended, "the server did not stop");
		nd_server_free(s->server);
	}
	for (unsigned i = 0; i < UPSTREAMS; i++)
		sim_upstream_free(s->upstream[i]);
	run(ND_S(10));
	check(s, nd_world_sockets() == 0, "sockets are still open");
	nd_loop_free(s->server_loop);
	nd_loop_free(s->outside);
}

static bool run_seed(uint64_t seed, uint64_t *trace, char why[SIM_SEEDS_WHY])
{
	struct scene s;

	nd_world_open(seed);
	open_scene(&s);
	if (!s.failure[0])
		run_under_pressure(&s);
	if (!s.failure[0])
		run_calm(&s);
	close_scene(&s);
	*trace = nd_world_trace();
	nd_world_close();
	snprintf(why, SIM_SEEDS_WHY, "%s", s.failure);
	return !s.failure[0];
}

int main(int argc, char **argv)
{
	static const char *const plants[] = { NULL };
	const struct sim_seeds seeds = {
		.usage = "sim_pressure [--seeds N] [--first S] [--seed S] [-v]",
		.replay = "./dev sim pressure",
		.plants = plants,
		.n = 1000,
		.trace_every = 100,
		.seen_text = seen_text,
		.seen = seen,
		.nseen = SEEN,
		.run = run_seed,
	};
	int status = sim_seeds_read(&seeds, argc, argv);

	if (status)
		return status;
	const char *temporary = getenv("TMPDIR");
	snprintf(folder, sizeof folder, "%.150s/sim_pressure.XXXXXX",
		 temporary ? temporary : "/tmp");
	if (!mkdtemp(folder)) {
		perror(folder);
		return 1;
	}
	sim_oracle_write_files(folder);
	nd_rcu_register();
	nd_log_set_sink(no_lines, NULL);
	status = sim_seeds_run(&seeds);
	nd_rcu_barrier();
	nd_rcu_unregister();
	sim_oracle_remove_files(folder);
	return status;
}
