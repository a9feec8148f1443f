/* SPDX-License-Identifier: Apache-2.0 */
/* type.h - types, classes, opcodes and RCODEs with their names (IANA "Domain Name System (DNS)
 * Parameters"). Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nd_type {
	ND_TYPE_A = 1,
	ND_TYPE_NS = 2,
	ND_TYPE_MD = 3,
	ND_TYPE_MF = 4,
	ND_TYPE_CNAME = 5,
	ND_TYPE_SOA = 6,
	ND_TYPE_MB = 7,
	ND_TYPE_MG = 8,
	ND_TYPE_MR = 9,
	ND_TYPE_PTR = 12,
	ND_TYPE_HINFO = 13,
	ND_TYPE_MINFO = 14,
	ND_TYPE_MX = 15,
	ND_TYPE_TXT = 16,
	ND_TYPE_RP = 17,
	ND_TYPE_AFSDB = 18,
	ND_TYPE_X25 = 19,
	ND_TYPE_ISDN = 20,
	ND_TYPE_RT = 21,
	ND_TYPE_NSAP_PTR = 23,
	ND_TYPE_SIG = 24,
	ND_TYPE_KEY = 25,
	ND_TYPE_PX = 26,
	ND_TYPE_GPOS = 27,
	ND_TYPE_AAAA = 28,
	ND_TYPE_LOC = 29,
	ND_TYPE_NXT = 30,
	ND_TYPE_SRV = 33,
	ND_TYPE_NAPTR = 35,
	ND_TYPE_KX = 36,
	ND_TYPE_CERT = 37,
	ND_TYPE_DNAME = 39,
	ND_TYPE_OPT = 41,
	ND_TYPE_APL = 42,
	ND_TYPE_DS = 43,
	ND_TYPE_SSHFP = 44,
	ND_TYPE_IPSECKEY = 45,
	ND_TYPE_RRSIG = 46,
	ND_TYPE_NSEC = 47,
	ND_TYPE_DNSKEY = 48,
	ND_TYPE_DHCID = 49,
	ND_TYPE_NSEC3 = 50,
	ND_TYPE_NSEC3PARAM = 51,
	ND_TYPE_TLSA = 52,
	ND_TYPE_SMIMEA = 53,
	ND_TYPE_HIP = 55,
	ND_TYPE_NINFO = 56,
	ND_TYPE_RKEY = 57,
	ND_TYPE_TALINK = 58,
	ND_TYPE_CDS = 59,
	ND_TYPE_CDNSKEY = 60,
	ND_TYPE_OPENPGPKEY = 61,
	ND_TYPE_CSYNC = 62,
	ND_TYPE_ZONEMD = 63,
	ND_TYPE_SVCB = 64,
	ND_TYPE_HTTPS = 65,
	ND_TYPE_SPF = 99,
	ND_TYPE_UINFO = 100,
	ND_TYPE_UID = 101,
	ND_TYPE_GID = 102,
	ND_TYPE_NID = 104,
	ND_TYPE_L32 = 105,
	ND_TYPE_L64 = 106,
	ND_TYPE_LP = 107,
	ND_TYPE_EUI48 = 108,
	ND_TYPE_EUI64 = 109,
	ND_TYPE_NXNAME = 128,
	ND_TYPE_TKEY = 249,
	ND_TYPE_TSIG = 250,
	ND_TYPE_IXFR = 251,
	ND_TYPE_AXFR = 252,
	ND_TYPE_ANY = 255,
	ND_TYPE_URI = 256,
	ND_TYPE_CAA = 257,
	ND_TYPE_AVC = 258,
	ND_TYPE_AMTRELAY = 260,
	ND_TYPE_RESINFO = 261,
	ND_TYPE_TA = 32768,
	ND_TYPE_DLV = 32769,
};

/* Types that only messages have (RFC 6895 s3.1): OPT, and meta and query types. */
static inline bool nd_type_is_meta(int type)
{
	return type == 0 || type == ND_TYPE_OPT || (type >= 128 && type <= 255);
}

enum nd_class {
	ND_CLASS_IN = 1,
	ND_CLASS_CH = 3,
	ND_CLASS_HS = 4,
	ND_CLASS_NONE = 254,
	ND_CLASS_ANY = 255
};

enum nd_opcode { ND_OPCODE_QUERY = 0, ND_OPCODE_NOTIFY = 4, ND_OPCODE_UPDATE = 5 };

enum nd_rcode {
	ND_RCODE_NOERROR = 0,
	ND_RCODE_FORMERR = 1,
	ND_RCODE_SERVFAIL = 2,
	ND_RCODE_NXDOMAIN = 3,
	ND_RCODE_NOTIMP = 4,
	ND_RCODE_REFUSED = 5,
	ND_RCODE_YXDOMAIN = 6,
	ND_RCODE_YXRRSET = 7,
	ND_RCODE_NXRRSET = 8,
	ND_RCODE_NOTAUTH = 9,
	ND_RCODE_NOTZONE = 10,
	ND_RCODE_BADVERS = 16,
};

enum { ND_NUMBER_TEXT_MAX = 16 };

/* "A", "TYPE1234" (RFC 3597). Returns `text` or a static string. */
const char *nd_type_text(uint16_t type, char text[ND_NUMBER_TEXT_MAX]);
const char *nd_type_class_text(uint16_t class, char text[ND_NUMBER_TEXT_MAX]); /* "IN", "CLASS5" */
/* "NOERROR"; an unknown one as "RCODE4095", as in miekg/dns and CoreDNS. */
const char *nd_type_rcode_text(uint16_t rcode, char text[ND_NUMBER_TEXT_MAX]);
const char *nd_type_opcode_text(uint8_t opcode, char text[ND_NUMBER_TEXT_MAX]);
/* The number of a name, case-insensitive, or of "TYPE123"; -1 if unknown. */
int nd_type_parse(const char *text, size_t n);
int nd_type_class_parse(const char *text, size_t n);
int nd_type_rcode_parse(const char *text, size_t n);
