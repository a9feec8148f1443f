/* SPDX-License-Identifier: Apache-2.0 */
/* value.h - what templates and expressions compute with.
 *
 * Owns: nothing; strings and children are borrowed (from an arena or the caller).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nd_value_kind {
	ND_VALUE_NIL, ND_VALUE_BOOL, ND_VALUE_INT, ND_VALUE_FLOAT, ND_VALUE_STRING,
	ND_VALUE_LIST, ND_VALUE_MAP, ND_VALUE_ERROR,
};

struct nd_value {
	enum nd_value_kind kind;
	union {
		bool b;
		int64_t i;
		double f;
		struct { const char *text; size_t len; } s; /* STRING, ERROR (why) */
		struct { const struct nd_value *items; size_t n; } list;
		struct { const struct nd_value_pair *pairs; size_t n; } map;
	};
};

struct nd_value_pair {
	const char *key;
	struct nd_value value;
};

static inline struct nd_value nd_value_string(const char *text, size_t len)
{
	return (struct nd_value){ .kind = ND_VALUE_STRING, .s = { text, len } };
}

static inline struct nd_value nd_value_int(int64_t i)
{
	return (struct nd_value){ .kind = ND_VALUE_INT, .i = i };
}
