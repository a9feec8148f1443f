/* SPDX-License-Identifier: Apache-2.0 */
/* ask.h - the request that a list, its next page or a watch is. Pure text. */
#pragma once

#include "base/buf.h"
#include "kube/objects.h"

enum nd_ask_for {
	ND_ASK_STREAM, /* a watch that begins with a list */
	ND_ASK_LIST,
	ND_ASK_WATCH,
};

struct nd_ask {
	enum nd_object_kind kind;
	enum nd_ask_for what;
	const char *version; /* WATCH: from there */
	const char *more;    /* LIST: that page; "": the first */
	const char *labels;  /* selector; NULL: all */
	unsigned seconds;    /* that a watch is to take */
};

/* Where objects of that kind are. */
const char *nd_ask_path(enum nd_object_kind kind);
/* Path and query; b->err says if there is no room. */
void nd_ask_write(const struct nd_ask *a, struct nd_buf *b);
/* Accept: what we read, the best first. */
const char *nd_ask_accept(const struct nd_ask *a);
