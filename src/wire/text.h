/* SPDX-License-Identifier: Apache-2.0 */
/* text.h - one record between presentation format and wire (RFC 1035 s5.1, RFC 3597 s5).
 *
 * Pure. Types known: A NS CNAME SOA PTR HINFO MX TXT SPF AAAA SRV NAPTR DNAME DS DNSKEY RRSIG NSEC
 * TLSA SSHFP CAA URI SVCB HTTPS; any other as \# LENGTH HEX.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "wire/name.h"

struct nd_text_rr {
	struct nd_name_buf owner_buf;
	struct nd_name owner; /* letters kept; views owner_buf */
	uint16_t type, class;
	uint32_t ttl;
	uint16_t rdata_len;
	uint8_t rdata[ND_NAME_MAX * 4 + 65535 / 8]; /* names uncompressed */
};

/* Reads "name [ttl] [class] type rdata..." (ttl and class in either order, ttl also as "1h30m",
 * parentheses, comments and quoted strings); `ttl` and class IN where none is given. n bytes;
 * lines behind the record are not looked at. A record without rdata is refused.
 * On error ND_EFORMAT and *why (static text) says what is wrong; why may be NULL. */
int nd_text_parse_rr(const char *text, size_t n, const struct nd_name *origin, uint32_t ttl,
		     struct nd_text_rr *out, const char **why);
/* The rdata alone, from text that follows the type. Returns its length or ND_EFORMAT / ND_ELIMIT;
 * *why as above. */
int nd_text_parse_rdata(uint16_t type, const char *text, size_t n, const struct nd_name *origin,
			uint8_t *out, size_t cap, const char **why);
/* Uncompressed rdata to text, as `dig` prints it; returns its length (cut at cap - 1). */
size_t nd_text_format_rdata(uint16_t type, const uint8_t *rdata, size_t n, char *text, size_t cap);
