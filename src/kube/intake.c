/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/intake.h"

#include <stdio.h>

enum {
	KEEP_BYTES = 64 << 10, /* a larger buffer is freed after each object */
	EVENT_BYTES = 1024,    /* event and envelope around an object in a frame of a watch */
};

void nd_intake_init(struct nd_intake *t, enum nd_object_kind kind, struct nd_sink *sink,
		    size_t max_object)
{
	*t = (struct nd_intake){ .kind = kind, .sink = sink, .max_object = max_object };
	nd_buf_init(&t->part, max_object + EVENT_BYTES);
}

void nd_intake_clear(struct nd_intake *t)
{
	nd_buf_clear(&t->part);
}

void nd_intake_reset(struct nd_intake *t)
{
	if (t->part.cap > KEEP_BYTES)
		nd_buf_clear(&t->part);
	nd_buf_reset(&t->part);
}

void nd_intake_begin(struct nd_intake *t)
{
	if (!t->begun)
		t->sink->begin(t->sink, t->kind);
	t->begun = true;
}

void nd_intake_end(struct nd_intake *t)
{
	t->sink->end(t->sink, t->kind);
	t->begun = false;
}

int nd_intake_take(struct nd_intake *t, const struct nd_object *o, bool remove)
{
	t->count++;
	if (!remove)
		return t->sink->upsert(t->sink, o);
	t->sink->remove(t->sink, t->kind, o->namespace, o->name);
	return 0;
}

void nd_intake_skip(struct nd_intake *t, const char *why)
{
	t->skipped++;
	if (t->sink->unread)
		t->sink->unread(t->sink, t->kind, why);
}

void nd_intake_skip_named(struct nd_intake *t, const char *namespace, const char *name,
			  const char *why)
{
	char text[512];

	snprintf(text, sizeof text, "%s %.63s%s%.253s: %.120s", nd_object_kind_text[t->kind],
		 namespace, namespace[0] ? "/" : "", name[0] ? name : "(no name)", why);
	nd_intake_skip(t, text);
}
