/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/corefile.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/err.h"

enum { ARENA_BYTES = 32 << 20 };

static const struct {
	const char *path, *text;
} files[] = {
	{ "etc/errors.override", "errors\n" },
	{ "etc/log.override", "log . {\n  class all\n}\n" },
	{ "etc/a.server", "a.test {\n  whoami\n}\n" },
	{ "etc/self.conf", "log\nimport self.conf\n" },
	{ "etc/loop1.conf", "import ../etc/loop2.conf\n" },
	{ "etc/loop2.conf", "import loop1.conf\n" },
	{ "etc/sub/deep.conf", "import ../errors.override\n" },
	{ "etc/empty.conf", "# nothing\n" },
	{ "etc/bad.conf", "log {\n}\n}\n" },
	{ "etc/keys.conf", "b.test,\n" },
};

static int read_file(void *ctx, const char *path, struct nd_arena *a, char **text, size_t *n)
{
	int *reads = ctx;

	for (size_t i = 0; i < ND_COUNT(files); i++) {
		if (strcmp(files[i].path, path) != 0)
			continue;
		++*reads;
		*n = strlen(files[i].text);
		*text = nd_arena_text(a, files[i].text, *n);
		return *text ? 0 : ND_ELIMIT;
	}
	return strcmp(path, "etc/secret") == 0 ? -EACCES : -ENOENT;
}

/* The paths that end as the pattern does; it must be "etc/" and a star. */
static int find(void *ctx, const char *pattern, struct nd_arena *a, char ***paths, size_t *n)
{
	const char *end = strchr(pattern, '*') + 1;
	char **list = nd_arena_array(a, ND_COUNT(files), sizeof *list);
	(void)ctx;

	assert_non_null(list);
	assert_memory_equal(pattern, "etc/", 4);
	*n = 0;
	for (size_t i = 0; i < ND_COUNT(files); i++) {
		size_t len = strlen(files[i].path), tail = strlen(end);
		if (len >= tail && strcmp(files[i].path + len - tail, end) == 0)
			list[(*n)++] = nd_arena_string(a, files[i].path);
	}
	*paths = list;
	return 0;
}

static const char *env(void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "UP") == 0      ? "1.1.1.1"
	       : strcmp(name, "OUTER") == 0 ? "<{$UP}>"
	       : strcmp(name, "LOOP") == 0  ? "{$LOOP}"
	       : strcmp(name, "GROW") == 0  ? "{$GROW}{$GROW}"
					    : NULL;
}

/* Writes the result on one line: "key key[name <arg> {name}; name]". */
static void put_lines(struct nd_buf *b, const struct nd_conf_line *lines, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		nd_buf_printf(b, "%s%s", i ? "; " : "", lines[i].name);
		for (size_t k = 0; k < lines[i].nargs; k++)
			nd_buf_printf(b, " <%s>", lines[i].args[k]);
		if (lines[i].has_block) {
			nd_buf_text(b, " {");
			put_lines(b, lines[i].block, lines[i].nblock);
			nd_buf_text(b, "}");
		}
	}
}

static void put_conf(struct nd_buf *b, const struct nd_conf *conf)
{
	for (size_t i = 0; i < conf->nservers; i++) {
		const struct nd_conf_server *s = &conf->servers[i];
		for (size_t k = 0; k < s->nkeys; k++)
			nd_buf_printf(b, "%s%s", i || k ? " " : "", s->keys[k].text);
		nd_buf_text(b, "[");
		put_lines(b, s->directives, s->ndirectives);
		nd_buf_text(b, "]");
	}
	if (*conf->warnings)
		nd_buf_printf(b, " ! %s", conf->warnings);
}

