/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench/report.h"

#include <inttypes.h>
#include <netdb.h>
#include <string.h>
#include "base/err.h"
#include "io/clock.h"
#include "wire/type.h"

static const double quantiles[] = { 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999 };
enum { CAUSE_MAX = 160 };

static double ms(uint64_t ns)
{
	return (double)ns / ND_NS_PER_MS;
}

static uint64_t per_second(uint64_t n, uint64_t took_ns)
{
	return took_ns ? (uint64_t)((double)n * ND_NS_PER_S / (double)took_ns) : 0;
}

void nd_report_progress(FILE *to, const struct nd_stats *s, struct nd_report_progress *p)
{
	struct nd_report_progress now = { p->second + 1, s->requests, s->errors, s->slow };

	fprintf(to,
		"%4" PRIu64 "s: %" PRIu64 " requests, %" PRIu64 " errors, %" PRIu64 " timeouts\n",
		now.second, now.requests - p->requests, now.errors - p->errors, now.slow - p->slow);
	*p = now;
}

static void describe_timeout(const struct nd_plan *plan, char text[CAUSE_MAX])
{
	const struct nd_resolv *r = &plan->resolv;
	char server[ND_ADDR_TEXT_MAX];

	nd_addr_format(&r->server[0], server);
	snprintf(text, CAUSE_MAX, "no answer from %s%s (timeout:%u attempts:%u)", server,
		 r->servers > 1 ? " or the servers after it" : "", r->timeout_s, r->attempts);
}

/* Describes an error. */
static void describe(const struct nd_plan *plan, unsigned kind, unsigned code, char text[CAUSE_MAX])
{
	char number[ND_NUMBER_TEXT_MAX];

	switch ((enum nd_outcome_kind)kind) {
	case ND_OUTCOME_RCODE:
		snprintf(text, CAUSE_MAX, "answered %s",
			 nd_type_rcode_text((uint16_t)code, number));
		break;
	case ND_OUTCOME_NODATA:
		snprintf(text, CAUSE_MAX,
			 "the name exists but has no records of the requested type");
		break;
	case ND_OUTCOME_TIMEOUT: describe_timeout(plan, text); break;
	case ND_OUTCOME_ERRNO:
		snprintf(text, CAUSE_MAX, "socket: %s", nd_err_text(-(int)code));
		break;
	case ND_OUTCOME_GAI:
		snprintf(text, CAUSE_MAX, "getaddrinfo: %s", gai_strerror(-(int)code));
		break;
	case ND_OUTCOME_STOPPED:
		snprintf(text, CAUSE_MAX, "still unanswered when the run ended");
		break;
	case ND_OUTCOME_OK:
	case ND_OUTCOME_KINDS: text[0] = '\0'; break;
	}
}

/* The next kind of error that occurred, from *at on; false after the last. */
static bool next_cause(const struct nd_plan *plan, unsigned *at, uint64_t *n, char text[CAUSE_MAX])
{
	for (; *at < ND_OUTCOME_KINDS * ND_STATS_CODES; (*at)++) {
		unsigned kind = *at / ND_STATS_CODES, code = *at % ND_STATS_CODES;
		*n = plan->stats->ended[kind][code];
		if (kind == ND_OUTCOME_OK || *n == 0)
			continue;
		describe(plan, kind, code, text);
		(*at)++;
		return true;
	}
	return false;
}

static uint64_t avg_ns_of(const struct nd_stats *s)
{
	return s->requests ? s->sum_ns / s->requests : 0;
}

static uint64_t min_ns_of(const struct nd_stats *s)
{
	return s->requests ? s->min_ns : 0;
}

/* The three lines of testdns, byte for byte: scripts parse them. */
static void write_testdns(FILE *to, const struct nd_stats *s)
{
	fprintf(to, "request count：%" PRIu64 "\n", s->requests);
	fprintf(to, "error count：%" PRIu64 "\n", s->errors);
	fprintf(to,
		"request time：min(%" PRIu64 "ms) max(%" PRIu64 "ms) avg(%" PRIu64
		"ms) timeout(%" PRIu64 "n)\n",
		min_ns_of(s) / ND_NS_PER_MS, s->max_ns / ND_NS_PER_MS, avg_ns_of(s) / ND_NS_PER_MS,
		s->slow);
}

