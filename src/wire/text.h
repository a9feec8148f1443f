/* SPDX-License-Identifier: Apache-2.0 */
/* text.h - converts records between presentation and wire format (RFC 1035 s5.1, RFC 3597 s5).
 * Pure.
 *
 * Known types: those of nd_text_shape() (text_scan.h); all others as \# LENGTH HEX.
 *
 * Errors:  ND_EFORMAT or ND_ELIMIT, with a static message in *why unless why is NULL.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "wire/name.h"

struct nd_text_rr {
	struct nd_name_buf owner_buf;
	struct nd_name owner; /* case preserved; views owner_buf */
	uint16_t type, class;
	uint32_t ttl;
	uint16_t rdata_len;
	uint8_t rdata[ND_NAME_MAX * 4 + 65535 / 8]; /* names uncompressed */
};

/* Parses "name [ttl] [class] type rdata..." from n bytes: TTL and class in either order, TTL also
 * as "1h30m", parentheses, comments, quoted strings. The default TTL is `ttl`, the default class
 * IN. Lines after the record are ignored. A record without rdata is an error. */
int nd_text_parse_rr(const char *text, size_t n, const struct nd_name *origin, uint32_t ttl,
		     struct nd_text_rr *out, const char **why);
/* Parses the rdata, the text after the type. Returns its length, or ND_EFORMAT, ND_ELIMIT. */
int nd_text_parse_rdata(uint16_t type, const char *text, size_t n, const struct nd_name *origin,
			uint8_t *out, size_t cap, const char **why);
/* Formats uncompressed rdata as `dig` does. Returns the length of the text, cut at cap - 1. */
size_t nd_text_format_rdata(uint16_t type, const uint8_t *rdata, size_t n, char *text, size_t cap);
