/* SPDX-License-Identifier: Apache-2.0 */
/* text_svcb.c - service parameters of SVCB and HTTPS (RFC 9460, RFC 9461, RFC 9540). */
#include <arpa/inet.h>
#include <stdio.h>
#include "wire/reader.h"
#include "wire/text_scan.h"

enum key {
	KEY_MANDATORY,
	KEY_ALPN,
	KEY_NO_DEFAULT_ALPN,
	KEY_PORT,
	KEY_IPV4HINT,
	KEY_ECH,
	KEY_IPV6HINT,
	KEY_DOHPATH,
	KEY_OHTTP,
};

static const char *const keys[] = {
	"mandatory", "alpn",     "no-default-alpn", "port",  "ipv4hint",
	"ech",       "ipv6hint", "dohpath",         "ohttp",
};

enum { VALUE_MAX = 4096 }; /* octets of one value; enough for an ECHConfigList */

/* A registered name, or keyNNNNN without leading zeros for an unregistered key; -1 otherwise. */
static int parse_key(const char *text, size_t n)
{
	struct nd_text_word digits = { .at = text + 3, .n = n - 3 };
	uint32_t v;

	for (size_t i = 0; i < ND_COUNT(keys); i++)
		if (strlen(keys[i]) == n && memcmp(keys[i], text, n) == 0)
			return (int)i;
	if (n < 4 || memcmp(text, "key", 3) != 0 || text[3] == '0' ||
	    !nd_text_scan_number(digits, UINT16_MAX - 1, &v) || v < ND_COUNT(keys))
		return -1;
	return (int)v;
}

/* Takes the item before the next comma. False if nothing is left. */
static bool next_item(struct nd_text_word *rest, struct nd_text_word *item)
{
	size_t n = 0;

	if (rest->n == 0)
		return false;
	while (n < rest->n && rest->at[n] != ',')
		n++;
	*item = (struct nd_text_word){ .at = rest->at, .n = n };
	size_t taken = n < rest->n ? n + 1 : n;
	rest->at += taken;
	rest->n -= taken;
	return true;
}

/* Sorted in ascending order (RFC 9460 s8). */
static const char *parse_mandatory(struct nd_text_word value, struct nd_text_sink *out)
{
	struct nd_text_word item;

	while (next_item(&value, &item)) {
		int key = parse_key(item.at, item.n);
		if (key < 0)
			return "invalid key in mandatory";
		nd_text_sink_number(out, (uint32_t)key, 2);
		if (out->full)
			return NULL;
		for (uint8_t *p = out->bytes + out->len - 2;
		     p > out->bytes && nd_reader_peek16(p - 2) > nd_reader_peek16(p); p -= 2) {
			uint8_t two[2];
			memcpy(two, p, 2);
			memcpy(p, p - 2, 2);
			memcpy(p - 2, two, 2);
		}
	}
	return NULL;
}

static const char *put_alpn(const uint8_t *id, size_t n, struct nd_text_sink *out)
{
	if (n == 0)
		return "empty protocol in alpn";
	nd_text_sink_number(out, (uint32_t)n, 1);
	nd_text_sink_put(out, id, n);
	return NULL;
}

/* Two layers of escapes (RFC 9460 appendix A.1): the text's, then the list's. */
static const char *parse_alpn(struct nd_text_word value, struct nd_text_sink *out)
{
	uint8_t id[255];
	size_t n = 0, at = 0;
	const char *why;

	if (value.n == 0)
		return NULL;
	while (at < value.n) {
		int c = nd_name_char(value.at, value.n, &at);
		if (c == ',') {
			if ((why = put_alpn(id, n, out)) != NULL)
				return why;
			n = 0;
			continue;
		}
		if (c == '\\') {
			c = at < value.n ? nd_name_char(value.at, value.n, &at) : -1;
			if (c != '\\' && c != ',')
				return "invalid escape in alpn";
		}
		if (c < 0)
			return "invalid escape in alpn";
		if (n == sizeof id)
			return "protocol in alpn over 255 bytes";
		id[n++] = (uint8_t)c;
	}
	return put_alpn(id, n, out);
}

