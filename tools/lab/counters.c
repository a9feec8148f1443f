/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lab/counters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "io/file.h"
#include "tools/lab/program.h"

enum { FILE_BYTES = 1 << 20 };

/* The index of the word in a line of blank-separated words, from 0; -1 if absent. */
static int find_word(const char *line, const char *word)
{
	size_t n = strlen(word);

	for (int i = 0; *line && *line != '\n'; i++) {
		line += strspn(line, " \t");
		size_t len = strcspn(line, " \t\n");
		if (len == n && memcmp(line, word, n) == 0)
			return i;
		line += len;
	}
	return -1;
}

static int read_number(const char *line, int at, int base, uint64_t *value)
{
	char *end;

	for (int i = 0;; i++) {
		line += strspn(line, " \t");
		if (!*line || *line == '\n')
			return ND_EFORMAT;
		if (i == at)
			break;
		line += strcspn(line, " \t\n");
	}
	unsigned long long v = strtoull(line, &end, base);
	if (end == line || !strchr(" \t\n", *end))
		return ND_EFORMAT;
	*value = v;
	return 0;
}

static const char *next_line(const char *text)
{
	text += strcspn(text, "\n");
	return text + (*text == '\n');
}

int nd_counters_snmp(const char *text, const char *group, const char *name, uint64_t *value)
{
	int at = -1;

	for (; *text; text = next_line(text)) {
		if (find_word(text, group) != 0)
			continue;
		if (at >= 0)
			return read_number(text, at, 10, value);
		at = find_word(text, name);
		if (at < 0)
			return ND_EFORMAT;
	}
	return ND_EFORMAT;
}

int nd_counters_conntrack(const char *text, const char *name, uint64_t *value)
{
	int at = find_word(text, name);
	uint64_t sum = 0, one;

	if (at < 0)
		return ND_EFORMAT;
	for (text = next_line(text); *text; text = next_line(text)) {
		if (read_number(text, at, 16, &one) < 0)
			return ND_EFORMAT;
		sum += one;
	}
	*value = sum;
	return 0;
}

int nd_counters_rule(const char *text, const char *target, uint64_t *value)
{
	for (; *text; text = next_line(text))
		if (find_word(text, target) == 2)
			return read_number(text, 0, 10, value);
	return ND_EFORMAT;
}

int nd_counters_nft(const char *text, uint64_t *value)
{
	for (; *text; text = next_line(text))
		if (find_word(text, "packets") == 0)
			return read_number(text, 1, 10, value);
	return ND_EFORMAT;
}

static int report_error(const char *what, int err)
{
	if (err)
		fprintf(stderr, "nodens lab: %s: %s\n", what, nd_err_text(err));
	return err;
}

static int read_text(const char *path, struct nd_buf *text)
{
	nd_buf_init(text, FILE_BYTES);
	return report_error(path, nd_file_read(path, text));
}

static int read_snmp(void *arg)
{
	static const char path[] = "/proc/thread-self/net/snmp";
	struct nd_buf text;
	uint64_t n = 0;
	int err = read_text(path, &text);

	err = err ? err
		  : report_error(path, nd_counters_snmp(nd_buf_string(&text),
							"Udp:", "RcvbufErrors", &n));
	*(uint64_t *)arg += n;
	nd_buf_clear(&text);
	return err;
}

/* Kernels before about 5.10 have no clash_resolve; its column in this file is "clashres". */
static int read_conntrack(void *arg)
{
	static const char path[] = "/proc/thread-self/net/stat/nf_conntrack";
	struct nd_counters *c = arg;
	struct nd_buf text;
	int err = read_text(path, &text);

	if (!err) {
		err = nd_counters_conntrack(nd_buf_string(&text), "insert_failed",
					    &c->insert_failed);
		err = err ? err : nd_counters_conntrack(nd_buf_string(&text), "drop", &c->drop);
		if (nd_counters_conntrack(nd_buf_string(&text), "clashres", &c->clash_resolve) < 0)
			c->clash_resolve = 0;
		report_error(path, err);
	}
	nd_buf_clear(&text);
	return err;
}

static int read_chain(enum nd_proxy_service service, const char *proto, unsigned pod, uint64_t *sum)
{
	char chain[ND_PROXY_CHAIN];
	struct nd_buf text;
	uint64_t n = 0;

	nd_proxy_endpoint(service, proto, pod, chain);
	const struct nd_program list = {
		.place = "node", .argv = { "iptables", "-t", "nat", "-L", chain, "-v", "-n", "-x" }
	};
	nd_buf_init(&text, FILE_BYTES);
	int err = nd_program_run(&list, &text);
	err = err ? err : report_error(chain, nd_counters_rule(nd_buf_string(&text), "DNAT", &n));
	*sum += n;
	nd_buf_clear(&text);
	return err;
}

static int read_dnat(const struct nd_world *w, struct nd_counters *c)
{
	int err = 0;

	for (unsigned i = 0; i < w->pods && !err; i++) {
		err = read_chain(ND_PROXY_TO_KUBE_DNS, "udp", i, &c->dnat);
		err = err ? err : read_chain(ND_PROXY_TO_KUBE_DNS, "tcp", i, &c->dnat);
		err = err ? err : read_chain(ND_PROXY_TO_UPSTREAM, "udp", i, &c->dnat_upstream);
		err = err ? err : read_chain(ND_PROXY_TO_UPSTREAM, "tcp", i, &c->dnat_upstream);
	}
	return err;
}

static int read_old_kernel(struct nd_counters *c)
{
	const struct nd_program list = { .place = "node",
					 .argv = { "nft", "list", "counter", "ip", ND_PROXY_TABLE,
						   ND_PROXY_COUNTER } };
	struct nd_buf text;

	nd_buf_init(&text, FILE_BYTES);
	int err = nd_program_run(&list, &text);
	err = err ? err
		  : report_error("nft list counter",
				 nd_counters_nft(nd_buf_string(&text), &c->old_kernel));
	nd_buf_clear(&text);
	return err;
}

int nd_counters_read(const struct nd_world *w, struct nd_counters *c)
{
	struct nd_counters now = { 0 };
	char name[ND_WORLD_NAME];
	int err = nd_world_run_in("pod", read_snmp, &now.pod_rcvbuf);

	err = err ? err : nd_world_run_in("node", read_snmp, &now.node_rcvbuf);
	for (unsigned i = 0; i < w->pods && !err; i++)
		err = nd_world_run_in(nd_world_pod_name(i, name), read_snmp, &now.dns_rcvbuf);
	err = err ? err : nd_world_run_in("node", read_conntrack, &now);
	err = err ? err : read_dnat(w, &now);
	if (!err && w->old_kernel)
		err = read_old_kernel(&now);
	if (!err)
		*c = now;
	return err;
}

struct nd_counters nd_counters_since(const struct nd_counters *now, const struct nd_counters *then)
{
	return (struct nd_counters){
		.pod_rcvbuf = now->pod_rcvbuf - then->pod_rcvbuf,
		.node_rcvbuf = now->node_rcvbuf - then->node_rcvbuf,
		.dns_rcvbuf = now->dns_rcvbuf - then->dns_rcvbuf,
		.insert_failed = now->insert_failed - then->insert_failed,
		.drop = now->drop - then->drop,
		.clash_resolve = now->clash_resolve - then->clash_resolve,
		.old_kernel = now->old_kernel - then->old_kernel,
		.dnat = now->dnat - then->dnat,
		.dnat_upstream = now->dnat_upstream - then->dnat_upstream,
	};
}
