/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/template/rule.h"

#include <string.h>
#include "base/ascii.h"
#include "core/query.h"
#include "core/query_expr.h"

static const char *const template_functions[] = { "parseInt", NULL };

/* A copy of the n items with room for one more, in the arena. */
static void *extend(struct nd_arena *a, const void *items, size_t n, size_t size)
{
	char *grown = nd_arena_array(a, n + 1, size);

	if (grown && n)
		memcpy(grown, items, n * size);
	return grown;
}

static int refuse_count(struct nd_setup *s, const struct nd_conf_line *l, const char *takes)
{
	return nd_setup_error(s, l, "\"%s\" takes %s", l->name, takes);
}

static int read_match(struct nd_rule *r, struct nd_setup *s, const struct nd_conf_line *l)
{
	char why[256];

	if (l->nargs == 0)
		return refuse_count(s, l, "REGEX...");
	for (size_t i = 0; i < l->nargs; i++) {
		struct nd_rule_regex *grown = extend(s->arena, r->regex, r->nregex, sizeof *grown);
		if (!grown)
			return ND_ELIMIT;
		r->regex = grown;
		if (strlen(l->args[i]) > ND_REGEX_PATTERN_MAX)
			return nd_setup_error(s, l, "match: the pattern is longer than %d bytes",
					      ND_REGEX_PATTERN_MAX);
		grown[r->nregex].source = nd_arena_string(s->arena, l->args[i]);
		if (nd_regex_new(l->args[i], &grown[r->nregex].re, why, sizeof why))
			return nd_setup_error(s, l, "invalid pattern \"%s\": %s", l->args[i], why);
		r->nregex++;
	}
	return 0;
}

static int read_texts(struct nd_rule_texts *to, struct nd_setup *s, const struct nd_conf_line *l)
{
	char why[256];

	if (l->nargs == 0)
		return refuse_count(s, l, "records like \"{{ .Name }} 60 IN A 10.0.0.1\"");
	for (size_t i = 0; i < l->nargs; i++) {
		struct nd_rule_text *grown = extend(s->arena, to->item, to->n, sizeof *grown);
		if (!grown)
			return ND_ELIMIT;
		to->item = grown;
		grown[to->n].source = nd_arena_string(s->arena, l->args[i]);
		if (nd_gotmpl_new(l->args[i], template_functions, &grown[to->n].tmpl, why,
				  sizeof why))
			return nd_setup_error(s, l, "invalid template \"%s\": %s", l->args[i], why);
		to->n++;
	}
	return 0;
}

static const struct nd_expr_function own_functions[] = {
	{ "group", ND_VALUE_STRING, "a" },
	{ 0 },
};
static const struct nd_expr_function *const functions[] = { nd_query_expr_functions, own_functions,
							    NULL };

/* Joins words by spaces: an expression may be several words. */
static char *join(struct nd_arena *a, const char *const *words, size_t n)
{
	char *text = nd_arena_string(a, words[0]);

	for (size_t i = 1; text && i < n; i++)
		text = nd_arena_printf(a, "%s %s", text, words[i]);
	return text;
}

static bool is_word(const char *text)
{
	if (!nd_ascii_is_alpha(*text) && *text != '_')
		return false;
	while (nd_ascii_is_alnum(*text) || *text == '_')
		text++;
	return *text == '\0';
}

static bool is_reserved(const char *name)
{
	static const char *const words[] = {
		"true",  "false",  "nil",     "not",     "and",       "or",         "in",
		"let",   "if",     "else",    "matches", "contains",  "startsWith", "endsWith",
		"len",   "int",    "float",   "string",  "lower",     "upper",      "trim",
		"split", "join",   "replace", "indexOf", "hasPrefix", "hasSuffix",  "min",
		"max",   "abs",    "first",   "last",    "all",       "any",        "none",
		"one",   "filter", "map",     "count",   NULL
	};

	for (const char *const *w = words; *w; w++)
		if (strcmp(*w, name) == 0)
			return true;
	for (const struct nd_expr_function *const *t = functions; *t; t++)
		for (const struct nd_expr_function *f = *t; f->name; f++)
			if (strcmp(f->name, name) == 0)
				return true;
	return false;
}

static int read_var(struct nd_rule *r, struct nd_setup *s, const struct nd_conf_line *l)
{
	char why[256];

	if (l->nargs < 2)
		return refuse_count(s, l, "NAME EXPRESSION");
	if (!is_word(l->args[0]))
		return nd_setup_invalid(s, l, "variable name", l->args[0],
					"letters, digits and underscores");
	if (is_reserved(l->args[0]))
		return nd_setup_error(s, l, "var: the name \"%s\" is reserved", l->args[0]);
	if (r->nvars == ND_RULE_VARS_MAX)
		return nd_setup_error(s, l, "more than %d variables", ND_RULE_VARS_MAX);
	char *text = join(s->arena, l->args + 1, l->nargs - 1);
	if (!text)
		return ND_ELIMIT;
	if (nd_expr_new(text, r->names, functions, &r->vars[r->nvars].program, why, sizeof why))
		return nd_setup_error(s, l, "invalid expression \"%s\": %s", text, why);
	r->vars[r->nvars].name = r->names[r->nvars] = nd_arena_string(s->arena, l->args[0]);
	r->nvars++;
	return 0;
}

