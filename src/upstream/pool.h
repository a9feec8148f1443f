/* SPDX-License-Identifier: Apache-2.0 */
/* pool.h - one worker's sockets and connections to one upstream.
 *
 * UDP: up to ND_POOL_SOCKETS connected sockets, one picked at random for each question, each from a
 * port of the kernel's choice and retired after ND_POOL_SOCKET_USES questions. TCP: up to
 * ND_POOL_STREAMS connections, each with many questions under way, answered in any order
 * (RFC 7766 s6.2.1.1, s7).
 *
 * Life:    counted by the generations that a worker serves; made on the worker's thread when the
 *          first begins, closed there when the last one ends. So an equal configuration keeps its
 *          sockets over a reload.
 * Threads: the worker's. Callbacks come from the loop, never from inside a call made here.
 * Reentry: on_reply and on_error may do anything, up to the end of the pool.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "io/loop.h"
#include "io/tcp.h"
#include "io/udp.h"
#include "upstream/flight.h"
#include "upstream/host.h"
#include "upstream/probe.h"
#include "upstream/rtt.h"

enum {
	ND_POOL_SOCKETS = 8,
	ND_POOL_SOCKET_USES = 64,
	ND_POOL_STREAMS = 4,
	ND_POOL_STREAM_FLIGHTS = 32, /* with more under way on each, another one is opened */
	ND_POOL_SUSPECT = 2,         /* timers fired in a row with no answer between */
	ND_POOL_ERROR_MAX = 256,
};

struct nd_pool_socket;
struct nd_pipeline;

/* A question that was sent, and awaits its answer. Embedded in its owner. */
struct nd_sent {
	struct nd_flight flight;
	struct nd_pool *pool;
	struct nd_pool_socket *socket; /* one of the two, while under way */
	struct nd_pipeline *stream;
	bool reused; /* the connection had answered before: if it ends now, that says nothing of the
			server */
	/* A message with our id came; cut: it was longer than what we read. It is still under way
	 * until nd_pool_forget(). */
	void (*on_reply)(struct nd_sent *s, const uint8_t *bytes, size_t n, bool cut);
	/* The socket or connection broke; it is under way no more. text: as Go says it. err 0: end
	 * of stream. */
	void (*on_error)(struct nd_sent *s, int err, const char *text);
};

struct nd_pool {
	struct nd_host *host;
	struct nd_loop *loop;
	struct nd_host_counts *counts;
	uint16_t worker;
	uint32_t refs;
	struct nd_rtt rtt;
	uint32_t timers_in_row; /* fired since the last answer or good probe */
	uint32_t epoch;         /* the host's, when timers_in_row was last touched */
	struct nd_pool_socket *slot[ND_POOL_SOCKETS];
	struct nd_list sockets; /* those in slots, and retired ones that still wait */
	struct nd_list streams;
	struct nd_timer sweep;
	struct nd_probe probe;
};

/* NULL without memory. */
struct nd_pool *nd_pool_ref(struct nd_host *h, uint16_t worker, struct nd_loop *loop);
void nd_pool_unref(struct nd_pool *p);

/* Sends a message of n octets, its id written over the first two. The callbacks of s are set
 * before. 0, or an error and its text. */
int nd_pool_send(struct nd_pool *p, struct nd_sent *s, bool tcp, uint8_t *bytes, size_t n,
		 char text[ND_POOL_ERROR_MAX]);
/* The same message again, from the same port, with the same id. UDP only. */
void nd_pool_resend(struct nd_sent *s, uint8_t *bytes, size_t n);
/* Not interested any more. Does nothing when it is not under way. */
void nd_pool_forget(struct nd_sent *s);
/* What to say when no answer comes: "read udp A->B: i/o timeout". */
void nd_pool_timeout_text(const struct nd_sent *s, char text[ND_POOL_ERROR_MAX]);
/* A TCP connection that does not even open is of no use to the next question either. */
void nd_pool_give_up(struct nd_sent *s);

/* Some answer came. */
void nd_pool_heard(struct nd_pool *p);
/* A timer fired without one; with `probes`, a probe starts once that has happened in a row. */
void nd_pool_missed(struct nd_pool *p, bool probes);
bool nd_pool_suspect(const struct nd_pool *p);

/* Between pool.c and pipeline.c. */
int nd_pipeline_send(struct nd_pool *p, struct nd_sent *s, uint8_t *bytes, size_t n,
		     char text[ND_POOL_ERROR_MAX]);
void nd_pipeline_forgotten(struct nd_pipeline *s);
void nd_pipeline_timeout_text(const struct nd_pipeline *s, char text[ND_POOL_ERROR_MAX]);
void nd_pipeline_give_up(struct nd_pipeline *s);
/* Closes the idle ones that are too old; with `all`, every one. */
void nd_pipeline_sweep(struct nd_pool *p, bool all);
void nd_pool_watch(struct nd_pool *p);
/* Has an idle socket or connection of these times had its time? */
bool nd_pool_too_old(const struct nd_pool *p, uint64_t created_ns, uint64_t used_ns);
/* "operation transport local->remote: what", as Go writes it. */
void nd_pool_text(char text[ND_POOL_ERROR_MAX], const char *operation, const char *transport,
		  const struct nd_addr *local, const struct nd_addr *remote, const char *call,
		  int err);
