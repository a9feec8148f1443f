/* SPDX-License-Identifier: Apache-2.0 */
#include "text/print.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/ascii.h"
#include "base/err.h"
#include "text/quote.h"

enum {
	DEPTH_MAX = 100,     /* nested lists and maps */
	WIDTH_MAX = 1000000, /* as in Go; above that %!(BADWIDTH) */
};

/* The flags, width and precision between '%' and the verb. */
struct spec {
	bool minus, plus, sharp, space, zero;
	bool has_width, has_prec;
	int width, prec;
};

static void add_repeated(struct nd_buf *out, char c, size_t n)
{
	char *to = n ? nd_buf_room(out, n) : NULL;

	if (!to)
		return;
	memset(to, c, n);
	out->len += n;
	out->data[out->len] = '\0';
}

/* Adds text, padded to the width. As in Go, '0' pads text too. */
static void add_padded(struct nd_buf *out, const struct spec *s, const char *text, size_t n)
{
	char pad = s->zero && !s->minus ? '0' : ' ';
	size_t width = s->has_width ? (size_t)s->width : 0, count = nd_quote_count(text, n);
	size_t fill = width > count ? width - count : 0;

	if (!s->minus)
		add_repeated(out, pad, fill);
	nd_buf_add(out, text, n);
	if (s->minus)
		add_repeated(out, ' ', fill);
}

static int digits_of(char *to, uint64_t value, unsigned base, bool upper)
{
	static const char lower_digits[] = "0123456789abcdef", upper_digits[] = "0123456789ABCDEF";
	char back[64];
	int n = 0;

	do {
		back[n++] = (upper ? upper_digits : lower_digits)[value % base];
		value /= base;
	} while (value);
	for (int i = 0; i < n; i++)
		to[i] = back[n - 1 - i];
	return n;
}

static const char *prefix_of(char verb, bool sharp)
{
	if (verb == 'O')
		return "0o";
	if (!sharp)
		return "";
	return verb == 'x'   ? "0x"
	       : verb == 'X' ? "0X"
	       : verb == 'o' ? "0"
	       : verb == 'b' ? "0b"
			     : "";
}

static void add_int(struct nd_buf *out, const struct spec *s, int64_t value, unsigned base,
		    char verb)
{
	uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	const char *sign = value < 0 ? "-" : s->plus ? "+" : s->space ? " " : "";
	const char *prefix = prefix_of(verb, s->sharp);
	char digits[64];
	size_t n = (size_t)digits_of(digits, size, base, verb == 'X');
	size_t least = s->has_prec ? (size_t)s->prec : 0,
	       width = s->has_width ? (size_t)s->width : 0;

	if (s->has_prec && s->prec == 0 && value == 0) {
		add_repeated(out, ' ', width);
		return;
	}
	if (!s->has_prec && s->zero && !s->minus && s->has_width)
		least = width > strlen(sign) ? width - strlen(sign) : 0;
	size_t zeros = least > n ? least - n : 0;
	if (verb == 'o' && *prefix && zeros)
		prefix = "";
	size_t total = strlen(sign) + strlen(prefix) + zeros + n;
	size_t fill = width > total ? width - total : 0;
	add_repeated(out, ' ', s->minus ? 0 : fill);
	nd_buf_text(out, sign);
	nd_buf_text(out, prefix);
	add_repeated(out, '0', zeros);
	nd_buf_add(out, digits, n);
	add_repeated(out, ' ', s->minus ? fill : 0);
}

/* The number of digits after the first in the shortest form that reads back as f; Go's precision
 * -1. */
static int shortest(double f)
{
	char text[40];
	int prec;

	for (prec = 0; prec < 17; prec++) {
		snprintf(text, sizeof text, "%.*e", prec, f);
		if (strtod(text, NULL) == f)
			break;
	}
	return prec;
}

