/* SPDX-License-Identifier: Apache-2.0 */
/* sim_cache [--seeds N] [--first S] [--seed S] [-v] - the whole server and its caches.
 *
 * Each seed draws a world: the options of the cache, two server blocks with an upstream each,
 * upstreams that are slow, silent, fail or deny what exists, reloads that exchange the upstreams of
 * the blocks, restarts that take over the cache file.
 * Safety, at all times: an answer comes from the block's own upstream, answers the question, and is
 * not older than its TTL, or than `serve_stale` allows; while that allows an answer, none fails.
 * Liveness, when the faults have ended: each query is answered, the second time with an answer that
 * is not stale; and upstreams get no more queries than clients ask. tests/sim/plants.toml has bugs
 * that must be found. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/err.h"
#include "base/log.h"
#include "base/rcu.h"
#include "base/time.h"
#include "core/gen.h"
#include "io/udp.h"
#include "server/server.h"
#include "sim/dated.h"
#include "sim/seeds.h"
#include "sim/upstream.h"
#include "sim/world.h"
#include "wire/reader.h"

enum {
	PENDING = 8192,
	/* An answer's age when it is stored, and its way to the client: the tries of an upstream
	 * end after 5 s. */
	SLACK_S = 7,
	EARLY_S = 4, /* ages count from the query that fetched the answer */
	CALM_PAUSE_MS = 50,
	PASS_S = 5, /* since an answer was live in the pass before */
};
#define SWAP_NS ND_MS(3) /* a query on its way meets the new configuration */

enum seen { STALE, DENIED, FAILED, SWAPPED, ADOPTED, PREFETCHED, SEEN };
static const char *const seen_text[SEEN] = { "stale answers",
					     "denials",
					     "SERVFAIL to a client",
					     "upstreams exchanged",
					     "answers taken over by a restart",
					     "refreshes in the background" };
static uint64_t seen[SEEN];
static char folder[200];

struct asked {
	bool waits, dnssec;
	uint8_t block, name;
	size_t n;
	uint8_t question[64];
	uint64_t sent_ns;
};

