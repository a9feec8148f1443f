/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/type.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "base/ascii.h"
#include "base/err.h"

/* The names of miekg/dns, because they appear in metrics and logs. */
static const char *const types[] = {
	[0] = "None",        [1] = "A",         [2] = "NS",      [3] = "MD",
	[4] = "MF",          [5] = "CNAME",     [6] = "SOA",     [7] = "MB",
	[8] = "MG",          [9] = "MR",        [10] = "NULL",   [12] = "PTR",
	[13] = "HINFO",      [14] = "MINFO",    [15] = "MX",     [16] = "TXT",
	[17] = "RP",         [18] = "AFSDB",    [19] = "X25",    [20] = "ISDN",
	[21] = "RT",         [23] = "NSAP-PTR", [24] = "SIG",    [25] = "KEY",
	[26] = "PX",         [27] = "GPOS",     [28] = "AAAA",   [29] = "LOC",
	[30] = "NXT",        [31] = "EID",      [32] = "NIMLOC", [33] = "SRV",
	[34] = "ATMA",       [35] = "NAPTR",    [36] = "KX",     [37] = "CERT",
	[39] = "DNAME",      [41] = "OPT",      [42] = "APL",    [43] = "DS",
	[44] = "SSHFP",      [45] = "IPSECKEY", [46] = "RRSIG",  [47] = "NSEC",
	[48] = "DNSKEY",     [49] = "DHCID",    [50] = "NSEC3",  [51] = "NSEC3PARAM",
	[52] = "TLSA",       [53] = "SMIMEA",   [55] = "HIP",    [56] = "NINFO",
	[57] = "RKEY",       [58] = "TALINK",   [59] = "CDS",    [60] = "CDNSKEY",
	[61] = "OPENPGPKEY", [62] = "CSYNC",    [63] = "ZONEMD", [64] = "SVCB",
	[65] = "HTTPS",      [99] = "SPF",      [100] = "UINFO", [101] = "UID",
	[102] = "GID",       [103] = "UNSPEC",  [104] = "NID",   [105] = "L32",
	[106] = "L64",       [107] = "LP",      [108] = "EUI48", [109] = "EUI64",
	[128] = "NXNAME",    [249] = "TKEY",    [250] = "TSIG",  [251] = "IXFR",
	[252] = "AXFR",      [253] = "MAILB",   [254] = "MAILA", [255] = "ANY",
	[256] = "URI",       [257] = "CAA",     [258] = "AVC",   [260] = "AMTRELAY",
	[261] = "RESINFO",
};

enum { TYPE_RESERVED = 65535 };

static const char *const classes[] = {
	[1] = "IN", [2] = "CS", [3] = "CH", [4] = "HS", [254] = "NONE", [255] = "ANY",
};

/* 16 is both BADVERS and BADSIG; miekg/dns writes BADSIG. */
static const char *const rcodes[] = {
	"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP",    "REFUSED",       "YXDOMAIN",
	"YXRRSET", "NXRRSET", "NOTAUTH",  "NOTZONE",  "DSOTYPENI", [16] = "BADSIG", "BADKEY",
	"BADTIME", "BADMODE", "BADNAME",  "BADALG",   "BADTRUNC",  "BADCOOKIE",
};

static const char *const opcodes[] = {
	"QUERY", "IQUERY", "STATUS", [4] = "NOTIFY", "UPDATE",
};

static const char *text_of(const char *const *table, size_t count, unsigned v, const char *prefix,
			   char text[ND_NUMBER_TEXT_MAX])
{
	if (v < count && table[v])
		return table[v];
	snprintf(text, ND_NUMBER_TEXT_MAX, "%s%u", prefix, v);
	return text;
}

static bool is(const char *name, const char *text, size_t n)
{
	return strlen(name) == n && strncasecmp(name, text, n) == 0;
}

/* The number after the prefix, 0 to 65535; -1 if it does not have this form. */
static int parse_numbered(const char *prefix, const char *text, size_t n)
{
	size_t skip = strlen(prefix);
	int v = 0;

	if (n <= skip || strncasecmp(text, prefix, skip) != 0)
		return -1;
	for (size_t i = skip; i < n; i++) {
		if (!nd_ascii_is_digit(text[i]))
			return -1;
		v = v * 10 + (text[i] - '0');
		if (v > 65535)
			return -1;
	}
	return v;
}

static int parse(const char *const *table, size_t first, size_t count, const char *prefix,
		 const char *text, size_t n)
{
	for (size_t i = first; i < count; i++)
		if (table[i] && is(table[i], text, n))
			return (int)i;
	return parse_numbered(prefix, text, n);
}

const char *nd_type_text(uint16_t type, char text[ND_NUMBER_TEXT_MAX])
{
	switch (type) {
	case ND_TYPE_TA: return "TA";
	case ND_TYPE_DLV: return "DLV";
	case TYPE_RESERVED: return "Reserved";
	default: return text_of(types, ND_COUNT(types), type, "TYPE", text);
	}
}

const char *nd_type_class_text(uint16_t class, char text[ND_NUMBER_TEXT_MAX])
{
	return text_of(classes, ND_COUNT(classes), class, "CLASS", text);
}

const char *nd_type_rcode_text(uint16_t rcode, char text[ND_NUMBER_TEXT_MAX])
{
	return text_of(rcodes, ND_COUNT(rcodes), rcode, "RCODE", text);
}

const char *nd_type_opcode_text(uint8_t opcode, char text[ND_NUMBER_TEXT_MAX])
{
	return text_of(opcodes, ND_COUNT(opcodes), opcode, "OPCODE", text);
}

/* "None" (0) is only for logs, not a type that can be queried. */
int nd_type_parse(const char *text, size_t n)
{
	if (is("TA", text, n))
		return ND_TYPE_TA;
	if (is("DLV", text, n))
		return ND_TYPE_DLV;
	return parse(types, 1, ND_COUNT(types), "TYPE", text, n);
}

int nd_type_class_parse(const char *text, size_t n)
{
	return parse(classes, 0, ND_COUNT(classes), "CLASS", text, n);
}

int nd_type_rcode_parse(const char *text, size_t n)
{
	if (is("NOTIMPL", text, n))
		return ND_RCODE_NOTIMP;
	if (is("BADVERS", text, n))
		return ND_RCODE_BADVERS;
	return parse(rcodes, 0, ND_COUNT(rcodes), "RCODE", text, n);
}