/* %g with the shortest digits; in the form of %e if the exponent is below -4 or above 5. */
static void write_shortest(struct nd_buf *to, double f, char verb)
{
	char text[40];
	int prec = shortest(f), exponent;

	snprintf(text, sizeof text, "%.*e", prec, f);
	exponent = atoi(strchr(text, 'e') + 1);
	if (exponent < -4 || exponent > 5)
		nd_buf_printf(to, verb == 'E' || verb == 'G' ? "%.*E" : "%.*e", prec, f);
	else
		nd_buf_printf(to, "%.*f", prec > exponent ? prec - exponent : 0, f);
}

static void write_float(struct nd_buf *to, const struct spec *s, double f, char verb)
{
	int prec = s->has_prec ? s->prec : 6;

	if (isnan(f))
		nd_buf_text(to, "NaN");
	else if (isinf(f))
		nd_buf_text(to, "Inf");
	else if ((verb == 'v' || verb == 'g' || verb == 'G') && !s->has_prec)
		write_shortest(to, f, verb);
	else if (verb == 'v' || verb == 'g')
		nd_buf_printf(to, "%.*g", prec, f);
	else if (verb == 'G')
		nd_buf_printf(to, "%.*G", prec, f);
	else if (verb == 'e')
		nd_buf_printf(to, "%.*e", prec, f);
	else if (verb == 'E')
		nd_buf_printf(to, "%.*E", prec, f);
	else
		nd_buf_printf(to, "%.*f", prec, f);
}

static void add_float(struct nd_buf *out, const struct spec *s, double f, char verb)
{
	const char *sign = signbit(f) && !isnan(f) ? "-"
			   : s->plus               ? "+"
			   : s->space              ? " "
			   : isinf(f)              ? "+"
						   : "";
	struct spec rest = *s;
	struct nd_buf text;

	nd_buf_init(&text, out->max);
	if (s->zero && !s->minus && isfinite(f)) {
		nd_buf_text(out, sign);
		rest.width -= rest.has_width ? (int)strlen(sign) : 0;
		rest.width = rest.width < 0 ? 0 : rest.width;
		sign = "";
	}
	nd_buf_text(&text, sign);
	write_float(&text, s, isnan(f) ? f : fabs(f), verb);
	if (text.err)
		out->err = out->err ? out->err : text.err;
	rest.zero = s->zero && isfinite(f);
	add_padded(out, &rest, nd_buf_string(&text), text.len);
	nd_buf_clear(&text);
}

/* The length of the first n runes. */
static size_t cut(const char *text, size_t len, size_t n)
{
	size_t i = 0;
	uint32_t c;

	while (i < len && n-- > 0) {
		size_t step = nd_quote_rune(text + i, len - i, &c);
		i += step ? step : 1;
	}
	return i;
}

static void add_hex_text(struct nd_buf *out, const struct spec *s, const char *text, size_t n,
			 char verb)
{
	struct nd_buf hex;

	nd_buf_init(&hex, out->max);
	if (s->has_prec && (size_t)s->prec < n)
		n = (size_t)s->prec;
	for (size_t i = 0; i < n && !hex.err; i++) {
		if (s->sharp && (i == 0 || s->space))
			nd_buf_text(&hex, verb == 'x' ? (i ? " 0x" : "0x") : (i ? " 0X" : "0X"));
		else if (s->space && i)
			nd_buf_text(&hex, " ");
		nd_buf_printf(&hex, verb == 'x' ? "%02x" : "%02X", (unsigned char)text[i]);
	}
	if (hex.err)
		out->err = out->err ? out->err : hex.err;
	add_padded(out, s, nd_buf_string(&hex), hex.len);
	nd_buf_clear(&hex);
}

