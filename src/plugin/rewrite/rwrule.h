/* SPDX-License-Identifier: Apache-2.0 */
/* rwrule.h - one `rewrite` line, read and compiled.
 *
 * Owns:    patterns on the heap (nd_rwrule_clear); the rest is in the generation's arena.
 * Threads: set up on the control thread, const afterwards.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/setup.h"
#include "text/regex.h"
#include "wire/name.h"

enum nd_rwrule_kind {
	ND_RW_NAME,
	ND_RW_CLASS,
	ND_RW_TYPE,
	ND_RW_TTL,
	ND_RW_RCODE,
	ND_RW_CNAME,
	ND_RW_EDNS,
};

enum nd_rwrule_how { ND_RW_EXACT, ND_RW_PREFIX, ND_RW_SUFFIX, ND_RW_SUBSTRING, ND_RW_REGEX };

/* The texts that a rule matches, and their replacement. */
struct nd_rwrule_match {
	enum nd_rwrule_how how;
	const char *from;
	struct nd_regex *regex; /* ND_RW_REGEX only */
	const char *to;         /* NULL: no replacement */
};

/* `answer name` or `answer value`. */
struct nd_rwrule_answer {
	bool value;
	struct nd_rwrule_match match;
};

enum nd_rwedns_what { ND_RWEDNS_LOCAL, ND_RWEDNS_VARIABLE, ND_RWEDNS_NSID, ND_RWEDNS_SUBNET };
enum nd_rwedns_action { ND_RWEDNS_APPEND, ND_RWEDNS_REPLACE, ND_RWEDNS_SET, ND_RWEDNS_UNSET };

struct nd_rwedns_rule {
	enum nd_rwedns_what what;
	enum nd_rwedns_action action;
	uint16_t code;
	const uint8_t *data;
	size_t data_len;
	const char *variable; /* with its braces */
	const char *label;    /* the variable is a metadata label */
	uint8_t v4, v6;       /* prefix lengths */
	bool revert;
};

struct nd_rwrule {
	struct nd_rwrule *next;
	enum nd_rwrule_kind kind;
	bool continues; /* `continue`: later rules apply too */
	struct nd_rwrule_match match;
	bool by_label;  /* `metadata`: the replacement has labels */
	bool automatic; /* `answer auto` */
	struct nd_rwrule_answer *answers;
	size_t nanswers;
	uint16_t from, to; /* class, type, rcode */
	uint32_t ttl_min, ttl_max;
	struct nd_rwedns_rule edns;
};

enum { ND_RWRULE_TEXT_MAX = 2048 }; /* longer than any name in text form */

/* Reads the directive of s. 0, or ND_ECONF; nd_rwrule_clear in either case. */
int nd_rwrule_read(struct nd_rwrule *r, struct nd_setup *s);
void nd_rwrule_clear(struct nd_rwrule *r);
