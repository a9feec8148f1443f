/* SPDX-License-Identifier: Apache-2.0 */
/* stream.h - the words of a Corefile one after the other, imports put in where they stand.
 *
 * Private to conf/.
 * Owns:    the words of all files and snippets (heap) until clear; texts lie in the arena.
 * Errors:  ND_ECONF with diag. nd_stream_next() is false at the end and on an error alike:
 *          who comes to the end looks at err.
 * Threads: one.
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

struct nd_stream_part { /* a snippet by its name, or a file by its cleaned path */
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
	const struct nd_lexeme *tok;    /* handed out last; at the end: the last of all */
	const struct nd_lexeme *before; /* the one before it */
	bool again;                     /* the next one is tok once more */
	int err;
	size_t ntaken;
	struct nd_stream_frame *frames; /* the last one is read */
	size_t nframes, frames_cap;
	struct nd_stream_parts snippets, files;
	uint32_t nsnippet_imports, nfile_imports;
};

/* Clearable whatever it returns. */
int nd_stream_init(struct nd_stream *s, const struct nd_conf_source *src, struct nd_arena *a,
		   struct nd_diag *d, const char *file, const char *text, size_t n);
void nd_stream_clear(struct nd_stream *s);

bool nd_stream_next(struct nd_stream *s);
/* The next word will be the one handed out last. */
void nd_stream_again(struct nd_stream *s);
/* The text of a word, its environment references replaced; NULL with err and diag set. */
const char *nd_stream_text(struct nd_stream *s, const struct nd_lexeme *w);
/* tok is "import": takes its argument and puts the words meant in front of what follows. */
int nd_stream_import(struct nd_stream *s);
/* tok is what follows a snippet's "(name)": keeps the words to its matching brace. */
int nd_stream_define(struct nd_stream *s, const char *name);
/* Where a quote of any text read opens that is never closed, or NULL: the likely cause of a
 * missing brace. */
const char *nd_stream_open_quote(const struct nd_stream *s, int *line);
void nd_stream_warn(struct nd_stream *s, const struct nd_lexeme *w, const char *what,
		    const char *word);
