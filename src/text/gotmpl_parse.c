/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "text/gotmpl_lex.h"
#include "text/gotmpl_tree.h"

enum {
	DEPTH_MAX = 200, /* nested controls and parentheses; else-if counts */
	VARIABLES_MAX = 256,
	FIELDS_MAX = 32, /* .a.b.c */
	NAME_MAX_BYTES = 255,
};

struct variable {
	const char *name; /* with the $ */
	size_t len;
	unsigned slot;
};

struct parser {
	struct nd_gotmpl *t;
	const char *const *functions;
	const struct nd_gotmpl_token *at;
	struct variable variables[VARIABLES_MAX]; /* in scope; the last one of a name is valid */
	size_t nvariables;
	unsigned depth, ranges;
	int err;
	char *why_buf;
	size_t why_cap;
};

/* Keeps the first error. Returns NULL, for `return fail(...)`. */
__attribute__((format(printf, 2, 3))) static void *fail(struct parser *p, const char *format, ...)
{
	char text[300];
	va_list args;

	if (p->err)
		return NULL;
	p->err = ND_EFORMAT;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (p->why_cap)
		snprintf(p->why_buf, p->why_cap, "template:%u: %s", p->at->line, text);
	return NULL;
}

static void *fail_memory(struct parser *p)
{
	fail(p, "template too large");
	p->err = ND_ELIMIT;
	return NULL;
}

static void *fail_token(struct parser *p, const char *where)
{
	if (p->at->kind == ND_GOTMPL_BAD)
		return fail(p, "%s", p->at->text);
	if (p->at->kind == ND_GOTMPL_EOF)
		return fail(p, "unexpected EOF");
	return fail(p, "unexpected \"%.*s\" in %s", (int)(p->at->len < 40 ? p->at->len : 40),
		    p->at->text, where);
}

/* Never steps over EOF or BAD, the last token. */
static void step(struct parser *p)
{
	if (p->at->kind != ND_GOTMPL_EOF && p->at->kind != ND_GOTMPL_BAD)
		p->at++;
}

static void skip_space(struct parser *p)
{
	while (p->at->kind == ND_GOTMPL_SPACE)
		p->at++;
}

static bool at_keyword(const struct parser *p, const char *word)
{
	return p->at->kind == ND_GOTMPL_KEYWORD && p->at->len == strlen(word) &&
	       memcmp(p->at->text, word, p->at->len) == 0;
}

static struct nd_gotmpl_node *new_node(struct parser *p, enum nd_gotmpl_kind kind)
{
	struct nd_gotmpl_node *n = nd_arena_alloc(&p->t->arena, sizeof *n);

	if (!n)
		return fail_memory(p);
	n->kind = kind;
	n->line = p->at->line;
	return n;
}

static bool enter(struct parser *p)
{
	if (++p->depth > DEPTH_MAX)
		fail(p, "max expression depth exceeded");
	return !p->err;
}

static const struct variable *find_variable(struct parser *p, const char *name, size_t len)
{
	for (size_t i = p->nvariables; i-- > 0;)
		if (p->variables[i].len == len && memcmp(p->variables[i].name, name, len) == 0)
			return &p->variables[i];
	return fail(p, "undefined variable \"%.*s\"", (int)(len < 60 ? len : 60), name);
}

static unsigned declare(struct parser *p, const struct nd_gotmpl_token *name)
{
	if (p->nvariables == VARIABLES_MAX) {
		fail(p, "too many variables");
		return 0;
	}
	p->variables[p->nvariables++] = (struct variable){
		.name = name->text,
		.len = name->len,
		.slot = p->t->slots,
	};
	return p->t->slots++;
}

static struct nd_gotmpl_node *parse_pipeline(struct parser *p, const char *context,
					     enum nd_gotmpl_token_kind end);

/* Reads the FIELD tokens that follow without a space. */
static void parse_fields(struct parser *p, struct nd_gotmpl_node *n)
{
	const char *names[FIELDS_MAX];
	size_t count = 0;

	for (; p->at->kind == ND_GOTMPL_FIELD && !p->err; step(p)) {
		if (count == FIELDS_MAX || p->at->len > NAME_MAX_BYTES) {
			fail(p, "too many fields, or a field name is too long");
			return;
		}
		names[count] = nd_arena_text(&p->t->arena, p->at->text + 1, p->at->len - 1);
		if (!names[count++])
			fail_memory(p);
	}
	n->fields.n = count;
	n->fields.names = nd_arena_copy(&p->t->arena, names, count * sizeof *names);
	if (!n->fields.names)
		fail_memory(p);
}

static bool is_callers(const struct parser *p, const char *name)
{
	for (const char *const *f = p->functions; f && *f; f++)
		if (!strcmp(*f, name))
			return true;
	return false;
}

