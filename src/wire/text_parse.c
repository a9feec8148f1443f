/* SPDX-License-Identifier: Apache-2.0 */
/* text_parse.c - parses rdata, field by field of the type's shape. */
#include <arpa/inet.h>
#include <stdio.h>
#include <strings.h>
#include "base/ascii.h"
#include "wire/rr.h"
#include "wire/text.h"
#include "wire/text_scan.h"
#include "wire/type.h"

static int parse_address(struct nd_text_scan *s, struct nd_text_word word, int family,
			 struct nd_text_sink *out)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t bytes[16];

	if (word.quoted || word.n >= sizeof text)
		return nd_text_scan_fail(s, "invalid address");
	memcpy(text, word.at, word.n);
	text[word.n] = '\0';
	if (strlen(text) != word.n || inet_pton(family, text, bytes) != 1)
		return nd_text_scan_fail(s, "invalid address");
	nd_text_sink_put(out, bytes, family == AF_INET ? 4 : 16);
	return 0;
}

static int parse_name(struct nd_text_scan *s, struct nd_text_word word,
		      const struct nd_name *origin, struct nd_text_sink *out)
{
	struct nd_name_buf buf;
	struct nd_name name;

	if (word.quoted || nd_name_parse_at(word.at, word.n, origin, false, &buf, &name) != 0)
		return nd_text_scan_fail(s, "invalid name");
	nd_text_sink_put(out, name.wire, name.len);
	return 0;
}

static int parse_number(struct nd_text_scan *s, struct nd_text_word word, size_t octets,
			struct nd_text_sink *out)
{
	uint32_t v;

	if (!nd_text_scan_number(word, octets == 4 ? UINT32_MAX : (1u << 8 * octets) - 1, &v))
		return nd_text_scan_fail(s, "invalid number");
	nd_text_sink_number(out, v, octets);
	return 0;
}

/* Days since 1970 of a Gregorian date. */
static int64_t days(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month > 2 ? year : year - 1;
	int64_t from_march = (month + 9) % 12;
	return y * 365 + y / 4 - y / 100 + y / 400 + (from_march * 153 + 2) / 5 + day - 1 - 719468;
}

static int two_digits(const char *p)
{
	return (p[0] - '0') * 10 + p[1] - '0';
}

/* YYYYMMDDHHMMSS, or seconds since 1970 (RFC 4034 s3.2), both modulo 2^32. */
static int parse_time(struct nd_text_scan *s, struct nd_text_word word, struct nd_text_sink *out)
{
	static const int max[] = { 12, 31, 23, 59, 59 };
	int part[5];
	uint32_t v;

	if (word.n != 14)
		return parse_number(s, word, 4, out);
	for (size_t i = 0; i < word.n; i++)
		if (!nd_ascii_is_digit(word.at[i]))
			return nd_text_scan_fail(s, "invalid time");
	for (int i = 0; i < 5; i++) {
		part[i] = two_digits(word.at + 4 + 2 * i);
		if (part[i] > max[i] || (i < 2 && part[i] == 0))
			return nd_text_scan_fail(s, "invalid time");
	}
	v = (uint32_t)days(two_digits(word.at) * 100 + two_digits(word.at + 2), part[0], part[1]);
	nd_text_sink_number(out, v * 86400 + (uint32_t)(part[2] * 3600 + part[3] * 60 + part[4]),
			    4);
	return 0;
}

/* RFC 8624; IANA "DNS Security Algorithm Numbers". */
static int parse_algorithm(struct nd_text_scan *s, struct nd_text_word word,
			   struct nd_text_sink *out)
{
	static const struct {
		const char *name;
		uint8_t number;
	} known[] = {
		{ "RSAMD5", 1 },
		{ "DH", 2 },
		{ "DSA", 3 },
		{ "RSASHA1", 5 },
		{ "DSA-NSEC3-SHA1", 6 },
		{ "RSASHA1-NSEC3-SHA1", 7 },
		{ "RSASHA256", 8 },
		{ "RSASHA512", 10 },
		{ "ECC-GOST", 12 },
		{ "ECDSAP256SHA256", 13 },
		{ "ECDSAP384SHA384", 14 },
		{ "ED25519", 15 },
		{ "ED448", 16 },
		{ "INDIRECT", 252 },
		{ "PRIVATEDNS", 253 },
		{ "PRIVATEOID", 254 },
	};

	for (size_t i = 0; i < ND_COUNT(known); i++) {
		if (strlen(known[i].name) == word.n &&
		    strncasecmp(known[i].name, word.at, word.n) == 0) {
			nd_text_sink_number(out, known[i].number, 1);
			return 0;
		}
	}
	return parse_number(s, word, 1, out);
}

