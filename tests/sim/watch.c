/* SPDX-License-Identifier: Apache-2.0 */
/* sim_watch [--seeds N] [--first S] [--seed S] [--plant NAME] [-v] - runs the Kubernetes client in
 * simulated worlds.
 *
 * Each seed draws a world: an API server whose objects are added, changed and deleted, the
 * encodings and kinds of list that it supports, and the possible faults. During the faults,
 * everything that reaches the sink must be true, and nothing may be removed that the server still
 * has (mirror.h). Then the faults stop, and the sink must become equal to the server's state and
 * stay so. Ends with `N passed, N failed`. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/log.h"
#include "io/clock.h"
#include "kube/apisource.h"
#include "sim/apiserver.h"
#include "sim/mirror.h"
#include "sim/seeds.h"
#include "sim/world.h"

/* Events that must have occurred at least once in all seeds together. */
enum seen {
	STREAMS,
	PAGES,
	MORE,
	WATCHES,
	BOOKMARKS,
	DELETIONS,
	PROTOBUF,
	JSON,
	CUT,
	SHORT,
	MUTE,
	ERRORS,
	REFUSED,
	EXPIRED,
	GARBAGE,
	SILENT,
	ENDED,
	SWEPT,
	BROKEN,
	RESTARTS,
	DARK,
	NAMED,
	NAMELESS,
	ODD,
	ENDLESS,
	SEEN
};
static const char *const seen_text[SEEN] = {
	"streaming lists",
	"pages of lists",
	"pages after the first",
	"watches resumed",
	"bookmarks",
	"deletions sent",
	"protobuf",
	"JSON",
	"connections cut",
	"responses cut short",
	"mute watches",
	"errors in a watch",
	"refusals",
	"expired versions",
	"garbage",
	"requests without a response",
	"watches that ended",
	"objects swept",
	"lists broken off",
	"restarts",
	"a dark API server",
	"an API server by host name",
	"an unknown host name",
	"objects that cannot be decoded",
	"pages of lists without an end",
};
static uint64_t seen[SEEN];

struct scene {
	struct nd_loop *loop, *outside;
	struct nd_addr addr;
	struct sim_cluster cluster;
	struct sim_api *api;
	struct sim_mirror mirror;
	struct nd_apisource_config config;
	struct nd_apisource *source;
	struct sim_api_mood usual; /* without faults */
	bool good;                 /* as last reported */
	bool has_restarts, has_darkness, has_compaction, has_name, has_endless;
	char complaint[256];
};

static uint32_t draw(uint32_t below)
{
	return nd_world_random(ND_WORLD_SCENE, below);
}

static void check(struct scene *s, bool fine, const char *text)
{
	if (!fine && !s->complaint[0])
		snprintf(s->complaint, sizeof s->complaint, "%.250s", text);
}

static void check_mirror(struct scene *s)
{
	const char *failure = sim_api_failure(s->api);

	check(s, !s->mirror.complaint[0], s->mirror.complaint);
	if (failure)
		check(s, false, failure);
}

static void run(uint64_t ns)
{
	nd_world_run(nd_world_now_ns() + ns);
}

static void on_report(void *ctx, bool good, const char *text)
{
	struct scene *s = ctx;

	s->good = good;
	if (sim_seeds_verbose())
		printf("%8.1f s: %s %s\n", (double)nd_world_now_ns() / ND_NS_PER_S,
		       good ? "good" : "bad ", text);
}

/* --- drawing the world --- */

static uint32_t maybe(uint32_t ppm)
{
	return draw(2) ? draw(ppm) : 0;
}

/* Its host name has an address that works, after `others` that do not. */
static void set_name(struct scene *s, unsigned others)
{
	uint8_t unused[4] = { 10, 0, 2, 1 };
	struct nd_addr addrs[3];

	for (unsigned i = 0; i < others; i++)
		addrs[i] = nd_addr_from(AF_INET, unused, 0);
	addrs[others] = s->addr;
	nd_world_set_name("api.example", addrs, others + 1, draw(100) * ND_MS(1));
}

static void draw_name(struct scene *s)
{
	if (draw(4)) {
		set_name(s, draw(3));
		return;
	}
	seen[NAMELESS]++;
	nd_world_set_name("api.example", NULL, 0, draw(20000) * ND_MS(1));
}

