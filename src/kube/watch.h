/* SPDX-License-Identifier: Apache-2.0 */
/* watch.h - keeps a sink equal to all objects of one kind on an API server: list, then watch.
 *
 * The first list is a streaming one (sendInitialEvents). Where the server does not support it, or
 * it breaks off, the list is read in pages. A WATCH follows from the version of the list; when it
 * ends, the next one continues from the last version seen. 410 lists again. Failures are retried
 * after a pause with jitter that doubles from 0.8 s to 30 s, or after the server's Retry-After. A
 * kind that the server does not have (404: no CRD for ServiceImports) is an empty list. No list is
 * ever held in memory as a whole. A list that breaks off removes nothing from the sink. A list in
 * pages that has no end (too many pages, or a continue token that repeats) is broken off; after
 * some pages the next ones are requested at intervals.
 *
 * Owns:    nd_watch is heap; its client and sink are borrowed and outlive it.
 * Threads: the loop's own.
 */
#pragma once

#include "io/loop.h"
#include "kube/client.h"
#include "kube/objects.h"

enum {
	/* Pages of a list, and pages without an object in a row: a list with more has no end. */
	ND_WATCH_PAGES_MAX = 10000,
	ND_WATCH_EMPTY_PAGES_MAX = 100,
};

struct nd_watch;

/* Codes of a report that are not an HTTP status. */
enum nd_watch_code {
	ND_WATCH_BROKEN = 0,         /* no response, or one that is unreadable or ended early */
	ND_WATCH_NO_CREDENTIALS = 1, /* no usable credentials: token file, exec program */
	ND_WATCH_NOTICE = 2,         /* a warning: the request was sent all the same */
	ND_WATCH_LIMIT = 3,          /* a response, or a list, that has no end or is too large */
};

struct nd_watch_config {
	enum nd_object_kind kind;
	const char *labels; /* label selector; NULL: all */
	struct nd_client *client;
	struct nd_sink *sink;
	/* failed == NULL: a list completed, or a broken watch recovered. Otherwise the error;
	 * repeats are not reported. code: the HTTP status, or an nd_watch_code. */
	void (*report)(void *ctx, enum nd_object_kind kind, const char *failed, int code);
	void *ctx;
};

struct nd_watch_state {
	bool synced;    /* a list has completed at least once */
	bool connected; /* a list or watch is open, and its status was 200 */
	uint64_t lists, events, failures;
	uint64_t expired; /* 410 responses */
};

/* Sends its first request from the loop, at once. NULL: no memory. */
struct nd_watch *nd_watch_new(struct nd_loop *loop, const struct nd_watch_config *config);
void nd_watch_free(struct nd_watch *w); /* takes NULL */
struct nd_watch_state nd_watch_state(const struct nd_watch *w);
