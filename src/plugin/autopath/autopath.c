/* SPDX-License-Identifier: Apache-2.0 */
/* autopath - walks the client's search list on the server, in one query (CoreDNS's autopath). */
#include <string.h>
#include "core/gen.h"
#include "core/offer.h"
#include "core/query.h"
#include "core/worker.h"
#include "io/file.h"

struct autopath {
	struct nd_name *zones;
	size_t nzones;
	/* One of the two: search lists from a plugin, per client, or one from a file. */
	const char *provider;
	const struct nd_offer *offer;
	const void *provider_self;
	struct nd_name *search; /* ends with the root */
	size_t nsearch;
	struct nd_tally **tally; /* by endpoint: successful walks */
	struct nd_gen *gen;
};

/* State of one walk. */
struct state {
	struct nd_name base; /* the name without the first domain, in the query's case */
	struct nd_name_buf base_buf;
	struct nd_name *domain;
	size_t n, at;
};

/* --- the walk --- */

static enum nd_verdict ask_next(struct nd_query *q, struct state *st);

/* CoreDNS's cnamer: a CNAME from the name the client asked to the name that was found. */
static int add_cname(struct nd_query *q, const struct nd_query *child)
{
	const struct nd_answer *a = &child->ans;
	struct nd_name asked = nd_name_view(q->ans.w.base + ND_MSG_HEADER), owner;
	struct nd_name_buf buf;

	for (unsigned i = 0; i < a->n && a->record[i].section == ND_SECTION_ANSWER; i++) {
		struct nd_reader r = nd_reader_over(a->w.base, a->w.pos);
		r.pos += a->record[i].owner;
		if (nd_name_read(&r, false, &buf, &owner) || nd_name_equal(owner, asked))
			continue;
		return nd_answer_rr(q, ND_SECTION_ANSWER, asked, ND_TYPE_CNAME, ND_CLASS_IN,
				    nd_answer_ttl(a, &a->record[i]), owner.wire, owner.len);
	}
	return 0;
}

static void take(struct nd_query *q, const struct nd_query *child, bool cname)
{
	nd_answer_reset(q);
	/* Domains keep the configuration's case, whatever the query's is. */
	q->ans.w.exact = true;
	int err = cname ? add_cname(q, child) : 0;
	err = nd_answer_take(q, child) || err;
	if (err)
		q->ans.flags |= ND_FLAG_TC;
}

static enum nd_verdict on_reply(const void *self, struct nd_query *q, struct nd_query *child)
{
	const struct autopath *ap = self;
	struct state *st = nd_query_state(q);

	if (child->drop)
		return ND_DROP;
	if (child->failed && child->error) { /* an internal error ends the walk */
		take(q, child, false);
		return ND_DONE;
	}
	bool found = !child->failed && child->rcode != ND_RCODE_NXDOMAIN;
	if (found || st->at == 1) /* the first reply is used if no other is found */
		take(q, child, found);
	if (found) {
		nd_metric_add(nd_tally_cells(ap->tally[q->endpoint->index], q->worker->id), 1);
		return ND_DONE;
	}
	return ask_next(q, st);
}

static enum nd_verdict ask_next(struct nd_query *q, struct state *st)
{
	while (st->at < st->n) {
		struct nd_name_buf buf;
		struct nd_name name;
		if (nd_name_join(st->base, st->domain[st->at++], &buf, &name))
			continue; /* longer than a name can be: it does not exist */
		return nd_query_ask(q, name, q->msg.qtype, ND_ASK_BELOW, on_reply);
	}
	return ND_DONE;
}

/* --- queries --- */

static bool keep(struct nd_query *q, struct state *st, const struct nd_name *domain, size_t n)
{
	size_t size = n * sizeof *domain;

	for (size_t i = 0; i < n; i++)
		size += domain[i].len;
	st->domain = nd_query_alloc(q, size);
	if (!st->domain)
		return false;
	uint8_t *at = (uint8_t *)(st->domain + n);
	for (size_t i = 0; i < n; i++) {
		st->domain[i] = domain[i];
		st->domain[i].wire = memcpy(at, domain[i].wire, domain[i].len);
		at += domain[i].len;
	}
	st->n = n;
	return true;
}