static void add_quoted(struct nd_buf *out, const struct spec *s, const char *text, size_t n)
{
	struct nd_buf quoted;

	nd_buf_init(&quoted, out->max);
	if (s->sharp && !memchr(text, '`', n) && !memchr(text, '\n', n))
		nd_buf_printf(&quoted, "`%.*s`", (int)n, text);
	else
		nd_quote_add(&quoted, text, n);
	if (quoted.err)
		out->err = out->err ? out->err : quoted.err;
	add_padded(out, s, nd_buf_string(&quoted), quoted.len);
	nd_buf_clear(&quoted);
}

static void add_rune_text(struct nd_buf *out, const struct spec *s, int64_t value, char verb)
{
	struct nd_buf text;
	uint32_t c = value < 0 || value > 0x10ffff ? 0xfffd : (uint32_t)value;
	struct spec rest = *s;

	nd_buf_init(&text, 64);
	if (verb == 'c')
		nd_quote_add_rune(&text, c);
	else if (verb == 'q')
		nd_quote_add_rune_quoted(&text, c);
	else
		nd_buf_printf(&text, "U+%04llX", (unsigned long long)value);
	rest.zero = s->zero && verb != 'U';
	add_padded(out, &rest, nd_buf_string(&text), text.len);
	nd_buf_clear(&text);
}

static void print_verb(struct nd_buf *out, struct nd_arena *a, const struct spec *s, char verb,
		       const struct nd_value *v, unsigned depth);

/* "%!d(string=x)" */
static void add_bad_verb(struct nd_buf *out, struct nd_arena *a, char verb,
			 const struct nd_value *v, unsigned depth)
{
	static const struct spec plain;

	if (v->kind == ND_VALUE_NIL) {
		nd_buf_printf(out, "%%!%c(<nil>)", verb);
		return;
	}
	nd_buf_printf(out, "%%!%c(%s=", verb, nd_value_type(v));
	print_verb(out, a, &plain, 'v', v, depth + 1);
	nd_buf_text(out, ")");
}

static bool print_int(struct nd_buf *out, const struct spec *s, char verb, int64_t i)
{
	switch (verb) {
	case 'v':
	case 'd': add_int(out, s, i, 10, verb); return true;
	case 'b': add_int(out, s, i, 2, verb); return true;
	case 'o':
	case 'O': add_int(out, s, i, 8, verb); return true;
	case 'x':
	case 'X': add_int(out, s, i, 16, verb); return true;
	case 'c':
	case 'q':
	case 'U': add_rune_text(out, s, i, verb); return true;
	}
	return false;
}

static bool print_string(struct nd_buf *out, const struct spec *s, char verb, const char *text,
			 size_t n)
{
	if (verb == 'x' || verb == 'X') {
		add_hex_text(out, s, text, n, verb);
		return true;
	}
	if (s->has_prec)
		n = cut(text, n, (size_t)s->prec);
	if (verb == 'q' || (verb == 'v' && s->sharp))
		add_quoted(out, s, text, n);
	else if (verb == 'v' || verb == 's')
		add_padded(out, s, text, n);
	else
		return false;
	return true;
}

static void print_list(struct nd_buf *out, struct nd_arena *a, const struct spec *s, char verb,
		       const struct nd_value *v, unsigned depth)
{
	nd_buf_text(out, "[");
	for (size_t i = 0; i < v->list.n && !out->err; i++) {
		nd_buf_text(out, i ? " " : "");
		print_verb(out, a, s, verb, &v->list.items[i], depth + 1);
	}
	nd_buf_text(out, "]");
}

static void print_map(struct nd_buf *out, struct nd_arena *a, const struct spec *s, char verb,
		      const struct nd_value *v, unsigned depth)
{
	const struct nd_value_pair *pairs = nd_value_sorted(v, a);

	if (!pairs) {
		out->err = out->err ? out->err : ND_ELIMIT;
		return;
	}
	nd_buf_text(out, "map[");
	for (size_t i = 0; i < v->map.n && !out->err; i++) {
		struct nd_value key = nd_value_string(pairs[i].key, strlen(pairs[i].key));
		nd_buf_text(out, i ? " " : "");
		print_verb(out, a, s, verb, &key, depth + 1);
		nd_buf_text(out, ":");
		print_verb(out, a, s, verb, &pairs[i].value, depth + 1);
	}
	nd_buf_text(out, "]");
}

