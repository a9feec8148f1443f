/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/text_scan.h"

#include <stdio.h>
#include "base/ascii.h"
#include "wire/type.h"

/* Skips white space, comments, parentheses, and line ends inside parentheses. False: the record
 * ends. */
static bool skip_blanks(struct nd_text_scan *s, bool *spaced)
{
	*spaced = false;
	for (; s->p < s->end; s->p++) {
		switch (*s->p) {
		case ' ':
		case '\t':
		case '\r': break;
		case ';':
			while (s->p + 1 < s->end && s->p[1] != '\n')
				s->p++;
			break;
		case '\n':
			if (s->depth == 0)
				return false;
			break;
		case '(': s->depth++; break;
		case ')':
			if (--s->depth < 0) {
				nd_text_scan_fail(s, "unmatched closing parenthesis");
				return false;
			}
			break;
		default: return true;
		}
		*spaced = true;
	}
	if (s->depth > 0)
		nd_text_scan_fail(s, "unmatched opening parenthesis");
	return false;
}

static bool ends_word(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';' || c == '(' ||
	       c == ')' || c == '"';
}

static bool take_quoted(struct nd_text_scan *s, struct nd_text_word *word)
{
	word->quoted = true;
	s->last = s->p;
	word->at = ++s->p;
	for (; s->p < s->end; s->p++) {
		if (*s->p == '\\' && s->p + 1 < s->end) {
			s->p++;
		} else if (*s->p == '"') {
			word->n = (size_t)(s->p++ - word->at);
			return true;
		}
	}
	nd_text_scan_fail(s, "unterminated quoted string");
	return false;
}

bool nd_text_scan_next(struct nd_text_scan *s, struct nd_text_word *word)
{
	if (s->why || !skip_blanks(s, &word->spaced))
		return false;
	if (*s->p == '"')
		return take_quoted(s, word);
	word->quoted = false;
	word->at = s->p;
	s->last = s->p;
	while (s->p < s->end && !ends_word(*s->p))
		s->p += *s->p == '\\' && s->end - s->p >= 2 ? 2 : 1;
	word->n = (size_t)(s->p - word->at);
	return true;
}

int nd_text_scan_fail(struct nd_text_scan *s, const char *why)
{
	if (!s->why)
		s->why = why;
	return ND_EFORMAT;
}

bool nd_text_scan_number(struct nd_text_word word, uint32_t max, uint32_t *out)
{
	uint64_t v = 0;

	if (word.n == 0 || word.quoted)
		return false;
	for (size_t i = 0; i < word.n; i++) {
		if (!nd_ascii_is_digit(word.at[i]))
			return false;
		v = v * 10 + (uint64_t)(word.at[i] - '0');
		if (v > max)
			return false;
	}
	*out = (uint32_t)v;
	return true;
}

static uint32_t seconds_of(char unit)
{
	switch (unit | 0x20) {
	case 's': return 1;
	case 'm': return 60;
	case 'h': return 3600;
	case 'd': return 86400;
	case 'w': return 7 * 86400;
	default: return 0;
	}
}

bool nd_text_scan_duration(struct nd_text_word word, uint32_t *out)
{
	uint64_t sum = 0, v = 0;

	if (word.n == 0 || word.quoted || !nd_ascii_is_digit(word.at[0]))
		return false;
	for (size_t i = 0; i < word.n; i++) {
		if (nd_ascii_is_digit(word.at[i])) {
			v = v * 10 + (uint64_t)(word.at[i] - '0');
		} else {
			uint32_t unit = seconds_of(word.at[i]);
			if (unit == 0)
				return false;
			sum += v * unit;
			v = 0;
		}
		if (sum > UINT32_MAX || v > UINT32_MAX)
			return false;
	}
	if (sum + v > UINT32_MAX)
		return false;
	*out = (uint32_t)(sum + v);
	return true;
}

int nd_text_scan_base64(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (nd_ascii_is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

void nd_text_sink_put(struct nd_text_sink *k, const void *bytes, size_t n)
{
	if (k->full || n > k->cap - k->len) {
		k->full = true;
		return;
	}
	if (n)
		memcpy(k->bytes + k->len, bytes, n);
	k->len += n;
}

void nd_text_sink_number(struct nd_text_sink *k, uint32_t v, size_t octets)
{
	uint8_t bytes[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8),
			     (uint8_t)v };
	nd_text_sink_put(k, bytes + 4 - octets, octets);
}

void nd_text_out_bytes(struct nd_text_out *o, const char *bytes, size_t n)
{
	if (n > o->cap - 1 - o->len)
		n = o->cap - 1 - o->len;
	memcpy(o->text + o->len, bytes, n);
	o->len += n;
	o->text[o->len] = '\0';
}

void nd_text_out_string(struct nd_text_out *o, const char *string)
{
	nd_text_out_bytes(o, string, strlen(string));
}

void nd_text_out_number(struct nd_text_out *o, uint32_t v)
{
	char text[16];
	nd_text_out_bytes(o, text, (size_t)snprintf(text, sizeof text, "%u", v));
}

void nd_text_out_name(struct nd_text_out *o, struct nd_name name)
{
	char text[ND_NAME_TEXT_MAX];
	nd_text_out_bytes(o, text, nd_name_format(name, text));
}

void nd_text_out_hex(struct nd_text_out *o, const uint8_t *p, size_t n, bool upper)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";

	for (size_t i = 0; i < n; i++)
		nd_text_out_bytes(o, (char[]){ digits[p[i] >> 4], digits[p[i] & 15] }, 2);
}

