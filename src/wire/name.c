/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/name.h"

#include <stdio.h>

const struct nd_name nd_name_root = { .wire = (const uint8_t *)"", .len = 1, .labels = 0 };

static inline uint8_t lower(uint8_t c)
{
	return (uint8_t)(c + ((uint8_t)(c - 'A') < 26 ? 32 : 0));
}

void nd_name_lower(uint8_t *bytes, size_t n)
{
	/* Length octets are at most 63 and so never letters. */
	for (size_t i = 0; i < n; i++)
		bytes[i] = lower(bytes[i]);
}

int nd_name_read(struct nd_reader *r, bool to_lower, struct nd_name_buf *buf, struct nd_name *out)
{
	struct nd_reader walk = *r;
	size_t floor = nd_reader_offset(r);  /* a jump must land below this */
	const uint8_t *after = NULL;         /* where r goes; set at the first jump */
	size_t n = 0, labels = 0;

	for (;;) {
		uint8_t len = nd_reader_u8(&walk);
		if (len >= 0xc0) {
			size_t to = (size_t)(len & 0x3f) << 8 | nd_reader_u8(&walk);
			if (walk.err)
				return walk.err;
			if (to >= floor)
				return ND_EFORMAT;
			if (!after)
				after = walk.pos;
			walk.pos = r->base + to;
			floor = to;
			continue;
		}
		const uint8_t *label = nd_reader_take(&walk, len);
		if (walk.err)
			return walk.err;
		if (len > ND_LABEL_MAX || n + 1 + len > ND_NAME_MAX)
			return ND_EFORMAT;
		buf->bytes[n++] = len;
		if (len == 0)
			break;
		if (to_lower)
			for (size_t i = 0; i < len; i++)
				buf->bytes[n + i] = lower(label[i]);
		else
			memcpy(buf->bytes + n, label, len);
		n += len;
		labels++;
	}

	r->pos = after ? after : walk.pos;
	*out = (struct nd_name){ .wire = buf->bytes, .len = (uint8_t)n, .labels = (uint8_t)labels };
	return 0;
}

int nd_name_skip(struct nd_reader *r)
{
	for (;;) {
		uint8_t len = nd_reader_u8(r);
		if (len >= 0xc0) {
			nd_reader_take(r, 1);
			return r->err;
		}
		if (len > ND_LABEL_MAX && !r->err)
			r->err = ND_EFORMAT;
		nd_reader_take(r, len);
		if (r->err || len == 0)
			return r->err;
	}
}

struct nd_name nd_name_view(const uint8_t *wire)
{
	struct nd_name n = { .wire = wire };
	size_t at = 0;

	for (; wire[at]; at += 1u + wire[at])
		n.labels++;
	n.len = (uint8_t)(at + 1);
	return n;
}

/* One character of presentation text, escapes resolved (RFC 1035 s5.1). -1: malformed. */
static int unescape(const char *text, size_t n, size_t *i)
{
	unsigned char c = (unsigned char)text[*i];

	++*i;
	if (c != '\\')
		return c;
	if (*i >= n)
		return -1;
	c = (unsigned char)text[*i];
	if (c < '0' || c > '9') {
		++*i;
		return c;
	}
	if (n - *i < 3)
		return -1;
	int v = 0;
	for (size_t k = 0; k < 3; k++) {
		unsigned char d = (unsigned char)text[*i + k];
		if (d < '0' || d > '9')
			return -1;
		v = 10 * v + (d - '0');
	}
	*i += 3;
	return v > 255 ? -1 : v;
}

static int put_origin(struct nd_name_buf *buf, size_t at, const struct nd_name *origin, bool to_lower,
		      size_t labels, struct nd_name *out)
{
	struct nd_name o = origin ? *origin : nd_name_root;

	if (at + o.len > ND_NAME_MAX)
		return ND_EFORMAT;
	memmove(buf->bytes + at, o.wire, o.len);
	if (to_lower)
		nd_name_lower(buf->bytes + at, o.len);
	*out = (struct nd_name){ .wire = buf->bytes, .len = (uint8_t)(at + o.len),
				 .labels = (uint8_t)(labels + o.labels) };
	return 0;
}

