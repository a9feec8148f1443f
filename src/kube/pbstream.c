/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/pbstream.h"

#include <errno.h>
#include <string.h>

enum state { STATE_MAGIC, STATE_HEAD, STATE_SKIP, STATE_BODY };
enum what { WHAT_UNKNOWN, WHAT_LIST, WHAT_STATUS };

struct input {
	const uint8_t *at;
	size_t n;
};

/* A complete message that ends early is malformed: more bytes would not help. */
static int complete_error(int err)
{
	return err == ND_ETRUNC ? ND_EFORMAT : err;
}

static void skip_input(struct input *in, size_t n)
{
	in->at += n;
	in->n -= n;
}

/* `need` bytes in one piece, uncopied if the input has them; NULL: not yet, or t->err. */
static const uint8_t *gather(struct nd_intake *t, size_t need, struct input *in)
{
	const uint8_t *at = in->at;

	if (!t->part.len && in->n >= need) {
		skip_input(in, need);
		return at;
	}
	size_t n = need - t->part.len;
	if (n > in->n)
		n = in->n;
	t->err = nd_buf_add(&t->part, at, n);
	skip_input(in, n);
	return !t->err && t->part.len == need ? (const uint8_t *)t->part.data : NULL;
}

/* The text is the JSON decoder's. */
static int pass_object(struct nd_intake *t, const struct nd_object *o, bool remove)
{
	if (!o->name[0]) {
		nd_intake_skip_named(t, o->namespace, "", "metadata must have a name");
		return 0;
	}
	return nd_intake_take(t, o, remove);
}

/* An object that cannot be decoded spoils no other one. But memory may be back in a moment: then
 * the list must not end without the object, which would remove it. */
static int skip_object(struct nd_intake *t, const struct nd_object *o, int err,
		       const struct nd_arena *arena)
{
	if (err == -ENOMEM && !arena->full)
		return err;
	nd_intake_skip_named(t, o->name[0] ? o->namespace : "", o->name,
			     err == -ENOMEM     ? "object has too many fields"
			     : err == ND_ELIMIT ? "resourceVersion is too long"
						: "object is not valid protobuf");
	return 0;
}

static void skip_large(struct nd_intake *t)
{
	nd_intake_skip_named(t, "", "", "object is too large");
}

/* The kind in the envelope without its suffix ("List"); -1: none of ours. */
static int kind_of(const struct nd_pb_envelope *e, const char *suffix)
{
	char version[64], kind[64];
	size_t cut = strlen(suffix);

	if (e->version.len >= sizeof version || e->kind.len >= sizeof kind || !e->version.len ||
	    e->kind.len <= cut || memcmp(e->kind.bytes + e->kind.len - cut, suffix, cut) != 0)
		return -1;
	memcpy(version, e->version.bytes, e->version.len);
	version[e->version.len] = '\0';
	memcpy(kind, e->kind.bytes, e->kind.len - cut);
	kind[e->kind.len - cut] = '\0';
	return nd_object_find_kind(version, kind);
}

static bool is_status(const struct nd_pb_envelope *e)
{
	return nd_pb_view_is(e->kind, "Status") && nd_pb_view_is(e->version, "v1");
}

static int take_status(struct nd_intake *t, const uint8_t *bytes, size_t n)
{
	t->refused = true;
	return nd_pb_status(bytes, n, &t->status);
}

void nd_pbstream_list_init(struct nd_pb_list *l, enum nd_object_kind kind, struct nd_sink *sink,
			   size_t max_object)
{
	*l = (struct nd_pb_list){ .meta.remaining = -1 };
	nd_intake_init(&l->to, kind, sink, max_object);
}

void nd_pbstream_list_clear(struct nd_pb_list *l)
{
	nd_intake_clear(&l->to);
}

static void next_field(struct nd_pb_list *l)
{
	l->state = STATE_HEAD;
	l->nhead = 0;
	if (l->inside && !l->left)
		l->inside = false;
}

static int take_item(struct nd_intake *t, const uint8_t *bytes, size_t n)
{
	struct nd_arena arena;
	struct nd_pb_object made;

	nd_arena_init(&arena, ND_INTAKE_ARENA_BYTES_MAX);
	int err = nd_pb_object(t->kind, bytes, n, &arena, &made);
	err = err ? skip_object(t, &made.object, err, &arena) : pass_object(t, &made.object, false);
	nd_arena_clear(&arena);
	return err;
}

static int take_type(struct nd_pb_list *l, const uint8_t *bytes, size_t n)
{
	struct nd_pb_envelope e = { 0 };
	int err = nd_pb_type(nd_proto_over(bytes, n), &e);

	if (err)
		return err;
	l->what = is_status(&e)                            ? WHAT_STATUS
		  : kind_of(&e, "List") == (int)l->to.kind ? WHAT_LIST
							   : WHAT_UNKNOWN;
	return l->what == WHAT_UNKNOWN ? ND_EFORMAT : 0;
}

