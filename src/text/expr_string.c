/* SPDX-License-Identifier: Apache-2.0 */
/* Case conversion and trim know ASCII only. */
#include "text/expr_string.h"

#include <string.h>
#include "base/buf.h"
#include "base/err.h"
#include "text/print.h"
#include "text/quote.h"

enum { TEXT_MAX_BYTES = 1 << 20 };

static struct nd_value take_text(struct nd_buf *buf, struct nd_arena *a)
{
	const char *text = buf->err ? NULL : nd_arena_text(a, nd_buf_string(buf), buf->len);
	struct nd_value v = text ? nd_value_string(text, buf->len) : nd_value_limit();

	nd_buf_clear(buf);
	return v;
}

struct nd_value nd_expr_string_format(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	struct nd_buf buf;
	(void)nargs;

	if (args[0].kind == ND_VALUE_STRING)
		return args[0];
	nd_buf_init(&buf, TEXT_MAX_BYTES);
	nd_print_value(&buf, a, &args[0], "<nil>");
	return take_text(&buf, a);
}

static struct nd_value change_case(const struct nd_value *v, char from, int by, struct nd_arena *a)
{
	char *text = nd_arena_text(a, v->s.text, v->s.len);

	if (!text)
		return nd_value_limit();
	for (size_t i = 0; i < v->s.len; i++)
		if (text[i] >= from && text[i] < from + 26)
			text[i] = (char)(text[i] + by);
	return nd_value_string(text, v->s.len);
}

struct nd_value nd_expr_string_lower(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	(void)nargs;
	return change_case(&args[0], 'A', 32, a);
}

struct nd_value nd_expr_string_upper(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	(void)nargs;
	return change_case(&args[0], 'a', -32, a);
}

/* The length of the rune at the start (with `back`, at the end) of n > 0 bytes. */
static size_t rune_length(const char *p, size_t n, bool back)
{
	uint32_t c;

	if (!back) {
		size_t len = nd_quote_rune(p, n, &c);
		return len ? len : 1;
	}
	for (size_t len = 2; len <= 4 && len <= n; len++)
		if (nd_quote_rune(p + n - len, len, &c) == len)
			return len;
	return 1;
}

struct nd_value nd_expr_string_trim(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	const char *p = args[0].s.text, *set = nargs > 1 ? args[1].s.text : " \t\n\v\f\r";
	size_t n = args[0].s.len, set_len = nargs > 1 ? args[1].s.len : 6, len;
	(void)a;

	while (n > 0 && (len = rune_length(p, n, false), memmem(set, set_len, p, len))) {
		p += len;
		n -= len;
	}
	while (n > 0 && (len = rune_length(p, n, true), memmem(set, set_len, p + n - len, len)))
		n -= len;
	return nd_value_string(p, n);
}

static bool has_prefix(const struct nd_value *s, const struct nd_value *with)
{
	return with->s.len <= s->s.len &&
	       (with->s.len == 0 || memcmp(s->s.text, with->s.text, with->s.len) == 0);
}

static bool has_suffix(const struct nd_value *s, const struct nd_value *with)
{
	return with->s.len <= s->s.len &&
	       (with->s.len == 0 ||
		memcmp(s->s.text + s->s.len - with->s.len, with->s.text, with->s.len) == 0);
}

struct nd_value nd_expr_string_has_prefix(const struct nd_value *args, size_t nargs,
					  struct nd_arena *a)
{
	(void)nargs;
	(void)a;
	return nd_value_bool(has_prefix(&args[0], &args[1]));
}

struct nd_value nd_expr_string_has_suffix(const struct nd_value *args, size_t nargs,
					  struct nd_arena *a)
{
	(void)nargs;
	(void)a;
	return nd_value_bool(has_suffix(&args[0], &args[1]));
}

static const struct nd_value blank = { .kind = ND_VALUE_STRING, .s = { " ", 1 } };

struct nd_value nd_expr_string_trim_prefix(const struct nd_value *args, size_t nargs,
					   struct nd_arena *a)
{
	const struct nd_value *with = nargs > 1 ? &args[1] : &blank;
	size_t cut = has_prefix(&args[0], with) ? with->s.len : 0;
	(void)a;
	return nd_value_string(args[0].s.text + cut, args[0].s.len - cut);
}

struct nd_value nd_expr_string_trim_suffix(const struct nd_value *args, size_t nargs,
					   struct nd_arena *a)
{
	const struct nd_value *with = nargs > 1 ? &args[1] : &blank;
	size_t cut = has_suffix(&args[0], with) ? with->s.len : 0;
	(void)a;
	return nd_value_string(args[0].s.text, args[0].s.len - cut);
}

