/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kubernetes/kobject.h"

#include <stdio.h>
#include <string.h>
#include "base/addr.h"
#include "base/buf.h"
#include "wire/name.h"

enum { TEXT_MAX = 64 << 20 };

/* CoreDNS does not find names with characters that the presentation format escapes. */
static bool is_plain(char c)
{
	return c > ' ' && c < 0x7f && !strchr(".\\\"'();@", c);
}

bool nd_kobject_is_label(const char *text)
{
	size_t n = 0;

	while (is_plain(text[n]))
		n++;
	return n > 0 && n <= ND_LABEL_MAX && !text[n];
}

bool nd_kobject_can_be_named(const struct nd_object *o)
{
	if (o->kind != ND_OBJECT_NAMESPACE && !nd_kobject_is_label(o->namespace))
		return false;
	if (o->kind == ND_OBJECT_SLICE || o->kind == ND_OBJECT_POD)
		return strlen(o->name) <= UINT8_MAX;
	return nd_kobject_is_label(o->name);
}

static char *put_byte(char *to, unsigned byte)
{
	if (byte >= 100)
		*to++ = (char)('0' + byte / 100);
	if (byte >= 10)
		*to++ = (char)('0' + byte / 10 % 10);
	*to++ = (char)('0' + byte % 10);
	return to;
}

/* Written by hand for speed: a list may have hundreds of thousands of endpoints. */
static size_t put_v4(const uint8_t *ip, char *to)
{
	char *at = put_byte(to, ip[0]);

	for (int i = 1; i < 4; i++) {
		*at++ = '-';
		at = put_byte(at, ip[i]);
	}
	return (size_t)(at - to);
}

/* RFC 5952 with "-" for ":". A label must not end in "-", so a "0" is added (CoreDNS
 * endpointHostname). */
static size_t put_v6(const uint8_t *ip, char *to)
{
	unsigned best = 8, run = 0;
	size_t n = 0;

	for (unsigned i = 0; i < 8; i++) {
		unsigned len = 0;
		while (i + len < 8 && ip[2 * (i + len)] == 0 && ip[2 * (i + len) + 1] == 0)
			len++;
		if (len >= 2 && len > run) {
			best = i;
			run = len;
		}
	}
	for (unsigned i = 0; i < 8; i++) {
		if (i == best) {
			n += (size_t)sprintf(to + n, "--");
			i += run - 1;
			continue;
		}
		n += (size_t)sprintf(to + n, "%s%x", i > 0 && i != best + run ? "-" : "",
				     (unsigned)(ip[2 * i] << 8 | ip[2 * i + 1]));
	}
	if (to[n - 1] == '-')
		to[n++] = '0';
	return n;
}

void nd_kobject_ip_label(const uint8_t *ip, size_t n, uint8_t label[ND_KOBJECT_LABEL_MAX])
{
	char text[ND_KOBJECT_LABEL_MAX];
	size_t len = n == 4 ? put_v4(ip, text) : put_v6(ip, text);

	label[0] = (uint8_t)len;
	memcpy(label + 1, text, len);
}

/* Adds a label to the text and returns its offset; 0 if it is empty or too long. */
static uint32_t add_label(struct nd_buf *text, const char *label)
{
	size_t n = strlen(label);
	uint8_t len = (uint8_t)n;
	uint32_t at = (uint32_t)text->len;

	if (n == 0 || n > ND_LABEL_MAX)
		return 0;
	nd_buf_add(text, &len, 1);
	nd_buf_add(text, label, n);
	return at;
}

static void begin_text(struct nd_buf *text)
{
	nd_buf_init(text, TEXT_MAX);
	nd_buf_add(text, "", 1);
}

/* An object without ports gets one that matches queries for any port (CoreDNS: port -1). */
static uint32_t count_ports(size_t n)
{
	return n > UINT16_MAX ? UINT16_MAX : n ? (uint32_t)n : 1;
}

