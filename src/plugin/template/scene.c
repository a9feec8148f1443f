/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/template/scene.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/query_expr.h"

enum { SCENE_BYTES = 1 << 20 };

void nd_scene_open(struct nd_scene *s, struct nd_query *q)
{
	s->q = q;
	s->rule = NULL;
	s->regex = NULL;
	s->nvars = 0;
	s->match.n = 0;
	nd_arena_init(&s->arena, SCENE_BYTES);
	s->name_len = nd_name_format(q->msg.qname, s->name);
}

void nd_scene_close(struct nd_scene *s)
{
	nd_arena_clear(&s->arena);
}

static struct nd_value text_value(struct nd_arena *a, const char *text)
{
	char *copy = nd_arena_string(a, text);

	return copy ? nd_value_string(copy, strlen(copy)) : nd_value_limit();
}

/* The text of group i; without a pattern, group 0 is the whole name. */
static struct nd_value group_value(const struct nd_scene *s, size_t i)
{
	if (!s->regex)
		return i == 0 ? nd_value_string(s->name, s->name_len) : nd_value_string("", 0);
	if (i >= s->match.n || s->match.group[i].start == SIZE_MAX)
		return nd_value_string("", 0);
	return nd_value_string(s->name + s->match.group[i].start,
			       s->match.group[i].end - s->match.group[i].start);
}

static size_t groups(const struct nd_scene *s)
{
	size_t n = s->regex ? nd_regex_groups(s->regex->re) : 1;

	return n > ND_REGEX_GROUPS ? ND_REGEX_GROUPS : n;
}

static struct nd_value group_by_name(const struct nd_scene *s, const char *name, size_t len)
{
	char text[16];

	for (size_t i = groups(s); i-- > 0;) {
		const char *known = s->regex ? nd_regex_group_name(s->regex->re, i) : NULL;
		if (known && strlen(known) == len && memcmp(known, name, len) == 0)
			return group_value(s, i);
	}
	for (size_t i = 0; i < groups(s); i++) {
		int n = snprintf(text, sizeof text, "%zu", i);
		if ((size_t)n == len && memcmp(text, name, len) == 0)
			return group_value(s, i);
	}
	return nd_value_string("", 0);
}

/* --- expressions --- */

static struct nd_value group_call(const struct nd_scene *s, const struct nd_value *args, size_t n)
{
	if (n == 1 && args[0].kind == ND_VALUE_INT)
		return args[0].i >= 0 && (size_t)args[0].i < groups(s)
			       ? group_value(s, (size_t)args[0].i)
			       : nd_value_string("", 0);
	if (n == 1 && args[0].kind == ND_VALUE_STRING)
		return group_by_name(s, args[0].s.text, args[0].s.len);
	return nd_value_string("", 0);
}

static struct nd_value call(void *ctx, const char *name, const struct nd_value *args, size_t n,
			    struct nd_arena *a)
{
	const struct nd_scene *s = ctx;

	if (strcmp(name, "group") == 0)
		return group_call(s, args, n);
	return nd_query_expr_call(s->q, name, args, n, a);
}

static struct nd_value variable(void *ctx, const char *name, struct nd_arena *a)
{
	const struct nd_scene *s = ctx;

	for (size_t i = s->nvars; i-- > 0;)
		if (strcmp(s->rule->vars[i].name, name) == 0)
			return s->vars[i];
	return nd_value_error(a, "unknown name %s", name);
}

static enum nd_scene_result evaluate(struct nd_scene *s)
{
	const struct nd_rule *r = s->rule;
	struct nd_expr_env env = { .ctx = s, .variable = variable, .function = call };

	for (size_t i = 0; i < r->nvars; i++) {
		struct nd_value v = nd_expr_eval(r->vars[i].program, &env, &s->arena);
		if (v.kind == ND_VALUE_ERROR)
			return ND_SCENE_BROKEN;
		s->vars[i] = v;
		s->nvars = i + 1;
	}
	for (size_t i = 0; i < r->nexprs; i++) {
		struct nd_value v = nd_expr_eval(r->exprs[i], &env, &s->arena);
		if (v.kind == ND_VALUE_ERROR)
			return ND_SCENE_BROKEN;
		if (v.kind != ND_VALUE_BOOL || !v.b)
			return ND_SCENE_NONE;
	}
	return ND_SCENE_MATCH;
}

