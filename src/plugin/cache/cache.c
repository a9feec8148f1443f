/* SPDX-License-Identifier: Apache-2.0 */
/* cache - keeps answers in the form in which they are sent (CoreDNS's cache, 1.15). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/gen.h"
#include "core/worker.h"
#include "io/clock.h"
#include "plugin/cache/cache_unsupported.h"
#include "plugin/cache/classify.h"
#include "plugin/cache/store.h"

struct limits {
	uint32_t capacity, ttl_max_s, ttl_min_s;
	struct nd_name *off; /* `disable`: zones whose answers of this kind are not stored */
	size_t noff;
};

struct cache {
	struct limits success, denial;
	int64_t servfail_ns;
	bool keepttl;
	struct nd_name *zones;
	size_t nzones;
	bool everything; /* the zones include the root */
	struct nd_store *store;
	struct nd_tally **tally; /* by endpoint */
	const char *zones_text;
	struct nd_gen *gen;
	struct nd_block *block;
};

/* Cells of a tally. */
enum { REQUESTS, HIT_SUCCESS, HIT_DENIAL, MISSES, EVICTED_SUCCESS, EVICTED_DENIAL, DROPS, CELLS };

struct state {
	uint64_t hash;
	uint8_t flags;
};

/* --- answering --- */

static nd_metric_cell *cells(const struct cache *c, const struct nd_query *q)
{
	return nd_tally_cells(c->tally[q->endpoint->index], q->worker->id);
}

/* More records than the stored index holds: their offsets are found by walking the body. */
static void index_body(struct nd_query *q, const struct nd_store_head *h)
{
	struct nd_answer *a = &q->ans;
	struct nd_msg m = { .base = a->w.base,
			    .len = (uint16_t)a->w.pos,
			    .question_end = a->body,
			    .count = { 1, h->count[0], h->count[1], h->count[2] } };
	struct nd_rr_iter iter = nd_rr_iter_over(&m);
	struct nd_rr rr;

	while (a->n < a->max && nd_rr_next(&iter, &rr))
		a->record[a->n++] = (struct nd_record){ .owner = rr.owner,
							.type = rr.type,
							.ttl_at = rr.ttl_at,
							.rdata = rr.rdata,
							.rdata_len = rr.rdata_len,
							.section = (uint8_t)rr.section };
}

static void use_hit(const struct cache *c, struct nd_query *q, const struct nd_store_head *h)
{
	struct nd_answer *a = &q->ans;
	uint32_t ttl = h->ttl_s;

	if (!c->keepttl && q->worker->now_ns > h->stored_ns)
		ttl -= (uint32_t)((q->worker->now_ns - h->stored_ns) / ND_NS_PER_S);
	a->w.pos = a->body + (size_t)h->body_len;
	a->count[0] = h->count[0];
	a->count[1] = h->count[1];
	a->count[2] = h->count[2];
	a->n = h->indexed;
	if (ND_UNLIKELY(h->n > ND_STORE_INDEXED))
		index_body(q, h);
	for (unsigned i = 0; i < a->n; i++)
		nd_answer_set_ttl(a, &a->record[i], ttl);
	q->rcode = h->rcode;
	a->flags = h->flags;
	if (!q->msg.edns.dnssec_ok && !(q->msg.flags & ND_FLAG_AD))
		a->flags &= (uint16_t)~ND_FLAG_AD; /* RFC 6840 s5.7 */
}

static enum nd_verdict answer(const void *self, struct nd_query *q)
{
	const struct cache *c = self;
	struct nd_store_head h;

	if (nd_msg_opcode(&q->msg) != ND_OPCODE_QUERY)
		return ND_NEXT;
	if (ND_UNLIKELY(!c->everything) && !nd_setup_zone_match(c->zones, c->nzones, q->msg.qname))
		return ND_NEXT;

	uint8_t flags = (q->msg.edns.dnssec_ok ? ND_STORE_DO : 0) |
			(q->msg.flags & ND_FLAG_CD ? ND_STORE_CD : 0);
	struct nd_store_key key = nd_store_key(c->store, q->msg.qname, q->msg.qtype, q->msg.qclass,
					       flags);
	nd_metric_cell *n = cells(c, q);
	nd_metric_add(&n[REQUESTS], 1);
	struct nd_answer *a = &q->ans;
	if (nd_store_find(c->store, &key, q->worker->now_ns, a->w.base + a->body,
			  a->w.cap - a->body, a->record, &h)) {
		nd_metric_add(&n[h.kind == ND_STORE_SUCCESS ? HIT_SUCCESS : HIT_DENIAL], 1);
		use_hit(c, q, &h);
		return ND_DONE;
	}
	nd_metric_add(&n[MISSES], 1);
	struct state *s = nd_query_state(q);
	if (s) {
		s->hash = key.hash;
		s->flags = flags;
		nd_query_want_reply(q);
	}
	return ND_NEXT;
}

