/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/jsonstream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "kube/decode.h"

enum {
	SHELL_BYTES_MAX = 64 << 10,
	STATUS_ARENA_BYTES_MAX = 1 << 20,
	DEPTH_MAX = 1000,
};

static const char *text_of(const struct nd_tree *map, const char *key)
{
	const struct nd_tree *v = nd_tree_get(map, key);

	return v && v->text ? v->text : "";
}

static void copy_text(char *to, size_t cap, const char *from)
{
	snprintf(to, cap, "%s", from);
}

static bool read_status(const struct nd_tree *t, struct nd_meta_status *out)
{
	if (strcmp(text_of(t, "kind"), "Status") != 0)
		return false;
	*out = (struct nd_meta_status){ .code = atoi(text_of(t, "code")) };
	out->retry_after_s = atoi(text_of(nd_tree_get(t, "details"), "retryAfterSeconds"));
	copy_text(out->reason, sizeof out->reason, text_of(t, "reason"));
	copy_text(out->message, sizeof out->message, text_of(t, "message"));
	return true;
}

bool nd_jsonstream_status(const void *bytes, size_t n, struct nd_meta_status *out)
{
	struct nd_arena a;
	struct nd_tree *t;
	struct nd_diag d = { 0 };

	nd_arena_init(&a, STATUS_ARENA_BYTES_MAX);
	bool is = nd_json_parse("", bytes, n, &a, &t, &d) == 0 && read_status(t, out);
	nd_arena_clear(&a);
	return is;
}

void nd_jsonstream_init(struct nd_jsonstream *j, enum nd_object_kind kind, struct nd_sink *sink,
			size_t max_object, bool watch, bool initial)
{
	*j = (struct nd_jsonstream){ .meta = { .remaining = -1 },
				     .watch = watch,
				     .initial = initial };
	nd_intake_init(&j->to, kind, sink, max_object);
	nd_buf_init(&j->shell, SHELL_BYTES_MAX);
}

void nd_jsonstream_clear(struct nd_jsonstream *j)
{
	nd_intake_clear(&j->to);
	nd_buf_clear(&j->shell);
}

/* --- one object --- */

static int pass_object(struct nd_jsonstream *j, const struct nd_tree *t, struct nd_arena *a,
		       bool remove)
{
	struct nd_intake *to = &j->to;
	struct nd_decode_list list;
	struct nd_diag d = { 0 };

	nd_decode_init(&list);
	int err = nd_decode_object(t, to->kind, a, &list, &d);
	if (err == -ENOMEM && !a->full)
		return err;
	if (err || !list.first || list.first->object.kind != to->kind) {
		nd_intake_skip(to, err ? d.text : "object of another kind");
		return 0;
	}
	return nd_intake_take(to, &list.first->object, remove);
}

static void take_bookmark(struct nd_jsonstream *j, const struct nd_tree *meta)
{
	const struct nd_tree *notes = nd_tree_get(meta, "annotations");

	j->bookmarks++;
	if (j->initial && strcmp(text_of(notes, "k8s.io/initial-events-end"), "true") == 0) {
		nd_intake_begin(&j->to); /* an empty list has no events */
		nd_intake_end(&j->to);
		j->initial = false;
	}
}

static int take_event(struct nd_jsonstream *j, const struct nd_tree *t, struct nd_arena *a)
{
	const char *type = text_of(t, "type");
	const struct nd_tree *object = nd_tree_get(t, "object");
	const struct nd_tree *meta = nd_tree_get(object, "metadata");
	const char *version = text_of(meta, "resourceVersion");
	bool removed = strcmp(type, "DELETED") == 0;
	int err = 0;

	if (!object || strlen(version) > ND_META_VERSION_MAX)
		return ND_EFORMAT;
	if (strcmp(type, "ERROR") == 0) {
		j->to.refused = read_status(object, &j->to.status);
		return j->to.refused ? 0 : ND_EFORMAT;
	}
	if (nd_object_find_kind(text_of(object, "apiVersion"), text_of(object, "kind")) !=
	    (int)j->to.kind)
		return ND_EFORMAT;
	if (j->initial)
		nd_intake_begin(&j->to);
	if (strcmp(type, "BOOKMARK") == 0)
		take_bookmark(j, meta);
	else if (removed || strcmp(type, "ADDED") == 0 || strcmp(type, "MODIFIED") == 0)
		err = pass_object(j, object, a, removed);
	else
		return ND_EFORMAT;
	if (!err && version[0])
		copy_text(j->version, sizeof j->version, version);
	return err;
}

/* --- a list without its items --- */

/* Checks kind and apiVersion. Custom resources have sorted fields, so kind comes after the items:
 * before the end (!whole) it may be missing. */
