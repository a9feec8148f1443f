/* SPDX-License-Identifier: Apache-2.0 */
/* prometheus - CoreDNS's server metrics, with its names and labels, and the page with all
 * metrics. */
#include <stdio.h>
#include <string.h>
#include "base/budget.h"
#include "base/log.h"
#include "base/time.h"
#include "core/chain.h"
#include "core/gen.h"
#include "core/worker.h"
#include "io/clock.h"
#include "io/http1.h"
#include "plugin/prometheus/promprocess.h"

static const double seconds[] = { 0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032,
				  0.064,   0.128,  0.256, 0.512, 1.024, 2.048, 4.096, 8.192 };
static const double sizes[] = { 0,    100,  200,  300,  400,  511,  1023,
				2047, 4095, 8291, 16e3, 32e3, 48e3, 64e3 };
enum { NSECONDS = ND_COUNT(seconds), NSIZES = ND_COUNT(sizes) };

/* Types with a label value of their own; all others are "other". */
static const uint16_t types[] = { 1,  28, 5,  48, 43, 15, 47,  50,  2,  12,
				  46, 6,  33, 16, 65, 64, 251, 252, 255 };
enum { NTYPES = ND_COUNT(types) + 1, NRCODES = 25 };

/* Cells of one zone on one endpoint. */
enum {
	AT_REQUESTS = 0, /* [proto][family][type] */
	AT_DO = AT_REQUESTS + 2 * 2 * NTYPES,
	AT_SECONDS,                                  /* buckets, one over, sum in ns */
	AT_REQUEST_SIZE = AT_SECONDS + NSECONDS + 2, /* [proto]: buckets, one over, sum */
	AT_RESPONSE_SIZE = AT_REQUEST_SIZE + 2 * (NSIZES + 2),
	AT_RCODES = AT_RESPONSE_SIZE + 2 * (NSIZES + 2), /* [answered by a plugin or not][rcode] */
	CELLS = AT_RCODES + 2 * NRCODES,
};

struct prometheus {
	struct nd_tally **tally;   /* by endpoint: CELLS for each zone of the block */
	struct nd_tally **dropped; /* by endpoint: what no block answered */
	struct nd_gen *gen;
	struct nd_block *block;
	const char *below; /* label `plugin`: the plugin below this one, as in CoreDNS */
	bool runtime_metrics;
	uint8_t type_index[256];              /* of types under 256 */
	uint64_t ns[NSECONDS], sizes[NSIZES]; /* upper bounds of the buckets, as integers */
	struct nd_buf page;                   /* rendered last; of the control thread */
	uint64_t render_ns;                   /* when it may be rendered again */
};

/* Rendering takes at most a twentieth of the control thread's time, whatever number of clients ask:
 * after a page that took 50 ms the next one is rendered a second later, and after one that took
 * half a millisecond, 10 ms later. */
enum { PAGE_BYTES_MAX = 16 << 20, RENDER_SHARE = 20 };

/* --- counting --- */

static unsigned bucket(const uint64_t *bounds, unsigned n, uint64_t v)
{
	unsigned i = 0;

	while (i < n && v > bounds[i])
		i++;
	return i;
}

static void count_size(const struct prometheus *p, nd_metric_cell *at, size_t n)
{
	nd_metric_add(&at[bucket(p->sizes, NSIZES, n)], 1);
	nd_metric_add(&at[NSIZES + 1], n);
}