/* --- storing --- */

/* CoreDNS's dnsutil.MinimalTTL: 5 s without records, and for kinds that are not answers. */
static uint32_t smallest_ttl(const struct nd_answer *a, struct nd_classify what, uint32_t max)
{
	if (what.kind == ND_CLASSIFY_FAILURE || what.kind == ND_CLASSIFY_OTHER || what.delegation ||
	    a->n == 0)
		return 5;
	for (unsigned i = 0; i < a->n; i++) {
		uint32_t ttl = nd_answer_ttl(a, &a->record[i]);
		if (ttl < max)
			max = ttl;
	}
	return max;
}

static uint32_t bound(uint32_t ttl, const struct limits *l)
{
	if (ttl < l->ttl_min_s)
		ttl = l->ttl_min_s;
	return ttl > l->ttl_max_s ? l->ttl_max_s : ttl;
}

static void store(const struct cache *c, struct nd_query *q, const struct state *s,
		  struct nd_classify what, uint32_t ttl, bool bare)
{
	struct nd_answer *a = &q->ans;
	const struct limits *l = what.kind == ND_CLASSIFY_SUCCESS ? &c->success : &c->denial;
	struct nd_store_key key = { .hash = s->hash,
				    .name = q->msg.qname,
				    .qtype = q->msg.qtype,
				    .qclass = q->msg.qclass,
				    .flags = s->flags };
	struct nd_store_head h = { .ttl_s = ttl, .rcode = q->rcode, .body = a->body };

	if (l->noff && nd_setup_zone_match(l->off, l->noff, q->msg.qname))
		return;
	h.kind = what.kind == ND_CLASSIFY_SUCCESS   ? ND_STORE_SUCCESS
		 : what.kind == ND_CLASSIFY_FAILURE ? ND_STORE_FAILURE
						    : ND_STORE_DENIAL;
	if (!bare) {
		h.flags = a->flags & (ND_FLAG_AA | ND_FLAG_AD | ND_FLAG_RA);
		h.n = a->n;
		memcpy(h.count, a->count, sizeof h.count);
		if (a->w.pos - a->body > UINT16_MAX)
			return;
		h.body_len = (uint16_t)(a->w.pos - a->body);
	}
	enum nd_store_put did = nd_store_put(c->store, q->worker->id + 1u, &key, &h, a->record,
					     a->w.base + a->body, q->worker->now_ns);
	if (did == ND_STORE_EVICTED_SUCCESS)
		nd_metric_add(&cells(c, q)[EVICTED_SUCCESS], 1);
	else if (did == ND_STORE_EVICTED_DENIAL)
		nd_metric_add(&cells(c, q)[EVICTED_DENIAL], 1);
}

static void on_reply(const void *self, struct nd_query *q)
{
	const struct cache *c = self;
	const struct state *s = nd_query_state(q);
	struct nd_answer *a = &q->ans;
	uint32_t failure_s = (uint32_t)(c->servfail_ns / ND_NS_PER_S);

	if (q->drop || q->overload)
		return;
	if (q->failed) {
		/* There was no reply; equal queries within the time get the same answer (1.15). */
		if (q->rcode == ND_RCODE_SERVFAIL && failure_s)
			store(c, q, s, (struct nd_classify){ .kind = ND_CLASSIFY_FAILURE },
			      failure_s, true);
		return;
	}
	struct nd_classify what = nd_classify_answer(q);
	uint32_t ttl = failure_s;
	if (what.kind == ND_CLASSIFY_NODATA || what.kind == ND_CLASSIFY_NXDOMAIN)
		ttl = bound(smallest_ttl(a, what, c->denial.ttl_max_s), &c->denial);
	else if (what.kind != ND_CLASSIFY_FAILURE)
		ttl = bound(smallest_ttl(a, what, c->success.ttl_max_s), &c->success);
	/* All records get the TTL from which the cached answer counts down, in this reply too. */
	for (unsigned i = 0; i < a->n; i++)
		nd_answer_set_ttl(a, &a->record[i], ttl);
	if (what.keep && what.kind != ND_CLASSIFY_OTHER && ttl)
		store(c, q, s, what, ttl, false);
	if (!q->msg.edns.dnssec_ok && !(q->msg.flags & ND_FLAG_AD))
		a->flags &= (uint16_t)~ND_FLAG_AD;
}