struct nd_value nd_expr_string_index_of(const struct nd_value *args, size_t nargs,
					struct nd_arena *a)
{
	const char *found;
	(void)nargs;
	(void)a;

	if (args[1].s.len == 0)
		return nd_value_int(0);
	found = memmem(args[0].s.text, args[0].s.len, args[1].s.text, args[1].s.len);
	return nd_value_int(found ? found - args[0].s.text : -1);
}

struct nd_value nd_expr_string_last_index_of(const struct nd_value *args, size_t nargs,
					     struct nd_arena *a)
{
	(void)nargs;
	(void)a;
	for (size_t i = args[0].s.len + 1; i-- > 0;) {
		struct nd_value rest = nd_value_string(args[0].s.text + i, args[0].s.len - i);
		if (has_prefix(&rest, &args[1]))
			return nd_value_int((int64_t)i);
	}
	return nd_value_int(-1);
}

/* The next occurrence of `what` in n bytes at p, or NULL. An empty one occurs after each rune. */
static const char *find_next(const char *p, size_t n, const struct nd_value *what)
{
	if (what->s.len)
		return n ? memmem(p, n, what->s.text, what->s.len) : NULL;
	size_t len = n ? rune_length(p, n, false) : 0;
	return len < n ? p + len : NULL;
}

struct nd_value nd_expr_string_split(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	const char *p = args[0].s.text, *end = p + args[0].s.len, *next;
	size_t most = nargs > 2 && args[2].i >= 0 ? (size_t)args[2].i : SIZE_MAX, n = 0, i = 0;
	const struct nd_value *by = &args[1];

	if (most == 0 || (by->s.len == 0 && p == end))
		return nd_value_list(NULL, 0);
	for (const char *q = p; (next = find_next(q, (size_t)(end - q), by)); n++)
		q = next + by->s.len;
	n = n + 1 < most ? n + 1 : most;
	struct nd_value *items = nd_arena_array(a, n, sizeof *items);
	if (!items)
		return nd_value_limit();
	for (; i + 1 < n; i++) {
		next = find_next(p, (size_t)(end - p), by);
		items[i] = nd_value_string(p, (size_t)(next - p));
		p = next + by->s.len;
	}
	items[i] = nd_value_string(p, (size_t)(end - p));
	return nd_value_list(items, n);
}

struct nd_value nd_expr_string_join(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	struct nd_buf buf;

	nd_buf_init(&buf, TEXT_MAX_BYTES);
	for (size_t i = 0; i < args[0].list.n; i++) {
		const struct nd_value *item = &args[0].list.items[i];
		if (item->kind != ND_VALUE_STRING) {
			nd_buf_clear(&buf);
			return nd_value_error(a, "invalid argument for join (element of type %s)",
					      nd_value_type(item));
		}
		if (i && nargs > 1)
			nd_buf_add(&buf, args[1].s.text, args[1].s.len);
		nd_buf_add(&buf, item->s.text, item->s.len);
	}
	return take_text(&buf, a);
}

/* An empty text to replace occurs before the first rune and after each rune. */
struct nd_value nd_expr_string_replace(const struct nd_value *args, size_t nargs,
				       struct nd_arena *a)
{
	const char *p = args[0].s.text, *end = p + args[0].s.len, *next;
	uint64_t most = nargs > 3 && args[3].i >= 0 ? (uint64_t)args[3].i : UINT64_MAX;
	const struct nd_value *what = &args[1], *with = &args[2];
	struct nd_buf buf;

	nd_buf_init(&buf, TEXT_MAX_BYTES);
	if (what->s.len == 0 && most > 0) {
		nd_buf_add(&buf, with->s.text, with->s.len);
		most--;
	}
	while (most > 0 && !buf.err) {
		next = find_next(p, (size_t)(end - p), what);
		if (!next && what->s.len == 0 && p < end)
			next = end;
		if (!next)
			break;
		nd_buf_add(&buf, p, (size_t)(next - p));
		nd_buf_add(&buf, with->s.text, with->s.len);
		p = next + what->s.len;
		most--;
	}
	nd_buf_add(&buf, p, (size_t)(end - p));
	return take_text(&buf, a);
}

struct nd_value nd_expr_string_repeat(const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	size_t n = args[0].s.len, total;
	char *text;
	(void)nargs;

	if (args[1].i < 0)
		return nd_value_error(
			a, "invalid argument for repeat (expected positive integer, got %lld)",
			(long long)args[1].i);
	if (__builtin_mul_overflow(n, (size_t)args[1].i, &total) || total > TEXT_MAX_BYTES)
		return nd_value_limit();
	text = nd_arena_alloc(a, total + 1);
	if (!text)
		return nd_value_limit();
	for (size_t i = 0; i < total; i++)
		text[i] = args[0].s.text[i % n];
	return nd_value_string(text, total);
}