/* answered: by a plugin. As in CoreDNS a query that gets no reply counts as NOERROR with size 0. */
static void count(const struct prometheus *p, nd_metric_cell *c, const struct nd_query *q,
		  bool answered)
{
	unsigned proto = q->client.proto != ND_PROTO_UDP;
	unsigned family = q->client.peer.sa.sa_family == AF_INET6 &&
			  !IN6_IS_ADDR_V4MAPPED(&q->client.peer.in6.sin6_addr);
	unsigned type = q->msg.qtype < 256 ? p->type_index[q->msg.qtype] : NTYPES - 1;
	unsigned rcode = q->drop ? 0 : q->rcode < NRCODES ? q->rcode : NRCODES - 1;
	bool by_plugin = answered && !q->failed && !q->drop;
	uint64_t ns = nd_loop_now_ns(q->worker->loop) - q->start_ns;
	size_t size = answered && !by_plugin ? 0 : q->ans.w.pos;

	nd_metric_add(&c[AT_REQUESTS + (proto * 2 + family) * NTYPES + type], 1);
	if (q->msg.edns.dnssec_ok)
		nd_metric_add(&c[AT_DO], 1);
	nd_metric_add(&c[AT_SECONDS + bucket(p->ns, NSECONDS, ns)], 1);
	nd_metric_add(&c[AT_SECONDS + NSECONDS + 1], ns);
	count_size(p, &c[AT_REQUEST_SIZE + proto * (NSIZES + 2)], q->size);
	count_size(p, &c[AT_RESPONSE_SIZE + proto * (NSIZES + 2)], size);
	nd_metric_add(&c[AT_RCODES + (by_plugin ? NRCODES : 0) + rcode], 1);
}

static void on_done(const void *self, struct nd_query *q)
{
	const struct prometheus *p = self;

	count(p,
	      nd_tally_cells(p->tally[q->endpoint->index], q->worker->id) +
		      (size_t)q->site->key * CELLS,
	      q, true);
}

static void on_dropped(const void *self, struct nd_query *q)
{
	const struct prometheus *p = self;

	count(p, nd_tally_cells(p->dropped[q->endpoint->index], q->worker->id), q, false);
}

/* --- the page --- */

static const char *const by_request[] = {
	"server", "zone", "view", "proto", "family", "type", NULL
};
static const char *const by_zone[] = { "server", "zone", "view", NULL };
static const char *const by_proto[] = { "server", "zone", "view", "proto", NULL };
static const char *const by_rcode[] = { "server", "zone", "view", "rcode", "plugin", NULL };
static const struct nd_metric_family
	requests_family = ND_COUNTER("coredns_dns_requests_total",
				     "Counter of DNS requests made per zone, protocol and family.",
				     by_request),
	do_family = ND_COUNTER("coredns_dns_do_requests_total",
			       "Counter of DNS requests with DO bit set per zone.", by_zone),
	duration_family =
		ND_HISTOGRAM("coredns_dns_request_duration_seconds",
			     "Histogram of the time (in seconds) each request took per zone.",
			     by_zone, seconds),
	request_family = ND_HISTOGRAM(
		"coredns_dns_request_size_bytes",
		"Size of the EDNS0 UDP buffer in bytes (64K for TCP) per zone and protocol.",
		by_proto, sizes),
	response_family = ND_HISTOGRAM("coredns_dns_response_size_bytes",
				       "Size of the returned response in bytes.", by_proto, sizes),
	responses_family = ND_COUNTER("coredns_dns_responses_total",
				      "Counter of response status codes.", by_rcode);

static const char *type_text(unsigned i, char text[ND_NUMBER_TEXT_MAX])
{
	return i < ND_COUNT(types) ? nd_type_text(types[i], text) : "other";
}

static void emit_histogram(struct nd_metric_out *out, const struct nd_metric_family *f,
			   const char *const *values, const struct nd_tally *t, uint32_t at,
			   double unit)
{
	uint64_t n[NSECONDS + NSIZES], sum = 0;

	for (uint32_t i = 0; i <= f->nbuckets; i++)
		sum += n[i] = nd_tally_sum(t, at + i);
	if (sum)
		nd_metric_emit_histogram(out, f, values, n,
					 (double)nd_tally_sum(t, at + (uint32_t)f->nbuckets + 1) /
						 unit);
}

