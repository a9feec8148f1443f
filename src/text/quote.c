/* SPDX-License-Identifier: Apache-2.0 */
#include "text/quote.h"

#include <string.h>
#include "base/ascii.h"

enum { RUNE_MAX = 0x10ffff, RUNE_BAD = 0xfffd };

/* RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF. */
size_t nd_quote_rune(const char *p, size_t n, uint32_t *rune)
{
	const unsigned char *s = (const unsigned char *)p;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = s[0] < 0x80   ? 1
		     : s[0] < 0xc2 ? 0
		     : s[0] < 0xe0 ? 2
		     : s[0] < 0xf0 ? 3
		     : s[0] < 0xf5 ? 4
				   : 0;
	if (len == 0 || len > n)
		return 0;
	uint32_t c = len == 1 ? s[0] : s[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[len] || c > RUNE_MAX || (c >= 0xd800 && c < 0xe000))
		return 0;
	*rune = c;
	return len;
}

size_t nd_quote_count(const char *p, size_t n)
{
	size_t count = 0;
	uint32_t c;

	for (size_t i = 0; i < n; count++) {
		size_t len = nd_quote_rune(p + i, n - i, &c);
		i += len ? len : 1;
	}
	return count;
}

void nd_quote_add_rune(struct nd_buf *out, uint32_t c)
{
	char s[4];
	size_t n;

	if (c > RUNE_MAX || (c >= 0xd800 && c < 0xe000))
		c = RUNE_BAD;
	if (c < 0x80) {
		s[0] = (char)c;
		n = 1;
	} else if (c < 0x800) {
		s[0] = (char)(0xc0 | c >> 6);
		n = 2;
	} else if (c < 0x10000) {
		s[0] = (char)(0xe0 | c >> 12);
		n = 3;
	} else {
		s[0] = (char)(0xf0 | c >> 18);
		n = 4;
	}
	for (size_t i = 1; i < n; i++)
		s[i] = (char)(0x80 | (c >> (6 * (n - 1 - i)) & 0x3f));
	nd_buf_add(out, s, n);
}

/* An approximation of unicode.IsPrint: above ASCII all but spaces, controls and direction
 * marks. */
static bool prints(uint32_t c)
{
	if (c < 0x80)
		return c >= ' ' && c < 0x7f;
	return c > 0xa0 && c != 0xad && !(c >= 0x2000 && c <= 0x200f) &&
	       !(c >= 0x2028 && c <= 0x202f) && !(c >= 0x205f && c <= 0x206f) && c != 0x3000 &&
	       c != 0xfeff && !(c >= 0xe000 && c <= 0xf8ff) && !(c >= 0xfff0 && c <= 0xfffb) &&
	       c < 0xe0000;
}

static void add_escaped(struct nd_buf *out, uint32_t c, char quote)
{
	static const char means[] = "\a\b\f\n\r\t\v", letters[] = "abfnrtv";
	const char *found = c && c < 0x80 ? strchr(means, (int)c) : NULL;

	if (c == (unsigned char)quote || c == '\\')
		nd_buf_printf(out, "\\%c", (int)c);
	else if (found)
		nd_buf_printf(out, "\\%c", letters[found - means]);
	else if (prints(c))
		nd_quote_add_rune(out, c);
	else if (c < 0x80)
		nd_buf_printf(out, "\\x%02x", (unsigned)c);
	else
		nd_buf_printf(out, c < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)c);
}

void nd_quote_add(struct nd_buf *out, const char *text, size_t n)
{
	nd_buf_text(out, "\"");
	for (size_t i = 0; i < n && !out->err;) {
		uint32_t c = 0;
		size_t len = nd_quote_rune(text + i, n - i, &c);
		if (len == 0)
			nd_buf_printf(out, "\\x%02x", (unsigned char)text[i]);
		else
			add_escaped(out, c, '"');
		i += len ? len : 1;
	}
	nd_buf_text(out, "\"");
}

void nd_quote_add_rune_quoted(struct nd_buf *out, uint32_t rune)
{
	if (rune > RUNE_MAX || (rune >= 0xd800 && rune < 0xe000))
		rune = RUNE_BAD;
	nd_buf_text(out, "'");
	add_escaped(out, rune, '\'');
	nd_buf_text(out, "'");
}

/* Reads exactly n digits. */
static bool read_digits(const char **p, const char *end, size_t n, int base, uint32_t *value)
{
	*value = 0;
	if ((size_t)(end - *p) < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int digit = nd_ascii_hex(*(*p)++);
		if (digit < 0 || digit >= base)
			return false;
		*value = *value * (uint32_t)base + (uint32_t)digit;
	}
	return true;
}

/* \u{...}: one to six digits. p is after '{'. */
static bool read_braced(const char **p, const char *end, uint32_t *value)
{
	size_t n = 0;

	while (*p + n < end && (*p)[n] != '}')
		n++;
	if (n == 0 || n > 6 || *p + n == end || !read_digits(p, end, n, 16, value))
		return false;
	++*p;
	return true;
}

/* p is after the backslash. */
static bool read_escape(struct nd_buf *out, const char **p, const char *end, char quote, bool loose)
{
	static const char letters[] = "abfnrtv\\", means[] = "\a\b\f\n\r\t\v\\";
	char c = *p < end ? *(*p)++ : '\0', byte;
	const char *found = c ? strchr(letters, c) : NULL;
	uint32_t value = 0;
	bool ok;

	if (found)
		return nd_buf_add(out, &means[found - letters], 1) == 0;
	if (c && (c == quote || (loose && strchr("'\"`?", c))))
		return nd_buf_add(out, &c, 1) == 0;
	if (c == 'u' || c == 'U') {
		if (loose && c == 'u' && *p < end && **p == '{') {
			++*p;
			ok = read_braced(p, end, &value);
		} else {
			ok = read_digits(p, end, c == 'u' ? 4 : 8, 16, &value);
		}
		ok = ok && value <= RUNE_MAX && !(value >= 0xd800 && value < 0xe000);
		if (ok)
			nd_quote_add_rune(out, value);
		return ok && !out->err;
	}
	if (c == 'x') {
		ok = read_digits(p, end, 2, 16, &value);
	} else {
		--*p;
		ok = c >= '0' && c <= '7' && read_digits(p, end, 3, 8, &value) && value <= 255;
	}
	byte = (char)value;
	return ok && nd_buf_add(out, &byte, 1) == 0;
}

bool nd_quote_read(struct nd_buf *out, const char *text, size_t n, char quote, bool loose)
{
	const char *p = text, *end = text + n;

	while (p < end) {
		const char *from = p;
		while (p < end && *p != '\\')
			p++;
		if (nd_buf_add(out, from, (size_t)(p - from)) < 0)
			return false;
		if (p < end && (++p, !read_escape(out, &p, end, quote, loose)))
			return false;
	}
	return true;
}
