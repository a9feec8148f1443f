/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/corefile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/err.h"
#include "base/hash.h"
#include "conf/source.h"
#include "conf/stream.h"

enum { DEPTH_MAX = 32 }; /* nested blocks; no CoreDNS plugin uses more than two */

const char nd_corefile_default[] = ". {\n\twhoami\n\tlog\n}\n";

/* Unfinished words, lines, keys and servers are kept on stacks. A finished list is copied from
 * the top of its stack to the arena, so a nested block needs no array of its own. */
struct parser {
	struct nd_stream s;
	struct nd_arena *arena;
	struct nd_diag *d;
	struct {
		const char **at;
		size_t n, cap;
	} words;
	struct {
		struct nd_conf_line *at;
		size_t n, cap;
	} lines;
	struct {
		struct nd_conf_token *at;
		size_t n, cap;
	} keys;
	struct {
		struct nd_conf_server *at;
		size_t n, cap;
	} servers;
	uint64_t hash;
};

/* An error at the word. It begins as in CoreDNS. */
#define WRONG(p, w, ...) nd_diag_at((p)->d, (w)->file, (w)->line, "Syntax error: " __VA_ARGS__)

static int no_memory(struct parser *p)
{
	return nd_diag_at(p->d, p->s.tok ? p->s.tok->file : NULL, p->s.tok ? p->s.tok->line : 0,
			  "out of memory: the configuration is too large");
}

#define PUSH(p, stack, ...)                                                                 \
	({                                                                                  \
		void *at_ = nd_array_grow((p)->stack.at, &(p)->stack.cap, (p)->stack.n + 1, \
					  sizeof *(p)->stack.at);                           \
		if (at_) {                                                                  \
			(p)->stack.at = at_;                                                \
			(p)->stack.at[(p)->stack.n++] = __VA_ARGS__;                        \
		}                                                                           \
		at_ ? 0 : no_memory(p);                                                     \
	})

/* Moves the elements from `from` to the top into the arena. */
#define POP(p, stack, from)                                                              \
	({                                                                               \
		size_t n_ = (p)->stack.n - (from);                                       \
		void *to_ = nd_arena_array((p)->arena, n_, sizeof *(p)->stack.at);       \
		if (to_ && n_)                                                           \
			memcpy(to_, (p)->stack.at + (from), n_ * sizeof *(p)->stack.at); \
		(p)->stack.n = (from);                                                   \
		to_;                                                                     \
	})

static bool is(const struct nd_lexeme *w, const char *text)
{
	return strcmp(w->text, text) == 0;
}

/* Like CoreDNS, hashes words, line numbers and file names, but not white space. */
static void add_hash(struct parser *p, const char *text, const char *file, int line)
{
	p->hash = nd_hash_add(p->hash, text, strlen(text) + 1);
	p->hash = nd_hash_add(p->hash, file, strlen(file) + 1);
	p->hash = nd_hash_add(p->hash, &line, sizeof line);
}

/* The text ended and the block that `open` opened is not closed. */
static int wrong_end(struct parser *p, const struct nd_lexeme *open, const char *what)
{
	int line = 0;
	const char *quoted = nd_stream_open_quote(&p->s, &line);
	const struct nd_lexeme *last = p->s.tok ? p->s.tok : open;

	if (p->s.err)
		return p->s.err;
	if (quoted)
		return WRONG(p, last,
			     "unexpected end of file: the quote opened at %.200s:%d is not closed",
			     quoted, line);
	return WRONG(p, last,
		     "unexpected end of file after \"%.80s\": the block of \"%.80s\" opened at "
		     "%.200s:%d is not closed",
		     last->text, what, open->file, open->line);
}

static int read_line(struct parser *p, int depth);

/* tok is the brace that opens the block of the line. */
static int read_block(struct parser *p, struct nd_conf_line *line, int depth)
{
	const struct nd_lexeme *open = p->s.tok;
	size_t from = p->lines.n;
	int err = 0;

	if (depth > DEPTH_MAX)
		return WRONG(p, open, "unexpected \"{\": blocks cannot be nested more than %d deep",
			     DEPTH_MAX);
	add_hash(p, "{", open->file, open->line);
	while (!err && nd_stream_next(&p->s)) {
		const struct nd_lexeme *w = p->s.tok;
		if (is(w, "}")) {
			add_hash(p, "}", w->file, w->line);
			line->has_block = true;
			line->nblock = p->lines.n - from;
			line->block = POP(p, lines, from);
			return line->block ? 0 : no_memory(p);
		}
		if (w->starts_line && is(w, "import"))
			err = nd_stream_import(&p->s);
		else
			err = read_line(p, depth);
	}
	return err ? err : wrong_end(p, open, line->name);
}

