/* SPDX-License-Identifier: Apache-2.0 */
#include "text/regex_class.h"

#include <string.h>
#include "base/ascii.h"
#include "base/err.h"
#include "text/quote.h"

static const char BAD_ESCAPE[] = "invalid escape sequence";
static const char BAD_RANGE[] = "invalid character class range";
static const char BAD_UTF8[] = "invalid UTF-8";

enum { RUNE_MAX = 0x10ffff };

static bool fail(struct nd_regex_error *err, const char *code, const char *from, const char *to)
{
	*err = (struct nd_regex_error){ .code = code, .at = from, .len = (size_t)(to - from) };
	return false;
}

static bool is_alnum(uint32_t c)
{
	return c < 0x80 && nd_ascii_is_alnum((char)c);
}

void nd_regex_class_literal(struct nd_buf *out, uint32_t rune)
{
	char c = (char)rune;

	if (is_alnum(rune))
		nd_buf_add(out, &c, 1);
	else
		nd_buf_printf(out, "\\x{%x}", (unsigned)rune);
}

static int hex_digit(uint32_t c)
{
	return c < 0x80 ? nd_ascii_hex((char)c) : -1;
}

/* Reads the next code point; false with *err set. */
static bool next_rune(const char **p, const char *end, uint32_t *c, struct nd_regex_error *err)
{
	size_t n = nd_quote_rune(*p, (size_t)(end - *p), c);

	if (n == 0)
		return fail(err, BAD_UTF8, *p, end);
	*p += n;
	return true;
}

/* p is after "\x". */
static bool read_hex(const char **p, const char *end, const char *from, uint32_t *rune,
		     struct nd_regex_error *err)
{
	uint32_t c = 0, value = 0;
	int digit;

	if (*p == end)
		return fail(err, BAD_ESCAPE, from, *p);
	if (!next_rune(p, end, &c, err))
		return false;
	if (c != '{') {
		digit = hex_digit(c);
		if (*p == end)
			return fail(err, BAD_ESCAPE, from, *p);
		if (!next_rune(p, end, &c, err))
			return false;
		if (digit < 0 || hex_digit(c) < 0)
			return fail(err, BAD_ESCAPE, from, *p);
		*rune = (uint32_t)(digit * 16 + hex_digit(c));
		return true;
	}
	for (size_t n = 0;; n++) {
		if (*p == end)
			return fail(err, BAD_ESCAPE, from, *p);
		if (!next_rune(p, end, &c, err))
			return false;
		if (c == '}' && n > 0)
			break;
		digit = hex_digit(c);
		if (digit < 0)
			return fail(err, BAD_ESCAPE, from, *p);
		value = value * 16 + (uint32_t)digit;
		if (value > RUNE_MAX)
			return fail(err, BAD_ESCAPE, from, *p);
	}
	*rune = value;
	return true;
}

static void read_octal(const char **p, const char *end, uint32_t first, uint32_t *rune)
{
	*rune = first;
	for (int i = 1; i < 3 && *p < end && **p >= '0' && **p <= '7'; i++)
		*rune = *rune * 8 + (uint32_t)(*(*p)++ - '0');
}

bool nd_regex_class_escape(const char **p, const char *end, uint32_t *rune,
			   struct nd_regex_error *err)
{
	static const char letters[] = "afnrtv", means[] = "\a\f\n\r\t\v";
	const char *from = *p, *found;
	uint32_t c = 0;

	if (++*p == end)
		return fail(err, "trailing backslash at end of expression", end, end);
	if (!next_rune(p, end, &c, err))
		return false;
	if (c == 'x')
		return read_hex(p, end, from, rune, err);
	/* A single digit other than 0 would be a back reference. */
	if (c == '0' || (c >= '1' && c <= '7' && *p < end && **p >= '0' && **p <= '7')) {
		read_octal(p, end, c - '0', rune);
		return true;
	}
	found = c < 0x80 && c ? strchr(letters, (int)c) : NULL;
	if (found) {
		*rune = (uint32_t)means[found - letters];
		return true;
	}
	if (c >= 0x80 || is_alnum(c))
		return fail(err, BAD_ESCAPE, from, *p);
	*rune = c;
	return true;
}