struct scene {
	struct nd_loop *server_loop, *outside;
	struct nd_server *server;
	struct sim_upstream *upstream[SIM_DATED_UPSTREAMS];
	struct nd_udp *client;
	struct nd_timer timer;
	uint64_t pause_ns;
	struct asked asked[PENDING];
	uint16_t next;
	/* The options. */
	uint32_t ttl_s, stale_s, stale_ttl_s;
	char options[256];
	/* Block b forwards to upstream b, or since swapped_ns to the other one. */
	bool swapped;
	uint64_t swapped_ns;
	/* The newest answer that the client has seen, by its second; 0: none. */
	struct good {
		uint64_t second, seen_ns;
	} good[2][2][SIM_DATED_NAMES];
	bool stopped, ended;
	unsigned answered, failed, fresh, sent;
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
		snprintf(s->failure, sizeof s->failure, "at %.3f s: %.200s",
			 (double)nd_world_now_ns() / 1e9, text);
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

/* --- the client --- */

/* The other upstream's answer is right if the configuration changed since the query was sent. */
static bool right_upstream(const struct scene *s, const struct asked *a, unsigned upstream)
{
	if (upstream == (unsigned)(a->block ^ s->swapped))
		return true;
	return a->sent_ns <= s->swapped_ns + SWAP_NS && upstream < SIM_DATED_UPSTREAMS;
}

static void judge(struct scene *s, const struct asked *a, const uint8_t *bytes, size_t n)
{
	uint64_t now_s = nd_world_now_ns() / ND_NS_PER_S;
	struct sim_dated d;
	const char *why = sim_dated_read(a->question, a->n, bytes, n, &d);

	if (sim_seeds_verbose())
		printf("%.3f block %u n%c: %s upstream %u of second %llu TTL %u\n",
		       (double)nd_world_now_ns() / 1e9, a->block, a->question[14],
		       why        ? why
		       : d.failed ? "SERVFAIL"
		       : d.denied ? "NXDOMAIN"
				  : "address",
		       d.upstream, (unsigned long long)d.second, d.ttl_s);
	check(s, !why, why);
	s->answered++;
	s->failed += d.failed;
	seen[FAILED] += d.failed;
	seen[DENIED] += d.denied;
	if (why)
		return;
	struct good *good = &s->good[a->block][a->dnssec][a->name];
	if (d.failed) {
		check(s,
		      !s->stale_s || !good->second || a->sent_ns <= good->seen_ns ||
			      now_s + EARLY_S >= good->second + s->ttl_s + s->stale_s,
		      "SERVFAIL, though a stale answer is left");
		return;
	}
	if (d.second > good->second && right_upstream(s, a, d.upstream) &&
	    a->sent_ns > s->swapped_ns + SWAP_NS)
		*good = (struct good){ d.second, nd_world_now_ns() };
	uint64_t age = now_s - d.second;
	bool stale = s->stale_s && d.ttl_s == s->stale_ttl_s;
	check(s, d.second <= now_s, "an answer from the future");
	check(s, right_upstream(s, a, d.upstream), "another block's answer");
	check(s, d.ttl_s <= s->ttl_s || stale, "a TTL that is too long");
	check(s, age <= s->ttl_s + s->stale_s + SLACK_S, "an answer that is too old");
	if (!stale)
		check(s, age + d.ttl_s <= s->ttl_s + SLACK_S, "a TTL that starts again");
	seen[STALE] += age > s->ttl_s + SLACK_S;
	s->fresh += age <= s->ttl_s + PASS_S;
}

static void on_batch(void *ctx, struct nd_udp *u, struct nd_datagram *d, size_t n)
{
	struct scene *s = ctx;
	(void)u;

	for (size_t i = 0; i < n; i++) {
		struct asked *a = &s->asked[nd_reader_peek16(d[i].bytes) % PENDING];
		check(s, a->waits, "an answer to no question, or a second one");
		if (a->waits)
			judge(s, a, d[i].bytes, d[i].len);
		a->waits = false;
	}
}

static void ask(struct scene *s, unsigned block, unsigned name, bool dnssec)
{
	struct nd_addr to = address(0, 1, block ? 54 : 53);
	struct asked *a = &s->asked[s->next % PENDING];

	*a = (struct asked){ .waits = true,
			     .dnssec = dnssec,
			     .block = (uint8_t)block,
			     .name = (uint8_t)name,
			     .sent_ns = nd_world_now_ns() };
	a->n = sim_dated_question(a->question, sizeof a->question, s->next++, name, dnssec);
	s->sent++;
	nd_udp_send(s->client,
		    &(struct nd_datagram){
			    .bytes = a->question, .len = (uint32_t)a->n, .peer = &to },
		    1);
}

static void on_timer(struct nd_timer *t)
{
	struct scene *s = ND_CONTAINER(t, struct scene, timer);

	/* Some names are popular. */
	unsigned name = draw(2) ? draw(3) : draw(SIM_DATED_NAMES);
	if (!s->stopped)
		ask(s, draw(2), name, draw(4) == 0);
	nd_timer_start(s->outside, t, 1 + draw((uint32_t)(s->pause_ns / 500)) * 1000ull, on_timer);
}

/* --- the server --- */

static void on_end(void *ctx, int status)
{
	struct scene *s = ctx;

	s->ended = true;
	check(s, status == 0, "the server ended with an error");
}

static void load(struct scene *s)
{
	char text[2048];
	struct nd_diag d = { 0 };
	int n = snprintf(text, sizeof text,
			 ".:53 {\n bind 10.0.0.1\n cache {\n%s }\n forward . 10.0.1.%d\n}\n"
			 ".:54 {\n bind 10.0.0.1\n cache {\n%s }\n forward . 10.0.1.%d\n}\n",
			 s->options, 1 + s->swapped, s->options, 2 - s->swapped);

	ND_ASSERT(n > 0 && (size_t)n < sizeof text);
	if (nd_server_load_text(s->server, text, &d))
		check(s, false, d.text);
}

static void open_server(struct scene *s)
{
	static char path[256];
	struct nd_addr host = address(0, 1, 0);
	struct nd_server_options o = { .corefile = "Corefile",
				       .port = 53,
				       .workers = 1,
				       .version = "sim",
				       .on_end = on_end,
				       .ctx = s };

	snprintf(path, sizeof path, "%s/cache", folder);
	s->ended = false;
	s->server_loop = nd_loop_new();
	nd_world_set_host(s->server_loop, &host);
	if (nd_server_new(s->server_loop, &o, &s->server)) {
		check(s, false, "no server");
		return;
	}
	nd_server_process(s->server)->cache_file = path;
	load(s);
}

/* The sum of a counter's samples. */
static uint64_t metric(struct scene *s, const char *name)
{
	struct nd_gen *gen = nd_server_process(s->server)->gen;
	uint64_t sum = 0;
	struct nd_buf b;
	char start[100];

	nd_buf_init(&b, 1 << 20);
	nd_metric_page(gen, &b);
	snprintf(start, sizeof start, "\n%s", name);
	for (const char *at = nd_buf_string(&b); (at = strstr(at, start)); at++) {
		const char *value = strpbrk(at + strlen(start), " \n");
		sum += value && *value == ' ' ? strtoull(value, NULL, 10) : 0;
	}
	nd_buf_clear(&b);
	return sum;
}

static void close_server(struct scene *s)
{
	if (!s->server)
		return;
	seen[PREFETCHED] += metric(s, "coredns_cache_prefetch_total") +
			    metric(s, "nodens_cache_hot_refreshes_total");
	seen[ADOPTED] += metric(s, "nodens_cache_file_adopted_total");
	nd_server_stop(s->server, 0);
	run(ND_S(6));
	check(s, s->ended, "the server did not stop");
	nd_server_free(s->server);
	s->server = NULL;
	nd_loop_free(s->server_loop);
}

/* Before the configuration is loaded. */
static void note_swap(struct scene *s)
{
	s->swapped = !s->swapped;
	s->swapped_ns = nd_world_now_ns();
	memset(s->good, 0, sizeof s->good);
}

static void restart(struct scene *s, bool swap)
{
	close_server(s);
	if (swap) {
		note_swap(s);
	}
	open_server(s);
}

static void draw_options(struct scene *s)
{
	static const char *const modes[] = { "immediate", "verify", "verify 0s", "verify 300ms",
					     "verify 2s" };
	unsigned mode = draw(5);
	char *at = s->options, *end = at + sizeof s->options;

	s->ttl_s = 1 + draw(20);
	sim_dated_set_ttl(s->ttl_s);
	at += snprintf(at, (size_t)(end - at), "  success 1024 3600 0\n  denial 1024 3600 0\n");
	if (draw(2))
		at += snprintf(at, (size_t)(end - at), "  servfail %us\n", draw(4));
	if (draw(3) == 0)
		at += snprintf(at, (size_t)(end - at), "  prefetch %u 1m %u%%\n", draw(4),
			       10 + draw(81));
	if (draw(3) == 0)
		return;
	s->stale_s = 1 + draw(60);
	at += snprintf(at, (size_t)(end - at), "  serve_stale %us %s", s->stale_s, modes[mode]);
	if (mode != 1 && draw(2)) {
		s->stale_ttl_s = draw(2) * (30 + draw(10));
		at += snprintf(at, (size_t)(end - at), " %us", s->stale_ttl_s);
		if (draw(2))
			at += snprintf(at, (size_t)(end - at), " %us", draw(5));
	}
	snprintf(at, (size_t)(end - at), "\n%s",
		 draw(2) ? "  serve_stale_policy prefer_positive\n" : "");
}

/* --- the scene --- */

static void open_scene(struct scene *s)
{
	struct nd_world_link l = { .delay_min_ns = ND_MS(1) / 20, .delay_max_ns = ND_MS(2) };
	struct nd_udp_handler h = { .ctx = s, .on_batch = on_batch };
	struct nd_addr self = address(2, 1, 4000);
	char path[256];

	memset(s, 0, sizeof *s);
	snprintf(path, sizeof path, "%s/cache", folder);
	unlink(path);
	nd_world_set_link(&l);
	s->outside = nd_loop_new();
	for (unsigned i = 0; i < SIM_DATED_UPSTREAMS; i++) {
		struct nd_addr a = address(1, (uint8_t)(i + 1), 53);
		s->upstream[i] = sim_upstream_new(s->outside, &a);
		sim_upstream_set_answer(s->upstream[i], sim_dated_answer(i));
	}
	ND_ASSERT(nd_udp_bind(s->outside, &self, NULL, &h, &s->client) == 0);
	draw_options(s);
	open_server(s);
	s->pause_ns = ND_MS(5) + draw(200) * ND_MS(1);
	nd_timer_start(s->outside, &s->timer, 0, on_timer);
}

static void draw_moods(struct scene *s)
{
	for (unsigned i = 0; i < SIM_DATED_UPSTREAMS; i++) {
		struct sim_mood m = { .vary_ns = ND_MS(1) + draw(300) * ND_MS(1) };
		switch (draw(6)) {
		case 0: m.silent_ppm = 1000000; break;
		case 1: m.servfail_ppm = 1000000; break;
		case 2: m.lie_ppm = 1000000; break;
		case 3: m.silent_ppm = draw(500000); break;
		case 4: m.slow_ns = draw(2000) * ND_MS(1); break;
		default: break;
		}
		sim_upstream_set_mood(s->upstream[i], &m);
	}
}

static void run_with_faults(struct scene *s)
{
	for (unsigned i = 0; i < 8 && !s->failure[0]; i++) {
		draw_moods(s);
		switch (draw(6)) {
		case 0:
			note_swap(s);
			load(s);
			seen[SWAPPED]++;
			break;
		case 1: restart(s, draw(3) == 0); break;
		default: break;
		}
		run(draw(8000) * ND_MS(1));
	}
}

static uint64_t count_upstream_queries(const struct scene *s)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < SIM_DATED_UPSTREAMS; i++) {
		struct sim_upstream_counts c = sim_upstream_counts(s->upstream[i]);
		n += c.udp + c.tcp;
	}
	return n;
}