/* Writes the result, or the error text. */
static void describe_n(const char *text, size_t n, struct nd_buf *b, int *reads)
{
	struct nd_conf_source src = { reads, read_file, find, env };
	struct nd_arena a;
	struct nd_conf conf;
	struct nd_diag d = { 0 };

	nd_arena_init(&a, ARENA_BYTES);
	nd_buf_init(b, 1 << 20);
	int err = nd_corefile_parse("etc/Corefile", text, n, &src, &a, &conf, &d);
	if (err == 0)
		put_conf(b, &conf);
	else
		nd_buf_text(b, err == ND_ECONF ? d.text : "not ND_ECONF");
	nd_arena_clear(&a);
}

static void describe(const char *text, struct nd_buf *b)
{
	int reads = 0;
	describe_n(text, strlen(text), b, &reads);
}

struct row {
	const char *name, *text, *want;
};

static void check(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct nd_buf b;
		describe(rows[i].text, &b);
		if (strcmp(nd_buf_string(&b), rows[i].want) != 0)
			fail_msg("%s:\n got  %s\n want %s", rows[i].name, nd_buf_string(&b),
				 rows[i].want);
		nd_buf_clear(&b);
	}
}

/* coredns/caddy 1.1.4 accepts each of these with the same result. */
static void test_grammar(void **state)
{
	static const struct row rows[] = {
		{ "empty", "", "" },
		{ "only a comment", "# x\n", "" },
		{ "one", ".:53 {\n whoami\n}\n", ".:53[whoami]" },
		{ "no block at all", ".:53", ".:53[]" },
		{ "empty block", ".:53 {\n}", ".:53[]" },
		{ "first directive after the brace", ". { whoami\n}", ".[whoami]" },
		{ "server's brace on the next line", ".\n{\nwhoami\n}", ".[whoami]" },
		{ "without braces", ".:53\nlog a\nfile b {\n reload 1s\n}\nwhoami",
		  ".:53[log <a>; file <b> {reload <1s>}; whoami]" },
		{ "keys", "a, b c,\nd {\n}", "a b c d[]" },
		{ "two servers", "a {\nlog\n}\nb {\nlog\n}\n", "a[log] b[log]" },
		{ "second server after the brace", "a {\nlog\n} b {\nlog\n}\n", "a[log] b[log]" },
		{ "the same plugin twice, in order", ". {\nlog a\nerrors\nlog b {\n}\n}",
		  ".[log <a>; errors; log <b> {}]" },
		{ "block in a block", ". {\nx {\n y a {\n z\n }\n w\n}\n}", ".[x {y <a> {z}; w}]" },
		{ "blocks closed on one line", ". {\nx {\n y {\n z\n } }\n}", ".[x {y {z}}]" },
		{ "block closed after a word", ". {\nx {\n y a }\nz\n}", ".[x {y <a>}; z]" },
		{ "block on one line", ". {\nx { y }\nz\n}", ".[x {y}; z]" },
		{ "braces glued to words", ". {\nx {}\n}", ".[x <{}>]" },
		{ "last brace missing after a plugin's", ". {\nhosts {\n a\n}\n", ".[hosts {a}]" },
		{ "last brace missing after an empty import", ". {\nhosts {\n}\nimport empty.conf",
		  ".[hosts {}]" },
		{ "unmatched brace at the end", ". {\n}\n}\n",
		  ".[] ! etc/Corefile:3 - ignoring an unmatched \"}\" at the end" },
		{ "server without a zone", "{$NONE} {\nlog\n}\na {\n}",
		  "a[] ! etc/Corefile:1 - ignoring a server block without a zone" },
		{ "snippet never imported", "(s) {\nlog {\n}\n}\na {\n}", "a[]" },
		{ "word in parentheses and another word", "(s) a {\nlog\n}", "(s) a[log]" },
	};
	(void)state;
	check(rows, ND_COUNT(rows));
}

