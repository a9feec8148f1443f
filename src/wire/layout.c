/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/layout.h"

#include <stddef.h>
#include "wire/type.h"

/* Types used only here (IANA numbers). */
enum {
	TYPE_MD = 3,
	TYPE_MF = 4,
	TYPE_MB = 7,
	TYPE_MG = 8,
	TYPE_MR = 9,
	TYPE_MINFO = 14,
	TYPE_RP = 17,
	TYPE_AFSDB = 18,
	TYPE_X25 = 19,
	TYPE_ISDN = 20,
	TYPE_RT = 21,
	TYPE_NSAP_PTR = 23,
	TYPE_SIG = 24,
	TYPE_KEY = 25,
	TYPE_PX = 26,
	TYPE_GPOS = 27,
	TYPE_LOC = 29,
	TYPE_NXT = 30,
	TYPE_KX = 36,
	TYPE_CERT = 37,
	TYPE_APL = 42,
	TYPE_IPSECKEY = 45,
	TYPE_SMIMEA = 53,
	TYPE_HIP = 55,
	TYPE_NINFO = 56,
	TYPE_RKEY = 57,
	TYPE_TALINK = 58,
	TYPE_CDS = 59,
	TYPE_CDNSKEY = 60,
	TYPE_CSYNC = 62,
	TYPE_ZONEMD = 63,
	TYPE_UINFO = 100,
	TYPE_UID = 101,
	TYPE_GID = 102,
	TYPE_NID = 104,
	TYPE_L32 = 105,
	TYPE_L64 = 106,
	TYPE_LP = 107,
	TYPE_EUI48 = 108,
	TYPE_EUI64 = 109,
	TYPE_NXNAME = 128,
	TYPE_TKEY = 249,
	TYPE_AVC = 258,
	TYPE_AMTRELAY = 260,
	TYPE_RESINFO = 261,
	TYPE_TA = 32768,
	TYPE_DLV = 32769,
};

const char *nd_layout_of_names(uint16_t type)
{
	switch (type) {
	case ND_TYPE_A:
	case ND_TYPE_AAAA:
	case ND_TYPE_TXT: return NULL; /* the most common types first */
	case ND_TYPE_NS:
	case ND_TYPE_CNAME:
	case ND_TYPE_PTR:
	case TYPE_MD:
	case TYPE_MF:
	case TYPE_MB:
	case TYPE_MG:
	case TYPE_MR: return "d";
	case ND_TYPE_SOA: return "dd44444";
	case TYPE_MINFO: return "dd";
	case ND_TYPE_MX: return "2d";
	case ND_TYPE_DNAME:
	case TYPE_NSAP_PTR: return "D";
	case TYPE_RP:
	case TYPE_TALINK: return "DD";
	case TYPE_AFSDB:
	case TYPE_RT:
	case TYPE_KX:
	case TYPE_LP: return "2D";
	case TYPE_PX: return "2DD";
	case ND_TYPE_SRV: return "222D";
	case ND_TYPE_NAPTR: return "22sssD";
	case TYPE_SIG:
	case ND_TYPE_RRSIG: return "2114442Dr";
	case ND_TYPE_NSEC:
	case TYPE_NXT:
	case ND_TYPE_TSIG:
	case TYPE_TKEY: return "Dr";
	case ND_TYPE_SVCB:
	case ND_TYPE_HTTPS: return "2Dr";
	default: return NULL;
	}
}

const char *nd_layout_of_rdata(uint16_t type)
{
	switch (type) {
	case ND_TYPE_A:
	case TYPE_UID:
	case TYPE_GID: return "4";
	case ND_TYPE_AAAA: return "6";
	case ND_TYPE_HINFO:
	case TYPE_ISDN: return "s?s"; /* RFC 1183 s3.2; HINFO: as miekg/dns accepts it */
	case ND_TYPE_TXT:
	case ND_TYPE_SPF:
	case TYPE_NINFO:
	case TYPE_AVC:
	case TYPE_RESINFO: return "S";
	case TYPE_X25:
	case TYPE_UINFO: return "s";
	case TYPE_GPOS: return "sss";
	case TYPE_LOC: return "1111444";
	case TYPE_NXT:
	case ND_TYPE_NSEC: return "DB";
	case ND_TYPE_NSEC3: return "112ssB"; /* salt and hash have a length octet */
	case ND_TYPE_NSEC3PARAM: return "112s";
	case TYPE_CSYNC: return "42B";
	case ND_TYPE_DS:
	case TYPE_CDS:
	case TYPE_TA:
	case TYPE_DLV:
	case ND_TYPE_DNSKEY:
	case TYPE_CDNSKEY:
	case TYPE_KEY:
	case TYPE_RKEY: return "211r";
	case TYPE_CERT: return "221r";
	case ND_TYPE_SSHFP: return "11r";
	case ND_TYPE_TLSA:
	case TYPE_SMIMEA: return "111r";
	case TYPE_ZONEMD: return "411r";
	case ND_TYPE_CAA: return "1sr";
	case ND_TYPE_URI: return "22r";
	case ND_TYPE_SVCB:
	case ND_TYPE_HTTPS: return "2DV";
	case TYPE_NID:
	case TYPE_L64: return "28";
	case TYPE_L32: return "24";
	case TYPE_EUI48: return "M";
	case TYPE_EUI64: return "8";
	case TYPE_APL: return "P";
	case TYPE_IPSECKEY: return "I";
	case TYPE_AMTRELAY: return "R";
	case TYPE_HIP: return "H";
	case ND_TYPE_TSIG: return "DM2L22L";
	case TYPE_TKEY: return "D4422LL";
	case TYPE_NXNAME:
	case ND_TYPE_ANY: return "";
	default: return nd_layout_of_names(type);
	}
}
