/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/encode.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_MAX = 1 << 20 };

/* Brackets, quotes and backslashes that belong to a text, and more than ASCII. */
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

/* ---- JSON ---- */

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

/* ---- protobuf ---- */

static void put_varint(struct nd_buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		nd_buf_add(b, &(uint8_t){ (uint8_t)(v | 0x80) }, 1);
	nd_buf_add(b, &(uint8_t){ (uint8_t)v }, 1);
}

static void put_int(struct nd_buf *b, unsigned number, uint64_t v)
{
	put_varint(b, (uint64_t)number << 3);
	put_varint(b, v);
}

static void put_bytes(struct nd_buf *b, unsigned number, const void *bytes, size_t n)
{
	put_varint(b, (uint64_t)number << 3 | 2);
	put_varint(b, n);
	nd_buf_add(b, bytes, n);
}

static void put_text(struct nd_buf *b, unsigned number, const char *text)
{
	put_bytes(b, number, text, strlen(text));
}

/* The inner message becomes a field of the outer one, and is gone. */
static void put_inside(struct nd_buf *b, unsigned number, struct nd_buf *inner)
{
	put_bytes(b, number, inner->data, inner->len);
	nd_buf_clear(inner);
}

static struct nd_buf message(void)
{
	struct nd_buf b;

	nd_buf_init(&b, MESSAGE_MAX);
	return b;
}

static void put_pair(struct nd_buf *b, unsigned number, const char *key, const char *value)
{
	struct nd_buf pair = message();

	put_text(&pair, 1, key);
	put_text(&pair, 2, value);
	put_inside(b, number, &pair);
}

static void put_number_text(struct nd_buf *b, unsigned number, uint32_t v)
{
	struct nd_buf text = message();

	nd_buf_printf(&text, "%u", v);
	put_inside(b, number, &text);
}

static void put_ports(struct nd_buf *b, unsigned number, const struct nd_object_port *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct nd_buf port = message();
		put_text(&port, 1, p[i].name);
		put_text(&port, 2, p[i].protocol);
		put_int(&port, 3, (uint64_t)p[i].port);
		put_inside(b, number, &port);
	}
}

static void put_service(struct nd_buf *b, const struct nd_object_service *s)
{
	struct nd_buf spec = message();
	char text[INET6_ADDRSTRLEN];

	put_ports(&spec, 1, s->ports, s->nports);
	if (s->headless || s->nips)
		put_text(&spec, 3, s->headless ? "None" : ip_text(s->ips, text));
	put_text(&spec, 4, service_type(s));
	if (s->external)
		put_text(&spec, 10, s->external_name);
	if (s->headless)
		put_text(&spec, 18, "None");
	for (size_t i = 0; i < s->nips; i++)
		put_text(&spec, 18, ip_text(&s->ips[i], text));
	put_inside(b, 2, &spec);
}

static void put_slice(struct nd_buf *b, const struct nd_object_slice *s)
{
	for (size_t i = 0; i < s->nendpoints; i++) {
		const struct nd_object_endpoint *e = &s->endpoints[i];
		struct nd_buf endpoint = message(), conditions = message();
		put_text(&endpoint, 1, e->text);
		put_int(&conditions, 1, 1);
		put_inside(&endpoint, 2, &conditions);
		if (e->hostname[0])
			put_text(&endpoint, 3, e->hostname);
		if (e->zone[0])
			put_text(&endpoint, 7, e->zone);
		put_inside(b, 2, &endpoint);
	}
	put_ports(b, 3, s->ports, s->nports);
	put_text(b, 4, "IPv4");
}

static void put_object(struct nd_buf *b, const struct nd_object *o, uint32_t version)
{
	struct nd_buf meta = message();

	put_text(&meta, 1, o->name);
	put_text(&meta, 3, o->namespace);
	put_number_text(&meta, 6, version);
	for (size_t i = 0; i < o->nlabels; i++)
		put_pair(&meta, 11, o->labels[i].key, o->labels[i].value);
	put_pair(&meta, 12, "note", NOTE_TEXT);
	put_inside(b, 1, &meta);
	if (o->kind == ND_OBJECT_SERVICE)
		put_service(b, &o->service);
	else if (o->kind == ND_OBJECT_SLICE)
		put_slice(b, &o->slice);
}

/* Around a message, which is gone then. */
static void put_envelope(struct nd_buf *b, const char *version, const char *kind,
			 struct nd_buf *raw)
{
	nd_buf_add(b, "k8s", 4);
	put_pair(b, 1, version, kind);
	put_inside(b, 2, raw);
}

static void put_frame(struct nd_buf *b, const char *type, const char *version, const char *kind,
		      struct nd_buf *raw)
{
	struct nd_buf whole = message(), object = message(), event = message();

	put_envelope(&whole, version, kind, raw);
	put_inside(&object, 1, &whole);
	put_text(&event, 1, type);
	put_inside(&event, 2, &object);
	uint8_t len[4] = { (uint8_t)(event.len >> 24), (uint8_t)(event.len >> 16),
			   (uint8_t)(event.len >> 8), (uint8_t)event.len };
	nd_buf_add(b, len, sizeof len);
	nd_buf_add(b, event.data, event.len);
	nd_buf_clear(&event);
}

/* ---- either ---- */

void sim_encode_page_item(struct sim_page *p, const struct sim_object *o)
{
	uint32_t version = (uint32_t)strtoul(o->version, NULL, 10);

	if (p->pb) {
		struct nd_buf item = message();
		put_object(&item, &o->object, version);
		put_inside(&p->items, 2, &item);
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
	put_number_text(&meta, 2, p->version);
	put_text(&meta, 3, p->more);
	put_inside(&list, 1, &meta);
	nd_buf_add(&list, p->items.data, p->items.len);
	put_envelope(to, versions[p->kind], kind, &list);
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
	put_frame(to, type, versions[o->object.kind], nd_object_kind_text[o->object.kind], &raw);
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
	put_number_text(&meta, 6, version);
	if (initial_end)
		put_pair(&meta, 12, INITIAL_END, "true");
	put_inside(&raw, 1, &meta);
	put_frame(to, "BOOKMARK", versions[kind], nd_object_kind_text[kind], &raw);
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

	put_text(&b, 2, "Failure");
	put_text(&b, 3, s->message);
	put_text(&b, 4, s->reason);
	put_int(&details, 5, (uint64_t)s->retry_after_s);
	put_inside(&b, 5, &details);
	put_int(&b, 6, (uint64_t)s->code);
	return b;
}

void sim_encode_status(bool pb, const struct sim_status *s, struct nd_buf *to)
{
	if (!pb) {
		json_status(to, s);
		return;
	}
	struct nd_buf raw = pb_status(s);
	put_envelope(to, "v1", "Status", &raw);
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
	put_frame(to, "ERROR", "v1", "Status", &raw);
}
