/* SPDX-License-Identifier: Apache-2.0 */
/* worker.h - what core keeps for a worker thread: slab, output, configurations, run state.
 *
 * The server embeds it, supplies `send`, and calls flush at the end of each batch.
 * Threads: its own, except where said.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/list.h"
#include "base/rcu.h"
#include "core/query.h"
#include "io/clock.h"
#include "io/loop.h"

struct nd_gen;

/* A generation as one worker sees it. */
struct nd_worker_gen {
	struct nd_gen *gen;
	void **state;     /* per instance: worker_size bytes */
	uint32_t queries; /* of this worker that run under it */
	bool retired;     /* a newer one serves; ends with its last query */
	struct nd_list link;
};

struct nd_worker {
	uint16_t id;
	struct nd_loop *loop;
	void *server; /* the server's own */
	/* Sends q->ans (final bytes) to q->client; queues it for the flush. */
	void (*send)(struct nd_worker *w, struct nd_query *q);
	/* Sends what is queued, then calls nd_worker_flushed(). Core calls it when the output is
	 * full; the server at the end of each batch and each turn. */
	void (*flush)(struct nd_worker *w);

	/* A query with q->on_release set ends, answered or not. */
	void (*on_release)(struct nd_query *q);

	struct nd_worker_gen *gen; /* serves new queries */
	struct nd_list gens;       /* all that still have queries */

	/* Slab of queries; grows by pages up to max. */
	struct nd_list free, parked; /* parked: oldest first */
	uint32_t nslots, max_slots, nparked;
	void *pages;
	struct nd_timer deadline;

	/* Where replies are written: records of one query at a time; the bytes of a batch stand
	 * behind each other. */
	uint8_t *out;
	uint32_t out_used, out_cap;
	struct nd_record *record;             /* index of the query that runs */
	uint8_t *scratch[ND_QUERY_DEPTH_MAX]; /* sub-queries by depth, made when first needed */
	struct nd_record *scratch_record[ND_QUERY_DEPTH_MAX];

	bool batch;       /* inside of nd_worker_batch_begin and end */
	uint32_t running; /* depth of chain runs on the stack */
	struct nd_list
		resumes; /* resumed from inside another query's run: run when the stack is empty */
	uint64_t now_ns;
	uint64_t shed, cancelled; /* counted: slab full; deadline */
};

enum { ND_WORKER_RECORDS_MAX = 4096, ND_WORKER_TIMEOUT_S = 10 };

/* max_parked: slots of the slab. 0 or a negative error; clear takes half-built ones. */
int nd_worker_init(struct nd_worker *w, uint16_t id, struct nd_loop *loop, uint32_t max_parked);
void nd_worker_clear(struct nd_worker *w);
/* On its own thread: runs worker_start of all plugins; new queries go to gen from now on. 0, or an
 * error and the old stays. */
int nd_worker_adopt(struct nd_worker *w, struct nd_gen *gen);
/* On its own thread: cancels what is parked, runs worker_stop of all. */
void nd_worker_leave(struct nd_worker *w);
/* What plugins read under RCU stands still between these. */
static inline void nd_worker_rcu_lock(const struct nd_worker *w)
{
	if (!w->batch)
		nd_rcu_read_lock();
}
static inline void nd_worker_rcu_unlock(const struct nd_worker *w)
{
	if (!w->batch)
		nd_rcu_read_unlock();
}
/* Around many questions that came at once: it stands still for all of them, and is locked once. */
static inline void nd_worker_batch_begin(struct nd_worker *w)
{
	nd_worker_rcu_lock(w);
	w->batch = true;
}
static inline void nd_worker_batch_end(struct nd_worker *w)
{
	w->batch = false;
	nd_worker_rcu_unlock(w);
}
/* All replies of the batch are out: the output may be reused. */
static inline void nd_worker_flushed(struct nd_worker *w)
{
	w->out_used = 0;
}
/* All that was sent on a connection is written: answers of several messages go on. Its own thread,
 * from the loop. */
void nd_worker_drained(struct nd_worker *w, const void *conn);
/* Ends every query of a connection that has closed: client.conn == conn; the parked ones are
 * cancelled, nothing is sent. */
void nd_worker_drop_conn(struct nd_worker *w, const void *conn);
/* Queries parked here, for the server's drain. */
static inline uint32_t nd_worker_waiting(const struct nd_worker *w)
{
	return w->nparked;
}
