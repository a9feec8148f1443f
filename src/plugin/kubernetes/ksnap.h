/* SPDX-License-Identifier: Apache-2.0 */
/* ksnap.h - the index on disk: read at the start, written when changes have settled, and at a clean
 * end.
 *
 * Nothing is written before everything was listed, so that a state that is half old and half new
 * never is. Threads: control.
 */
#pragma once

#include "io/loop.h"
#include "plugin/kubernetes/kindex.h"

struct nd_metric_out;

struct nd_ksnap {
	const char *path; /* NULL: none is kept */
	uint64_t who;
	struct nd_kindex *index;
	bool (*live)(void *ctx); /* was everything listed by the API server? */
	void *ctx;
	struct nd_loop *loop;
	struct nd_timer timer;
	uint64_t saved_s;   /* Unix time of the file on disk; 0: there is none of ours */
	bool loaded, lived; /* the index began with the file; was live once */
	bool dirty;         /* since dirty_ns; the last change was at changed_ns */
	uint64_t changes;   /* of the index, seen last */
	uint64_t dirty_ns, changed_ns, retry_ns;
	int failed; /* how the last writing ended, an error; it was told */
	uint64_t failures;
};

/* Fills the index from the file, if it is there and can be used; else one line of the log says why
 * not. path, index, who, live and ctx are set. */
void nd_ksnap_load(struct nd_ksnap *s);
/* From now on it is written. */
void nd_ksnap_start(struct nd_ksnap *s, struct nd_loop *loop);
/* Before the index goes. keep: write what is not written yet; fresh: the state is of now, so write
 * it all the same. */
void nd_ksnap_stop(struct nd_ksnap *s, bool keep, bool fresh);
/* Is it the file that is answered from? *age_s: how old it is. */
bool nd_ksnap_served(const struct nd_ksnap *s, uint64_t *age_s);
void nd_ksnap_emit(const struct nd_ksnap *s, struct nd_metric_out *out);
