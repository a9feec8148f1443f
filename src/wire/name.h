/* SPDX-License-Identifier: Apache-2.0 */
/* name.h - domain names in uncompressed wire format: length octet, label, ..., zero octet. Pure.
 *
 * A *lookup name* is lower case, for tables and comparisons; an *owner* keeps its original case.
 * RFC 1035 s2.3.4, s3.1, s4.1.4; RFC 4343.
 *
 * Owns:    nothing; a name borrows the bytes it views.
 * Errors:  0 or a negative ND_E*; outputs are then unchanged.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "wire/reader.h"

enum {
	ND_LABEL_MAX = 63,
	ND_NAME_MAX = 255,       /* octets, including the final zero */
	ND_NAME_TEXT_MAX = 1025, /* 4 characters per octet (\DDD) and a NUL */
};

struct nd_name {
	const uint8_t *wire; /* ends with the zero octet */
	uint8_t len;         /* 1 (the root) .. 255 */
	uint8_t labels;      /* without the root */
};

struct nd_name_buf {
	uint8_t bytes[ND_NAME_MAX];
};

extern const struct nd_name nd_name_root;

/* Reads a name at the cursor, follows pointers and expands it into buf; `lower` makes it a lookup
 * name. On success the cursor is after the name and *out views buf; on failure r and *out are
 * unchanged. Each pointer must point before the previous one, so the walk always terminates.
 * ND_ETRUNC, ND_EFORMAT. */
int nd_name_read(struct nd_reader *r, bool lower, struct nd_name_buf *buf, struct nd_name *out);
/* Moves the cursor after a name without following pointers. Errors are sticky in r. */
int nd_name_skip(struct nd_reader *r);

/* A view of bytes known to be a whole uncompressed name; counts its length and labels. */
struct nd_name nd_name_view(const uint8_t *wire);

/* Parses presentation format ("www.example.org.", escapes "\." and "\DDD", RFC 1035 s5.1). The
 * final dot is optional. ND_EFORMAT: empty label, too long, invalid escape. */
int nd_name_parse(const char *text, bool lower, struct nd_name_buf *buf, struct nd_name *out);
/* The same for n bytes; appends `origin` (NULL: the root) to a text without a final dot; "@" is
 * the origin. For zone files and templates. */
int nd_name_parse_at(const char *text, size_t n, const struct nd_name *origin, bool lower,
		     struct nd_name_buf *buf, struct nd_name *out);
/* Reads one character of presentation format at *at (< n) and advances *at; resolves escapes
 * (RFC 1035 s5.1). -1: invalid escape. */
int nd_name_char(const char *text, size_t n, size_t *at);
/* Writes presentation format with the final dot and miekg/dns's escapes. Returns the length. */
size_t nd_name_format(struct nd_name name, char text[ND_NAME_TEXT_MAX]);

/* Case-insensitive; nd_name_same is enough for lookup names. */
bool nd_name_equal(struct nd_name a, struct nd_name b);
/* Is `name` at or below `zone`? Case-insensitive. */
bool nd_name_under(struct nd_name name, struct nd_name zone);
/* The same for lower-case names. */
bool nd_name_under_lower(struct nd_name name, struct nd_name zone);
/* The name without its first n labels (n <= labels). */
struct nd_name nd_name_parent(struct nd_name name, unsigned n);
/* prefix (without its root) followed by suffix. ND_ELIMIT: over 255 octets. */
int nd_name_join(struct nd_name prefix, struct nd_name suffix, struct nd_name_buf *buf,
		 struct nd_name *out);
/* Prepends one label of n octets. ND_EFORMAT: n is 0 or above 63; ND_ELIMIT: over 255 octets. */
int nd_name_prepend(const void *label, size_t n, struct nd_name name, struct nd_name_buf *buf,
		    struct nd_name *out);
void nd_name_lower(uint8_t *bytes, size_t n);
/* Copies the name to buf. */
struct nd_name nd_name_copy(struct nd_name name, struct nd_name_buf *buf);

/* The address of a complete reverse name (4 labels below in-addr.arpa or 32 below ip6.arpa); *n
 * is 4 or 16. False if it is not one. */
bool nd_name_reverse_address(struct nd_name lower, uint8_t address[16], size_t *n);
/* The reverse name of an address of 4 or 16 octets, such as "4.3.2.1.in-addr.arpa.". */
struct nd_name nd_name_from_address(const uint8_t *address, size_t n, struct nd_name_buf *buf);

static inline bool nd_name_same(struct nd_name a, struct nd_name b) /* both lower case */
{
	return a.len == b.len && memcmp(a.wire, b.wire, a.len) == 0;
}

static inline bool nd_name_is_root(struct nd_name a)
{
	return a.len == 1;
}
