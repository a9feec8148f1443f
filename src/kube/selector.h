/* SPDX-License-Identifier: Apache-2.0 */
/* selector.h - label selectors: "a=b,c!=d,e in (x,y),f notin (z),g,!h". All parts must hold.
 *
 * Owns:    nothing; the arena given holds it.
 * Grammar: Kubernetes' labels.Parse, without > and <, which a LabelSelector has not.
 */
#pragma once

#include <stdbool.h>
#include "base/arena.h"
#include "kube/objects.h"

struct nd_selector_part {
	const char *key;
	bool negated; /* != notin !key */
	bool any;     /* the key alone decides */
	const char **values;
	size_t nvalues;
	struct nd_selector_part *next;
};

struct nd_selector {
	struct nd_selector_part *first; /* none: all objects */
};

/* 0; ND_EFORMAT and *why (static text); ND_ELIMIT. */
int nd_selector_parse(const char *text, struct nd_arena *a, struct nd_selector *out,
		      const char **why);
bool nd_selector_takes(const struct nd_selector *s, const struct nd_object *o);
