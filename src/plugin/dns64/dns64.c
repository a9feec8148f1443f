/* SPDX-License-Identifier: Apache-2.0 */
/* dns64 - makes AAAA records of A records for IPv6-only clients (CoreDNS's dns64; RFC 6147). */
#include <string.h>
#include "base/log.h"
#include "core/gen.h"
#include "core/query.h"
#include "core/worker.h"
#include "plugin/dns64/synthesis.h"

struct dns64 {
	struct nd_synthesis_prefix prefix;
	bool translate_all, allow_ipv4;
	struct nd_tally **tally; /* by endpoint: translated queries */
	struct nd_gen *gen;
};

struct state {
	uint32_t ttl_max; /* of the records that are made */
};

/* --- queries --- */

static bool eligible(const struct dns64 *d, const struct nd_query *q)
{
	size_t n;

	if (q->msg.qtype != ND_TYPE_AAAA || q->msg.qclass != ND_CLASS_IN ||
	    nd_msg_opcode(&q->msg) != ND_OPCODE_QUERY)
		return false;
	nd_addr_bytes(&q->client.peer, &n);
	return d->allow_ipv4 || n != 4;
}

/* Is the answer to AAAA replaced? All errors but NXDOMAIN are like an empty answer (RFC 6147
 * s5.1.2 and s5.1.3). NXDOMAIN after a CNAME is replaced too, as in CoreDNS. */
static bool replaced(const struct dns64 *d, const struct nd_query *child)
{
	const struct nd_answer *a = &child->ans;

	if (child->rcode == ND_RCODE_NXDOMAIN && a->count[ND_SECTION_ANSWER] == 0)
		return false;
	return d->translate_all || !nd_synthesis_has(a, ND_SECTION_ANSWER, ND_TYPE_AAAA);
}

static enum nd_verdict on_a(const void *self, struct nd_query *q, struct nd_query *child)
{
	const struct dns64 *d = self;
	const struct state *st = nd_query_state(q);

	if (child->drop)
		return nd_query_fail(q, ND_RCODE_SERVFAIL, "dns64: upstream returned no response");
	nd_metric_add(nd_tally_cells(d->tally[q->endpoint->index], q->worker->id), 1);
	nd_synthesis_write(q, child, &d->prefix, st->ttl_max);
	return ND_DONE;
}

static enum nd_verdict on_aaaa(const void *self, struct nd_query *q, struct nd_query *child)
{
	struct state *st = nd_query_state(q);

	if (child->drop)
		return ND_DROP;
	/* A failure is not an answer: as in CoreDNS there is none to replace. */
	if (child->failed || !replaced(self, child)) {
		q->ans.w.exact = true;
		if (nd_answer_take(q, child))
			q->ans.flags |= ND_FLAG_TC;
		return ND_DONE;
	}
	if (!st)
		return nd_query_fail(q, ND_RCODE_SERVFAIL, "out of memory");
	st->ttl_max = nd_synthesis_ttl_max(&child->ans);
	return nd_query_ask(q, q->msg.qname, ND_TYPE_A, ND_ASK_SITE, on_a);
}

/* At the last level of lookups nothing is asked: the answers above are translated. */
static enum nd_verdict intercept(const void *self, struct nd_query *q)
{
	if (!eligible(self, q) || q->depth == ND_QUERY_DEPTH_MAX)
		return ND_NEXT;
	return nd_query_ask(q, nd_query_name_asked(q), ND_TYPE_AAAA, ND_ASK_BELOW, on_aaaa);
}

/* --- setting up --- */

static int read_prefix(struct dns64 *d, struct nd_setup *s, const struct nd_conf_line *line,
		       const char *text)
{
	if (nd_synthesis_parse_prefix(text, &d->prefix) == 0)
		return 0;
	return nd_setup_invalid(s, line, "prefix", text,
				"an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits, like "
				"\"64:ff9b::/96\"");
}