struct named_class {
	const char *name;
	const char *ranges; /* pairs of bounds, ascending; \x01 as a lower bound means NUL */
};

/* In Go \s does not include the vertical tab, but [:space:] does. */
static const struct named_class perl_classes[] = {
	{ "d", "09" },
	{ "s", "\t\n\f\r  " },
	{ "w", "09AZ__az" },
};

static const struct named_class posix_classes[] = {
	{ "alnum", "09AZaz" },
	{ "alpha", "AZaz" },
	{ "ascii", "\x01\x7f" },
	{ "blank", "\t\t  " },
	{ "cntrl", "\x01\x1f\x7f\x7f" },
	{ "digit", "09" },
	{ "graph", "!~" },
	{ "lower", "az" },
	{ "print", " ~" },
	{ "punct", "!/:@[`{~" },
	{ "space", "\t\r  " },
	{ "upper", "AZ" },
	{ "word", "09AZ__az" },
	{ "xdigit", "09AFaf" },
};

static void add_range(struct nd_buf *out, uint32_t lo, uint32_t hi)
{
	nd_regex_class_literal(out, lo);
	if (hi != lo) {
		nd_buf_text(out, "-");
		nd_regex_class_literal(out, hi);
	}
}

/* Long s and the Kelvin sign fold to ASCII letters. With case folding, PCRE2 folds each member of
 * a class before it negates, so the complement must not include what folds to a member. */
static void add_complement(struct nd_buf *out, const char *ranges, bool fold)
{
	bool letters = false;
	uint32_t from = 0;

	for (; *ranges; ranges += 2) {
		uint32_t lo = (unsigned char)ranges[0] == 1 ? 0 : (unsigned char)ranges[0];
		if (lo > from)
			add_range(out, from, lo - 1);
		from = (uint32_t)(unsigned char)ranges[1] + 1;
		letters = letters || (lo <= 'k' && from > 's');
	}
	if (fold && letters) {
		add_range(out, from, 0x17e);
		add_range(out, 0x180, 0x2129);
		from = 0x212b;
	}
	add_range(out, from, RUNE_MAX);
}

static void add_ranges(struct nd_buf *out, const char *ranges)
{
	for (; *ranges; ranges += 2)
		add_range(out, ranges[0] == 1 ? 0 : (unsigned char)ranges[0],
			  (unsigned char)ranges[1]);
}

/* With case folding, [:upper:] and [:lower:] are both all letters. */
static const char *folded(const char *ranges, bool fold)
{
	return fold && (!strcmp(ranges, "az") || !strcmp(ranges, "AZ")) ? "AZaz" : ranges;
}

static void add_class(struct nd_buf *out, const char *ranges, bool negative, bool fold)
{
	if (negative)
		add_complement(out, folded(ranges, fold), fold);
	else
		add_ranges(out, ranges);
}

