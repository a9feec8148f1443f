/* SPDX-License-Identifier: Apache-2.0 */
/* value.h - the values of templates and expressions. Pure.
 *
 * Owns:    nothing; strings and children are borrowed from an arena or the caller. Texts in lists
 *          and maps are never NULL.
 * Errors:  a value of kind ND_VALUE_ERROR.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"

enum nd_value_kind {
	ND_VALUE_NIL,
	ND_VALUE_BOOL,
	ND_VALUE_INT,
	ND_VALUE_FLOAT,
	ND_VALUE_STRING,
	ND_VALUE_LIST,
	ND_VALUE_MAP,
	ND_VALUE_ERROR,
};

struct nd_value {
	enum nd_value_kind kind;
	union {
		bool b;
		int64_t i;
		double f;
		struct {
			const char *text;
			size_t len;
		} s; /* STRING; ERROR: the message */
		struct {
			const struct nd_value *items;
			size_t n;
		} list;
		struct {
			const struct nd_value_pair *pairs;
			size_t n;
		} map;
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

static inline struct nd_value nd_value_bool(bool b)
{
	return (struct nd_value){ .kind = ND_VALUE_BOOL, .b = b };
}

static inline struct nd_value nd_value_float(double f)
{
	return (struct nd_value){ .kind = ND_VALUE_FLOAT, .f = f };
}

static inline struct nd_value nd_value_list(const struct nd_value *items, size_t n)
{
	return (struct nd_value){ .kind = ND_VALUE_LIST, .list = { items, n } };
}

/* An ERROR with its message in `a`, or nd_value_limit() if `a` is full. */
struct nd_value nd_value_error(struct nd_arena *a, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The ERROR of a full arena, recognized by nd_value_is_limit. */
struct nd_value nd_value_limit(void);
bool nd_value_is_limit(const struct nd_value *v);

/* Normalizes a caller's value: an empty string can have a NULL text there, but not here. */
static inline struct nd_value nd_value_clean(struct nd_value v)
{
	if (v.kind == ND_VALUE_STRING && !v.s.text)
		v.s.text = "";
	return v;
}

/* Go's name of the type, for messages. */
const char *nd_value_type(const struct nd_value *v);
/* Empty values, 0, false and nil are false. */
bool nd_value_truth(const struct nd_value *v);
/* The value of a key, or NULL; NULL too if it is not a map. */
const struct nd_value *nd_value_find(const struct nd_value *map, const char *key, size_t len);
/* Compares deeply. An int equals a float of the same value; other kinds that differ are
 * unequal. */
bool nd_value_equal(const struct nd_value *x, const struct nd_value *y);
/* <0, 0, >0. Both must be numbers or both strings, which are compared by bytes. */
int nd_value_compare(const struct nd_value *x, const struct nd_value *y);
/* The pairs sorted by key, in `a`; NULL if it is full. */
const struct nd_value_pair *nd_value_sorted(const struct nd_value *map, struct nd_arena *a);
