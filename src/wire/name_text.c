/* SPDX-License-Identifier: Apache-2.0 */
/* name_text.c - names in presentation format, and reverse names of addresses. */
#include "base/ascii.h"
#include "wire/name.h"

int nd_name_char(const char *text, size_t n, size_t *at)
{
	const char *p = text + *at;
	size_t left = n - *at;

	if (*p != '\\') {
		*at += 1;
		return (uint8_t)*p;
	}
	if (left >= 4 && nd_ascii_is_digit(p[1]) && nd_ascii_is_digit(p[2]) &&
	    nd_ascii_is_digit(p[3])) {
		int v = (p[1] - '0') * 100 + (p[2] - '0') * 10 + (p[3] - '0');
		*at += 4;
		return v <= 255 ? v : -1;
	}
	if (left < 2)
		return -1;
	*at += 2;
	return (uint8_t)p[1];
}

/* Writes the labels of the text, without the root. Returns the number of octets, or -1 if it is
 * not a name; *absolute: it ended in a dot. */
static int put_labels(const char *text, size_t n, uint8_t *bytes, unsigned *labels, bool *absolute)
{
	size_t at = 0, len_at = 0;
	size_t used = 1; /* includes the length octet of the current label */

	*labels = 0;
	*absolute = false;
	if (n == 1 && text[0] == '.') {
		*absolute = true;
		return 0;
	}
	while (at < n) {
		if (text[at] == '.') {
			if (used - len_at == 1)
				return -1;
			at++;
			bytes[len_at] = (uint8_t)(used - len_at - 1);
			++*labels;
			len_at = used++;
			*absolute = at == n;
			continue;
		}
		int c = text[at] == '\\' ? nd_name_char(text, n, &at) : (uint8_t)text[at++];
		if (c < 0 || used - len_at > ND_LABEL_MAX || used >= ND_NAME_MAX - 1)
			return -1;
		bytes[used++] = (uint8_t)c;
	}
	if (used - len_at > 1) {
		bytes[len_at] = (uint8_t)(used - len_at - 1);
		++*labels;
		len_at = used;
	}
	return n ? (int)len_at : -1;
}

static int parse(const char *text, size_t n, const struct nd_name *origin, bool lower,
		 struct nd_name_buf *buf, struct nd_name *out)
{
	uint8_t bytes[ND_NAME_MAX]; /* origin may be in buf; *out must not change on failure */
	struct nd_name tail = nd_name_root;
	unsigned labels;
	bool absolute;
	int len = put_labels(text, n, bytes, &labels, &absolute);

	if (len < 0)
		return ND_EFORMAT;
	if (!absolute && origin)
		tail = *origin;
	if ((size_t)len + tail.len > ND_NAME_MAX)
		return ND_EFORMAT;
	memmove(buf->bytes + len, tail.wire, tail.len);
	memcpy(buf->bytes, bytes, (size_t)len);
	if (lower)
		nd_name_lower(buf->bytes, (size_t)len + tail.len);
	*out = (struct nd_name){ .wire = buf->bytes,
				 .len = (uint8_t)(len + tail.len),
				 .labels = (uint8_t)(labels + tail.labels) };
	return 0;
}

int nd_name_parse(const char *text, bool lower, struct nd_name_buf *buf, struct nd_name *out)
{
	return parse(text, strlen(text), NULL, lower, buf, out);
}

int nd_name_parse_at(const char *text, size_t n, const struct nd_name *origin, bool lower,
		     struct nd_name_buf *buf, struct nd_name *out)
{
	if (n == 1 && text[0] == '@') {
		struct nd_name name = nd_name_copy(origin ? *origin : nd_name_root, buf);
		if (lower)
			nd_name_lower(buf->bytes, name.len);
		*out = name;
		return 0;
	}
	return parse(text, n, origin, lower, buf, out);
}

/* Escaped with a backslash by miekg/dns. Other characters outside ' ' to '~' become \DDD. */
static bool special(uint8_t c)
{
	return c == '.' || c == ' ' || c == '\'' || c == '@' || c == ';' || c == '(' || c == ')' ||
	       c == '"' || c == '\\';
}

