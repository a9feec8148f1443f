/* SPDX-License-Identifier: Apache-2.0 */
/* rule.h - one `template` directive, read and compiled.
 *
 * Owns:    patterns, templates and programs on the heap (nd_rule_clear); the rest is in the
 *          generation's arena.
 * Threads: set up on the control thread, const afterwards.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/setup.h"
#include "text/expr.h"
#include "text/gotmpl.h"
#include "text/regex.h"

enum { ND_RULE_VARS_MAX = 32 };

struct nd_rule_text {
	const char *source;
	struct nd_gotmpl *tmpl;
};

struct nd_rule_texts {
	struct nd_rule_text *item;
	size_t n;
};

struct nd_rule_regex {
	const char *source;
	struct nd_regex *re;
};

struct nd_rule {
	struct nd_rule *next;
	unsigned index;
	uint16_t class, type;
	struct nd_name *zones;
	size_t nzones;
	const char *zone_text;       /* of the first zone, for metric labels */
	struct nd_rule_regex *regex; /* none: all names match */
	size_t nregex;
	struct nd_rule_texts answers, authorities, additionals;
	struct {
		const char *name;
		struct nd_expr *program;
	} vars[ND_RULE_VARS_MAX];
	size_t nvars;
	struct nd_expr **exprs;
	size_t nexprs;
	const char *names[ND_RULE_VARS_MAX + 1]; /* of vars so far, NULL-terminated */
	uint16_t rcode;
	bool ede;
	uint16_t ede_code;
	const char *ede_text;
	struct nd_fallthrough fall;
};

/* Reads the directive of s. 0, or ND_ECONF; nd_rule_clear in either case. */
int nd_rule_read(struct nd_rule *r, struct nd_setup *s);
void nd_rule_clear(struct nd_rule *r);
/* True if class, type and zone match. */
bool nd_rule_concerns(const struct nd_rule *r, const struct nd_query *q);
