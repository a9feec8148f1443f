/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in functions of Go's text/template. */
#include <string.h>
#include "base/ascii.h"
#include "base/buf.h"
#include "base/err.h"
#include "text/gotmpl_tree.h"
#include "text/print.h"
#include "text/quote.h"

enum { TEXT_MAX_BYTES = 1 << 20 }; /* of one printed text */

/* Moves the text into the arena. */
static struct nd_value take_text(struct nd_buf *buf, struct nd_arena *a)
{
	const char *text = buf->err ? NULL : nd_arena_text(a, nd_buf_string(buf), buf->len);
	struct nd_value v = text ? nd_value_string(text, buf->len) : nd_value_limit();

	nd_buf_clear(buf);
	return v;
}

static struct nd_value call_print(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	struct nd_buf buf;

	nd_buf_init(&buf, TEXT_MAX_BYTES);
	nd_print_all(&buf, a, args, nargs);
	return take_text(&buf, a);
}

static struct nd_value call_println(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	struct nd_buf buf;

	nd_buf_init(&buf, TEXT_MAX_BYTES);
	for (size_t i = 0; i < nargs; i++) {
		nd_buf_text(&buf, i ? " " : "");
		nd_print_value(&buf, a, &args[i], "<nil>");
	}
	nd_buf_text(&buf, "\n");
	return take_text(&buf, a);
}

static struct nd_value call_printf(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	struct nd_buf buf;

	if (args[0].kind != ND_VALUE_STRING)
		return nd_value_error(a, "wrong type for value; expected string; got %s",
				      nd_value_type(&args[0]));
	nd_buf_init(&buf, TEXT_MAX_BYTES);
	nd_print_format(&buf, a, args[0].s.text, args[0].s.len, args + 1, nargs - 1);
	return take_text(&buf, a);
}

/* Escapes the printed arguments, for html, js and urlquery. */
static struct nd_value escape(const struct nd_value *args, size_t nargs, struct nd_arena *a,
			      void (*add)(struct nd_buf *out, const char *text, size_t n))
{
	struct nd_value *known = nd_arena_copy(a, args, nargs * sizeof *args), text;
	struct nd_buf buf;

	if (!known)
		return nd_value_limit();
	for (size_t i = 0; i < nargs; i++) /* unlike in print, nil is "<no value>" here */
		if (known[i].kind == ND_VALUE_NIL)
			known[i] = nd_value_string("<no value>", 10);
	text = call_print(known, nargs, a);
	if (text.kind == ND_VALUE_ERROR)
		return text;
	nd_buf_init(&buf, TEXT_MAX_BYTES);
	add(&buf, text.s.text, text.s.len);
	return take_text(&buf, a);
}

static void add_html(struct nd_buf *out, const char *text, size_t n)
{
	for (size_t i = 0; i < n && !out->err; i++) {
		switch (text[i]) {
		case '\0': nd_buf_text(out, "\xef\xbf\xbd"); break;
		case '"': nd_buf_text(out, "&#34;"); break;
		case '\'': nd_buf_text(out, "&#39;"); break;
		case '&': nd_buf_text(out, "&amp;"); break;
		case '<': nd_buf_text(out, "&lt;"); break;
		case '>': nd_buf_text(out, "&gt;"); break;
		default: nd_buf_add(out, text + i, 1);
		}
	}
}

static void add_js(struct nd_buf *out, const char *text, size_t n)
{
	for (size_t i = 0; i < n && !out->err; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == '\\' || c == '\'' || c == '"')
			nd_buf_printf(out, "\\%c", c);
		else if (c < ' ' || c == '<' || c == '>' || c == '&' || c == '=' || c == 0x7f)
			nd_buf_printf(out, "\\u%04X", c);
		else
			nd_buf_add(out, text + i, 1);
	}
}

static void add_query(struct nd_buf *out, const char *text, size_t n)
{
	for (size_t i = 0; i < n && !out->err; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == ' ')
			nd_buf_text(out, "+");
		else if (nd_ascii_is_alnum((char)c) || (c && strchr("-_.~", c)))
			nd_buf_add(out, text + i, 1);
		else
			nd_buf_printf(out, "%%%02X", c);
	}
}

static struct nd_value call_html(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	return escape(args, nargs, a, add_html);
}

static struct nd_value call_js(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	return escape(args, nargs, a, add_js);
}

static struct nd_value call_urlquery(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	return escape(args, nargs, a, add_query);
}

static struct nd_value call_not(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	(void)nargs;
	(void)a;
	return nd_value_bool(!nd_value_truth(&args[0]));
}

