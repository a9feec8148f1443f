/* SPDX-License-Identifier: Apache-2.0 */
/* parts.h - what the files of core call of each other. Private: only src/core and tests/unit/core
 * include it.
 *
 * Threads: queries and workers on the worker's thread, generations on the control thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/chain.h"
#include "core/gen.h"
#include "core/worker.h"

/* --- chain.c --- */

/* Chooses the block by the name asked and runs its chain. q->msg is set. */
void nd_chain_route(struct nd_query *q);
/* Runs the chain from q's position. */
void nd_chain_run(struct nd_query *q);
/* Ends a waiting query early; the plugin it waits for gets `cancel`. answer: q fails with SERVFAIL
 * and `why` for the log. Otherwise nothing is sent, and the queries above it end too. */
void nd_chain_cancel(struct nd_query *q, bool answer, const char *why);

/* --- query_slot.c --- */

/* A heap allocation of a query; freed with it. */
struct nd_query_piece {
	struct nd_query_piece *next;
	_Alignas(max_align_t) uint8_t bytes[];
};

/* Takes a free slot, reset, and counts it as a query of the worker's generation. If the slab is
 * full the oldest waiting query is cancelled first. NULL: no slot is free. */
struct nd_query *nd_query_slot_take(struct nd_worker *w);
/* Ends the query and frees its slot. */
void nd_query_slot_release(struct nd_query *q);
/* Frees the slab. */
void nd_query_slot_clear(struct nd_worker *w);

/* It is in the worker's list of parked or of resumed queries. */
static inline bool nd_query_waits(const struct nd_query *q)
{
	return q->run.life >= ND_QUERY_PARKED;
}

/* --- query_park.c --- */

/* Makes a waiting query run again: an output, with the part of the answer that was written before.
 * -ENOMEM: part of the request or of the answer was lost; the query must fail. */
int nd_query_unpark(struct nd_query *q);

/* --- answer.c --- */

/* Starts the reply in these buffers: room for the header, then the question. */
void nd_answer_begin(struct nd_query *q, uint8_t *bytes, size_t cap, struct nd_record *record,
		     uint16_t max);

/* --- gen.c, gen_endpoints.c --- */

extern const char *const nd_gen_scheme_text[]; /* by enum nd_scheme: "dns", "tls", ... */
/* Makes endpoints and sites of all blocks, which are set up. */
int nd_gen_make_endpoints(struct nd_gen *g, struct nd_diag *d);

/* --- worker.c --- */

/* Makes the output of sub-queries of this depth. 0 or -ENOMEM. */
int nd_worker_make_scratch(struct nd_worker *w, unsigned depth);
/* Gives q an empty answer over an output buffer; that of its depth exists. */
void nd_worker_output(struct nd_worker *w, struct nd_query *q);
/* Starts the timer for the deadline of the query parked longest. */
void nd_worker_watch_deadline(struct nd_worker *w);
/* One query less runs under wg; ends a retired one with its last query. */
void nd_worker_unref_gen(struct nd_worker *w, struct nd_worker_gen *wg);

/* --- setup.c, metric.c --- */

struct nd_collector {
	struct nd_list link; /* nd_gen.collectors */
	void (*collect)(void *ctx, struct nd_metric_out *out);
	void *ctx;
};

/* --- setup_share.c --- */

/* A process object, in nd_process.shares. */
struct nd_share {
	struct nd_list link;
	const char *kind;
	void *key;
	size_t key_len;
	void *object;
	void (*unmake)(void *object);
	uint32_t refs; /* one per nd_setup_share() of a generation that exists */
};

/* Releases the generation's shares, last taken first: an object may use one taken before it. */
void nd_setup_share_release(struct nd_gen *g);

/* --- setup_http.c --- */

/* Opens the addresses of the generation's HTTP paths that are not open yet. */
int nd_setup_http_start(struct nd_gen *g, struct nd_diag *d);
/* Closes the paths registered with drop_at_stop, or all of them. An address closes with its last
 * path. */
void nd_setup_http_stop(struct nd_gen *g, bool all);
