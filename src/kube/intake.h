/* SPDX-License-Identifier: Apache-2.0 */
/* intake.h - what the decoders of lists and watches (pbstream.h, jsonstream.h) share: the sink, the
 * bytes of an unfinished object, counts, errors.
 *
 * Owns:    nd_intake is embedded; its buffer until clear. The sink is borrowed.
 * Errors:  err is sticky.
 * Threads: control, as the sink.
 */
#pragma once

#include "base/buf.h"
#include "kube/meta.h"
#include "kube/objects.h"

enum {
	/* Decoded, an object takes at most that; etcd stores 1.5 MB of protobuf. */
	ND_INTAKE_ARENA_BYTES_MAX = 64 << 20,
	/* An object above max_object is skipped without being stored, up to this size. */
	ND_INTAKE_SKIP_BYTES_MAX = 16 << 20,
};

struct nd_intake {
	enum nd_object_kind kind;
	struct nd_sink *sink;
	size_t max_object;  /* bytes */
	struct nd_buf part; /* an unfinished object, or another undecoded message */
	bool begun;         /* the sink's begin was called, but not its end */
	int err;            /* sticky */
	size_t count;       /* objects and events passed to the sink */
	size_t skipped;     /* objects without a name, too large, or unreadable */
	bool refused;       /* a Status was read; the sink's end will not be called */
	struct nd_meta_status status;
};

void nd_intake_init(struct nd_intake *t, enum nd_object_kind kind, struct nd_sink *sink,
		    size_t max_object);
void nd_intake_clear(struct nd_intake *t);
/* After an object: drops its bytes, and a large buffer. */
void nd_intake_reset(struct nd_intake *t);

/* Around a list. Repeated begins are ignored. */
void nd_intake_begin(struct nd_intake *t);
void nd_intake_end(struct nd_intake *t);
/* Upserts, or removes by its names. 0, or what the sink's upsert returned. */
int nd_intake_take(struct nd_intake *t, const struct nd_object *o, bool remove);
/* An object that cannot be used: counts it and reports it to the sink. why: text. */
void nd_intake_skip(struct nd_intake *t, const char *why);
/* The same with the text "KIND NAMESPACE/NAME: WHY". name "": unknown. */
void nd_intake_skip_named(struct nd_intake *t, const char *namespace, const char *name,
			  const char *why);
