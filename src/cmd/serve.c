/* SPDX-License-Identifier: Apache-2.0 */
/* nodens serve, or coredns: the command line of CoreDNS. */
#include <stdio.h>
#include <string.h>
#include "base/err.h"
#include "cmd/cmd.h"
#include "cmd/run.h"

struct options {
	struct nd_run_options run;
};

static const struct nd_flag flags[] = {
	{ "conf", ND_FLAG_TEXT, offsetof(struct options, run.conf),
	  "Corefile to load (Corefile); \"stdin\" reads standard input" },
	ND_RUN_FLAGS(offsetof(struct options, run)),
};

static int serve(struct nd_run *r, const struct options *o)
{
	struct nd_server_options so = { .corefile = o->run.conf };
	struct nd_diag d = { 0 };

	if (!nd_run_open(r, &so))
		return 1;
	if (nd_server_load(r->server, &d)) {
		if (nd_server_process(r->server)->stopping)
			return r->status; /* a signal arrived while waiting for the API server */
		fflush(stdout);
		fprintf(stderr, "%s\n", d.text);
		return 1;
	}
	nd_run_announce(r);
	return nd_run_loop(r);
}

int nd_cmd_serve(int argc, char **argv)
{
	struct options o = { .run = ND_RUN_DEFAULTS };
	int status = nd_flags_parse(flags, ND_COUNT(flags), "nodens serve", argc, argv, &o);
	struct nd_run r;

	if (status != ND_FLAGS_CONTINUE)
		return status;
	if (!nd_run_check_format(&o.run))
		return 1;
	o.run.coredns = strcmp(argv[0], "serve") != 0;
	if (nd_run_print_info(&o.run))
		return 0;
	status = nd_run_init(&r, &o.run) ? serve(&r, &o) : 1;
	nd_run_clear(&r);
	return status;
}