static int parse_type(struct nd_text_scan *s, struct nd_text_word word, struct nd_text_sink *out)
{
	int type = word.quoted ? -1 : nd_type_parse(word.at, word.n);

	if (type < 0)
		return nd_text_scan_fail(s, "unknown type");
	nd_text_sink_number(out, (uint32_t)type, 2);
	return 0;
}

/* Resolves escapes; writes no length. */
static int parse_octets(struct nd_text_scan *s, struct nd_text_word word, struct nd_text_sink *out)
{
	for (size_t at = 0; at < word.n;) {
		int c = nd_name_char(word.at, word.n, &at);
		if (c < 0)
			return nd_text_scan_fail(s, "invalid escape");
		nd_text_sink_number(out, (uint32_t)c, 1);
	}
	return 0;
}

/* One character-string; with `split` as many as needed (miekg/dns does so for TXT). */
static int parse_string(struct nd_text_scan *s, struct nd_text_word word, bool split,
			struct nd_text_sink *out)
{
	size_t at = 0;

	do {
		uint8_t bytes[256];
		size_t n = 0;
		while (at < word.n && n < 255) {
			int c = nd_name_char(word.at, word.n, &at);
			if (c < 0)
				return nd_text_scan_fail(s, "invalid escape");
			bytes[1 + n++] = (uint8_t)c;
		}
		bytes[0] = (uint8_t)n;
		nd_text_sink_put(out, bytes, 1 + n);
		if (at < word.n && !split)
			return nd_text_scan_fail(s, "string over 255 bytes");
	} while (at < word.n);
	return 0;
}

static int parse_tag(struct nd_text_scan *s, struct nd_text_word word, struct nd_text_sink *out)
{
	if (word.quoted)
		return nd_text_scan_fail(s, "a property tag cannot be quoted");
	return parse_string(s, word, false, out);
}

static int parse_hex(struct nd_text_scan *s, struct nd_text_word word, struct nd_text_sink *out)
{
	int high = -1;

	do {
		for (size_t i = 0; i < word.n; i++) {
			int v = nd_ascii_hex(word.at[i]);
			if (v < 0 || word.quoted)
				return nd_text_scan_fail(s, "invalid hexadecimal digit");
			if (high >= 0)
				nd_text_sink_number(out, (uint32_t)(high << 4 | v), 1);
			high = high >= 0 ? -1 : v;
		}
	} while (nd_text_scan_next(s, &word));
	if (s->why)
		return ND_EFORMAT;
	return high < 0 ? 0 : nd_text_scan_fail(s, "odd number of hexadecimal digits");
}

static int parse_base64(struct nd_text_scan *s, struct nd_text_word word, struct nd_text_sink *out)
{
	uint32_t bits = 0;
	size_t digits = 0, pads = 0;

	do {
		for (size_t i = 0; i < word.n; i++) {
			int v = nd_text_scan_base64(word.at[i]);
			if (word.at[i] == '=' && digits % 4 >= 2 && digits % 4 + pads < 4) {
				pads++;
				continue;
			}
			if (v < 0 || pads || word.quoted)
				return nd_text_scan_fail(s, "invalid base64");
			bits = bits << 6 | (uint32_t)v;
			if (digits++ % 4)
				nd_text_sink_number(out, bits >> (6 - 2 * ((digits - 1) % 4)) & 255,
						    1);
		}
	} while (nd_text_scan_next(s, &word));
	if (s->why)
		return ND_EFORMAT;
	return (digits + pads) % 4 ? nd_text_scan_fail(s, "truncated base64") : 0;
}

/* RFC 4034 s4.1.2: for each window of 256 types its number, a length, and that many octets. */
static int parse_bitmap(struct nd_text_scan *s, struct nd_text_sink *out)
{
	uint8_t bits[65536 / 8] = { 0 };
	struct nd_text_word word;

	while (nd_text_scan_next(s, &word)) {
		int type = word.quoted ? -1 : nd_type_parse(word.at, word.n);
		if (type < 0)
			return nd_text_scan_fail(s, "unknown type");
		bits[type / 8] |= (uint8_t)(0x80 >> type % 8);
	}
	for (size_t window = 0; window < 256; window++) {
		const uint8_t *p = bits + window * 32;
		size_t n = 32;
		while (n > 0 && p[n - 1] == 0)
			n--;
		if (n == 0)
			continue;
		nd_text_sink_number(out, (uint32_t)window, 1);
		nd_text_sink_number(out, (uint32_t)n, 1);
		nd_text_sink_put(out, p, n);
	}
	return s->why ? ND_EFORMAT : 0;
}

