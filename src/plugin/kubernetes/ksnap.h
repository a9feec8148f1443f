/* SPDX-License-Identifier: Apache-2.0 */
/* ksnap.h - the snapshot: the index in a file, read at startup, written after changes and at a
 * clean shutdown.
 *
 * It is written only after every kind was listed, so it never mixes old and new state.
 *
 * Threads: control.
 */
#pragma once

#include "io/loop.h"
#include "plugin/kubernetes/kindex.h"

struct nd_metric_out;

struct nd_ksnap {
	const char *path; /* NULL: no snapshot */
	uint64_t who;
	struct nd_kindex *index;
	bool (*live)(void *ctx); /* has the API server listed every kind? */
	void *ctx;
	struct nd_loop *loop;
	struct nd_timer timer;
	uint64_t saved_s;   /* Unix time of the file on disk; 0: neither read nor written yet */
	bool loaded, lived; /* the index was filled from the file; live was true once */
	bool dirty;       /* changes not yet written, since dirty_ns; the last one at changed_ns */
	uint64_t changes; /* last seen value of the index's counter */
	uint64_t dirty_ns, changed_ns, retry_ns;
	int failed; /* error of the last write, already logged; 0: it succeeded */
	uint64_t failures;
};

/* Fills the index from the file if it can be used; otherwise logs why not. path, index, who, live
 * and ctx must be set. */
void nd_ksnap_load(struct nd_ksnap *s);
/* Starts the periodic writes. */
void nd_ksnap_start(struct nd_ksnap *s, struct nd_loop *loop);
/* Before the index is freed. keep: write changes not yet written. fresh: the state is current, so
 * write it in any case, which renews its age. */
void nd_ksnap_stop(struct nd_ksnap *s, bool keep, bool fresh);
/* Are answers from the snapshot? *age_s: its age. */
bool nd_ksnap_served(const struct nd_ksnap *s, uint64_t *age_s);
void nd_ksnap_emit(const struct nd_ksnap *s, struct nd_metric_out *out);
