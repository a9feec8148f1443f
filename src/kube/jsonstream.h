/* SPDX-License-Identifier: Apache-2.0 */
/* jsonstream.h - a list or a watch in JSON, as its bytes arrive in pieces of any size, to a sink.
 *
 * As pbstream.h: one object at most is in memory, of max_object bytes at most.
 * An object that cannot be used (a field of the wrong type, no name) is left out and counted as
 * nameless. Owns:    the bytes of one unfinished object and of the list's own fields, until clear.
 * The sink is borrowed. Errors:  sticky, as in pbstream.h. Threads: control, as the sink.
 */
#pragma once

#include "kube/intake.h"

struct nd_jsonstream {
	struct nd_intake to;
	struct nd_meta_list meta; /* list: of the page at hand */
	bool watch, initial;      /* initial: a list comes first, as in struct nd_pb_watch */
	char version[ND_META_VERSION_MAX + 1]; /* watch: of the last event; "": as before */
	size_t bookmarks;

	struct nd_buf shell; /* a list without its items */
	char key[16];        /* the last text of the outermost map, cut to fit */
	uint8_t nkey;
	unsigned depth;
	bool text, escaped;   /* inside of a text; behind its backslash */
	bool items, item;     /* inside of the list's items; of one, or of an event */
	bool seen, kind_told; /* the outermost map was closed; the kind was looked at */
};

void nd_jsonstream_init(struct nd_jsonstream *j, enum nd_object_kind kind, struct nd_sink *sink,
			size_t max_object, bool watch, bool initial);
void nd_jsonstream_clear(struct nd_jsonstream *j);
int nd_jsonstream_feed(struct nd_jsonstream *j, const void *bytes, size_t n);
/* As nd_pbstream_list_finish and nd_pbstream_watch_finish. */
int nd_jsonstream_finish(struct nd_jsonstream *j);
/* What a Status says; false: it is none. */
bool nd_jsonstream_status(const void *bytes, size_t n, struct nd_meta_status *out);