/* A field that is decoded as a whole is complete. */
static int take_body(struct nd_pb_list *l, const uint8_t *bytes, size_t n)
{
	if (l->inside)
		return l->number == 2 ? take_item(&l->to, bytes, n)
				      : nd_pb_list_meta(bytes, n, &l->meta);
	return l->number == 1 ? take_type(l, bytes, n) : take_status(&l->to, bytes, n);
}

/* Unknown: 1 typeMeta, which Go writes before 2 raw; 3 contentEncoding, none of which is supported.
 * A list, inside raw: 1 metadata, 2 items. Other fields are skipped. */
static int open_field(struct nd_pb_list *l)
{
	bool outside = !l->inside;

	if (outside && l->number == 3 && l->need)
		return ND_EFORMAT;
	if (outside && l->number == 2 && (l->seen || l->what == WHAT_UNKNOWN))
		return ND_EFORMAT;
	if (outside && l->number == 2)
		l->seen = true;
	if (outside && l->number == 2 && l->what == WHAT_LIST) {
		nd_intake_begin(&l->to);
		l->inside = true;
		l->left = l->need;
		next_field(l);
		return 0;
	}
	l->state = l->number <= 2 ? STATE_BODY : STATE_SKIP;
	if (l->state == STATE_SKIP || l->need <= l->to.max_object)
		return 0;
	if (outside || l->number != 2 || l->need > ND_INTAKE_SKIP_BYTES_MAX)
		return ND_ELIMIT;
	skip_large(&l->to);
	l->state = STATE_SKIP;
	return 0;
}

/* Decodes the head once it is complete. The field must not extend beyond the list. */
static int take_head(struct nd_pb_list *l)
{
	struct nd_proto p = nd_proto_over(l->head, l->nhead);
	struct nd_proto_field f;
	uint64_t value = 0;

	if (nd_proto_tag(&p, &f) && (f.type == ND_PROTO_VARINT || f.type == ND_PROTO_BYTES))
		value = nd_proto_varint(&p);
	if (p.err)
		return p.err == ND_ETRUNC && !(l->inside && l->nhead >= l->left) ? 0 : ND_EFORMAT;
	bool known = f.number <= (l->inside ? 2 : 4);
	if (f.type == ND_PROTO_GROUP || f.type == ND_PROTO_GROUP_END ||
	    (known && f.type != ND_PROTO_BYTES))
		return ND_EFORMAT;
	l->number = f.number;
	l->need = f.type == ND_PROTO_BYTES     ? value
		  : f.type == ND_PROTO_FIXED64 ? 8
		  : f.type == ND_PROTO_FIXED32 ? 4
					       : 0;
	if (l->inside && (l->nhead > l->left || l->need > l->left - l->nhead))
		return ND_EFORMAT;
	if (l->inside)
		l->left -= l->nhead + l->need;
	l->state = STATE_SKIP;
	return f.type == ND_PROTO_BYTES ? open_field(l) : 0;
}

static int read_magic(struct nd_pb_list *l, struct input *in)
{
	if (*in->at != (uint8_t) "k8s"[l->nhead])
		return ND_EFORMAT;
	skip_input(in, 1);
	if (++l->nhead == sizeof "k8s")
		next_field(l);
	return 0;
}

/* A varint has at most ten bytes, so an incomplete head fits. */
static int read_head(struct nd_pb_list *l, struct input *in)
{
	l->head[l->nhead++] = *in->at;
	skip_input(in, 1);
	return take_head(l);
}

/* Also called with no input left: an empty field needs none. */
static int read_field(struct nd_pb_list *l, struct input *in)
{
	if (l->state == STATE_SKIP) {
		size_t n = l->need < in->n ? (size_t)l->need : in->n;
		skip_input(in, n);
		l->need -= n;
		if (!l->need)
			next_field(l);
		return 0;
	}
	const uint8_t *bytes = gather(&l->to, (size_t)l->need, in);
	if (!bytes)
		return l->to.err;
	int err = complete_error(take_body(l, bytes, (size_t)l->need));
	nd_intake_reset(&l->to);
	next_field(l);
	return err;
}

int nd_pbstream_list_feed(struct nd_pb_list *l, const void *bytes, size_t n)
{
	struct input in = { bytes, n };

	while (in.n && !l->to.err) {
		if (l->state == STATE_MAGIC)
			l->to.err = read_magic(l, &in);
		else if (l->state == STATE_HEAD)
			l->to.err = read_head(l, &in);
		if (l->state >= STATE_SKIP && !l->to.err)
			l->to.err = read_field(l, &in);
	}
	return l->to.err;
}