static int parse_word(struct nd_text_scan *s, char field, struct nd_text_word word,
		      const struct nd_name *origin, struct nd_text_sink *out)
{
	uint32_t v;

	switch (field) {
	case 'a': return parse_address(s, word, AF_INET, out);
	case 'q': return parse_address(s, word, AF_INET6, out);
	case 'n': return parse_name(s, word, origin, out);
	case 'b': return parse_number(s, word, 1, out);
	case 'h': return parse_number(s, word, 2, out);
	case 'w': return parse_number(s, word, 4, out);
	case 't':
		if (!nd_text_scan_duration(word, &v))
			return nd_text_scan_fail(s, "invalid number of seconds");
		nd_text_sink_number(out, v, 4);
		return 0;
	case 'i': return parse_time(s, word, out);
	case 'T': return parse_type(s, word, out);
	case 'g': return parse_algorithm(s, word, out);
	case 's': return parse_string(s, word, false, out);
	case 'c': return parse_tag(s, word, out);
	case 'o': return parse_octets(s, word, out);
	case 'y': return parse_base64(s, word, out);
	default: return parse_hex(s, word, out); /* x, X */
	}
}

static int parse_strings(struct nd_text_scan *s, struct nd_text_word word, struct nd_text_sink *out)
{
	do {
		int err = parse_string(s, word, true, out);
		if (err)
			return err;
	} while (nd_text_scan_next(s, &word));
	return s->why ? ND_EFORMAT : 0;
}

/* As in miekg/dns, the second string of HINFO may be missing (then it is empty) and times at the
 * end of a SOA (then 0). */
static int put_missing(struct nd_text_scan *s, const char *shape, const char *field,
		       struct nd_text_sink *out)
{
	if (*field == 't')
		nd_text_sink_number(out, 0, 4);
	else if (*field == 's' && field[1] == '\0' && field != shape)
		nd_text_sink_number(out, 0, 1);
	else
		nd_text_scan_fail(s, "incomplete rdata");
	return s->why ? ND_EFORMAT : 0;
}

static int parse_shape(struct nd_text_scan *s, const char *shape, const struct nd_name *origin,
		       struct nd_text_sink *out)
{
	struct nd_text_word word;
	int err = 0;

	for (const char *field = shape; *field && !err; field++) {
		if (*field == 'm') {
			err = parse_bitmap(s, out);
		} else if (*field == 'p') {
			err = nd_text_svcb_parse(s, out);
		} else if (!nd_text_scan_next(s, &word)) {
			err = put_missing(s, shape, field, out);
		} else if (*field == 'S') {
			err = parse_strings(s, word, out);
		} else {
			err = parse_word(s, *field, word, origin, out);
		}
	}
	return err;
}

/* RFC 3597 s5, after "\#". For a known type it must be valid for that type. */
static int parse_generic(struct nd_text_scan *s, uint16_t type, struct nd_text_sink *out)
{
	struct nd_text_word word;
	uint32_t len;
	int err = 0;

	if (!nd_text_scan_next(s, &word) || !nd_text_scan_number(word, UINT16_MAX, &len))
		return nd_text_scan_fail(s, "invalid length of generic rdata");
	if (nd_text_scan_next(s, &word))
		err = parse_hex(s, word, out);
	if (err || out->full)
		return err;
	if (out->len != len)
		return nd_text_scan_fail(s, "wrong length of generic rdata");
	if (len && !nd_rr_rdata_valid(type, out->bytes, out->len))
		return nd_text_scan_fail(s, "generic rdata is invalid for its type");
	return 0;
}

static bool is_generic(struct nd_text_scan s)
{
	struct nd_text_word word;
	return nd_text_scan_next(&s, &word) && !word.quoted && word.n == 2 &&
	       memcmp(word.at, "\\#", 2) == 0;
}

int nd_text_parse_fields(struct nd_text_scan *s, uint16_t type, const struct nd_name *origin,
			 uint8_t *out, size_t cap)
{
	struct nd_text_sink sink = { .bytes = out, .cap = cap < UINT16_MAX ? cap : UINT16_MAX };
	const char *shape = nd_text_shape(type);
	struct nd_text_word word;
	int err;

	if (is_generic(*s)) {
		nd_text_scan_next(s, &word);
		err = parse_generic(s, type, &sink);
	} else if (shape) {
		err = parse_shape(s, shape, origin, &sink);
	} else {
		(void)nd_text_scan_next(s, &word); /* a caller with more text sees where it ends */
		err = nd_text_scan_fail(s, "rdata of this type must be written as \\# LENGTH HEX");
	}
	if (!err && nd_text_scan_next(s, &word))
		err = nd_text_scan_fail(s, "unexpected text after rdata");
	if (!err && s->why)
		err = ND_EFORMAT;
	if (!err && sink.full) {
		nd_text_scan_fail(s, "rdata too long");
		err = ND_ELIMIT;
	}
	return err ? err : (int)sink.len;
}