static struct nd_gotmpl_node *parse_function(struct parser *p)
{
	struct nd_gotmpl_node *n = new_node(p, ND_GOTMPL_N_FUNCTION);

	if (!n)
		return NULL;
	n->name = nd_arena_text(&p->t->arena, p->at->text, p->at->len);
	if (!n->name)
		return fail_memory(p);
	n->callers = is_callers(p, n->name);
	if (!n->callers && !nd_gotmpl_funcs_known(n->name))
		return fail(p, "function \"%.60s\" not defined", n->name);
	step(p);
	return n;
}

static struct nd_gotmpl_node *parse_constant(struct parser *p)
{
	struct nd_gotmpl_node *n = new_node(p, ND_GOTMPL_N_CONSTANT);

	if (!n)
		return NULL;
	const char *why = nd_gotmpl_constant_read(p->at, &n->constant, &p->t->arena);
	if (why)
		return fail(p, "%s: %.*s", why, (int)(p->at->len < 60 ? p->at->len : 60),
			    p->at->text);
	if (n->constant.kind == ND_VALUE_ERROR)
		return fail_memory(p);
	step(p);
	return n;
}

static struct nd_gotmpl_node *parse_variable(struct parser *p)
{
	const struct variable *v = find_variable(p, p->at->text, p->at->len);
	struct nd_gotmpl_node *n = v ? new_node(p, ND_GOTMPL_N_VARIABLE) : NULL;

	if (!n)
		return NULL;
	n->slot[0] = v->slot;
	step(p);
	return n;
}

static struct nd_gotmpl_node *parse_parens(struct parser *p)
{
	step(p);
	if (!enter(p))
		return NULL;
	struct nd_gotmpl_node *pipe = parse_pipeline(p, "parenthesized pipeline", ND_GOTMPL_RIGHT);
	p->depth--;
	return pipe;
}

static struct nd_gotmpl_node *parse_simple(struct parser *p, enum nd_gotmpl_kind kind)
{
	struct nd_gotmpl_node *n = new_node(p, kind);
	step(p);
	return n;
}

/* NULL without an error: no operand here. */
static struct nd_gotmpl_node *parse_term(struct parser *p)
{
	switch (p->at->kind) {
	case ND_GOTMPL_WORD: return parse_function(p);
	case ND_GOTMPL_DOT: return parse_simple(p, ND_GOTMPL_N_DOT);
	case ND_GOTMPL_NIL: return parse_simple(p, ND_GOTMPL_N_NIL);
	case ND_GOTMPL_VARIABLE: return parse_variable(p);
	case ND_GOTMPL_FIELD: return new_node(p, ND_GOTMPL_N_FIELD); /* parse_operand reads it */
	case ND_GOTMPL_BOOL:
	case ND_GOTMPL_NUMBER:
	case ND_GOTMPL_RUNE:
	case ND_GOTMPL_STRING:
	case ND_GOTMPL_RAW: return parse_constant(p);
	case ND_GOTMPL_LEFT: return parse_parens(p);
	default: return NULL;
	}
}

static struct nd_gotmpl_node *parse_operand(struct parser *p)
{
	struct nd_gotmpl_node *term = parse_term(p), *chain;

	if (!term || p->at->kind != ND_GOTMPL_FIELD)
		return term;
	switch (term->kind) {
	case ND_GOTMPL_N_FIELD:
	case ND_GOTMPL_N_VARIABLE: parse_fields(p, term); return term;
	case ND_GOTMPL_N_PIPE:
	case ND_GOTMPL_N_FUNCTION:
		chain = new_node(p, ND_GOTMPL_N_CHAIN);
		if (!chain)
			return NULL;
		chain->first = term;
		parse_fields(p, chain);
		return chain;
	default: return fail(p, "unexpected . after term");
	}
}

/* Parses operands separated by spaces. Takes a '|' that ends the command, but no other token. */
static struct nd_gotmpl_node *parse_command(struct parser *p)
{
	struct nd_gotmpl_node *command = new_node(p, ND_GOTMPL_N_COMMAND), **link;

	if (!command)
		return NULL;
	for (link = &command->first; !p->err;) {
		skip_space(p);
		struct nd_gotmpl_node *operand = parse_operand(p);
		if (operand) {
			*link = operand;
			link = &operand->next;
		}
		if (p->err || p->at->kind == ND_GOTMPL_CLOSE || p->at->kind == ND_GOTMPL_RIGHT)
			break;
		if (p->at->kind == ND_GOTMPL_PIPE) {
			step(p);
			break;
		}
		if (p->at->kind != ND_GOTMPL_SPACE)
			return fail_token(p, "operand");
	}
	if (!p->err && !command->first)
		return fail(p, "empty command");
	return command;
}

