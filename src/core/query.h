/* SPDX-License-Identifier: Apache-2.0 */
/* query.h - one DNS query while it is answered, and what a plugin may do with it.
 *
 * Owns:    its slot in the worker's slab: the request's bytes (once parked), plugin states, small
 *          allocations. A slot is reset and reused, never moved.
 * Threads: its worker's only.
 * Errors:  SERVFAIL for the query; see each function.
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
struct nd_query_page;
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
	ND_QUERY_DEPTH_MAX = 10,       /* levels of sub-queries */
	ND_QUERY_BACKGROUND_MAX = 64,  /* queries without a client, per worker */
	ND_QUERY_REQUEST_INLINE = 272, /* bytes; a longer request moves to the heap when parked */
	ND_QUERY_MEMORY_INLINE = 384,  /* bytes of plugin states and small allocations; more comes
					* from the heap */
	ND_QUERY_STATES_INLINE = 8,    /* plugins with a state; a longer chain takes memory */
};

/* A socket or connection that requests come from. The transport embeds it, and keeps it open while
 * queries are in the list: their answers leave through it. */
struct nd_origin {
	struct nd_list queries; /* clients' queries that waited, until they end */
	uint32_t nqueries;
	void (*on_release)(struct nd_origin *o); /* one of them has ended; NULL: nothing */
};

/* Where the reply goes; filled by the transport. */
struct nd_client {
	struct nd_addr peer;
	struct nd_addr local; /* the address asked; len 0 if the socket does not report it */
	uint32_t ifindex;
	enum nd_proto proto;
	struct nd_origin *origin;
};

/* Where a query is in its life; chain.c has the picture. */
enum nd_query_life {
	ND_QUERY_FREE,     /* its slot is free */
	ND_QUERY_RUNNING,  /* a plugin or core works on it now */
	ND_QUERY_FINISHED, /* a sub-query with its answer, which its parent has not read yet */
	/* From here on it waits: nd_query_waits() in parts.h. */
	ND_QUERY_PARKED,   /* for nd_chain_resume(), or for its sub-query */
	ND_QUERY_QUEUED,   /* resumed while another query was running: runs after that one */
	ND_QUERY_DRAINING, /* until its connection has written all (nd_query_drain) */
	ND_QUERY_DRAINED,  /* that has happened; nd_origin_drained() resumes it */
};

/* Core's: what a slot forgets when the next query takes it; assigned as a whole. */
struct nd_query_run {
	const struct nd_chain *chain;
	uint64_t want_reply, want_done; /* bit per chain index */
	uint64_t state_set;             /* bit per chain index: its state was made */
	struct nd_query *parent;        /* NULL: a client's query, or one in the background */
	struct nd_query *child;         /* at most one at a time */
	void **more_states;             /* those that are not in slot.state */
	enum nd_query_life life;
	enum nd_verdict resume_with; /* QUEUED: the verdict to resume with */
	uint32_t memory_used;        /* bytes of slot.memory */
	uint16_t at;                 /* chain index of the plugin that runs next */
	uint16_t from;     /* chain index it began at: 0, or after its parent's plugin (below) */
	uint16_t answerer; /* chain index of the plugin with the last verdict */
	bool owned;        /* the request's bytes are the query's own */
	bool below;        /* a sub-query of the plugins below its parent's (ND_ASK_BELOW) */
	bool lost;         /* no memory to keep what was written before it was parked: SERVFAIL */
};

