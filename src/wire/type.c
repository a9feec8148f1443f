/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/type.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct row {
	uint16_t number;
	const char *name;
};

static const struct row types[] = {
	{ 1, "A" }, { 2, "NS" }, { 3, "MD" }, { 4, "MF" }, { 5, "CNAME" }, { 6, "SOA" }, { 7, "MB" }, { 8, "MG" },
	{ 9, "MR" }, { 10, "NULL" }, { 12, "PTR" }, { 13, "HINFO" }, { 14, "MINFO" }, { 15, "MX" }, { 16, "TXT" },
	{ 17, "RP" }, { 18, "AFSDB" }, { 19, "X25" }, { 20, "ISDN" }, { 21, "RT" }, { 23, "NSAP-PTR" }, { 24, "SIG" },
	{ 25, "KEY" }, { 26, "PX" }, { 27, "GPOS" }, { 28, "AAAA" }, { 29, "LOC" }, { 30, "NXT" }, { 31, "EID" },
	{ 32, "NIMLOC" }, { 33, "SRV" }, { 34, "ATMA" }, { 35, "NAPTR" }, { 36, "KX" }, { 37, "CERT" },
	{ 39, "DNAME" }, { 41, "OPT" }, { 42, "APL" }, { 43, "DS" }, { 44, "SSHFP" }, { 45, "IPSECKEY" },
	{ 46, "RRSIG" }, { 47, "NSEC" }, { 48, "DNSKEY" }, { 49, "DHCID" }, { 50, "NSEC3" }, { 51, "NSEC3PARAM" },
	{ 52, "TLSA" }, { 53, "SMIMEA" }, { 55, "HIP" }, { 56, "NINFO" }, { 57, "RKEY" }, { 58, "TALINK" },
	{ 59, "CDS" }, { 60, "CDNSKEY" }, { 61, "OPENPGPKEY" }, { 62, "CSYNC" }, { 63, "ZONEMD" }, { 64, "SVCB" },
	{ 65, "HTTPS" }, { 99, "SPF" }, { 100, "UINFO" }, { 101, "UID" }, { 102, "GID" }, { 103, "UNSPEC" },
	{ 104, "NID" }, { 105, "L32" }, { 106, "L64" }, { 107, "LP" }, { 108, "EUI48" }, { 109, "EUI64" },
	{ 249, "TKEY" }, { 250, "TSIG" }, { 251, "IXFR" }, { 252, "AXFR" }, { 253, "MAILB" }, { 254, "MAILA" },
	{ 255, "ANY" }, { 256, "URI" }, { 257, "CAA" }, { 258, "AVC" }, { 260, "AMTRELAY" }, { 32768, "TA" },
	{ 32769, "DLV" },
};

static const struct row classes[] = {
	{ 1, "IN" }, { 2, "CS" }, { 3, "CH" }, { 4, "HS" }, { 254, "NONE" }, { 255, "ANY" },
};

static const struct row rcodes[] = {
	{ 0, "NOERROR" }, { 1, "FORMERR" }, { 2, "SERVFAIL" }, { 3, "NXDOMAIN" }, { 4, "NOTIMP" }, { 5, "REFUSED" },
	{ 6, "YXDOMAIN" }, { 7, "YXRRSET" }, { 8, "NXRRSET" }, { 9, "NOTAUTH" }, { 10, "NOTZONE" },
	{ 16, "BADVERS" }, { 17, "BADKEY" }, { 18, "BADTIME" }, { 19, "BADMODE" }, { 20, "BADNAME" },
	{ 21, "BADALG" }, { 22, "BADTRUNC" }, { 23, "BADCOOKIE" },
};

static const struct row opcodes[] = {
	{ 0, "QUERY" }, { 1, "IQUERY" }, { 2, "STATUS" }, { 4, "NOTIFY" }, { 5, "UPDATE" },
};

#define ROWS(table) table, sizeof(table) / sizeof *(table)

static const char *text_of(const struct row *rows, size_t n, uint16_t number, const char *prefix, char *text)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].number == number)
			return rows[i].name;
	snprintf(text, ND_NUMBER_TEXT_MAX, "%s%u", prefix, number);
	return text;
}

static int number_of(const struct row *rows, size_t n, const char *prefix, const char *text, size_t len)
{
	size_t plen = strlen(prefix);
	char digits[8];
	char *end;

	for (size_t i = 0; i < n; i++)
		if (strlen(rows[i].name) == len && strncasecmp(rows[i].name, text, len) == 0)
			return rows[i].number;
	if (!plen || len <= plen || len - plen > 5 || strncasecmp(text, prefix, plen) != 0)
		return -1;
	memcpy(digits, text + plen, len - plen);
	digits[len - plen] = '\0';
	unsigned long v = strtoul(digits, &end, 10);
	return *end || digits[0] < '0' || digits[0] > '9' || v > 65535 ? -1 : (int)v;
}

const char *nd_type_text(uint16_t type, char text[ND_NUMBER_TEXT_MAX])
{
	return text_of(ROWS(types), type, "TYPE", text);
}

const char *nd_type_class_text(uint16_t class, char text[ND_NUMBER_TEXT_MAX])
{
	return text_of(ROWS(classes), class, "CLASS", text);
}

const char *nd_type_rcode_text(uint16_t rcode, char text[ND_NUMBER_TEXT_MAX])
{
	return text_of(ROWS(rcodes), rcode, "RCODE", text);
}

const char *nd_type_opcode_text(uint8_t opcode, char text[ND_NUMBER_TEXT_MAX])
{
	return text_of(ROWS(opcodes), opcode, "OPCODE", text);
}

int nd_type_parse(const char *text, size_t n)
{
	return number_of(ROWS(types), "TYPE", text, n);
}

int nd_type_class_parse(const char *text, size_t n)
{
	return number_of(ROWS(classes), "CLASS", text, n);
}

int nd_type_rcode_parse(const char *text, size_t n)
{
	return number_of(ROWS(rcodes), "", text, n);
}