/* --- setting up --- */

static int own_setting(void *self, const struct nd_conf_line *l, void *ctx);

static const struct nd_setting settings[] = {
	ND_SET_OWN_ROW("success", "CAPACITY [TTL] [MINTTL]: positive answers"),
	ND_SET_OWN_ROW("denial", "CAPACITY [TTL] [MINTTL]: NXDOMAIN and NODATA"),
	{ "servfail", ND_SET_DURATION, offsetof(struct cache, servfail_ns), 0, ND_S(300), ND_S(5),
	  "how long failures are kept; 0: not stored" },
	ND_SET_OWN_ROW("disable", "success|denial [ZONES...]: not stored"),
	{ "keepttl", ND_SET_FLAG, offsetof(struct cache, keepttl), 0, 0, 0,
	  "TTLs do not count down" },
	ND_SET_OWN_ROW("prefetch", "AMOUNT [DURATION] [PERCENTAGE%]"),
	ND_SET_OWN_ROW("serve_stale", "[DURATION] [immediate|verify ...]"),
	ND_SET_OWN_ROW("serve_stale_policy", "prefer_positive"),
	{ 0 },
};

static int read_number(struct nd_setup *s, const struct nd_conf_line *l, const char *text,
		       const char *what, uint64_t min, uint64_t max, uint32_t *out)
{
	uint64_t n;

	if (nd_settings_uint(text, max, &n) || n < min)
		return nd_setup_invalid(s, l, what, text, "%llu to %llu", (unsigned long long)min,
					(unsigned long long)max);
	*out = (uint32_t)n;
	return 0;
}

static int read_limits(struct nd_setup *s, const struct nd_conf_line *l, struct limits *to)
{
	if (l->nargs == 0)
		return nd_setup_error(s, l, "%s takes CAPACITY [TTL] [MINTTL]", l->name);
	/* "success capacity", "denial TTL", ... */
	char what[3][32];
	snprintf(what[0], sizeof what[0], "%s capacity", l->name);
	snprintf(what[1], sizeof what[1], "%s TTL", l->name);
	snprintf(what[2], sizeof what[2], "%s minimum TTL", l->name);
	int err = read_number(s, l, l->args[0], what[0], 0, ND_STORE_ENTRIES_MAX / 2,
			      &to->capacity);
	if (!err && l->nargs > 1)
		err = read_number(s, l, l->args[1], what[1], 1, INT32_MAX, &to->ttl_max_s);
	if (!err && l->nargs > 2)
		err = read_number(s, l, l->args[2], what[2], 0, INT32_MAX, &to->ttl_min_s);
	return err;
}

static int read_disable(struct nd_setup *s, struct cache *c, const struct nd_conf_line *l)
{
	static struct nd_name root[1];
	struct limits *to;

	if (l->nargs == 0)
		return nd_setup_error(s, l, "disable takes success|denial [ZONES...]");
	if (strcmp(l->args[0], "success") == 0)
		to = &c->success;
	else if (strcmp(l->args[0], "denial") == 0)
		to = &c->denial;
	else
		return nd_setup_invalid(s, l, "disable", l->args[0], "success or denial");
	if (l->nargs == 1) {
		root[0] = nd_name_root;
		to->off = root;
		to->noff = 1;
		return 0;
	}
	return nd_setup_zones(s, l->args + 1, l->nargs - 1, &to->off, &to->noff);
}

static int own_setting(void *self, const struct nd_conf_line *l, void *ctx)
{
	struct nd_setup *s = ctx;
	struct cache *c = self;

	if (strcmp(l->name, "success") == 0)
		return read_limits(s, l, &c->success);
	if (strcmp(l->name, "denial") == 0)
		return read_limits(s, l, &c->denial);
	if (strcmp(l->name, "disable") == 0)
		return read_disable(s, c, l);
	return nd_cache_unsupported_refuse(s, l);
}

static void *make_store(void *ctx)
{
	struct nd_setup *s = ctx;
	const struct cache *c = s->self;

	return nd_store_new((size_t)c->success.capacity + c->denial.capacity,
			    nd_setup_fingerprint(s));
}