void nd_report_text(FILE *to, const struct nd_plan *plan, uint64_t took_ns)
{
	const struct nd_stats *s = plan->stats;
	char text[CAUSE_MAX];
	uint64_t n;

	write_testdns(to, s);
	fprintf(to, "percentiles:");
	for (size_t i = 0; i < ND_COUNT(quantiles); i++)
		fprintf(to, " p%g %.3fms", quantiles[i] * 100,
			ms(nd_stats_quantile(s, quantiles[i])));
	fprintf(to, "\nrate: %" PRIu64 " requests/s over %.1f s, style %s, %u clients\n",
		per_second(s->requests, took_ns), (double)took_ns / ND_NS_PER_S, plan->style->name,
		plan->clients);
	if (plan->style != &nd_style_system)
		fprintf(to,
			"sent: %" PRIu64 " queries from %" PRIu64 " sockets, %" PRIu64
			" of them TCP; fallbacks to one query at a time: %" PRIu64 "\n",
			s->queries, s->sockets, s->tcp, s->fallbacks);
	if (s->unfinished)
		fprintf(to, "unfinished: %" PRIu64 "\n", s->unfinished);
	for (unsigned at = 0; next_cause(plan, &at, &n, text);)
		fprintf(to, "error: %" PRIu64 " x %s\n", n, text);
}

/* RFC 8259 s7. Bytes beyond ASCII, which a domain name may contain, become one character each. */
static void write_string(FILE *to, const char *text)
{
	fputc('"', to);
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '"' || *p == '\\')
			fprintf(to, "\\%c", *p);
		else if (*p < 0x20 || *p > 0x7e)
			fprintf(to, "\\u%04x", *p);
		else
			fputc(*p, to);
	}
	fputc('"', to);
}

static void write_causes(FILE *to, const struct nd_plan *plan)
{
	char text[CAUSE_MAX];
	uint64_t n;
	const char *between = "";

	fprintf(to, "  \"causes\": [");
	for (unsigned at = 0; next_cause(plan, &at, &n, text); between = ", ") {
		fprintf(to, "%s{\"count\": %" PRIu64 ", \"cause\": ", between, n);
		write_string(to, text);
		fputc('}', to);
	}
	fprintf(to, "]\n");
}

void nd_report_json(FILE *to, const struct nd_plan *plan, uint64_t took_ns)
{
	const struct nd_stats *s = plan->stats;

	fprintf(to, "{\n  \"host\": ");
	write_string(to, plan->queries.n ? "" : plan->host);
	fprintf(to, ",\n  \"style\": \"%s\", \"clients\": %u, \"rate\": %" PRIu64 ",\n",
		plan->style->name, plan->clients, plan->rate);
	fprintf(to, "  \"seconds\": %.3f, \"limit_ms\": %" PRIu64 ",\n",
		(double)took_ns / ND_NS_PER_S, (uint64_t)(s->limit_ns / ND_NS_PER_MS));
	fprintf(to,
		"  \"requests\": %" PRIu64 ", \"errors\": %" PRIu64 ", \"timeouts\": %" PRIu64
		", \"unfinished\": %" PRIu64 ",\n",
		s->requests, s->errors, s->slow, s->unfinished);
	fprintf(to, "  \"ms\": {\"min\": %.3f, \"max\": %.3f, \"avg\": %.3f", ms(min_ns_of(s)),
		ms(s->max_ns), ms(avg_ns_of(s)));
	for (size_t i = 0; i < ND_COUNT(quantiles); i++)
		fprintf(to, ", \"p%g\": %.3f", quantiles[i] * 100,
			ms(nd_stats_quantile(s, quantiles[i])));
	fprintf(to, "},\n");
	fprintf(to,
		"  \"queries\": %" PRIu64 ", \"sockets\": %" PRIu64 ", \"tcp\": %" PRIu64
		", \"fallbacks\": %" PRIu64 ",\n",
		s->queries, s->sockets, s->tcp, s->fallbacks);
	write_causes(to, plan);
	fprintf(to, "}\n");
}
