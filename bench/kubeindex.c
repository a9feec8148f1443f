/* SPDX-License-Identifier: Apache-2.0 */
/* kubeindex.c - what the index of a cluster takes: fills one as an API server's lists would, lists everything
 * again, changed and unchanged, and prints resident memory as JSON.
 *
 *   kubeindex [-s SERVICES] [-e ENDPOINTS] [-p PODS] [-r RELISTS]
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rcu.h"
#include "io/clock.h"
#include "plugin/kubernetes/kindex.h"

enum { SPACES = 100, PER_SLICE = 100, TEXT = 96, SHORT = 32 };

struct cluster {
	unsigned services, endpoints, pods;
};

struct put {
	struct nd_kindex *ix;
	unsigned failed;
	/* One object's texts. */
	char namespace[SHORT], name[TEXT], service[SHORT];
	char address[PER_SLICE][TEXT], pod[PER_SLICE][TEXT];
};

static void put(struct put *p, const struct nd_object *o)
{
	p->failed += p->ix->sink.upsert(&p->ix->sink, o) != 0;
}

static struct nd_object_ip ip_of(unsigned net, unsigned n)
{
	struct nd_object_ip ip = { .len = 4 };
	uint32_t bits = (net << 24) + n;

	for (int i = 0; i < 4; i++)
		ip.bytes[i] = (uint8_t)(bits >> (24 - 8 * i));
	return ip;
}

static void list_namespaces(struct put *p)
{
	for (unsigned i = 0; i < SPACES; i++) {
		struct nd_object o = { .kind = ND_OBJECT_NAMESPACE,
				       .namespace = "",
				       .name = p->namespace };
		snprintf(p->namespace, SHORT, "team-%u", i);
		put(p, &o);
	}
}

static void name_service(struct put *p, unsigned i)
{
	snprintf(p->namespace, SHORT, "team-%u", i % SPACES);
	snprintf(p->service, SHORT, "service-%u", i);
}

static void list_services(struct put *p, const struct cluster *c)
{
	static const struct nd_object_port ports[] = { { "http", "TCP", 80 },
						       { "metrics", "TCP", 9090 } };

	for (unsigned i = 0; i < c->services; i++) {
		struct nd_object_ip ip = ip_of(172, i + 1);
		struct nd_object o = { .kind = ND_OBJECT_SERVICE,
				       .namespace = p->namespace,
				       .name = p->service,
				       .service = { .headless = i % 10 == 0,
						    .external_name = "",
						    .ips = &ip,
						    .nips = i % 10 ? 1 : 0,
						    .ports = ports,
						    .nports = 2 } };
		name_service(p, i);
		put(p, &o);
	}
}

/* salt: moves the addresses of every hundredth slice. */
static void put_slice(struct put *p, unsigned first, unsigned n, unsigned at, unsigned salt)
{
	static const struct nd_object_port ports[] = { { "http", "TCP", 8080 },
						       { "metrics", "TCP", 9090 } };
	struct nd_object_endpoint e[PER_SLICE];
	unsigned shift = at % 100 == salt % 100 ? 8u << 20 : 0;

	for (unsigned i = 0; i < n; i++) {
		e[i] = (struct nd_object_endpoint){ .ip = ip_of(10, first + i + shift),
						    .text = p->address[i],
						    .hostname = "",
						    .pod = p->pod[i],
						    .zone = "eu-central-1a" };
		snprintf(p->address[i], TEXT, "%u.%u.%u.%u", e[i].ip.bytes[0], e[i].ip.bytes[1],
			 e[i].ip.bytes[2], e[i].ip.bytes[3]);
		snprintf(p->pod[i], TEXT, "%s-7d9c5b8f6-%05u", p->service, first + i);
	}
	snprintf(p->name, TEXT, "%s-%05u", p->service, at);
	struct nd_object o = { .kind = ND_OBJECT_SLICE,
			       .namespace = p->namespace,
			       .name = p->name,
			       .slice = { .service = p->service,
					  .import = "",
					  .cluster = "",
					  .changed = "",
					  .endpoints = e,
					  .nendpoints = n,
					  .ports = ports,
					  .nports = 2 } };
	put(p, &o);
}

static void list_slices(struct put *p, const struct cluster *c, unsigned salt)
{
	unsigned done = 0, at = 0;

	for (unsigned i = 0; i < c->services; i++) {
		unsigned end = (unsigned)((uint64_t)c->endpoints * (i + 1) / c->services);
		name_service(p, i);
		while (done < end) {
			unsigned n = end - done < PER_SLICE ? end - done : PER_SLICE;
			put_slice(p, done, n, at++, salt);
			done += n;
		}
	}
}