static char *put_char(char *to, uint8_t c)
{
	if (special(c)) {
		*to++ = '\\';
	} else if (c < ' ' || c > '~') {
		*to++ = '\\';
		*to++ = (char)('0' + c / 100);
		*to++ = (char)('0' + c / 10 % 10);
		c = (uint8_t)('0' + c % 10);
	}
	*to++ = (char)c;
	return to;
}

size_t nd_name_format(struct nd_name name, char text[ND_NAME_TEXT_MAX])
{
	const uint8_t *p = name.wire;
	char *to = text;

	if (name.len <= 1)
		*to++ = '.';
	else
		for (uint8_t len; (len = *p++) != 0; *to++ = '.')
			for (; len; len--)
				to = put_char(to, *p++);
	*to = '\0';
	return (size_t)(to - text);
}

static const struct nd_name in_addr = { .wire = (const uint8_t *)"\7in-addr\4arpa",
					.len = 14,
					.labels = 2 };
static const struct nd_name ip6_arpa = { .wire = (const uint8_t *)"\3ip6\4arpa",
					 .len = 10,
					 .labels = 2 };

/* A decimal octet without leading zeros, as in Go's net.ParseIP; -1 if invalid. */
static int octet_label(const uint8_t *label)
{
	int v = 0;

	if (*label < 1 || *label > 3 || (*label > 1 && label[1] == '0'))
		return -1;
	for (int i = 1; i <= *label; i++) {
		if (!nd_ascii_is_digit((char)label[i]))
			return -1;
		v = v * 10 + label[i] - '0';
	}
	return v <= 255 ? v : -1;
}

static int nibble_label(const uint8_t *label)
{
	if (*label != 1)
		return -1;
	return nd_ascii_hex((char)label[1]);
}

bool nd_name_reverse_address(struct nd_name lower, uint8_t address[16], size_t *n)
{
	const uint8_t *p = lower.wire;
	uint8_t bytes[16] = { 0 };
	int v;

	if (lower.labels == 4 + 2 && nd_name_under_lower(lower, in_addr)) {
		for (int i = 3; i >= 0; i--, p += 1 + *p) {
			if ((v = octet_label(p)) < 0)
				return false;
			bytes[i] = (uint8_t)v;
		}
		*n = 4;
	} else if (lower.labels == 32 + 2 && nd_name_under_lower(lower, ip6_arpa)) {
		for (int i = 31; i >= 0; i--, p += 1 + *p) {
			if ((v = nibble_label(p)) < 0)
				return false;
			bytes[i / 2] |= (uint8_t)(i & 1 ? v : v << 4);
		}
		*n = 16;
	} else {
		return false;
	}
	memcpy(address, bytes, *n);
	return true;
}

static size_t put_octet_label(uint8_t *to, uint8_t v)
{
	size_t n = 1;

	if (v >= 100)
		to[n++] = (uint8_t)('0' + v / 100);
	if (v >= 10)
		to[n++] = (uint8_t)('0' + v / 10 % 10);
	to[n++] = (uint8_t)('0' + v % 10);
	to[0] = (uint8_t)(n - 1);
	return n;
}

struct nd_name nd_name_from_address(const uint8_t *address, size_t n, struct nd_name_buf *buf)
{
	static const char hex[] = "0123456789abcdef";
	struct nd_name tail = n == 4 ? in_addr : ip6_arpa;
	size_t at = 0;

	ND_ASSERT(n == 4 || n == 16);
	for (size_t i = n; i-- > 0;) {
		if (n == 4) {
			at += put_octet_label(buf->bytes + at, address[i]);
			continue;
		}
		buf->bytes[at++] = 1;
		buf->bytes[at++] = (uint8_t)hex[address[i] & 15];
		buf->bytes[at++] = 1;
		buf->bytes[at++] = (uint8_t)hex[address[i] >> 4];
	}
	memcpy(buf->bytes + at, tail.wire, tail.len);
	return (struct nd_name){ .wire = buf->bytes,
				 .len = (uint8_t)(at + tail.len),
				 .labels = (uint8_t)((n == 4 ? 4 : 32) + 2) };
}
