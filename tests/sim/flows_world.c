/* SPDX-License-Identifier: Apache-2.0 */
/* The world of a seed: load, upstreams, options. */
#include <stdio.h>
#include <string.h>
#include "base/time.h"
#include "sim/flows_scene.h"
#include "sim/truth.h"

/* --- what upstreams report --- */

bool sim_flows_is_slow(const struct scene *s, unsigned i)
{
	return s->slow_every && i % s->slow_every == s->slow_every - 1;
}

static void on_query(void *ctx, const uint8_t *query, size_t n, uint16_t port)
{
	struct upstream *u = ctx;
	unsigned i;

	if (sim_truth_number(query, n, &i))
		sim_packets_note(u->packets, i, port);
}

static void on_lost(void *ctx, const uint8_t *query, size_t n)
{
	struct upstream *u = ctx;
	unsigned i;

	if (sim_truth_number(query, n, &i))
		sim_packets_excuse(u->packets, i);
}

static uint64_t delay_ns(void *ctx, const uint8_t *query, size_t n)
{
	const struct scene *s = ((struct upstream *)ctx)->scene;
	unsigned i;

	return sim_truth_number(query, n, &i) && sim_flows_is_slow(s, i) ? s->slow_ns : 0;
}

/* --- drawing the world --- */

void sim_flows_set_link(uint32_t loss_ppm, uint32_t reorder_ppm)
{
	struct nd_world_link l = { .delay_min_ns = ND_MS(1) / 20,
				   .delay_max_ns = ND_MS(1),
				   .loss_ppm = loss_ppm,
				   .reorder_ppm = reorder_ppm };

	nd_world_set_link(&l);
}

/* An upstream that serves the load: a limit of connections leaves no room for slow names. */
static void draw_habit(const struct scene *s, struct sim_habit *h)
{
	*h = (struct sim_habit){ 0 };
	switch (sim_stage_draw(7)) {
	case 0:
	case 1: h->order = SIM_IN_ORDER; break;
	case 2: h->order = SIM_FIRST_ONLY; break;
	case 3: h->close_after = 1 + sim_stage_draw(20); break;
	case 4:
		h->cut_after = 1 + sim_stage_draw(20);
		h->stalls = sim_stage_draw(2);
		break;
	case 5:
		if (!s->slow_every && s->rate < 1000)
			h->conns_max = 1 + sim_stage_draw(8);
		break;
	default: break;
	}
}

static void draw_load(struct scene *s)
{
	static const unsigned rates[] = { 2, 100, 1000 };

	s->rate = rates[sim_stage_draw(3)];
	s->tcp = sim_stage_draw(2);
	if (sim_stage_draw(2))
		return;
	s->slow_every = s->rate == 1000 ? 100 : 8 + sim_stage_draw(20);
	s->slow_ns = ND_MS(100) + sim_stage_draw(1400) * ND_MS(1);
}

static void open_upstreams(struct scene *s)
{
	s->nupstreams = 1 + sim_stage_draw(UPSTREAMS_MAX);
	for (unsigned i = 0; i < s->nupstreams; i++) {
		struct upstream *u = &s->upstream[i];
		struct sim_upstream_watch w = {
			.ctx = u, .on_query = on_query, .on_lost = on_lost, .delay_ns = delay_ns
		};
		u->scene = s;
		u->addr = sim_stage_address(1, (uint8_t)(i + 1), 53);
		u->sim = sim_upstream_new(s->stage.outside, &u->addr);
		u->packets = sim_packets_new(s->rate);
		sim_upstream_set_watch(u->sim, &w);
		draw_habit(s, &u->habit);
		sim_upstream_set_habit(u->sim, &u->habit);
	}
}

static void draw_options(struct scene *s)
{
	static const char *const policies[] = { "random", "round_robin", "sequential" };

	snprintf(s->options, sizeof s->options, "    policy %s\n    max_fails %u\n%s",
		 policies[sim_stage_draw(3)], sim_stage_draw(3),
		 s->tcp ? "    force_tcp\n" : "    prefer_udp\n");
}

/* The same upstreams, but another text. */
void sim_flows_load(struct scene *s)
{
	char text[1024];

	snprintf(text, sizeof text,
		 ".:53 {\n  bind 10.0.0.1\n  errors\n%s  forward . 10.0.1.1%s%s {\n%s  }\n}\n",
		 s->generation++ % 2 ? "  loadbalance\n" : "", s->nupstreams > 1 ? " 10.0.1.2" : "",
		 s->nupstreams > 2 ? " 10.0.1.3" : "", s->options);
	sim_stage_load(&s->stage, text);
}

static void print_world(const struct scene *s)
{
	if (!sim_seeds_verbose())
		return;
	printf("%u upstreams, %u/s, each %u. name takes %.0f ms more\n%s", s->nupstreams, s->rate,
	       s->slow_every, (double)s->slow_ns / 1e6, s->options);
	for (unsigned i = 0; i < s->nupstreams; i++) {
		const struct sim_habit *h = &s->upstream[i].habit;
		printf("upstream %u: order %d, closes after %u, cuts after %u%s, connections %u\n",
		       i + 1, h->order, h->close_after, h->cut_after,
		       h->stalls ? " and stalls" : "", h->conns_max);
	}
}

void sim_flows_open(struct scene *s)
{
	struct nd_addr server = sim_stage_address(0, 1, 53), self = sim_stage_address(0, 1, 4000);

	memset(s, 0, sizeof *s);
	sim_stage_open(&s->stage);
	sim_flows_set_link(0, 0);
	draw_load(s);
	open_upstreams(s);
	draw_options(s);
	print_world(s);
	sim_flows_load(s);
	s->late_max = LATE_START;
	s->client = sim_steady_new(s->stage.outside, &server, &self, s->rate);
}
