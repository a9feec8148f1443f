/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/k8s_external/extapex.h"

#include <string.h>

int nd_extapex_name(const struct nd_external *e, const char *label, struct nd_name zone,
		    struct nd_name_buf *buf, struct nd_name *out)
{
	struct nd_name_buf below;
	struct nd_name name;
	int err = nd_name_join(e->apex, zone, &below, &name);

	return err ? err : nd_name_prepend(label, strlen(label), name, buf, out);
}

size_t nd_extapex_soa_data(const struct nd_external *e, struct nd_name zone,
			   uint8_t out[ND_EXTAPEX_SOA_MAX])
{
	struct nd_writer w = nd_writer_over(out, ND_EXTAPEX_SOA_MAX);
	struct nd_name_buf ns_buf, mail_buf;
	struct nd_name ns, mail;

	if (nd_extapex_name(e, "ns1", zone, &ns_buf, &ns) ||
	    nd_extapex_name(e, "hostmaster", zone, &mail_buf, &mail))
		return 0;
	nd_writer_bytes(&w, ns.wire, ns.len);
	nd_writer_bytes(&w, mail.wire, mail.len);
	nd_writer_u32(&w, e->from->serial(e->from_self));
	nd_writer_u32(&w, 7200);
	nd_writer_u32(&w, 1800);
	nd_writer_u32(&w, 86400);
	nd_writer_u32(&w, e->ttl);
	return w.pos;
}

static int add_soa(const struct nd_external *e, struct nd_query *q, struct nd_name zone,
		   enum nd_section section)
{
	uint8_t rdata[ND_EXTAPEX_SOA_MAX];
	size_t n = nd_extapex_soa_data(e, zone, rdata);

	q->ans.w.exact = true; /* the zone in the Corefile's case, as in CoreDNS */
	return n ? nd_answer_rr(q, section, zone, ND_TYPE_SOA, ND_CLASS_IN, e->ttl, rdata, n) : 0;
}

static enum nd_verdict done(struct nd_query *q, int err)
{
	q->ans.flags |= ND_FLAG_AA;
	if (err)
		q->ans.flags |= ND_FLAG_TC;
	return ND_DONE;
}

enum nd_verdict nd_extapex_nothing(const struct nd_external *e, struct nd_query *q,
				   struct nd_name zone, uint16_t rcode)
{
	q->rcode = rcode;
	return done(q, add_soa(e, q, zone, ND_SECTION_AUTHORITY));
}

/* The servers' addresses, of one type or (0) of both. */
struct servers {
	const struct nd_external *external;
	struct nd_query *q;
	enum nd_section section;
	struct nd_name owner;
	uint16_t type;
	int err;
};

static void on_server(void *ctx, const struct nd_offer_target *t)
{
	struct servers *s = ctx;
	uint16_t type = t->ip_len == 4 ? ND_TYPE_A : ND_TYPE_AAAA;

	if (!t->ip_len || s->err || (s->type && s->type != type))
		return;
	s->err = nd_answer_rr(s->q, s->section, s->owner, type, ND_CLASS_IN, s->external->ttl,
			      t->ip, t->ip_len);
}

static int add_servers(struct servers *s)
{
	struct nd_offer_targets to = { .put = on_server, .ctx = s };

	s->external->from->servers(s->external->from_self, s->external->headless, &to);
	return s->err;
}

/* NS with the server's addresses. */
static enum nd_verdict answer_ns(const struct nd_external *e, struct nd_query *q,
				 struct nd_name zone)
{
	struct nd_name_buf buf, glue_buf;
	struct nd_name ns;
	struct servers s = { .external = e, .q = q, .section = ND_SECTION_ADDITIONAL };

	if (nd_extapex_name(e, "ns1", zone, &buf, &ns) ||
	    nd_extapex_name(e, "ns1", nd_name_view(q->ans.w.base + ND_MSG_HEADER), &glue_buf,
			    &s.owner))
		return done(q, 0);
	q->ans.w.exact = true;
	int err = nd_answer_rr(q, ND_SECTION_ANSWER, zone, ND_TYPE_NS, ND_CLASS_IN, e->ttl, ns.wire,
			       ns.len);
	return done(q, err ? err : add_servers(&s));
}

static enum nd_verdict answer_apex(const struct nd_external *e, struct nd_query *q,
				   struct nd_name zone)
{
	switch (q->msg.qtype) {
	case ND_TYPE_SOA: return done(q, add_soa(e, q, zone, ND_SECTION_ANSWER));
	case ND_TYPE_NS: return answer_ns(e, q, zone);
	default: return nd_extapex_nothing(e, q, zone, ND_RCODE_NOERROR);
	}
}

/* APEX.ZONE exists without records, ns1.APEX.ZONE has the addresses, other names do not exist. As
 * in CoreDNS, only the number of labels before the zone counts, whatever the apex is. */
static enum nd_verdict answer_servers(const struct nd_external *e, struct nd_query *q,
				      struct nd_name zone)
{
	struct nd_name asked = nd_name_view(q->ans.w.base + ND_MSG_HEADER);
	struct servers s = { .external = e, .q = q, .owner = asked, .type = q->msg.qtype };
	unsigned labels = (unsigned)(asked.labels - zone.labels);

	if (labels == 1)
		return nd_extapex_nothing(e, q, zone, ND_RCODE_NOERROR);
	if (labels != 2 || memcmp(q->msg.qname.wire, "\3ns1", 4) != 0)
		return nd_extapex_nothing(e, q, zone, ND_RCODE_NXDOMAIN);
	int err = 0;
	if (s.type == ND_TYPE_A || s.type == ND_TYPE_AAAA)
		err = add_servers(&s);
	if (!q->ans.n && !err)
		return nd_extapex_nothing(e, q, zone, ND_RCODE_NOERROR);
	return done(q, err);
}

bool nd_extapex_answer(const struct nd_external *e, struct nd_query *q, struct nd_name zone,
		       enum nd_verdict *verdict)
{
	struct nd_name lower = q->msg.qname;

	for (size_t i = 0; i < e->nzones; i++) {
		struct nd_name_buf buf;
		struct nd_name apex;
		if (nd_name_same(lower, e->zones[i])) {
			*verdict = answer_apex(e, q, zone);
			return true;
		}
		if (nd_name_join(e->apex, e->zones[i], &buf, &apex) == 0 &&
		    nd_name_under_lower(lower, apex)) {
			*verdict = answer_servers(e, q, zone);
			return true;
		}
	}
	return false;
}
