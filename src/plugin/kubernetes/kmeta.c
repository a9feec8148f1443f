/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kubernetes/kmeta.h"

#include <string.h>
#include "core/query.h"
#include "plugin/kubernetes/kfind.h"
#include "plugin/kubernetes/kpod.h"

/* --- the client --- */

/* The pod with the client's address. Of several (on the host network) CoreDNS takes the first. */
static const struct nd_kpod *client_pod(const struct nd_kconf *c, const struct nd_query *q)
{
	size_t n;
	const uint8_t *ip = nd_addr_bytes(&q->client.peer, &n);

	return c->pods == ND_KCONF_PODS_VERIFIED ? nd_kpod_find(c->index, ip, n) : NULL;
}

static int put(char *out, size_t cap, const void *text, size_t n)
{
	n = n < cap ? n : cap;
	memcpy(out, text, n);
	return (int)n;
}

static int put_pod_label(const struct nd_kpod *pod, const char *key, char *out, size_t cap)
{
	const char *value = nd_kpod_label(pod, key);

	return value ? put(out, cap, value, strlen(value)) : -1;
}

static int client_label(const struct nd_kconf *c, const struct nd_query *q, const char *name,
			char *out, size_t cap)
{
	const struct nd_kpod *pod = client_pod(c, q);

	if (!pod)
		return -1;
	if (strcmp(name, "namespace") == 0)
		return put(out, cap, nd_kpod_ns(pod)->node.name, nd_kpod_ns(pod)->node.len);
	if (strcmp(name, "pod-name") == 0)
		return put(out, cap, pod->node.name, pod->node.len);
	if (strncmp(name, "label/", 6) == 0)
		return put_pod_label(pod, name + 6, out, cap);
	return -1;
}

/* --- the query --- */

/* Formats labels with special bytes escaped: a query must not forge a log line. */
static int put_labels(char *out, size_t cap, const uint8_t *at, unsigned n)
{
	struct nd_name_buf buf;
	char text[ND_NAME_TEXT_MAX];
	size_t len = 0;

	if (n == 0)
		return 0;
	for (unsigned i = 0; i < n; i++)
		len += at[len] + 1u;
	memcpy(buf.bytes, at, len);
	buf.bytes[len] = 0;
	return put(out, cap, text, nd_name_format(nd_name_view(buf.bytes), text) - 1);
}

static int put_label(char *out, size_t cap, struct nd_klabel l)
{
	uint8_t one[ND_LABEL_MAX + 1] = { l.n };

	if (l.n)
		memcpy(one + 1, l.at, l.n);
	return put_labels(out, cap, one, l.n > 0);
}

static int put_text(char *out, size_t cap, const char *text)
{
	return put(out, cap, text, strlen(text));
}

static int request_label(const struct nd_kconf *c, const struct nd_krequest *r, bool whole,
			 const char *name, char *out, size_t cap)
{
	const struct {
		const char *name;
		struct nd_klabel label;
	} rows[] = {
		{ "port-name", r->port },      { "protocol", r->protocol },
		{ "endpoint", r->endpoint },   { "service", r->service },
		{ "namespace", r->namespace },
	};

	if (!whole)
		return strcmp(name, "parse-error") == 0 ? put_text(out, cap, "invalid query name")
							: -1;
	for (size_t i = 0; i < ND_COUNT(rows); i++)
		if (strcmp(rows[i].name, name) == 0)
			return put_label(out, cap, rows[i].label);
	if (c->zonal && strcmp(name, "zone") == 0)
		return put_labels(out, cap, r->zone, r->zone_labels);
	if (strcmp(name, "kind") == 0) /* CoreDNS: empty at the zone itself, svc and pod */
		return put_text(out, cap, r->top ? "" : r->pod ? "pod" : "svc");
	return -1;
}

int nd_kmeta_label(const void *self, struct nd_query *q, const struct nd_offer_asked *asked,
		   const char *label, char *out, size_t cap)
{
	const struct nd_kconf *c = self;
	struct nd_krequest r;

	if (strncmp(label, "kubernetes/", 11) != 0)
		return -1;
	label += 11;
	if (strncmp(label, "client-", 7) == 0)
		return client_label(c, q, label + 7, out, cap);
	const struct nd_name *zone = nd_setup_zone_match(c->zones, c->nzones, asked->lower);
	if (!zone)
		return -1;
	/* CoreDNS treats no zone as a multicluster zone here, so kubernetes/cluster is never
	 * set. */
	bool whole = nd_krequest_parse(asked->lower, *zone, false, c->zonal, &r);
	return request_label(c, &r, whole, label, out, cap);
}

/* --- autopath --- */

static bool add_domain(struct nd_offer_search *s, const void *label, size_t n, struct nd_name below)
{
	if (s->n + 1 >= ND_OFFER_DOMAINS ||
	    nd_name_prepend(label, n, below, &s->buf[s->n], &s->domain[s->n]))
		return false;
	s->n++;
	return true;
}

bool nd_kmeta_search(const void *self, const struct nd_query *q, struct nd_offer_search *out)
{
	const struct nd_kconf *c = self;
	const struct nd_name *zone = nd_setup_zone_match(c->zones, c->nzones, q->msg.qname);
	const struct nd_kpod *pod = zone ? client_pod(c, q) : NULL;
	struct nd_name_buf buf;
	struct nd_name svc;

	out->n = 0;
	if (!pod || nd_name_prepend("svc", 3, *zone, &buf, &svc) ||
	    !add_domain(out, nd_kpod_ns(pod)->node.name, nd_kpod_ns(pod)->node.len, svc) ||
	    !add_domain(out, "svc", 3, *zone))
		return false;
	out->domain[out->n++] = *zone;
	for (size_t i = 0; i < c->nsearch && out->n + 1 < ND_OFFER_DOMAINS; i++)
		out->domain[out->n++] = c->search[i];
	out->domain[out->n++] = nd_name_root;
	return true;
}
