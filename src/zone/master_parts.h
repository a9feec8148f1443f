/* SPDX-License-Identifier: Apache-2.0 */
/* master_parts.h - the state of a reader, for the master*.c files only. */
#pragma once

#include <stdbool.h>
#include "wire/text_scan.h"
#include "zone/master.h"

/* One file: a window of its text. */
struct nd_master_input {
	char *path;
	int handle;
	bool open, eof;
	char *text;
	size_t pos, len, cap; /* the next entry starts at pos <= len <= cap */
	size_t counted;       /* line is the line of this position, <= pos */
	int line;
	struct nd_name_buf origin_buf, owner_buf;
	struct nd_name origin;
	struct nd_name owner; /* of the last record; len 0: none yet */
	uint32_t ttl;         /* the default */
	bool ttl_known;       /* by $TTL or by a record */
	bool ttl_directive;   /* by $TTL */
};

/* A $GENERATE that is being expanded. */
struct nd_master_generate {
	bool on;
	int64_t start, end, step, now;
	char *pattern;
	size_t pattern_len;
	char *line;
	size_t line_len;
};

enum { ND_MASTER_ERROR_MAX = 1024, ND_MASTER_LINE_MAX = 64 << 10 };

struct nd_master {
	struct nd_master_files files;
	struct nd_master_input in[ND_MASTER_DEPTH_MAX + 1];
	int depth; /* the input that is read; -1: none is open */
	unsigned includes;
	uint64_t bytes;
	struct nd_master_generate gen;
	int err;
	char error[ND_MASTER_ERROR_MAX];
	uint8_t rdata[UINT16_MAX];
};

/* Sets the message unless there is one; returns err. cure: "must be ..."; NULL: none. */
int nd_master_fail(struct nd_master *m, int err, const char *what, const char *word, size_t n,
		   const char *cure);

/* In master_input.c. */
/* Opens a file, one level deeper. from NULL: the first. */
int nd_master_input_open(struct nd_master *m, const char *path, struct nd_name origin);
/* Closes the current one. */
void nd_master_input_close(struct nd_master *m);
/* Reads more of the current file: at its end sets eof. */
int nd_master_input_fill(struct nd_master *m);
/* The line at this place of the window. */
int nd_master_input_line(struct nd_master_input *in, size_t at);

/* In master_generate.c. */
/* Parses "START-STOP[/STEP]" and keeps the pattern. */
int nd_master_generate_begin(struct nd_master *m, struct nd_text_word range, const char *pattern,
			     size_t n);
/* The next line, in gen.line. 1, 0: there are no more, or an error. */
int nd_master_generate_next(struct nd_master *m);
void nd_master_generate_end(struct nd_master *m);