static int read_expr(struct nd_rule *r, struct nd_setup *s, const struct nd_conf_line *l)
{
	struct nd_expr **grown = extend(s->arena, r->exprs, r->nexprs, sizeof *grown);
	char why[256];

	if (l->nargs == 0)
		return refuse_count(s, l, "EXPRESSION");
	char *text = join(s->arena, l->args, l->nargs);
	if (!grown || !text)
		return ND_ELIMIT;
	r->exprs = grown;
	if (nd_expr_new(text, r->names, functions, &grown[r->nexprs], why, sizeof why))
		return nd_setup_error(s, l, "invalid expression \"%s\": %s", text, why);
	r->nexprs++;
	return 0;
}

static int read_rcode(struct nd_rule *r, struct nd_setup *s, const struct nd_conf_line *l)
{
	int rcode = l->nargs ? nd_type_rcode_parse(l->args[0], strlen(l->args[0])) : -1;

	if (rcode < 0)
		return nd_setup_invalid(s, l, "response code", l->nargs ? l->args[0] : "",
					"like NXDOMAIN");
	r->rcode = (uint16_t)rcode;
	return 0;
}

static int read_ederror(struct nd_rule *r, struct nd_setup *s, const struct nd_conf_line *l)
{
	uint64_t code;

	if (l->nargs != 1 && l->nargs != 2)
		return refuse_count(s, l, "CODE [TEXT]");
	if (nd_settings_uint(l->args[0], 65534, &code))
		return nd_setup_invalid(s, l, "extended DNS error", l->args[0], "0 to 65534");
	r->ede = true;
	r->ede_code = (uint16_t)code;
	r->ede_text = l->nargs == 2 ? nd_arena_string(s->arena, l->args[1]) : NULL;
	return 0;
}

static int read_line(struct nd_rule *r, struct nd_setup *s, const struct nd_conf_line *l)
{
	if (strcmp(l->name, "match") == 0)
		return read_match(r, s, l);
	if (strcmp(l->name, "answer") == 0)
		return read_texts(&r->answers, s, l);
	if (strcmp(l->name, "additional") == 0)
		return read_texts(&r->additionals, s, l);
	if (strcmp(l->name, "authority") == 0)
		return read_texts(&r->authorities, s, l);
	if (strcmp(l->name, "var") == 0)
		return read_var(r, s, l);
	if (strcmp(l->name, "expr") == 0)
		return read_expr(r, s, l);
	if (strcmp(l->name, "rcode") == 0)
		return read_rcode(r, s, l);
	if (strcmp(l->name, "ederror") == 0)
		return read_ederror(r, s, l);
	if (strcmp(l->name, "fallthrough") == 0)
		return nd_setup_fallthrough(s, l, &r->fall);
	if (strcmp(l->name, "upstream") == 0)
		return 0; /* accepted without effect, as in CoreDNS */
	return nd_setup_error(
		s, l,
		"unknown property \"%s\": must be one of additional, answer, authority, ederror, "
		"expr, fallthrough, match, rcode, upstream, var",
		l->name);
}

int nd_rule_read(struct nd_rule *r, struct nd_setup *s)
{
	const struct nd_conf_line *d = s->directive;
	char text[ND_NAME_TEXT_MAX];

	if (d->nargs < 2)
		return nd_setup_error(s, NULL, "template takes CLASS TYPE [ZONES...]");
	int class = nd_type_class_parse(d->args[0], strlen(d->args[0]));
	if (class < 0)
		return nd_setup_invalid(s, NULL, "class", d->args[0], "like IN or ANY");
	int type = nd_type_parse(d->args[1], strlen(d->args[1]));
	if (type < 0)
		return nd_setup_invalid(s, NULL, "record type", d->args[1], "like A or ANY");
	r->class = (uint16_t) class;
	r->type = (uint16_t)type;
	int err = nd_setup_zones(s, d->args + 2, d->nargs - 2, &r->zones, &r->nzones);
	for (size_t i = 0; !err && i < d->nblock; i++)
		err = read_line(r, s, &d->block[i]);
	if (err)
		return err;
	nd_name_format(r->zones[0], text);
	r->zone_text = nd_arena_string(s->arena, text);
	return 0;
}

static void clear_texts(struct nd_rule_texts *t)
{
	for (size_t i = 0; i < t->n; i++)
		nd_gotmpl_free(t->item[i].tmpl);
	t->n = 0;
}

void nd_rule_clear(struct nd_rule *r)
{
	for (size_t i = 0; i < r->nregex; i++)
		nd_regex_free(r->regex[i].re);
	clear_texts(&r->answers);
	clear_texts(&r->authorities);
	clear_texts(&r->additionals);
	for (size_t i = 0; i < r->nvars; i++)
		nd_expr_free(r->vars[i].program);
	for (size_t i = 0; i < r->nexprs; i++)
		nd_expr_free(r->exprs[i]);
	r->nregex = r->nvars = r->nexprs = 0;
}

bool nd_rule_concerns(const struct nd_rule *r, const struct nd_query *q)
{
	if (r->class != ND_CLASS_ANY && q->msg.qclass != ND_CLASS_ANY && q->msg.qclass != r->class)
		return false;
	if (r->type != ND_TYPE_ANY && q->msg.qtype != ND_TYPE_ANY && q->msg.qtype != r->type)
		return false;
	return nd_setup_zone_match(r->zones, r->nzones, q->msg.qname) != NULL;
}
