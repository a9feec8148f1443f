/* SPDX-License-Identifier: Apache-2.0 */
/* sim [--seeds N] [--first S] [--seed S] [--plant NAME] [-v] - the whole server in simulated
 * worlds.
 *
 * Each seed draws a world: a server with its Corefile, two upstreams, some clients, and the kinds
 * of faults. First faults happen, and every answer must be correct (safety). Then they stop, and
 * the server must recover by itself (liveness): every query is answered within a second, and no
 * socket remains open. Each rare event must have occurred in some seed of the run, else the run
 * fails. Ends with `N passed, N failed`. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/time.h"
#include "base/log.h"
#include "base/rcu.h"
#include "io/clock.h"
#include "server/server.h"
#include "server/worker.h"
#include "sim/client.h"
#include "sim/seeds.h"
#include "sim/upstream.h"
#include "sim/world.h"

enum { UPSTREAMS = 2, CLIENTS_MAX = 6 };

/* Events that must occur in a run, over all its seeds. */
enum seen {
	LOST,
	DOUBLED,
	REORDERED,
	REPEATED,
	TRUNCATED,
	STREAMS,
	FAILED,
	DARK,
	CACHED,
	RELOADED,
	SEEN
};
static const char *const seen_text[SEEN] = {
	"datagrams lost",         "datagrams duplicated",
	"datagrams reordered",    "queries repeated to an upstream",
	"truncated answers",      "TCP connections",
	"SERVFAIL to a client",   "unreachable upstream",
	"answers from the cache", "reloads"
};
static uint64_t seen[SEEN];