int nd_name_parse_at(const char *text, size_t n, const struct nd_name *origin, bool to_lower, struct nd_name_buf *buf,
		     struct nd_name *out)
{
	size_t at = 0, labels = 0, i = 0;

	if (n == 0)
		return ND_EFORMAT;
	if (n == 1 && text[0] == '.')
		return put_origin(buf, 0, NULL, to_lower, 0, out);
	if (n == 1 && text[0] == '@' && origin)
		return put_origin(buf, 0, origin, to_lower, 0, out);
	while (i < n) {
		size_t start = at++;
		while (i < n && text[i] != '.') {
			int c = unescape(text, n, &i);
			if (c < 0 || at >= ND_NAME_MAX)
				return ND_EFORMAT;
			buf->bytes[at++] = to_lower ? lower((uint8_t)c) : (uint8_t)c;
		}
		size_t len = at - start - 1;
		if (len == 0 || len > ND_LABEL_MAX || at >= ND_NAME_MAX)
			return ND_EFORMAT;
		buf->bytes[start] = (uint8_t)len;
		labels++;
		if (i == n) /* no dot at the end: relative */
			return put_origin(buf, at, origin, to_lower, labels, out);
		i++;
	}
	return put_origin(buf, at, NULL, to_lower, labels, out);
}

int nd_name_parse(const char *text, bool to_lower, struct nd_name_buf *buf, struct nd_name *out)
{
	return nd_name_parse_at(text, strlen(text), NULL, to_lower, buf, out);
}

/* As miekg/dns: these get a backslash, what is not printable \DDD. */
static size_t put_escaped(char *to, uint8_t c)
{
	if (c < ' ' || c > '~')
		return (size_t)sprintf(to, "\\%03u", c);
	size_t n = 0;
	if (strchr(".()\"@;\\ '", c))
		to[n++] = '\\';
	to[n++] = (char)c;
	return n;
}

size_t nd_name_format(struct nd_name name, char text[ND_NAME_TEXT_MAX])
{
	size_t n = 0;

	for (size_t at = 0; at + 1 < name.len;) {
		size_t len = name.wire[at++];
		for (size_t i = 0; i < len; i++)
			n += put_escaped(text + n, name.wire[at + i]);
		text[n++] = '.';
		at += len;
	}
	if (n == 0)
		text[n++] = '.';
	text[n] = '\0';
	return n;
}

