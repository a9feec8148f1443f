/* SPDX-License-Identifier: Apache-2.0 */
/* pool.h - one worker's sockets and connections to one upstream.
 *
 * UDP: up to ND_POOL_SOCKETS connected sockets, one picked at random for each query, each bound to
 * a port chosen by the kernel and retired after ND_POOL_SOCKET_USES queries. TCP: up to
 * ND_POOL_STREAMS connections with pipelined queries, answered in any order (RFC 7766 s6.2.1.1).
 * A server that was found to answer in order gets one query at a time on each connection, and up to
 * ND_POOL_STREAMS_SINGLE of them.
 *
 * Each connection is judged by itself: conn.h.
 *
 * Life:    reference-counted by the generations of a worker: created on the worker's thread for
 *          the first, closed there after the last. An unchanged configuration therefore keeps its
 *          sockets over a reload.
 * Threads: the worker's. Callbacks come from the loop, never from inside a call made here.
 * Reentry: on_reply, on_error and on_move may do anything, including dropping the last reference.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "io/loop.h"
#include "io/tls.h"
#include "io/udp.h"
#include "upstream/flight.h"
#include "upstream/host.h"
#include "upstream/probe.h"
#include "upstream/quota.h"
#include "upstream/rtt.h"

enum {
	ND_POOL_SOCKETS = 8,
	ND_POOL_SOCKET_USES = 64,
	ND_POOL_STREAMS = 4,
	ND_POOL_STREAM_FLIGHTS = 32, /* with this many in flight on each, another one is opened */
	ND_POOL_STREAMS_SINGLE = 64,
	ND_POOL_STREAMS_IDLE = 8,
	ND_POOL_DOUBTED_MAX = 48,     /* sockets; and connections */
	ND_POOL_DOUBTED_SUSPECT = 12, /* the same, of a server that is silent as a whole */
	ND_POOL_DOUBT_MS = 6000, /* a doubted connection without queries is kept for this time */
	ND_POOL_OVERTOOK_S = 60, /* how long answers that overtake each other are remembered */
	ND_POOL_SUSPECT = 2,     /* timers fired in a row with no reply between */
	ND_POOL_ERROR_MAX = 256,
	/* Replies in a second that answer no query; with this many the host is guarded. */
	ND_POOL_STRAYS_MAX = 100,
};

struct nd_conn;
struct nd_pool_socket;

/* A query that was sent and awaits its reply. Embedded in its owner. */
struct nd_sent {
	struct nd_flight flight;
	struct nd_list order; /* in conn->sent */
	struct nd_list move;  /* in pool->moving */
	struct nd_pool *pool;
	const uint8_t *bytes; /* the owner's, until it is out of flight */
	size_t n;
	struct nd_conn *conn;    /* NULL: not in flight */
	uint64_t sent_ns;        /* for the first time on this connection */
	uint32_t answers_before; /* the connection's, at that time */
	bool queued;             /* others were outstanding on it then */
	bool overtaken;          /* the connection has answered a later one */
	bool head;               /* the oldest one of a connection when that was abandoned */
	/* For on_error: the end of the connection is not a failure of the server: send again. */
	bool again;
	/* A message with the id arrived; cut: it was longer than the receive buffer. The query
	 * remains in flight until nd_pool_forget(). */
	void (*on_reply)(struct nd_sent *s, const uint8_t *bytes, size_t n, bool cut);
	/* The connection failed, or an ICMP error quoted it; the query is no longer in flight.
	 * text: in Go's words. err 0: end of stream. */
	void (*on_error)(struct nd_sent *s, int err, const char *text);
	/* In flight, but a reply is unlikely: its connection was abandoned, or the server was away
	 * when it was sent and is back. It is to be sent again. */
	void (*on_move)(struct nd_sent *s);
};

/* Events of one kind in a row (pipeline_pick.c). */
struct nd_pool_series {
	uint32_t kind, n;
	uint64_t last_ns;
};

struct nd_pool {
	struct nd_host *host;
	struct nd_loop *loop;
	struct nd_host_counts *counts;
	uint16_t worker;
	uint32_t refs;
	struct nd_tls_target tls; /* with host->config.tls; holds the session to resume */
	struct nd_rtt rtt[2];     /* UDP, TCP */
	struct nd_quota quota;
	uint32_t timers_in_row; /* fired since the last reply or successful probe */
	uint64_t replied_ns;    /* the last reply to a query */
	uint32_t epoch;         /* the host's, when timers_in_row was last touched */
	uint32_t recoveries;    /* the host's, when queries were last sent again because of one */
	uint64_t recovered_ns;  /* that time */
	uint64_t trial_ns;      /* when a suspect server that is never probed was last tried */
	uint32_t strays;        /* since strays_ns */
	uint64_t strays_ns;
	struct nd_pool_socket *slot[ND_POOL_SOCKETS];
	struct nd_pool_socket *picked; /* last, at picked_ns; or NULL */
	uint64_t picked_ns;
	struct nd_list sockets; /* those in slots, and others with queries in flight */
	struct nd_list streams;
	uint32_t nsent;       /* queries in flight */
	uint32_t ndoubted[2]; /* sockets, connections */
	/* What was learned of its connections, for a time (pipeline_pick.c). */
	uint32_t stream_limit;
	uint64_t stream_limit_until_ns;
	struct nd_pool_series died, ignored;
	uint64_t overtook_ns; /* when an answer was last seen to overtake another one; 0: never */
	uint32_t refusals;    /* connections in a row that ended without any answer */
	uint64_t refused_until_ns; /* none is opened before */
	struct nd_list moving;     /* queries to be sent again */
	struct nd_timer move, pulse, sweep;
	struct nd_probe probe;
};

