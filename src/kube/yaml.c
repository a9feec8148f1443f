/* SPDX-License-Identifier: Apache-2.0 */
/* YAML to a tree, from libyaml's events. An alias shares the children of its anchor, and counts
 * with their whole weight. */
#include <stdlib.h>
#include <string.h>
#include <yaml.h>
#include "base/err.h"
#include "kube/tree.h"

struct anchor {
	const char *name;
	struct nd_tree *node;
	struct anchor *next;
};

struct reader {
	yaml_parser_t parser;
	yaml_event_t event; /* the current one */
	struct nd_arena *arena;
	struct anchor *anchors; /* of this document, newest first */
	uint64_t aliased;       /* nodes that aliases expanded to */
	const char *file;
	struct nd_diag *diag;
};

static int fail(struct reader *r, int line, const char *why)
{
	return nd_diag_at(r->diag, r->file, line, "%s", why);
}

static int line_of(const struct reader *r)
{
	return (int)r->event.start_mark.line + 1;
}

static int advance(struct reader *r)
{
	yaml_event_delete(&r->event);
	if (yaml_parser_parse(&r->parser, &r->event))
		return 0;
	memset(&r->event, 0, sizeof r->event);
	return nd_diag_at(r->diag, r->file, (int)r->parser.problem_mark.line + 1,
			  "not YAML: %s%s%s",
			  r->parser.problem ? r->parser.problem : "out of memory",
			  r->parser.context ? ", " : "",
			  r->parser.context ? r->parser.context : "");
}

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