static void print_verb(struct nd_buf *out, struct nd_arena *a, const struct spec *s, char verb,
		       const struct nd_value *v, unsigned depth)
{
	bool fits = true;

	if (depth > DEPTH_MAX) {
		out->err = out->err ? out->err : ND_ELIMIT;
		return;
	}
	switch (v->kind) {
	case ND_VALUE_NIL:
		fits = verb == 'v';
		if (fits)
			add_padded(out, s, "<nil>", 5);
		break;
	case ND_VALUE_BOOL:
		fits = verb == 'v' || verb == 't';
		if (fits)
			add_padded(out, s, v->b ? "true" : "false", v->b ? 4 : 5);
		break;
	case ND_VALUE_INT: fits = print_int(out, s, verb, v->i); break;
	case ND_VALUE_FLOAT:
		fits = strchr("veEfFgG", verb) != NULL;
		if (fits)
			add_float(out, s, v->f, verb);
		break;
	case ND_VALUE_STRING:
	case ND_VALUE_ERROR: fits = print_string(out, s, verb, v->s.text, v->s.len); break;
	case ND_VALUE_LIST: print_list(out, a, s, verb, v, depth); break;
	case ND_VALUE_MAP: print_map(out, a, s, verb, v, depth); break;
	}
	if (!fits)
		add_bad_verb(out, a, verb, v, depth);
}

void nd_print_value(struct nd_buf *out, struct nd_arena *a, const struct nd_value *v,
		    const char *nil)
{
	static const struct spec plain;

	if (v->kind == ND_VALUE_NIL)
		nd_buf_text(out, nil);
	else
		print_verb(out, a, &plain, 'v', v, 0);
}

void nd_print_all(struct nd_buf *out, struct nd_arena *a, const struct nd_value *args, size_t nargs)
{
	for (size_t i = 0; i < nargs && !out->err; i++) {
		if (i && args[i].kind != ND_VALUE_STRING && args[i - 1].kind != ND_VALUE_STRING)
			nd_buf_text(out, " ");
		nd_print_value(out, a, &args[i], "<nil>");
	}
}

/* The state while a format is processed. */
struct format {
	const char *p, *end;
	const struct nd_value *args;
	size_t nargs, next;
	bool reordered; /* [n] was seen for this verb */
	bool bad_index;
};

/* Reads [n]: the next argument is the n-th. */
static void read_index(struct format *f)
{
	size_t n = 0;
	const char *p = f->p + 1;

	if (f->p == f->end || *f->p != '[')
		return;
	f->reordered = true;
	while (p < f->end && nd_ascii_is_digit(*p) && n < WIDTH_MAX)
		n = n * 10 + (size_t)(*p++ - '0');
	if (p == f->end || *p != ']' || n == 0 || n > f->nargs) {
		const char *stop = memchr(f->p, ']', (size_t)(f->end - f->p));
		f->p = stop ? stop + 1 : f->p + 1;
		f->bad_index = true;
		return;
	}
	f->p = p + 1;
	f->next = n - 1;
}

/* Reads digits or '*'. True if there is a number; *bad: too large, or '*' without an int. */
static bool read_size(struct format *f, int *size, bool *bad)
{
	const char *from = f->p;

	*size = 0;
	*bad = false;
	if (f->p < f->end && *f->p == '*') {
		f->p++;
		*bad = f->next >= f->nargs || f->args[f->next].kind != ND_VALUE_INT ||
		       f->args[f->next].i > WIDTH_MAX || f->args[f->next].i < -WIDTH_MAX;
		*size = *bad ? 0 : (int)f->args[f->next].i;
		f->next++;
		return !*bad;
	}
	for (; f->p < f->end && nd_ascii_is_digit(*f->p); f->p++) {
		if (*size > WIDTH_MAX) /* as in Go: then a digit is the verb */
			return false;
		*size = *size * 10 + (*f->p - '0');
	}
	return f->p > from;
}