static void emit_zone(struct nd_metric_out *out, const struct nd_tally *t, uint32_t base,
		      const char *server, const char *zone, const char *view, const char *plugin)
{
	char a[ND_NUMBER_TEXT_MAX];
	uint64_t n;

	for (unsigned proto = 0; proto < 2; proto++) {
		const char *text = proto ? "tcp" : "udp";
		for (unsigned i = 0; i < 2 * NTYPES; i++) {
			n = nd_tally_sum(t, base + AT_REQUESTS + proto * 2 * NTYPES + i);
			if (n)
				nd_metric_emit(out, &requests_family,
					       (const char *const[]){ server, zone, view, text,
								      i < NTYPES ? "1" : "2",
								      type_text(i % NTYPES, a) },
					       (double)n);
		}
		const char *values[] = { server, zone, view, text };
		emit_histogram(out, &request_family, values, t,
			       base + AT_REQUEST_SIZE + proto * (NSIZES + 2), 1);
		emit_histogram(out, &response_family, values, t,
			       base + AT_RESPONSE_SIZE + proto * (NSIZES + 2), 1);
	}
	const char *values[] = { server, zone, view };
	n = nd_tally_sum(t, base + AT_DO);
	if (n)
		nd_metric_emit(out, &do_family, values, (double)n);
	emit_histogram(out, &duration_family, values, t, base + AT_SECONDS, 1e9);
	for (unsigned i = 0; i < 2 * NRCODES; i++) {
		n = nd_tally_sum(t, base + AT_RCODES + i);
		if (n)
			nd_metric_emit(out, &responses_family,
				       (const char *const[]){
					       server, zone, view,
					       nd_type_rcode_text((uint16_t)(i % NRCODES), a),
					       i < NRCODES ? "" : plugin },
				       (double)n);
	}
}

static void collect(void *ctx, struct nd_metric_out *out)
{
	const struct prometheus *p = ctx;

	for (size_t i = 0; i < p->gen->nendpoints; i++) {
		const char *server = p->gen->endpoints[i].label;
		for (uint32_t k = 0; p->tally[i] && k < p->block->nkeys; k++)
			emit_zone(out, p->tally[i], k * CELLS, server, p->block->keys[k].text,
				  p->block->view, p->below);
		/* One instance reports what no block answered. */
		if (p->gen->dropped && p->gen->dropped->self == ctx)
			emit_zone(out, p->dropped[i], 0, server, "dropped", "", "");
	}
}

/* --- of the process --- */

static void emit_enabled(const struct nd_gen *g, struct nd_metric_out *out)
{
	static const char *const labels[] = { "server", "zone", "view", "name", NULL };
	static const struct nd_metric_family f = ND_GAUGE(
		"coredns_plugin_enabled",
		"A metric that indicates whether a plugin is enabled on per server and zone basis.",
		labels);

	for (size_t e = 0; e < g->nendpoints; e++)
		for (size_t s = 0; s < g->endpoints[e].nsites; s++) {
			const struct nd_site *site = g->endpoints[e].sites[s];
			const char *last = NULL;
			for (unsigned i = 0; i < site->chain->len; i++) {
				const char *name = site->chain->link[i].plugin->name;
				if (last && strcmp(last, name) == 0)
					continue;
				last = name;
				nd_metric_emit(out, &f,
					       (const char *const[]){ g->endpoints[e].label,
								      site->zone_text,
								      site->block->view, name },
					       1);
			}
		}
}

/* CoreDNS's and the Prometheus client's own. */
static void emit_runtime(const struct nd_process *p, struct nd_metric_out *out)
{
	static const char *const labels[] = { "version", "revision", "goversion", NULL };
	static const struct nd_metric_family
		build = ND_GAUGE("coredns_build_info",
				 "A metric with a constant '1' value labeled by version, "
				 "revision, and goversion from which CoreDNS was built.",
				 labels),
		panics = ND_COUNTER("coredns_panics_total",
				    "A metrics that counts the number of panics.", NULL);

	nd_metric_emit(out, &build, (const char *const[]){ p->version, "", "" }, 1);
	nd_metric_emit(out, &panics, NULL, 0);
	nd_promprocess_emit(out);
}