enum nd_scene_result nd_scene_match(struct nd_scene *s, const struct nd_rule *r,
				    struct nd_regex_scratch *scratch)
{
	s->rule = r;
	for (size_t i = 0; i < r->nregex && !s->regex; i++)
		if (nd_regex_match(r->regex[i].re, scratch, s->name, s->name_len, &s->match))
			s->regex = &r->regex[i];
	if (r->nregex && !s->regex)
		return ND_SCENE_NONE;
	return evaluate(s);
}

/* --- templates --- */

static struct nd_value map_value(struct nd_arena *a, const struct nd_value_pair *pairs, size_t n)
{
	struct nd_value_pair *copy = nd_arena_copy(a, pairs, n * sizeof *pairs);

	if (!copy)
		return nd_value_limit();
	return (struct nd_value){ .kind = ND_VALUE_MAP, .map = { copy, n } };
}

static struct nd_value match_list(const struct nd_scene *s, struct nd_arena *a)
{
	size_t n = groups(s);
	struct nd_value *items = nd_arena_array(a, n, sizeof *items);

	for (size_t i = 0; items && i < n; i++)
		items[i] = group_value(s, i);
	return items ? nd_value_list(items, n) : nd_value_limit();
}

/* Each group under its number, and under its name if it has one. */
static struct nd_value group_map(const struct nd_scene *s, struct nd_arena *a)
{
	size_t n = groups(s), used = 0;
	struct nd_value_pair *pairs = nd_arena_array(a, 2 * n, sizeof *pairs);

	for (size_t i = 0; pairs && i < n; i++) {
		const char *name = s->regex ? nd_regex_group_name(s->regex->re, i) : NULL;
		pairs[used++] = (struct nd_value_pair){ nd_arena_printf(a, "%zu", i),
							group_value(s, i) };
		if (name && *name)
			pairs[used++] = (struct nd_value_pair){ name, group_value(s, i) };
	}
	for (size_t i = 0; pairs && i < used; i++)
		if (!pairs[i].key)
			return nd_value_limit();
	return pairs ? (struct nd_value){ .kind = ND_VALUE_MAP, .map = { pairs, used } }
		     : nd_value_limit();
}

static struct nd_value var_map(const struct nd_scene *s, struct nd_arena *a)
{
	struct nd_value_pair pairs[ND_RULE_VARS_MAX];

	for (size_t i = 0; i < s->nvars; i++)
		pairs[i] = (struct nd_value_pair){ s->rule->vars[i].name, s->vars[i] };
	return map_value(a, pairs, s->nvars);
}

static struct nd_value question_map(const struct nd_scene *s, struct nd_arena *a)
{
	char text[ND_NAME_TEXT_MAX];

	nd_name_format(nd_query_name_asked(s->q), text);
	struct nd_value_pair pairs[] = { { "Name", text_value(a, text) },
					 { "Qtype", nd_value_int(s->q->msg.qtype) },
					 { "Qclass", nd_value_int(s->q->msg.qclass) } };
	return map_value(a, pairs, ND_COUNT(pairs));
}

static struct nd_value message_map(const struct nd_scene *s, struct nd_arena *a)
{
	const struct nd_msg *m = &s->q->msg;
	struct nd_value *question = nd_arena_alloc(a, sizeof *question);

	if (!question)
		return nd_value_limit();
	*question = question_map(s, a);
	struct nd_value_pair pairs[] = {
		{ "Id", nd_value_int(m->id) },
		{ "Opcode", nd_value_int(nd_msg_opcode(m)) },
		{ "Response", nd_value_bool(false) },
		{ "Authoritative", nd_value_bool(m->flags & ND_FLAG_AA) },
		{ "Truncated", nd_value_bool(m->flags & ND_FLAG_TC) },
		{ "RecursionDesired", nd_value_bool(m->flags & ND_FLAG_RD) },
		{ "RecursionAvailable", nd_value_bool(m->flags & ND_FLAG_RA) },
		{ "AuthenticatedData", nd_value_bool(m->flags & ND_FLAG_AD) },
		{ "CheckingDisabled", nd_value_bool(m->flags & ND_FLAG_CD) },
		{ "Rcode", nd_value_int(m->flags & 15) },
		{ "Question", nd_value_list(question, 1) },
	};
	return map_value(a, pairs, ND_COUNT(pairs));
}