static const char *parse_hints(struct nd_text_word value, int family, struct nd_text_sink *out)
{
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };
	struct nd_text_word item;
	char text[INET6_ADDRSTRLEN];
	uint8_t bytes[16];

	if (value.n == 0)
		return "empty address hint";
	while (next_item(&value, &item)) {
		if (item.n >= sizeof text)
			return "invalid address hint";
		memcpy(text, item.at, item.n);
		text[item.n] = '\0';
		if (strlen(text) != item.n || inet_pton(family, text, bytes) != 1 ||
		    (family == AF_INET6 && memcmp(bytes, mapped, sizeof mapped) == 0))
			return "invalid address hint";
		nd_text_sink_put(out, bytes, family == AF_INET ? 4 : 16);
	}
	return NULL;
}

static const char *parse_base64(struct nd_text_word value, struct nd_text_sink *out)
{
	uint32_t bits = 0;
	size_t digits = 0;

	if (value.n % 4)
		return "invalid base64 in ech";
	for (int i = 0; i < 2 && value.n && value.at[value.n - 1] == '='; i++)
		value.n--;
	for (; digits < value.n; digits++) {
		int v = nd_text_scan_base64(value.at[digits]);
		if (v < 0)
			return "invalid base64 in ech";
		bits = bits << 6 | (uint32_t)v;
		if (digits % 4)
			nd_text_sink_number(out, bits >> (6 - 2 * (digits % 4)) & 255, 1);
	}
	return NULL;
}

static const char *parse_octets(struct nd_text_word value, struct nd_text_sink *out)
{
	for (size_t at = 0; at < value.n;) {
		int c = nd_name_char(value.at, value.n, &at);
		if (c < 0)
			return "invalid escape in service parameter";
		nd_text_sink_number(out, (uint32_t)c, 1);
	}
	return NULL;
}

static const char *parse_value(int key, struct nd_text_word value, struct nd_text_sink *out)
{
	uint32_t port;

	switch (key) {
	case KEY_MANDATORY: return parse_mandatory(value, out);
	case KEY_ALPN: return parse_alpn(value, out);
	case KEY_NO_DEFAULT_ALPN:
	case KEY_OHTTP: return value.n ? "service parameter takes no value" : NULL;
	case KEY_PORT:
		value.quoted = false; /* the quotes belong to the pair */
		if (!nd_text_scan_number(value, UINT16_MAX, &port))
			return "invalid port";
		nd_text_sink_number(out, port, 2);
		return NULL;
	case KEY_IPV4HINT: return parse_hints(value, AF_INET, out);
	case KEY_ECH: return parse_base64(value, out);
	case KEY_IPV6HINT: return parse_hints(value, AF_INET6, out);
	default: return parse_octets(value, out);
	}
}

/* Inserts the pair in the order of keys, after offset `start`. */
static const char *insert(struct nd_text_sink *out, size_t start, int key,
			  const struct nd_text_sink *value)
{
	size_t at = start, need = 4 + value->len;

	while (at < out->len && nd_reader_peek16(out->bytes + at) < key)
		at += 4u + nd_reader_peek16(out->bytes + at + 2);
	if (at < out->len && nd_reader_peek16(out->bytes + at) == key)
		return "service parameter given twice";
	if (out->full || value->full || need > out->cap - out->len) {
		out->full = true;
		return NULL;
	}
	memmove(out->bytes + at + need, out->bytes + at, out->len - at);
	struct nd_text_sink hole = { .bytes = out->bytes, .len = at, .cap = at + need };
	nd_text_sink_number(&hole, (uint32_t)key, 2);
	nd_text_sink_number(&hole, (uint32_t)value->len, 2);
	nd_text_sink_put(&hole, value->bytes, value->len);
	out->len += need;
	return NULL;
}

/* key, key=value or key="value"; a quoted value is the next word. */
static int parse_pair(struct nd_text_scan *s, struct nd_text_word word, struct nd_text_sink *out,
		      size_t start)
{
	uint8_t bytes[VALUE_MAX];
	struct nd_text_sink value = { .bytes = bytes, .cap = sizeof bytes };
	const char *equals = memchr(word.at, '=', word.n);
	struct nd_text_word text = { .at = word.at + word.n };
	const char *why;

	if (equals) {
		text.at = equals + 1;
		text.n = (size_t)(word.at + word.n - text.at);
		word.n = (size_t)(equals - word.at);
		if (text.n == 0 && s->p < s->end && *s->p == '"' && !nd_text_scan_next(s, &text))
			return ND_EFORMAT;
	}
	int key = parse_key(word.at, word.n);
	if (key < 0)
		return nd_text_scan_fail(s, "unknown service parameter");
	why = parse_value(key, text, &value);
	if (!why)
		why = insert(out, start, key, &value);
	return why ? nd_text_scan_fail(s, why) : 0;
}