/* The names of general categories in Go; PCRE2 knows only the short ones. */
static const struct {
	const char *name, *code;
} categories[] = {
	{ "casedletter", "L&" },
	{ "closepunctuation", "Pe" },
	{ "combiningmark", "M" },
	{ "connectorpunctuation", "Pc" },
	{ "control", "Cc" },
	{ "currencysymbol", "Sc" },
	{ "dashpunctuation", "Pd" },
	{ "decimalnumber", "Nd" },
	{ "enclosingmark", "Me" },
	{ "finalpunctuation", "Pf" },
	{ "format", "Cf" },
	{ "initialpunctuation", "Pi" },
	{ "letter", "L" },
	{ "letternumber", "Nl" },
	{ "lineseparator", "Zl" },
	{ "lowercaseletter", "Ll" },
	{ "mark", "M" },
	{ "mathsymbol", "Sm" },
	{ "modifierletter", "Lm" },
	{ "modifiersymbol", "Sk" },
	{ "nonspacingmark", "Mn" },
	{ "number", "N" },
	{ "openpunctuation", "Ps" },
	{ "other", "C" },
	{ "otherletter", "Lo" },
	{ "othernumber", "No" },
	{ "otherpunctuation", "Po" },
	{ "othersymbol", "So" },
	{ "paragraphseparator", "Zp" },
	{ "privateuse", "Co" },
	{ "punctuation", "P" },
	{ "separator", "Z" },
	{ "spaceseparator", "Zs" },
	{ "spacingmark", "Mc" },
	{ "surrogate", "Cs" },
	{ "symbol", "S" },
	{ "titlecaseletter", "Lt" },
	{ "unassigned", "Cn" },
	{ "uppercaseletter", "Lu" },
	{ "cntrl", "Cc" },
	{ "digit", "Nd" },
	{ "punct", "P" },
	{ "any", "Any" },
	{ "lc", "L&" },
	{ "c", "C" },
	{ "cc", "Cc" },
	{ "cf", "Cf" },
	{ "cn", "Cn" },
	{ "co", "Co" },
	{ "cs", "Cs" },
	{ "l", "L" },
	{ "ll", "Ll" },
	{ "lm", "Lm" },
	{ "lo", "Lo" },
	{ "lt", "Lt" },
	{ "lu", "Lu" },
	{ "m", "M" },
	{ "mc", "Mc" },
	{ "me", "Me" },
	{ "mn", "Mn" },
	{ "n", "N" },
	{ "nd", "Nd" },
	{ "nl", "Nl" },
	{ "no", "No" },
	{ "p", "P" },
	{ "pc", "Pc" },
	{ "pd", "Pd" },
	{ "pe", "Pe" },
	{ "pf", "Pf" },
	{ "pi", "Pi" },
	{ "po", "Po" },
	{ "ps", "Ps" },
	{ "s", "S" },
	{ "sc", "Sc" },
	{ "sk", "Sk" },
	{ "sm", "Sm" },
	{ "so", "So" },
	{ "z", "Z" },
	{ "zl", "Zl" },
	{ "zp", "Zp" },
	{ "zs", "Zs" },
};

/* Go ignores case, spaces, '-' and '_' in names. Script names are passed to PCRE2, with "sc:"
 * because it would read them as Script_Extensions otherwise. */
static bool add_property(struct nd_buf *out, const char *name, size_t len, bool negative,
			 bool inside, bool fold)
{
	char plain[64];
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		uint32_t c = (unsigned char)name[i];
		if (c == '_' || c == '-' || c == ' ')
			continue;
		if (!is_alnum(c) || n + 1 == sizeof plain)
			return false;
		plain[n++] = nd_ascii_lower((char)c);
	}
	plain[n] = '\0';
	if (n == 0)
		return false;
	if (!strcmp(plain, "assigned")) {
		nd_buf_text(out, negative ? "\\p{Cn}" : "\\P{Cn}");
		return true;
	}
	if (!strcmp(plain, "ascii")) {
		nd_buf_text(out, inside ? "" : "[");
		/* with case folding it includes long s and the Kelvin sign: add_complement */
		if (!negative)
			add_range(out, 0, 0x7f);
		else
			add_complement(out, "\x01\x7f", fold);
		nd_buf_text(out, inside ? "" : "]");
		return true;
	}
	const char *code = NULL;
	for (size_t i = 0; i < ND_COUNT(categories); i++)
		if (!strcmp(plain, categories[i].name))
			code = categories[i].code;
	/* PCRE2 folds \p{Lu}, \p{Ll} and \p{Lt} to all cased letters, but not \P{Lu}. */
	if (fold && code && code[0] == 'L' && code[1] && strchr("ult", code[1]))
		code = "L&";
	nd_buf_printf(out, "\\%c{%s%s}", negative ? 'P' : 'p',
		      code ? "" : "sc:", code ? code : plain);
	return true;
}

static bool read_property(const char **p, const char *end, bool inside, bool fold,
			  struct nd_buf *out, struct nd_regex_error *err)
{
	const char *from = *p, *name = from + 2, *stop = name;
	bool negative = from[1] == 'P';
	uint32_t c = 0;

