/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/template/rule.h"

#include <ctype.h>
#include <string.h>
#include "core/query.h"
#include "plugin/template/scene.h"

static const char *const template_functions[] = { "parseInt", NULL };

/* Room for one item more behind n, in the arena. */
static void *extend(struct nd_arena *a, const void *items, size_t n, size_t size)
{
	char *grown = nd_arena_array(a, n + 1, size);

	if (grown && n)
		memcpy(grown, items, n * size);
	return grown;
}

static int wants_words(struct nd_setup *s, const struct nd_conf_line *l, const char *what)
{
	return nd_setup_error(s, l, "%s: wants %s", l->name, what);
}

static int read_match(struct nd_rule *r, struct nd_setup *s, const struct nd_conf_line *l)
{
	char why[256];

	if (l->nargs == 0)
		return wants_words(s, l, "REGEX...");
	for (size_t i = 0; i < l->nargs; i++) {
		struct nd_rule_regex *grown = extend(s->arena, r->regex, r->nregex, sizeof *grown);
		if (!grown)
			return ND_ELIMIT;
		r->regex = grown;
		if (strlen(l->args[i]) > ND_REGEX_PATTERN_MAX)
			return nd_setup_error(s, l,
					      "match: the pattern has over %d characters; shorten it",
					      ND_REGEX_PATTERN_MAX);
		grown[r->nregex].source = nd_arena_string(s->arena, l->args[i]);
		if (nd_regex_new(l->args[i], &grown[r->nregex].re, why, sizeof why))
			return nd_setup_error(s, l, "match: could not parse \"%s\": %s", l->args[i],
					      why);
		r->nregex++;
	}
	return 0;
}

static int read_texts(struct nd_rule_texts *to, struct nd_setup *s, const struct nd_conf_line *l)
{
	char why[256];

	if (l->nargs == 0)
		return wants_words(s, l, "a record, as \"{{ .Name }} 60 IN A 10.0.0.1\"");
	for (size_t i = 0; i < l->nargs; i++) {
		struct nd_rule_text *grown = extend(s->arena, to->item, to->n, sizeof *grown);
		if (!grown)
			return ND_ELIMIT;
		to->item = grown;
		grown[to->n].source = nd_arena_string(s->arena, l->args[i]);
		if (nd_gotmpl_new(l->args[i], template_functions, &grown[to->n].tmpl, why,
				  sizeof why))
			return nd_setup_error(s, l, "%s: could not compile \"%s\": %s", l->name,
					      l->args[i], why);
		to->n++;
	}
	return 0;
}

/* An expression may be several words. */
static char *join(struct nd_arena *a, const char *const *words, size_t n)
{
	char *text = nd_arena_string(a, words[0]);

	for (size_t i = 1; text && i < n; i++)
		text = nd_arena_printf(a, "%s %s", text, words[i]);
	return text;
}

static bool is_word(const char *text)
{
	if (!isalpha((unsigned char)*text) && *text != '_')
		return false;
	while (*text && (isalnum((unsigned char)*text) || *text == '_'))
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
	for (const char *const *w = nd_scene_functions; *w; w++)
		if (strcmp(*w, name) == 0)
			return true;
	return false;
}

static int read_var(struct nd_rule *r, struct nd_setup *s, const struct nd_conf_line *l)
{
	char why[256];

	if (l->nargs < 2)
		return wants_words(s, l, "NAME EXPRESSION");
	if (!is_word(l->args[0]))
		return nd_setup_error(s, l,
				      "var: \"%s\" is no name; give letters, digits and underscores",
				      l->args[0]);
	if (is_reserved(l->args[0]))
		return nd_setup_error(s, l, "var: the name \"%s\" is reserved; choose another",
				      l->args[0]);
	if (r->nvars == ND_RULE_VARS_MAX)
		return nd_setup_error(s, l, "var: at most %d of them", ND_RULE_VARS_MAX);
	char *text = join(s->arena, l->args + 1, l->nargs - 1);
	if (!text)
		return ND_ELIMIT;
	if (nd_expr_new(text, r->names, nd_scene_functions, &r->vars[r->nvars].program, why,
			sizeof why))
		return nd_setup_error(s, l, "var: could not compile \"%s\": %s", text, why);
	r->vars[r->nvars].name = r->names[r->nvars] = nd_arena_string(s->arena, l->args[0]);
	r->nvars++;
	return 0;
}

static int read_expr(struct nd_rule *r, struct nd_setup *s, const struct nd_conf_line *l)
{
	struct nd_expr **grown = extend(s->arena, r->exprs, r->nexprs, sizeof *grown);
	char why[256];

	if (l->nargs == 0)
		return wants_words(s, l, "EXPRESSION");
	char *text = join(s->arena, l->args, l->nargs);
	if (!grown || !text)
		return ND_ELIMIT;
	r->exprs = grown;
	if (nd_expr_new(text, r->names, nd_scene_functions, &grown[r->nexprs], why, sizeof why))
		return nd_setup_error(s, l, "expr: could not compile \"%s\": %s", text, why);
	r->nexprs++;
	return 0;
}

static int read_rcode(struct nd_rule *r, struct nd_setup *s, const struct nd_conf_line *l)
{
	int rcode = l->nargs ? nd_type_rcode_parse(l->args[0], strlen(l->args[0])) : -1;

	if (rcode < 0)
		return nd_setup_error(s, l,
				      "rcode: \"%s\" is no response code; give one as \"NXDOMAIN\"",
				      l->nargs ? l->args[0] : "");
	r->rcode = (uint16_t)rcode;
	return 0;
}

static int read_ederror(struct nd_rule *r, struct nd_setup *s, const struct nd_conf_line *l)
{
	uint64_t code;

	if (l->nargs != 1 && l->nargs != 2)
		return wants_words(s, l, "CODE [TEXT]");
	if (nd_settings_uint(l->args[0], 65534, &code))
		return nd_setup_error(
			s, l, "ederror: \"%s\" is no extended error code; give a number, as 15",
			l->args[0]);
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
		return 0; /* CoreDNS takes the word and does without */
	return nd_setup_error(
		s, l,
		"unknown property \"%s\"; known are additional, answer, authority, ederror, expr, "
		"fallthrough, match, rcode, upstream, var",
		l->name);
}

int nd_rule_read(struct nd_rule *r, struct nd_setup *s)
{
	const struct nd_conf_line *d = s->directive;
	char text[ND_NAME_TEXT_MAX];

	if (d->nargs < 2)
		return nd_setup_error(s, NULL, "wants CLASS TYPE [ZONES...]");
	int class = nd_type_class_parse(d->args[0], strlen(d->args[0]));
	if (class < 0)
		return nd_setup_error(s, NULL,
				      "invalid query class \"%s\"; give one as \"IN\" or \"ANY\"",
				      d->args[0]);
	int type = nd_type_parse(d->args[1], strlen(d->args[1]));
	if (type < 0)
		return nd_setup_error(s, NULL,
				      "invalid record type \"%s\"; give one as \"A\" or \"ANY\"",
				      d->args[1]);
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