/* After a block either the line or the enclosing block must end. */
static int read_line_end(struct parser *p, int depth)
{
	if (!nd_stream_next(&p->s))
		return p->s.err;
	const struct nd_lexeme *w = p->s.tok;
	if (!w->starts_line && !(depth > 0 && is(w, "}")))
		return WRONG(p, w, "unexpected \"%.80s\": \"}\" must be followed by a new line",
			     w->text);
	nd_stream_again(&p->s);
	return 0;
}

/* Reads one word of the line. Returns 1 if the line ended before the word. */
static int read_arg(struct parser *p, int depth, struct nd_conf_line *line)
{
	const struct nd_lexeme *w = p->s.tok;

	if (is(w, "}") && depth == 0 && !w->starts_line)
		return WRONG(p, w, "unexpected \"}\" after \"%.80s\": put it on a line of its own",
			     line->name);
	/* CoreDNS reads "fallthrough }" as a zone named "}". Here it ends the block. */
	if (w->starts_line || is(w, "}")) {
		nd_stream_again(&p->s);
		return 1;
	}
	if (is(w, "{")) {
		int err = read_block(p, line, depth + 1);
		if (!err)
			err = read_line_end(p, depth);
		return err ? err : 1;
	}
	const char *text = nd_stream_text(&p->s, w);
	if (!text)
		return p->s.err;
	add_hash(p, text, w->file, w->line);
	return PUSH(p, words, text);
}

/* tok is the first word of the line; depth is the number of enclosing plugin blocks. */
static int read_line(struct parser *p, int depth)
{
	const struct nd_lexeme *w = p->s.tok;
	struct nd_conf_line line = { .file = w->file, .line = w->line };
	size_t from = p->words.n;
	int ret = 0;

	if (is(w, "{"))
		return WRONG(p, w,
			     "unexpected \"{\" at the start of a line: put it at the end of the "
			     "previous line");
	line.name = nd_stream_text(&p->s, w);
	if (!line.name)
		return p->s.err;
	add_hash(p, line.name, w->file, w->line);
	while (ret == 0 && nd_stream_next(&p->s))
		ret = read_arg(p, depth, &line);
	if (ret < 0 || p->s.err)
		return ret < 0 ? ret : p->s.err;
	line.nargs = p->words.n - from;
	line.args = POP(p, words, from);
	return line.args ? PUSH(p, lines, line) : no_memory(p);
}

/* The lines of a server block, up to its closing brace or the end of the text. */
static int read_directives(struct parser *p)
{
	int err = 0;

	while (!err && nd_stream_next(&p->s)) {
		if (is(p->s.tok, "}"))
			return 0;
		err = is(p->s.tok, "import") ? nd_stream_import(&p->s) : read_line(p, 0);
	}
	return err ? err : p->s.err;
}

struct key_state {
	const struct nd_lexeme *comma; /* the last key, if it ends in a comma */
	const struct nd_lexeme *spare; /* an unmatched "}" */
	bool at_end;                   /* the text ended; tok is the last key, or spare */
};

static int read_key(struct parser *p, struct key_state *k, const char *text)
{
	const struct nd_lexeme *w = p->s.tok;
	size_t len = strlen(text);

	if (k->spare)
		return WRONG(p, k->spare, "unexpected \"}\": no block is open here");
	if (len == 0)
		return 0;
	k->comma = text[len - 1] == ',' ? w : NULL;
	if (k->comma) {
		text = nd_arena_text(p->arena, text, len - 1);
		if (!text)
			return no_memory(p);
	}
	struct nd_conf_token key = { .text = text, .file = w->file, .line = w->line };
	return PUSH(p, keys, key);
}

/* Advances tok to the next word. Returns 1 if that is not a key. */
static int next_key(struct parser *p, struct key_state *k, bool imported)
{
	const struct nd_lexeme *comma = k->comma;

	if (!nd_stream_next(&p->s)) {
		k->at_end = true;
		if (p->s.err)
			return p->s.err;
		return comma ? WRONG(p, comma,
				     "unexpected end of file after \"%.80s\": remove the "
				     "comma or add a zone",
				     comma->text)
			     : 1;
	}
	return !imported && !comma && !k->spare && p->s.tok->starts_line;
}

/* Before: tok is the first word. After: tok is the brace, or the first word of the next line. */
static int read_keys(struct parser *p, struct key_state *k)
{
	int ret = 0;

	while (ret == 0) {
		const struct nd_lexeme *w = p->s.tok;
		const char *text = nd_stream_text(&p->s, w);
		if (!text)
			return p->s.err;
		bool import = w->starts_line && strcmp(text, "import") == 0;
		if (strcmp(text, "{") == 0) {
			if (k->comma)
				return WRONG(p, w,
					     "unexpected \"{\" after \"%.80s\": remove the comma "
					     "or add a zone",
					     k->comma->text);
			break;
		}
		if (import)
			ret = nd_stream_import(&p->s);
		else if (is(w, "}") && p->keys.n == 0)
			k->spare = w;
		else if (is(w, "}"))
			return WRONG(p, w,
				     "unexpected \"}\" after the zones of a server block: must be "
				     "\"{\"");
		else
			ret = read_key(p, k, text);
		if (ret == 0)
			ret = next_key(p, k, import);
	}
	if (!k->at_end && k->spare)
		return WRONG(p, k->spare, "unexpected \"}\": no block is open here");
	return ret < 0 ? ret : 0;
}

