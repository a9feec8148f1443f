/* SPDX-License-Identifier: Apache-2.0 */
/* text_scan.h - splits a record's text into words; output helpers. Only for the text*.c files and
 * zone/master.c. Pure.
 *
 * Owns:    nothing. Words borrow the text and still contain escapes.
 * Errors:  sticky: the first one sets `why`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "wire/name.h"

struct nd_text_scan {
	const char *p, *end;
	int depth;        /* open parentheses; inside them a line end is white space */
	const char *why;  /* the first error; NULL: none */
	const char *last; /* start of the last word; NULL: none yet */
};

struct nd_text_word {
	const char *at;
	size_t n;
	bool quoted; /* the word is without its quotes */
	bool spaced; /* preceded by white space */
};

/* False at the end of the record (a line end outside parentheses) and on an error. */
bool nd_text_scan_next(struct nd_text_scan *s, struct nd_text_word *word);
/* Sets why unless it is set. Returns ND_EFORMAT. */
int nd_text_scan_fail(struct nd_text_scan *s, const char *why);

/* A decimal number up to max. */
bool nd_text_scan_number(struct nd_text_word word, uint32_t max, uint32_t *out);
/* Seconds, also as "1h30m", "2w" (letters s m h d w). */
bool nd_text_scan_duration(struct nd_text_word word, uint32_t *out);
/* The value of a base64 digit (RFC 4648), or -1. */
int nd_text_scan_base64(char c);

/* Output of rdata. What does not fit is not written and sets full. */
struct nd_text_sink {
	uint8_t *bytes;
	size_t len, cap;
	bool full;
};

void nd_text_sink_put(struct nd_text_sink *k, const void *bytes, size_t n);
void nd_text_sink_number(struct nd_text_sink *k, uint32_t v, size_t octets);

/* Output of text. Always ends in NUL; cut at cap - 1. */
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

/* The fields of a type's rdata, one letter each; NULL: only \# LENGTH HEX.
 * a IPv4, q IPv6, n name, b h w number of 1 2 4 octets, t seconds, i time, T type, g algorithm,
 * s string, S strings to the end, c property tag, o quoted octets to the end, x X hex (lower,
 * upper case) to the end, y base64 to the end, m type bitmap to the end, p service parameters. */
const char *nd_text_shape(uint16_t type);

/* In text_parse.c: parses the rdata up to the end of the record. Returns its length, or
 * ND_EFORMAT or ND_ELIMIT with s->why. */
int nd_text_parse_fields(struct nd_text_scan *s, uint16_t type, const struct nd_name *origin,
			 uint8_t *out, size_t cap);

/* In text_svcb.c: service parameters (RFC 9460 s2.1, s2.2), up to the end of the record or
 * rdata. */
int nd_text_svcb_parse(struct nd_text_scan *s, struct nd_text_sink *out);
/* Adds a space before each parameter. False if the parameters are malformed. */
bool nd_text_svcb_format(struct nd_text_out *o, const uint8_t *p, size_t n);