static void test_words(void **state)
{
	static const struct row rows[] = {
		{ "quoted", ". {\nx \"a b\" \"\" \"c\\\"d\" \"e\\n\"\n}",
		  ".[x <a b> <> <c\"d> <e\\n>]" },
		{ "line end in quotes", ". {\nx \"a\nb\" c\ny\n}", ".[x <a\nb> <c>; y]" },
		{ "quote inside a word", ". {\nx a\"b c\"\n}", ".[x <a\"b> <c\">]" },
		{ "word after a quote", ". {\nx \"a\"b\n}", ".[x <a> <b>]" },
		{ "quote never closed", "a\n\"log", "a[log]" },
		{ "comments", "# a\n. { # b {\nx # c }\n} # d", ".[x]" },
		{ "comment in a word ends at white space", ". {\nx a#b c\n}", ".[x <a> <c>]" },
		{ "hash in quotes", ". {\nx \"#a\"\n}", ".[x <#a>]" },
		{ "byte order mark", "\xef\xbb\xbf. {\r\nx a\r\n}\r\n", ".[x <a>]" },
		{ "CR inside a word", ". {\nx a\rb\n}", ".[x <ab>]" },
		{ "Unicode white space",
		  ". {\nx\xc2\xa0"
		  "a\xe3\x80\x80"
		  "b\xe2\x80\xa8"
		  "c\n}",
		  ".[x <a> <b> <c>]" },
		{ "not UTF-8",
		  ". {\nx \xff\xc2"
		  "a \xed\xa0\x80 \xf0\x9f\x98\x80\n}",
		  ".[x <\xef\xbf\xbd\xef\xbf\xbd"
		  "a> <\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd> "
		  "<\xf0\x9f\x98\x80>]" },
		{ "environment",
		  "{$UP}:53 {\nx{%UP%} {$UP}{$UP} a{$OUTER}b {$NONE} {$} {%%} {$UP\n}",
		  "1.1.1.1:53[x1.1.1.1 <1.1.1.11.1.1.1> <a<1.1.1.1>b> <> <{$}> <{%%}> <{$UP>]" },
	};
	(void)state;
	check(rows, ND_COUNT(rows));
}

static void test_import(void **state)
{
	static const struct row rows[] = {
		{ "snippet", "(s) {\nlog a\nerrors {\n}\n}\n. {\nimport s\nwhoami\n}",
		  ".[log <a>; errors {}; whoami]" },
		{ "snippet in a plugin's block, twice",
		  "(s) {\nttl 1\n}\n. {\nhosts {\nx\nimport s\n"
		  "import s\ny\n}\n}",
		  ".[hosts {x; ttl <1>; ttl <1>; y}]" },
		{ "snippet in a snippet",
		  "(a) {\nlog\n}\n(b) {\nimport a\n}\n. {\nhosts {\nimport b\n}\n}",
		  ".[hosts {log}]" },
		{ "snippet with servers", "(s) {\na {\nlog\n}\n}\nimport s\nb {\n}", "a[log] b[]" },
		{ "snippet on the brace's line", "(s) { log\n}\n. {\nx\nimport s\n}", ".[x; log]" },
		{ "import on the brace's line",
		  "(s) { import errors.override\n}\n. {\nx {\nimport s\n}\n}", ".[x {errors}]" },
		{ "empty snippet", "(s) {\n}\n. {\nimport s\n}", ".[]" },
		{ "file", ". {\nimport errors.override\nwhoami\n}", ".[errors; whoami]" },
		{ "file twice", ". {\nimport log.override\nimport log.override\n}",
		  ".[log <.> {class <all>}; log <.> {class <all>}]" },
		{ "relative to the importing file", ". {\nimport sub/../sub/./deep.conf\n}",
		  ".[errors]" },
		{ "empty file", ". {\nimport empty.conf\n}\nimport empty.conf", ".[]" },
		{ "glob, in order", ". {\nimport *.override\nwhoami\n}",
		  ".[errors; log <.> {class <all>}; whoami]" },
		{ "server files", ". {\n}\nimport *.server\n", ".[] a.test[whoami]" },
		{ "keys from a file", "import keys.conf\nc {\nlog\n}", "b.test c[log]" },
		{ "glob without a match", ". {\nimport *.none\nlog\n}\nimport *.nix",
		  ".[log] ! etc/Corefile:2 - no file matches import \"*.none\"\n"
		  "etc/Corefile:5 - no file matches import \"*.nix\"" },
		{ "name from the environment", "(s1.1.1.1) {\nlog\n}\n. {\nimport s{$UP}\n}",
		  ".[log]" },
		{ "import as an argument", ". {\nx import s\n}", ".[x <import> <s>]" },
	};
	(void)state;
	check(rows, ND_COUNT(rows));
}