static void fill_ports(struct nd_kport *to, const struct nd_object_port *from, size_t n,
		       struct nd_buf *text)
{
	if (n == 0) {
		*to = (struct nd_kport){ .port = -1 };
		return;
	}
	for (size_t i = 0; i < n; i++)
		to[i] = (struct nd_kport){ .name = add_label(text, from[i].name),
					   .protocol = add_label(text, from[i].protocol),
					   .port = from[i].port };
}

static uint8_t count_ips(const struct nd_object_service *s, struct nd_kskips *skips)
{
	size_t n = 0;

	for (size_t i = 0; i < s->nips; i++)
		n += s->ips[i].len > 0;
	skips->addresses = (uint32_t)(s->nips - n);
	return n > UINT8_MAX ? UINT8_MAX : (uint8_t)n;
}

/* An external name in wire form, case kept. 0: it is an address or not a name. */
static size_t wire_target(const char *text, struct nd_name_buf *buf)
{
	struct nd_name name;
	struct nd_addr ip;

	if (nd_addr_parse_ip(text, 0, &ip) == 0 || nd_name_parse(text, false, buf, &name))
		return 0;
	return name.len;
}

/* Each entry: length (4 or 16) and address, or 0 and a name. Invalid entries and those beyond the
 * limit are dropped. */
static size_t add_outside(const struct nd_object_service *o, struct nd_buf *text)
{
	size_t before = text->len;

	for (size_t i = 0; i < o->noutside && text->len - before < UINT16_MAX - 512; i++) {
		struct nd_object_ip ip = nd_object_ip(o->outside[i]);
		struct nd_name_buf buf;
		struct nd_name name;
		if (!ip.len &&
		    (!o->outside[i][0] || nd_name_parse(o->outside[i], false, &buf, &name)))
			continue;
		nd_buf_add(text, &ip.len, 1);
		nd_buf_add(text, ip.len ? ip.bytes : name.wire, ip.len ? ip.len : name.len);
	}
	return text->len - before;
}

bool nd_kobject_outside(const struct nd_kservice *s, size_t *at, struct nd_koutside *out)
{
	const uint8_t *from = (const uint8_t *)s + s->size - s->target_len - s->outside_len;

	if (*at >= s->outside_len)
		return false;
	out->len = from[*at];
	out->at = from + *at + 1;
	*at += 1u + (out->len ? out->len : nd_name_view(out->at).len);
	return true;
}

bool nd_kobject_slice_has(const struct nd_kslice *s, const uint8_t *ip, size_t n)
{
	for (uint32_t i = 0; n == 4 && i < s->n4; i++)
		if (memcmp(nd_kobject_v4(s)[i].ip, ip, 4) == 0)
			return true;
	for (uint32_t i = 0; n == 16 && i < s->n6; i++)
		if (memcmp(nd_kobject_v6(s)[i].ip, ip, 16) == 0)
			return true;
	return false;
}

static void *block(struct nd_kmemory *m, size_t head, const struct nd_buf *text, uint32_t *size)
{
	*size = (uint32_t)(head + text->len);
	return text->err || head + text->len > UINT32_MAX ? NULL
							  : nd_kmemory_new(m, head + text->len);
}

static struct nd_kservice *build_service(struct nd_kmemory *m, const struct nd_object_service *o,
					 size_t nports, struct nd_kport *ports, struct nd_buf *text,
					 bool outside, struct nd_kskips *skips)
{
	struct nd_name_buf target;
	size_t outside_len = outside ? add_outside(o, text) : 0;
	size_t target_len = o->external ? wire_target(o->external_name, &target) : 0;
	uint8_t nips = o->headless || o->external ? 0 : count_ips(o, skips);
	uint32_t size;

	skips->target = o->external && !target_len;
	nd_buf_add(text, target.bytes, target_len);
	struct nd_kservice *s = block(m,
				      sizeof *s + nports * sizeof *ports +
					      nips * sizeof(struct nd_kip),
				      text, &size);
	if (!s)
		return NULL;
	s->size = size;
	s->nports = (uint16_t)nports;
	s->nips = nips;
	s->target_len = (uint16_t)target_len;
	s->outside_len = (uint16_t)outside_len;
	s->kind = o->external   ? ND_KSERVICE_EXTERNAL
		  : o->headless ? ND_KSERVICE_HEADLESS
				: ND_KSERVICE_CLUSTER;
	memcpy(s->port, ports, nports * sizeof *ports);
	struct nd_kip *ip = (struct nd_kip *)(s->port + nports);
	for (size_t i = 0; i < o->nips && ip < (struct nd_kip *)(s->port + nports) + nips; i++) {
		if (o->ips[i].len == 0)
			continue;
		ip->len = o->ips[i].len;
		memcpy(ip->bytes, o->ips[i].bytes, 16);
		ip++;
	}
	memcpy(ip, text->data, text->len);
	return s;
}

