/* SPDX-License-Identifier: Apache-2.0 */
/* selector.h - label selectors: "a=b,c!=d,e in (x,y),f notin (z),g,!h". All parts must match.
 *
 * The grammar is that of Kubernetes' labels.Parse, without > and <, which a LabelSelector does not
 * have.
 *
 * Owns:    nothing; everything is in the arena given.
 * Threads: any.
 */
#pragma once

#include <stdbool.h>
#include "base/arena.h"
#include "kube/objects.h"

struct nd_selector_part {
	const char *key;
	bool negated; /* !=, notin, !key */
	bool any;     /* key, !key: any value matches */
	const char **values;
	size_t nvalues;
	struct nd_selector_part *next;
};

struct nd_selector {
	struct nd_selector_part *first; /* NULL: matches all objects */
};

/* 0, ND_EFORMAT or ND_ELIMIT (the arena is full); *why is the reason, a static text. */
int nd_selector_parse(const char *text, struct nd_arena *a, struct nd_selector *out,
		      const char **why);
bool nd_selector_matches(const struct nd_selector *s, const struct nd_object *o);
