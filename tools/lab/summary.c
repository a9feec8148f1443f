/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lab/summary.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct summary {
	char *text;
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void append(struct summary *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(s->text + s->len, ND_SUMMARY_TEXT - s->len, format, args);
	va_end(args);
	if (n > 0)
		s->len += (size_t)n;
	if (s->len >= ND_SUMMARY_TEXT)
		s->len = ND_SUMMARY_TEXT - 1;
}

/* The cause's first row with all flags of `with` and none of `without`. */
static const struct nd_row_result *find_row(enum nd_row_cause cause,
					    const struct nd_row_result *rows, unsigned n,
					    unsigned with, unsigned without)
{
	for (unsigned i = 0; i < n; i++)
		if (rows[i].row->cause == cause && (rows[i].row->what & with) == with &&
		    !(rows[i].row->what & without))
			return &rows[i];
	return NULL;
}

static double stalled_percent(const struct nd_figures *f)
{
	return f->requests ? 100.0 * (double)f->timeouts / (double)f->requests : 0;
}

static uint64_t lost_datagrams(const struct nd_figures *f)
{
	return f->counted.pod_rcvbuf + f->counted.node_rcvbuf + f->counted.dns_rcvbuf;
}

/* Sums over the cured rows of a cause, and their slowest lookup. */
struct totals {
	uint64_t rows, requests, stalls, errors, lost;
	double max_ms;
};

static struct totals add_cured(enum nd_row_cause cause, const struct nd_row_result *rows,
			       unsigned n)
{
	struct totals o = { 0 };

	for (unsigned i = 0; i < n; i++) {
		const struct nd_figures *f = &rows[i].figures;
		unsigned what = rows[i].row->what;
		if (rows[i].row->cause != cause || !(what & ND_ROW_CURED) ||
		    (what & ND_ROW_CONTROL))
			continue;
		o.rows++;
		o.requests += f->requests;
		o.stalls += f->timeouts;
		o.errors += f->errors;
		o.lost += lost_datagrams(f) + f->counted.old_kernel;
		o.max_ms = f->max_ms > o.max_ms ? f->max_ms : o.max_ms;
	}
	return o;
}

static void describe_burst_cause(struct summary *s, const struct nd_row_result *none)
{
	const struct nd_figures *f = &none->figures;
	const struct nd_counters *c = &f->counted;
	uint64_t table = c->insert_failed + c->drop;

	if (f->timeouts == 0)
		append(s, "With a %s and no cure, none of %" PRIu64 " lookups stalled in this run",
		       none->row->dns, f->requests);
	else
		append(s,
		       "With a %s and no cure, %" PRIu64 " of %" PRIu64
		       " lookups (%.2f %%) stalled; the slowest took %.0f ms",
		       none->row->dns, f->timeouts, f->requests, stalled_percent(f), f->max_ms);
	append(s, ". The DNS pod's full receive buffer dropped %" PRIu64 " datagrams; ",
	       c->dns_rcvbuf);
	if (table == 0)
		append(s, "conntrack dropped none, so the burst was lost at the server's own "
			  "socket. ");
	else
		append(s, "conntrack refused or dropped %" PRIu64 " packets. ", table);
}

static void describe_burst(struct summary *s, const struct nd_row_result *rows, unsigned n)
{
	const struct nd_row_result *none = find_row(ND_ROW_BURST, rows, n,
						    ND_ROW_COREDNS_DNS | ND_ROW_STALLS,
						    ND_ROW_ORIGINAL_AGENT);
	const struct nd_row_result *reopen = find_row(ND_ROW_BURST, rows, n,
						      ND_ROW_COREDNS_DNS | ND_ROW_CONTROL, 0);
	const struct nd_row_result *agent = find_row(ND_ROW_BURST, rows, n, ND_ROW_ORIGINAL_AGENT,
						     0);
	struct totals o = add_cured(ND_ROW_BURST, rows, n);

	if (none)
		describe_burst_cause(s, none);
	else
		append(s, "The row that stalls was skipped, since -coredns was not given. ");
	if (reopen)
		append(s,
		       "With one query at a time (single-request-reopen), %" PRIu64
		       " lookups stalled and %" PRIu64 " datagrams were lost. ",
		       reopen->figures.timeouts, lost_datagrams(&reopen->figures));
	if (agent)
		append(s,
		       "With NodeLocal DNSCache, %" PRIu64 " lookups stalled and %" PRIu64
		       " datagrams were lost at its socket. ",
		       agent->figures.timeouts, agent->figures.counted.node_rcvbuf);
	append(s,
	       "With nodens under the full burst, %" PRIu64 " of %" PRIu64
	       " lookups stalled, %" PRIu64 " failed and %" PRIu64
	       " datagrams were lost; the slowest lookup took %.0f ms.",
	       o.stalls, o.requests, o.errors, o.lost, o.max_ms);
}

static void describe_race(struct summary *s, const struct nd_row_result *rows, unsigned n)
{
	const struct nd_row_result *none = find_row(ND_ROW_RACE, rows, n, ND_ROW_STALLS, 0);
	const struct nd_row_result *kernel = find_row(ND_ROW_RACE, rows, n, ND_ROW_CONTROL, 0);
	const struct nd_row_result *agent = find_row(ND_ROW_RACE, rows, n, ND_ROW_AGENT, 0);
	struct totals o = add_cured(ND_ROW_RACE, rows, n);

	if (none)
		append(s,
		       "Kernels before 5.6 drop the second of two simultaneous first packets of a "
		       "flow. With that emulated and no cure, %" PRIu64 " of %" PRIu64
		       " lookups (%.1f %%) stalled and %" PRIu64 " packets were lost. ",
		       none->figures.timeouts, none->figures.requests,
		       stalled_percent(&none->figures), none->figures.counted.old_kernel);
	if (kernel)
		append(s,
		       "Without the emulation, this kernel resolved the same clash %" PRIu64
		       " times and %" PRIu64 " lookups stalled. ",
		       kernel->figures.counted.clash_resolve, kernel->figures.timeouts);
	append(s,
	       "With a cure on the emulated old kernel, %" PRIu64 " of %" PRIu64
	       " lookups stalled, %" PRIu64 " failed and %" PRIu64
	       " packets were lost; the slowest lookup took %.0f ms.",
	       o.stalls, o.requests, o.errors, o.lost, o.max_ms);
	if (agent)
		append(s,
		       " Of the flows that the nodens agent intercepted, %" PRIu64
		       " passed kube-proxy's DNAT.",
		       agent->figures.counted.dnat);
}

void nd_summary_format(enum nd_row_cause cause, const struct nd_row_result *rows, unsigned n,
		       char text[ND_SUMMARY_TEXT])
{
	struct summary s = { text, 0 };

	text[0] = '\0';
	if (!find_row(cause, rows, n, 0, 0))
		return;
	if (cause == ND_ROW_BURST)
		describe_burst(&s, rows, n);
	else
		describe_race(&s, rows, n);
}