static struct nd_value call_len(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	(void)nargs;
	switch (args[0].kind) {
	case ND_VALUE_STRING: return nd_value_int((int64_t)args[0].s.len);
	case ND_VALUE_LIST: return nd_value_int((int64_t)args[0].list.n);
	case ND_VALUE_MAP: return nd_value_int((int64_t)args[0].map.n);
	case ND_VALUE_NIL: return nd_value_error(a, "len of nil pointer");
	default: return nd_value_error(a, "len of type %s", nd_value_type(&args[0]));
	}
}

/* Reads an index, 0 to cap. False with *error set. */
static bool read_index(const struct nd_value *v, size_t cap, size_t *at, struct nd_value *error,
		       struct nd_arena *a)
{
	if (v->kind != ND_VALUE_INT) {
		*error = v->kind == ND_VALUE_NIL
				 ? nd_value_error(a, "cannot index slice/array with nil")
				 : nd_value_error(a, "cannot index slice/array with type %s",
						  nd_value_type(v));
		return false;
	}
	if (v->i < 0 || (uint64_t)v->i > cap) {
		*error = nd_value_error(a, "index out of range: %lld", (long long)v->i);
		return false;
	}
	*at = (size_t)v->i;
	return true;
}

/* The value of a missing key: Go's zero value of the map's type, which is string if all values
 * are strings. */
static struct nd_value zero_of(const struct nd_value *map)
{
	for (size_t i = 0; i < map->map.n; i++)
		if (map->map.pairs[i].value.kind != ND_VALUE_STRING)
			return (struct nd_value){ .kind = ND_VALUE_NIL };
	return nd_value_string("", 0);
}

static struct nd_value index_one(const struct nd_value *item, const struct nd_value *key,
				 struct nd_arena *a)
{
	const struct nd_value *found;
	struct nd_value error;
	size_t at, n = item->kind == ND_VALUE_STRING ? item->s.len : item->list.n;

	switch (item->kind) {
	case ND_VALUE_STRING:
	case ND_VALUE_LIST:
		if (!read_index(key, n, &at, &error, a))
			return error;
		if (at == n)
			return nd_value_error(a, "index out of range: %zu", at);
		return item->kind == ND_VALUE_LIST ? item->list.items[at]
						   : nd_value_int((unsigned char)item->s.text[at]);
	case ND_VALUE_MAP:
		if (key->kind != ND_VALUE_STRING)
			return nd_value_error(a, "value has type %s; should be string",
					      nd_value_type(key));
		found = nd_value_find(item, key->s.text, key->s.len);
		return found ? *found : zero_of(item);
	case ND_VALUE_NIL: return nd_value_error(a, "index of untyped nil");
	default: return nd_value_error(a, "can't index item of type %s", nd_value_type(item));
	}
}

static struct nd_value call_index(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	struct nd_value item = args[0];

	if (item.kind == ND_VALUE_NIL)
		return nd_value_error(a, "index of untyped nil");
	for (size_t i = 1; i < nargs && item.kind != ND_VALUE_ERROR; i++)
		item = index_one(&item, &args[i], a);
	return item;
}

static struct nd_value call_slice(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	const struct nd_value *item = &args[0];
	bool text = item->kind == ND_VALUE_STRING;
	struct nd_value error;

	if (item->kind == ND_VALUE_NIL)
		return nd_value_error(a, "slice of untyped nil");
	if (!text && item->kind != ND_VALUE_LIST)
		return nd_value_error(a, "can't slice item of type %s", nd_value_type(item));
	if (text && nargs == 4)
		return nd_value_error(a, "cannot 3-index slice a string");
	size_t n = text ? item->s.len : item->list.n, at[3] = { 0, n, n };
	for (size_t i = 1; i < nargs; i++)
		if (!read_index(&args[i], n, &at[i - 1], &error, a))
			return error;
	if (at[0] > at[1] || at[1] > at[2]) {
		size_t i = at[0] > at[1] ? 0 : 1;
		return nd_value_error(a, "invalid slice index: %zu > %zu", at[i], at[i + 1]);
	}
	return text ? nd_value_string(item->s.text + at[0], at[1] - at[0])
		    : nd_value_list(item->list.items ? item->list.items + at[0] : NULL,
				    at[1] - at[0]);
}

static bool comparable(const struct nd_value *v)
{
	return v->kind != ND_VALUE_LIST && v->kind != ND_VALUE_MAP;
}

