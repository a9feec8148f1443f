/* SPDX-License-Identifier: Apache-2.0 */
/* gotmpl_tree.h - the tree of a parsed template. Only for the gotmpl*.c files.
 *
 * Owns:    everything is in the arena of struct nd_gotmpl and never changes after parsing.
 * Threads: any, after parsing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "text/gotmpl.h"

enum nd_gotmpl_kind {
	/* in a list */
	ND_GOTMPL_N_TEXT,
	ND_GOTMPL_N_ACTION,
	ND_GOTMPL_N_IF,
	ND_GOTMPL_N_WITH,
	ND_GOTMPL_N_RANGE,
	ND_GOTMPL_N_BREAK,
	ND_GOTMPL_N_CONTINUE,
	/* in a pipeline */
	ND_GOTMPL_N_PIPE,
	ND_GOTMPL_N_COMMAND,
	/* in a command */
	ND_GOTMPL_N_DOT,
	ND_GOTMPL_N_FIELD,
	ND_GOTMPL_N_VARIABLE,
	ND_GOTMPL_N_CHAIN,
	ND_GOTMPL_N_FUNCTION,
	ND_GOTMPL_N_CONSTANT,
	ND_GOTMPL_N_NIL,
};

struct nd_gotmpl_names {
	const char *const *names; /* .a.b.c without the dots */
	size_t n;
};

struct nd_gotmpl_node {
	enum nd_gotmpl_kind kind;
	unsigned line;
	struct nd_gotmpl_node *next;  /* in a list, among commands, among operands */
	struct nd_gotmpl_node *first; /* PIPE: commands; COMMAND: operands; CHAIN: its pipe */
	struct nd_gotmpl_node *pipe;  /* ACTION, IF, WITH, RANGE */
	struct nd_gotmpl_node *body;  /* IF, WITH, RANGE; NULL: empty */
	struct nd_gotmpl_node *otherwise;
	struct nd_value constant;      /* CONSTANT, TEXT */
	const char *name;              /* FUNCTION */
	bool callers;                  /* FUNCTION: the environment's */
	struct nd_gotmpl_names fields; /* FIELD, VARIABLE, CHAIN */
	unsigned slot[2];              /* VARIABLE: [0]; PIPE: the variables it sets */
	unsigned slots;                /* PIPE: their number, 0 to 2 */
};

struct nd_gotmpl {
	struct nd_arena arena;
	struct nd_gotmpl_node *root;
	unsigned slots; /* number of variables; slot 0 is $ */
};

/* Fills root and slots. 0, or ND_EFORMAT / ND_ELIMIT with why_buf. */
int nd_gotmpl_parse(struct nd_gotmpl *t, const char *text, const char *const *functions,
		    char *why_buf, size_t why_cap);
struct nd_gotmpl_token;
/* Reads the value of a constant. NULL, or an error message; v of kind ERROR: out of memory. */
const char *nd_gotmpl_constant_read(const struct nd_gotmpl_token *t, struct nd_value *v,
				    struct nd_arena *a);
/* Is it a built-in function? */
bool nd_gotmpl_funcs_known(const char *name);
/* Calls a built-in, except and/or, which gotmpl.c evaluates. Checks nargs. */
struct nd_value nd_gotmpl_funcs_call(const char *name, const struct nd_value *args, size_t nargs,
				     struct nd_arena *a);