/* What the server counts, summed over the workers. */
static void emit_server(struct nd_process *p, struct nd_metric_out *out)
{
	static const struct {
		struct nd_metric_family family;
		size_t where; /* of a uint64_t in struct nd_process_stats */
	} rows[] = {
		{ ND_COUNTER("nodens_udp_overflowed_total",
			     "UDP queries lost because a receive buffer was full.", NULL),
		  offsetof(struct nd_process_stats, udp_overflowed) },
		{ ND_COUNTER("nodens_udp_unsent_total",
			     "UDP replies that the kernel did not accept.", NULL),
		  offsetof(struct nd_process_stats, udp_unsent) },
		{ ND_GAUGE("nodens_udp_receive_buffer_bytes",
			   "The smallest receive buffer granted by the kernel.", NULL),
		  offsetof(struct nd_process_stats, udp_buffer_bytes) },
		{ ND_GAUGE("nodens_queries_waiting",
			   "Queries that wait for an answer, with lookups within queries.", NULL),
		  offsetof(struct nd_process_stats, waiting) },
		{ ND_COUNTER("nodens_queries_shed_total",
			     "Waiting queries dropped because too many were waiting.", NULL),
		  offsetof(struct nd_process_stats, shed) },
		{ ND_COUNTER("nodens_queries_timed_out_total",
			     "Waiting queries dropped because they timed out.", NULL),
		  offsetof(struct nd_process_stats, timed_out) },
		{ ND_COUNTER("nodens_subqueries_refused_total",
			     "Lookups within a query that failed because too many were waiting.",
			     NULL),
		  offsetof(struct nd_process_stats, sub_refused) },
		{ ND_GAUGE("nodens_tcp_connections", "Open TCP connections of clients.", NULL),
		  offsetof(struct nd_process_stats, tcp_connections) },
		{ ND_COUNTER("nodens_tcp_evicted_total",
			     "TCP connections closed to make room for others.", NULL),
		  offsetof(struct nd_process_stats, tcp_evicted) },
		{ ND_COUNTER("nodens_tcp_refused_total",
			     "TCP connections refused because there was no room.", NULL),
		  offsetof(struct nd_process_stats, tcp_refused) },
		{ ND_COUNTER("nodens_tcp_unread_total",
			     "TCP connections closed because answers were not read.", NULL),
		  offsetof(struct nd_process_stats, tcp_unread) },
		{ ND_COUNTER("nodens_log_lines_dropped_total",
			     "Log lines dropped because standard output was not read in time.",
			     NULL),
		  offsetof(struct nd_process_stats, log_dropped) },
	};
	struct nd_process_stats st = { 0 };

	if (p->stats)
		p->stats(p, &st);
	for (size_t i = 0; i < ND_COUNT(rows); i++)
		nd_metric_emit(out, &rows[i].family, NULL,
			       (double)*(const uint64_t *)((const char *)&st + rows[i].where));
}

/* The memory that clients and upstreams can fill, by part of the budget. */
static void emit_budget(struct nd_metric_out *out)
{
	static const char *const labels[] = { "part", NULL };
	static const struct nd_metric_family
		ceiling = ND_GAUGE("nodens_memory_budget_bytes",
				   "Most memory that this part of the budget may take.", labels),
		used = ND_GAUGE("nodens_memory_budget_used_bytes",
				"Memory that this part of the budget takes.", labels),
		refused = ND_COUNTER("nodens_memory_budget_refused_total",
				     "Requests refused because this part of the budget was full.",
				     labels);

	for (unsigned i = 0; i < ND_BUDGET_PARTS; i++) {
		const char *const part[] = { nd_budget_part_text[i] };
		nd_metric_emit(out, &ceiling, part, (double)nd_budget_ceiling(i));
		nd_metric_emit(out, &used, part, (double)nd_budget_used(i));
		nd_metric_emit(out, &refused, part, (double)nd_budget_refused(i));
	}
}

static void collect_process(void *ctx, struct nd_metric_out *out)
{
	const struct prometheus *p = ctx;

	/* Several blocks may have this plugin; one instance reports for the process. */
	if (!p->gen->dropped || p->gen->dropped->self != ctx)
		return;
	emit_runtime(p->gen->process, out);
	emit_server(p->gen->process, out);
	emit_budget(out);
	emit_enabled(p->gen, out);
	nd_promprocess_emit_absent(p->gen, out);
}