/* As in Go, values of different types are not comparable, not even int and float. */
static struct nd_value call_eq(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	if (nargs < 2)
		return nd_value_error(a, "missing argument for comparison");
	for (size_t i = 1; i < nargs; i++) {
		const struct nd_value *x = &args[0], *y = &args[i];
		bool nil = x->kind == ND_VALUE_NIL || y->kind == ND_VALUE_NIL;
		if (x->kind != y->kind && !nil)
			return nd_value_error(a, "incompatible types for comparison: %s and %s",
					      nd_value_type(x), nd_value_type(y));
		if (!nil && !comparable(x))
			return nd_value_error(a, "non-comparable type %s", nd_value_type(x));
		if (x->kind == y->kind && nd_value_equal(x, y))
			return nd_value_bool(true);
	}
	return nd_value_bool(false);
}

static struct nd_value call_ne(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	struct nd_value equal = call_eq(args, nargs, a);
	return equal.kind == ND_VALUE_ERROR ? equal : nd_value_bool(!equal.b);
}

/* *sign is <0, 0 or >0; 2 for NaN. False with *error set. */
static bool order(const struct nd_value *args, int *sign, struct nd_value *error,
		  struct nd_arena *a)
{
	const struct nd_value *x = &args[0], *y = &args[1];
	bool basic = x->kind != ND_VALUE_NIL && comparable(x) && y->kind != ND_VALUE_NIL &&
		     comparable(y);

	if (!basic || (x->kind == y->kind && x->kind == ND_VALUE_BOOL)) {
		*error = nd_value_error(a, "invalid type for comparison");
		return false;
	}
	if (x->kind != y->kind) {
		*error = nd_value_error(a, "incompatible types for comparison: %s and %s",
					nd_value_type(x), nd_value_type(y));
		return false;
	}
	*sign = nd_value_compare(x, y);
	if (x->kind == ND_VALUE_FLOAT && (x->f != x->f || y->f != y->f))
		*sign = 2;
	return true;
}

static struct nd_value call_lt(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	struct nd_value error;
	int sign;
	(void)nargs;
	return order(args, &sign, &error, a) ? nd_value_bool(sign < 0) : error;
}

static struct nd_value call_le(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	struct nd_value error;
	int sign;
	(void)nargs;
	return order(args, &sign, &error, a) ? nd_value_bool(sign <= 0) : error;
}

/* In Go gt and ge are the opposites of le and lt, even for NaN. */
static struct nd_value call_gt(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	struct nd_value le = call_le(args, nargs, a);
	if (le.kind == ND_VALUE_BOOL)
		le.b = !le.b;
	return le;
}

static struct nd_value call_ge(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	struct nd_value lt = call_lt(args, nargs, a);
	if (lt.kind == ND_VALUE_BOOL)
		lt.b = !lt.b;
	return lt;
}

static const struct {
	const char *name;
	size_t least, most; /* arguments */
	struct nd_value (*call)(const struct nd_value *args, size_t nargs, struct nd_arena *a);
} functions[] = {
	{ "and", 1, SIZE_MAX, NULL }, /* gotmpl.c evaluates "and" and "or" */
	{ "or", 1, SIZE_MAX, NULL },
	{ "not", 1, 1, call_not },
	{ "eq", 1, SIZE_MAX, call_eq },
	{ "ne", 2, 2, call_ne },
	{ "lt", 2, 2, call_lt },
	{ "le", 2, 2, call_le },
	{ "gt", 2, 2, call_gt },
	{ "ge", 2, 2, call_ge },
	{ "index", 1, SIZE_MAX, call_index },
	{ "slice", 1, 4, call_slice },
	{ "len", 1, 1, call_len },
	{ "print", 0, SIZE_MAX, call_print },
	{ "printf", 1, SIZE_MAX, call_printf },
	{ "println", 0, SIZE_MAX, call_println },
	{ "html", 0, SIZE_MAX, call_html },
	{ "js", 0, SIZE_MAX, call_js },
	{ "urlquery", 0, SIZE_MAX, call_urlquery },
};

bool nd_gotmpl_funcs_known(const char *name)
{
	for (size_t i = 0; i < ND_COUNT(functions); i++)
		if (!strcmp(functions[i].name, name))
			return true;
	return false;
}

struct nd_value nd_gotmpl_funcs_call(const char *name, const struct nd_value *args, size_t nargs,
				     struct nd_arena *a)
{
	for (size_t i = 0; i < ND_COUNT(functions); i++) {
		if (strcmp(functions[i].name, name) != 0)
			continue;
		if (nargs < functions[i].least || nargs > functions[i].most)
			return nd_value_error(a, "wrong number of args for %s: got %zu", name,
					      nargs);
		return functions[i].call(args, nargs, a);
	}
	return nd_value_error(a, "\"%s\" is not a defined function", name);
}
