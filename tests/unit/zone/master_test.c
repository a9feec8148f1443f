/* SPDX-License-Identifier: Apache-2.0 */
/* Records, directives and errors of master files. Files are in memory; each is read in pieces of
 * every length from 1 to 7 bytes and at once, with the same result. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/err.h"
#include "wire/text.h"
#include "wire/type.h"
#include "zone/master.h"

struct file {
	const char *path, *text;
	size_t n; /* 0: strlen */
};

struct disk {
	const struct file *files;
	size_t at[16]; /* by handle */
	int of[16];    /* index of the file; -1: free */
	size_t piece;
	unsigned opened;
};

static int open_file(void *ctx, const char *path, int *handle)
{
	struct disk *d = ctx;

	for (int i = 0; d->files[i].path; i++) {
		if (strcmp(d->files[i].path, path) != 0)
			continue;
		for (int h = 0; h < 16; h++) {
			if (d->of[h] >= 0)
				continue;
			d->of[h] = i;
			d->at[h] = 0;
			d->opened++;
			*handle = h;
			return 0;
		}
	}
	return -ENOENT;
}

static int next(void *ctx, int handle, void *to, size_t n)
{
	struct disk *d = ctx;
	const struct file *f = &d->files[d->of[handle]];
	size_t len = f->n ? f->n : strlen(f->text), left = len - d->at[handle];

	if (n > left)
		n = left;
	if (d->piece && n > d->piece)
		n = d->piece;
	memcpy(to, f->text + d->at[handle], n);
	d->at[handle] += n;
	return (int)n;
}

static void close_file(void *ctx, int handle)
{
	struct disk *d = ctx;

	d->of[handle] = -1;
}

/* The records as "owner ttl class type rdata\n", then the error, if there is one. */
static void read_all(const struct file *files, size_t piece, char *out, size_t cap)
{
	struct disk d = { .files = files, .piece = piece };
	struct nd_master_files door = { open_file, next, close_file, &d };
	struct nd_name_buf buf;
	struct nd_name origin;
	struct nd_master_rr rr;
	size_t len = 0;
	int got;

	memset(d.of, -1, sizeof d.of);
	assert_int_equal(nd_name_parse("example.", true, &buf, &origin), 0);
	struct nd_master *m = nd_master_new(files[0].path, origin, &door);
	assert_non_null(m);
	out[0] = '\0';
	while ((got = nd_master_next(m, &rr)) == 1) {
		char owner[ND_NAME_TEXT_MAX], type[ND_NUMBER_TEXT_MAX], class[ND_NUMBER_TEXT_MAX];
		char data[4096];
		nd_name_format(rr.owner, owner);
		nd_text_format_rdata(rr.type, rr.rdata, rr.n, data, sizeof data);
		if (len < cap)
			len += (size_t)snprintf(out + len, cap - len, "%s %u %s %s %s\n", owner,
						rr.ttl, nd_type_class_text(rr.class, class),
						nd_type_text(rr.type, type), data);
	}
	if (got < 0) {
		assert_string_not_equal(nd_master_error(m), "");
		snprintf(out + len, cap - len, "%s", nd_master_error(m));
		assert_int_equal(nd_master_next(m, &rr), got);
	}
	nd_master_free(m);
	for (int h = 0; h < 16; h++)
		assert_int_equal(d.of[h], -1);
}

static void expect(const char *name, const struct file *files, const char *want)
{
	for (size_t piece = 0; piece < 8; piece++) {
		char got[8192];
		read_all(files, piece, got, sizeof got);
		if (strcmp(got, want) != 0)
			fail_msg("%s, pieces of %zu: got\n%s\nwant\n%s", name, piece, got, want);
	}
}