struct scene {
	struct nd_loop *server_loop, *outside;
	struct nd_server *server;
	struct sim_upstream *upstream[UPSTREAMS];
	struct nd_addr upstream_addr[UPSTREAMS];
	struct sim_client *client[CLIENTS_MAX];
	unsigned nclients;
	char corefile[1024];
	bool ended;
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

static void record_failure(struct scene *s, const char *text)
{
	if (!s->failure[0])
		snprintf(s->failure, sizeof s->failure, "%.250s", text);
}

static void check(struct scene *s, bool fine, const char *text)
{
	if (!fine)
		record_failure(s, text);
}

/* --- drawing the world --- */

static void draw_faults(struct scene *s)
{
	struct nd_world_link l = { .delay_min_ns = ND_MS(1) / 20,
				   .delay_max_ns = ND_MS(1) / 10 + draw(20) * ND_MS(1) };

	if (draw(2))
		l.loss_ppm = draw(150000);
	if (draw(3) == 0)
		l.duplicate_ppm = draw(50000);
	if (draw(3) == 0)
		l.reorder_ppm = draw(200000);
	nd_world_set_link(&l);
	for (unsigned i = 0; i < UPSTREAMS; i++) {
		struct sim_mood m = { 0 };
		if (draw(3) == 0)
			m.silent_ppm = draw(500000);
		if (draw(4) == 0)
			m.servfail_ppm = draw(200000);
		if (draw(3) == 0)
			m.slow_ns = draw(300) * ND_MS(1);
		m.no_tcp = draw(6) == 0;
		m.lie_ppm = sim_seeds_planted("lie") ? 20000 : 0;
		sim_upstream_set_mood(s->upstream[i], &m);
	}
}

static void stop_faults(struct scene *s)
{
	struct nd_world_link l = { .delay_min_ns = ND_MS(1) / 20, .delay_max_ns = ND_MS(1) };
	struct sim_mood m = { .no_tcp = false };

	if (sim_seeds_planted("silence"))
		m.silent_ppm = 1000000;
	nd_world_set_link(&l);
	for (unsigned i = 0; i < UPSTREAMS; i++) {
		nd_world_set_dark(&s->upstream_addr[i], false);
		sim_upstream_set_mood(s->upstream[i], &m);
	}
}

static void draw_corefile(struct scene *s)
{
	static const char *const policies[] = { "random", "round_robin", "sequential" };

	snprintf(s->corefile, sizeof s->corefile,
		 ".:53 {\n  bind 10.0.0.1\n  errors\n%s%s  forward . 10.0.1.1:53 10.0.1.2:53 {\n    policy %s\n"
		 "    health_check %us\n    max_fails %u\n%s  }\n}\n",
		 draw(2) ? "  loadbalance\n" : "", draw(4) ? "  cache 30\n" : "", policies[draw(3)],
		 1 + draw(2), draw(3),
		 draw(4) == 0 ? "    force_tcp\n"
		 : draw(2)    ? "    prefer_udp\n"
			      : "");
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

static void open_scene(struct scene *s)
{
	struct nd_server_options o = { .corefile = "Corefile",
				       .port = 53,
				       .workers = 1,
				       .version = "sim",
				       .on_end = on_end,
				       .ctx = s };
	struct nd_addr server = address(0, 1, 53), host = address(0, 1, 0);
	struct nd_diag d = { 0 };

	memset(s, 0, sizeof *s);
	s->outside = nd_loop_new();
	s->server_loop = nd_loop_new();
	nd_world_set_host(s->server_loop, &host);
	for (unsigned i = 0; i < UPSTREAMS; i++) {
		s->upstream_addr[i] = address(1, (uint8_t)(i + 1), 53);
		s->upstream[i] = sim_upstream_new(s->outside, &s->upstream_addr[i]);
	}
	draw_corefile(s);
	if (sim_seeds_verbose())
		printf("%s", s->corefile);
	if (nd_server_new(s->server_loop, &o, &s->server) ||
	    nd_server_load_text(s->server, s->corefile, &d)) {
		record_failure(s, d.text);
		return;
	}
	draw_faults(s);
	s->nclients = 1 + draw(CLIENTS_MAX);
	for (unsigned i = 0; i < s->nclients; i++) {
		struct nd_addr self = address(2, (uint8_t)(i + 1), 0);
		struct sim_client_style style = { .timeout_ns = draw(2) ? ND_S(5) : ND_MS(2500),
						  .attempts = 2,
						  .pause_ns = ND_MS(1) + draw(400) * ND_MS(1),
						  .names = 1 + draw(40) };
		s->client[i] = sim_client_new(s->outside, &server, &self, &style);
	}
}

/* --- the run --- */

static void check_clients(struct scene *s)
{
	for (unsigned i = 0; i < s->nclients; i++)
		if (sim_client_failure(s->client[i]))
			record_failure(s, sim_client_failure(s->client[i]));
}

static void run(uint64_t ns)
{
	nd_world_run(nd_world_now_ns() + ns);
}

/* Faults of all kinds; sometimes an upstream becomes unreachable, or the Corefile is reloaded. */
static void run_with_faults(struct scene *s)
{
	bool darkness = draw(3) == 0, reloads = draw(4) == 0;

	for (unsigned i = 0; i < 12 && !s->failure[0]; i++) {
		if (darkness && draw(3) == 0) {
			unsigned u = draw(UPSTREAMS);
			bool dark = draw(2);
			nd_world_set_dark(&s->upstream_addr[u], dark);
			seen[DARK] += dark;
		}
		if (reloads && draw(2)) {
			struct nd_diag d = { 0 };
			check(s, nd_server_load_text(s->server, s->corefile, &d) == 0,
			      "a reload failed");
			seen[RELOADED]++;
		}
		run(ND_S(2));
		check_clients(s);
	}
}

/* No faults: once health checks and timeouts have passed, every lookup is correct and fast. */
static void run_without_faults(struct scene *s)
{
	stop_faults(s);
	run(ND_S(25));
	for (unsigned i = 0; i < s->nclients; i++)
		sim_client_reset(s->client[i]);
	run(ND_S(10));
	check_clients(s);
	for (unsigned i = 0; i < s->nclients; i++) {
		struct sim_client_counts c = sim_client_counts(s->client[i]);
		check(s, c.lookups > 0, "a client without lookups");
		check(s, c.failed == 0, "SERVFAIL without faults");
		check(s, c.late == 0 && c.again == 0, "no answer without faults");
		check(s, c.slowest_ns < ND_S(1), "an answer took over a second without faults");
	}
}

static void close_scene(struct scene *s)
{
	for (unsigned i = 0; i < s->nclients; i++)
		sim_client_stop(s->client[i]);
	run(ND_S(30));
	for (unsigned i = 0; i < s->nclients; i++) {
		check(s, sim_client_idle(s->client[i]), "a lookup did not end");
		sim_client_free(s->client[i]);
	}
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

static void note_seen(const struct scene *s)
{
	struct nd_world_counts w = nd_world_counts();

	seen[LOST] += w.lost;
	seen[DOUBLED] += w.duplicated;
	seen[REORDERED] += w.reordered;
	seen[STREAMS] += w.streams;
	uint64_t asked = 0, lookups = 0;
	for (unsigned i = 0; i < UPSTREAMS; i++) {
		struct sim_upstream_counts c = sim_upstream_counts(s->upstream[i]);
		seen[REPEATED] += c.repeated;
		seen[TRUNCATED] += c.truncated;
		asked += c.udp + c.tcp;
	}
	for (unsigned i = 0; i < s->nclients; i++) {
		seen[FAILED] += sim_client_counts(s->client[i]).failed;
		lookups += sim_client_counts(s->client[i]).right;
	}
	if (lookups > asked)
		seen[CACHED] += lookups - asked;
}

/* True if the seed passes. */
static bool run_seed(uint64_t seed, uint64_t *trace, char why[SIM_SEEDS_WHY])
{
	struct scene s;

	nd_world_open(seed);
	open_scene(&s);
	if (!s.failure[0])
		run_with_faults(&s);
	note_seen(&s);
	if (!s.failure[0])
		run_without_faults(&s);
	close_scene(&s);
	*trace = nd_world_trace();
	nd_world_close();
	snprintf(why, SIM_SEEDS_WHY, "%s", s.failure);
	return !s.failure[0];
}

int main(int argc, char **argv)
{
	static const char *const plants[] = { "lie", "silence", NULL };
	const struct sim_seeds run = {
		.usage = "sim [--seeds N] [--first S] [--seed S] [--plant lie|silence] [-v]",
		.replay = "./dev sim",
		.plants = plants,
		.n = 1000,
		.trace_every = 100,
		.seen_text = seen_text,
		.seen = seen,
		.nseen = SEEN,
		.run = run_seed,
	};
	int status = sim_seeds_read(&run, argc, argv);

	if (status)
		return status;
	nd_rcu_register();
	nd_log_set_sink(no_lines, NULL);
	status = sim_seeds_run(&run);
	nd_rcu_barrier();
	nd_rcu_unregister();
	return status;
}
