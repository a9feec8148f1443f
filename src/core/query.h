/* SPDX-License-Identifier: Apache-2.0 */
/* query.h - one question being answered.
 *
 * Owns:    its slot in the worker's slab: request bytes (once parked), plugin states, small
 *          allocations. Reset, not freed; the slot never moves while it is in use.
 * Threads: its worker only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/list.h"
#include "core/answer.h"
#include "core/plugin.h"
#include "wire/msg.h"
#include "wire/type.h"

struct nd_chain;
struct nd_endpoint;
struct nd_site;
struct nd_worker;
struct nd_worker_gen;
struct nd_query_piece;
struct nd_query_saved;

enum nd_proto {
	ND_PROTO_UDP,
	ND_PROTO_TCP,
	ND_PROTO_TLS,
	ND_PROTO_HTTPS,
	ND_PROTO_QUIC,
	ND_PROTO_GRPC
};
extern const char *const nd_query_proto_text[]; /* "udp", "tcp", "tls", ... */

enum {
	ND_QUERY_DEPTH_MAX = 10, /* sub-queries below sub-queries */
	ND_QUERY_REQUEST_INLINE =
		512, /* longer requests (TCP only) are copied to the heap when parked */
	ND_QUERY_MEMORY_INLINE =
		768, /* plugin states and small allocations; more comes from the heap */
};

/* Who a reply goes to; the server's transports fill it. */
struct nd_client {
	struct nd_addr peer;
	struct nd_addr local; /* the address asked; len 0 where the socket does not tell */
	uint32_t ifindex;
	enum nd_proto proto;
	void *conn; /* the transport's own: socket or connection */
	uint32_t conn_generation;
};

struct nd_query {
	/* The question as the chain sees it; a plugin may change it (rewrite). Request bytes are
	 * borrowed from the batch until the query is parked, then lie in the slot. msg.qname views
	 * name_buf. */
	struct nd_msg msg;
	struct nd_name_buf name_buf;

	struct nd_client client;
	const struct nd_endpoint *endpoint; /* the listener, for labels: "dns://:53" */
	const struct nd_site *site;         /* NULL: no block matched */
	const struct nd_chain *chain;
	struct nd_worker *worker;

	uint16_t at;       /* index in the chain of the plugin that runs next */
	uint16_t from;     /* where it began: 0, or behind its parent's plugin (ND_ASK_BELOW) */
	uint16_t answerer; /* index of the one who said DONE or gave the last verdict */
	uint64_t want_reply, want_done; /* bit per chain index */

	struct nd_answer ans;
	uint16_t rcode; /* ND_RCODE_*, what the client will read */
	bool failed;    /* by nd_query_fail: nobody answered, the server writes the rcode itself */
	bool drop;
	bool parked, finished,
		queued;  /* core's: waiting; answered; in the worker's list of resumes */
	bool on_release; /* the transport wants to hear when it ends (nd_worker.on_release) */
	bool renamed;    /* the question was changed (nd_query_rename) */
	bool partial;    /* some messages of its answer are sent (nd_query_send_part) */
	bool draining, drained; /* parked until they are written; that has come */
	bool below;             /* a sub-query of those below its parent's plugin (ND_ASK_BELOW) */
	const char *error;      /* what went wrong, for plugin errors; query's or static memory */
	uint64_t start_ns;      /* loop's now when it came in */
	uint64_t deadline_ns;
	uint32_t size; /* octets of the request (a rewrite may change the question) */

	/* Sub-queries. */
	struct nd_query *parent;
	struct nd_query *child; /* at most one at a time */
	enum nd_verdict (*child_done)(const void *self, struct nd_query *q, struct nd_query *child);
	uint8_t depth;

	/* Core's own. */
	uint32_t generation; /* of the slot; counts up when it is freed */
	struct nd_list link; /* free list, or the worker's list of parked ones (oldest first) */
	struct nd_worker_gen *gen; /* the configuration it runs under, counted */
	enum nd_verdict resume_with;
	void *state[64]; /* per chain index, valid where the bit of state_set is on */
	uint64_t state_set;
	uint32_t memory_used;
	struct nd_query_piece *heap;  /* what did not fit */
	uint8_t *long_request;        /* heap copy of a request over ND_QUERY_REQUEST_INLINE */
	struct nd_query_saved *saved; /* partial answer while parked */
	uint8_t request[ND_QUERY_REQUEST_INLINE];
	_Alignas(16) uint8_t memory[ND_QUERY_MEMORY_INLINE];
};