/* Core's: what a slot keeps. */
struct nd_query_slot {
	/* In the worker's list: FREE: free; QUEUED: resumes; a client's query that is PARKED,
	 * DRAINING or DRAINED: parked. A sub-query that waits is in none: its root is. */
	struct nd_list link;
	/* A client's query. In the list of its client's address, while it waits; in the list of
	 * its origin, since it first waited. */
	struct nd_list peer_link, origin_link;
	struct nd_query_page *page;
	/* For run.child. */
	enum nd_verdict (*child_done)(const void *self, struct nd_query *q, struct nd_query *child);
	struct nd_worker_gen *gen;    /* the configuration it runs under, counted */
	uint32_t generation;          /* +1 each time the slot is released */
	uint8_t peer;                 /* index of its client's list; valid in origin_link */
	uint64_t deadline_ns;         /* of a client's query that waits, with its sub-queries */
	struct nd_query_piece *heap;  /* allocations that did not fit into memory */
	struct nd_query_saved *saved; /* the partial answer of a parked query */
	struct nd_name_buf name_buf;  /* msg.qname points into it */
	void *state[ND_QUERY_STATES_INLINE]; /* by nd_link.state */
	uint8_t request[ND_QUERY_REQUEST_INLINE];
	_Alignas(16) uint8_t memory[ND_QUERY_MEMORY_INLINE];
};
_Static_assert(ND_QUERY_REQUEST_INLINE >= ND_MSG_HEADER + ND_NAME_MAX + 4, "a question fits");
_Static_assert(ND_CHAIN_MAX <= 64, "the masks of nd_query_run and nd_chain have a bit per plugin");

struct nd_query {
	/* The question as the plugins below see it; nd_query_rename() changes it. The bytes are the
	 * transport's until the query is parked, then the slot's. */
	struct nd_msg msg;
	uint32_t size; /* bytes of the request */

	struct nd_client client;
	const struct nd_endpoint *endpoint; /* the listener: "dns://:53" in labels */
	const struct nd_site *site;         /* NULL: no block matched */
	struct nd_worker *worker;
	uint64_t start_ns; /* the loop's time when it arrived */

	/* The answer. */
	struct nd_answer ans;
	const char *error; /* why it failed, for plugin errors; query's or static memory */
	uint16_t rcode;    /* ND_RCODE_* that the client reads */
	bool failed;       /* by nd_query_fail: no plugin answered, the server sends the rcode */
	bool drop;         /* no reply is sent */
	bool overload;     /* cancelled, or no room: its rcode says nothing about the name */

	uint32_t server_options; /* bit i: option i of the OPT was set by the configuration */
	bool renamed;            /* msg.qname and qtype are not the request's (nd_query_rename) */
	uint8_t depth; /* 0: a client's query; 1: in the background; levels of sub-queries */

	/* For the transport. */
	bool partial; /* messages of its answer were sent already (nd_query_send_part) */

	/* Core's own: plugins and transports do not touch these. */
	struct nd_query_run run;
	struct nd_query_slot slot;
};

/* --- memory --- */

/* This plugin's per-query state (query_size bytes), zeroed on first use. NULL: out of memory. From
 * the plugin's own functions only (query, reply, done, a label of its offer). */
