/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lab/world.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/err.h"
#include "io/file.h"
#include "tools/lab/sandbox.h"
#include "tools/lab/program.h"

/* Services per iptables-restore: unprivileged netlink messages are limited by net.core.wmem_max. */
enum { SERVICES_PER_CALL = 40, SERVICES_PER_CALL_ROOT = 5000 };

const char *nd_world_pod_name(unsigned i, char name[ND_WORLD_NAME])
{
	snprintf(name, ND_WORLD_NAME, "dns%u", i);
	return name;
}

static int create_netns(const char *name)
{
	const struct nd_program add = { .argv = { "ip", "netns", "add", name } };
	/* Receive packet steering stays off: it would put both packets of a race on one CPU. */
	const struct nd_program set = { .place = name,
					.argv = { "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0",
						  "net.ipv4.conf.default.rp_filter=0",
						  "net.ipv6.conf.all.accept_dad=0",
						  "net.ipv6.conf.default.accept_dad=0" } };
	const struct nd_program lo = { .argv = { "ip", "-n", name, "link", "set", "lo", "up" } };
	int err = nd_program_run(&add, NULL);

	err = err ? err : nd_program_run(&set, NULL);
	return err ? err : nd_program_run(&lo, NULL);
}

/* Connects a pod to the node, as a CNI plugin does. */
static int connect_pod(const char *place, unsigned net)
{
	struct nd_buf text;

	nd_buf_init(&text, 1 << 12);
	nd_buf_printf(&text,
		      "link add to-%s type veth peer name eth0 netns %s\n"
		      "addr add 10.244.%u.1/24 dev to-%s\n"
		      "link set to-%s up\n",
		      place, place, net, place, place);
	const struct nd_program node = { .argv = { "ip", "-n", "node", "-batch", "-" },
					 .input = nd_buf_string(&text) };
	int err = nd_program_run(&node, NULL);
	nd_buf_reset(&text);
	nd_buf_printf(&text,
		      "addr add 10.244.%u.2/24 dev eth0\n"
		      "link set eth0 up\n"
		      "route add default via 10.244.%u.1\n",
		      net, net);
	const struct nd_program pod = { .argv = { "ip", "-n", place, "-batch", "-" },
					.input = nd_buf_string(&text) };
	err = err ? err : nd_program_run(&pod, NULL);
	nd_buf_clear(&text);
	return err;
}

/* The node's default route, to a network without hosts: its own packets to a Service need a route
 * before DNAT gives them another one, and a source address outside the pod network, which is then
 * masqueraded. */
static int create_uplink(void)
{
	const struct nd_program p = { .argv = { "ip", "-n", "node", "-batch", "-" },
				      .input = "link add uplink type veth peer name world\n"
					       "addr add 192.0.2.10/24 dev uplink\n"
					       "link set uplink up\n"
					       "link set world up\n"
					       "route add default via 192.0.2.1\n" };

	return nd_program_run(&p, NULL);
}

static int restore(const char *text)
{
	const struct nd_program p = { .place = "node",
				      .input = text,
				      .argv = { "iptables-restore", "--noflush" } };

	return nd_program_run(&p, NULL);
}

/* In a user namespace not all user IDs are mapped. */
static bool is_user_namespace(void)
{
	struct nd_buf map;

	nd_buf_init(&map, 1 << 12);
	nd_file_read("/proc/self/uid_map", &map);
	bool all = strstr(nd_buf_string(&map), "4294967295") != NULL;
	nd_buf_clear(&map);
	return !all;
}

static int write_chains(const struct nd_world *w)
{
	unsigned step = is_user_namespace() ? SERVICES_PER_CALL : SERVICES_PER_CALL_ROOT;
	struct nd_buf text;

	nd_buf_init(&text, ND_PROGRAM_BYTES);
	nd_proxy_base(&text);
	int err = text.err ? text.err : restore(nd_buf_string(&text));
	for (unsigned i = 0; i < w->services && !err; i += step) {
		nd_buf_reset(&text);
		nd_proxy_services(&text, i, i + step < w->services ? i + step : w->services);
		err = text.err ? text.err : restore(nd_buf_string(&text));
	}
	nd_buf_reset(&text);
	nd_proxy_dns(&text, w->pods);
	err = err ? err : text.err ? text.err : restore(nd_buf_string(&text));
	nd_buf_clear(&text);
	return err;
}

static int emulate_old_kernel(void)
{
	struct nd_buf text;

	nd_buf_init(&text, 1 << 12);
	nd_proxy_old_kernel(&text, ND_WORLD_LIFETIME_S);
	const struct nd_program p = { .place = "node",
				      .input = nd_buf_string(&text),
				      .argv = { "nft", "-f", "-" } };
	int err = nd_program_run(&p, NULL);
	nd_buf_clear(&text);
	return err;
}

/* A source port that is reused while conntrack still knows it sends no first packet, which would
 * hide the race: entries expire soon, and the pod has all ports. */
static int shorten_timeouts(void)
{
	const struct nd_program node = {
		.place = "node",
		.argv = { "sysctl", "-qw", "net.netfilter.nf_conntrack_udp_timeout=1",
			  "net.netfilter.nf_conntrack_udp_timeout_stream=1" }
	};
	const struct nd_program pod = { .place = "pod",
					.argv = { "sysctl", "-qw",
						  "net.ipv4.ip_local_port_range=1024 65535" } };
	int err = nd_program_run(&node, NULL);

	return err ? err : nd_program_run(&pod, NULL);
}

int nd_world_open(const struct nd_world *w)
{
	const struct nd_program forward = { .place = "node",
					    .argv = { "sysctl", "-qw", "net.ipv4.ip_forward=1" } };
	char name[ND_WORLD_NAME];
	int err = create_netns("node");

	err = err ? err : nd_program_run(&forward, NULL);
	err = err ? err : create_uplink();
	err = err ? err : create_netns("pod");
	err = err ? err : connect_pod("pod", 1);
	for (unsigned i = 0; i < w->pods && !err; i++) {
		err = create_netns(nd_world_pod_name(i, name));
		err = err ? err : connect_pod(name, ND_PROXY_DNS_NET + i);
	}
	err = err ? err : write_chains(w);
	if (!err && w->short_timeouts)
		err = shorten_timeouts();
	if (!err && w->old_kernel)
		err = emulate_old_kernel();
	return err;
}

void nd_world_close(const struct nd_world *w)
{
	const char *places[2 + ND_PROXY_PODS_MAX] = { "pod", "node" };
	char name[ND_PROXY_PODS_MAX][ND_WORLD_NAME];

	for (unsigned i = 0; i < w->pods; i++)
		places[2 + i] = nd_world_pod_name(i, name[i]);
	for (unsigned i = 0; i < 2 + w->pods; i++) {
		const struct nd_program del = { .argv = { "ip", "netns", "del", places[i] } };
		nd_program_try(&del, NULL);
	}
}

int nd_world_run_in(const char *place, int (*read)(void *arg), void *arg)
{
	char path[PATH_MAX];
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), err = 0;

	snprintf(path, sizeof path, ND_SANDBOX_FOLDER "/netns/%s", place);
	int there = open(path, O_RDONLY | O_CLOEXEC);
	if (home < 0 || there < 0 || setns(there, CLONE_NEWNET) < 0) {
		err = -errno;
		fprintf(stderr, "nodens lab: network namespace %s: %s\n", place, nd_err_text(err));
	} else {
		err = read(arg);
		ND_ASSERT(setns(home, CLONE_NEWNET) == 0);
	}
	if (there >= 0)
		close(there);
	if (home >= 0)
		close(home);
	return err;
}
