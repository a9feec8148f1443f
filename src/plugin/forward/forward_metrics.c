/* SPDX-License-Identifier: Apache-2.0 */
/* CoreDNS's metrics: of the plugin (coredns_forward_) and of each upstream (coredns_proxy_).
 *
 * The counters are process objects: they survive a reload, and blocks with the same upstream share
 * them. The first instance of a generation that shares them registers them for its page. */
#include <stdio.h>
#include <stdlib.h>
#include "core/gen.h"
#include "plugin/forward/forward.h"

static const char *const to_rcode[] = { "proxy_name", "to", "rcode", NULL };
static const char *const to_only[] = { "proxy_name", "to", NULL };
static const char *const to_alone[] = { "to", NULL };
static const char *const to_and_proto[] = { "to", "proto", NULL };
static const char *const to_proto[] = { "proxy_name", "to", "proto", NULL };

static const struct nd_metric_family
	duration = ND_HISTOGRAM("coredns_proxy_request_duration_seconds",
				"Histogram of the time each request took.", to_rcode,
				nd_host_buckets),
	failures = ND_COUNTER("coredns_proxy_healthcheck_failures_total",
			      "Counter of the number of failed healthchecks.", to_only),
	hits = ND_COUNTER("coredns_proxy_conn_cache_hits_total",
			  "Counter of connection cache hits per upstream and protocol.", to_proto),
	misses = ND_COUNTER("coredns_proxy_conn_cache_misses_total",
			    "Counter of connection cache misses per upstream and protocol.",
			    to_proto),
	broken = ND_COUNTER("coredns_forward_healthcheck_broken_total",
			    "Counter of the number of complete failures of the healthchecks.",
			    NULL),
	refused =
		ND_COUNTER("nodens_forward_refused_total",
			   "Counter of queries that failed because too many like them were waiting, "
			   "or for lack of memory.",
			   NULL),
	unsolicited = ND_COUNTER("nodens_forward_unsolicited_replies_total",
				 "Counter of replies that answered no query: late, duplicate, or "
				 "with a wrong id or question.",
				 to_alone),
	icmp_ignored = ND_COUNTER("nodens_forward_icmp_ignored_total",
				  "Counter of ICMP errors that quoted no query in flight.",
				  to_alone),
	retransmits =
		ND_COUNTER("nodens_forward_retransmits_total",
			   "Counter of packets more than one for a query, because no reply came "
			   "in the usual time or a connection died.",
			   to_alone),
	withheld = ND_COUNTER("nodens_forward_retransmits_withheld_total",
			      "Counter of such packets that were not sent, because the upstream had "
			      "got its share of them.",
			      to_alone),
	abandoned = ND_COUNTER("nodens_forward_connections_abandoned_total",
			       "Counter of sockets and connections that stayed silent while another "
			       "one answered.",
			       to_and_proto),
	unsent = ND_COUNTER("nodens_forward_datagrams_unsent_total",
			    "Counter of datagrams that the kernel dropped instead of sending.",
			    to_alone),
	rejects = ND_COUNTER("coredns_forward_max_concurrent_rejects_total",
			     "Counter of the number of queries rejected because the concurrent "
			     "queries were at maximum.",
			     NULL);

static void emit_duration(const struct nd_host_stats *s, unsigned rcode, struct nd_metric_out *out)
{
	uint64_t bucket[ND_HOST_BUCKETS + 1] = { 0 }, sum_ns = 0, n = 0;
	char number[ND_NUMBER_TEXT_MAX];
	const char *text = rcode == ND_HOST_RCODES - 1
				   ? "other"
				   : nd_type_rcode_text((uint16_t)rcode, number);
	const char *values[] = { "forward", s->to, text };

	for (uint16_t w = 0; w < s->nworkers; w++) {
		for (unsigned i = 0; i <= ND_HOST_BUCKETS; i++) {
			uint64_t v = nd_metric_get(&s->worker[w].bucket[rcode][i]);
			bucket[i] += v;
			n += v;
		}
		sum_ns += nd_metric_get(&s->worker[w].sum_ns[rcode]);
	}
	if (n)
		nd_metric_emit_histogram(out, &duration, values, bucket, (double)sum_ns / 1e9);
}

static void emit_counter(struct nd_metric_out *out, const struct nd_metric_family *f,
			 const char *const *values, uint64_t v)
{
	if (v) /* as in Prometheus clients, a labelled counter appears with its first event */
		nd_metric_emit(out, f, values, (double)v);
}