static int check_shell(struct nd_jsonstream *j, const struct nd_tree *t, bool whole)
{
	const char *kind = text_of(t, "kind");
	size_t n = strlen(kind);
	char one[64];

	if (!n && !whole)
		return 0;
	if (n <= 4 || n - 4 >= sizeof one || strcmp(kind + n - 4, "List") != 0)
		return ND_EFORMAT;
	memcpy(one, kind, n - 4);
	one[n - 4] = '\0';
	return nd_object_find_kind(text_of(t, "apiVersion"), one) == (int)j->to.kind ? 0
										     : ND_EFORMAT;
}

static int take_shell(struct nd_jsonstream *j, const struct nd_tree *t)
{
	const struct nd_tree *meta = nd_tree_get(t, "metadata");
	const char *version = text_of(meta, "resourceVersion"), *more = text_of(meta, "continue");

	if (read_status(t, &j->to.status)) {
		j->to.refused = true;
		return 0;
	}
	int err = check_shell(j, t, true);
	if (err)
		return err;
	if (strlen(version) > ND_META_VERSION_MAX || strlen(more) > ND_META_CONTINUE_MAX)
		return ND_ELIMIT;
	copy_text(j->meta.version, sizeof j->meta.version, version);
	copy_text(j->meta.more, sizeof j->meta.more, more);
	nd_intake_begin(&j->to);
	return 0;
}

/* Memory may be back in a moment; a text that is malformed or too large remains so. */
static bool is_transient(int err, const struct nd_arena *a)
{
	return err == -ENOMEM && !a->full;
}

static int parse(struct nd_jsonstream *j, const char *text, size_t n,
		 int (*take)(struct nd_jsonstream *j, const struct nd_tree *t, struct nd_arena *a))
{
	struct nd_arena a;
	struct nd_tree *t = NULL;
	struct nd_diag d = { 0 };

	nd_arena_init(&a, ND_INTAKE_ARENA_BYTES_MAX);
	int err = nd_json_parse("", text, n, &a, &t, &d);
	if (!err)
		err = take(j, t, &a);
	else if (!is_transient(err, &a))
		err = ND_EFORMAT;
	nd_arena_clear(&a);
	return err;
}

/* An item or event. One that cannot be decoded spoils no other one. */
static int parse_item(struct nd_jsonstream *j, const char *text, size_t n)
{
	struct nd_arena a;
	struct nd_tree *t = NULL;
	struct nd_diag d = { 0 };

	nd_arena_init(&a, ND_INTAKE_ARENA_BYTES_MAX);
	if (!j->watch)
		nd_intake_begin(&j->to);
	int err = nd_json_parse("", text, n, &a, &t, &d);
	if (!err) {
		err = j->watch ? take_event(j, t, &a) : pass_object(j, t, &a, false);
	} else if (!is_transient(err, &a)) {
		nd_intake_skip_named(&j->to, "", "", d.text);
		err = 0;
	}
	nd_arena_clear(&a);
	return err;
}

static int take_list(struct nd_jsonstream *j, const struct nd_tree *t, struct nd_arena *a)
{
	(void)a;
	return take_shell(j, t);
}

static int take_opening(struct nd_jsonstream *j, const struct nd_tree *t, struct nd_arena *a)
{
	(void)a;
	return check_shell(j, t, false);
}

/* Before the first item: is it a list of the requested kind? */
static int check_kind(struct nd_jsonstream *j)
{
	struct nd_buf b;

	if (j->kind_checked || j->watch)
		return 0;
	j->kind_checked = true;
	nd_buf_init(&b, SHELL_BYTES_MAX + 16);
	nd_buf_add(&b, j->shell.data, j->shell.len);
	nd_buf_text(&b, "]}");
	int err = b.err ? b.err : parse(j, b.data, b.len, take_opening);
	nd_buf_clear(&b);
	return err;
}

/* --- bytes --- */

static int finish_item(struct nd_jsonstream *j, const char *bytes, size_t n)
{
	int err = check_kind(j);

	j->item = false;
	if (!err && j->large)
		nd_intake_skip_named(&j->to, "", "", "object is too large");
	else if (!err)
		err = parse_item(j, bytes, n);
	nd_intake_reset(&j->to);
	return err;
}

static int finish_list(struct nd_jsonstream *j)
{
	j->seen = true;
	return parse(j, j->shell.data, j->shell.len, take_list);
}

static bool scan_text(struct nd_jsonstream *j, char c)
{
	if (!j->text) {
		if (c != '"')
			return false;
		j->text = true;
		j->nkey = 0;
		return true;
	}
	if (j->escaped)
		j->escaped = false;
	else if (c == '\\')
		j->escaped = true;
	else if (c == '"') {
		j->text = false;
		return true;
	}
	if (j->depth == 1 && !j->items && j->nkey < sizeof j->key)
		j->key[j->nkey++] = c;
	return true;
}

