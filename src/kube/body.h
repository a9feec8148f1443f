/* SPDX-License-Identifier: Apache-2.0 */
/* body.h - what a server answers to a list or a watch, read as it comes into a sink: protobuf or
 * JSON, or a refusal.
 *
 * Owns:    nd_body is embedded in its owner; the sink is borrowed.
 * Bounds:  an object has 8 MiB, of a refusal 16 KiB are kept.
 */
#pragma once

#include "kube/apirequest.h"
#include "kube/jsonstream.h"
#include "kube/pbstream.h"

enum nd_body_kind {
	ND_BODY_REFUSAL, /* no objects: the status is not 200, or it is a type that we do not read */
	ND_BODY_PROTOBUF_LIST,
	ND_BODY_PROTOBUF_WATCH,
	ND_BODY_JSON,
};

struct nd_body {
	enum nd_body_kind kind;
	bool open; /* `in` holds something */
	union {
		struct nd_pb_list list;
		struct nd_pb_watch watch;
		struct nd_jsonstream json;
	} in;
	struct nd_buf refusal; /* its beginning */
};

void nd_body_init(struct nd_body *b);
void nd_body_clear(struct nd_body *b);
/* The head is there; type NULL: it has none. A page behind the first goes on with the list that is
 * open. */
void nd_body_open(struct nd_body *b, const struct nd_apirequest *asked, struct nd_sink *sink,
		  int status, const char *type);
/* A list that is open, and not whole, is given up. */
void nd_body_close(struct nd_body *b);
/* 0 or what is wrong with the bytes. */
int nd_body_feed(struct nd_body *b, const uint8_t *bytes, size_t n);
/* That was all of it: 0, or it lacks something. */
int nd_body_finish(struct nd_body *b);

/* --- of one that is no refusal --- */
size_t nd_body_taken(const struct nd_body *b);        /* objects and events so far */
bool nd_body_refused(const struct nd_body *b);        /* a Status stood in it */
bool nd_body_initial(const struct nd_body *b);        /* a streaming list that is not whole yet */
const char *nd_body_version(const struct nd_body *b); /* of a watch: where it stands */
const struct nd_meta_list *nd_body_meta(const struct nd_body *b); /* of a list */

/* What the server said, in either way; the code is never 0. */
void nd_body_status(struct nd_body *b, int status, struct nd_meta_status *out);