static void emit_by_proto(struct nd_metric_out *out, const struct nd_host_stats *s)
{
	static const char *const protos[] = { "udp", "tcp", "tcp-tls", "https" };

	for (unsigned p = 0; p < ND_COUNT(protos); p++) {
		const char *values[] = { "forward", s->to, protos[p] };
		uint64_t hit = 0, missed = 0, gone = 0;
		for (uint16_t w = 0; w < s->nworkers; w++) {
			hit += nd_metric_get(&s->worker[w].hits[p]);
			missed += nd_metric_get(&s->worker[w].misses[p]);
			gone += nd_metric_get(&s->worker[w].abandoned[p]);
		}
		emit_counter(out, &hits, values, hit);
		emit_counter(out, &misses, values, missed);
		emit_counter(out, &abandoned, values + 1, gone);
	}
}

static void collect_host(void *ctx, struct nd_metric_out *out)
{
	static const struct {
		const struct nd_metric_family *family;
		size_t at;
	} rows[] = {
		{ &icmp_ignored, offsetof(struct nd_host_counts, icmp_ignored) },
		{ &unsolicited, offsetof(struct nd_host_counts, unsolicited) },
		{ &retransmits, offsetof(struct nd_host_counts, retransmits) },
		{ &withheld, offsetof(struct nd_host_counts, withheld) },
		{ &unsent, offsetof(struct nd_host_counts, unsent) },
	};
	const struct nd_host_stats *s = ctx;
	uint64_t failed = 0;

	for (unsigned rcode = 0; rcode < ND_HOST_RCODES; rcode++)
		emit_duration(s, rcode, out);
	emit_by_proto(out, s);
	for (uint16_t w = 0; w < s->nworkers; w++)
		failed += nd_metric_get(&s->worker[w].failed_probes);
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		uint64_t n = 0;
		for (uint16_t w = 0; w < s->nworkers; w++)
			n += nd_metric_get(
				(const nd_metric_cell *)((const char *)&s->worker[w] + rows[i].at));
		emit_counter(out, rows[i].family, (const char *const[]){ s->to }, n);
	}
	emit_counter(out, &failures, (const char *const[]){ "forward", s->to }, failed);
}

static void collect_totals(void *ctx, struct nd_metric_out *out)
{
	const struct nd_forward_totals *t = ctx;
	uint64_t all_down = 0, rejected = 0, denied = 0;

	for (uint16_t w = 0; w < t->nworkers; w++) {
		all_down += nd_metric_get(&t->worker[w].exchange.broken);
		denied += nd_metric_get(&t->worker[w].exchange.refused);
		rejected += nd_metric_get(&t->worker[w].rejected);
	}
	nd_metric_emit(out, &broken, NULL, (double)all_down);
	nd_metric_emit(out, &rejects, NULL, (double)rejected);
	nd_metric_emit(out, &refused, NULL, (double)denied);
}

static void *make_totals(void *ctx)
{
	const struct nd_setup *s = ctx;
	uint16_t n = s->process->nworkers;
	struct nd_forward_totals *t = calloc(1, sizeof *t + n * sizeof *t->worker);

	if (t)
		t->nworkers = n;
	return t;
}

int nd_forward_metrics_register(struct nd_forward *f, struct nd_setup *s)
{
	f->totals = nd_setup_share(s, "forward totals", "", 0, make_totals, s, free);
	if (!f->totals)
		return ND_ELIMIT;
	if (f->totals->collected_by != s->gen)
		nd_setup_collect(s, collect_totals, f->totals);
	f->totals->collected_by = s->gen;
	for (size_t i = 0; i < f->group.nhosts; i++) {
		struct nd_host_stats *h = f->group.host[i]->stats;
		if (h->collected_by != s->gen)
			nd_setup_collect(s, collect_host, h);
		h->collected_by = s->gen;
	}
	return 0;
}

/* The next generation may be allocated at the same address. */
void nd_forward_metrics_forget(struct nd_forward *f)
{
	if (f->totals && f->totals->collected_by == f->gen)
		f->totals->collected_by = NULL;
	for (size_t i = 0; i < f->group.nhosts; i++) {
		struct nd_host_stats *h = f->group.host[i]->stats;
		if (h->collected_by == f->gen)
			h->collected_by = NULL;
	}
}