/* Copies the labels of the name before the first domain. */
static void set_base(struct nd_query *q, struct state *st, struct nd_name domain)
{
	struct nd_name asked = nd_name_view(q->ans.w.base + ND_MSG_HEADER);
	size_t len = (size_t)(asked.len - domain.len);

	memcpy(st->base_buf.bytes, asked.wire, len);
	st->base_buf.bytes[len] = 0;
	st->base = nd_name_view(st->base_buf.bytes);
}

static enum nd_verdict walk(const void *self, struct nd_query *q)
{
	const struct autopath *ap = self;
	struct nd_offer_search found;
	const struct nd_name *domain = ap->search;
	size_t n = ap->nsearch;

	if (!nd_setup_zone_match(ap->zones, ap->nzones, q->msg.qname))
		return ND_NEXT;
	if (ap->offer) {
		if (!ap->offer->search(ap->provider_self, q, &found))
			return ND_NEXT;
		domain = found.domain;
		n = found.n;
	}
	/* The domain itself was not searched for. (CoreDNS fails here: "overshot qname".) */
	if (n == 0 || !nd_name_under_lower(q->msg.qname, domain[0]) ||
	    q->msg.qname.labels == domain[0].labels)
		return ND_NEXT;
	struct state *st = nd_query_state(q);
	if (!st || !keep(q, st, domain, n))
		return nd_query_fail(q, ND_RCODE_SERVFAIL, "out of memory");
	set_base(q, st, domain[0]);
	return ask_next(q, st);
}

/* --- setup --- */

static int read_file(struct autopath *ap, struct nd_setup *s, const char *path)
{
	struct nd_name *domains;
	size_t n;

	if (!nd_file_stamp(path).exists)
		return nd_setup_error(s, NULL,
				      "\"%s\" cannot be read; give a resolv.conf, or @PLUGIN",
				      path);
	int err = nd_setup_search(s, path, &domains, &n);
	ap->search = err ? NULL : nd_arena_array(s->arena, n + 1, sizeof *ap->search);
	if (!ap->search)
		return ND_ELIMIT;
	if (n)
		memcpy(ap->search, domains, n * sizeof *domains);
	ap->search[n] = nd_name_root;
	ap->nsearch = n + 1;
	return 0;
}

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct autopath *ap = self;

	if (d->nargs == 0)
		return nd_setup_error(s, NULL,
				      "no resolv-conf specified; give its path, or @PLUGIN");
	if (d->has_block)
		return nd_setup_error(s, NULL, "takes no block; remove it");
	const char *last = d->args[d->nargs - 1];
	if (last[0] == '@')
		ap->provider = nd_arena_string(s->arena, last + 1);
	else if (read_file(ap, s, last))
		return s->diag->set ? ND_ECONF : ND_ELIMIT;
	ap->gen = s->gen;
	return nd_setup_zones(s, d->args, d->nargs - 1, &ap->zones, &ap->nzones);
}

static void collect(void *ctx, struct nd_metric_out *out)
{
	static const char *const labels[] = { "server", NULL };
	static const struct nd_metric_family family =
		ND_COUNTER("coredns_autopath_success_total",
			   "Counter of requests that did autopath.", labels);
	const struct autopath *ap = ctx;

	for (size_t i = 0; i < ap->gen->nendpoints; i++) {
		uint64_t n = ap->tally[i] ? nd_tally_sum(ap->tally[i], 0) : 0;
		if (n)
			nd_metric_emit(out, &family, &ap->gen->endpoints[i].label, (double)n);
	}
}

/* All plugins of the block are set up already. */
static int start(void *self, struct nd_setup *s)
{
	struct autopath *ap = self;
	const struct nd_plugin *p = ap->provider
					    ? nd_offer_find(s, ap->provider, &ap->provider_self)
					    : NULL;

	if (p && (!p->offer || !p->offer->search))
		return nd_setup_error(s, NULL,
				      "plugin %s has no search lists; give @kubernetes, or "
				      "a resolv.conf",
				      ap->provider);
	ap->offer = p ? p->offer : NULL;
	ap->tally = nd_tally_by_endpoint(s, "autopath", "", 1);
	if (!ap->tally)
		return ND_ELIMIT;
	nd_setup_collect(s, collect, ap);
	return 0;
}

const struct nd_plugin nd_plugin_autopath = {
	.name = "autopath",
	.repeat = ND_REPEAT_MERGE, /* as in CoreDNS, the last of several wins */
	.self_size = sizeof(struct autopath),
	.query_size = sizeof(struct state),
	.setup = setup,
	.start = start,
	.query = walk,
};
