/* SPDX-License-Identifier: Apache-2.0 */
/* jsonstream.h - decodes a list or a watch in JSON into a sink; bytes arrive in pieces of any size.
 *
 * As pbstream.h: at most one object is in memory, of at most max_object bytes. An object that
 * cannot be used (malformed, too large, a field of the wrong type, no name) is skipped and counted.
 *
 * Owns:    the bytes of one unfinished object and of the list's other fields, until clear. The sink
 *          is borrowed.
 * Errors:  sticky, as in pbstream.h.
 * Threads: control, as the sink.
 */
#pragma once

#include "kube/intake.h"

enum {
	/* Values and keys of one object: a tree takes many times its text. A Service has about 100,
	 * a slice of 1,000 endpoints 20,000. */
	ND_JSONSTREAM_VALUES_MAX = 1 << 18,
};

struct nd_jsonstream {
	struct nd_intake to;
	struct nd_meta_list meta; /* list: of the current page */
	bool watch, initial;      /* initial: the watch starts with a list, as in nd_pb_watch */
	char version[ND_META_VERSION_MAX + 1]; /* watch: of the last event; "": none yet */
	size_t bookmarks;

	struct nd_buf shell; /* the list without its items */
	char key[16];        /* the last string of the outermost map, cut to fit */
	uint8_t nkey;
	unsigned depth;
	uint64_t size;      /* of the item, so far */
	uint32_t values;    /* of the item, so far */
	bool large;         /* the item is too large: its bytes are not kept */
	bool text, escaped; /* inside a string; after a backslash */
	bool items, item;   /* inside the list's items; inside one, or an event */
	bool seen;          /* the outermost map was closed */
	bool kind_checked;  /* check_kind() was called */
};

void nd_jsonstream_init(struct nd_jsonstream *j, enum nd_object_kind kind, struct nd_sink *sink,
			size_t max_object, bool watch, bool initial);
void nd_jsonstream_clear(struct nd_jsonstream *j);
int nd_jsonstream_feed(struct nd_jsonstream *j, const void *bytes, size_t n);
/* As nd_pbstream_list_finish and nd_pbstream_watch_finish. */
int nd_jsonstream_finish(struct nd_jsonstream *j);
/* Reads a Status; false: the bytes are something else. */
bool nd_jsonstream_status(const void *bytes, size_t n, struct nd_meta_status *out);
