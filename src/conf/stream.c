/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/err.h"
#include "base/hash.h"
#include "conf/source.h"

enum {
	SNIPPET_IMPORTS_MAX = 10000, /* the limit of coredns/caddy 1.1.4 */
	FILE_IMPORTS_MAX = 100000,   /* likewise */
	PARTS_MAX = 10000,           /* of snippets; of files with different names */
	WORDS_MAX = 4 << 20,         /* in total, imports included */
	WARNINGS_MAX = 1 << 16,      /* bytes */
};

/* An error at the word. */
#define WRONG(s, w, ...) \
	((s)->err = nd_diag_at((s)->d, (w) ? (w)->file : NULL, (w) ? (w)->line : 0, __VA_ARGS__))

static int no_memory(struct nd_stream *s)
{
	return WRONG(s, s->tok, "out of memory: the configuration is too large");
}

static bool is(const struct nd_lexeme *w, const char *text)
{
	return strcmp(w->text, text) == 0;
}

static struct nd_stream_part *find_part(const struct nd_stream_parts *parts, const char *name)
{
	uint64_t hash = nd_hash_add(ND_HASH_START, name, strlen(name));

	for (size_t i = 0; i < parts->n; i++)
		if (parts->at[i].hash == hash && strcmp(parts->at[i].name, name) == 0)
			return &parts->at[i];
	return NULL;
}

/* Takes ownership of the words, on failure as well. */
static int add_part(struct nd_stream *s, struct nd_stream_parts *parts, const char *name,
		    struct nd_lexed *words)
{
	if (parts->n == PARTS_MAX) {
		nd_lexed_clear(words);
		return WRONG(s, s->tok, "more than %d %s", PARTS_MAX,
			     parts == &s->files ? "imported files" : "snippets");
	}
	struct nd_stream_part *at = nd_array_grow(parts->at, &parts->cap, parts->n + 1, sizeof *at);
	if (!at) {
		nd_lexed_clear(words);
		return no_memory(s);
	}
	parts->at = at;
	uint64_t hash = nd_hash_add(ND_HASH_START, name, strlen(name));
	parts->at[parts->n++] = (struct nd_stream_part){ .hash = hash,
							 .name = name,
							 .words = *words };
	return 0;
}

/* Are the words being imported? Their frame is on the stack and has been started; the frames of a
 * glob's later files have not. Importing them again would never end; CoreDNS repeats it until it
 * reaches its limit. */
static bool is_open(const struct nd_stream *s, const struct nd_lexed *words)
{
	for (size_t i = 0; i < s->nframes; i++)
		if (s->frames[i].at == words->at && s->frames[i].i > 0)
			return true;
	return false;
}

static int push(struct nd_stream *s, const struct nd_lexed *words)
{
	if (words->n == 0)
		return 0;
	struct nd_stream_frame *frames = nd_array_grow(s->frames, &s->frames_cap, s->nframes + 1,
						       sizeof *frames);
	if (!frames)
		return no_memory(s);
	s->frames = frames;
	s->frames[s->nframes++] = (struct nd_stream_frame){ .at = words->at, .n = words->n };
	return 0;
}

int nd_stream_init(struct nd_stream *s, const struct nd_conf_source *src, struct nd_arena *a,
		   struct nd_diag *d, const char *file, const char *text, size_t n)
{
	struct nd_lexed words;

	*s = (struct nd_stream){ .src = nd_source_complete(src), .arena = a, .d = d };
	nd_buf_init(&s->warnings, WARNINGS_MAX);
	char *path = nd_source_join(a, "", file);
	if (!path)
		return s->err = nd_diag_at(d, file, 0, "the file's path is too long");
	int err = nd_lexer_read(file, text, n, a, &words, d);
	if (!err)
		err = add_part(s, &s->files, path, &words);
	return err ? err : push(s, &words);
}

static void clear_parts(struct nd_stream_parts *parts)
{
	for (size_t i = 0; i < parts->n; i++)
		nd_lexed_clear(&parts->at[i].words);
	free(parts->at);
}

void nd_stream_clear(struct nd_stream *s)
{
	clear_parts(&s->snippets);
	clear_parts(&s->files);
	free(s->frames);
	nd_buf_clear(&s->warnings);
	*s = (struct nd_stream){ 0 };
}

