/* SPDX-License-Identifier: Apache-2.0 */
/* worker.h - core's part of a worker thread: slab, output, generations, queries in progress.
 *
 * Owns:    the slab of queries, the output buffers, the plugins' worker states. The server embeds
 *          it, supplies send, flush and on_release, and calls nd_worker_flushed().
 * Life:    nd_worker_init -> nd_worker_adopt ... nd_worker_leave -> nd_worker_clear.
 * Threads: its own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/list.h"
#include "base/rcu.h"
#include "base/siphash.h"
#include "core/query.h"
#include "io/clock.h"
#include "io/loop.h"

struct nd_gen;

enum { ND_WORKER_PEERS = 256 }; /* lists of waiting queries by client address */

/* A generation on one worker. */
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
	/* Queues the reply q->ans to q->client for the next flush. */
	void (*send)(struct nd_worker *w, struct nd_query *q);
	/* Sends what is queued, then calls nd_worker_flushed(). Called by core when the output is
	 * full, by the server at the end of each batch and each turn of the loop. */
	void (*flush)(struct nd_worker *w);

	struct nd_worker_gen *gen; /* serves new queries */
	struct nd_list gens;       /* all that have queries */

	/* The slab of queries; grows by pages, which are given back when they were not needed for
	 * some time. Sub-queries may take any slot; a request only while max_roots queries or fewer
	 * wait. */
	struct nd_list free, pages; /* pages: struct nd_query_page */
	uint32_t nslots, max_slots;
	uint32_t max_roots;
	/* max_roots is at most this: fewer after a shortage of memory (nd_query_note_shortage), and
	 * more again with each period of `relax`. UINT32_MAX: no shortage. */
	uint32_t roots_cap;
	struct nd_timer relax;
	uint32_t nparked;            /* queries that wait, with sub-queries */
	uint32_t most, most_before;  /* of nparked in this period, and the one before */
	uint32_t generation;         /* of the last query that was parked */
	struct nd_timer trim;        /* the period */
	struct nd_list parked;       /* clients' queries that wait, oldest first */
	struct nd_origin background; /* of queries without a client; they are in `parked`, too */
	struct nd_timer deadline;    /* of the first of them */
	/* The same by a keyed hash of the client's address, each oldest first. */
	struct nd_list peer[ND_WORKER_PEERS];
	uint32_t peer_waiting[ND_WORKER_PEERS];

	/* Replies of a batch are written one after the other into `out`; only the index of the one
	 * being written is kept. */
	uint8_t *out;
	uint32_t out_used, out_cap;
	struct nd_record *record;
	uint16_t udp_max; /* bytes of a UDP answer, whatever size the client accepts */
	uint8_t *scratch[ND_QUERY_DEPTH_MAX]; /* output of sub-queries by depth, made on demand */
	struct nd_record *scratch_record[ND_QUERY_DEPTH_MAX];
	/* By level: the query whose answer is open there; NULL: none. */
	struct nd_query *writer[ND_QUERY_DEPTH_MAX + 1];

	/* Of `peer`, and of tables that live as long as one answer. Random: clients and the API's
	 * objects choose what is in them. */
	struct nd_siphash_key hash_key;

	bool batch;             /* between nd_worker_batch_begin and _end */
	uint32_t running;       /* chain runs on the stack */
	struct nd_list resumes; /* queries resumed during a run: run when the stack is empty */
	uint64_t now_ns;
	uint64_t shed, cancelled; /* clients' queries cancelled: slab full; deadline */
	uint64_t refused;         /* sub-queries without a slot */
};

enum {
	ND_WORKER_RECORDS_MAX = 4096, /* records of an answer */
	/* A UDP datagram over IPv4: 65,535 bytes less the headers of IP (20) and UDP (8). */
	ND_WORKER_UDP_MAX = 65507,
	ND_WORKER_TIMEOUT_S = 10, /* a query waits at most this long */
};

/* max_roots: clients' queries that may wait. For sub-queries the slab has an eighth more, at least
 * ND_QUERY_DEPTH_MAX. 0 or a negative error. */
int nd_worker_init(struct nd_worker *w, uint16_t id, struct nd_loop *loop, uint32_t max_roots);
/* Accepts a worker whose init failed. */
void nd_worker_clear(struct nd_worker *w);
/* Calls worker_start of all plugins; new queries run under gen from now on. 0, or an error, and the
 * old generation stays. */
int nd_worker_adopt(struct nd_worker *w, struct nd_gen *gen);
/* Cancels what waits and calls worker_stop of all plugins. */
void nd_worker_leave(struct nd_worker *w);

/* An RCU read-side section: what plugins read does not change in it. Free within a batch. */
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
/* Around several requests received at once: one read-side section for all. */
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
/* All replies written so far are sent: the output may be reused. */
static inline void nd_worker_flushed(struct nd_worker *w)
{
	w->out_used = 0;
}

/* An origin without queries. */
void nd_origin_init(struct nd_origin *o, void (*on_release)(struct nd_origin *o));
/* The connection has written all that was sent: resumes its queries in nd_query_drain(). From the
 * loop. Costs its own queries only. */
void nd_origin_drained(struct nd_origin *o);
/* The connection has closed: cancels its waiting queries without an answer. From the loop. Costs
 * its own queries only. */
void nd_origin_drop(struct nd_origin *o);

/* Waiting queries, for the server's shutdown. */
static inline uint32_t nd_worker_waiting(const struct nd_worker *w)
{
	return w->nparked;
}