static void test_errors(void **state)
{
	static const struct row rows[] = {
		{ "server on one line", ". { whoami }",
		  "etc/Corefile:1 - Syntax error: unexpected \"}\" after \"whoami\": put it on a line of its own" },
		{ "brace on the next line", ". {\nhosts\n{\n}\n}",
		  "etc/Corefile:3 - Syntax error: unexpected \"{\" at the start of a line: put it at the end of the "
		  "previous line" },
		{ "word after a block", ". {\nhosts {\n} x\n}",
		  "etc/Corefile:3 - Syntax error: unexpected \"x\": \"}\" must be followed by a new line" },
		{ "server not closed", ".:53 {\nwhoami\n",
		  "etc/Corefile:2 - Syntax error: unexpected end of file after \"whoami\": the block of \".:53\" "
		  "opened at etc/Corefile:1 is not closed" },
		{ "plugin not closed", ". {\nhosts {\n a b\n",
		  "etc/Corefile:3 - Syntax error: unexpected end of file after \"b\": the block of \"hosts\" opened "
		  "at etc/Corefile:2 is not closed" },
		{ "quote not closed", ". {\nx \"a\n}\n",
		  "etc/Corefile:2 - Syntax error: unexpected end of file: the quote opened at etc/Corefile:2 is not "
		  "closed" },
		{ "comma at the end", "a,",
		  "etc/Corefile:1 - Syntax error: unexpected end of file after \"a,\": remove the comma or add a "
		  "zone" },
		{ "comma before the brace", "a, {\n}",
		  "etc/Corefile:1 - Syntax error: unexpected \"{\" after \"a,\": remove the comma or add a zone" },
		{ "one brace too many", ". {\n}\n}\na {\n}",
		  "etc/Corefile:3 - Syntax error: unexpected \"}\": no block is open here" },
		{ "brace after keys", "a } {\n}",
		  "etc/Corefile:1 - Syntax error: unexpected \"}\" after the zones of a server block: must be \"{\"" },
		{ "import without an argument", ". {\nimport\n}",
		  "etc/Corefile:2 - \"import\" needs a snippet, a file or a pattern" },
		{ "import of an empty name", ". {\nimport {$NONE}\n}",
		  "etc/Corefile:2 - \"import\" needs a snippet, a file or a pattern" },
		{ "import with two arguments", ". {\nimport a b\n}",
		  "etc/Corefile:2 - unexpected \"b\": \"import\" takes one argument" },
		{ "no such file", ". {\nimport none\n}",
		  "etc/Corefile:2 - import \"none\": no such file, and no snippet of that name above this line" },
		{ "file not readable", ". {\nimport secret\n}",
		  "etc/Corefile:2 - import \"secret\": can't read etc/secret: Permission denied" },
		{ "snippet defined below", ". {\nimport s\n}\n(s) {\n}",
		  "etc/Corefile:2 - import \"s\": no such file, and no snippet of that name above this line" },
		{ "two stars", ". {\nimport */*\n}",
		  "etc/Corefile:2 - import \"*/*\": a pattern can have one * and one ? at most, and no [" },
		{ "two question marks", ". {\nimport ??\n}",
		  "etc/Corefile:2 - import \"??\": a pattern can have one * and one ? at most, and no [" },
		{ "class in a pattern", ". {\nimport [a]\n}",
		  "etc/Corefile:2 - import \"[a]\": a pattern can have one * and one ? at most, and no [" },
		{ "file imports itself", ". {\nimport self.conf\n}",
		  "etc/self.conf:2 - file \"etc/self.conf\" imports itself: remove this import" },
		{ "files import each other", ". {\nimport loop1.conf\n}",
		  "etc/loop2.conf:1 - file \"etc/loop1.conf\" imports itself: remove this import" },
		{ "Corefile imports itself", ". {\nimport ./Corefile\n}",
		  "etc/Corefile:2 - file \"etc/Corefile\" imports itself: remove this import" },
		{ "snippet imports itself", "(s) {\nlog\nimport s\n}\n",
		  "etc/Corefile:3 - snippet \"s\" imports itself: remove this import" },
		{ "snippets import each other",
		  "(a) {\nimport b\n}\n(b) {\nimport a\n}\n. {\nimport a\n}",
		  "etc/Corefile:5 - snippet \"a\" imports itself: remove this import" },
		{ "snippet defined twice", "(s) {\n}\n(s) {\n}",
		  "etc/Corefile:3 - snippet \"s\" is defined twice: rename or remove one" },
		{ "snippet without a body", "(s)",
		  "etc/Corefile:1 - Syntax error: snippet \"s\" needs a \"{\" after its name" },
		{ "snippet without a brace", "(s)\nlog",
		  "etc/Corefile:2 - unexpected \"log\": snippet \"s\" needs a \"{\" after its name" },
		{ "snippet not closed", "(s) {\nlog {\n}\n",
		  "etc/Corefile:3 - snippet \"s\" opened on line 1 is not closed" },
		{ "error in an imported file", "import bad.conf\na {\n}",
		  "etc/bad.conf:3 - Syntax error: unexpected \"}\": no block is open here" },
		{ "variable that holds itself", ". {\nx {$LOOP}\n}",
		  "etc/Corefile:2 - \"{$LOOP}\": its environment variables refer to each other or are too long" },
		{ "variable that grows", ". {\nx {$GROW}\n}",
		  "etc/Corefile:2 - \"{$GROW}\": its environment variables refer to each other or are too long" },
	};
	(void)state;
	check(rows, ND_COUNT(rows));
}

