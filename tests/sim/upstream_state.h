/* SPDX-License-Identifier: Apache-2.0 */
/* upstream_state.h - what upstream.c and upstream_stream.c need of each other. */
#pragma once

#include "base/buf.h"
#include "base/list.h"
#include "io/tcp.h"
#include "io/udp.h"
#include "sim/upstream.h"

struct sim_stream;

struct sim_upstream {
	struct nd_loop *loop;
	struct nd_addr addr;
	struct nd_udp *udp; /* NULL: stopped */
	struct nd_tcp_listener *tcp;
	struct sim_mood mood;
	struct sim_habit habit;
	struct sim_upstream_watch watch;
	size_t (*answer)(const uint8_t *question, size_t n, uint8_t *out, size_t limit, bool lie);
	struct nd_list streams, thoughts;
	uint32_t nstreams;
	struct sim_upstream_counts counts;
	uint16_t last_id, last_port;
};

/* An answer that is delayed. */
struct sim_thought {
	struct nd_list link;
	struct nd_timer timer;
	struct sim_upstream *u;
	struct nd_addr peer;
	struct sim_stream *stream; /* NULL: UDP, or the connection has closed */
	bool tcp;
	bool beside; /* not the answer */
	size_t n;
	uint8_t bytes[];
};

/* --- upstream.c --- */

/* Answers a query, some time later. False: never. */
bool sim_upstream_answer(struct sim_upstream *u, const uint8_t *query, size_t n,
			 const struct nd_addr *peer, struct sim_stream *stream);
void sim_upstream_note_lost(struct sim_upstream *u, const uint8_t *query, size_t n);

/* --- upstream_stream.c --- */

void sim_stream_accept(void *ctx, struct nd_tcp *tcp);
/* Sends an answer, and does what the habit wants after it. */
void sim_stream_say(struct sim_stream *c, const struct sim_thought *t);
void sim_stream_close(struct sim_stream *c);
void sim_stream_close_all(struct sim_upstream *u);
