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
/* Ends a client's query that waits, with its sub-queries; the plugin that the deepest waits for
 * gets `cancel`. answer: it fails with SERVFAIL and `why` for the log. Otherwise nothing is sent.
 * Not while a chain runs: no plugin's `query` is called, and nothing is on the stack that could use
 * one of them. */
void nd_chain_cancel(struct nd_query *q, bool answer, const char *why);

/* --- query_slot.c --- */

/* A heap allocation of a query; freed with it. */
struct nd_query_piece {
	struct nd_query_piece *next;
	size_t size; /* of all of it, as counted in the budget */
	_Alignas(max_align_t) uint8_t bytes[];
};

/* Slots mapped together. */
struct nd_query_page {
	struct nd_list link; /* nd_worker.pages, oldest first */
	uint32_t n;          /* slots in use by the slab */
	uint32_t waiting;    /* queries that wait; between two turns of the loop these are all */
	struct nd_query query[];
};

/* Makes the first page. 0 or -ENOMEM. */
int nd_query_slot_init(struct nd_worker *w, uint32_t max_roots);
/* Takes a free slot, reset, and counts it as a query of the worker's generation. NULL: none is
 * free. */
struct nd_query *nd_query_slot_take(struct nd_worker *w);
/* Ends the query and frees its slot. Its sub-query has ended. */
void nd_query_slot_release(struct nd_query *q);
/* malloc(size), counted in the budget; the caller gives it back. NULL: out of memory, which counts
 * as a shortage. */
void *nd_query_slot_malloc(struct nd_query *q, size_t size);
/* n bytes of the heap, not zeroed, counted in the budget, that live as long as the query. NULL: out
 * of memory. */
void *nd_query_slot_alloc(struct nd_query *q, size_t n);
/* Frees the slab. */
void nd_query_slot_clear(struct nd_worker *w);

/* It is parked, or resumed and has not run yet. */
static inline bool nd_query_waits(const struct nd_query *q)
{
	return q->run.life >= ND_QUERY_PARKED;
}

/* --- query_park.c --- */

/* Parks a query that has not run yet. */
void nd_query_park_new(struct nd_query *q);
/* It waits no longer: leaves the lists of waiting queries. Its origin keeps it. */
void nd_query_unlist(struct nd_query *q);
/* Frees the partial answer. */
void nd_query_forget_answer(struct nd_query *q);
/* Makes a waiting query run again: an output, with the part of the answer that was written before.
 * -ENOMEM: part of the request or of the answer was lost; the query must fail. */
int nd_query_unpark(struct nd_query *q);

/* --- query_ask.c --- */

/* Ends a sub-query whose answer its parent has read. */
void nd_query_end_child(struct nd_query *child);
/* Makes the request in the child's slot: q's id, these flags, question and EDNS, with options of
 * q's; no other records. False: out of memory. */
bool nd_query_write_request(struct nd_query *child, const struct nd_query *q, struct nd_name name,
			    uint16_t qtype, uint16_t qclass, uint16_t flags, struct nd_edns edns);

/* --- answer.c --- */

/* Starts the reply in these buffers: room for the header, then the question. */
void nd_answer_begin(struct nd_query *q, uint8_t *bytes, size_t cap, struct nd_record *record,
		     uint16_t max);

/* --- gen_endpoints.c --- */

/* Makes endpoints and sites of all blocks, which are set up. */
int nd_gen_make_endpoints(struct nd_gen *g, struct nd_diag *d);

/* --- worker.c --- */

/* Makes the output of sub-queries of this depth. 0 or -ENOMEM. */
int nd_worker_make_scratch(struct nd_worker *w, unsigned depth);
/* Opens q's answer: empty, over the output of its level, which exists. The output belongs to q
 * until nd_worker_close_output(). No other query may have it open, except the finished sub-query
 * that q's parent has read. */
void nd_worker_output(struct nd_worker *w, struct nd_query *q);
/* The answer was sent or dropped, is saved, or is read: the output of its level is free. */
static inline void nd_worker_close_output(struct nd_worker *w, struct nd_query *q)
{
	ND_ASSERT(q->ans.open);
	w->writer[q->depth] = NULL;
	q->ans.open = false;
}
/* Starts the timer for the earliest deadline. */
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
