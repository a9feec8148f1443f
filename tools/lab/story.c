/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include "tools/lab/table.h"

struct story {
	char *text;
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void say(struct story *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(s->text + s->len, ND_TABLE_STORY - s->len, format, args);
	va_end(args);
	if (n > 0)
		s->len += (size_t)n;
	if (s->len >= ND_TABLE_STORY)
		s->len = ND_TABLE_STORY - 1;
}

/* The cause's first row that has all of `with` and none of `without`. */
static const struct nd_row_result *find(enum nd_row_cause cause, const struct nd_row_result *rows,
					unsigned n, unsigned with, unsigned without)
{
	for (unsigned i = 0; i < n; i++)
		if (rows[i].row->cause == cause && (rows[i].row->what & with) == with &&
		    !(rows[i].row->what & without))
			return &rows[i];
	return NULL;
}

static double share(const struct nd_row_figures *f)
{
	return f->requests ? 100.0 * (double)f->timeouts / (double)f->requests : 0;
}

static uint64_t rcvbuf(const struct nd_row_figures *f)
{
	return f->counted.pod_rcvbuf + f->counted.node_rcvbuf + f->counted.dns_rcvbuf;
}

/* What all our rows of a cause lost together, and the slowest lookup of them. */
struct ours {
	uint64_t rows, requests, stalls, errors, lost;
	double max_ms;
};

static struct ours add_ours(enum nd_row_cause cause, const struct nd_row_result *rows, unsigned n)
{
	struct ours o = { 0 };

	for (unsigned i = 0; i < n; i++) {
		const struct nd_row_figures *f = &rows[i].figures;
		unsigned what = rows[i].row->what;
		if (rows[i].row->cause != cause || !(what & ND_ROW_HOLDS) || (what & ND_ROW_CALM))
			continue;
		o.rows++;
		o.requests += f->requests;
		o.stalls += f->timeouts;
		o.errors += f->errors;
		o.lost += rcvbuf(f) + f->counted.old_kernel;
		o.max_ms = f->max_ms > o.max_ms ? f->max_ms : o.max_ms;
	}
	return o;
}

static void tell_burst_cause(struct story *s, const struct nd_row_result *none)
{
	const struct nd_row_figures *f = &none->figures;
	const struct nd_counters *c = &f->counted;
	uint64_t table = c->insert_failed + c->drop;

	if (f->timeouts == 0)
		say(s, "With a %s and no cure, none of %" PRIu64 " lookups stalled in this run",
		    none->row->dns, f->requests);
	else
		say(s,
		    "With a %s and no cure, %" PRIu64 " of %" PRIu64
		    " lookups (%.2f %%) stalled; the slowest took %.0f ms",
		    none->row->dns, f->timeouts, f->requests, share(f), f->max_ms);
	say(s, ". The DNS pod's full receive buffer dropped %" PRIu64 " datagrams; ",
	    c->dns_rcvbuf);
	if (table == 0)
		say(s, "conntrack dropped none, so the burst was lost at the server's own "
		       "socket. ");
	else
		say(s, "conntrack refused or dropped %" PRIu64 " packets. ", table);
}

static void tell_burst(struct story *s, const struct nd_row_result *rows, unsigned n)
{
	const struct nd_row_result *none = find(ND_ROW_BURST, rows, n,
						ND_ROW_COREDNS_DNS | ND_ROW_STALLS,
						ND_ROW_ORIGINAL_AGENT);
	const struct nd_row_result *reopen = find(ND_ROW_BURST, rows, n,
						  ND_ROW_COREDNS_DNS | ND_ROW_CALM, 0);
	const struct nd_row_result *agent = find(ND_ROW_BURST, rows, n, ND_ROW_ORIGINAL_AGENT, 0);
	struct ours o = add_ours(ND_ROW_BURST, rows, n);

	if (none)
		tell_burst_cause(s, none);
	else
		say(s, "The row that stalls was skipped, since -coredns was not given. ");
	if (reopen)
		say(s,
		    "With one query at a time (single-request-reopen), %" PRIu64
		    " lookups stalled and %" PRIu64 " datagrams were lost. ",
		    reopen->figures.timeouts, rcvbuf(&reopen->figures));
	if (agent)
		say(s,
		    "With NodeLocal DNSCache, %" PRIu64 " lookups stalled and %" PRIu64
		    " datagrams were lost at its socket. ",
		    agent->figures.timeouts, agent->figures.counted.node_rcvbuf);
	say(s,
	    "With nodens under the full burst, %" PRIu64 " of %" PRIu64 " lookups stalled, %" PRIu64
	    " failed and %" PRIu64 " datagrams were lost; the slowest lookup took %.0f ms.",
	    o.stalls, o.requests, o.errors, o.lost, o.max_ms);
}

static void tell_race(struct story *s, const struct nd_row_result *rows, unsigned n)
{
	const struct nd_row_result *none = find(ND_ROW_RACE, rows, n, ND_ROW_STALLS, 0);
	const struct nd_row_result *kernel = find(ND_ROW_RACE, rows, n, ND_ROW_CALM, 0);
	const struct nd_row_result *agent = find(ND_ROW_RACE, rows, n, ND_ROW_AGENT, 0);
	struct ours o = add_ours(ND_ROW_RACE, rows, n);

	if (none)
		say(s,
		    "Kernels before 5.6 drop the second of two simultaneous first packets of a "
		    "flow. With that emulated and no cure, %" PRIu64 " of %" PRIu64
		    " lookups (%.1f %%) stalled and %" PRIu64 " packets were lost. ",
		    none->figures.timeouts, none->figures.requests, share(&none->figures),
		    none->figures.counted.old_kernel);
	if (kernel)
		say(s,
		    "Without the emulation, this kernel resolved the same clash %" PRIu64
		    " times and %" PRIu64 " lookups stalled. ",
		    kernel->figures.counted.clash_resolve, kernel->figures.timeouts);
	say(s,
	    "With a cure on the emulated old kernel, %" PRIu64 " of %" PRIu64
	    " lookups stalled, %" PRIu64 " failed and %" PRIu64
	    " packets were lost; the slowest lookup took %.0f ms.",
	    o.stalls, o.requests, o.errors, o.lost, o.max_ms);
	if (agent)
		say(s,
		    " Of the flows that the nodens agent intercepted, %" PRIu64
		    " passed kube-proxy's DNAT.",
		    agent->figures.counted.dnat);
}

void nd_table_story(enum nd_row_cause cause, const struct nd_row_result *rows, unsigned n,
		    char text[ND_TABLE_STORY])
{
	struct story s = { text, 0 };

	text[0] = '\0';
	if (!find(cause, rows, n, 0, 0))
		return;
	if (cause == ND_ROW_BURST)
		tell_burst(&s, rows, n);
	else
		tell_race(&s, rows, n);
}