/* Parses "$x :=", "$x =", and in range "$i, $x :=". The names are declared after the pipeline is
 * parsed, because it can use an outer variable of the same name. */
static void parse_declared(struct parser *p, bool range, const struct nd_gotmpl_token *names[2],
			   struct nd_gotmpl_node *pipe, bool *assign)
{
	const struct nd_gotmpl_token *before = p->at;

	while (p->at->kind == ND_GOTMPL_VARIABLE) {
		const struct nd_gotmpl_token *name = p->at;
		step(p);
		skip_space(p);
		if (p->at->kind == ND_GOTMPL_ASSIGN || p->at->kind == ND_GOTMPL_DECLARE) {
			*assign = p->at->kind == ND_GOTMPL_ASSIGN;
			names[pipe->slots++] = name;
			step(p);
			return;
		}
		if (p->at->kind != ND_GOTMPL_CHAR || *p->at->text != ',')
			break;
		if (!range || pipe->slots) {
			fail(p, "too many declarations");
			return;
		}
		names[pipe->slots++] = name;
		step(p);
		skip_space(p);
		if (p->at->kind != ND_GOTMPL_VARIABLE)
			fail(p, "range can only initialize variables");
	}
	if (pipe->slots)
		fail(p, "range can only initialize variables");
	p->at = before;
}

static void set_slots(struct parser *p, const struct nd_gotmpl_token *names[2],
		      struct nd_gotmpl_node *pipe, bool assign)
{
	for (unsigned i = 0; i < pipe->slots && !p->err; i++) {
		if (assign) {
			const struct variable *v = find_variable(p, names[i]->text, names[i]->len);
			pipe->slot[i] = v ? v->slot : 0;
		} else {
			pipe->slot[i] = declare(p, names[i]);
		}
	}
}

static void check_pipeline(struct parser *p, const struct nd_gotmpl_node *pipe, const char *context)
{
	unsigned stage = 2;

	if (!pipe->first) {
		fail(p, "missing value for %s", context);
		return;
	}
	for (const struct nd_gotmpl_node *c = pipe->first->next; c; c = c->next, stage++)
		if (c->first->kind == ND_GOTMPL_N_CONSTANT || c->first->kind == ND_GOTMPL_N_DOT ||
		    c->first->kind == ND_GOTMPL_N_NIL)
			fail(p, "non executable command in pipeline stage %u", stage);
}

/* Takes the end token too. */
static struct nd_gotmpl_node *parse_pipeline(struct parser *p, const char *context,
					     enum nd_gotmpl_token_kind end)
{
	const struct nd_gotmpl_token *names[2] = { NULL, NULL };
	struct nd_gotmpl_node *pipe = new_node(p, ND_GOTMPL_N_PIPE), **link;
	bool assign = false;

	if (!pipe)
		return NULL;
	skip_space(p);
	parse_declared(p, !strcmp(context, "range"), names, pipe, &assign);
	for (link = &pipe->first; !p->err;) {
		skip_space(p);
		if (p->at->kind == end)
			break;
		if (p->at->kind == ND_GOTMPL_CLOSE || p->at->kind == ND_GOTMPL_RIGHT ||
		    p->at->kind == ND_GOTMPL_PIPE)
			return fail_token(p, context);
		struct nd_gotmpl_node *command = parse_command(p);
		if (!command)
			return NULL;
		*link = command;
		link = &command->next;
	}
	if (p->err)
		return NULL;
	check_pipeline(p, pipe, context);
	set_slots(p, names, pipe, assign);
	step(p);
	return p->err ? NULL : pipe;
}

static struct nd_gotmpl_node *parse_list(struct parser *p, bool top);

static void expect_close(struct parser *p, const char *context)
{
	skip_space(p);
	if (p->at->kind != ND_GOTMPL_CLOSE)
		fail_token(p, context);
	step(p);
}

static struct nd_gotmpl_node *parse_control(struct parser *p, enum nd_gotmpl_kind kind);

/* p is after "{{else". "else if" and "else with" share the {{end}} of the first "if" or
 * "with". */
static struct nd_gotmpl_node *parse_else(struct parser *p, enum nd_gotmpl_kind kind)
{
	struct nd_gotmpl_node *list;

	skip_space(p);
	if ((kind == ND_GOTMPL_N_IF && at_keyword(p, "if")) ||
	    (kind == ND_GOTMPL_N_WITH && at_keyword(p, "with")))
		return parse_control(p, kind);
	expect_close(p, "else");
	list = parse_list(p, false);
	if (!p->err && at_keyword(p, "else"))
		return fail(p, "expected end; found {{else}}");
	step(p);
	expect_close(p, "end");
	return list;
}