void nd_text_out_base64(struct nd_text_out *o, const uint8_t *p, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		size_t have = n - i < 3 ? n - i : 3;
		uint32_t v = (uint32_t)p[i] << 16 | (have > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
			     (have > 2 ? p[i + 2] : 0);
		char four[4] = { digits[v >> 18], digits[v >> 12 & 63],
				 have > 1 ? digits[v >> 6 & 63] : '=',
				 have > 2 ? digits[v & 63] : '=' };
		nd_text_out_bytes(o, four, 4);
	}
}

/* Escapes as miekg/dns and dig do inside quotes. */
void nd_text_out_escaped(struct nd_text_out *o, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char text[8] = { (char)p[i] };
		size_t len = 1;
		if (p[i] < ' ' || p[i] > '~')
			len = (size_t)snprintf(text, sizeof text, "\\%03u", p[i]);
		else if (p[i] == '"' || p[i] == '\\')
			len = (size_t)snprintf(text, sizeof text, "\\%c", p[i]);
		nd_text_out_bytes(o, text, len);
	}
}

const char *nd_text_shape(uint16_t type)
{
	switch (type) {
	case ND_TYPE_A: return "a";
	case ND_TYPE_AAAA: return "q";
	case ND_TYPE_NS:
	case ND_TYPE_CNAME:
	case ND_TYPE_PTR:
	case ND_TYPE_DNAME:
	case ND_TYPE_MD:
	case ND_TYPE_MF:
	case ND_TYPE_MB:
	case ND_TYPE_MG:
	case ND_TYPE_MR:
	case ND_TYPE_NSAP_PTR: return "n";
	case ND_TYPE_MINFO:
	case ND_TYPE_RP:
	case ND_TYPE_TALINK: return "nn";
	case ND_TYPE_SOA: return "nnwtttt";
	case ND_TYPE_HINFO: return "ss";
	case ND_TYPE_MX:
	case ND_TYPE_AFSDB:
	case ND_TYPE_RT:
	case ND_TYPE_KX:
	case ND_TYPE_LP: return "hn";
	case ND_TYPE_PX: return "hnn";
	case ND_TYPE_L32: return "ha";
	case ND_TYPE_UID:
	case ND_TYPE_GID: return "w";
	case ND_TYPE_X25:
	case ND_TYPE_UINFO: return "s";
	case ND_TYPE_GPOS: return "sss";
	case ND_TYPE_TXT:
	case ND_TYPE_NINFO:
	case ND_TYPE_AVC:
	case ND_TYPE_RESINFO:
	case ND_TYPE_SPF: return "S";
	case ND_TYPE_SRV: return "hhhn";
	case ND_TYPE_NAPTR: return "hhsssn";
	case ND_TYPE_DS:
	case ND_TYPE_CDS:
	case ND_TYPE_TA:
	case ND_TYPE_DLV: return "hgbX";
	case ND_TYPE_SSHFP: return "bbX";
	case ND_TYPE_SIG:
	case ND_TYPE_RRSIG: return "Tgbwiihny";
	case ND_TYPE_NSEC: return "nm";
	case ND_TYPE_CSYNC: return "whm";
	case ND_TYPE_DNSKEY:
	case ND_TYPE_CDNSKEY:
	case ND_TYPE_KEY:
	case ND_TYPE_RKEY: return "hbgy";
	case ND_TYPE_CERT: return "hhgy";
	case ND_TYPE_DHCID:
	case ND_TYPE_OPENPGPKEY: return "y";
	case ND_TYPE_TLSA:
	case ND_TYPE_SMIMEA: return "bbbx";
	case ND_TYPE_ZONEMD: return "wbbx";
	case ND_TYPE_SVCB:
	case ND_TYPE_HTTPS: return "hnp";
	case ND_TYPE_URI: return "hho";
	case ND_TYPE_CAA: return "bco";
	default: return NULL;
	}
}