static bool equal_fold(const uint8_t *a, const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

bool nd_name_equal(struct nd_name a, struct nd_name b)
{
	return a.len == b.len && equal_fold(a.wire, b.wire, a.len);
}

struct nd_name nd_name_parent(struct nd_name name, unsigned n)
{
	for (; n && name.labels; n--) {
		uint8_t step = (uint8_t)(name.wire[0] + 1);
		name.wire += step;
		name.len = (uint8_t)(name.len - step);
		name.labels--;
	}
	return name;
}

bool nd_name_under(struct nd_name name, struct nd_name zone)
{
	if (name.labels < zone.labels)
		return false;
	return nd_name_equal(nd_name_parent(name, name.labels - zone.labels), zone);
}

bool nd_name_under_lower(struct nd_name name, struct nd_name zone)
{
	if (zone.len == 1)
		return true;
	if (name.len < zone.len || memcmp(name.wire + name.len - zone.len, zone.wire, zone.len) != 0)
		return false;
	/* The bytes agree: do they begin at a label? */
	return name.labels >= zone.labels && nd_name_parent(name, name.labels - zone.labels).len == zone.len;
}

int nd_name_join(struct nd_name prefix, struct nd_name suffix, struct nd_name_buf *buf, struct nd_name *out)
{
	size_t head = prefix.len - 1u;

	if (head + suffix.len > ND_NAME_MAX)
		return ND_ELIMIT;
	memmove(buf->bytes + head, suffix.wire, suffix.len);
	memmove(buf->bytes, prefix.wire, head);
	*out = (struct nd_name){ .wire = buf->bytes, .len = (uint8_t)(head + suffix.len),
				 .labels = (uint8_t)(prefix.labels + suffix.labels) };
	return 0;
}

int nd_name_prepend(const void *label, size_t n, struct nd_name name, struct nd_name_buf *buf, struct nd_name *out)
{
	if (n == 0 || n > ND_LABEL_MAX)
		return ND_EFORMAT;
	if (n + 1 + name.len > ND_NAME_MAX)
		return ND_ELIMIT;
	memmove(buf->bytes + n + 1, name.wire, name.len);
	memcpy(buf->bytes + 1, label, n);
	buf->bytes[0] = (uint8_t)n;
	*out = (struct nd_name){ .wire = buf->bytes, .len = (uint8_t)(n + 1 + name.len),
				 .labels = (uint8_t)(name.labels + 1) };
	return 0;
}

struct nd_name nd_name_copy(struct nd_name name, struct nd_name_buf *buf)
{
	memmove(buf->bytes, name.wire, name.len);
	name.wire = buf->bytes;
	return name;
}

/* --- reverse names --- */

static const uint8_t in_addr[] = "\7in-addr\4arpa";
static const uint8_t ip6[] = "\3ip6\4arpa";

/* A label of one to three digits, 0..255, no leading zero. -1: none. */
static int decimal(const uint8_t *label)
{
	int v = 0;

	if (label[0] == 0 || label[0] > 3 || (label[0] > 1 && label[1] == '0'))
		return -1;
	for (unsigned i = 1; i <= label[0]; i++) {
		if (label[i] < '0' || label[i] > '9')
			return -1;
		v = 10 * v + (label[i] - '0');
	}
	return v > 255 ? -1 : v;
}

static int nibble(const uint8_t *label)
{
	uint8_t c = label[1];

	if (label[0] != 1)
		return -1;
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool ends_with(struct nd_name name, const uint8_t *suffix, size_t n)
{
	return name.len > n && memcmp(name.wire + name.len - n, suffix, n) == 0;
}

bool nd_name_reverse_address(struct nd_name name, uint8_t address[16], size_t *n)
{
	const uint8_t *p = name.wire;

	if (name.labels == 6 && ends_with(name, in_addr, sizeof in_addr)) {
		for (unsigned i = 4; i-- > 0; p += 1u + p[0]) {
			int v = decimal(p);
			if (v < 0)
				return false;
			address[i] = (uint8_t)v;
		}
		*n = 4;
		return true;
	}
	if (name.labels == 34 && ends_with(name, ip6, sizeof ip6)) {
		for (unsigned i = 32; i-- > 0; p += 2) {
			int v = nibble(p);
			if (v < 0)
				return false;
			address[i / 2] = i % 2 ? (uint8_t)v : (uint8_t)(address[i / 2] | v << 4);
		}
		*n = 16;
		return true;
	}
	return false;
}

struct nd_name nd_name_from_address(const uint8_t *address, size_t n, struct nd_name_buf *buf)
{
	char text[ND_NAME_TEXT_MAX];
	struct nd_name out = nd_name_root;
	size_t len = 0;

	for (size_t i = n; i-- > 0;)
		len += (size_t)(n == 4 ? sprintf(text + len, "%u.", address[i])
				       : sprintf(text + len, "%x.%x.", address[i] & 15, address[i] >> 4));
	strcpy(text + len, n == 4 ? "in-addr.arpa." : "ip6.arpa.");
	(void)nd_name_parse(text, true, buf, &out);
	return out;
}
