/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lab/proxy.h"

#include <stdio.h>
#include <string.h>
#include "base/err.h"
#include "base/hash.h"

enum { CHAIN_HASH = 16, LABELS_MAX = 96 };

static const struct {
	const char *name, *address;
	enum nd_proxy_service service;
} services[] = {
	{ "kube-system/kube-dns", ND_PROXY_KUBE_DNS, ND_PROXY_TO_KUBE_DNS },
	{ "kube-system/kube-dns-upstream", ND_PROXY_UPSTREAM, ND_PROXY_TO_UPSTREAM },
};
static const char *const protos[] = { "udp", "tcp" };

/* kube-proxy uses 16 base-32 letters of a SHA-256; here a name only has to be unique. */
static void name_chain(char name[ND_PROXY_CHAIN], const char *prefix, const char *of)
{
	uint64_t h = nd_hash_mix(nd_hash_add(ND_HASH_START, of, strlen(of)));
	int n = snprintf(name, ND_PROXY_CHAIN, "%s-", prefix);

	for (int i = 0; i < CHAIN_HASH; i++) {
		if (i == CHAIN_HASH / 2)
			h = nd_hash_mix(h ^ (uint64_t)(unsigned char)of[0] << 56);
		name[n++] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[h >> (i % (CHAIN_HASH / 2) * 5) & 31];
	}
	name[n] = '\0';
}

void nd_proxy_base(struct nd_buf *to)
{
	nd_buf_text(
		to,
		"*filter\n"
		":KUBE-FORWARD - [0:0]\n"
		"-A FORWARD -m comment --comment \"kubernetes forwarding rules\" -j KUBE-FORWARD\n"
		"-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP\n"
		"-A KUBE-FORWARD -m comment --comment \"kubernetes forwarding rules\" "
		"-m mark --mark 0x4000/0x4000 -j ACCEPT\n"
		"-A KUBE-FORWARD -m comment --comment \"kubernetes forwarding conntrack rule\" "
		"-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
		"COMMIT\n"
		"*nat\n"
		":KUBE-SERVICES - [0:0]\n"
		":KUBE-NODEPORTS - [0:0]\n"
		":KUBE-POSTROUTING - [0:0]\n"
		":KUBE-MARK-MASQ - [0:0]\n"
		"-A PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES\n"
		"-A OUTPUT -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES\n"
		"-A POSTROUTING -m comment --comment \"kubernetes postrouting rules\" "
		"-j KUBE-POSTROUTING\n"
		"-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000\n"
		"-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN\n"
		"-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000\n"
		"-A KUBE-POSTROUTING -m comment --comment "
		"\"kubernetes service traffic requiring SNAT\" -j MASQUERADE --random-fully\n"
		"COMMIT\n");
}

/* The jump from KUBE-SERVICES to the Service's own chain, and that chain's first rule. */
static void write_service(struct nd_buf *to, const char *label, const char *chain,
			  const char *address, const char *proto, unsigned port)
{
	nd_buf_printf(to,
		      "-A KUBE-SERVICES -d %s/32 -p %s -m comment --comment \"%s cluster IP\" "
		      "-m %s --dport %u -j %s\n",
		      address, proto, label, proto, port, chain);
	nd_buf_printf(to,
		      "-A %s ! -s " ND_PROXY_PODS " -d %s/32 -p %s -m comment --comment "
		      "\"%s cluster IP\" -m %s --dport %u -j KUBE-MARK-MASQ\n",
		      chain, address, proto, label, proto, port);
}

/* Endpoint i of n: takes 1/(n-i) of the flows that the endpoints before it did not take. */
static void write_endpoint(struct nd_buf *to, const char *label, const char *service,
			   const char *chain, const char *pod, const char *proto, unsigned port,
			   unsigned i, unsigned n)
{
	nd_buf_printf(to, "-A %s -m comment --comment \"%s -> %s:%u\" ", service, label, pod, port);
	if (i + 1 < n)
		nd_buf_printf(to, "-m statistic --mode random --probability %.11f ", 1.0 / (n - i));
	nd_buf_printf(to, "-j %s\n", chain);
	nd_buf_printf(to, "-A %s -s %s/32 -m comment --comment \"%s\" -j KUBE-MARK-MASQ\n", chain,
		      pod, label);
	nd_buf_printf(to,
		      "-A %s -p %s -m comment --comment \"%s\" -m %s -j DNAT --to-destination "
		      "%s:%u\n",
		      chain, proto, label, proto, pod, port);
}