struct nd_kservice *nd_kobject_service(struct nd_kmemory *m, const struct nd_object *o,
				       bool outside, struct nd_kskips *skips)
{
	const struct nd_object_service *s = &o->service;
	/* A ServiceImport without ports gets none. */
	size_t given = s->nports > UINT16_MAX ? UINT16_MAX : s->nports;
	size_t nports = o->kind == ND_OBJECT_IMPORT ? given : count_ports(given);
	struct nd_kport *ports = nd_kmemory_new(m, (nports + 1) * sizeof *ports);
	struct nd_kservice *made = NULL;
	struct nd_buf text;

	if (!ports)
		return NULL;
	begin_text(&text);
	fill_ports(ports, s->ports, given, &text);
	made = build_service(m, s, nports, ports, &text, outside, skips);
	nd_buf_clear(&text);
	nd_kmemory_free(m, ports);
	return made;
}

/* CoreDNS endpointHostname: the hostname, or if configured the pod's name, or the address as the
 * object spells it. */
static uint32_t name_endpoint(const struct nd_object_endpoint *e, bool pod_names,
			      struct nd_buf *text)
{
	uint8_t canonical[ND_KOBJECT_LABEL_MAX];
	char written[ND_KOBJECT_LABEL_MAX + 1] = "";
	size_t n = strlen(e->text);

	if (nd_kobject_is_label(e->hostname))
		return add_label(text, e->hostname);
	if (pod_names && nd_kobject_is_label(e->pod))
		return add_label(text, e->pod);
	if (n == 0)
		return 0;
	nd_kobject_ip_label(e->ip.bytes, e->ip.len, canonical);
	for (size_t i = 0; i < n && i < ND_LABEL_MAX; i++)
		written[i] = e->text[i] == '.' || e->text[i] == ':' ? '-' : e->text[i];
	if (n < ND_LABEL_MAX && written[n - 1] == '-')
		written[n] = '0';
	if (strlen(written) == canonical[0] && memcmp(written, canonical + 1, canonical[0]) == 0)
		return 0;
	return add_label(text, written);
}

static uint32_t add_zone(struct nd_buf *text, const char *zone)
{
	size_t n = strlen(zone);
	uint32_t at = (uint32_t)text->len;
	uint8_t len = (uint8_t)n;

	if (n == 0 || n > UINT8_MAX)
		return 0;
	nd_buf_add(text, &len, 1);
	nd_buf_add(text, zone, n);
	if (!text->err)
		nd_name_lower((uint8_t *)text->data + at + 1, n);
	return at;
}

static void fill_endpoints(struct nd_kslice *s, const struct nd_object_slice *o,
			   const uint32_t *names, const uint32_t *zone_names)
{
	struct nd_kend4 *v4 = (struct nd_kend4 *)(s->port + s->nports);
	struct nd_kend6 *v6 = (struct nd_kend6 *)(v4 + s->n4);
	uint32_t *z4 = (uint32_t *)(v6 + s->n6), *z6 = z4 + s->n4;

	for (size_t i = 0; i < o->nendpoints; i++) {
		const struct nd_object_endpoint *e = &o->endpoints[i];
		if (e->ip.len == 4) {
			v4->name = names[i];
			memcpy(v4++->ip, e->ip.bytes, 4);
			if (s->zones)
				*z4++ = zone_names[i];
		} else if (e->ip.len == 16) {
			v6->name = names[i];
			memcpy(v6++->ip, e->ip.bytes, 16);
			if (s->zones)
				*z6++ = zone_names[i];
		}
	}
}