int nd_pbstream_list_finish(struct nd_pb_list *l)
{
	if (!l->to.err && (l->state != STATE_HEAD || l->nhead || l->inside || !l->seen))
		l->to.err = ND_ETRUNC;
	if (l->to.err)
		return l->to.err;
	if (!l->to.refused && !l->meta.more[0])
		nd_intake_end(&l->to);
	l->state = STATE_MAGIC;
	l->what = WHAT_UNKNOWN;
	l->seen = false;
	return 0;
}

void nd_pbstream_watch_init(struct nd_pb_watch *w, enum nd_object_kind kind, struct nd_sink *sink,
			    size_t max_object, bool initial)
{
	*w = (struct nd_pb_watch){ .initial = initial };
	nd_intake_init(&w->to, kind, sink, max_object);
}

void nd_pbstream_watch_clear(struct nd_pb_watch *w)
{
	nd_intake_clear(&w->to);
}

static int take_bookmark(struct nd_pb_watch *w, const struct nd_pb_object *made)
{
	w->bookmarks++;
	if (w->initial && made->initial_end) {
		nd_intake_end(&w->to);
		w->initial = false;
	}
	return 0;
}

static int take_object(struct nd_pb_watch *w, const struct nd_pb_event *event,
		       const struct nd_pb_envelope *e)
{
	struct nd_arena arena;
	struct nd_pb_object made;

	bool bookmark = nd_pb_view_is(event->type, "BOOKMARK");

	nd_arena_init(&arena, ND_INTAKE_ARENA_BYTES_MAX);
	int err = nd_pb_object(w->to.kind, e->raw.bytes, e->raw.len, &arena, &made);
	if (w->initial && !(err && bookmark))
		nd_intake_begin(&w->to);
	if (!bookmark)
		err = err ? skip_object(&w->to, &made.object, err, &arena)
			  : pass_object(&w->to, &made.object,
					nd_pb_view_is(event->type, "DELETED"));
	else if (!err)
		err = take_bookmark(w, &made);
	if (!err && made.version[0])
		memcpy(w->version, made.version, sizeof w->version);
	nd_arena_clear(&arena);
	return err;
}

static bool is_about_object(const struct nd_pb_event *event)
{
	static const char *const types[] = { "ADDED", "MODIFIED", "DELETED", "BOOKMARK" };

	for (size_t i = 0; i < ND_COUNT(types); i++)
		if (nd_pb_view_is(event->type, types[i]))
			return true;
	return false;
}

static int take_frame(struct nd_pb_watch *w, const uint8_t *bytes, size_t n)
{
	struct nd_pb_event event;
	struct nd_pb_envelope e;

	int err = nd_pb_event(bytes, n, &event);
	if (!err)
		err = nd_pb_envelope(event.raw.bytes, event.raw.len, &e);
	if (err)
		return err;
	if (e.encoded)
		return ND_EFORMAT;
	if (nd_pb_view_is(event.type, "ERROR") && is_status(&e))
		return take_status(&w->to, e.raw.bytes, e.raw.len);
	if (is_about_object(&event) && kind_of(&e, "") == (int)w->to.kind)
		return take_object(w, &event, &e);
	return ND_EFORMAT;
}

static int read_length(struct nd_pb_watch *w, struct input *in)
{
	w->head[w->nhead++] = *in->at;
	skip_input(in, 1);
	if (w->nhead < sizeof w->head)
		return 0;
	w->need = (uint32_t)w->head[0] << 24 | (uint32_t)w->head[1] << 16 |
		  (uint32_t)w->head[2] << 8 | w->head[3];
	if (!w->need || w->need > ND_INTAKE_SKIP_BYTES_MAX)
		return w->need ? ND_ELIMIT : ND_EFORMAT;
	w->skipping = w->need > w->to.part.max;
	if (w->skipping)
		skip_large(&w->to);
	return 0;
}

static void skip_frame(struct nd_pb_watch *w, struct input *in)
{
	size_t n = w->need < in->n ? w->need : in->n;

	skip_input(in, n);
	w->need -= (uint32_t)n;
	if (!w->need)
		w->nhead = 0;
}

int nd_pbstream_watch_feed(struct nd_pb_watch *w, const void *bytes, size_t n)
{
	struct input in = { bytes, n };

	while (in.n && !w->to.err && !w->to.refused) {
		if (w->nhead < sizeof w->head) {
			w->to.err = read_length(w, &in);
			continue;
		}
		if (w->skipping) {
			skip_frame(w, &in);
			continue;
		}
		const uint8_t *frame = gather(&w->to, w->need, &in);
		if (!frame)
			continue;
		w->to.err = complete_error(take_frame(w, frame, w->need));
		nd_intake_reset(&w->to);
		w->nhead = 0;
	}
	return w->to.err;
}

int nd_pbstream_watch_finish(struct nd_pb_watch *w)
{
	if (!w->to.err && !w->to.refused && w->nhead)
		w->to.err = ND_ETRUNC;
	return w->to.err;
}
