/* SPDX-License-Identifier: Apache-2.0 */
/* kubernetes.c - DNS-Based Service Discovery 1.1.0 for a cluster, with CoreDNS's rules and
 * options. */
#include <string.h>
#include "base/rcu.h"
#include "core/query.h"
#include "io/netif.h"
#include "plugin/kubernetes/kanswer.h"
#include "plugin/kubernetes/kapex.h"
#include "plugin/kubernetes/kexternal.h"
#include "plugin/kubernetes/kmeta.h"
#include "plugin/kubernetes/kptr.h"
#include "plugin/kubernetes/kstore.h"
#include "plugin/kubernetes/kxfr.h"

enum { CNAMES_MAX = 11 }; /* in one chain inside the zone (CoreDNS: ten before the last) */

/* A query below one of the zones. */
struct question {
	const struct nd_kconf *conf;
	struct nd_query *q;
	struct nd_name lower, zone; /* lower case */
	struct nd_name asked, tail; /* the same in the client's case */
};

static enum nd_verdict done(struct nd_query *q, int err)
{
	q->ans.flags |= ND_FLAG_AA;
	if (err)
		q->ans.flags |= ND_FLAG_TC; /* more than a message holds */
	return ND_DONE;
}

static enum nd_verdict answer_nothing(const struct question *u, uint16_t rcode)
{
	u->q->rcode = rcode;
	return done(u->q, nd_kapex_soa(u->conf, u->q, u->tail, ND_SECTION_AUTHORITY));
}

/* Finishes the answer: NODATA if nothing was written. */
static enum nd_verdict answer_written(const struct question *u, int err)
{
	if (u->q->ans.n == 0 && !err)
		return answer_nothing(u, ND_RCODE_NOERROR);
	return done(u->q, err);
}

static enum nd_verdict answer_no_name(const struct question *u)
{
	if (nd_setup_falls_through(&u->conf->fall, u->lower))
		return ND_NEXT;
	/* Not everything is listed yet: the name may still appear. */
	if (!nd_kindex_complete(u->conf->index))
		return answer_nothing(u, ND_RCODE_SERVFAIL);
	return answer_nothing(u, ND_RCODE_NXDOMAIN);
}

static enum nd_verdict answer_txt(const struct question *u)
{
	struct nd_kfind f;

	if (u->lower.labels == u->zone.labels + 1u &&
	    memcmp(u->lower.wire, "\13dns-version", 12) == 0)
		return done(u->q, nd_answer_add(u->q, ND_SECTION_ANSWER, ND_TYPE_TXT, 28800,
						"\0051.1.0", 6));
	nd_kfind_name(u->conf, u->lower, u->zone, &f);
	/* CoreDNS: TXT distinguishes names with records from those without; a pinned topology zone
	 * exists. */
	if (f.kind > ND_KFIND_EMPTY || (f.kind == ND_KFIND_EMPTY && f.name))
		return answer_nothing(u, ND_RCODE_NOERROR);
	return answer_no_name(u);
}

static enum nd_verdict answer_ptr(const struct question *u)
{
	struct nd_kfind f;
	uint8_t ip[16];
	size_t n;

	if (!nd_name_reverse_address(u->lower, ip, &n)) {
		nd_kfind_name(u->conf, u->lower, u->zone, &f);
		return f.kind == ND_KFIND_NONE ? answer_no_name(u)
					       : answer_nothing(u, ND_RCODE_NOERROR);
	}
	int err = nd_kptr_answer(u->conf, u->q, ip, n);
	if (u->q->ans.n == 0 && !err)
		return answer_no_name(u);
	return done(u->q, err);
}

/* --- ExternalName --- */

struct cnames {
	const struct nd_kservice *service[CNAMES_MAX];
	size_t n;
};

static struct nd_name target_of(const struct nd_kservice *s)
{
	return nd_name_view(nd_kobject_target(s));
}

static bool seen_target(const struct cnames *chain, struct nd_name target)
{
	for (size_t i = 0; i < chain->n; i++)
		if (nd_name_equal(target_of(chain->service[i]), target))
			return true;
	return false;
}

static int write_cnames(const struct question *u, const struct cnames *chain)
{
	struct nd_name owner = u->asked;
	int err = 0;

	for (size_t i = 0; i < chain->n && !err; i++) {
		err = nd_kanswer_cname(u->conf, u->q, owner, chain->service[i]);
		owner = target_of(chain->service[i]);
	}
	return err;
}

/* Follows CNAMEs inside the zone, then asks the whole server. As in CoreDNS (plugin.A), a chain
 * that ends without an address inside the zone, or loops, gives NODATA. */
