/* SPDX-License-Identifier: Apache-2.0 */
/* nodens node, or node-cache: the command line and environment of NodeLocal DNSCache. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/err.h"
#include "cmd/cmd.h"
#include "cmd/run.h"
#include "io/fdset.h"
#include "io/filewrite.h"
#include "io/thread.h"
#include "node/agent.h"
#include "node/options.h"

enum { WORKERS_MAX = 4 }; /* leaves the node's CPUs to its pods */

#define KUBEDNS_FOLDER "/etc/kube-dns"
#define FDS_VARIABLE "NODENS_FDS"

struct options {
	struct nd_run_options run;
	const char *localip, *interface, *sync, *metrics, *prometheus, *base, *corefile, *kubedns,
		*upstream, *health_port;
	bool setup_interface, setup_rules, skip_teardown, reload;
};

#define TEXT(flag, member, help)                                           \
	{                                                                  \
		flag, ND_FLAG_TEXT, offsetof(struct options, member), help \
	}
#define SWITCH(flag, member, help)                                           \
	{                                                                    \
		flag, ND_FLAG_SWITCH, offsetof(struct options, member), help \
	}

static const struct nd_flag flags[] = {
	TEXT("localip", localip, "comma-separated IP addresses to serve on"),
	SWITCH("setupinterface", setup_interface,
	       "create an interface with these addresses and maintain it (true)"),
	TEXT("interfacename", interface, "name of the interface (nodelocaldns)"),
	SWITCH("setupiptables", setup_rules,
	       "intercept DNS traffic to these addresses with nftables rules (true)"),
	TEXT("syncinterval", sync, "interval between checks of interface and rules (60s)"),
	SWITCH("skipteardown", skip_teardown, "keep the interface at exit (false)"),
	TEXT("upstreamsvc", upstream,
	     "Service whose address, taken from the environment, replaces "
	     "__PILLAR__CLUSTER__DNS__ (kube-dns)"),
	TEXT("basecorefile", base, "Corefile template (/etc/coredns/Corefile.base)"),
	TEXT("conf", run.conf, "Corefile to write and serve"),
	TEXT("corefile", corefile, "the same, used if -conf is not given (/etc/Corefile)"),
	TEXT("kubednscm", kubedns,
	     "directory of the kube-dns ConfigMap (" KUBEDNS_FOLDER " if it exists)"),
	SWITCH("reloadwithsignal", reload,
	       "load a changed Corefile at once, without waiting for the reload plugin (false)"),
	TEXT("health-port", health_port, "port of the health endpoint (8080)"),
	TEXT("metrics-listen-address", metrics,
	     "address of the agent's own metrics (0.0.0.0:9353)"),
	TEXT("prometheus-listen-address", prometheus, "value of __PROMETHEUS__ENDPOINT__ (:9253)"),
	ND_RUN_FLAGS(offsetof(struct options, run)),
};

static const struct options defaults = {
	.run = ND_RUN_DEFAULTS,
	.localip = "",
	.interface = "nodelocaldns",
	.sync = "60s",
	.metrics = "0.0.0.0:9353",
	.prometheus = ":9253",
	.base = "/etc/coredns/Corefile.base",
	.corefile = "/etc/Corefile",
	.kubedns = "",
	.upstream = "kube-dns",
	.health_port = "8080",
	.setup_interface = true,
	.setup_rules = true,
};

struct node {
	struct nd_run run;
	struct nd_agent *agent;
	struct nd_fdset *fds;
	struct nd_addr local[ND_OPTIONS_ADDRS_MAX];
	char service[ND_OPTIONS_ENV_MAX];
};

/* --- the agent's hooks --- */

static int check(void *ctx, const char *corefile, struct nd_diag *d)
{
	struct node *n = ctx;

	return nd_server_check_text(n->run.server, corefile, d);
}

static int load(void *ctx, struct nd_diag *d)
{
	struct node *n = ctx;

	return nd_server_load(n->run.server, d);
}

static void reload(void *ctx)
{
	struct node *n = ctx;
	struct nd_process *p = nd_server_process(n->run.server);

	p->reload(p);
}

static bool is_bound(void *ctx, const struct nd_addr *a)
{
	struct node *n = ctx;
	const struct nd_gen *g = nd_server_process(n->run.server)->gen;

	for (size_t i = 0; g && i < g->nendpoints; i++)
		for (size_t k = 0; k < g->endpoints[i].nlisten; k++)
			if (nd_addr_equal(&g->endpoints[i].listen[k].addr, a))
				return true;
	return false;
}

static void on_serving(void *ctx)
{
	struct node *n = ctx;

	nd_fdset_close_unused(n->fds);
	nd_run_announce(&n->run);
}

static void stop_server(void *ctx, int status)
{
	struct node *n = ctx;

	nd_server_stop(n->run.server, status);
}

/* --- the process's hooks --- */

static void stop(void *ctx, int status)
{
	struct node *n = ctx;

	nd_agent_stop(n->agent, status);
}

static void teardown(void *ctx)
{
	struct node *n = ctx;

	nd_agent_teardown(n->agent);
}

/* --- the command line --- */