static struct nd_value zone_value(const struct nd_scene *s, struct nd_arena *a)
{
	const struct nd_rule *r = s->rule;
	char text[ND_NAME_TEXT_MAX];

	nd_name_format(*nd_setup_zone_match(r->zones, r->nzones, s->q->msg.qname), text);
	return text_value(a, text);
}

static struct nd_value field(void *ctx, const char *name, const struct nd_value *args, size_t n,
			     struct nd_arena *a)
{
	const struct nd_scene *s = ctx;
	const struct nd_msg *m = &s->q->msg;
	char text[ND_NUMBER_TEXT_MAX];

	if (strcmp(name, "Meta") == 0 && n != 1)
		return nd_value_error(a, "wrong number of args for Meta: want 1 got %zu", n);
	if (strcmp(name, "Meta") == 0)
		return nd_query_expr_call(s->q, "metadata", args, n, a);
	if (n)
		return nd_value_error(a, "%s has arguments but cannot be invoked as function",
				      name);
	if (strcmp(name, "Name") == 0)
		return nd_value_string(s->name, s->name_len);
	if (strcmp(name, "Zone") == 0)
		return zone_value(s, a);
	if (strcmp(name, "Class") == 0)
		return text_value(a, nd_type_class_text(
					     m->qclass == ND_CLASS_ANY ? s->rule->class : m->qclass,
					     text));
	if (strcmp(name, "Type") == 0)
		return text_value(a,
				  nd_type_text(m->qtype == ND_TYPE_ANY ? s->rule->type : m->qtype,
					       text));
	if (strcmp(name, "Regex") == 0)
		return text_value(a, s->regex ? s->regex->source : ".*");
	if (strcmp(name, "Match") == 0)
		return match_list(s, a);
	if (strcmp(name, "Group") == 0)
		return group_map(s, a);
	if (strcmp(name, "Remote") == 0)
		return nd_query_expr_call(s->q, "client_ip", NULL, 0, a);
	if (strcmp(name, "Var") == 0)
		return var_map(s, a);
	if (strcmp(name, "Question") == 0)
		return question_map(s, a);
	if (strcmp(name, "Message") == 0)
		return message_map(s, a);
	return nd_value_error(a, "can't evaluate field %s", name);
}

/* Go's strconv.ParseUint(text, base, bits). */
static struct nd_value parse_int(struct nd_arena *a, const struct nd_value *args, size_t n)
{
	char text[72];
	char *end;

	if (n != 3 || args[0].kind != ND_VALUE_STRING || args[1].kind != ND_VALUE_INT ||
	    args[2].kind != ND_VALUE_INT)
		return nd_value_error(a, "parseInt takes text, base and bits");
	int64_t base = args[1].i, bits = args[2].i ? args[2].i : 64;
	if ((base != 0 && (base < 2 || base > 36)) || bits < 0 || bits > 64 || args[0].s.len == 0 ||
	    args[0].s.len >= sizeof text)
		return nd_value_error(a, "strconv.ParseUint: parsing \"%.*s\": invalid syntax",
				      (int)args[0].s.len, args[0].s.text);
	memcpy(text, args[0].s.text, args[0].s.len);
	text[args[0].s.len] = '\0';
	errno = 0;
	unsigned long long v = strtoull(text, &end, (int)base);
	if (*end || text[0] == '-' || text[0] == '+' || text[0] == ' ' ||
	    (base == 16 && text[0] == '0' && (text[1] | 32) == 'x'))
		return nd_value_error(a, "strconv.ParseUint: parsing \"%s\": invalid syntax", text);
	if (errno == ERANGE || (bits < 64 && v >> bits) || v > INT64_MAX)
		return nd_value_error(a, "strconv.ParseUint: parsing \"%s\": value out of range",
				      text);
	return nd_value_int((int64_t)v);
}

static struct nd_value function(void *ctx, const char *name, const struct nd_value *args, size_t n,
				struct nd_arena *a)
{
	(void)ctx;
	if (strcmp(name, "parseInt") == 0)
		return parse_int(a, args, n);
	return nd_value_error(a, "function \"%s\" not defined", name);
}

int nd_scene_execute(struct nd_scene *s, const struct nd_gotmpl *t, struct nd_buf *out, char *why,
		     size_t why_cap)
{
	struct nd_gotmpl_env env = { .ctx = s, .field = field, .function = function };

	return nd_gotmpl_execute(t, &env, &s->arena, out, why, why_cap);
}
