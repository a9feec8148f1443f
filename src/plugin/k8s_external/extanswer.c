/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/k8s_external/extanswer.h"

#include <string.h>
#include "core/worker.h"
#include "plugin/k8s_external/extapex.h"

/* The answer being written. Targets are visited twice: to count and to write. */
struct writing {
	const struct nd_external *external;
	struct nd_query *q;
	struct nd_name zone;
	uint16_t qtype;
	size_t n, nhosts; /* targets, and hosts among them */
	uint16_t weight;
	bool extra;     /* second pass of SRV: the addresses */
	uint64_t *seen; /* hashes of what was written; mask + 1 entries */
	size_t mask;
	struct nd_extanswer *state;
	int err;
};

static void count(void *ctx, const struct nd_offer_target *t)
{
	struct writing *w = ctx;

	w->n++;
	w->nhosts += t->ip_len == 0;
}

/* Was this already written? The hashes are keyed: authors of Services choose addresses and names,
 * and equal hashes would hide a record. */
static bool seen(struct writing *w, const void *a, size_t an, const void *b, size_t bn)
{
	const struct nd_siphash_key *key = &w->q->worker->hash_key;
	uint64_t h = nd_siphash(key, nd_siphash(key, 0, a, an), b, bn) | 1;

	for (size_t i = h & w->mask;; i = (i + 1) & w->mask) {
		if (w->seen[i] == h)
			return true;
		if (!w->seen[i]) {
			w->seen[i] = h;
			return false;
		}
	}
}

/* Allocates two entries per target, at most half full. */
static bool make_room(struct writing *w, struct nd_query *q)
{
	size_t size = 8;

	while (size < 4 * w->n)
		size *= 2;
	w->mask = size - 1;
	w->seen = nd_query_alloc(q, size * sizeof *w->seen);
	w->state->host = nd_query_alloc(q, (w->nhosts + 1) * sizeof *w->state->host);
	return w->seen && w->state->host;
}

/* Once per host. CoreDNS looks a host up once per port and repeats the CNAME. */
static bool keep_host(struct writing *w, struct nd_name host)
{
	if (seen(w, "h", 1, host.wire, host.len))
		return false;
	uint8_t *copy = nd_query_alloc(w->q, host.len);
	if (!copy)
		return false;
	memcpy(copy, host.wire, host.len);
	w->state->host[w->state->n++] = nd_name_view(copy);
	return true;
}

/* --- A, AAAA, PTR --- */

static void put_address(void *ctx, const struct nd_offer_target *t)
{
	struct writing *w = ctx;
	size_t want = w->qtype == ND_TYPE_A ? 4 : 16;

	if (w->err)
		return;
	if (t->ip_len == 0) {
		/* CNAME and SRV have the TTL of kubernetes, as in CoreDNS. */
		if (keep_host(w, t->host))
			w->err = nd_answer_add(w->q, ND_SECTION_ANSWER, ND_TYPE_CNAME,
					       w->external->from->ttl(w->external->from_self),
					       t->host.wire, t->host.len);
		return;
	}
	if (t->ip_len == want && !seen(w, "a", 1, t->ip, t->ip_len))
		w->err = nd_answer_add(w->q, ND_SECTION_ANSWER, w->qtype, w->external->ttl, t->ip,
				       t->ip_len);
}

static void put_ptr(void *ctx, const struct nd_offer_target *t)
{
	struct writing *w = ctx;

	if (!w->err && !seen(w, "p", 1, t->key.wire, t->key.len))
		w->err = nd_answer_add(w->q, ND_SECTION_ANSWER, ND_TYPE_PTR, w->external->ttl,
				       t->key.wire, t->key.len);
}

/* --- SRV --- */

static void put_srv(void *ctx, const struct nd_offer_target *t)
{
	struct writing *w = ctx;
	struct nd_name target = t->ip_len ? t->key : t->host;
	uint8_t rdata[ND_RR_SRV_MAX];

	if (w->err || t->port < 0) /* a Service without ports */
		return;
	if (w->extra) {
		uint16_t type = t->ip_len == 4 ? ND_TYPE_A : ND_TYPE_AAAA;
		if (t->ip_len && !seen(w, t->ip, t->ip_len, target.wire, target.len))
			w->err = nd_answer_rr(w->q, ND_SECTION_ADDITIONAL, target, type,
					      ND_CLASS_IN, w->external->ttl, t->ip, t->ip_len);
		return;
	}
	size_t n = nd_rr_write_srv(rdata, 0, w->weight, (uint16_t)t->port, target);
	if (!t->ip_len)
		keep_host(w, t->host);
	if (!seen(w, "s", 1, rdata + 4, n - 4))
		w->err = nd_answer_add(w->q, ND_SECTION_ANSWER, ND_TYPE_SRV,
				       w->external->from->ttl(w->external->from_self), rdata, n);
}

