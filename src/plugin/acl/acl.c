/* SPDX-License-Identifier: Apache-2.0 */
/* acl - allows or refuses queries by the client's address and the type asked (CoreDNS's acl). */
#include <string.h>
#include "core/gen.h"
#include "core/query.h"
#include "core/worker.h"
#include "plugin/acl/policy.h"

/* Extended DNS errors, RFC 8914 s4.16 and s4.18. */
enum { EDE_BLOCKED = 15, EDE_FILTERED = 17 };

struct rule {
	const struct nd_name *zones;
	const char **zone_text; /* by zone, for the label */
	size_t nzones;
	uint32_t cell; /* of its first zone; ND_POLICY_COUNTED for each */
	const struct nd_policy *policies;
	size_t npolicies;
};

/* Cells of an endpoint: the queries allowed, then what each zone of each rule refused. */
enum { AT_ALLOWED, AT_ZONES };

struct acl {
	struct rule *rules; /* one per directive, in order */
	size_t nrules;
	uint32_t ncells;
	struct nd_tally **tally; /* by endpoint */
	struct nd_gen *gen;
	const struct nd_block *block;
};

/* --- queries --- */

static void count(const struct acl *a, const struct nd_query *q, uint32_t cell)
{
	nd_metric_add(&nd_tally_cells(a->tally[q->endpoint->index], q->worker->id)[cell], 1);
}

/* As in CoreDNS the reply is empty, and has an OPT with DO even for a client without EDNS. */
static enum nd_verdict reply_empty(struct nd_query *q, uint16_t rcode, uint16_t ede)
{
	q->rcode = rcode;
	nd_answer_set_ede(q, ede, NULL);
	return ND_DONE;
}

static enum nd_verdict refuse(struct nd_query *q, enum nd_policy_action action)
{
	switch (action) {
	case ND_POLICY_BLOCK: return reply_empty(q, ND_RCODE_REFUSED, EDE_BLOCKED);
	case ND_POLICY_FILTER: return reply_empty(q, ND_RCODE_NOERROR, EDE_FILTERED);
	default: return ND_DROP;
	}
}

/* The first rule of which a policy matches decides; none: allowed. */
static enum nd_verdict check(const void *self, struct nd_query *q)
{
	const struct acl *a = self;

	for (const struct rule *r = a->rules; r < a->rules + a->nrules; r++) {
		const struct nd_name *zone = nd_setup_zone_match(r->zones, r->nzones, q->msg.qname);
		if (!zone)
			continue;
		enum nd_policy_action action = nd_policy_match(r->policies, r->npolicies,
							       &q->client.peer, q->msg.qtype);
		if (action == ND_POLICY_NONE)
			continue;
		if (action == ND_POLICY_ALLOW)
			break;
		count(a, q,
		      r->cell + (uint32_t)(zone - r->zones) * ND_POLICY_COUNTED + (uint32_t)action);
		return refuse(q, action);
	}
	count(a, q, AT_ALLOWED);
	return ND_NEXT;
}

/* --- metrics --- */

static const char *const by_zone[] = { "server", "zone", "view", NULL };
static const char *const by_server[] = { "server", "view", NULL };
static const struct nd_metric_family
	allowed_family = ND_COUNTER("coredns_acl_allowed_requests_total",
				    "Counter of DNS requests being allowed.", by_server),
	refused_family[ND_POLICY_COUNTED] = {
		[ND_POLICY_BLOCK] = ND_COUNTER("coredns_acl_blocked_requests_total",
					       "Counter of DNS requests being blocked.", by_zone),
		[ND_POLICY_FILTER] = ND_COUNTER("coredns_acl_filtered_requests_total",
						"Counter of DNS requests being filtered.", by_zone),
		[ND_POLICY_DROP] = ND_COUNTER("coredns_acl_dropped_requests_total",
					      "Counter of DNS requests being dropped.", by_zone),
	};

static void emit(struct nd_metric_out *out, const struct nd_metric_family *f,
		 const char *const *values, uint64_t n)
{
	if (n)
		nd_metric_emit(out, f, values, (double)n);
}

static void emit_rule(struct nd_metric_out *out, const struct rule *r, const struct nd_tally *t,
		      const char *server, const char *view)
{
	for (uint32_t z = 0; z < r->nzones; z++)
		for (uint32_t i = 0; i < ND_POLICY_COUNTED; i++)
			emit(out, &refused_family[i],
			     (const char *const[]){ server, r->zone_text[z], view },
			     nd_tally_sum(t, r->cell + z * ND_POLICY_COUNTED + i));
}

static void collect(void *ctx, struct nd_metric_out *out)
{
	const struct acl *a = ctx;

	for (size_t e = 0; e < a->gen->nendpoints; e++) {
		const char *server = a->gen->endpoints[e].label, *view = a->block->view;
		if (!a->tally[e])
			continue;
		emit(out, &allowed_family, (const char *const[]){ server, view },
		     nd_tally_sum(a->tally[e], AT_ALLOWED));
		for (size_t i = 0; i < a->nrules; i++)
			emit_rule(out, &a->rules[i], a->tally[e], server, view);
	}
}

/* --- setting up --- */

static int read_rule(struct nd_setup *s, const struct nd_conf_line *d, struct rule *r)
{
	struct nd_name *zones;
	int err = nd_setup_zones(s, d->args, d->nargs, &zones, &r->nzones);

	if (err)
		return err;
	r->zones = zones;
	r->zone_text = nd_arena_array(s->arena, r->nzones, sizeof *r->zone_text);
	if (!r->zone_text)
		return ND_ELIMIT;
	for (size_t i = 0; i < r->nzones; i++)
		r->zone_text[i] = nd_setup_zones_text(s, &zones[i], 1);
	return nd_policy_read(s, d, &r->policies, &r->npolicies);
}

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct acl *a = self;
	struct rule *rules = nd_arena_array(s->arena, a->nrules + 1, sizeof *rules);

	if (!rules)
		return ND_ELIMIT;
	if (a->nrules)
		memcpy(rules, a->rules, a->nrules * sizeof *rules);
	else
		a->ncells = AT_ZONES;
	struct rule *r = &rules[a->nrules];
	int err = read_rule(s, d, r);
	if (err)
		return err;
	r->cell = a->ncells;
	a->ncells += (uint32_t)r->nzones * ND_POLICY_COUNTED;
	a->rules = rules;
	a->nrules++;
	a->gen = s->gen;
	a->block = s->block;
	return 0;
}

/* The zones of all rules, which name the counters across a reload. */
static const char *zones_key(const struct acl *a, struct nd_setup *s)
{
	const char *key = "";

	for (size_t i = 0; key && i < a->nrules; i++)
		key = nd_arena_printf(s->arena, "%s %s", key,
				      nd_setup_zones_text(s, a->rules[i].zones,
							  a->rules[i].nzones));
	return key;
}

static int start(void *self, struct nd_setup *s)
{
	struct acl *a = self;
	const char *key = zones_key(a, s);

	a->tally = key ? nd_tally_by_endpoint(s, "acl", key, a->ncells) : NULL;
	if (!a->tally)
		return ND_ELIMIT;
	nd_setup_collect(s, collect, a);
	return 0;
}

const struct nd_plugin nd_plugin_acl = {
	.name = "acl",
	.repeat = ND_REPEAT_MERGE,
	.self_size = sizeof(struct acl),
	.setup = setup,
	.start = start,
	.query = check,
};