static void read_flags(struct format *f, struct spec *s)
{
	for (; f->p < f->end; f->p++) {
		switch (*f->p) {
		case '-': s->minus = true; break;
		case '+': s->plus = true; break;
		case '#': s->sharp = true; break;
		case ' ': s->space = true; break;
		case '0': s->zero = true; break;
		default: return;
		}
	}
}

static void read_spec(struct nd_buf *out, struct format *f, struct spec *s)
{
	bool bad;

	f->reordered = f->bad_index = false;
	read_flags(f, s);
	read_index(f);
	s->has_width = read_size(f, &s->width, &bad);
	if (bad)
		nd_buf_text(out, "%!(BADWIDTH)");
	if (s->width < 0) {
		s->width = -s->width;
		s->minus = true;
	}
	if (f->p < f->end && *f->p == '.') {
		f->p++;
		read_index(f);
		s->has_prec = read_size(f, &s->prec, &bad);
		if (s->prec < 0) {
			s->has_prec = false;
			bad = true;
		}
		if (bad)
			nd_buf_text(out, "%!(BADPREC)");
		else
			s->has_prec = true; /* "%.d" is "%.0d" */
	}
	if (!f->reordered || (f->p < f->end && *f->p == '['))
		read_index(f);
}

static void print_one(struct nd_buf *out, struct nd_arena *a, struct format *f)
{
	struct spec s = { 0 };
	uint32_t verb = 0;

	read_spec(out, f, &s);
	if (f->p == f->end) {
		nd_buf_text(out, "%!(NOVERB)");
		return;
	}
	size_t len = nd_quote_rune(f->p, (size_t)(f->end - f->p), &verb);
	const char *name = f->p;
	f->p += len ? len : 1;
	len = len ? len : 1;
	if (verb == '%') {
		nd_buf_text(out, "%");
	} else if (f->bad_index) {
		nd_buf_printf(out, "%%!%.*s(BADINDEX)", (int)len, name);
	} else if (f->next >= f->nargs) {
		nd_buf_printf(out, "%%!%.*s(MISSING)", (int)len, name);
	} else if (verb == 'T') {
		const char *type = nd_value_type(&f->args[f->next]);
		type = f->args[f->next++].kind == ND_VALUE_NIL ? "<nil>" : type;
		add_padded(out, &s, type, strlen(type));
	} else {
		print_verb(out, a, &s, verb < 0x80 ? (char)verb : '?', &f->args[f->next++], 0);
	}
}

static void add_extra(struct nd_buf *out, struct nd_arena *a, const struct format *f)
{
	nd_buf_text(out, "%!(EXTRA ");
	for (size_t i = f->next; i < f->nargs && !out->err; i++) {
		nd_buf_text(out, i > f->next ? ", " : "");
		if (f->args[i].kind != ND_VALUE_NIL)
			nd_buf_printf(out, "%s=", nd_value_type(&f->args[i]));
		nd_print_value(out, a, &f->args[i], "<nil>");
	}
	nd_buf_text(out, ")");
}

void nd_print_format(struct nd_buf *out, struct nd_arena *a, const char *format, size_t len,
		     const struct nd_value *args, size_t nargs)
{
	struct format f = { .p = format, .end = format + len, .args = args, .nargs = nargs };
	bool reordered = false;

	while (f.p < f.end && !out->err) {
		const char *from = f.p;
		while (f.p < f.end && *f.p != '%')
			f.p++;
		nd_buf_add(out, from, (size_t)(f.p - from));
		if (f.p == f.end)
			break;
		f.p++;
		print_one(out, a, &f);
		reordered = reordered || f.reordered;
	}
	if (!reordered && f.next < nargs && !out->err)
		add_extra(out, a, &f);
}
