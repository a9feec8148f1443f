/* SPDX-License-Identifier: Apache-2.0 */
/* text_scan.h - words of a record's text; for the text_*.c files alone.
 *
 * Owns: nothing. Words borrow the text, escapes still in them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "wire/name.h"

struct nd_text_scan {
	const char *p, *end;
	int depth;       /* of parentheses: within them a line end is a blank */
	const char *why; /* the first thing wrong; NULL: nothing */
};

struct nd_text_word {
	const char *at;
	size_t n;
	bool quoted; /* the quotes are not in it */
	bool spaced; /* something blank stands before it */
};

/* False at the end of the record (the end of a line outside of parentheses) and when why is set. */
bool nd_text_scan_next(struct nd_text_scan *s, struct nd_text_word *word);
/* Notes what is wrong, if nothing is yet. Returns ND_EFORMAT. */
int nd_text_scan_fail(struct nd_text_scan *s, const char *why);

/* A decimal number up to max. */
bool nd_text_scan_number(struct nd_text_word word, uint32_t max, uint32_t *out);
/* Seconds, also as "1h30m", "2w" (letters s m h d w). */
bool nd_text_scan_duration(struct nd_text_word word, uint32_t *out);
/* RFC 4648 digit; -1 if it is none. */
int nd_text_scan_hex(char c);
int nd_text_scan_base64(char c);

/* Rdata being written; what does not fit sets full and is not written. */
struct nd_text_sink {
	uint8_t *bytes;
	size_t len, cap;
	bool full;
};

void nd_text_sink_put(struct nd_text_sink *k, const void *bytes, size_t n);
void nd_text_sink_number(struct nd_text_sink *k, uint32_t v, size_t octets);

/* Text being written; always ends in NUL, and is cut at cap - 1. */
struct nd_text_out {
	char *text;
	size_t len, cap;
};

void nd_text_out_bytes(struct nd_text_out *o, const char *bytes, size_t n);
void nd_text_out_string(struct nd_text_out *o, const char *string);
void nd_text_out_number(struct nd_text_out *o, uint32_t v);
void nd_text_out_name(struct nd_text_out *o, struct nd_name name);
void nd_text_out_hex(struct nd_text_out *o, const uint8_t *p, size_t n, bool upper);
void nd_text_out_base64(struct nd_text_out *o, const uint8_t *p, size_t n);
void nd_text_out_escaped(struct nd_text_out *o, const uint8_t *p, size_t n); /* no quotes */

/* How the rdata of a type is written, one letter a field; NULL: only as \# LENGTH HEX.
 * a IPv4, q IPv6, n name, b h w numbers of 1 2 4 octets, t seconds, i time, T type, g algorithm,
 * s string, S strings to the end, c property tag, o octets in quotes to the end, x X hex (lower,
 * upper) to the end, y base64 to the end, m type bitmap to the end, p service parameters. */
const char *nd_text_shape(uint16_t type);

/* The rdata from where s stands to the end of the record; its length, ND_EFORMAT or ND_ELIMIT
 * with s->why set. text_parse.c. */
int nd_text_parse_fields(struct nd_text_scan *s, uint16_t type, const struct nd_name *origin,
			 uint8_t *out, size_t cap);

/* Service parameters (RFC 9460 s2.1, s2.2), to the end of the record or of the rdata. */
int nd_text_svcb_parse(struct nd_text_scan *s, struct nd_text_sink *out);
/* Each with a blank before it. False where the parameters are malformed. */
bool nd_text_svcb_format(struct nd_text_out *o, const uint8_t *p, size_t n);
