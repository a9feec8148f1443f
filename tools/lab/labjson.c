/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lab/labjson.h"

#include <inttypes.h>
#include "tools/lab/summary.h"

static const char *const causes[ND_ROW_CAUSES] = { "burst", "race" };

/* RFC 8259 s7. The texts may contain UTF-8, which is copied. */
static void write_string(FILE *to, const char *text)
{
	fputc('"', to);
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '"' || *p == '\\')
			fprintf(to, "\\%c", *p);
		else if (*p < 0x20)
			fprintf(to, "\\u%04x", *p);
		else
			fputc(*p, to);
	}
	fputc('"', to);
}

static void write_row(FILE *to, const struct nd_row_result *r)
{
	const struct nd_figures *f = &r->figures;
	const struct nd_counters *c = &f->counted;

	fprintf(to,
		"    {\"cause\": \"%s\", \"dns\": \"%s\", \"cure\": \"%s\", \"old_kernel\": %s,\n",
		causes[r->row->cause], r->row->dns, r->row->cure,
		r->row->what & ND_ROW_OLD_KERNEL ? "true" : "false");
	fprintf(to,
		"     \"requests\": %" PRIu64 ", \"errors\": %" PRIu64 ", \"timeouts\": %" PRIu64
		",\n     \"ms\": {\"min\": %.3f, \"max\": %.3f, \"avg\": %.3f, \"p99\": %.3f},\n",
		f->requests, f->errors, f->timeouts, f->min_ms, f->max_ms, f->avg_ms, f->p99_ms);
	fprintf(to,
		"     \"udp_rcvbuf_errors\": {\"pod\": %" PRIu64 ", \"node\": %" PRIu64
		", \"dns\": %" PRIu64 "},\n",
		c->pod_rcvbuf, c->node_rcvbuf, c->dns_rcvbuf);
	fprintf(to,
		"     \"conntrack\": {\"insert_failed\": %" PRIu64 ", \"drop\": %" PRIu64
		", \"clash_resolve\": %" PRIu64 "},\n",
		c->insert_failed, c->drop, c->clash_resolve);
	fprintf(to,
		"     \"old_kernel_lost\": %" PRIu64 ", \"dnat\": {\"kube-dns\": %" PRIu64
		", \"kube-dns-upstream\": %" PRIu64 "}}",
		c->old_kernel, c->dnat, c->dnat_upstream);
}

static void write_bars(FILE *to, const struct nd_bars *bars)
{
	fprintf(to, "  \"bars\": {\"checked\": %u, \"missed\": [", bars->checked);
	for (unsigned i = 0; i < bars->missed; i++) {
		fputs(i ? ", " : "", to);
		write_string(to, bars->text[i]);
	}
	fprintf(to, "]}\n");
}

void nd_labjson_write(FILE *to, const struct nd_row_result *rows, unsigned n,
		      const struct nd_row_plan *plan, const struct nd_bars *bars)
{
	char summary[ND_SUMMARY_TEXT];

	fprintf(to, "{\n  \"seconds\": %u, \"clients\": %u, \"services\": %u, \"limit_ms\": %d,\n",
		plan->seconds, plan->clients, plan->services, ND_ROW_LIMIT_MS);
	fprintf(to, "  \"rows\": [\n");
	for (unsigned i = 0; i < n; i++) {
		write_row(to, &rows[i]);
		fprintf(to, i + 1 < n ? ",\n" : "\n");
	}
	fprintf(to, "  ],\n  \"seen\": {");
	for (unsigned c = 0; c < ND_ROW_CAUSES; c++) {
		nd_summary_format((enum nd_row_cause)c, rows, n, summary);
		fprintf(to, "%s\"%s\": ", c ? ", " : "", causes[c]);
		write_string(to, summary);
	}
	fprintf(to, "},\n");
	write_bars(to, bars);
	fprintf(to, "}\n");
}
