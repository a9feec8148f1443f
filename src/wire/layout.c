/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/layout.h"

#include <stddef.h>
#include "wire/type.h"

const char *nd_layout_of_names(uint16_t type)
{
	switch (type) {
	case ND_TYPE_A:
	case ND_TYPE_AAAA:
	case ND_TYPE_TXT: return NULL; /* the most common types first */
	case ND_TYPE_NS:
	case ND_TYPE_CNAME:
	case ND_TYPE_PTR:
	case ND_TYPE_MD:
	case ND_TYPE_MF:
	case ND_TYPE_MB:
	case ND_TYPE_MG:
	case ND_TYPE_MR: return "d";
	case ND_TYPE_SOA: return "dd44444";
	case ND_TYPE_MINFO: return "dd";
	case ND_TYPE_MX: return "2d";
	case ND_TYPE_DNAME:
	case ND_TYPE_NSAP_PTR: return "D";
	case ND_TYPE_RP:
	case ND_TYPE_TALINK: return "DD";
	case ND_TYPE_AFSDB:
	case ND_TYPE_RT:
	case ND_TYPE_KX:
	case ND_TYPE_LP: return "2D";
	case ND_TYPE_PX: return "2DD";
	case ND_TYPE_SRV: return "222D";
	case ND_TYPE_NAPTR: return "22sssD";
	case ND_TYPE_SIG:
	case ND_TYPE_RRSIG: return "2114442Dr";
	case ND_TYPE_NSEC:
	case ND_TYPE_NXT:
	case ND_TYPE_TSIG:
	case ND_TYPE_TKEY: return "Dr";
	case ND_TYPE_SVCB:
	case ND_TYPE_HTTPS: return "2Dr";
	default: return NULL;
	}
}

const char *nd_layout_of_rdata(uint16_t type)
{
	switch (type) {
	case ND_TYPE_A:
	case ND_TYPE_UID:
	case ND_TYPE_GID: return "4";
	case ND_TYPE_AAAA: return "6";
	case ND_TYPE_HINFO:
	case ND_TYPE_ISDN: return "s?s"; /* RFC 1183 s3.2; HINFO: as miekg/dns accepts it */
	case ND_TYPE_TXT:
	case ND_TYPE_SPF:
	case ND_TYPE_NINFO:
	case ND_TYPE_AVC:
	case ND_TYPE_RESINFO: return "S";
	case ND_TYPE_X25:
	case ND_TYPE_UINFO: return "s";
	case ND_TYPE_GPOS: return "sss";
	case ND_TYPE_LOC: return "1111444";
	case ND_TYPE_NXT:
	case ND_TYPE_NSEC: return "DB";
	case ND_TYPE_NSEC3: return "112ssB"; /* salt and hash have a length octet */
	case ND_TYPE_NSEC3PARAM: return "112s";
	case ND_TYPE_CSYNC: return "42B";
	case ND_TYPE_DS:
	case ND_TYPE_CDS:
	case ND_TYPE_TA:
	case ND_TYPE_DLV:
	case ND_TYPE_DNSKEY:
	case ND_TYPE_CDNSKEY:
	case ND_TYPE_KEY:
	case ND_TYPE_RKEY: return "211r";
	case ND_TYPE_CERT: return "221r";
	case ND_TYPE_SSHFP: return "11r";
	case ND_TYPE_TLSA:
	case ND_TYPE_SMIMEA: return "111r";
	case ND_TYPE_ZONEMD: return "411r";
	case ND_TYPE_CAA: return "1sr";
	case ND_TYPE_URI: return "22r";
	case ND_TYPE_SVCB:
	case ND_TYPE_HTTPS: return "2DV";
	case ND_TYPE_NID:
	case ND_TYPE_L64: return "28";
	case ND_TYPE_L32: return "24";
	case ND_TYPE_EUI48: return "M";
	case ND_TYPE_EUI64: return "8";
	case ND_TYPE_APL: return "P";
	case ND_TYPE_IPSECKEY: return "I";
	case ND_TYPE_AMTRELAY: return "R";
	case ND_TYPE_HIP: return "H";
	case ND_TYPE_TSIG: return "DM2L22L";
	case ND_TYPE_TKEY: return "D4422LL";
	case ND_TYPE_NXNAME:
	case ND_TYPE_ANY: return "";
	default: return nd_layout_of_names(type);
	}
}