static inline enum nd_host_proto nd_pool_proto(const struct nd_pool *p, bool stream)
{
	const struct nd_host_config *c = &p->host->config;

	return !stream    ? ND_HOST_UDP
	       : c->https ? ND_HOST_HTTPS
	       : c->tls   ? ND_HOST_TLS
			  : ND_HOST_TCP;
}

/* NULL when memory is out. */
struct nd_pool *nd_pool_ref(struct nd_host *h, uint16_t worker, struct nd_loop *loop);
void nd_pool_unref(struct nd_pool *p);

/* How to send a query. */
struct nd_pool_way {
	bool tcp;
	/* After an earlier attempt, which was sent at since_ns: only on a connection opened or
	 * heard from since then, and not on one where the same bytes are in flight. 0: any. */
	uint64_t since_ns;
	const uint8_t *bytes;
};

/* Sends a message of n bytes; its id is written over the first two. The callbacks of s must be set,
 * and the other bytes stay as they are while s is in flight. A datagram that the kernel drops
 * counts as sent. A host with TLS gets it over TLS, whatever `tcp` says. 0, or an error with its
 * text. */
int nd_pool_send(struct nd_pool *p, struct nd_sent *s, const struct nd_pool_way *way,
		 uint8_t *bytes, size_t n, char text[ND_POOL_ERROR_MAX]);
/* Sends the same message again, from the same port, with the same id. UDP only. */
void nd_pool_resend(struct nd_sent *s, uint8_t *bytes, size_t n);
/* Takes s out of flight; a later reply is ignored. Does nothing when it is not in flight. */
void nd_pool_forget(struct nd_sent *s);
/* The text of a timeout: "read udp A->B: i/o timeout". */
void nd_pool_timeout_text(const struct nd_sent *s, char text[ND_POOL_ERROR_MAX]);
/* nd_pool_forget() after a timeout; a TCP connection that has delivered nothing since gets no new
 * queries. */
void nd_pool_give_up(struct nd_sent *s);

/* Its connection is open; over UDP always true. */
bool nd_pool_is_open(const struct nd_sent *s);
/* Its connection has answered a query before; over UDP always true. */
bool nd_pool_has_answered(const struct nd_sent *s);
/* Its connection is not doubted. */
bool nd_pool_is_trusted(const struct nd_sent *s);
/* How long no connection may be opened, because the last ones ended without any answer. */
uint64_t nd_pool_refused_ns(const struct nd_pool *p);

/* --- judging connections (conn.h) --- */

/* Time until the next step for s if there is no reply; sends: how often it has been sent. */
uint64_t nd_pool_timer_ns(const struct nd_sent *s, unsigned sends);
/* A first reply to s, which was sent once on its connection: a sample of the response time. */
void nd_pool_sample(const struct nd_sent *s);

enum nd_pool_state {
	ND_POOL_BUSY,   /* TCP: it has delivered something within this time; wait until again_ns */
	ND_POOL_ALIVE,  /* it has delivered something since s was sent */
	ND_POOL_SILENT, /* nothing; it is now doubted */
};

/* A timer of timer_ns has fired without a reply to s. */
enum nd_pool_state nd_pool_check(struct nd_sent *s, uint64_t timer_ns, uint64_t *again_ns);
/* The question of s was answered on another connection to the server, to which it was sent later;
 * prompt: within the usual time. */
void nd_pool_judge(struct nd_sent *s, bool prompt);

/* --- the server as a whole (pool_health.c) --- */

/* A message arrived that answers no query in flight. late: it has the id of an earlier one. With
 * ND_POOL_STRAYS_MAX of the others in a second, replies are forged: the host is guarded. */
void nd_pool_note_stray(struct nd_pool *p, bool late);
/* The same for an ICMP error that quotes no query in flight. */
void nd_pool_note_ignored_icmp(struct nd_pool *p, bool late);
/* A reply to s arrived. */
void nd_pool_note_reply(const struct nd_sent *s);
/* A timer fired before a reply to s; first: it was sent once to this server. With `probes`,
 * ND_POOL_SUSPECT of these in a row start a probe. */
void nd_pool_note_timeout(const struct nd_sent *s, bool first, bool probes);
/* ND_POOL_SUSPECT timers or more have fired in a row. */
bool nd_pool_suspect(const struct nd_pool *p);
/* True once a second, for a server that is suspect and not probed: a query finds out. */
bool nd_pool_take_trial(struct nd_pool *p);
/* A query needs the server, which does not answer: it is probed at short intervals. */
void nd_pool_want(struct nd_pool *p);
/* The server has answered a packet sent at sent_ns, and did not answer earlier probes. If nothing
 * else has arrived from it since those, it was away: queries in flight that were sent earlier are
 * sent again. A server that is slow answers in the order of sending, and gets nothing twice. */
void nd_pool_return(struct nd_pool *p, uint64_t sent_ns);