void *nd_query_state(struct nd_query *q);
/* This plugin's state on q's worker (worker_size bytes). */
void *nd_query_worker_state(const struct nd_query *q);
/* n zeroed bytes that live as long as the query. NULL: out of memory. */
void *nd_query_alloc(struct nd_query *q, size_t n);
/* Formats into query memory, cut at 511 bytes. Out of memory: returns the format. For q->error. */
const char *nd_query_printf(struct nd_query *q, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* --- the way back --- */

/* From `query` only: this plugin's `reply` or `done` will be called. */
void nd_query_want_reply(struct nd_query *q);
void nd_query_want_done(struct nd_query *q);

/* SERVFAIL, REFUSED and the like, with the reason for the log: `return nd_query_fail(...)`. Removes
 * the records written so far. */
enum nd_verdict nd_query_fail(struct nd_query *q, uint16_t rcode, const char *why);

/* q gets no answer for lack of room. Neither do the queries above it: no answer is cached. */
void nd_query_mark_overload(struct nd_query *q);
/* Memory outside the slab was refused to q, of a kind that waiting queries hold. Fewer may wait for
 * some time: each further request sheds up to two before it runs, until that many are left. */
void nd_query_note_shortage(const struct nd_query *q);

/* --- waiting --- */

/* From `query` only, before it returns ND_WAIT. Copies what lies in the worker's buffers into the
 * slot. A client's query ends with SERVFAIL after ND_WORKER_TIMEOUT_S, and its sub-queries with it.
 * Until it ends it holds its configuration and its origin. */
struct nd_query_ref nd_query_park(struct nd_query *q);
/* The parked query of ref. NULL: it runs again, or has ended. */
struct nd_query *nd_query_find(struct nd_query_ref ref);
/* Resumes a parked query as if its plugin had returned the verdict now: ND_NEXT calls the next
 * plugin, ND_DONE starts the way back. On its worker; not from inside the `query` call that parked
 * it. A stale ref does nothing. In chain.c. */
void nd_chain_resume(struct nd_query_ref ref, enum nd_verdict verdict);

/* --- answers of several messages (zone transfers), on streams only --- */

/* Sends the answer written so far as one message and begins the next. `reply` and `done` see the
 * last message only. */
void nd_query_send_part(struct nd_query *q);
/* `return nd_query_drain(q)`: waits until the connection has written all that was sent; then the
 * plugin's `query` is called again. */
enum nd_verdict nd_query_drain(struct nd_query *q);

/* --- sub-queries --- */

enum nd_ask_from {
	ND_ASK_SITE,  /* the whole server, from the choice of the block on (CNAME targets) */
	ND_ASK_BELOW, /* the plugins after this one in its chain (autopath) */
};

/* Asks another question, with the client's EDNS and flags: `return nd_query_ask(...)`, from `query`
 * or from the `done` of another sub-query. When the child has its answer, done(self, q, child) is
 * called, possibly before nd_query_ask() returns, and its verdict becomes q's; child->rcode and
 * child->ans are valid until done returns or asks again. Over ND_QUERY_DEPTH_MAX levels, without a
 * free slot or out of memory: q fails with SERVFAIL. */
enum nd_verdict nd_query_ask(struct nd_query *q, struct nd_name name, uint16_t qtype,
			     enum nd_ask_from from,
			     enum nd_verdict (*done)(const void *self, struct nd_query *q,
						     struct nd_query *child));

/* Asks the whole server for target, with q's type, and appends the answer section of a NOERROR or
 * NXDOMAIN to q's, with its TC; ends with ND_DONE. Other rcodes and the depth limit leave q's
 * answer as it is (CoreDNS's upstream.Lookup). */
enum nd_verdict nd_query_chase(struct nd_query *q, struct nd_name target);

/* Queries in the background, for a plugin that answers q itself and wants a newer answer (cache).
 *
 * Makes a query for q's name, type and class for the plugins after the calling one, from q's client
 * over this protocol. Its request has RD, AD, q's CD, and q's EDNS without options. begin(self, b,
 * ctx) is called at once with the new query, as if from the plugin's `query`: it may use
 * nd_query_state() and nd_query_want_reply(). b runs when the queries that run now have ended; its
 * answer is seen by `reply` and `done` only. It has a deadline like a client's query, and is one of
 * those of the client when queries are shed. From `query` only. False: ND_QUERY_BACKGROUND_MAX of
 * this worker exist, or a quarter of the queries that may wait; or out of memory. */
bool nd_query_background(struct nd_query *q, enum nd_proto proto,
			 void (*begin)(const void *self, struct nd_query *b, void *ctx), void *ctx);

/* --- the question --- */

/* Replaces the question for the plugins below; the answer starts anew. The plugin restores it in
 * its `reply`. From `query` only. */
void nd_query_rename(struct nd_query *q, struct nd_name name, uint16_t qtype);

/* A question saved before a rename. */
struct nd_query_asked {
	struct nd_name_buf name;
	uint8_t len, labels;
	uint16_t qtype, qclass;
	bool renamed;
};
void nd_query_keep(const struct nd_query *q, struct nd_query_asked *asked);
/* Restores it, in the client's letter case. The answer starts anew. */
void nd_query_restore(struct nd_query *q, const struct nd_query_asked *asked);
/* The question's name in the client's letter case. Points into the request, or, renamed, into the
 * query. */
struct nd_name nd_query_name_asked(const struct nd_query *q);

/* Bytes that the client accepts: 65535 on streams, else its EDNS size, at least 512. An answer over
 * UDP is also cut at nd_worker.udp_max. */
uint16_t nd_query_limit(const struct nd_query *q);
/* The plugin after this one in the chain, NULL if this is the last. */
const struct nd_plugin *nd_query_next_plugin(const struct nd_query *q);
