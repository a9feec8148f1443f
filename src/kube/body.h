/* SPDX-License-Identifier: Apache-2.0 */
/* body.h - the body of a response to a list or a watch, decoded into a sink as it arrives: protobuf
 * or JSON, or a refusal.
 *
 * Limits: 8 MiB for an object, 16 KiB for a refusal.
 *
 * Owns:    nd_body is embedded; its buffers until clear. The sink is borrowed.
 * Errors:  as pbstream.h and jsonstream.h.
 * Threads: the loop's own.
 */
#pragma once

#include "kube/apirequest.h"
#include "kube/jsonstream.h"
#include "kube/pbstream.h"

enum nd_body_kind {
	ND_BODY_REFUSAL, /* no objects: a status other than 200, or an unknown Content-Type */
	ND_BODY_PROTOBUF_LIST,
	ND_BODY_PROTOBUF_WATCH,
	ND_BODY_JSON,
};

struct nd_body {
	enum nd_body_kind kind;
	bool open; /* `in` is initialized */
	union {
		struct nd_pb_list list;
		struct nd_pb_watch watch;
		struct nd_jsonstream json;
	} in;
	struct nd_buf refusal; /* the first bytes of its body */
};

void nd_body_init(struct nd_body *b);
void nd_body_clear(struct nd_body *b);
/* At the head of a response. type: its Content-Type; NULL: none. A page after the first continues
 * the open list. */
void nd_body_open(struct nd_body *b, const struct nd_apirequest *asked, struct nd_sink *sink,
		  int status, const char *type);
/* An open list that is not complete is discarded. */
void nd_body_close(struct nd_body *b);
/* 0, or the error in the bytes. ND_ELIMIT for a refusal: its first 16 KiB were kept, and the rest
 * need not be received. */
int nd_body_feed(struct nd_body *b, const uint8_t *bytes, size_t n);
/* The body has ended: 0, or ND_ETRUNC. */
int nd_body_finish(struct nd_body *b);

/* --- if kind is not ND_BODY_REFUSAL --- */

size_t nd_body_count(const struct nd_body *b);        /* objects and events so far */
size_t nd_body_skipped(const struct nd_body *b);      /* those that could not be used */
bool nd_body_refused(const struct nd_body *b);        /* it contained a Status: a late refusal */
bool nd_body_initial(const struct nd_body *b);        /* a streaming list that is not complete */
const char *nd_body_version(const struct nd_body *b); /* watch: resourceVersion of the last event */
const struct nd_meta_list *nd_body_meta(const struct nd_body *b); /* list */

/* --- if it is, or nd_body_refused() --- */

/* The Status of the refusal, of either encoding. Without one, its code is `status`; never 0. */
void nd_body_status(struct nd_body *b, int status, struct nd_meta_status *out);