	if (name == end)
		return fail(err, BAD_RANGE, from, end);
	if (*name == '{') {
		name++;
		stop = memchr(name, '}', (size_t)(end - name));
		if (!stop)
			return fail(err, BAD_RANGE, from, end);
		*p = stop + 1;
	} else {
		if (!next_rune(&stop, end, &c, err))
			return false;
		*p = stop;
	}
	if (name < stop && *name == '^') {
		negative = !negative;
		name++;
	}
	if (!add_property(out, name, (size_t)(stop - name), negative, inside, fold))
		return fail(err, BAD_RANGE, from, *p);
	return true;
}

bool nd_regex_class_group(const char **p, const char *end, bool inside, bool fold,
			  struct nd_buf *out, struct nd_regex_error *err)
{
	if (end - *p < 2)
		return false;
	char letter = (*p)[1];
	if (letter == 'p' || letter == 'P')
		return read_property(p, end, inside, fold, out, err);
	for (size_t i = 0; i < ND_COUNT(perl_classes); i++) {
		char small = perl_classes[i].name[0];
		if (letter != small && letter != small - 32)
			continue;
		nd_buf_text(out, inside ? "" : "[");
		add_class(out, perl_classes[i].ranges, letter != small, fold);
		nd_buf_text(out, inside ? "" : "]");
		*p += 2;
		return true;
	}
	return false;
}

/* p is at "[:". False without an error: not a POSIX class but a plain '['. */
static bool read_posix(const char **p, const char *end, bool fold, struct nd_buf *out,
		       struct nd_regex_error *err)
{
	const char *name = *p + 2, *stop = name;

	while (end - stop >= 2 && !(stop[0] == ':' && stop[1] == ']'))
		stop++;
	if (end - stop < 2)
		return false;
	bool negative = name < stop && *name == '^';
	if (negative)
		name++;
	for (size_t i = 0; i < ND_COUNT(posix_classes); i++) {
		const struct named_class *class = &posix_classes[i];
		if (strlen(class->name) != (size_t)(stop - name) ||
		    strncmp(class->name, name, (size_t)(stop - name)) != 0)
			continue;
		add_class(out, class->ranges, negative, fold);
		*p = stop + 2;
		return true;
	}
	return fail(err, BAD_RANGE, *p, stop + 2);
}

static bool read_member(const char **p, const char *end, const char *class, uint32_t *c,
			struct nd_regex_error *err)
{
	if (*p == end)
		return fail(err, "missing closing ]", class, end);
	if (**p == '\\')
		return nd_regex_class_escape(p, end, c, err);
	return next_rune(p, end, c, err);
}

/* Reads one character or a range. */
static bool read_range(const char **p, const char *end, const char *class, struct nd_buf *out,
		       struct nd_regex_error *err)
{
	const char *from = *p;
	uint32_t lo = 0, hi;

	if (!read_member(p, end, class, &lo, err))
		return false;
	hi = lo;
	if (end - *p >= 2 && (*p)[0] == '-' && (*p)[1] != ']') {
		++*p;
		if (!read_member(p, end, class, &hi, err))
			return false;
		if (hi < lo)
			return fail(err, BAD_RANGE, from, *p);
	}
	add_range(out, lo, hi);
	return true;
}

bool nd_regex_class_read(const char **p, const char *end, bool fold, struct nd_buf *out,
			 struct nd_regex_error *err)
{
	const char *class = *p;
	bool first = true; /* a ']' in the first position is a member */

	++*p;
	nd_buf_text(out, "[");
	if (*p < end && **p == '^') {
		nd_buf_text(out, "^");
		++*p;
	}
	for (; *p == end || **p != ']' || first; first = false) {
		if (end - *p > 2 && (*p)[0] == '[' && (*p)[1] == ':' &&
		    read_posix(p, end, fold, out, err))
			continue;
		if (err->code)
			return false;
		if (*p < end && **p == '\\' && nd_regex_class_group(p, end, true, fold, out, err))
			continue;
		if (err->code || !read_range(p, end, class, out, err))
			return false;
	}
	++*p;
	nd_buf_text(out, "]");
	return true;
}