static void unmake_store(void *object)
{
	nd_store_free(object);
}

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct cache *c = self;
	const char *const *args = d->args;
	size_t n = d->nargs;
	uint32_t ttl = 0;

	c->success = (struct limits){ .capacity = 9984, .ttl_max_s = 3600, .ttl_min_s = 5 };
	c->denial = (struct limits){ .capacity = 9984, .ttl_max_s = 1800, .ttl_min_s = 5 };
	if (n && strspn(args[0], "+-0123456789") == strlen(args[0])) {
		int err = read_number(s, d, args[0], "TTL", 1, INT32_MAX, &ttl);
		if (err)
			return err;
		c->success.ttl_max_s = c->denial.ttl_max_s = ttl;
		args++;
		n--;
	}
	int err = nd_setup_zones(s, args, n, &c->zones, &c->nzones);
	if (!err)
		err = nd_setup_settings(s, own_setting, false);
	if (err)
		return err;
	for (size_t i = 0; i < c->nzones; i++)
		c->everything |= nd_name_is_root(c->zones[i]);
	if (c->success.capacity < 1024) /* as in CoreDNS: four in each of its shards */
		c->success.capacity = 1024;
	if (c->denial.capacity < 1024)
		c->denial.capacity = 1024;
	c->zones_text = nd_setup_zones_text(s, c->zones, c->nzones);
	c->block = s->block;
	c->gen = s->gen;

	struct {
		uint64_t view, success, denial;
	} id = { nd_setup_fingerprint(s), c->success.capacity, c->denial.capacity };
	c->store = nd_setup_share(s, "cache", &id, sizeof id, make_store, s, unmake_store);
	return c->store
		       ? 0
		       : nd_setup_error(s, NULL,
					"out of memory: no room for %u answers; lower the capacities",
					c->success.capacity + c->denial.capacity);
}

/* --- metrics --- */

static const char *const typed[] = { "server", "type", "zones", "view", NULL };
static const char *const untyped[] = { "server", "zones", "view", NULL };
static const struct nd_metric_family
	entries_family = ND_GAUGE("coredns_cache_entries", "The number of elements in the cache.",
				  typed),
	requests_family = ND_COUNTER("coredns_cache_requests_total", "The count of cache requests.",
				     untyped),
	hits_family = ND_COUNTER("coredns_cache_hits_total", "The count of cache hits.", typed),
	misses_family = ND_COUNTER(
		"coredns_cache_misses_total",
		"The count of cache misses. Deprecated, derive misses from cache hits/requests counters.",
		untyped),
	evictions_family = ND_COUNTER("coredns_cache_evictions_total",
				      "The count of cache evictions.", typed);

static void emit(struct nd_metric_out *out, const struct nd_metric_family *f, const char *server,
		 const char *type, const char *zones, uint64_t n)
{
	const char *values[] = { server, type ? type : zones, type ? zones : "", "" };

	if (n)
		nd_metric_emit(out, f, values, (double)n);
}

static void collect(void *ctx, struct nd_metric_out *out)
{
	const struct cache *c = ctx;
	uint64_t success, denial;

	nd_store_count(c->store, nd_clock_now_ns(), &success, &denial);
	for (size_t i = 0; i < c->gen->nendpoints; i++) {
		const struct nd_tally *t = c->tally[i];
		if (!t)
			continue;
		const char *server = c->gen->endpoints[i].label, *z = c->zones_text;
		const char *values[] = { server, "success", z, "" };
		nd_metric_emit(out, &entries_family, values, (double)success);
		values[1] = "denial";
		nd_metric_emit(out, &entries_family, values, (double)denial);
		emit(out, &requests_family, server, NULL, z, nd_tally_sum(t, REQUESTS));
		emit(out, &misses_family, server, NULL, z, nd_tally_sum(t, MISSES));
		emit(out, &hits_family, server, "success", z, nd_tally_sum(t, HIT_SUCCESS));
		emit(out, &hits_family, server, "denial", z, nd_tally_sum(t, HIT_DENIAL));
		emit(out, &evictions_family, server, "success", z,
		     nd_tally_sum(t, EVICTED_SUCCESS));
		emit(out, &evictions_family, server, "denial", z, nd_tally_sum(t, EVICTED_DENIAL));
	}
}

static int start(void *self, struct nd_setup *s)
{
	struct cache *c = self;

	c->tally = nd_tally_by_endpoint(s, "cache", c->zones_text, CELLS);
	if (!c->tally)
		return ND_ELIMIT;
	nd_setup_collect(s, collect, c);
	return 0;
}

const struct nd_plugin nd_plugin_cache = {
	.name = "cache",
	.repeat = ND_REPEAT_REFUSE,
	.self_size = sizeof(struct cache),
	.query_size = sizeof(struct state),
	.settings = settings,
	.setup = setup,
	.start = start,
	.query = answer,
	.reply = on_reply,
};