static void test_records(void **state)
{
	static const struct {
		const char *name, *text, *want;
	} rows[] = {
		{ "empty", "", "" },
		{ "blank lines and comments", "\n ; x\n\t\n;y", "" },
		{ "no line end", "a 5 A 10.0.0.1", "a.example. 5 IN A 10.0.0.1\n" },
		{ "owner of before", "a 5 A 10.0.0.1\n 6 A 10.0.0.2\n\tAAAA ::1\n",
		  "a.example. 5 IN A 10.0.0.1\na.example. 6 IN A 10.0.0.2\n"
		  "a.example. 6 IN AAAA ::1\n" },
		{ "default TTL", "$TTL 1h\na A 10.0.0.1\nb 5 A 10.0.0.2\nc A 10.0.0.3\n",
		  "a.example. 3600 IN A 10.0.0.1\nb.example. 5 IN A 10.0.0.2\n"
		  "c.example. 3600 IN A 10.0.0.3\n" },
		{ "TTL of the record before", "a 7 A 10.0.0.1\nb A 10.0.0.2\n",
		  "a.example. 7 IN A 10.0.0.1\nb.example. 7 IN A 10.0.0.2\n" },
		{ "first record with a class", "a IN A 10.0.0.1\n",
		  "a.example. 0 IN A 10.0.0.1\n" },
		{ "class then TTL", "a IN 9 A 10.0.0.1", "a.example. 9 IN A 10.0.0.1\n" },
		{ "origin", "$ORIGIN x\na 5 A 10.0.0.1\n$origin y.\n@ 5 MX 1 m\n",
		  "a.x.example. 5 IN A 10.0.0.1\ny. 5 IN MX 1 m.y.\n" },
		{ "parentheses", "@ 5 SOA ns h ( 1 ; serial\n 2 3\n\n4 5 )\nb A 10.0.0.1\n",
		  "example. 5 IN SOA ns.example. h.example. 1 2 3 4 5\nb.example. 5 IN A 10.0.0.1\n" },
		{ "quotes and escapes", "a\\.b 5 TXT \"x ; \\\"y\n z\" \\050\n",
		  "a\\.b.example. 5 IN TXT \"x ; \\\"y\\010 z\" \"2\"\n" },
		{ "unknown type", "a 5 TYPE65280 \\# 2 ( ab\n cd )\n",
		  "a.example. 5 IN TYPE65280 \\# 2 abcd\n" },
		{ "an owner like a directive", "$x 5 A 10.0.0.1\n",
		  "$x.example. 5 IN A 10.0.0.1\n" },
		{ "carriage returns", "a 5 A 10.0.0.1\r\nb 5 A 10.0.0.2\r\n",
		  "a.example. 5 IN A 10.0.0.1\nb.example. 5 IN A 10.0.0.2\n" },
		{ "more types", "a 5 AFSDB 1 b\na RP b c\na CDS 1 8 2 ab\na KX 1 b\na GPOS 1 2 3\n",
		  "a.example. 5 IN AFSDB 1 b.example.\na.example. 5 IN RP b.example. c.example.\n"
		  "a.example. 5 IN CDS 1 8 2 AB\na.example. 5 IN KX 1 b.example.\n"
		  "a.example. 5 IN GPOS \"1\" \"2\" \"3\"\n" },
		{ "generate", "$GENERATE 8-10 a$ A 10.0.0.$\n",
		  "a8.example. 3600 IN A 10.0.0.8\na9.example. 3600 IN A 10.0.0.9\n"
		  "a10.example. 3600 IN A 10.0.0.10\n" },
		{ "generate with a step and modifiers",
		  "$GENERATE 1-5/3 a${9,3,x}$$\\$ 7 TXT $ ; c\n",
		  "a00a$$.example. 7 IN TXT \"1\"\na00d$$.example. 7 IN TXT \"4\"\n" },
		{ "generate in two", "$GENERATE 1-1 a 5 A 10.0.0.$\nb 6 A 10.0.0.2",
		  "a.example. 5 IN A 10.0.0.1\nb.example. 6 IN A 10.0.0.2\n" },
	};
	(void)state;
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct file files[] = { { "db", rows[i].text, 0 }, { 0 } };
		expect(rows[i].name, files, rows[i].want);
	}
}