/* All names, twice; the second time no answer is stale. */
static void run_calm(struct scene *s)
{
	struct sim_mood m = { 0 };
	uint64_t before;

	s->stopped = true;
	for (unsigned i = 0; i < SIM_DATED_UPSTREAMS; i++)
		sim_upstream_set_mood(s->upstream[i], &m);
	run(ND_S(13)); /* what waits ends, marks of refreshes too */
	before = count_upstream_queries(s);
	s->sent = 0;
	for (unsigned pass = 0; pass < 2; pass++) {
		unsigned most = 2 * SIM_DATED_NAMES;
		s->answered = s->failed = s->fresh = 0;
		for (unsigned i = 0; i < most; i++) {
			ask(s, i % 2, i / 2, false);
			run(CALM_PAUSE_MS * ND_MS(1));
		}
		run(ND_S(1));
		check(s, s->answered == most && s->failed == 0,
		      "a query without an answer, though the upstreams answer");
		check(s, pass == 0 || s->fresh == most, "a stale answer after a refresh");
	}
	if (sim_seeds_verbose())
		printf("upstream queries %u, client %u\n",
		       (unsigned)(count_upstream_queries(s) - before), s->sent);
	check(s, count_upstream_queries(s) - before <= s->sent,
	      "more queries to upstreams than of clients");
}

