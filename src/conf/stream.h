/* SPDX-License-Identifier: Apache-2.0 */
/* stream.h - the words of a Corefile in order, with imports expanded in place.
 *
 * Private to conf/.
 * Owns:    the words of all files and snippets (heap) until clear. Their text is in the arena.
 * Errors:  ND_ECONF with diag. nd_stream_next() is false both at the end and on an error; the
 *          caller then checks err.
 * Threads: one at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "conf/corefile.h"
#include "conf/lexer.h"

struct nd_stream_frame {
	const struct nd_lexeme *at;
	size_t n, i;
};

struct nd_stream_part { /* a snippet by name, or a file by cleaned path */
	uint64_t hash;
	const char *name;
	struct nd_lexed words;
};

struct nd_stream_parts {
	struct nd_stream_part *at;
	size_t n, cap;
};

struct nd_stream {
	struct nd_conf_source src;
	struct nd_arena *arena;
	struct nd_diag *d;
	struct nd_buf warnings;
	const struct nd_lexeme *tok;    /* the current word; at the end, the last one */
	const struct nd_lexeme *before; /* the previous word */
	bool again;                     /* nd_stream_next() returns tok once more */
	int err;
	size_t ntaken;
	struct nd_stream_frame *frames; /* the last one is being read */
	size_t nframes, frames_cap;
	struct nd_stream_parts snippets, files;
	uint32_t nsnippet_imports, nfile_imports;
};

/* Must be cleared on errors too. */
int nd_stream_init(struct nd_stream *s, const struct nd_conf_source *src, struct nd_arena *a,
		   struct nd_diag *d, const char *file, const char *text, size_t n);
void nd_stream_clear(struct nd_stream *s);

bool nd_stream_next(struct nd_stream *s);
/* The next nd_stream_next() returns the current word again. */
void nd_stream_again(struct nd_stream *s);
/* The text of a word with environment variables expanded; NULL on an error, with err and diag
 * set. */
const char *nd_stream_text(struct nd_stream *s, const struct nd_lexeme *w);
/* tok is "import": takes its argument and inserts the imported words before the following
 * ones. */
int nd_stream_import(struct nd_stream *s);
/* tok follows a snippet's "(name)": stores the words up to the matching brace. */
int nd_stream_define(struct nd_stream *s, const char *name);
/* The file and line of an unclosed quote in any text read, or NULL. It is the likely cause of a
 * missing brace. */
const char *nd_stream_open_quote(const struct nd_stream *s, int *line);
void nd_stream_warn(struct nd_stream *s, const struct nd_lexeme *w, const char *what,
		    const char *word);