static void draw_faults(struct scene *s)
{
	struct nd_world_link l = { .delay_min_ns = ND_MS(1) / 20,
				   .delay_max_ns = ND_MS(1) / 10 + draw(20) * ND_MS(1),
				   .loss_ppm = maybe(150000) };
	struct sim_api_mood m = s->usual;

	m.cut_ppm = maybe(150000);
	m.short_ppm = maybe(400000);
	m.mute_ppm = maybe(30000);
	m.expire_ppm = maybe(500000);
	m.refuse_ppm = maybe(500000);
	m.garbage_ppm = maybe(300000);
	m.silent_ppm = maybe(150000);
	if (s->has_endless && draw(2))
		m = s->usual;
	m.endless_ppm = s->has_endless ? draw(900000) : 0;
	if (s->has_name)
		draw_name(s);
	sim_api_set_mood(s->api, &m);
	nd_world_set_link(&l);
}

static void stop_faults(struct scene *s)
{
	struct nd_world_link l = { .delay_min_ns = ND_MS(1) / 20, .delay_max_ns = ND_MS(1) };

	sim_api_set_mood(s->api, &s->usual);
	nd_world_set_link(&l);
	nd_world_set_dark(&s->addr, false);
	set_name(s, 0);
	sim_api_set_up(s->api, true);
}

static void change_objects(struct scene *s, unsigned times)
{
	while (times--)
		sim_cluster_step(&s->cluster);
	if (s->has_compaction && draw(4) == 0)
		s->cluster.compacted = sim_cluster_version(&s->cluster) - draw(10);
	if (s->cluster.compacted < SIM_VERSION)
		s->cluster.compacted = SIM_VERSION;
	sim_api_changed(s->api);
}

static void open_scene(struct scene *s)
{
	uint8_t bytes[2][4] = { { 10, 0, 0, 1 }, { 10, 0, 1, 1 } };
	struct nd_addr self = nd_addr_from(AF_INET, bytes[0], 0);
	struct nd_diag d = { 0 };

	memset(s, 0, sizeof *s);
	s->addr = nd_addr_from(AF_INET, bytes[1], 6443);
	s->loop = nd_loop_new();
	s->outside = nd_loop_new();
	nd_world_set_host(s->loop, &self);
	sim_cluster_init(&s->cluster, 1 + draw(SIM_OBJECTS));
	s->api = sim_api_new(s->outside, &s->addr, &s->cluster);
	s->usual = (struct sim_api_mood){ .slow_ms = draw(20),
					  .no_protobuf = draw(2),
					  .no_stream = draw(2),
					  .page = 1 + draw(40),
					  .odd_ppm = maybe(300000),
					  .lose_ppm = sim_seeds_planted("lose") ? 100000 : 0 };
	s->has_restarts = draw(2);
	s->has_darkness = draw(3) == 0;
	s->has_compaction = draw(2);
	s->has_name = draw(3) == 0;
	s->has_endless = draw(3) == 0;
	seen[NAMED] += s->has_name;
	change_objects(s, draw(4 * s->cluster.objects));
	sim_api_set_up(s->api, draw(4) != 0);
	draw_faults(s);
	sim_mirror_init(&s->mirror, &s->cluster,
			sim_seeds_planted("sweep")   ? SIM_MIRROR_NO_SWEEP
			: sim_seeds_planted("early") ? SIM_MIRROR_EARLY
						     : SIM_MIRROR_HONEST);
	s->config = (struct nd_apisource_config){
		.api = { .addr = s->addr, .host = "10.0.1.1:6443", .prefix = "" },
		.sink = &s->mirror.sink,
		.report = on_report,
		.ctx = s,
	};
	if (s->has_name) {
		s->config.api.addr = (struct nd_addr){ .len = 0 };
		s->config.api.name = "api.example";
		s->config.api.port = 6443;
	}
	if (draw(3) == 0)
		s->config.limits = (struct nd_client_limits){ 1 + draw(20), 1 + draw(10), draw(4) };
	for (int k = 0; k < SIM_KINDS; k++)
		s->config.wanted[k] = true;
	check(s, nd_apisource_new(s->loop, &s->config, &s->source, &d) == 0, d.text);
}

/* --- safety and liveness --- */

