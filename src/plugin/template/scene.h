/* SPDX-License-Identifier: Apache-2.0 */
/* scene.h - the variables and functions of templates and expressions, for one query.
 *
 * Owns:    an arena for values.
 * Threads: a worker; opened and closed on the stack.
 */
#pragma once

#include "core/query.h"
#include "plugin/template/rule.h"

enum nd_scene_result {
	ND_SCENE_MATCH,
	ND_SCENE_NONE,
	ND_SCENE_BROKEN /* an expression failed: SERVFAIL */
};

struct nd_scene {
	struct nd_query *q;
	const struct nd_rule *rule;
	const struct nd_rule_regex *regex; /* the one that matched; NULL: the rule has none */
	struct nd_regex_match match;
	struct nd_arena arena;
	char name[ND_NAME_TEXT_MAX];
	size_t name_len;
	struct nd_value vars[ND_RULE_VARS_MAX];
	size_t nvars;
};

void nd_scene_open(struct nd_scene *s, struct nd_query *q);
void nd_scene_close(struct nd_scene *s);
/* Matches the rule's patterns, then evaluates its variables and conditions. */
enum nd_scene_result nd_scene_match(struct nd_scene *s, const struct nd_rule *r,
				    struct nd_regex_scratch *scratch);
/* Runs a template. 0, or an error with its text in why. */
int nd_scene_execute(struct nd_scene *s, const struct nd_gotmpl *t, struct nd_buf *out, char *why,
		     size_t why_cap);