static enum nd_verdict follow(const struct question *u, struct nd_kfind *f)
{
	struct cnames chain = { .n = 0 };
	struct nd_name target;
	struct nd_name_buf buf;

	while (f->kind == ND_KFIND_EXTERNAL) {
		target = target_of(f->service);
		if (chain.n == CNAMES_MAX || seen_target(&chain, target))
			return answer_nothing(u, ND_RCODE_NOERROR);
		chain.service[chain.n++] = f->service;
		if (!nd_name_under(target, u->zone)) {
			done(u->q, write_cnames(u, &chain));
			return nd_query_chase(u->q, target);
		}
		struct nd_name owner = nd_name_copy(target, &buf);
		nd_name_lower(buf.bytes, owner.len);
		nd_kfind_name(u->conf, owner, u->zone, f);
		if (nd_kfind_is_ns(owner, u->zone))
			f->kind = ND_KFIND_NS;
	}
	if (!nd_kanswer_has_addresses(u->conf, u->q, f, u->tail, u->q->msg.qtype))
		return answer_nothing(u, ND_RCODE_NOERROR);
	int err = write_cnames(u, &chain);
	if (!err)
		err = nd_kanswer_addresses(u->conf, u->q, f, u->tail, target, u->q->msg.qtype);
	return done(u->q, err);
}

/* --- queries --- */

static enum nd_verdict answer_found(const struct question *u, struct nd_kfind *f)
{
	uint16_t qtype = u->q->msg.qtype;

	switch (qtype) {
	case ND_TYPE_A:
	case ND_TYPE_AAAA:
		if (f->kind == ND_KFIND_EXTERNAL)
			return follow(u, f);
		return answer_written(u, nd_kanswer_addresses(u->conf, u->q, f, u->tail, u->asked,
							      qtype));
	case ND_TYPE_SRV: return answer_written(u, nd_kanswer_srv(u->conf, u->q, f, u->tail));
	case ND_TYPE_CNAME:
		if (f->kind == ND_KFIND_EXTERNAL)
			return done(u->q, nd_kanswer_cname(u->conf, u->q, u->asked, f->service));
		return answer_nothing(u, ND_RCODE_NOERROR);
	default: return answer_nothing(u, ND_RCODE_NOERROR);
	}
}

static enum nd_verdict answer_any(const struct question *u)
{
	struct nd_kfind f;

	if (nd_kfind_is_ns(u->lower, u->zone))
		f.kind = ND_KFIND_NS;
	else
		nd_kfind_name(u->conf, u->lower, u->zone, &f);
	return f.kind == ND_KFIND_NONE ? answer_no_name(u) : answer_found(u, &f);
}

/* The query name as written in the reply's question section. */
static struct nd_name written(const struct nd_query *q)
{
	struct nd_name name = q->msg.qname;

	name.wire = q->ans.w.base + ND_MSG_HEADER;
	return name;
}

static enum nd_verdict query(const void *self, struct nd_query *q)
{
	const struct nd_kconf *c = self;
	const struct nd_name *zone = nd_setup_zone_match(c->zones, c->nzones, q->msg.qname);

	if (!zone)
		return ND_NEXT;
	struct question u = {
		.conf = c, .q = q, .lower = q->msg.qname, .zone = *zone, .asked = written(q)
	};
	bool apex = u.lower.labels == zone->labels;
	u.tail = *zone;
	u.tail.wire = u.asked.wire + (u.asked.len - zone->len);

	switch (q->msg.qtype) {
	case ND_TYPE_AXFR:
	case ND_TYPE_IXFR: return nd_query_fail(q, ND_RCODE_REFUSED, NULL);
	case ND_TYPE_TXT: return answer_txt(&u);
	case ND_TYPE_PTR: return answer_ptr(&u);
	case ND_TYPE_SOA:
		/* Below the apex NODATA, whether the name exists or not (CoreDNS). */
		if (apex)
			return done(q, nd_kapex_soa(c, q, u.tail, ND_SECTION_ANSWER));
		return answer_nothing(&u, ND_RCODE_NOERROR);
	case ND_TYPE_NS:
		if (apex)
			return answer_written(&u, nd_kapex_ns(c, q, u.tail));
		return answer_any(&u);
	default: return answer_any(&u);
	}
}

/* --- setup --- */

