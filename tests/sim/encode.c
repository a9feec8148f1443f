/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/encode.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "support/pbput.h"

enum { MESSAGE_MAX = 1 << 20 };

/* Brackets, quotes and backslashes inside a string, and non-ASCII characters. */
#define NOTE_JSON "a \\\"}]{[\\\\ \\u00e9 \xc3\xa9"
#define NOTE_TEXT "a \"}]{[\\ \xc3\xa9 \xc3\xa9"
#define INITIAL_END "k8s.io/initial-events-end"

static const char *const versions[SIM_KINDS] = { "v1", "v1", "discovery.k8s.io/v1" };

static const char *service_type(const struct nd_object_service *s)
{
	return s->external ? "ExternalName" : "ClusterIP";
}

static const char *ip_text(const struct nd_object_ip *ip, char text[INET6_ADDRSTRLEN])
{
	return inet_ntop(ip->len == 4 ? AF_INET : AF_INET6, ip->bytes, text, INET6_ADDRSTRLEN);
}

/* --- JSON --- */

static void json_ports(struct nd_buf *b, const struct nd_object_port *p, size_t n)
{
	nd_buf_text(b, "\"ports\":[");
	for (size_t i = 0; i < n; i++)
		nd_buf_printf(b, "%s{\"name\":\"%s\",\"protocol\":\"%s\",\"port\":%d}",
			      i ? "," : "", p[i].name, p[i].protocol, p[i].port);
	nd_buf_text(b, "]");
}

static void json_service(struct nd_buf *b, const struct nd_object_service *s)
{
	char text[INET6_ADDRSTRLEN];

	nd_buf_printf(b, ",\"spec\":{\"type\":\"%s\",", service_type(s));
	if (s->external)
		nd_buf_printf(b, "\"externalName\":\"%s\",", s->external_name);
	if (s->headless)
		nd_buf_text(b, "\"clusterIP\":\"None\",\"clusterIPs\":[\"None\"],");
	if (s->nips) {
		nd_buf_printf(b, "\"clusterIP\":\"%s\",\"clusterIPs\":[", ip_text(s->ips, text));
		for (size_t i = 0; i < s->nips; i++)
			nd_buf_printf(b, "%s\"%s\"", i ? ", " : "", ip_text(&s->ips[i], text));
		nd_buf_text(b, "],");
	}
	json_ports(b, s->ports, s->nports);
	nd_buf_text(b, "},\"status\":{\"loadBalancer\":{}}");
}

static void json_slice(struct nd_buf *b, const struct nd_object_slice *s)
{
	nd_buf_text(b, ",\"addressType\":\"IPv4\",\"endpoints\":[");
	for (size_t i = 0; i < s->nendpoints; i++) {
		const struct nd_object_endpoint *e = &s->endpoints[i];
		nd_buf_printf(b, "%s{\"addresses\":[\"%s\"],\"conditions\":{\"ready\":true}",
			      i ? "," : "", e->text);
		if (e->hostname[0])
			nd_buf_printf(b, ",\"hostname\":\"%s\"", e->hostname);
		if (e->zone[0])
			nd_buf_printf(b, ",\"zone\":\"%s\"", e->zone);
		nd_buf_text(b, "}");
	}
	nd_buf_text(b, "],");
	json_ports(b, s->ports, s->nports);
}

static void json_object(struct nd_buf *b, const struct nd_object *o, uint32_t version)
{
	nd_buf_printf(b, "{\"kind\":\"%s\",\"apiVersion\":\"%s\",\"metadata\":{\"name\":\"%s\",",
		      nd_object_kind_text[o->kind], versions[o->kind], o->name);
	if (o->namespace[0])
		nd_buf_printf(b, "\"namespace\":\"%s\",", o->namespace);
	nd_buf_printf(b,
		      "\"resourceVersion\":\"%u\",\"annotations\":{\"note\":\"%s\"},\"labels\":{",
		      version, NOTE_JSON);
	for (size_t i = 0; i < o->nlabels; i++)
		nd_buf_printf(b, "%s\"%s\":\"%s\"", i ? "," : "", o->labels[i].key,
			      o->labels[i].value);
	nd_buf_text(b, "}}");
	if (o->kind == ND_OBJECT_SERVICE)
		json_service(b, &o->service);
	else if (o->kind == ND_OBJECT_SLICE)
		json_slice(b, &o->slice);
	nd_buf_text(b, "}");
}