static int open_bracket(struct nd_jsonstream *j, char c)
{
	if (++j->depth > DEPTH_MAX)
		return ND_ELIMIT;
	if (j->watch || j->items) {
		j->item = j->depth == (j->watch ? 1u : 3u);
		j->size = j->values = 0;
		j->large = false;
		return c == '{' && j->item ? 0 : ND_EFORMAT;
	}
	if (j->depth == 1)
		return c == '{' && !j->seen ? 0 : ND_EFORMAT;
	j->items = c == '[' && j->depth == 2 && j->nkey == 5 && memcmp(j->key, "items", 5) == 0;
	return 0;
}

static int close_bracket(struct nd_jsonstream *j, bool *left_items)
{
	if (j->depth == 0)
		return ND_EFORMAT;
	j->depth--;
	if (j->items && j->depth == 1) {
		j->items = false;
		*left_items = true;
	}
	return 0;
}

/* RFC 8259 s2. */
static bool is_json_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Outside an item. The bracket that opens one is left to take_part(). */
static int take_byte(struct nd_jsonstream *j, char c)
{
	bool items = j->items, left = false;
	int err = 0;

	if (!scan_text(j, c)) {
		if (c == '{' || c == '[')
			err = open_bracket(j, c);
		else if (c == '}' || c == ']')
			err = close_bracket(j, &left);
		else if (j->depth == 0)
			return is_json_space(c) ? 0 : ND_EFORMAT;
		else if (items)
			return c == ',' || is_json_space(c) ? 0 : ND_EFORMAT;
	} else if (items || j->depth == 0) {
		return ND_EFORMAT;
	}
	if (err || j->item || j->watch)
		return err;
	err = nd_buf_add(&j->shell, &c, 1);
	return err || j->depth || left ? err : finish_list(j);
}

/* The length up to and including the closing quote, or n. */
static size_t skim_text(struct nd_jsonstream *j, const char *at, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (j->escaped)
			j->escaped = false;
		else if (at[i] == '\\')
			j->escaped = true;
		else if (at[i] == '"') {
			j->text = false;
			return i + 1;
		}
	}
	return n;
}

/* The length up to and including the item's closing bracket, or n. */
static size_t skim(struct nd_jsonstream *j, const char *at, size_t n)
{
	size_t i = 0;

	while (i < n) {
		if (j->text) {
			i += skim_text(j, at + i, n - i);
			continue;
		}
		char c = at[i++];
		if (c == '"') {
			j->text = true;
		} else if (c == ',' || c == ':') {
			j->values++;
		} else if (c == '{' || c == '[') {
			j->values++;
			j->depth++;
		} else if ((c == '}' || c == ']') && --j->depth == (j->watch ? 0u : 2u)) {
			break;
		}
	}
	return i;
}

/* Too deep is too large, too: the depth is limited by the number of values. */
static int check_size(struct nd_jsonstream *j, size_t len)
{
	j->size += len;
	j->large = j->large || j->size > j->to.part.max || j->values > ND_JSONSTREAM_VALUES_MAX;
	if (j->large)
		nd_intake_reset(&j->to);
	return j->size > ND_INTAKE_SKIP_BYTES_MAX ? ND_ELIMIT : 0;
}

/* Reads the next bytes of an item; the first `seen` were scanned already. An item that is complete
 * in these bytes is not copied. Returns the length read. */
static size_t take_part(struct nd_jsonstream *j, const char *at, size_t n, size_t seen)
{
	size_t len = seen + skim(j, at + seen, n - seen);
	bool whole = j->depth == (j->watch ? 0u : 2u), one_piece = !j->to.part.len;

	j->to.err = check_size(j, len);
	if (!j->to.err && !j->large && !(whole && one_piece))
		j->to.err = nd_buf_add(&j->to.part, at, len);
	if (!j->to.err && whole)
		j->to.err = one_piece ? finish_item(j, at, len)
				      : finish_item(j, j->to.part.data, j->to.part.len);
	return len;
}

int nd_jsonstream_feed(struct nd_jsonstream *j, const void *bytes, size_t n)
{
	const char *at = bytes;

	for (size_t i = 0; i < n && !j->to.err && !j->to.refused;) {
		bool inside = j->item;
		if (!inside)
			j->to.err = take_byte(j, at[i]);
		i += j->item && !j->to.err ? take_part(j, at + i, n - i, !inside) : 1;
	}
	return j->to.err;
}

int nd_jsonstream_finish(struct nd_jsonstream *j)
{
	if (j->to.err || j->to.refused)
		return j->to.err;
	if (j->depth || (!j->watch && !j->seen))
		return j->to.err = ND_ETRUNC;
	if (!j->watch) {
		if (!j->meta.more[0])
			nd_intake_end(&j->to);
		j->seen = j->kind_checked = false;
		nd_buf_reset(&j->shell);
	}
	return 0;
}
