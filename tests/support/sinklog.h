/* SPDX-License-Identifier: Apache-2.0 */
/* sinklog.h - a sink that logs each call it gets as a line of text.
 *
 * Owns:    its text.
 * Threads: one at a time.
 */
#pragma once

#include "base/buf.h"
#include "kube/objects.h"

struct nd_sinklog {
	struct nd_sink sink;
	struct nd_buf text;
	int refuse; /* returned by upsert */
};

void nd_sinklog_init(struct nd_sinklog *l);
void nd_sinklog_clear(struct nd_sinklog *l);
/* The lines so far, borrowed. */
const char *nd_sinklog_text(struct nd_sinklog *l);