/* p is at the keyword. */
static struct nd_gotmpl_node *parse_control(struct parser *p, enum nd_gotmpl_kind kind)
{
	static const char *const contexts[] = {
		[ND_GOTMPL_N_IF] = "if",
		[ND_GOTMPL_N_WITH] = "with",
		[ND_GOTMPL_N_RANGE] = "range",
	};
	struct nd_gotmpl_node *n = new_node(p, kind);
	size_t outer = p->nvariables;

	step(p);
	if (!n || !enter(p))
		return NULL;
	n->pipe = parse_pipeline(p, contexts[kind], ND_GOTMPL_CLOSE);
	p->ranges += kind == ND_GOTMPL_N_RANGE;
	n->body = p->err ? NULL : parse_list(p, false);
	p->ranges -= kind == ND_GOTMPL_N_RANGE;
	if (p->err)
		return NULL;
	bool more = at_keyword(p, "else");
	step(p);
	if (more)
		n->otherwise = parse_else(p, kind);
	else
		expect_close(p, "end");
	p->nvariables = outer;
	p->depth--;
	return p->err ? NULL : n;
}

static struct nd_gotmpl_node *parse_jump(struct parser *p, enum nd_gotmpl_kind kind)
{
	struct nd_gotmpl_node *n = new_node(p, kind);
	const char *name = kind == ND_GOTMPL_N_BREAK ? "{{break}}" : "{{continue}}";

	if (p->ranges == 0)
		return fail(p, "%s outside {{range}}", name);
	step(p);
	expect_close(p, name);
	return n;
}

/* p is after "{{". */
static struct nd_gotmpl_node *parse_action(struct parser *p)
{
	if (at_keyword(p, "if"))
		return parse_control(p, ND_GOTMPL_N_IF);
	if (at_keyword(p, "with"))
		return parse_control(p, ND_GOTMPL_N_WITH);
	if (at_keyword(p, "range"))
		return parse_control(p, ND_GOTMPL_N_RANGE);
	if (at_keyword(p, "break"))
		return parse_jump(p, ND_GOTMPL_N_BREAK);
	if (at_keyword(p, "continue"))
		return parse_jump(p, ND_GOTMPL_N_CONTINUE);
	if (p->at->kind == ND_GOTMPL_KEYWORD)
		return fail(p, "{{%.*s}} is not supported", (int)p->at->len, p->at->text);
	struct nd_gotmpl_node *n = new_node(p, ND_GOTMPL_N_ACTION);
	if (n)
		n->pipe = parse_pipeline(p, "command", ND_GOTMPL_CLOSE);
	return n;
}

/* Parses up to EOF (top), or up to the keyword of {{end}} or {{else}}. */
static struct nd_gotmpl_node *parse_list(struct parser *p, bool top)
{
	struct nd_gotmpl_node *list = NULL, **link = &list, *n;

	while (!p->err && !(top && p->at->kind == ND_GOTMPL_EOF)) {
		if (p->at->kind == ND_GOTMPL_TEXT) {
			n = new_node(p, ND_GOTMPL_N_TEXT);
			if (n)
				n->constant = nd_value_string(p->at->text, p->at->len);
			step(p);
		} else if (p->at->kind == ND_GOTMPL_OPEN) {
			step(p);
			skip_space(p);
			if (at_keyword(p, "end") || at_keyword(p, "else")) {
				if (top)
					fail(p, "unexpected {{%.*s}}", (int)p->at->len,
					     p->at->text);
				return list;
			}
			n = parse_action(p);
		} else {
			return fail_token(p, "input");
		}
		if (n) {
			*link = n;
			link = &n->next;
		}
	}
	return list;
}

int nd_gotmpl_parse(struct nd_gotmpl *t, const char *text, const char *const *functions,
		    char *why_buf, size_t why_cap)
{
	size_t len = strlen(text), count;
	/* TEXT nodes view the text, so it must live as long. */
	const char *copy = nd_arena_text(&t->arena, text, len);
	struct nd_gotmpl_token *tokens = copy ? nd_gotmpl_lex(copy, len, &count) : NULL;
	struct parser *p = tokens ? calloc(1, sizeof *p) : NULL;

	if (!p) {
		if (why_cap)
			snprintf(why_buf, why_cap, "template too large");
		free(tokens);
		return ND_ELIMIT;
	}
	p->t = t;
	p->functions = functions;
	p->at = tokens;
	p->why_buf = why_buf;
	p->why_cap = why_cap;
	p->variables[p->nvariables++] = (struct variable){ .name = "$", .len = 1 };
	t->slots = 1;
	t->root = parse_list(p, true);
	int ret = p->err;
	free(p);
	free(tokens);
	return ret;
}