static void list_pods(struct put *p, const struct cluster *c)
{
	for (unsigned i = 0; i < c->pods; i++) {
		struct nd_object_ip ip = ip_of(10, i);
		struct nd_object o = { .kind = ND_OBJECT_POD,
				       .namespace = p->namespace,
				       .name = p->name,
				       .pod = { .ips = &ip, .nips = 1 } };
		name_service(p, i % c->services);
		snprintf(p->name, TEXT, "%s-7d9c5b8f6-%05u", p->service, i);
		put(p, &o);
	}
}

static void list_all(struct put *p, const struct cluster *c, unsigned salt)
{
	struct nd_sink *s = &p->ix->sink;

	s->begin(s, ND_OBJECT_NAMESPACE);
	list_namespaces(p);
	s->end(s, ND_OBJECT_NAMESPACE);
	s->begin(s, ND_OBJECT_SERVICE);
	list_services(p, c);
	s->end(s, ND_OBJECT_SERVICE);
	s->begin(s, ND_OBJECT_SLICE);
	list_slices(p, c, salt);
	s->end(s, ND_OBJECT_SLICE);
	if (!c->pods)
		return;
	s->begin(s, ND_OBJECT_POD);
	list_pods(p, c);
	s->end(s, ND_OBJECT_POD);
}

/* A line of /proc/self/status, in KiB. */
static long status(const char *key)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	long value = -1;

	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, key, strlen(key)) == 0)
			value = strtol(line + strlen(key) + 1, NULL, 10);
	if (f)
		fclose(f);
	return value;
}

static void reset_peak(void)
{
	FILE *f = fopen("/proc/self/clear_refs", "we");

	if (f) {
		fputs("5", f);
		fclose(f);
	}
}

static void settle(void)
{
	/* Twice: what waits for a grace period is freed by a thread of its own after it. */
	for (int i = 0; i < 2; i++) {
		nd_rcu_synchronize();
		usleep(50000);
	}
}

static unsigned number(const char *text, const char *what)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || end == text || n > 4u << 20) {
		fprintf(stderr, "kubeindex: %s %s: give a number up to 4194304\n", what, text);
		exit(2);
	}
	return (unsigned)n;
}

static void measure(struct put *p, const struct cluster *c, unsigned relists)
{
	long empty = status("VmRSS:");

	list_all(p, c, 0);
	settle();
	long first = status("VmRSS:"), first_peak = status("VmHWM:");
	reset_peak();
	list_all(p, c, 0);
	settle();
	long same_peak = status("VmHWM:");
	reset_peak();
	list_all(p, c, 1);
	settle();
	long changed_peak = status("VmHWM:"), steady = status("VmRSS:");
	for (unsigned i = 0; i < relists; i++)
		list_all(p, c, i);
	settle();
	printf("{\"empty_kib\": %ld, \"filled_kib\": %ld, \"first_peak_kib\": %ld, "
	       "\"unchanged_relist_peak_kib\": %ld, \"changed_relist_peak_kib\": %ld, "
	       "\"steady_kib\": %ld, \"relists\": %u, \"after_relists_kib\": %ld, "
	       "\"index_bytes\": %zu, \"failed\": %u}\n",
	       empty, first, first_peak, same_peak, changed_peak, steady, relists, status("VmRSS:"),
	       p->ix->memory.used, p->failed);
}

int main(int argc, char **argv)
{
	struct cluster c = { 10000, 250000, 0 };
	unsigned relists = 100;
	int opt;

	while ((opt = getopt(argc, argv, "s:e:p:r:")) != -1) {
		if (opt == 's')
			c.services = number(optarg, "-s");
		else if (opt == 'e')
			c.endpoints = number(optarg, "-e");
		else if (opt == 'p')
			c.pods = number(optarg, "-p");
		else if (opt == 'r')
			relists = number(optarg, "-r");
		else
			return 2;
	}
	if (c.services == 0) {
		fputs("kubeindex: -s 0: give at least one Service\n", stderr);
		return 2;
	}
	struct nd_kindex_config config = { .max_bytes = (size_t)1 << 30,
					   .key = { 1, 2 },
					   .wall_ns = nd_clock_wall_ns };
	for (int k = 0; k < ND_OBJECT_IMPORT; k++)
		config.wanted[k] = k != ND_OBJECT_POD || c.pods;
	static struct put p;
	p.ix = nd_kindex_new(&config);
	if (!p.ix) {
		fputs("kubeindex: no memory\n", stderr);
		return 2;
	}
	measure(&p, &c, relists);
	nd_kindex_free(p.ix);
	return p.failed ? 1 : 0;
}