/* --- protobuf --- */

static struct nd_buf message(void)
{
	struct nd_buf b;

	nd_buf_init(&b, MESSAGE_MAX);
	return b;
}

static void put_version(struct nd_buf *b, unsigned number, uint32_t v)
{
	struct nd_buf text = message();

	nd_buf_printf(&text, "%u", v);
	nd_pbput_inside(b, number, &text);
}

static void put_ports(struct nd_buf *b, unsigned number, const struct nd_object_port *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct nd_buf port = message();
		nd_pbput_text(&port, 1, p[i].name);
		nd_pbput_text(&port, 2, p[i].protocol);
		nd_pbput_int(&port, 3, (uint64_t)p[i].port);
		nd_pbput_inside(b, number, &port);
	}
}

static void put_service(struct nd_buf *b, const struct nd_object_service *s)
{
	struct nd_buf spec = message();
	char text[INET6_ADDRSTRLEN];

	put_ports(&spec, 1, s->ports, s->nports);
	if (s->headless || s->nips)
		nd_pbput_text(&spec, 3, s->headless ? "None" : ip_text(s->ips, text));
	nd_pbput_text(&spec, 4, service_type(s));
	if (s->external)
		nd_pbput_text(&spec, 10, s->external_name);
	if (s->headless)
		nd_pbput_text(&spec, 18, "None");
	for (size_t i = 0; i < s->nips; i++)
		nd_pbput_text(&spec, 18, ip_text(&s->ips[i], text));
	nd_pbput_inside(b, 2, &spec);
}

static void put_slice(struct nd_buf *b, const struct nd_object_slice *s)
{
	for (size_t i = 0; i < s->nendpoints; i++) {
		const struct nd_object_endpoint *e = &s->endpoints[i];
		struct nd_buf endpoint = message(), conditions = message();
		nd_pbput_text(&endpoint, 1, e->text);
		nd_pbput_int(&conditions, 1, 1);
		nd_pbput_inside(&endpoint, 2, &conditions);
		if (e->hostname[0])
			nd_pbput_text(&endpoint, 3, e->hostname);
		if (e->zone[0])
			nd_pbput_text(&endpoint, 7, e->zone);
		nd_pbput_inside(b, 2, &endpoint);
	}
	put_ports(b, 3, s->ports, s->nports);
	nd_pbput_text(b, 4, "IPv4");
}

static void put_object(struct nd_buf *b, const struct nd_object *o, uint32_t version)
{
	struct nd_buf meta = message();

	nd_pbput_text(&meta, 1, o->name);
	nd_pbput_text(&meta, 3, o->namespace);
	put_version(&meta, 6, version);
	for (size_t i = 0; i < o->nlabels; i++)
		nd_pbput_pair(&meta, 11, o->labels[i].key, o->labels[i].value);
	nd_pbput_pair(&meta, 12, "note", NOTE_TEXT);
	nd_pbput_inside(b, 1, &meta);
	if (o->kind == ND_OBJECT_SERVICE)
		put_service(b, &o->service);
	else if (o->kind == ND_OBJECT_SLICE)
		put_slice(b, &o->slice);
}

/* --- both encodings --- */

void sim_encode_page_item(struct sim_page *p, const struct sim_object *o)
{
	uint32_t version = (uint32_t)strtoul(o->version, NULL, 10);

	if (p->pb) {
		struct nd_buf item = message();
		put_object(&item, &o->object, version);
		nd_pbput_inside(&p->items, 2, &item);
		return;
	}
	if (p->items.len)
		nd_buf_text(&p->items, ",");
	json_object(&p->items, &o->object, version);
}

