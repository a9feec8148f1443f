/* SPDX-License-Identifier: Apache-2.0 */
/* encode.h - encodes what an API server sends: objects, lists, events, refusals; in JSON or
 * protobuf.
 *
 * Errors:  in err of the buffer given; its owner checks it.
 */
#pragma once

#include "base/buf.h"
#include "sim/cluster.h"

struct sim_status {
	int code;
	const char *reason, *message;
	int retry_after_s; /* 0: not given */
};

/* A page of a list; items are added first. */
struct sim_page {
	bool pb;
	enum nd_object_kind kind;
	struct nd_buf items; /* encoded, as in the list */
	uint32_t version;
	const char *more; /* continue token; "": the last page */
};

void sim_encode_page_item(struct sim_page *p, const struct sim_object *o);
void sim_encode_page(const struct sim_page *p, struct nd_buf *to);

/* type: "ADDED", "MODIFIED", "DELETED". version: of the event. */
void sim_encode_event(bool pb, const char *type, const struct sim_object *o, uint32_t version,
		      struct nd_buf *to);
/* initial_end: the end of a streaming list. */
void sim_encode_bookmark(bool pb, enum nd_object_kind kind, uint32_t version, bool initial_end,
			 struct nd_buf *to);
void sim_encode_status(bool pb, const struct sim_status *s, struct nd_buf *to);
void sim_encode_error(bool pb, const struct sim_status *s, struct nd_buf *to); /* as an event */
