/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lab/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/err.h"
#include "io/clock.h"
#include "io/file.h"
#include "tools/lab/sandbox.h"
#include "tools/lab/program.h"

#define FOLDER ND_SANDBOX_FOLDER "/lab/"
#define LINK_LOCAL "169.254.20.10"

enum { READY_S = 20, POLL_MS = 100, LOG_BYTES = 1 << 20, LOG_SHOWN = 1500, NUMBER = 24 };

static const char localip[] = LINK_LOCAL "," ND_PROXY_KUBE_DNS;

/* kubeadm's Corefile, with a name from the hosts plugin instead of a cluster. */
static const char dns_corefile[] = ".:53 {\n"
				   "    errors\n"
				   "    hosts {\n"
				   "        10.96.80.80 web.default.svc.cluster.local\n"
				   "        fd96::80 web.default.svc.cluster.local\n"
				   "    }\n"
				   "    cache 30\n"
				   "    loadbalance\n"
				   "}\n";

static const char resolv_path[] = FOLDER "resolv.conf";

/* As kubelet writes it for a pod. */
static const char resolv_conf[] =
	"nameserver " ND_PROXY_KUBE_DNS "\n"
	"search default.svc.cluster.local svc.cluster.local cluster.local\n"
	"options ndots:5\n";

/* The template in nodelocaldns.yaml, as installed; external names are forwarded to the cluster's
 * DNS too, since the lab has no Internet. */
#define BLOCK(zone, cache, more)                                                        \
	zone ":53 {\n    errors\n    cache " cache "\n    reload\n    loop\n"           \
	     "    bind " LINK_LOCAL " " ND_PROXY_KUBE_DNS "\n"                          \
	     "    forward . __PILLAR__CLUSTER__DNS__ {\n            force_tcp\n    }\n" \
	     "    prometheus :9253\n" more "}\n"
static const char base_corefile[] =
	BLOCK("cluster.local", "{\n            success 9984 30\n            denial 9984 5\n    }",
	      "    health " LINK_LOCAL ":8080\n") BLOCK("in-addr.arpa", "30", "")
		BLOCK("ip6.arpa", "30", "") BLOCK(".", "30", "");

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), err = 0;

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
		err = -errno;
		fprintf(stderr, "nodens lab: %s: %s\n", path, nd_err_text(err));
	}
	if (fd >= 0)
		close(fd);
	return err;
}

static int write_files(void)
{
	if (mkdir(FOLDER, 0755) < 0 && errno != EEXIST)
		return -errno;
	int err = write_text(resolv_path, resolv_conf);
	err = err ? err : write_text(FOLDER "dns", dns_corefile);
	return err ? err : write_text(FOLDER "base", base_corefile);
}

static void sleep_ms(unsigned ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)ND_MS(ms % 1000) };

	nanosleep(&t, NULL);
}

static void print_log(const char *who, const char *path)
{
	struct nd_buf text;

	nd_buf_init(&text, LOG_BYTES);
	nd_file_read(path, &text);
	size_t from = text.len > LOG_SHOWN ? text.len - LOG_SHOWN : 0;
	fprintf(stderr, "nodens lab: %s; its log ends with:\n%s\n", who,
		nd_buf_string(&text) + from);
	nd_buf_clear(&text);
}

static int start_dns(struct nd_parts *p, unsigned i)
{
	bool coredns = p->row->what & ND_ROW_COREDNS_DNS;
	char name[ND_WORLD_NAME], log[64];
	const char *path = coredns ? p->plan->coredns : p->plan->nodens;

	snprintf(log, sizeof log, FOLDER "%s.log", nd_world_pod_name(i, name));
	struct nd_program run = { .place = name, .log = log };
	unsigned n = 0;
	run.argv[n++] = path;
	if (!coredns)
		run.argv[n++] = "serve";
	run.argv[n++] = "-conf";
	run.argv[n++] = FOLDER "dns";
	return nd_program_start(&run, &p->dns[i]);
}

static int start_agent(struct nd_parts *p)
{
	bool ours = p->row->what & ND_ROW_AGENT;
	struct nd_program run = { .place = "node",
				  .log = FOLDER "agent.log",
				  .env = "KUBE_DNS_UPSTREAM_SERVICE_HOST=" ND_PROXY_UPSTREAM };
	unsigned n = 0;

	unlink(FOLDER "agent.pid");
	run.argv[n++] = ours ? p->plan->nodens : p->plan->node_cache;
	if (ours)
		run.argv[n++] = "node";
	const char *const flags[] = { "-localip",      localip,
				      "-conf",         FOLDER "Corefile",
				      "-basecorefile", FOLDER "base",
				      "-upstreamsvc",  "kube-dns-upstream",
				      "-pidfile",      FOLDER "agent.pid" };
	for (size_t i = 0; i < ND_COUNT(flags); i++)
		run.argv[n++] = flags[i];
	return nd_program_start(&run, &p->agent);
}

