/* SPDX-License-Identifier: Apache-2.0 */
/* intake.h - where the readers of lists and watches (pbstream.h, jsonstream.h) hand over what they
 * read.
 *
 * Owns:    the bytes of one unfinished object, until clear. The sink is borrowed.
 * Threads: control, as the sink.
 */
#pragma once

#include "base/buf.h"
#include "kube/meta.h"
#include "kube/objects.h"

struct nd_intake {
	enum nd_object_kind kind;
	struct nd_sink *sink;
	size_t max_object;  /* bytes */
	struct nd_buf part; /* an unfinished object, or another message that is needed whole */
	bool begun;         /* the sink's begin was called, its end was not */
	int err;            /* sticky */
	size_t taken, nameless;
	bool refused; /* a Status came, which says why; the sink's end will not be called */
	struct nd_meta_status status;
};

void nd_intake_init(struct nd_intake *t, enum nd_object_kind kind, struct nd_sink *sink,
		    size_t max_object);
void nd_intake_clear(struct nd_intake *t);
/* An object is done: its bytes are forgotten, and most of their room with them. */
void nd_intake_forget(struct nd_intake *t);

/* A list: begin as often as you like, end once. */
void nd_intake_begin(struct nd_intake *t);
void nd_intake_end(struct nd_intake *t);
/* 0, or what the sink's upsert returned. `remove`: what is gone is known by its names alone. */
int nd_intake_take(struct nd_intake *t, const struct nd_object *o, bool remove);
/* One that cannot be used: it is counted, and the sink is told why. */
void nd_intake_leave(struct nd_intake *t, const char *why);
