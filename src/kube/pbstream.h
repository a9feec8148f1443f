/* SPDX-License-Identifier: Apache-2.0 */
/* pbstream.h - decodes a list or a watch in protobuf into a sink; bytes arrive in pieces of any
 * size.
 *
 * A list is never in memory as a whole: at most one object, of at most max_object bytes, until the
 * sink has it. An object that is complete in one piece is not copied. An object that cannot be used
 * (malformed, too large, without a name) is skipped and counted; in a list it is as if it were not
 * there, in a watch the sink keeps the object's last state.
 *
 * Owns:    the bytes of one unfinished object, until clear. The sink is borrowed.
 * Errors:  sticky. ND_EFORMAT: not the requested message; ND_ELIMIT: an object exceeds
 *          ND_INTAKE_SKIP_BYTES_MAX, or another message max_object; -ENOMEM; what the sink's upsert
 *          returned; from finish ND_ETRUNC: cut off. After an error the sink's end is not called,
 *          so it removes nothing.
 * Threads: control, as the sink.
 */
#pragma once

#include "kube/intake.h"
#include "kube/pb.h"

/* The body of a LIST response, or of all its pages in turn. */
struct nd_pb_list {
	struct nd_intake to;
	struct nd_meta_list meta; /* of the current page */
	unsigned state;
	unsigned what;    /* the type of the envelope's content; 0: not known yet */
	uint8_t head[20]; /* of a field: tag, then value or length */
	uint8_t nhead;
	uint32_t number;   /* of the current field */
	uint64_t need;     /* its length; when skipped, the rest of it */
	bool inside, seen; /* inside the list; a list was seen */
	uint64_t left;     /* bytes of the list after the current field */
};

void nd_pbstream_list_init(struct nd_pb_list *l, enum nd_object_kind kind, struct nd_sink *sink,
			   size_t max_object);
void nd_pbstream_list_clear(struct nd_pb_list *l);
int nd_pbstream_list_feed(struct nd_pb_list *l, const void *bytes, size_t n);
/* At the end of a body. After 0, unless to.refused: the sink's end was called, or meta.more is the
 * next page, whose body can be fed now. */
int nd_pbstream_list_finish(struct nd_pb_list *l);

/* The body of a WATCH response: frames, each after its length in four bytes. */
struct nd_pb_watch {
	struct nd_intake to;
	bool initial; /* it starts with a list (sendInitialEvents), up to an annotated bookmark */
	uint8_t head[4];
	uint8_t nhead;
	uint32_t need;
	bool skipping;                         /* a frame with an object that is too large */
	char version[ND_META_VERSION_MAX + 1]; /* of the last event; "": none yet */
	size_t bookmarks;
};

void nd_pbstream_watch_init(struct nd_pb_watch *w, enum nd_object_kind kind, struct nd_sink *sink,
			    size_t max_object, bool initial);
void nd_pbstream_watch_clear(struct nd_pb_watch *w);
/* After an ERROR event (to.refused) the rest is ignored. */
int nd_pbstream_watch_feed(struct nd_pb_watch *w, const void *bytes, size_t n);
/* 0 between two frames: the server may end a watch at any time. */
int nd_pbstream_watch_finish(struct nd_pb_watch *w);