static void test_errors(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "a 5 A 1.2.3",
		  "db:1: invalid address \"1.2.3\": must be an IPv4 address for A, an IPv6 address for "
		  "AAAA" },
		{ "\n\na 5 MX x m\n",
		  "db:3: invalid number \"x\": must be a decimal number that fits into its field" },
		{ "@ 5 SOA ns h (\n1 2\n3 x 5 )\n", "db:3: invalid number of seconds \"x\"" },
		{ "a A 10.0.0.1",
		  "db:1: missing TTL \"A\": give the record a TTL, or put $TTL before "
		  "it" },
		{ " 5 A 10.0.0.1",
		  "db:1: missing owner name \"5\": the first record of a file must "
		  "state its owner" },
		{ "a 5 IN", "db:1: missing type \"IN\"" },
		{ "a 5 A", "db:1: incomplete rdata \"A\"" },
		{ "a 5 A 10.0.0.1 x", "db:1: unexpected text after rdata \"x\"" },
		{ "a 5 OPT x", "db:1: this type cannot be in a zone: \"OPT\"" },
		{ "a 5 AXFR x", "db:1: this type cannot be in a zone: \"AXFR\"" },
		{ "a 5 FOO x", "db:1: invalid type, TTL or class \"FOO\": must be a type like A, a "
			       "TTL like 300 or 1h, or a class like IN" },
		{ "a..b 5 A 10.0.0.1",
		  "db:1: invalid owner name \"a..b\": labels must have 1 to 63 "
		  "bytes, the whole name at most 255" },
		{ "a 5 TXT \"x\ny", "db:1: unterminated quoted string \"\"x?y\": close the quote" },
		{ "a 5 TXT ( x\n\n", "db:1: unmatched opening parenthesis \"x??\": close it" },
		{ "$TTL x\n", "db:1: invalid TTL \"x\"" },
		{ "$TTL\n", "db:1: missing argument of the directive \"$TTL\"" },
		{ "$TTL 5 6\n", "db:1: unexpected text after the directive \"6\"" },
		{ "$ORIGIN a..b\n",
		  "db:1: invalid name \"a..b\": labels must have 1 to 63 bytes, the "
		  "whole name at most 255" },
		{ "$INCLUDE none\n", "db:1: cannot open \"none\": No such file or directory" },
		{ "$GENERATE 1-x a A 10.0.0.1\n",
		  "db:1: invalid range \"1-x\": must be START-STOP or START-STOP/STEP, at most 65536 "
		  "records" },
		{ "$GENERATE 0-65536 a A 10.0.0.1\n",
		  "db:1: invalid range \"0-65536\": must be START-STOP or START-STOP/STEP, at most 65536 "
		  "records" },
		{ "$GENERATE 1-2\n", "db:1: missing pattern of $GENERATE \"1-2\"" },
		{ "$GENERATE 1-2 a${x} 5 A 10.0.0.1\n",
		  "db:2: invalid modifier \"{x}\": must be ${OFFSET}, ${OFFSET,WIDTH} or "
		  "${OFFSET,WIDTH,BASE} with base d, o, x or X" },
		{ "$GENERATE 1-2 a${-2} 5 A 10.0.0.1\n",
		  "db:2: invalid offset \"{-2}\": all numbers must be 0 to 2147483647" },
		{ "$GENERATE 1-2 a 5 A 10.0.0.$$\n",
		  "db:2: invalid address \"10.0.0.$\": must be an IPv4 address for A, an IPv6 address "
		  "for AAAA" },
	};
	(void)state;
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct file files[] = { { "db", rows[i].text, 0 }, { 0 } };
		expect(rows[i].text, files, rows[i].want);
	}
}