bool nd_stream_next(struct nd_stream *s)
{
	if (s->err)
		return false;
	if (s->again) {
		s->again = false;
		return true;
	}
	while (s->nframes && s->frames[s->nframes - 1].i == s->frames[s->nframes - 1].n)
		s->nframes--;
	if (!s->nframes)
		return false;
	if (s->ntaken++ == WORDS_MAX) {
		WRONG(s, s->tok, "more than %d words, imports included", WORDS_MAX);
		return false;
	}
	struct nd_stream_frame *f = &s->frames[s->nframes - 1];
	s->before = s->tok;
	s->tok = &f->at[f->i++];
	return true;
}

void nd_stream_again(struct nd_stream *s)
{
	s->again = true;
}

const char *nd_stream_text(struct nd_stream *s, const struct nd_lexeme *w)
{
	const char *text = nd_source_expand(&s->src, s->arena, w->text);

	if (!text)
		WRONG(s, w,
		      "\"%.80s\": its environment variables refer to each other or are too long",
		      w->text);
	return text;
}

void nd_stream_warn(struct nd_stream *s, const struct nd_lexeme *w, const char *what,
		    const char *word)
{
	nd_buf_printf(&s->warnings, "%s%s:%d - %s%s%.200s%s", s->warnings.len ? "\n" : "", w->file,
		      w->line, what, *word ? " \"" : "", word, *word ? "\"" : "");
}

/* The next word if it is on tok's line. Imported words never end in the middle of a line, so it
 * is in the same frame. */
static const struct nd_lexeme *take_arg(struct nd_stream *s)
{
	struct nd_stream_frame *f = &s->frames[s->nframes - 1];

	if (f->i == f->n || f->at[f->i].starts_line)
		return NULL;
	return &f->at[f->i++];
}

static int import_snippet(struct nd_stream *s, const struct nd_lexeme *at,
			  const struct nd_stream_part *snippet)
{
	if (is_open(s, &snippet->words))
		return WRONG(s, at, "snippet \"%.80s\" imports itself: remove this import",
			     snippet->name);
	if (s->nsnippet_imports++ == SNIPPET_IMPORTS_MAX)
		return WRONG(s, at, "import \"%.80s\": more than %d snippet imports", snippet->name,
			     SNIPPET_IMPORTS_MAX);
	return push(s, &snippet->words);
}

/* Reads the file into s->files unless it is there already. */
static struct nd_stream_part *read_part(struct nd_stream *s, const struct nd_lexeme *at,
					const char *pattern, const char *path)
{
	struct nd_stream_part *part = find_part(&s->files, path);
	struct nd_lexed words;
	char *text;
	size_t n;

	if (part)
		return part;
	int err = s->src.read_file(s->src.ctx, path, s->arena, &text, &n);
	if (err == -ENOENT)
		WRONG(s, at,
		      "import \"%.200s\": no such file, and no snippet of that name above this line",
		      pattern);
	else if (err)
		WRONG(s, at, "import \"%.200s\": can't read %.300s: %s", pattern, path,
		      nd_err_text(err));
	if (err)
		return NULL;
	s->err = nd_lexer_read(path, text, n, s->arena, &words, s->d);
	if (s->err || add_part(s, &s->files, path, &words))
		return NULL;
	return &s->files.at[s->files.n - 1];
}

static int push_file(struct nd_stream *s, const struct nd_lexeme *at, const char *pattern,
		     const char *path)
{
	struct nd_stream_part *part = read_part(s, at, pattern, path);

	if (!part)
		return s->err;
	if (is_open(s, &part->words))
		return WRONG(s, at, "file \"%.300s\" imports itself: remove this import", path);
	return push(s, &part->words);
}

static size_t count(const char *text, char c)
{
	size_t n = 0;

	for (; (text = strchr(text, c)) != NULL; text++)
		n++;
	return n;
}

