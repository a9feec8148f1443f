/* SPDX-License-Identifier: Apache-2.0 */
/* watch_parts.h - what watch.c (requests and responses) and watch_next.c (what comes next) share.
 * For these two alone. */
#pragma once

#include "kube/apirequest.h"
#include "kube/body.h"
#include "kube/watch.h"

enum { ND_WATCH_REPORT_BYTES_MAX = 512 };

struct nd_watch {
	struct nd_watch_config config;
	struct nd_loop *loop;
	struct nd_timer timer; /* the next request; while an exchange is open: its recovery */
	struct nd_httpc_exchange *x;
	enum nd_apirequest_type phase; /* of the current or last request */
	struct nd_body body;
	int status; /* HTTP; 0: no response yet */
	uint64_t retry_after_s;
	uint64_t due_ns; /* when the request was due; the client's limits may delay it */
	uint64_t sent_ns;
	char version[ND_META_VERSION_MAX + 1]; /* the next watch starts here; "": list first */
	char more[ND_META_CONTINUE_MAX + 1];   /* continue token of the next page; "": the first */
	unsigned pages, empty_pages;           /* of this list so far; empty ones in a row */
	size_t listed;                         /* objects on them */
	bool no_stream;                        /* the server has no streaming lists */
	bool by_pages;                         /* a streaming list broke off: the next uses pages */
	bool kind_absent;                      /* the server does not have this kind */
	bool delayed;                          /* by the client's limits; due_ns is set */
	bool has_slot;                         /* one of the client's requests in flight */
	unsigned failures;                     /* in a row */
	/* The last failure; "": none since the last success. */
	char reported[ND_WATCH_REPORT_BYTES_MAX];
	struct nd_watch_state state;
};

/* How a request ended. */
struct nd_watch_end {
	enum {
		ND_WATCH_END_COMPLETE, /* a page of a list, or a watch that was open long enough */
		ND_WATCH_END_REFUSED,  /* status other than 200, ERROR event, unknown type */
		ND_WATCH_END_BROKEN,   /* no response, a cut, unreadable bytes, or an early end */
	} how;
	bool more;                    /* COMPLETE page: it is not the last */
	size_t objects;               /* on that page */
	struct nd_meta_status status; /* REFUSED */
	uint64_t retry_after_s;       /* REFUSED; 0: not given */
	int err;                      /* BROKEN: ND_E*; 0: an early end */
	const char *why;              /* BROKEN */
	uint64_t open_ns;             /* since the request was sent */
};

struct nd_watch_next {
	enum {
		ND_WATCH_NEXT_CONTINUE,    /* watch from the last version */
		ND_WATCH_NEXT_PAGE,        /* get the next page of the list */
		ND_WATCH_NEXT_WATCH,       /* the list is complete: watch from its version */
		ND_WATCH_NEXT_LIST,        /* forget version and pages, list again */
		ND_WATCH_NEXT_LIST_PAGES,  /* the same, without streaming, until a list completes */
		ND_WATCH_NEXT_NO_STREAM,   /* the same, and never try streaming again */
		ND_WATCH_NEXT_KIND_ABSENT, /* take the list as empty; try again */
	} step;
	uint64_t pause_ns;
	uint32_t jitter_ms; /* a random part of this is added to the pause */
	unsigned failures;  /* in a row, this one included */
	bool report;
};

/* What comes next; w is as it was before this end. No side effects. */
struct nd_watch_next nd_watch_decide(const struct nd_watch *w, const struct nd_watch_end *e);
