/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/stage.h"

#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/rcu.h"
#include "base/time.h"

uint32_t sim_stage_draw(uint32_t below)
{
	return nd_world_random(ND_WORLD_SCENE, below);
}

bool sim_stage_one_in(uint32_t n)
{
	return sim_stage_draw(n) == 0;
}

struct nd_addr sim_stage_address(uint8_t net, uint8_t host, uint16_t port)
{
	uint8_t bytes[4] = { 10, 0, net, host };
	return nd_addr_from(AF_INET, bytes, port);
}

void sim_stage_run(uint64_t ns)
{
	nd_world_run(nd_world_now_ns() + ns);
}

void sim_stage_check(struct sim_stage *s, bool fine, const char *text)
{
	if (!fine && !s->failure[0])
		snprintf(s->failure, sizeof s->failure, "at %.3f s: %.200s",
			 (double)nd_world_now_ns() / 1e9, text);
}

static void on_end(void *ctx, int status)
{
	struct sim_stage *s = ctx;

	s->ended = true;
	sim_stage_check(s, status == 0, "the server ended with an error");
}

void sim_stage_open(struct sim_stage *s)
{
	struct nd_server_options o = { .corefile = "Corefile",
				       .port = 53,
				       .workers = 1,
				       .version = "sim",
				       .on_end = on_end,
				       .ctx = s };
	struct nd_addr host = sim_stage_address(0, 1, 0);

	memset(s, 0, sizeof *s);
	s->outside = nd_loop_new();
	s->server_loop = nd_loop_new();
	nd_world_set_host(s->server_loop, &host);
	sim_stage_check(s, nd_server_new(s->server_loop, &o, &s->server) == 0, "no server");
}

void sim_stage_load(struct sim_stage *s, const char *corefile)
{
	struct nd_diag d = { 0 };

	if (s->server && nd_server_load_text(s->server, corefile, &d))
		sim_stage_check(s, false, d.text);
}

void sim_stage_stop(struct sim_stage *s)
{
	if (!s->server)
		return;
	nd_server_stop(s->server, 0);
	sim_stage_run(ND_S(10));
	sim_stage_check(s, s->ended, "the server did not stop");
	nd_server_free(s->server);
	s->server = NULL;
}

void sim_stage_close(struct sim_stage *s)
{
	sim_stage_run(ND_S(10));
	sim_stage_check(s, nd_world_sockets() == 0, "sockets are still open");
	nd_loop_free(s->server_loop);
	nd_loop_free(s->outside);
}

static void print_lines(void *ctx, const char *text, size_t n)
{
	(void)ctx;
	if (sim_seeds_verbose())
		fwrite(text, 1, n, stdout);
}

int sim_stage_main(const struct sim_seeds *seeds, int argc, char **argv)
{
	int status = sim_seeds_read(seeds, argc, argv);

	if (status)
		return status;
	nd_rcu_register();
	nd_log_set_sink(print_lines, NULL);
	status = sim_seeds_run(seeds);
	nd_rcu_barrier();
	nd_rcu_unregister();
	return status;
}