/* An include has its own origin, and sees the default TTL; what it sets ends with it. */
static void test_include(void **state)
{
	static const struct file files[] = {
		{ "d/db",
		  "$TTL 9\na A 10.0.0.1\n$INCLUDE e/sub x ; c\n A 10.0.0.4\n$INCLUDE /abs\nc A "
		  "10.0.0.6\n",
		  0 },
		{ "d/e/sub", "$TTL 7\nb A 10.0.0.2\n$ORIGIN z.\nb A 10.0.0.3\n", 0 },
		{ "/abs", "d A 10.0.0.5\n", 0 },
		{ 0 },
	};
	static const struct file broken[] = {
		{ "d/db", "a 5 A 10.0.0.1\n$INCLUDE sub\n", 0 },
		{ "d/sub", "b 5 A 10.0.0.2\n\nc 5 A x\n", 0 },
		{ 0 },
	};
	(void)state;
	expect("include", files,
	       "a.example. 9 IN A 10.0.0.1\nb.x.example. 7 IN A 10.0.0.2\nb.z. 7 IN A 10.0.0.3\n"
	       "a.example. 9 IN A 10.0.0.4\nd.example. 9 IN A 10.0.0.5\nc.example. 9 IN A "
	       "10.0.0.6\n");
	expect("broken include", broken,
	       "a.example. 5 IN A 10.0.0.1\nb.example. 5 IN A 10.0.0.2\n"
	       "d/sub:3: invalid address \"x\": must be an IPv4 address for A, an IPv6 address for "
	       "AAAA");
}

/* A file that includes itself ends at the depth limit; one that includes another without end at
 * the limit of files. */
static void test_endless_includes(void **state)
{
	static const struct file self[] = { { "db", "$INCLUDE db\n", 0 }, { 0 } };
	char *many = malloc(20000 * 12 + 1);
	char got[8192];

	(void)state;
	expect("itself", self, "db:1: too deeply nested $INCLUDE \"db\": at most 7 levels");
	assert_non_null(many);
	many[0] = '\0';
	for (size_t i = 0; i < 20000; i++)
		memcpy(many + i * 12, "$INCLUDE e\n\n", 13);
	struct file files[] = { { "db", many, 0 }, { "e", "", 0 }, { 0 } };
	read_all(files, 0, got, sizeof got);
	assert_string_equal(got, "db:20001: too many files: $INCLUDE \"e\": at most 10000 in all");
	free(many);
}

/* An open quote must not make the window grow without end. */
static void test_record_limit(void **state)
{
	size_t n = 1 << 20;
	char *text = malloc(n + 1);
	char got[8192];

	(void)state;
	assert_non_null(text);
	memset(text, '\n', n);
	memcpy(text, "a 5 TXT \"", 9);
	text[n] = '\0';
	struct file files[] = { { "db", text, n }, { 0 } };
	read_all(files, 0, got, sizeof got);
	assert_string_equal(got,
			    "db:1: record over 256 KiB: split it; a parenthesis or a quote may be "
			    "open");
	free(text);
}

/* A record may be as long as its rdata can be, wherever the window ends. */
static void test_long_record(void **state)
{
	size_t strings = 255, at = 0;
	char *text = malloc(100000 + strings * 260), *got = malloc(1 << 20);

	(void)state;
	assert_non_null(text);
	assert_non_null(got);
	for (; at < 65000; at += 20) /* so that the record crosses the first window */
		memcpy(text + at, "; a line of comment\n", 21);
	at += (size_t)sprintf(text + at, "a 5 TXT");
	for (size_t i = 0; i < strings; i++) {
		text[at++] = ' ';
		memset(text + at, 'x', 255);
		at += 255;
	}
	text[at] = '\0';
	struct file files[] = { { "db", text, at }, { 0 } };
	read_all(files, 0, got, 1 << 20);
	assert_memory_equal(got, "a.example. 5 IN TXT \"xxx", 24);
	assert_null(strstr(got, "db:"));
	free(text);
	free(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),      cmocka_unit_test(test_errors),
		cmocka_unit_test(test_include),      cmocka_unit_test(test_endless_includes),
		cmocka_unit_test(test_record_limit), cmocka_unit_test(test_long_record),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