static int import_glob(struct nd_stream *s, const struct nd_lexeme *at, const char *pattern,
		       const char *path)
{
	char **found = NULL;
	size_t n = 0;

	/* CoreDNS's limit: more wildcards could take too long. */
	if (count(path, '*') > 1 || count(path, '?') > 1 || strchr(path, '['))
		return WRONG(s, at,
			     "import \"%.200s\": a pattern can have one * and one ? at most, and "
			     "no [",
			     pattern);
	int err = s->src.glob(s->src.ctx, path, s->arena, &found, &n);
	if (err)
		return WRONG(s, at, "import \"%.200s\": %s", pattern, nd_err_text(err));
	if (n == 0)
		nd_stream_warn(s, at, "no file matches import", pattern);
	while (!err && n > 0) /* in reverse: the first file must be on top */
		err = push_file(s, at, pattern, found[--n]);
	return err;
}

static int import_files(struct nd_stream *s, const struct nd_lexeme *at, const char *pattern)
{
	char *path = nd_source_join(s->arena, at->file, pattern);

	if (s->nfile_imports++ == FILE_IMPORTS_MAX)
		return WRONG(s, at, "import \"%.200s\": more than %d file imports", pattern,
			     FILE_IMPORTS_MAX);
	if (!path)
		return WRONG(s, at, "import \"%.200s\": the path is too long", pattern);
	return strpbrk(path, "*?[") ? import_glob(s, at, pattern, path)
				    : push_file(s, at, pattern, path);
}

int nd_stream_import(struct nd_stream *s)
{
	const struct nd_lexeme *at = s->tok, *arg = take_arg(s), *more = arg ? take_arg(s) : NULL;
	const char *pattern = arg ? nd_stream_text(s, arg) : NULL;

	if (s->err)
		return s->err;
	if (!pattern || !*pattern)
		return WRONG(s, at, "\"import\" needs a snippet, a file or a pattern");
	if (more)
		return WRONG(s, at, "unexpected \"%.80s\": \"import\" takes one argument",
			     more->text);
	s->tok = s->before; /* as if there were no import */
	const struct nd_stream_part *snippet = find_part(&s->snippets, pattern);
	return snippet ? import_snippet(s, at, snippet) : import_files(s, at, pattern);
}

/* Reads the words up to the brace that closes the one in tok. */
static int read_body(struct nd_stream *s, const char *name, struct nd_lexed *body)
{
	const struct nd_lexeme *open = s->tok;
	size_t depth = 1, cap = 0;

	while (nd_stream_next(s)) {
		if (is(s->tok, "}") && --depth == 0)
			break;
		if (is(s->tok, "{"))
			depth++;
		if (nd_lexed_add(body, &cap, s->tok) < 0)
			return no_memory(s);
	}
	if (s->err)
		return s->err;
	if (depth)
		return WRONG(s, s->tok, "snippet \"%.80s\" opened on line %d is not closed", name,
			     open->line);
	if (body->n)
		body->at[0].starts_line = true;
	return 0;
}

/* CoreDNS rejects this at the definition, even if the snippet is not used. */
static int check_self_import(struct nd_stream *s, const char *name, const struct nd_lexed *body)
{
	for (size_t i = 0; i + 1 < body->n; i++) {
		const struct nd_lexeme *w = &body->at[i];
		if (!w->starts_line || !is(w, "import"))
			continue;
		const char *what = nd_stream_text(s, w + 1);
		if (!what)
			return s->err;
		if (strcmp(what, name) == 0)
			return WRONG(s, w, "snippet \"%.80s\" imports itself: remove this import",
				     name);
	}
	return 0;
}

int nd_stream_define(struct nd_stream *s, const char *name)
{
	struct nd_lexed body = { 0 };

	if (find_part(&s->snippets, name))
		return WRONG(s, s->tok, "snippet \"%.80s\" is defined twice: rename or remove one",
			     name);
	if (!is(s->tok, "{"))
		return WRONG(s, s->tok,
			     "unexpected \"%.80s\": snippet \"%.80s\" needs a \"{\" after its name",
			     s->tok->text, name);
	int err = read_body(s, name, &body);
	if (!err)
		err = check_self_import(s, name, &body);
	if (err) {
		nd_lexed_clear(&body);
		return err;
	}
	return add_part(s, &s->snippets, name, &body);
}

const char *nd_stream_open_quote(const struct nd_stream *s, int *line)
{
	for (size_t i = 0; i < s->files.n; i++) {
		const struct nd_lexed *words = &s->files.at[i].words;
		if (words->open_quote && words->n) {
			*line = words->open_quote;
			return words->at[0].file;
		}
	}
	return NULL;
}