/* --- lookups of hosts through the whole server --- */

static enum nd_verdict look_up(struct nd_query *q, struct nd_extanswer *st);

static enum nd_verdict on_host(const void *self, struct nd_query *q, struct nd_query *child)
{
	bool srv = q->msg.qtype == ND_TYPE_SRV;
	(void)self;

	if (nd_answer_append(q, srv ? ND_SECTION_ADDITIONAL : ND_SECTION_ANSWER, child,
			     ND_SECTION_ANSWER) ||
	    (!srv && child->ans.flags & ND_FLAG_TC))
		q->ans.flags |= ND_FLAG_TC;
	return look_up(q, nd_query_state(q));
}

static enum nd_verdict look_up(struct nd_query *q, struct nd_extanswer *st)
{
	uint16_t type = q->msg.qtype;

	if (st->at == st->n || q->depth >= ND_QUERY_DEPTH_MAX)
		return ND_DONE;
	if (type == ND_TYPE_SRV)
		type = st->second ? ND_TYPE_AAAA : ND_TYPE_A;
	struct nd_name host = st->host[st->at];
	if (q->msg.qtype != ND_TYPE_SRV || st->second)
		st->at++;
	st->second = q->msg.qtype == ND_TYPE_SRV && !st->second;
	return nd_query_ask(q, host, type, ND_ASK_SITE, on_host);
}

/* --- answers --- */

/* False: the name does not exist. */
static bool find(const struct writing *w, void (*put)(void *ctx, const struct nd_offer_target *t))
{
	const struct nd_external *e = w->external;
	struct nd_offer_targets to = { .put = put, .ctx = (void *)w };
	uint8_t ip[16];
	size_t n;

	if (w->qtype == ND_TYPE_PTR && nd_name_reverse_address(w->q->msg.qname, ip, &n)) {
		e->from->reverse(e->from_self, ip, n, e->zones[0], &to);
		return w->n > 0;
	}
	return e->from->find(e->from_self, w->q->msg.qname, w->zone, e->headless, &to);
}

/* 100 divided evenly, rounded down, at least 1; in floating point, as in CoreDNS. */
static uint16_t weight_of(size_t n)
{
	double each = 100.0 / (double)(100 * n) * 100.0;
	return each < 1 ? 1 : (uint16_t)each;
}

static void write(struct writing *w)
{
	uint8_t ip[16];
	size_t n;

	switch (w->qtype) {
	case ND_TYPE_A:
	case ND_TYPE_AAAA: find(w, put_address); break;
	case ND_TYPE_PTR:
		if (nd_name_reverse_address(w->q->msg.qname, ip, &n))
			find(w, put_ptr);
		break;
	case ND_TYPE_SRV:
		w->q->ans.w.exact = true; /* targets keep their own case */
		w->weight = weight_of(w->n);
		find(w, put_srv);
		w->extra = true;
		find(w, put_srv);
		break;
	default: break;
	}
}

enum nd_verdict nd_extanswer_names(const struct nd_external *e, struct nd_query *q,
				   struct nd_name zone)
{
	struct writing w = { .external = e, .q = q, .zone = zone, .qtype = q->msg.qtype };
	bool exists = find(&w, count);

	if (w.n == 0) {
		if (!exists && nd_setup_falls_through(&e->fall, q->msg.qname))
			return ND_NEXT;
		return nd_extapex_nothing(e, q, zone,
					  exists ? ND_RCODE_NOERROR : ND_RCODE_NXDOMAIN);
	}
	w.state = nd_query_state(q);
	if (!w.state || !make_room(&w, q))
		return nd_query_fail(q, ND_RCODE_SERVFAIL, "out of memory");
	write(&w);
	q->ans.flags |= ND_FLAG_AA;
	if (w.err) {
		q->ans.flags |= ND_FLAG_TC;
		return ND_DONE;
	}
	if (q->ans.n == 0)
		return nd_extapex_nothing(e, q, zone, ND_RCODE_NOERROR);
	return look_up(q, w.state);
}