void nd_proxy_services(struct nd_buf *to, unsigned from, unsigned below)
{
	char label[LABELS_MAX], address[32], pod[32], svc[ND_PROXY_CHAIN], sep[ND_PROXY_CHAIN];

	nd_buf_text(to, "*nat\n");
	/* All chains before all rules: otherwise iptables-restore takes minutes. */
	for (unsigned i = from; i < below; i++) {
		snprintf(label, sizeof label, "default/service-%u:http", i);
		name_chain(svc, "KUBE-SVC", label);
		name_chain(sep, "KUBE-SEP", label);
		nd_buf_printf(to, ":%s - [0:0]\n:%s - [0:0]\n", svc, sep);
	}
	for (unsigned i = from; i < below; i++) {
		snprintf(label, sizeof label, "default/service-%u:http", i);
		snprintf(address, sizeof address, "10.%u.%u.%u", 97 + i / 62500, i / 250 % 250,
			 i % 250 + 1);
		snprintf(pod, sizeof pod, "10.244.%u.%u", 10 + i / 250 % 200, i % 250 + 1);
		name_chain(svc, "KUBE-SVC", label);
		name_chain(sep, "KUBE-SEP", label);
		write_service(to, label, svc, address, "tcp", 80);
		write_endpoint(to, label, svc, sep, pod, "tcp", 8080, 0, 1);
	}
	nd_buf_text(to, "COMMIT\n");
}

static void label_port(char label[LABELS_MAX], const char *service, const char *proto)
{
	snprintf(label, LABELS_MAX, "%s:dns%s", service, strcmp(proto, "tcp") == 0 ? "-tcp" : "");
}

static void name_endpoint(const char *label, unsigned pod, char name[ND_PROXY_CHAIN])
{
	char whole[LABELS_MAX + 16];

	snprintf(whole, sizeof whole, "%s/%u", label, pod);
	name_chain(name, "KUBE-SEP", whole);
}

void nd_proxy_endpoint(enum nd_proxy_service service, const char *proto, unsigned pod,
		       char name[ND_PROXY_CHAIN])
{
	char label[LABELS_MAX];

	for (size_t i = 0; i < ND_COUNT(services); i++) {
		if (services[i].service != service)
			continue;
		label_port(label, services[i].name, proto);
		name_endpoint(label, pod, name);
	}
}

void nd_proxy_dns(struct nd_buf *to, unsigned pods)
{
	char label[LABELS_MAX], svc[ND_PROXY_CHAIN], sep[ND_PROXY_CHAIN], pod[32];

	nd_buf_text(to, "*nat\n");
	for (size_t i = 0; i < ND_COUNT(services) * ND_COUNT(protos); i++) {
		const char *proto = protos[i % ND_COUNT(protos)];
		label_port(label, services[i / ND_COUNT(protos)].name, proto);
		name_chain(svc, "KUBE-SVC", label);
		nd_buf_printf(to, ":%s - [0:0]\n", svc);
		write_service(to, label, svc, services[i / ND_COUNT(protos)].address, proto, 53);
		for (unsigned k = 0; k < pods; k++) {
			snprintf(pod, sizeof pod, ND_PROXY_DNS_POD, ND_PROXY_DNS_NET + k);
			name_endpoint(label, k, sep);
			nd_buf_printf(to, ":%s - [0:0]\n", sep);
			write_endpoint(to, label, svc, sep, pod, proto, 53, k, pods);
		}
	}
	nd_buf_text(to,
		    "-A KUBE-SERVICES -m comment --comment \"kubernetes service nodeports; NOTE: "
		    "this must be the last rule in this chain\" -m addrtype --dst-type LOCAL "
		    "-j KUBE-NODEPORTS\n"
		    "COMMIT\n");
}

/* Two first packets of a flow that traverse the hooks at the same moment each get a conntrack entry
 * with its own id. Kernels before 5.6 drop the packet whose entry is confirmed second. Here it is
 * dropped a little earlier, since newer kernels would merge the two. */
void nd_proxy_old_kernel(struct nd_buf *to, unsigned lifetime_s)
{
	nd_buf_printf(to,
		      "table ip " ND_PROXY_TABLE " {\n"
		      "\tcounter " ND_PROXY_COUNTER " { }\n"
		      "\tset flows {\n"
		      "\t\ttypeof ip saddr . udp sport\n"
		      "\t\tflags dynamic,timeout\n"
		      "\t\tsize 131072\n"
		      "\t\ttimeout %us\n"
		      "\t}\n"
		      "\tset known {\n"
		      "\t\ttypeof ip saddr . udp sport . ct id\n"
		      "\t\tflags dynamic,timeout\n"
		      "\t\tsize 131072\n"
		      "\t\ttimeout %us\n"
		      "\t}\n"
		      "\tchain postrouting {\n"
		      "\t\ttype filter hook postrouting priority 90; policy accept;\n"
		      "\t\tudp dport 53 ct state new jump first\n"
		      "\t}\n"
		      "\tchain first {\n"
		      "\t\tip saddr . udp sport . ct id @known return\n"
		      "\t\tip saddr . udp sport @flows counter name " ND_PROXY_COUNTER " drop\n"
		      "\t\tadd @flows { ip saddr . udp sport }\n"
		      "\t\tadd @known { ip saddr . udp sport . ct id }\n"
		      "\t}\n"
		      "}\n",
		      lifetime_s, lifetime_s);
}