static void close_scene(struct scene *s)
{
	nd_timer_stop(&s->timer);
	close_server(s);
	nd_udp_close(s->client);
	for (unsigned i = 0; i < SIM_DATED_UPSTREAMS; i++)
		sim_upstream_free(s->upstream[i]);
	run(ND_S(10));
	check(s, nd_world_sockets() == 0, "sockets are still open");
	nd_loop_free(s->outside);
}

static bool run_seed(uint64_t seed, uint64_t *trace, char why[SIM_SEEDS_WHY])
{
	static struct scene s;

	nd_world_open(seed);
	open_scene(&s);
	if (sim_seeds_verbose())
		printf("TTL %u\n%s", s.ttl_s, s.options);
	if (!s.failure[0])
		run_with_faults(&s);
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
		.usage = "sim_cache [--seeds N] [--first S] [--seed S] [-v]",
		.replay = "./dev sim cache",
		.plants = plants,
		.n = 1000,
		.trace_every = 50,
		.seen_text = seen_text,
		.seen = seen,
		.nseen = SEEN,
		.run = run_seed,
	};
	int status = sim_seeds_read(&seeds, argc, argv);
	char path[256];

	if (status)
		return status;
	const char *temporary = getenv("TMPDIR");
	snprintf(folder, sizeof folder, "%.150s/sim_cache.XXXXXX", temporary ? temporary : "/tmp");
	if (!mkdtemp(folder)) {
		perror(folder);
		return 1;
	}
	nd_rcu_register();
	nd_log_set_sink(no_lines, NULL);
	status = sim_seeds_run(&seeds);
	nd_rcu_barrier();
	nd_rcu_unregister();
	snprintf(path, sizeof path, "%s/cache", folder);
	unlink(path);
	rmdir(folder);
	return status;
}
