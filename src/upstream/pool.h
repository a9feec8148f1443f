/* SPDX-License-Identifier: Apache-2.0 */
/* pool.h - one worker's sockets and connections to one upstream.
 *
 * UDP: up to ND_POOL_SOCKETS connected sockets, one picked at random for each query, each bound to
 * a port chosen by the kernel and retired after ND_POOL_SOCKET_USES queries. TCP: up to
 * ND_POOL_STREAMS connections with pipelined queries, answered in any order (RFC 7766 s6.2.1.1).
 *
 * Life:    reference-counted by the generations of a worker: created on the worker's thread for
 *          the first, closed there after the last. An unchanged configuration therefore keeps its
 *          sockets over a reload.
 * Threads: the worker's. Callbacks come from the loop, never from inside a call made here.
 * Reentry: on_reply and on_error may do anything, including dropping the last reference.
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
#include "upstream/rtt.h"

enum {
	ND_POOL_SOCKETS = 8,
	ND_POOL_SOCKET_USES = 64,
	ND_POOL_STREAMS = 4,
	ND_POOL_STREAM_FLIGHTS = 32, /* with this many in flight on each, another one is opened */
	ND_POOL_SUSPECT = 2,         /* timers fired in a row with no reply between */
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
	struct nd_pool *pool;
	const uint8_t *bytes; /* the owner's, until it is out of flight */
	size_t n;
	struct nd_conn *conn; /* NULL: not in flight */
	/* The connection has answered before: its end is not a failure of the server. */
	bool reused;
	/* A message with the id arrived; cut: it was longer than the receive buffer. The query
	 * remains in flight until nd_pool_forget(). */
	void (*on_reply)(struct nd_sent *s, const uint8_t *bytes, size_t n, bool cut);
	/* The connection failed, or an ICMP error quoted it; the query is no longer in flight.
	 * text: in Go's words. err 0: end of stream. */
	void (*on_error)(struct nd_sent *s, int err, const char *text);
};

struct nd_pool {
	struct nd_host *host;
	struct nd_loop *loop;
	struct nd_host_counts *counts;
	uint16_t worker;
	uint32_t refs;
	struct nd_tls_target tls; /* with host->config.tls; holds the session to resume */
	struct nd_rtt rtt;
	uint32_t timers_in_row; /* fired since the last reply or successful probe */
	uint32_t epoch;         /* the host's, when timers_in_row was last touched */
	uint32_t strays;        /* since strays_ns */
	uint64_t strays_ns;
	struct nd_pool_socket *slot[ND_POOL_SOCKETS];
	struct nd_list sockets; /* those in slots, and retired ones with queries in flight */
	struct nd_list streams;
	struct nd_timer sweep;
	struct nd_probe probe;
};

/* NULL when memory is out. */
struct nd_pool *nd_pool_ref(struct nd_host *h, uint16_t worker, struct nd_loop *loop);
void nd_pool_unref(struct nd_pool *p);

/* Sends a message of n bytes; its id is written over the first two. A host with TLS gets it over
 * TLS, whatever `tcp` says. The callbacks of s must be set, and the other bytes stay as they are
 * while s is in flight. 0, or an error with its text. */
int nd_pool_send(struct nd_pool *p, struct nd_sent *s, bool tcp, uint8_t *bytes, size_t n,
		 char text[ND_POOL_ERROR_MAX]);
/* Sends the same message again, from the same port, with the same id. UDP only. */
void nd_pool_resend(struct nd_sent *s, uint8_t *bytes, size_t n);
/* Takes s out of flight; a later reply is ignored. Does nothing when it is not in flight. */
void nd_pool_forget(struct nd_sent *s);
/* The text of a timeout: "read udp A->B: i/o timeout". */
void nd_pool_timeout_text(const struct nd_sent *s, char text[ND_POOL_ERROR_MAX]);
/* nd_pool_forget() after a timeout; a TCP connection that is not open yet gets no new queries. */
void nd_pool_give_up(struct nd_sent *s);

/* Its connection is open; over UDP always true. */
bool nd_pool_is_open(const struct nd_sent *s);
/* Its connection has answered a query before; over UDP always true. */
bool nd_pool_has_answered(const struct nd_sent *s);

/* A message arrived that answers no query in flight. late: it has the id of an earlier one. With
 * ND_POOL_STRAYS_MAX of the others in a second, replies are forged: the host is guarded. */
void nd_pool_note_stray(struct nd_pool *p, bool late);
/* The same for an ICMP error that quotes no query in flight. */
void nd_pool_note_ignored_icmp(struct nd_pool *p, bool late);
/* A reply arrived. */
void nd_pool_note_reply(struct nd_pool *p);
/* A timer fired before a reply; with `probes`, ND_POOL_SUSPECT of these in a row start a probe. */
void nd_pool_note_timeout(struct nd_pool *p, bool probes);
/* ND_POOL_SUSPECT timers or more have fired in a row. */
bool nd_pool_suspect(const struct nd_pool *p);