int nd_text_svcb_parse(struct nd_text_scan *s, struct nd_text_sink *out)
{
	size_t start = out->len;
	struct nd_text_word word;

	while (nd_text_scan_next(s, &word)) {
		if (word.quoted || !word.spaced)
			return nd_text_scan_fail(s,
						 "service parameters must be separated by a space");
		int err = parse_pair(s, word, out, start);
		if (err)
			return err;
	}
	return s->why ? ND_EFORMAT : 0;
}

static void format_key(struct nd_text_out *o, uint16_t key)
{
	if (key < ND_COUNT(keys)) {
		nd_text_out_string(o, keys[key]);
	} else {
		nd_text_out_string(o, "key");
		nd_text_out_number(o, key);
	}
}

/* As miekg/dns, also escapes spaces and semicolons, even in quotes. */
static void format_octets(struct nd_text_out *o, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == ' ' || p[i] == ';')
			nd_text_out_string(o, "\\");
		nd_text_out_escaped(o, p + i, 1);
	}
}

static bool format_alpn(struct nd_text_out *o, const uint8_t *p, size_t n)
{
	for (size_t at = 0; at < n; at += 1u + p[at]) {
		if (p[at] > n - at - 1)
			return false;
		if (at)
			nd_text_out_string(o, ",");
		for (size_t i = at + 1; i <= at + p[at]; i++) {
			if (p[i] == ',')
				nd_text_out_string(o, "\\\\\\044");
			else if (p[i] == '\\')
				nd_text_out_string(o, "\\\\\\092");
			else
				format_octets(o, p + i, 1);
		}
	}
	return true;
}

static bool format_hints(struct nd_text_out *o, int family, const uint8_t *p, size_t n)
{
	size_t size = family == AF_INET ? 4 : 16;
	char text[INET6_ADDRSTRLEN];

	for (size_t at = 0; at < n; at += size) {
		if (at)
			nd_text_out_string(o, ",");
		nd_text_out_string(o, inet_ntop(family, p + at, text, sizeof text));
	}
	return true;
}

static bool format_mandatory(struct nd_text_out *o, const uint8_t *p, size_t n)
{
	for (size_t at = 0; at < n; at += 2) {
		if (at)
			nd_text_out_string(o, ",");
		format_key(o, nd_reader_peek16(p + at));
	}
	return true;
}

static bool format_value(struct nd_text_out *o, uint16_t key, const uint8_t *p, size_t n)
{
	switch (key) {
	case KEY_MANDATORY: return n % 2 == 0 && format_mandatory(o, p, n);
	case KEY_ALPN: return format_alpn(o, p, n);
	case KEY_NO_DEFAULT_ALPN:
	case KEY_OHTTP: return n == 0;
	case KEY_PORT:
		if (n != 2)
			return false;
		nd_text_out_number(o, nd_reader_peek16(p));
		return true;
	case KEY_IPV4HINT: return n && n % 4 == 0 && format_hints(o, AF_INET, p, n);
	case KEY_ECH: nd_text_out_base64(o, p, n); return true;
	case KEY_IPV6HINT: return n && n % 16 == 0 && format_hints(o, AF_INET6, p, n);
	default: format_octets(o, p, n); return true;
	}
}

bool nd_text_svcb_format(struct nd_text_out *o, const uint8_t *p, size_t n)
{
	struct nd_reader r = nd_reader_over(p, n);

	while (nd_reader_left(&r)) {
		uint16_t key = nd_reader_u16(&r);
		uint16_t len = nd_reader_u16(&r);
		const uint8_t *value = nd_reader_take(&r, len);
		if (!value)
			return false;
		nd_text_out_string(o, " ");
		format_key(o, key);
		nd_text_out_string(o, "=\"");
		if (!format_value(o, key, value, len))
			return false;
		nd_text_out_string(o, "\"");
	}
	return true;
}