/* One line of the block. CoreDNS reads words, not lines: several options may follow each other. */
static int read_options(void *self, const struct nd_conf_line *line, void *ctx)
{
	struct dns64 *d = self;
	struct nd_setup *s = ctx;
	const char *word = line->name;
	size_t at = 0;
	int err = 0;

	if (line->has_block)
		return nd_setup_error(s, line, "\"%s\" takes no block; remove it", line->name);
	while (!err && word) {
		if (strcmp(word, "translate_all") == 0)
			d->translate_all = true;
		else if (strcmp(word, "allow_ipv4") == 0)
			d->allow_ipv4 = true;
		else if (strcmp(word, "prefix") != 0)
			err = nd_setup_invalid(s, line, "option", word,
					       "prefix, translate_all or allow_ipv4");
		else if (at == line->nargs)
			err = nd_setup_error(s, line, "\"prefix\" takes 1 argument, 0 given");
		else
			err = read_prefix(d, s, line, line->args[at++]);
		word = at < line->nargs ? line->args[at++] : NULL;
	}
	return err;
}

/* After a PREFIX on the directive's line CoreDNS reads the lines of the block as further
 * directives: one with an argument sets the prefix, whatever its first word, others do nothing. */
static int read_lines_after_prefix(struct dns64 *d, struct nd_setup *s)
{
	int err = 0;

	for (size_t i = 0; !err && i < s->directive->nblock; i++) {
		const struct nd_conf_line *line = &s->directive->block[i];
		err = nd_settings_args(line, "dns64", 0, 1, s->diag);
		if (!err && line->nargs)
			err = read_prefix(d, s, line, line->args[0]);
		else if (!err)
			nd_log_warning("dns64",
				       "%s:%u: \"%s\" has no effect after a prefix on the line of "
				       "dns64, as with CoreDNS; put \"prefix\" into the block",
				       line->file, line->line, line->name);
	}
	return err;
}

static int setup(void *self, const struct nd_conf_line *directive, struct nd_setup *s)
{
	struct dns64 *d = self;
	int err = nd_settings_args(directive, "dns64", 0, 1, s->diag);

	d->gen = s->gen;
	if (!err && d->prefix.bits == 0)
		err = nd_synthesis_parse_prefix("64:ff9b::/96", &d->prefix);
	if (err)
		return err;
	if (directive->nargs == 0)
		return nd_setup_settings(s, read_options, false);
	err = read_prefix(d, s, directive, directive->args[0]);
	return err ? err : read_lines_after_prefix(d, s);
}

static void collect(void *ctx, struct nd_metric_out *out)
{
	static const char *const labels[] = { "server", NULL };
	static const struct nd_metric_family family =
		ND_COUNTER("coredns_dns64_requests_translated_total",
			   "Counter of DNS requests translated by dns64.", labels);
	const struct dns64 *d = ctx;

	for (size_t i = 0; i < d->gen->nendpoints; i++) {
		uint64_t n = d->tally[i] ? nd_tally_sum(d->tally[i], 0) : 0;
		if (n)
			nd_metric_emit(out, &family, &d->gen->endpoints[i].label, (double)n);
	}
}

static int start(void *self, struct nd_setup *s)
{
	struct dns64 *d = self;

	d->tally = nd_tally_by_endpoint(s, "dns64", "", 1);
	if (!d->tally)
		return ND_ELIMIT;
	nd_setup_collect(s, collect, d);
	return 0;
}

static const struct nd_setting settings[] = {
	ND_SET_OWN_ROW("prefix", "PREFIX of the addresses that are made (64:ff9b::/96)"),
	ND_SET_OWN_ROW("translate_all", "names with AAAA records too"),
	ND_SET_OWN_ROW("allow_ipv4", "for clients over IPv4 too"),
	{ 0 },
};

const struct nd_plugin nd_plugin_dns64 = {
	.name = "dns64",
	.repeat = ND_REPEAT_MERGE, /* as in CoreDNS, the last prefix wins */
	.self_size = sizeof(struct dns64),
	.query_size = sizeof(struct state),
	.settings = settings,
	.setup = setup,
	.start = start,
	.query = intercept,
};