/* The name in "(name)", or NULL. A single key in parentheses defines a snippet. */
static const char *snippet_name(struct parser *p)
{
	const char *key = p->keys.n == 1 ? p->keys.at[0].text : "";
	size_t len = strlen(key);

	if (len < 2 || key[0] != '(' || key[len - 1] != ')')
		return NULL;
	return nd_arena_text(p->arena, key + 1, len - 2);
}

/* Like CoreDNS, accepts a missing closing brace if the last word closes a plugin's block. */
static int read_contents(struct parser *p)
{
	const struct nd_lexeme *open = p->s.tok;
	bool braced = is(open, "{");

	if (!braced) /* a single server may omit the braces and extend to the end of the text */
		nd_stream_again(&p->s);
	int err = read_directives(p);
	if (!err && braced && !is(p->s.tok, "}"))
		err = wrong_end(p, open, p->keys.n ? p->keys.at[0].text : "");
	return err;
}

static int add_server(struct parser *p)
{
	struct nd_conf_server server = { .nkeys = p->keys.n, .ndirectives = p->lines.n };

	server.keys = POP(p, keys, 0);
	server.directives = POP(p, lines, 0);
	if (!server.keys || !server.directives)
		return no_memory(p);
	return PUSH(p, servers, server);
}

/* tok is the first word of a server block or snippet. */
static int read_server(struct parser *p)
{
	const struct nd_lexeme *start = p->s.tok;
	struct key_state k = { 0 };
	int err = read_keys(p, &k);

	if (err)
		return err;
	if (k.spare)
		nd_stream_warn(&p->s, k.spare, "ignoring an unmatched \"}\" at the end", "");
	const char *snippet = snippet_name(p);
	if (snippet && k.at_end)
		return WRONG(p, p->s.tok, "snippet \"%.80s\" needs a \"{\" after its name",
			     snippet);
	if (snippet) {
		p->keys.n = 0;
		return nd_stream_define(&p->s, snippet);
	}
	for (size_t i = 0; i < p->keys.n; i++)
		add_hash(p, p->keys.at[i].text, p->keys.at[i].file, p->keys.at[i].line);
	if (!k.at_end)
		err = read_contents(p);
	if (err || p->keys.n)
		return err ? err : add_server(p);
	/* CoreDNS drops a block whose keys are all empty, such as an unset variable. */
	if (!k.at_end)
		nd_stream_warn(&p->s, start, "ignoring a server block without a zone", "");
	p->lines.n = 0;
	return 0;
}

static int finish(struct parser *p, struct nd_conf *out)
{
	struct nd_conf conf = { .nservers = p->servers.n, .hash = nd_hash_mix(p->hash) };

	conf.servers = POP(p, servers, 0);
	conf.warnings = nd_arena_string(p->arena, nd_buf_string(&p->s.warnings));
	if (!conf.servers || !conf.warnings)
		return no_memory(p);
	*out = conf;
	return 0;
}

int nd_corefile_parse(const char *file, const char *text, size_t n,
		      const struct nd_conf_source *src, struct nd_arena *a, struct nd_conf *out,
		      struct nd_diag *d)
{
	struct parser p = { .arena = a, .d = d, .hash = ND_HASH_START };
	const char *name = nd_arena_string(a, file);
	int err = name ? nd_stream_init(&p.s, src, a, d, name, text, n) : no_memory(&p);

	while (!err && nd_stream_next(&p.s))
		err = read_server(&p);
	if (!err)
		err = p.s.err ? p.s.err : finish(&p, out);
	nd_stream_clear(&p.s);
	free(p.words.at);
	free(p.lines.at);
	free(p.keys.at);
	free(p.servers.at);
	return err;
}

int nd_corefile_load(const char *file, const struct nd_conf_source *src, struct nd_arena *a,
		     struct nd_conf *out, struct nd_diag *d)
{
	struct nd_conf_source real = nd_source_complete(src);
	bool given = src && src->read_file;
	char *text;
	size_t n;
	int err = !given && strcmp(file, "stdin") == 0
			  ? nd_source_read_stdin(a, &text, &n)
			  : real.read_file(real.ctx, file, a, &text, &n);

	if (err)
		return nd_diag_at(d, file, 0, "can't read the Corefile: %s", nd_err_text(err));
	return nd_corefile_parse(file, text, n, src, a, out, d);
}