int nd_parts_check(struct nd_parts *p)
{
	char who[64], log[64], name[ND_WORLD_NAME];

	for (unsigned i = 0; i < p->world->pods; i++) {
		if (!nd_program_exited(&p->dns[i]))
			continue;
		snprintf(log, sizeof log, FOLDER "%s.log", nd_world_pod_name(i, name));
		snprintf(who, sizeof who, "the DNS server in %s exited", name);
		print_log(who, log);
		return -ECHILD;
	}
	if (!nd_program_exited(&p->agent))
		return 0;
	print_log("the agent exited", FOLDER "agent.log");
	return -ECHILD;
}

int nd_parts_load(const struct nd_parts *p, unsigned seconds, struct nd_figures *figures)
{
	char clients[NUMBER], limit[NUMBER], duration[NUMBER], rate[NUMBER];
	struct nd_program run = { .place = "pod" };
	struct nd_buf json;
	unsigned n = 0;

	snprintf(clients, sizeof clients, "%u", seconds ? p->plan->clients : 1);
	snprintf(limit, sizeof limit, "%u", seconds ? ND_ROW_LIMIT_MS : 1000);
	snprintf(duration, sizeof duration, "%u", seconds ? seconds : 1);
	snprintf(rate, sizeof rate, "%u", p->plan->rate);
	const char *const flags[] = { p->plan->nodens,
				      "bench",
				      "-host",
				      "web",
				      "-resolv",
				      resolv_path,
				      "-c",
				      clients,
				      "-d",
				      duration,
				      "-l",
				      limit,
				      "-json",
				      "-q",
				      "-style",
				      p->row->cause == ND_ROW_RACE && seconds ? "parallel" : "go" };
	for (size_t i = 0; i < ND_COUNT(flags); i++)
		run.argv[n++] = flags[i];
	if (!seconds || p->row->options) {
		run.argv[n++] = "-options";
		run.argv[n++] = seconds ? p->row->options : "timeout:1 attempts:1";
	}
	if (!seconds || p->row->cause == ND_ROW_RACE) {
		run.argv[n++] = seconds ? "-rate" : "-n";
		run.argv[n++] = seconds ? rate : "1";
	}
	nd_buf_init(&json, LOG_BYTES);
	int err = nd_program_run(&run, &json);
	err = err ? err : nd_figures_parse(nd_buf_string(&json), figures);
	nd_buf_clear(&json);
	return err;
}

/* Whether one lookup is answered; by the agent if there is one: kube-dns's rules saw no flow. */
static int is_ready(struct nd_parts *p, bool *ready)
{
	struct nd_figures one;
	struct nd_counters before, after;
	int err = nd_counters_read(p->world, &before);

	err = err ? err : nd_parts_load(p, 0, &one);
	err = err ? err : nd_counters_read(p->world, &after);
	if (!err)
		*ready = one.requests == 1 && one.errors == 0 &&
			 (p->agent == 0 || after.dnat == before.dnat);
	return err;
}

static int wait_ready(struct nd_parts *p, const char *who, const char *log)
{
	uint64_t end = nd_clock_now_ns() + ND_S(READY_S);
	bool ready = false;
	int err = 0;

	while (!err && !ready && nd_clock_now_ns() < end) {
		err = nd_parts_check(p);
		err = err ? err : is_ready(p, &ready);
		if (!err && !ready)
			sleep_ms(POLL_MS);
	}
	if (err || ready)
		return err;
	print_log(who, log);
	return -ETIMEDOUT;
}

int nd_parts_start(struct nd_parts *p)
{
	int err = write_files();

	for (unsigned i = 0; i < p->world->pods && !err; i++)
		err = start_dns(p, i);
	err = err ? err
		  : wait_ready(p, "the DNS pods answer no lookups of the pod", FOLDER "dns0.log");
	if (err || !(p->row->what & (ND_ROW_AGENT | ND_ROW_ORIGINAL_AGENT)))
		return err;
	err = start_agent(p);
	return err ? err
		   : wait_ready(p, "the agent answers no lookups of the pod", FOLDER "agent.log");
}

void nd_parts_stop(struct nd_parts *p)
{
	nd_program_kill(&p->agent);
	for (unsigned i = 0; i < ND_PROXY_PODS_MAX; i++)
		nd_program_kill(&p->dns[i]);
}