static void render(struct prometheus *p)
{
	uint64_t began_ns = nd_clock_now_ns();

	if (began_ns < p->render_ns)
		return;
	nd_buf_reset(&p->page);
	nd_metric_page(p->gen, &p->page);
	uint64_t now_ns = nd_clock_now_ns(), pause_ns = (now_ns - began_ns) * RENDER_SHARE;
	p->render_ns = now_ns + (pause_ns < ND_S(1) ? pause_ns : ND_S(1));
}

static void handle(void *self, const struct nd_http1_request *req, struct nd_http1_response *res)
{
	struct prometheus *p = self;

	(void)req;
	render(p);
	res->content_type = "text/plain; version=0.0.4; charset=utf-8";
	res->body.err = p->page.err;
	nd_buf_add(&res->body, nd_buf_string(&p->page), p->page.len);
}

static void clear(void *self)
{
	struct prometheus *p = self;

	nd_buf_clear(&p->page);
}

/* --- setting up --- */

static const struct nd_setting settings[] = {
	ND_SET_NOTYET_ROW("tls", "WEBCONFIG"),
	{ "runtime_metrics", ND_SET_FLAG, offsetof(struct prometheus, runtime_metrics), 0, 0, 0,
	  "accepted, without effect: there is no Go runtime" },
	{ 0 },
};

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct prometheus *p = self;
	int err = nd_settings_args(d, "prometheus", 0, 1, s->diag);

	nd_buf_init(&p->page, PAGE_BYTES_MAX);
	p->gen = s->gen;
	p->block = s->block;
	memset(p->type_index, NTYPES - 1, sizeof p->type_index);
	for (unsigned i = 0; i < ND_COUNT(types); i++)
		p->type_index[types[i]] = (uint8_t)i;
	for (unsigned i = 0; i < NSECONDS; i++)
		p->ns[i] = (uint64_t)(seconds[i] * 1e9 + 0.5);
	for (unsigned i = 0; i < NSIZES; i++)
		p->sizes[i] = (uint64_t)sizes[i];
	if (!err)
		err = nd_setup_settings(s, NULL, false);
	if (!err)
		err = nd_setup_http(s, d->nargs ? d->args[0] : "localhost:9153", "/metrics", handle,
				    p, false);
	nd_setup_dropped(s, on_dropped);
	return err;
}

static const char *plugin_below(const struct nd_chain *c, const void *self)
{
	for (unsigned i = 0; i + 1 < c->len; i++)
		if (c->link[i].self == self)
			return c->link[i + 1].plugin->name;
	return "";
}

static int start(void *self, struct nd_setup *s)
{
	struct prometheus *p = self;
	const char *zones = nd_setup_zones_text(s, s->block->zones, s->block->nzones);

	if (p->runtime_metrics)
		nd_log_info("prometheus", "runtime_metrics has no effect: there is no Go runtime");
	p->below = plugin_below(&s->block->chain, self);
	p->tally = nd_tally_by_endpoint(s, "prometheus", zones, CELLS * (uint32_t)s->block->nkeys);
	p->dropped = nd_arena_array(s->arena, s->gen->nendpoints, sizeof *p->dropped);
	if (!p->tally || !p->dropped)
		return ND_ELIMIT;
	for (size_t i = 0; i < s->gen->nendpoints; i++) {
		p->dropped[i] = nd_tally_get(s, "dropped", s->gen->endpoints[i].label, CELLS);
		if (!p->dropped[i])
			return ND_ELIMIT;
	}
	nd_setup_collect(s, collect, p);
	nd_setup_collect(s, collect_process, p);
	return 0;
}

const struct nd_plugin nd_plugin_prometheus = {
	.name = "prometheus",
	.repeat = ND_REPEAT_REFUSE,
	.self_size = sizeof(struct prometheus),
	.settings = settings,
	.setup = setup,
	.start = start,
	.clear = clear,
	.done = on_done,
};