static void add(struct nd_buf *b, const char *text, size_t times)
{
	while (times--)
		nd_buf_text(b, text);
}

static void expect_start(const struct nd_buf *text, const char *want)
{
	struct nd_buf b;
	int reads = 0;

	describe_n(nd_buf_string(text), text->len, &b, &reads);
	if (strncmp(nd_buf_string(&b), want, strlen(want)) != 0)
		fail_msg("got %.300s, want %s", nd_buf_string(&b), want);
	nd_buf_clear(&b);
}

/* The limits against hostile text. */
static void test_limits(void **state)
{
	static const struct {
		const char *start, *many;
		size_t times;
		const char *end, *want;
	} rows[] = {
		{ ". {\n", "x {\n", 32,
		  "}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n"
		  "}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n}\n",
		  ".[x {x {" },
		{ ". {\n", "x {\n", 33, "",
		  "etc/Corefile:34 - Syntax error: unexpected \"{\": blocks cannot be nested more than 32 deep" },
		{ "(s) {\nlog\n}\n. {\n", "import s\n", 10000, "}\n", ".[log; log" },
		{ "(s) {\nlog\n}\n. {\n", "import s\n", 10001, "}\n",
		  "etc/Corefile:10005 - import \"s\": more than 10000 snippet imports" },
		{ ". {\n", "import empty.conf\n", 100001, "}\n",
		  "etc/Corefile:100002 - import \"empty.conf\": more than 100000 file imports" },
		{ ". {\n", "x\n", 1 << 20, "}\n", "etc/Corefile:" }, /* the arena is full */
		{ "(s) {\n", "\"\"\n", 1000, "}\n\"\"", "" },
		{ "", "\"\"\n", (4 << 20) + 1, "", "etc/Corefile:" },
		{ "", "          ", (16 << 20) / 10 + 1, "",
		  "etc/Corefile - the file is too large: 16777220 bytes" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_buf text;
		nd_buf_init(&text, 64 << 20);
		nd_buf_text(&text, rows[i].start);
		add(&text, rows[i].many, rows[i].times);
		nd_buf_text(&text, rows[i].end);
		expect_start(&text, rows[i].want);
		nd_buf_clear(&text);
	}
}

static void test_nul(void **state)
{
	static const char text[] = ". {\nlog\0\n}";
	struct nd_buf b;
	int reads = 0;
	(void)state;

	describe_n(text, sizeof text - 1, &b, &reads);
	assert_string_equal(nd_buf_string(&b),
			    "etc/Corefile:2 - unexpected NUL character: the file must be UTF-8 text");
	nd_buf_clear(&b);
}

/* A file imported twice is read once. */
static void test_one_read(void **state)
{
	static const char text[] = ". {\nimport errors.override\nimport ./errors.override\n}";
	struct nd_buf b;
	int reads = 0;
	(void)state;

	describe_n(text, sizeof text - 1, &b, &reads);
	assert_string_equal(nd_buf_string(&b), ".[errors; errors]");
	assert_int_equal(reads, 1);
	nd_buf_clear(&b);
}

static uint64_t hash_of(const char *text)
{
	int reads = 0;
	struct nd_conf_source src = { &reads, read_file, find, env };
	struct nd_arena a;
	struct nd_conf conf;
	struct nd_diag d = { 0 };

	nd_arena_init(&a, ARENA_BYTES);
	assert_int_equal(nd_corefile_parse("etc/Corefile", text, strlen(text), &src, &a, &conf, &d),
			 0);
	nd_arena_clear(&a);
	return conf.hash;
}

static void test_hash(void **state)
{
	static const struct {
		const char *name, *text;
		bool same;
	} rows[] = {
		{ "itself", ". {\nlog a\nerrors\n}\n", true },
		{ "indentation", ".  {\n\tlog  a\n  errors\n}\n", true },
		{ "comment at the end", ". {\nlog a # x\nerrors\n}\n# end\n", true },
		{ "snippet never imported", ". {\nlog a\nerrors\n}\n(s) {\nlog\n}\n", true },
		{ "comment on top", "# top\n. {\nlog a\nerrors\n}\n", false },
		{ "another word", ". {\nlog b\nerrors\n}\n", false },
		{ "another key", "a {\nlog a\nerrors\n}\n", false },
		{ "words glued", ". {\nloga\nerrors\n}\n", false },
		{ "one more zone", ". a {\nlog a\nerrors\n}\n", false },
		{ "a block", ". {\nlog a {\n}\nerrors\n}\n", false },
		{ "order", ". {\nerrors\nlog a\n}\n", false },
		{ "from a file", ". {\nlog a\nimport errors.override\n}\n", false },
	};
	uint64_t hash = hash_of(rows[0].text);
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++)
		if ((hash_of(rows[i].text) == hash) != rows[i].same)
			fail_msg("%s: want %s hash", rows[i].name,
				 rows[i].same ? "the same" : "another");
}

