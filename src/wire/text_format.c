/* SPDX-License-Identifier: Apache-2.0 */
/* text_format.c - formats rdata, field by field of the type's shape. */
#include <arpa/inet.h>
#include <stdio.h>
#include <time.h>
#include "wire/text.h"
#include "wire/text_scan.h"
#include "wire/type.h"

static bool format_address(struct nd_text_out *o, int family, struct nd_reader *r)
{
	char text[INET6_ADDRSTRLEN];
	const uint8_t *p = nd_reader_take(r, family == AF_INET ? 4 : 16);

	if (p)
		nd_text_out_string(o, inet_ntop(family, p, text, sizeof text));
	return p;
}

static bool format_name(struct nd_text_out *o, struct nd_reader *r)
{
	struct nd_name_buf buf;
	const uint8_t *start = r->pos;
	struct nd_name name;

	if (nd_name_read(r, false, &buf, &name) != 0 || r->pos - start != name.len)
		return false; /* incomplete, or with a pointer into an unknown message */
	nd_text_out_name(o, name);
	return true;
}

static bool format_number(struct nd_text_out *o, size_t octets, struct nd_reader *r)
{
	const uint8_t *p = nd_reader_take(r, octets);
	uint32_t v = 0;

	for (size_t i = 0; p && i < octets; i++)
		v = v << 8 | p[i];
	if (p)
		nd_text_out_number(o, v);
	return p;
}

/* The words for 0 and 65535 are only for logs and are not parsed as types. */
static void put_type(struct nd_text_out *o, uint16_t type)
{
	char text[ND_NUMBER_TEXT_MAX];

	if (type != 0 && type != UINT16_MAX) {
		nd_text_out_string(o, nd_type_text(type, text));
		return;
	}
	nd_text_out_string(o, "TYPE");
	nd_text_out_number(o, type);
}

static bool format_type(struct nd_text_out *o, struct nd_reader *r)
{
	put_type(o, nd_reader_u16(r));
	return r->err == 0;
}

static bool format_time(struct nd_text_out *o, struct nd_reader *r)
{
	time_t at = nd_reader_u32(r);
	char text[32];
	struct tm tm;

	if (r->err || !gmtime_r(&at, &tm) || !strftime(text, sizeof text, "%Y%m%d%H%M%S", &tm))
		return false;
	nd_text_out_string(o, text);
	return true;
}

static bool format_quoted(struct nd_text_out *o, size_t n, struct nd_reader *r)
{
	const uint8_t *p = nd_reader_take(r, n);

	if (!p)
		return false;
	nd_text_out_string(o, "\"");
	nd_text_out_escaped(o, p, n);
	nd_text_out_string(o, "\"");
	return true;
}

static bool format_strings(struct nd_text_out *o, struct nd_reader *r)
{
	if (nd_reader_left(r) == 0)
		return false;
	for (const char *blank = ""; nd_reader_left(r); blank = " ") {
		nd_text_out_string(o, blank);
		if (!format_quoted(o, nd_reader_u8(r), r))
			return false;
	}
	return true;
}

static bool format_tag(struct nd_text_out *o, struct nd_reader *r)
{
	size_t n = nd_reader_u8(r);
	const uint8_t *p = nd_reader_take(r, n);

	for (size_t i = 0; p && i < n; i++)
		if (p[i] <= ' ' || p[i] > '~' || strchr("\"\\();", p[i]))
			return false; /* could not be parsed again */
	if (p && n)
		nd_text_out_bytes(o, (const char *)p, n);
	return p && n;
}

/* RFC 4034 s4.1.2. Adds a space before each type. */
static bool format_bitmap(struct nd_text_out *o, struct nd_reader *r)
{
	int last = -1;

	while (nd_reader_left(r)) {
		int window = nd_reader_u8(r);
		uint8_t n = nd_reader_u8(r);
		const uint8_t *p = nd_reader_take(r, n);
		if (!p || n == 0 || n > 32 || window <= last)
			return false;
		last = window;
		for (int bit = 0; bit < 8 * n; bit++) {
			if (!(p[bit / 8] & 0x80 >> bit % 8))
				continue;
			nd_text_out_string(o, " ");
			put_type(o, (uint16_t)(window << 8 | bit));
		}
	}
	return true;
}

static bool format_rest(struct nd_text_out *o, char field, struct nd_reader *r)
{
	size_t n = nd_reader_left(r);
	const uint8_t *p = nd_reader_take(r, n);

	if (n == 0)
		return false;
	if (field == 'y')
		nd_text_out_base64(o, p, n);
	else
		nd_text_out_hex(o, p, n, field == 'X');
	return true;
}

static bool format_field(struct nd_text_out *o, char field, struct nd_reader *r)
{
	switch (field) {
	case 'a': return format_address(o, AF_INET, r);
	case 'q': return format_address(o, AF_INET6, r);
	case 'n': return format_name(o, r);
	case 'b':
	case 'g': return format_number(o, 1, r);
	case 'h': return format_number(o, 2, r);
	case 'w':
	case 't': return format_number(o, 4, r);
	case 'i': return format_time(o, r);
	case 'T': return format_type(o, r);
	case 's': return format_quoted(o, nd_reader_u8(r), r);
	case 'S': return format_strings(o, r);
	case 'c': return format_tag(o, r);
	case 'o': return format_quoted(o, nd_reader_left(r), r);
	case 'm': return format_bitmap(o, r);
	default: return format_rest(o, field, r); /* x, X, y */
	}
}

static bool format_shape(struct nd_text_out *o, const char *shape, struct nd_reader *r)
{
	for (const char *field = shape; *field; field++) {
		if (*field == 'p') {
			size_t n = nd_reader_left(r);
			if (!nd_text_svcb_format(o, nd_reader_take(r, n), n))
				return false;
			continue;
		}
		if (field != shape && *field != 'm')
			nd_text_out_string(o, " ");
		if (!format_field(o, *field, r))
			return false;
	}
	return r->err == 0 && nd_reader_left(r) == 0;
}

/* RFC 3597 s5: for types without a shape and rdata that does not match its shape. */
static void format_generic(struct nd_text_out *o, const uint8_t *rdata, size_t n)
{
	nd_text_out_string(o, "\\# ");
	nd_text_out_number(o, (uint32_t)n);
	if (n)
		nd_text_out_string(o, " ");
	nd_text_out_hex(o, rdata, n, false);
}

size_t nd_text_format_rdata(uint16_t type, const uint8_t *rdata, size_t n, char *text, size_t cap)
{
	struct nd_text_out o = { .text = text, .cap = cap };
	struct nd_reader r = nd_reader_over(rdata, n);
	const char *shape = nd_text_shape(type);

	if (cap == 0)
		return 0;
	text[0] = '\0';
	if (!shape || !format_shape(&o, shape, &r)) {
		o.len = 0;
		text[0] = '\0';
		format_generic(&o, rdata, n);
	}
	return o.len;
}