void sim_encode_page(const struct sim_page *p, struct nd_buf *to)
{
	char kind[64];

	snprintf(kind, sizeof kind, "%sList", nd_object_kind_text[p->kind]);
	if (!p->pb) {
		nd_buf_printf(to,
			      "{\"kind\":\"%s\",\"apiVersion\":\"%s\",\"metadata\":"
			      "{\"resourceVersion\":\"%u\",\"continue\":\"%s\"},\"items\":[%s]}\n",
			      kind, versions[p->kind], p->version, p->more,
			      nd_buf_string(&p->items));
		return;
	}
	struct nd_buf list = message(), meta = message();
	put_version(&meta, 2, p->version);
	nd_pbput_text(&meta, 3, p->more);
	nd_pbput_inside(&list, 1, &meta);
	nd_buf_add(&list, p->items.data, p->items.len);
	nd_pbput_envelope(to, versions[p->kind], kind, &list);
}

void sim_encode_event(bool pb, const char *type, const struct sim_object *o, uint32_t version,
		      struct nd_buf *to)
{
	if (!pb) {
		nd_buf_printf(to, "{\"type\":\"%s\",\"object\":", type);
		json_object(to, &o->object, version);
		nd_buf_text(to, "}\n");
		return;
	}
	struct nd_buf raw = message();
	put_object(&raw, &o->object, version);
	nd_pbput_event(to, type, versions[o->object.kind], nd_object_kind_text[o->object.kind],
		       &raw);
}

void sim_encode_bookmark(bool pb, enum nd_object_kind kind, uint32_t version, bool initial_end,
			 struct nd_buf *to)
{
	if (!pb) {
		nd_buf_printf(to,
			      "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"%s\",\"apiVersion\":"
			      "\"%s\",\"metadata\":{\"resourceVersion\":\"%u\"%s}}}\n",
			      nd_object_kind_text[kind], versions[kind], version,
			      initial_end ? ",\"annotations\":{\"" INITIAL_END "\":\"true\"}" : "");
		return;
	}
	struct nd_buf raw = message(), meta = message();
	put_version(&meta, 6, version);
	if (initial_end)
		nd_pbput_pair(&meta, 12, INITIAL_END, "true");
	nd_pbput_inside(&raw, 1, &meta);
	nd_pbput_event(to, "BOOKMARK", versions[kind], nd_object_kind_text[kind], &raw);
}

static void json_status(struct nd_buf *b, const struct sim_status *s)
{
	nd_buf_printf(b,
		      "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"code\":%d,"
		      "\"reason\":\"%s\",\"message\":\"%s\",\"details\":{\"retryAfterSeconds\":%d}}",
		      s->code, s->reason, s->message, s->retry_after_s);
}

static struct nd_buf pb_status(const struct sim_status *s)
{
	struct nd_buf b = message(), details = message();

	nd_pbput_text(&b, 2, "Failure");
	nd_pbput_text(&b, 3, s->message);
	nd_pbput_text(&b, 4, s->reason);
	nd_pbput_int(&details, 5, (uint64_t)s->retry_after_s);
	nd_pbput_inside(&b, 5, &details);
	nd_pbput_int(&b, 6, (uint64_t)s->code);
	return b;
}

void sim_encode_status(bool pb, const struct sim_status *s, struct nd_buf *to)
{
	if (!pb) {
		json_status(to, s);
		return;
	}
	struct nd_buf raw = pb_status(s);
	nd_pbput_envelope(to, "v1", "Status", &raw);
}

void sim_encode_error(bool pb, const struct sim_status *s, struct nd_buf *to)
{
	if (!pb) {
		nd_buf_text(to, "{\"type\":\"ERROR\",\"object\":");
		json_status(to, s);
		nd_buf_text(to, "}\n");
		return;
	}
	struct nd_buf raw = pb_status(s);
	nd_pbput_event(to, "ERROR", "v1", "Status", &raw);
}
