/* SPDX-License-Identifier: Apache-2.0 */
/* watch.h - keeps a sink equal to all objects of one kind that an API server has: lists, then
 * watches.
 *
 * The first list is a streaming one (sendInitialEvents); where the server has none, or it breaks
 * off, pages of a LIST. Then a WATCH from there on; when it ends, the next one goes on where it
 * was. 410 lists again. What fails is tried again after a pause that doubles, with jitter (0.8 s to
 * 30 s), and what the server says by Retry-After. A kind that the server does not have (404:
 * ServiceImports without their definition) is an empty list. No list is ever whole in memory. A
 * list that breaks off takes nothing away from the sink.
 *
 * Owns:    nd_watch is heap; its client and sink are borrowed and outlive it.
 * Threads: the loop's own.
 */
#pragma once

#include "io/loop.h"
#include "kube/client.h"
#include "kube/objects.h"

struct nd_watch;

enum {
	ND_WATCH_CUT = 0,    /* no answer, or one that cannot be read or ends too early */
	ND_WATCH_SELF = 1,   /* who we are to the server cannot be told */
	ND_WATCH_NOTICE = 2, /* it goes on all the same */
};

struct nd_watch_config {
	enum nd_object_kind kind;
	const char *labels; /* selector; NULL: all */
	struct nd_client *client;
	struct nd_sink *sink;
	/* NULL: listed whole, or a watch that had failed goes on and stands. Else what failed; told
	 * once if it repeats. code: the status that the server said, or one of ND_WATCH_*. */
	void (*report)(void *ctx, enum nd_object_kind kind, const char *failed, int code);
	void *ctx;
};

struct nd_watch_state {
	bool synced;    /* was listed whole once */
	bool connected; /* a watch is open, or a list under way, and its head was good */
	uint64_t lists, events, failures, expired; /* expired: 410s */
};

/* Sends its first request at once. NULL: no memory. */
struct nd_watch *nd_watch_new(struct nd_loop *loop, const struct nd_watch_config *config);
void nd_watch_free(struct nd_watch *w); /* takes NULL */
struct nd_watch_state nd_watch_state(const struct nd_watch *w);