/* Keys and lines keep file and line, for later error messages. */
static void test_places(void **state)
{
	static const char text[] = "a,\nb {\n\n log \"x\ny\" z\n import errors.override\n}";
	int reads = 0;
	struct nd_conf_source src = { &reads, read_file, find, env };
	struct nd_arena a;
	struct nd_conf conf;
	struct nd_diag d = { 0 };
	(void)state;

	nd_arena_init(&a, ARENA_BYTES);
	assert_int_equal(nd_corefile_parse("etc/Corefile", text, strlen(text), &src, &a, &conf, &d),
			 0);
	const struct nd_conf_server *s = &conf.servers[0];
	assert_int_equal(s->keys[1].line, 2);
	assert_string_equal(s->keys[1].file, "etc/Corefile");
	assert_int_equal(s->ndirectives, 2);
	assert_int_equal(s->directives[0].line, 4);
	assert_false(s->directives[0].has_block);
	assert_int_equal(s->directives[1].line, 1);
	assert_string_equal(s->directives[1].file, "etc/errors.override");
	nd_arena_clear(&a);
}

static void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* The real reader, glob and environment. "*" matches hidden files, as in Go. */
static void test_load(void **state)
{
	char dir[] = "/tmp/corefile_test.XXXXXX", path[64];
	static const char *const names[] = { "Corefile", "b.x", "a.x", ".h.x" };
	static const char *const texts[] = { ". {\nimport *.x\nimport ..\n}\n",
					     "log {$ND_TEST_WORD}\n", "errors\n", "any\n" };
	struct nd_arena a;
	struct nd_conf conf;
	struct nd_diag d = { 0 };
	char want[128];
	struct nd_buf b;
	(void)state;

	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < ND_COUNT(names); i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		write_text(path, texts[i]);
	}
	setenv("ND_TEST_WORD", "word", 1);
	nd_arena_init(&a, ARENA_BYTES);
	nd_buf_init(&b, 4096);
	snprintf(path, sizeof path, "%s/Corefile", dir);
	assert_int_equal(nd_corefile_load(path, NULL, &a, &conf, &d), ND_ECONF);
	snprintf(want, sizeof want, "%s:3 - import \"..\": can't read /tmp: Is a directory", path);
	assert_string_equal(d.text, want);
	write_text(path, ". {\nimport *.x\n}\n");
	assert_int_equal(nd_corefile_load(path, NULL, &a, &conf, &d), 0);
	put_conf(&b, &conf);
	assert_string_equal(nd_buf_string(&b), ".[any; errors; log <word>]");
	nd_buf_clear(&b);
	for (size_t i = 0; i < ND_COUNT(names); i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof path, "%s/Corefile", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	d = (struct nd_diag){ 0 };
	assert_int_equal(nd_corefile_load(path, NULL, &a, &conf, &d), ND_ECONF);
	snprintf(want, sizeof want, "%s - can't read the Corefile: not a regular file", path);
	assert_string_equal(d.text, want);
	unlink(path);
	rmdir(dir);
	d = (struct nd_diag){ 0 };
	assert_int_equal(nd_corefile_load(path, NULL, &a, &conf, &d), ND_ECONF);
	snprintf(want, sizeof want, "%s - can't read the Corefile: No such file or directory",
		 path);
	assert_string_equal(d.text, want);
	nd_arena_clear(&a);
}