/* This plugin's per-query state (query_size bytes), zeroed when first asked for; NULL when memory
 * is out. Only from the plugin's own functions (query, reply, done). */
void *nd_query_state(struct nd_query *q);
/* This plugin's state on q's worker. */
void *nd_query_worker_state(const struct nd_query *q);
/* n zeroed bytes that live as long as the query. NULL when out. */
void *nd_query_alloc(struct nd_query *q, size_t n);
/* printf into query memory; never NULL (falls back to the format). For q->error. */
const char *nd_query_printf(struct nd_query *q, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* From `query` only: the plugin's `reply` / `done` will be called. */
void nd_query_want_reply(struct nd_query *q);
void nd_query_want_done(struct nd_query *q);

/* From `query` only, before returning ND_WAIT. Copies what the batch owns into the slot. If the
 * slab is full the oldest parked query is cancelled first (SERVFAIL, counted). */
struct nd_query_ref nd_query_park(struct nd_query *q);
/* The query behind ref, or NULL if it is gone. */
struct nd_query *nd_query_find(struct nd_query_ref ref);
/* Lets a parked query go on with the verdict, as if its plugin had returned it just now: ND_NEXT
 * goes to the plugin behind, ND_DONE starts the way back. On its worker; not from inside that
 * query's own call. A stale ref does nothing. In chain.c. */
void nd_chain_resume(struct nd_query_ref ref, enum nd_verdict verdict);

/* An answer of several messages (zone transfers), on streams only; the way back sees the last one
 * alone. nd_query_send_part sends what stands in the answer as one of them, and begins the next.
 * `return nd_query_drain(q)` waits until the client has taken what was sent; then the plugin's
 * `query` is called again, with the answer as it stands. In chain.c. */
void nd_query_send_part(struct nd_query *q);
enum nd_verdict nd_query_drain(struct nd_query *q);

/* Asks something else: from the top of the whole site choice (CNAME targets, dns64), or only the
 * plugins below this one (autopath, prefetch). From `query` (or a child_done) only: `return
 * nd_query_ask(...)`. When the child has its answer, done(self, q, child) is called - perhaps
 * before this returns - and its verdict becomes q's; child->rcode and child->ans can be read until
 * done returns. Past ND_QUERY_DEPTH_MAX the child answers SERVFAIL. */
enum nd_ask_from { ND_ASK_SITE, ND_ASK_BELOW };
enum nd_verdict nd_query_ask(struct nd_query *q, struct nd_name name, uint16_t qtype,
			     enum nd_ask_from from,
			     enum nd_verdict (*done)(const void *self, struct nd_query *q,
						     struct nd_query *child));

/* Looks target up through the whole server with the question's type and appends the answer section
 * of what comes to q's; ends with ND_DONE. A failure leaves q's answer as it stands (CoreDNS's
 * upstream.Lookup). */
enum nd_verdict nd_query_chase(struct nd_query *q, struct nd_name target);

/* SERVFAIL, REFUSED, ... with the reason for the log; `return nd_query_fail(...)`. Drops what was
 * written. */
enum nd_verdict nd_query_fail(struct nd_query *q, uint16_t rcode, const char *why);

/* Changes the question that the plugins behind this one see; the answer starts anew for it. Who
 * does so puts the answer back in `reply`. From `query` only. */
void nd_query_rename(struct nd_query *q, struct nd_name name, uint16_t qtype);
/* The question as it stands, kept before a rename; and put back, letters and all. The answer starts
 * anew. */
struct nd_query_asked {
	struct nd_name_buf name;
	uint8_t len, labels;
	uint16_t qtype, qclass;
	bool renamed;
};
void nd_query_keep(const struct nd_query *q, struct nd_query_asked *asked);
void nd_query_restore(struct nd_query *q, const struct nd_query_asked *asked);

/* Octets that the client takes: 65535 on streams, else its EDNS size (512 at least). */
uint16_t nd_query_limit(const struct nd_query *q);
/* The question's name as it came, letters and all (points into the request). */
struct nd_name nd_query_name_asked(const struct nd_query *q);
