/* SPDX-License-Identifier: Apache-2.0 */
/* expr_tree.h - the tree of a parsed expression. Only for the expr*.c files.
 *
 * expr_lex.c splits the text into tokens, expr_parse.c builds and checks the tree, expr.c
 * evaluates it with expr_ops.c (operators) and expr_funcs.c (functions).
 * Owns:    everything is in the arena of struct nd_expr and never changes after parsing, except
 *          compiled patterns, which are heap.
 * Threads: any, after parsing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "base/arena.h"
#include "text/expr.h"
#include "text/regex.h"

/* --- tokens --- */

enum nd_expr_token_kind {
	ND_EXPR_EOF,
	ND_EXPR_IDENT,
	ND_EXPR_NUMBER,
	ND_EXPR_STRING,
	ND_EXPR_RAW,
	ND_EXPR_OPERATOR,
	ND_EXPR_BRACKET,
	ND_EXPR_BAD, /* text: the error message */
};

struct nd_expr_token {
	enum nd_expr_token_kind kind;
	const char *text; /* a string includes its quotes */
	size_t len;
	unsigned line, column; /* line from 1, column from 0, as in expr-lang */
};

struct nd_expr_lexer {
	const char *p, *end, *line_start;
	unsigned line;
};

struct nd_expr_token nd_expr_lex(struct nd_expr_lexer *l);

/* --- tree --- */

enum nd_expr_op {
	ND_EXPR_OR,
	ND_EXPR_AND,
	ND_EXPR_EQ,
	ND_EXPR_NE,
	ND_EXPR_LT,
	ND_EXPR_GT,
	ND_EXPR_GE,
	ND_EXPR_LE,
	ND_EXPR_IN,
	ND_EXPR_MATCHES,
	ND_EXPR_CONTAINS,
	ND_EXPR_STARTS,
	ND_EXPR_ENDS,
	ND_EXPR_RANGE,
	ND_EXPR_ADD,
	ND_EXPR_SUB,
	ND_EXPR_MUL,
	ND_EXPR_DIV,
	ND_EXPR_MOD,
	ND_EXPR_POW,
	ND_EXPR_COALESCE,
	ND_EXPR_NOT,
	ND_EXPR_NEGATE,
	ND_EXPR_PLUS, /* unary */
};

/* The static type of a node; ANY: not known before evaluation. */
enum nd_expr_type {
	ND_EXPR_ANY,
	ND_EXPR_T_NIL,
	ND_EXPR_T_BOOL,
	ND_EXPR_T_INT,
	ND_EXPR_T_FLOAT,
	ND_EXPR_T_STRING,
	ND_EXPR_T_LIST,
	ND_EXPR_T_MAP,
};

enum nd_expr_kind {
	ND_EXPR_CONSTANT,
	ND_EXPR_VARIABLE,
	ND_EXPR_CALLERS /* function */,
	ND_EXPR_BUILTIN,
	ND_EXPR_PREDICATE,
	ND_EXPR_UNARY,
	ND_EXPR_BINARY,
	ND_EXPR_CONDITION,
	ND_EXPR_MEMBER,
	ND_EXPR_CHAIN /* extent of a ?. */,
	ND_EXPR_SLICE,
	ND_EXPR_LIST,
	ND_EXPR_MAP,
	ND_EXPR_ELEMENT /* # */,
	ND_EXPR_ELEMENT_INDEX /* #index */,
};

struct nd_expr_node {
	enum nd_expr_kind kind;
	enum nd_expr_type type;
	enum nd_expr_op op;
	unsigned height; /* 0: no children */
	bool optional;   /* MEMBER: ?. */
	struct nd_expr_node *a, *b,
		*c;                /* operands; SLICE: b and c may be NULL; CONDITION: a ? b : c */
	struct nd_expr_node *next; /* in a list of arguments, elements, or key, value, key, ... */
	struct nd_expr_node *args; /* CALLERS, BUILTIN, PREDICATE, LIST, MAP */
	size_t nargs;
	const char *name; /* VARIABLE, CALLERS */
	size_t function;  /* BUILTIN: index in expr_funcs.c; PREDICATE: enum nd_expr_predicate */
	struct nd_value constant;
	struct nd_regex *regex; /* MATCHES with a constant pattern; owned */
	struct nd_expr_node *next_regex;
};

struct nd_expr {
	struct nd_arena arena;
	struct nd_expr_node *root;
	struct nd_expr_node *regexes; /* nodes that own one */
};

/* Fills root and regexes. 0, or ND_EFORMAT / ND_ELIMIT with why_buf. */
int nd_expr_parse(struct nd_expr *e, const char *text, const char *const *variables,
		  const struct nd_expr_function *const *functions, char *why_buf, size_t why_cap);

/* --- operators, except and, or and ??, which may not need both operands --- */

struct nd_value nd_expr_ops_unary(enum nd_expr_op op, const struct nd_value *v, struct nd_arena *a);
struct nd_value nd_expr_ops_binary(enum nd_expr_op op, const struct nd_value *x,
				   const struct nd_value *y, struct nd_arena *a);
/* regex: the compiled y, or NULL to compile it now. */
struct nd_value nd_expr_ops_matches(const struct nd_value *x, const struct nd_value *y,
				    const struct nd_regex *regex, struct nd_arena *a);
struct nd_value nd_expr_ops_member(const struct nd_value *of, const struct nd_value *key,
				   struct nd_arena *a);
struct nd_value nd_expr_ops_slice(const struct nd_value *of, const struct nd_value *from,
				  const struct nd_value *to, struct nd_arena *a);
/* The operator as written and the type by Go's name, for messages. */
const char *nd_expr_ops_name(enum nd_expr_op op);
const char *nd_expr_ops_type(enum nd_expr_type type);
/* The type of the result, or -1 if the operand types do not match. */
int nd_expr_ops_check(enum nd_expr_op op, enum nd_expr_type x, enum nd_expr_type y);

/* --- functions --- */

enum nd_expr_predicate {
	ND_EXPR_ALL,
	ND_EXPR_NONE,
	ND_EXPR_ANY_OF,
	ND_EXPR_ONE,
	ND_EXPR_FILTER,
	ND_EXPR_MAP_OVER,
	ND_EXPR_COUNT,
	ND_EXPR_SUM,
	ND_EXPR_FIND,
	ND_EXPR_FIND_INDEX,
};

/* The index of a function, or -1. *known: a function of expr-lang outside the subset. */
int nd_expr_funcs_find(const char *name, size_t len, bool *known);
int nd_expr_funcs_predicate(const char *name, size_t len);
/* Can the closure be omitted? Only for count and sum. */
bool nd_expr_funcs_predicate_optional(int predicate);
/* Checks the number and the known types of the arguments. NULL, or an error message in buf. */
const char *nd_expr_funcs_check(size_t function, const struct nd_expr_node *args, size_t nargs,
				enum nd_expr_type *result, char *buf, size_t cap);
struct nd_value nd_expr_funcs_call(size_t function, const struct nd_value *args, size_t nargs,
				   struct nd_arena *a);
