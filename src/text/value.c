/* SPDX-License-Identifier: Apache-2.0 */
#include "text/value.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Only a caller's value can be this deep; templates and expressions cannot build one. */
enum { DEPTH_MAX = 1000 };

static const char limit_text[] = "out of memory for one evaluation";

struct nd_value nd_value_limit(void)
{
	return (struct nd_value){ .kind = ND_VALUE_ERROR,
				  .s = { limit_text, sizeof limit_text - 1 } };
}

bool nd_value_is_limit(const struct nd_value *v)
{
	return v->kind == ND_VALUE_ERROR && v->s.text == limit_text;
}

struct nd_value nd_value_error(struct nd_arena *a, const char *format, ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	const char *copy = nd_arena_string(a, text);
	if (!copy)
		return nd_value_limit();
	return (struct nd_value){ .kind = ND_VALUE_ERROR, .s = { copy, strlen(copy) } };
}

const char *nd_value_type(const struct nd_value *v)
{
	switch (v->kind) {
	case ND_VALUE_NIL: return "nil";
	case ND_VALUE_BOOL: return "bool";
	case ND_VALUE_INT: return "int";
	case ND_VALUE_FLOAT: return "float64";
	case ND_VALUE_STRING: return "string";
	case ND_VALUE_LIST: return "[]interface {}";
	case ND_VALUE_MAP: return "map[string]interface {}";
	case ND_VALUE_ERROR: break;
	}
	return "error";
}

bool nd_value_truth(const struct nd_value *v)
{
	switch (v->kind) {
	case ND_VALUE_BOOL: return v->b;
	case ND_VALUE_INT: return v->i != 0;
	case ND_VALUE_FLOAT: return v->f != 0;
	case ND_VALUE_STRING: return v->s.len > 0;
	case ND_VALUE_LIST: return v->list.n > 0;
	case ND_VALUE_MAP: return v->map.n > 0;
	case ND_VALUE_NIL:
	case ND_VALUE_ERROR: break;
	}
	return false;
}

const struct nd_value *nd_value_find(const struct nd_value *map, const char *key, size_t len)
{
	if (map->kind != ND_VALUE_MAP)
		return NULL;
	for (size_t i = 0; i < map->map.n; i++) {
		const struct nd_value_pair *p = &map->map.pairs[i];
		if (strlen(p->key) == len && memcmp(p->key, key, len) == 0)
			return &p->value;
	}
	return NULL;
}

static double number(const struct nd_value *v)
{
	return v->kind == ND_VALUE_INT ? (double)v->i : v->f;
}

static bool is_number(const struct nd_value *v)
{
	return v->kind == ND_VALUE_INT || v->kind == ND_VALUE_FLOAT;
}

static bool equal(const struct nd_value *x, const struct nd_value *y, unsigned depth);

static bool equal_lists(const struct nd_value *x, const struct nd_value *y, unsigned depth)
{
	if (x->list.n != y->list.n)
		return false;
	for (size_t i = 0; i < x->list.n; i++)
		if (!equal(&x->list.items[i], &y->list.items[i], depth))
			return false;
	return true;
}

static bool equal_maps(const struct nd_value *x, const struct nd_value *y, unsigned depth)
{
	if (x->map.n != y->map.n)
		return false;
	for (size_t i = 0; i < x->map.n; i++) {
		const struct nd_value_pair *p = &x->map.pairs[i];
		const struct nd_value *other = nd_value_find(y, p->key, strlen(p->key));
		if (!other || !equal(&p->value, other, depth))
			return false;
	}
	return true;
}

static bool equal(const struct nd_value *x, const struct nd_value *y, unsigned depth)
{
	if (is_number(x) && is_number(y) && x->kind != y->kind)
		return number(x) == number(y);
	if (x->kind != y->kind || depth == DEPTH_MAX)
		return false;
	switch (x->kind) {
	case ND_VALUE_NIL: return true;
	case ND_VALUE_BOOL: return x->b == y->b;
	case ND_VALUE_INT: return x->i == y->i;
	case ND_VALUE_FLOAT: return x->f == y->f;
	case ND_VALUE_STRING:
		return x->s.len == y->s.len &&
		       (x->s.len == 0 || memcmp(x->s.text, y->s.text, x->s.len) == 0);
	case ND_VALUE_LIST: return equal_lists(x, y, depth + 1);
	case ND_VALUE_MAP: return equal_maps(x, y, depth + 1);
	case ND_VALUE_ERROR: break;
	}
	return false;
}

bool nd_value_equal(const struct nd_value *x, const struct nd_value *y)
{
	return equal(x, y, 0);
}

int nd_value_compare(const struct nd_value *x, const struct nd_value *y)
{
	if (x->kind == ND_VALUE_INT && y->kind == ND_VALUE_INT)
		return (x->i > y->i) - (x->i < y->i);
	if (is_number(x) && is_number(y))
		return (number(x) > number(y)) - (number(x) < number(y));
	size_t n = x->s.len < y->s.len ? x->s.len : y->s.len;
	int c = n ? memcmp(x->s.text, y->s.text, n) : 0;
	return c ? c : (x->s.len > y->s.len) - (x->s.len < y->s.len);
}

static int by_key(const void *x, const void *y)
{
	return strcmp(((const struct nd_value_pair *)x)->key,
		      ((const struct nd_value_pair *)y)->key);
}

const struct nd_value_pair *nd_value_sorted(const struct nd_value *map, struct nd_arena *a)
{
	size_t n = map->map.n;
	struct nd_value_pair *pairs = nd_arena_array(a, n, sizeof *pairs);

	if (!pairs || n == 0)
		return pairs;
	memcpy(pairs, map->map.pairs, n * sizeof *pairs);
	qsort(pairs, n, sizeof *pairs, by_key);
	return pairs;
}