/* Without enough memory, parsing ends in an error and not in a crash. */
static void test_small_arena(void **state)
{
	static const char text[] = "(s) {\nlog a b\n}\n(t) {\n}\na b, c {\nimport s\nhosts {$UP} {\n"
				   "x {\ny\n}\n}\nimport *.override\n}\nimport *.none";
	int failed = 0, reads = 0, err = ND_ECONF;
	struct nd_conf_source src = { &reads, read_file, find, env };
	(void)state;

	for (size_t max = 16; err; max += 16) {
		struct nd_arena a;
		struct nd_conf conf;
		struct nd_diag d = { 0 };
		nd_arena_init(&a, max);
		/* find() needs room for its list. */
		src.glob = max < 2048 ? (void *)0 : find;
		err = nd_corefile_parse("etc/Corefile", text, sizeof text - 1, &src, &a, &conf, &d);
		failed += err != 0;
		assert_true(!err || (err == ND_ECONF && d.set && *d.text));
		assert_true(max < 1 << 20);
		nd_arena_clear(&a);
	}
	assert_true(failed > 10);
}

static void test_default(void **state)
{
	struct nd_buf b;
	(void)state;

	describe(nd_corefile_default, &b);
	assert_string_equal(nd_buf_string(&b), ".[whoami; log]");
	nd_buf_clear(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grammar),     cmocka_unit_test(test_words),
		cmocka_unit_test(test_import),      cmocka_unit_test(test_errors),
		cmocka_unit_test(test_limits),      cmocka_unit_test(test_nul),
		cmocka_unit_test(test_one_read),    cmocka_unit_test(test_hash),
		cmocka_unit_test(test_places),      cmocka_unit_test(test_load),
		cmocka_unit_test(test_small_arena), cmocka_unit_test(test_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
