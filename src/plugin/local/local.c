/* SPDX-License-Identifier: Apache-2.0 */
/* local - answers localhost names and the reverse zones of loopback addresses (RFC 6303 s4.1, RFC
 * 6761 s6.3; CoreDNS's local). */
#include <string.h>
#include "base/log.h"
#include "core/gen.h"
#include "core/query.h"
#include "core/worker.h"

enum { TTL = 604800 };

struct local {
	bool prefix_off; /* `localhost_prefix off` */
	struct nd_tally *tally;
};

/* Wire names; the last NUL is the root. */
static const uint8_t localhost[] = "\11localhost";
/* Serial 1, minimum TTL; without the NUL at the end. */
static const uint8_t soa[] = "\11localhost\0\4root\11localhost\0"
			     "\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\x09\x3a\x80";
static const uint8_t one[] = "\1"
			     "1"
			     "\1"
			     "0"
			     "\1"
			     "0"
			     "\3"
			     "127\7in-addr\4arpa";
static const char *const zones[] = { "\11localhost",
				     "\1"
				     "0\7in-addr\4arpa",
				     "\3"
				     "127\7in-addr\4arpa",
				     "\3"
				     "255\7in-addr\4arpa" };

/* --- records --- */

static void add(struct nd_query *q, enum nd_section section, struct nd_name owner, uint16_t type,
		const void *rdata, size_t n)
{
	q->ans.w.exact = true; /* "LocalHost. NS" has the target "localhost." */
	nd_answer_rr(q, section, owner, type, ND_CLASS_IN, TTL, rdata, n);
}

static void add_soa(struct nd_query *q, enum nd_section section, struct nd_name owner)
{
	add(q, section, owner, ND_TYPE_SOA, soa, sizeof soa - 1);
}

/* The loopback address of the type asked. False: it is not an address type. */
static bool add_address(struct nd_query *q, struct nd_name owner)
{
	static const uint8_t v4[4] = { 127, 0, 0, 1 }, v6[16] = { [15] = 1 };

	if (q->msg.qtype == ND_TYPE_A)
		add(q, ND_SECTION_ANSWER, owner, ND_TYPE_A, v4, sizeof v4);
	else if (q->msg.qtype == ND_TYPE_AAAA)
		add(q, ND_SECTION_ANSWER, owner, ND_TYPE_AAAA, v6, sizeof v6);
	else
		return false;
	return true;
}

/* --- answers; names in the client's letters --- */

static void answer_apex(struct nd_query *q, struct nd_name zone)
{
	if (q->msg.qtype == ND_TYPE_SOA)
		add_soa(q, ND_SECTION_ANSWER, zone);
	else if (q->msg.qtype == ND_TYPE_NS)
		add(q, ND_SECTION_ANSWER, zone, ND_TYPE_NS, localhost, sizeof localhost);
	else if (zone.len != sizeof localhost || !add_address(q, zone))
		add_soa(q, ND_SECTION_AUTHORITY, zone);
}

static void answer_below(struct nd_query *q, struct nd_name asked, struct nd_name zone)
{
	bool exists = nd_name_same(q->msg.qname, nd_name_view(one));

	if (exists && q->msg.qtype == ND_TYPE_PTR) {
		add(q, ND_SECTION_ANSWER, asked, ND_TYPE_PTR, localhost, sizeof localhost);
		return;
	}
	add_soa(q, ND_SECTION_AUTHORITY, zone);
	q->rcode = exists ? ND_RCODE_NOERROR : ND_RCODE_NXDOMAIN;
}

/* NAME.localhost, and localhost.NAME: a client's search list was applied to "localhost". */
static bool is_localhost(const struct local *l, struct nd_name lower)
{
	struct nd_name apex = nd_name_view(localhost);

	if (lower.labels < 2)
		return false;
	return nd_name_under_lower(lower, apex) ||
	       (!l->prefix_off && memcmp(lower.wire, localhost, sizeof localhost - 1) == 0);
}

static void answer_localhost(const struct local *l, struct nd_query *q, struct nd_name asked)
{
	char name[ND_NAME_TEXT_MAX], type[ND_NUMBER_TEXT_MAX], ip[ND_ADDR_TEXT_MAX];

	nd_metric_add(nd_tally_cells(l->tally, q->worker->id), 1);
	if (nd_log_is_debug()) {
		nd_name_format(q->msg.qname, name);
		nd_addr_format_ip(&q->client.peer, ip);
		nd_log_debug("local", "Intercepting localhost query for \"%s\" %s, from %s", name,
			     nd_type_text(q->msg.qtype, type), ip);
	}
	if (!add_address(q, asked))
		add_soa(q, ND_SECTION_AUTHORITY, asked);
}

static enum nd_verdict answer(const void *self, struct nd_query *q)
{
	const struct local *l = self;
	struct nd_name lower = q->msg.qname, asked = nd_query_name_asked(q);

	if (is_localhost(l, lower)) {
		answer_localhost(l, q, asked);
		return ND_DONE;
	}
	for (size_t i = 0; i < ND_COUNT(zones); i++) {
		struct nd_name zone = nd_name_view((const uint8_t *)zones[i]);
		if (!nd_name_under_lower(lower, zone))
			continue;
		if (lower.len == zone.len)
			answer_apex(q, asked);
		else
			answer_below(q, asked, nd_name_parent(asked, lower.labels - zone.labels));
		return ND_DONE;
	}
	return ND_NEXT;
}

/* --- setting up --- */

static const struct nd_setting settings[] = {
	ND_SET_OWN_ROW("localhost_prefix", "on|off"),
	{ 0 },
};

static int own(void *self, const struct nd_conf_line *l, void *ctx)
{
	struct local *local = self;
	int err = nd_settings_args(l, "local", 1, 1, ((struct nd_setup *)ctx)->diag);

	if (err)
		return err;
	if (strcmp(l->args[0], "on") != 0 && strcmp(l->args[0], "off") != 0)
		return nd_setup_invalid(ctx, l, "localhost_prefix", l->args[0], "on or off");
	local->prefix_off = strcmp(l->args[0], "off") == 0;
	return 0;
}

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	(void)self;
	int err = nd_settings_args(d, "local", 0, 0, s->diag);
	return err ? err : nd_setup_settings(s, own, false);
}

static void collect(void *ctx, struct nd_metric_out *out)
{
	static const struct nd_metric_family f =
		ND_COUNTER("coredns_local_localhost_requests_total",
			   "Counter of special localhost subdomain requests.", NULL);
	const struct local *l = ctx;

	nd_metric_emit(out, &f, NULL, (double)nd_tally_sum(l->tally, 0));
}

/* One counter for all blocks: the first of them reports it. */
static int start(void *self, struct nd_setup *s)
{
	struct local *l = self;
	bool first = true;

	l->tally = nd_tally_get(s, "local", "", 1);
	if (!l->tally)
		return ND_ELIMIT;
	for (size_t i = 0; i < s->gen->ninstances && s->gen->instances[i].self != self; i++)
		first = first && s->gen->instances[i].plugin != s->plugin;
	if (first)
		nd_setup_collect(s, collect, l);
	return 0;
}

const struct nd_plugin nd_plugin_local = {
	.name = "local",
	.repeat = ND_REPEAT_MERGE,
	.self_size = sizeof(struct local),
	.settings = settings,
	.setup = setup,
	.start = start,
	.query = answer,
};