static const struct nd_setting settings[] = {
	ND_SET_OWN_ROW("source", "FILE|FOLDER: manifests, instead of an API server"),
	ND_SET_OWN_ROW("endpoint", "URL of the API server"),
	ND_SET_OWN_ROW("tls", "CERT KEY CACERT for the endpoint"),
	ND_SET_OWN_ROW("kubeconfig", "FILE [CONTEXT]"),
	ND_SET_OWN_ROW("apiserver_qps", "limit of requests per second to the API server"),
	ND_SET_OWN_ROW("apiserver_burst", "requests in a row before apiserver_qps applies"),
	ND_SET_OWN_ROW("apiserver_max_inflight", "limit of open requests to the API server"),
	ND_SET_OWN_ROW("namespaces", "NAMESPACE...: only these"),
	ND_SET_OWN_ROW("namespace_labels", "SELECTOR: only namespaces with these labels"),
	ND_SET_OWN_ROW("labels", "SELECTOR: only Services, slices and pods with these labels"),
	ND_SET_OWN_ROW("pods", "disabled, insecure or verified"),
	{ .name = "endpoint_pod_names",
	  .kind = ND_SET_FLAG,
	  .where = offsetof(struct nd_kconf, pod_names),
	  .help = "name an endpoint without a hostname after its pod" },
	{ .name = "ttl",
	  .kind = ND_SET_COUNT,
	  .where = offsetof(struct nd_kconf, ttl),
	  .max = 3600,
	  .def = 5,
	  .help = "seconds" },
	{ .name = "noendpoints",
	  .kind = ND_SET_FLAG,
	  .where = offsetof(struct nd_kconf, noendpoints),
	  .help = "do not watch EndpointSlices" },
	ND_SET_OWN_ROW("fallthrough", "[ZONES...]: names that do not exist go to the next plugin"),
	ND_SET_OWN_ROW("ignore", "empty_service: Services without a ready endpoint do not exist"),
	ND_SET_OWN_ROW("multicluster", "ZONES...: zones that answer for ServiceImports"),
	{ .name = "zonal",
	  .kind = ND_SET_FLAG,
	  .where = offsetof(struct nd_kconf, zonal),
	  .help = "answer names with a topology zone" },
	ND_SET_OWN_ROW("snapshot", "FILE: keep the last good state there, and start from it"),
	ND_SET_OWN_ROW("startup_timeout", "how long startup waits for the API server"),
	{ 0 }
};

static bool is_ready(void *self)
{
	const struct nd_kconf *c = self;
	return nd_kindex_complete(c->index);
}

static void note(void *self, struct nd_buf *to)
{
	nd_kstore_note(self, to);
}

static int setup(void *self, const struct nd_conf_line *directive, struct nd_setup *s)
{
	struct nd_kconf *c = self;
	int err = nd_kconf_read(c, s);

	(void)directive;
	if (!err) {
		c->outside = s->block->wants_external;
		c->pod_labels = c->pods == ND_KCONF_PODS_VERIFIED && s->block->nlabel_zones > 0;
		err = nd_setup_search(s, "/etc/resolv.conf", &c->search, &c->nsearch);
	}
	if (!err)
		err = nd_kstore_open(c, s);
	if (!err) {
		nd_setup_ready(s, is_ready);
		nd_setup_ready_note(s, note);
	}
	return err;
}

/* The addresses for NS and ns.dns if no Service has this server as an endpoint: those of `bind`, or
 * all, without loopback. */
static int start(void *self, struct nd_setup *s)
{
	struct nd_kconf *c = self;
	struct nd_addr *all = s->block->bind;
	size_t n = s->block->nbind;

	if (n == 0 && nd_netif_addresses(NULL, s->arena, &all, &n))
		n = 0;
	c->local = nd_arena_array(s->arena, n, sizeof *c->local);
	if (!c->local)
		return ND_ELIMIT;
	for (size_t i = 0; i < n; i++) {
		size_t len;
		const uint8_t *ip = nd_addr_bytes(&all[i], &len);
		if (nd_addr_is_loopback(&all[i]) || nd_addr_is_any(&all[i]))
			continue;
		c->local[c->nlocal].len = (uint8_t)len;
		memcpy(c->local[c->nlocal++].bytes, ip, len);
	}
	return nd_kstore_wait(c, s);
}

static const struct nd_offer offer = { .label = nd_kmeta_label,
				       .search = nd_kmeta_search,
				       .external = &nd_kexternal,
				       .zone = &nd_kxfr };

const struct nd_plugin nd_plugin_kubernetes = {
	.name = "kubernetes",
	.repeat = ND_REPEAT_REFUSE,
	.self_size = sizeof(struct nd_kconf),
	.settings = settings,
	.offer = &offer,
	.setup = setup,
	.start = start,
	.query = query,
};