static void count_families(const struct nd_object_slice *o, uint32_t *n4, uint32_t *n6)
{
	*n4 = *n6 = 0;
	for (size_t i = 0; i < o->nendpoints; i++) {
		*n4 += o->endpoints[i].ip.len == 4;
		*n6 += o->endpoints[i].ip.len == 16;
	}
}

/* Without comparing each with each: a slice may have 20,000. */
static bool has_same_ports(const struct nd_kport *port, uint32_t n)
{
	uint64_t seen[1024] = { 0 };
	bool any_seen = false; /* -1: no port given */

	for (uint32_t i = 0; n > 1 && i < n; i++) {
		uint64_t *word = &seen[(uint16_t)port[i].port / 64];
		uint64_t bit = 1ull << (uint16_t)port[i].port % 64;
		if (port[i].port < 0 ? any_seen : *word & bit)
			return true;
		any_seen |= port[i].port < 0;
		*word |= port[i].port < 0 ? 0 : bit;
	}
	return false;
}

/* names: scratch for 2 * nendpoints label offsets. */
static struct nd_kslice *build_slice(struct nd_kmemory *m, const struct nd_object_slice *o,
				     bool pod_names, bool zones, uint32_t *names,
				     struct nd_kport *ports, struct nd_buf *text)
{
	uint32_t n4, n6, size, nports = count_ports(o->nports);
	uint32_t *zone_names = names + o->nendpoints;

	fill_ports(ports, o->ports, o->nports ? nports : 0, text);
	for (size_t i = 0; i < o->nendpoints; i++) {
		if (o->endpoints[i].ip.len == 0)
			continue;
		names[i] = name_endpoint(&o->endpoints[i], pod_names, text);
		if (zones)
			zone_names[i] = add_zone(text, o->endpoints[i].zone);
	}
	uint32_t cluster = add_label(text, o->cluster);
	count_families(o, &n4, &n6);
	struct nd_kslice *s = block(m,
				    sizeof *s + nports * sizeof *ports +
					    n4 * sizeof(struct nd_kend4) +
					    n6 * sizeof(struct nd_kend6) +
					    (zones ? (n4 + n6) * sizeof(uint32_t) : 0),
				    text, &size);
	if (!s)
		return NULL;
	s->size = size;
	s->n4 = n4;
	s->n6 = n6;
	s->nports = nports;
	s->nready = (uint32_t)o->nendpoints;
	s->cluster = cluster;
	s->zones = zones;
	s->same_ports = has_same_ports(ports, nports);
	memcpy(s->port, ports, nports * sizeof *ports);
	fill_endpoints(s, o, names, zone_names);
	memcpy((uint8_t *)s + size - text->len, text->data, text->len);
	return s;
}

struct nd_kslice *nd_kobject_slice(struct nd_kmemory *m, const struct nd_object_slice *o,
				   bool pod_names, bool zones, struct nd_kskips *skips)
{
	uint32_t *names = nd_kmemory_new(m, (2 * o->nendpoints + 1) * sizeof *names);
	struct nd_kport *ports = nd_kmemory_new(m, count_ports(o->nports) * sizeof *ports);
	struct nd_kslice *made = NULL;
	struct nd_buf text;

	begin_text(&text);
	if (names && ports)
		made = build_slice(m, o, pod_names, zones, names, ports, &text);
	if (made)
		skips->addresses = (uint32_t)o->nendpoints - made->n4 - made->n6;
	nd_buf_clear(&text);
	nd_kmemory_free(m, names);
	nd_kmemory_free(m, ports);
	return made;
}