/* The kind of a plain scalar in YAML 1.1, which Kubernetes reads. */
static enum nd_tree_kind plain_kind(const char *text, const char **as)
{
	static const char *const null[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const yes[] = { "true", "True", "TRUE", "yes", "Yes",
					   "YES",  "on",   "On",   "ON",  NULL };
	static const char *const no[] = { "false", "False", "FALSE", "no",  "No",
					  "NO",    "off",   "Off",   "OFF", NULL };
	char *end;

	*as = text;
	if (is_one_of(text, null))
		return ND_TREE_NULL;
	if (is_one_of(text, yes) || is_one_of(text, no)) {
		*as = is_one_of(text, yes) ? "true" : "false";
		return ND_TREE_BOOL;
	}
	if (!strchr("+-.0123456789", text[0]))
		return ND_TREE_TEXT;
	strtod(text, &end);
	return *end || end == text ? ND_TREE_TEXT : ND_TREE_NUMBER;
}

static int read_scalar(struct reader *r, struct nd_tree **out)
{
	const char *value = (const char *)r->event.data.scalar.value;
	size_t n = r->event.data.scalar.length;
	bool plain = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

	if (memchr(value, 0, n))
		return fail(r, line_of(r), "a string must not contain a NUL character");
	struct nd_tree *t = nd_tree_new(r->arena, ND_TREE_TEXT, line_of(r));
	char *text = nd_arena_text(r->arena, value, n);
	if (!t || !text)
		return fail(r, line_of(r), "document is too large");
	t->text = text;
	if (plain && !r->event.data.scalar.tag)
		t->kind = plain_kind(text, &t->text);
	*out = t;
	return 0;
}

static int read_alias(struct reader *r, struct nd_tree **out)
{
	const char *name = (const char *)r->event.data.alias.anchor;

	for (const struct anchor *a = r->anchors; a; a = a->next) {
		if (strcmp(a->name, name) != 0)
			continue;
		r->aliased += a->node->weight;
		if (r->aliased > ND_TREE_ALIASED_MAX)
			return fail(r, line_of(r), "aliases expand to too many nodes");
		/* A node with its own key and place, and the same children. */
		struct nd_tree *t = nd_arena_copy(r->arena, a->node, sizeof *t);
		if (!t)
			return fail(r, line_of(r), "document is too large");
		t->key = NULL;
		t->next = NULL;
		*out = t;
		return 0;
	}
	return nd_diag_at(r->diag, r->file, line_of(r), "alias *%s has no anchor before it", name);
}

static int read_node(struct reader *r, unsigned depth, struct nd_tree **out);

static int read_list(struct reader *r, unsigned depth, struct nd_tree *t)
{
	while (r->event.type != YAML_SEQUENCE_END_EVENT) {
		struct nd_tree *c;
		int err = read_node(r, depth + 1, &c);
		if (err)
			return err;
		nd_tree_add(t, c);
	}
	return 0;
}

static int read_map(struct reader *r, unsigned depth, struct nd_tree *t)
{
	while (r->event.type != YAML_MAPPING_END_EVENT) {
		struct nd_tree *key, *value;
		int err = read_node(r, depth + 1, &key);
		if (err)
			return err;
		if (key->kind == ND_TREE_LIST || key->kind == ND_TREE_MAP)
			return fail(r, key->line, "a key must be a string");
		err = read_node(r, depth + 1, &value);
		if (err)
			return err;
		value->key = key->text ? key->text : "";
		nd_tree_add(t, value);
	}
	return 0;
}

static int add_anchor(struct reader *r, const char *name, struct nd_tree *t)
{
	struct anchor *a = nd_arena_alloc(r->arena, sizeof *a);

	if (!a || !name)
		return fail(r, t->line, "document is too large");
	*a = (struct anchor){ .name = name, .node = t, .next = r->anchors };
	r->anchors = a;
	return 0;
}

/* Reads the node that starts at the current event; on success the current event is the one after
 * it. A node becomes an anchor when it is complete, so no node can contain itself. */
static int read_node(struct reader *r, unsigned depth, struct nd_tree **out)
{
	const char *anchor = NULL;
	struct nd_tree *t = NULL;
	int err = 0;

	if (depth >= ND_TREE_DEPTH_MAX)
		return fail(r, line_of(r), "document is nested too deeply");
	switch (r->event.type) {
	case YAML_ALIAS_EVENT: err = read_alias(r, &t); break;
	case YAML_SCALAR_EVENT:
		anchor = (const char *)r->event.data.scalar.anchor;
		anchor = anchor ? nd_arena_string(r->arena, anchor) : NULL;
		err = read_scalar(r, &t);
		break;
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT: {
		bool list = r->event.type == YAML_SEQUENCE_START_EVENT;
		anchor = (const char *)(list ? r->event.data.sequence_start.anchor
					     : r->event.data.mapping_start.anchor);
		anchor = anchor ? nd_arena_string(r->arena, anchor) : NULL;
		t = nd_tree_new(r->arena, list ? ND_TREE_LIST : ND_TREE_MAP, line_of(r));
		if (!t)
			return fail(r, line_of(r), "document is too large");
		err = advance(r);
		if (!err)
			err = list ? read_list(r, depth, t) : read_map(r, depth, t);
		break;
	}
	default: return fail(r, line_of(r), "not YAML: a value is missing");
	}
	if (!err && anchor)
		err = add_anchor(r, anchor, t);
	if (!err)
		err = advance(r);
	if (!err)
		*out = t;
	return err;
}

static int read_stream(struct reader *r, struct nd_tree **out)
{
	struct nd_tree *first = NULL, **end = &first;
	int err = 0;

	while (!err && r->event.type != YAML_STREAM_END_EVENT) {
		if (r->event.type != YAML_DOCUMENT_START_EVENT) {
			err = advance(r);
			continue;
		}
		r->anchors = NULL;
		err = advance(r);
		if (!err)
			err = read_node(r, 0, end);
		if (!err)
			end = &(*end)->next;
	}
	if (!err)
		*out = first;
	return err;
}

int nd_yaml_parse(const char *file, const char *text, size_t n, struct nd_arena *a,
		  struct nd_tree **out, struct nd_diag *d)
{
	struct reader r = { .arena = a, .file = file, .diag = d };

	if (!yaml_parser_initialize(&r.parser))
		return fail(&r, 0, "out of memory");
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, n);
	int err = advance(&r);
	if (!err)
		err = read_stream(&r, out);
	yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	return err;
}