static bool has_text(const char *text)
{
	return text && *text;
}

static int read_options(const struct options *o, struct node *n, struct nd_agent_config *c,
			struct nd_diag *d)
{
	struct nd_template_values *v = &c->base.values;
	int err;

	v->port = 53;
	if ((o->run.port && !nd_flags_port("dns.port", o->run.port, &v->port)) ||
	    !nd_flags_port("health-port", o->health_port, &c->host.health_port))
		return ND_ECONF;
	err = nd_options_local(o->localip, v->port, n->local, &c->host.naddrs, d);
	if (!err)
		err = nd_options_interval(o->sync, &c->sync_ns, d);
	if (!err)
		err = nd_options_service(o->upstream, n->service, d);
	if (!err && strlen(o->interface) > 15)
		err = nd_diag_invalid(d, NULL, 0, "-interfacename: ", "interface name",
				      o->interface, "1 to 15 characters");
	if (err)
		return err;
	c->host.addrs = v->local = n->local;
	v->nlocal = c->host.naddrs;
	v->cluster_dns = getenv(n->service);
	v->cluster_dns_from = n->service;
	v->prometheus = o->prometheus;
	struct nd_addr a;
	if (v->cluster_dns && nd_addr_parse_ip(v->cluster_dns, 0, &a))
		v->cluster_dns = NULL;
	c->host.interface = o->interface;
	c->metrics = o->metrics;
	c->host.setup_interface = o->setup_interface;
	c->host.setup_rules = o->setup_rules;
	c->host.skip_teardown = o->skip_teardown;
	c->reload = o->reload;
	c->base.base = o->base;
	c->base.corefile = has_text(o->run.conf) ? o->run.conf : o->corefile;
	c->base.kubedns = has_text(o->kubedns)                ? o->kubedns
			  : access(KUBEDNS_FOLDER, F_OK) == 0 ? KUBEDNS_FOLDER
							      : NULL;
	if (strcmp(c->base.base, c->base.corefile) == 0)
		return nd_diag_at(d, NULL, 0,
				  "-basecorefile and -conf are both %s: the template would be "
				  "overwritten; set -conf to another path",
				  c->base.base);
	return 0;
}

/* Takes the inherited descriptors of NODENS_FDS; an invalid value is ignored as a whole. */
static void adopt_descriptors(struct nd_fdset *fds)
{
	const char *text = getenv(FDS_VARIABLE);
	int err = text ? nd_fdset_add_text(fds, text) : 0;

	if (err)
		fprintf(stderr, "%s: %s: ignoring it\n", FDS_VARIABLE, nd_err_text(err));
	unsetenv(FDS_VARIABLE);
}

static uint16_t workers(struct nd_fdset *fds)
{
	uint16_t held = nd_fdset_workers(fds);
	unsigned n = nd_thread_cpus();

	if (held)
		return held;
	return (uint16_t)(n < WORKERS_MAX ? n : WORKERS_MAX);
}

static int run(struct node *n, const struct nd_agent_config *c)
{
	const struct nd_agent_hooks hooks = { .ctx = n,
					      .check = check,
					      .load = load,
					      .reload = reload,
					      .is_bound = is_bound,
					      .on_serving = on_serving,
					      .stop = stop_server };
	struct nd_server_options so = { .corefile = c->base.corefile,
					.workers = workers(n->fds),
					.exact = n->local,
					.nexact = c->host.naddrs,
					.isolate = true,
					.serve_stale = true,
					.fds = n->fds };

	n->agent = nd_agent_new(n->run.loop, c, &hooks);
	if (!n->agent) {
		fprintf(stderr, "cannot start: out of memory\n");
		return 1;
	}
	n->run.ctx = n;
	n->run.stop = stop;
	n->run.teardown = teardown;
	if (!nd_run_open(&n->run, &so))
		return 1;
	nd_agent_start(n->agent);
	return nd_run_loop(&n->run);
}

int nd_cmd_node(int argc, char **argv)
{
	struct options o = defaults;
	int status = nd_flags_parse(flags, ND_COUNT(flags), "nodens node", argc, argv, &o);
	struct nd_agent_config c = { 0 };
	struct nd_diag d = { 0 };
	struct node n = { 0 };

	if (status != ND_FLAGS_CONTINUE)
		return status;
	if (!nd_run_check_format(&o.run))
		return 1;
	if (nd_run_print_info(&o.run))
		return 0;
	if (read_options(&o, &n, &c, &d)) {
		if (d.set)
			fprintf(stderr, "%s\n", d.text);
		return 1;
	}
	n.fds = nd_fdset_new();
	if (!n.fds) {
		fprintf(stderr, "cannot start: out of memory\n");
		return 1;
	}
	adopt_descriptors(n.fds);
	c.host.fds = n.fds;
	if (o.run.pidfile)
		nd_filewrite_remove(o.run.pidfile); /* a pid file means that this process serves */
	status = nd_run_init(&n.run, &o.run) ? run(&n, &c) : 1;
	nd_agent_free(n.agent);
	nd_run_clear(&n.run);
	nd_fdset_free(n.fds);
	return status;
}