static void run_with_faults(struct scene *s)
{
	unsigned rounds = 5 + draw(30), most = 1 + draw(10);

	for (unsigned i = 0; i < rounds && !s->complaint[0]; i++) {
		if (s->has_restarts && draw(4) == 0) {
			bool up = draw(2);
			sim_api_set_up(s->api, false);
			sim_api_set_up(s->api, up);
			seen[RESTARTS]++;
		}
		if (s->has_darkness && draw(4) == 0) {
			bool dark = draw(2);
			nd_world_set_dark(&s->addr, dark);
			seen[DARK] += dark;
		}
		if (draw(4) == 0)
			draw_faults(s);
		for (unsigned n = draw(5); n; n--) {
			change_objects(s, draw(most));
			run(draw(8000) * ND_MS(1));
		}
		run(ND_MS(1) * draw(20000));
		check_mirror(s);
	}
}

static void check_equal(struct scene *s)
{
	sim_mirror_compare(&s->mirror);
	check_mirror(s);
	check(s, nd_apisource_synced(s->source), "not synced without faults");
	check(s, s->usual.no_protobuf || sim_api_counts(s->api).json == 0,
	      "JSON was requested although the server has protobuf");
	check(s, s->good, "the recovery was not reported");
}

/* No more faults. The slowest to detect is a mute watch: three minutes. */
static void run_without_faults(struct scene *s)
{
	stop_faults(s);
	run(ND_S(300));
	check_equal(s);
	for (unsigned i = 0; i < 30 && !s->complaint[0]; i++) {
		change_objects(s, 1 + draw(5));
		run(ND_S(1) + draw(20000) * ND_MS(1));
		check_equal(s);
	}
}

static void close_scene(struct scene *s)
{
	nd_apisource_free(s->source);
	sim_api_free(s->api);
	run(ND_S(60));
	check(s, nd_world_sockets() == 0, "sockets left open");
	nd_loop_free(s->loop);
	nd_loop_free(s->outside);
	sim_cluster_clear(&s->cluster);
}

static void add_seen(const struct scene *s)
{
	struct sim_api_counts c = sim_api_counts(s->api);
	const uint64_t counts[] = {
		[STREAMS] = c.streams,
		[PAGES] = c.pages,
		[MORE] = c.more_pages,
		[WATCHES] = c.watches,
		[BOOKMARKS] = c.bookmarks,
		[DELETIONS] = c.deletions,
		[PROTOBUF] = c.protobuf,
		[JSON] = c.json,
		[CUT] = c.cut,
		[SHORT] = c.cut_short,
		[MUTE] = c.mute,
		[ERRORS] = c.errors,
		[REFUSED] = c.refused,
		[EXPIRED] = c.expired,
		[GARBAGE] = c.garbage,
		[SILENT] = c.silent,
		[ENDED] = c.ended,
		[SWEPT] = s->mirror.swept,
		[BROKEN] = s->mirror.broken,
		[ODD] = c.odd,
		[ENDLESS] = c.endless,
	};

	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		seen[i] += counts[i];
}

/* True: the seed passes. *trace: a hash of the run. */
static bool run_seed(uint64_t seed, uint64_t *trace, char why[SIM_SEEDS_WHY])
{
	static struct scene s; /* static: the mirror is large */

	nd_world_open(seed);
	open_scene(&s);
	if (!s.complaint[0])
		run_with_faults(&s);
	if (!s.complaint[0])
		run_without_faults(&s);
	add_seen(&s);
	close_scene(&s);
	*trace = nd_world_trace();
	nd_world_close();
	snprintf(why, SIM_SEEDS_WHY, "%s", s.complaint);
	return !s.complaint[0];
}

int main(int argc, char **argv)
{
	static const char *const plants[] = { "sweep", "early", "lose", NULL };
	const struct sim_seeds run = {
		.usage =
			"sim_watch [--seeds N] [--first S] [--seed S] [--plant sweep|early|lose] [-v]",
		.replay = "./dev sim watch",
		.plants = plants,
		.n = 200,
		.trace_every = 25,
		.seen_text = seen_text,
		.seen = seen,
		.nseen = SEEN,
		.run = run_seed,
	};
	int status = sim_seeds_read(&run, argc, argv);

	return status ? status : sim_seeds_run(&run);
}
