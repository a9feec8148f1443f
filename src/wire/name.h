/* SPDX-License-Identifier: Apache-2.0 */
/* name.h - domain names as uncompressed wire bytes: length octet, label, ..., zero octet.
 *
 * Two kinds: a *lookup name* is lower case, and what tables and comparisons work on;
 * an *owner* repeats the letters it came with. RFC 1035 s2.3.4, s3.1, s4.1.4; RFC 4343.
 *
 * Owns:    nothing; views borrow the bytes they were made over.
 * Threads: any; everything here is by value.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "wire/reader.h"

enum {
	ND_LABEL_MAX = 63,
	ND_NAME_MAX = 255,       /* octets, the last zero included */
	ND_NAME_TEXT_MAX = 1025, /* 4 characters an octet (\DDD) and a NUL */
};

struct nd_name {
	const uint8_t *wire; /* ends with the zero octet */
	uint8_t len;         /* 1 (the root) .. 255 */
	uint8_t labels;      /* the root not counted */
};

struct nd_name_buf {
	uint8_t bytes[ND_NAME_MAX];
};

extern const struct nd_name nd_name_root;

/* Reads a name at the cursor, follows pointers, expands it into buf. `lower` makes it a
 * lookup name. On success the cursor stands after the name and *out views buf; on failure
 * r and *out are untouched. Each pointer must land before the one it came from, so the walk
 * ends whatever the packet says. ND_ETRUNC, ND_EFORMAT. */
int nd_name_read(struct nd_reader *r, bool lower, struct nd_name_buf *buf, struct nd_name *out);
/* Moves the cursor behind a name without looking where it points; errors stick to r. */
int nd_name_skip(struct nd_reader *r);

/* Over bytes that are a whole uncompressed name already (ours, or checked): counts. */
struct nd_name nd_name_view(const uint8_t *wire);

/* Presentation text ("www.example.org.", "\." and "\DDD" escapes, RFC 1035 s5.1) to wire;
 * a missing last dot is added. ND_EFORMAT: empty label, too long, bad escape. */
int nd_name_parse(const char *text, bool lower, struct nd_name_buf *buf, struct nd_name *out);
/* As above over n bytes, with `origin` put behind a text that does not end in a dot
 * (NULL: the root); "@" is the origin. For zone files and templates. */
int nd_name_parse_at(const char *text, size_t n, const struct nd_name *origin, bool lower,
		     struct nd_name_buf *buf, struct nd_name *out);
/* One character of presentation text at *at (< n), which moves behind it; escapes undone (RFC 1035
 * s5.1). -1 for a bad escape. */
int nd_name_char(const char *text, size_t n, size_t *at);
/* To text with the last dot, escaped as miekg/dns does. Returns the length. */
size_t nd_name_format(struct nd_name name, char text[ND_NAME_TEXT_MAX]);

/* Letters folded; for lookup names plain memcmp of same-length names does. */
bool nd_name_equal(struct nd_name a, struct nd_name b);
/* Is `name` at or below `zone`? Letters folded. The root holds all. */
bool nd_name_under(struct nd_name name, struct nd_name zone);
/* Same, both lower case already. */
bool nd_name_under_lower(struct nd_name name, struct nd_name zone);
/* The name without its first n labels (n <= labels). */
struct nd_name nd_name_parent(struct nd_name name, unsigned n);
/* prefix (without its root) before suffix. ND_ELIMIT if over 255 octets. */
int nd_name_join(struct nd_name prefix, struct nd_name suffix, struct nd_name_buf *buf,
		 struct nd_name *out);
/* Puts one label of n bytes before `name`. ND_EFORMAT for n == 0 or > 63, ND_ELIMIT. */
int nd_name_prepend(const void *label, size_t n, struct nd_name name, struct nd_name_buf *buf,
		    struct nd_name *out);
void nd_name_lower(uint8_t *bytes, size_t n);
/* A copy in buf. */
struct nd_name nd_name_copy(struct nd_name name, struct nd_name_buf *buf);

/* The address that a reverse name (in-addr.arpa, ip6.arpa; whole: 4 octets, 32 nibbles) stands
 * for; *n is 4 or 16. False if it is none. */
bool nd_name_reverse_address(struct nd_name lower, uint8_t address[16], size_t *n);
/* The reverse: 4 or 16 bytes to "4.3.2.1.in-addr.arpa.". */
struct nd_name nd_name_from_address(const uint8_t *address, size_t n, struct nd_name_buf *buf);

static inline bool nd_name_same(struct nd_name a, struct nd_name b) /* both lower case */
{
	return a.len == b.len && memcmp(a.wire, b.wire, a.len) == 0;
}

static inline bool nd_name_is_root(struct nd_name a)
{
	return a.len == 1;
}
