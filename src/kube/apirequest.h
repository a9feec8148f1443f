/* SPDX-License-Identifier: Apache-2.0 */
/* apirequest.h - path, query and Accept header of a LIST or WATCH request. Pure text. */
#pragma once

#include "base/buf.h"
#include "kube/objects.h"

enum { ND_APIREQUEST_PAGE_OBJECTS = 500 }; /* requested of a page, as by client-go's pager */

enum nd_apirequest_type {
	ND_APIREQUEST_STREAM, /* streaming list: a watch with sendInitialEvents (KEP-3157) */
	ND_APIREQUEST_LIST,   /* one page of a list */
	ND_APIREQUEST_WATCH,
};

struct nd_apirequest {
	enum nd_object_kind kind;
	enum nd_apirequest_type type;
	const char *version; /* WATCH: the resourceVersion to start after */
	const char *more;    /* LIST: the continue token; "": the first page */
	const char *labels;  /* label selector; NULL: all */
	unsigned timeout_s;  /* STREAM, WATCH: when the server closes it */
};

/* The collection of that kind, without the query. */
const char *nd_apirequest_path(enum nd_object_kind kind);
/* Path and query. When they do not fit, b->err is set. */
void nd_apirequest_write(const struct nd_apirequest *r, struct nd_buf *b);
/* The Accept header: protobuf first where the server has it, then JSON. */
const char *nd_apirequest_accept(const struct nd_apirequest *r);
