/* SPDX-License-Identifier: Apache-2.0 */
/* pbstream.h - a list or a watch in protobuf, as its bytes arrive in pieces of any size, to a sink.
 *
 * No list is ever whole in memory: one object at most, of max_object bytes at most, and nothing of
 * it once the sink has it. An object that lies whole in the piece given is not even copied. Owns:
 * the bytes of one unfinished object, until clear. The sink is borrowed. Errors:  sticky.
 * ND_EFORMAT: not what was asked for; ND_ELIMIT: an object beyond max_object; -ENOMEM; what the
 * sink's upsert returned; from finish ND_ETRUNC: cut off. After any the list has no end, so the
 * sink loses nothing that it had. An object without a name is left out and counted. Threads:
 * control, as the sink.
 */
#pragma once

#include "kube/intake.h"
#include "kube/pb.h"

/* The body of an answer to a LIST, or of all its pages one after the other. */
struct nd_pb_list {
	struct nd_intake to;
	struct nd_meta_list meta; /* of the page at hand */
	unsigned state;
	unsigned what;    /* what the envelope says it holds; 0 before it has said it */
	uint8_t head[20]; /* of a field: tag, and value or length */
	uint8_t nhead;
	uint32_t number;   /* of the field at hand */
	uint64_t need;     /* bytes of it: all of a body, the rest of one to skip */
	bool inside, seen; /* inside the list itself; there was one */
	uint64_t left;     /* of the list, behind the field at hand */
};

void nd_pbstream_list_init(struct nd_pb_list *l, enum nd_object_kind kind, struct nd_sink *sink,
			   size_t max_object);
void nd_pbstream_list_clear(struct nd_pb_list *l);
int nd_pbstream_list_feed(struct nd_pb_list *l, const void *bytes, size_t n);
/* The body ends here. After 0, unless to.refused: the sink's end was called, or meta.more names the
 * next page, whose body may be fed now. */
int nd_pbstream_list_finish(struct nd_pb_list *l);

/* The body of an answer to a WATCH: frames, each behind its length in four bytes. */
struct nd_pb_watch {
	struct nd_intake to;
	bool initial; /* a list comes first (sendInitialEvents), up to the bookmark that says so */
	uint8_t head[4];
	uint8_t nhead;
	uint32_t need;
	char version[ND_META_VERSION_MAX + 1]; /* of the last event: where to go on. "": as before */
	size_t bookmarks;
};

void nd_pbstream_watch_init(struct nd_pb_watch *w, enum nd_object_kind kind, struct nd_sink *sink,
			    size_t max_object, bool initial);
void nd_pbstream_watch_clear(struct nd_pb_watch *w);
/* After an ERROR event (to.refused) the rest is ignored. */
int nd_pbstream_watch_feed(struct nd_pb_watch *w, const void *bytes, size_t n);
/* 0 between two frames: a watch ends whenever the server likes. */
int nd_pbstream_watch_finish(struct nd_pb_watch *w);
