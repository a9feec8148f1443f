/* SPDX-License-Identifier: Apache-2.0 */
/* world.h - a simulation of src/io: a second implementation of its headers, with a virtual clock,
 * seeded randomness, and a network that loses, delays, duplicates and reorders.
 *
 * Time jumps to the next event; events are ordered by time, then by creation. Randomness comes in
 * streams by purpose, so that a new draw in one does not change the others. world.c implements
 * clock.h, random.h and thread.h; sim_loop.c, sim_lookup.c, sim_udp.c, sim_tcp.c the others.
 *
 * Owns:    one world per process: the functions of src/io have no argument for it.
 * Threads: one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/heap.h"
#include "io/loop.h"

enum nd_world_stream {
	ND_WORLD_NETWORK,
	ND_WORLD_SERVER,
	ND_WORLD_CLIENTS,
	ND_WORLD_SCENE,
	ND_WORLD_STREAMS
};

/* Faults of the path between two hosts, in parts per million. Loopback has none. */
struct nd_world_link {
	uint64_t delay_min_ns, delay_max_ns;
	uint32_t loss_ppm, duplicate_ppm, reorder_ppm;
};

void nd_world_open(uint64_t seed);
/* All loops must be freed. */
void nd_world_close(void);
uint64_t nd_world_now_ns(void);
/* Runs all events up to that time. */
void nd_world_run(uint64_t until_ns);

/* For all paths between hosts. */
void nd_world_set_link(const struct nd_world_link *link);
/* A dark host is unreachable: nothing arrives at it or leaves it. IPv4. */
void nd_world_set_dark(const struct nd_addr *host, bool dark);
/* Each of the flows that exist between a host and an ephemeral port carries nothing any more, with
 * this probability: its NAT entry is gone. Flows from other ports work. Returns their number. */
unsigned nd_world_swallow_flows(const struct nd_addr *host, uint32_t ppm);
/* The flow of this ephemeral port is one of those. */
bool nd_world_is_swallowed(uint16_t port);
/* All hosts sleep, and their clocks run: what is due in this time happens at its end. */
void nd_world_sleep(uint64_t ns);
/* Sets the only name that the hosts' resolver knows, and how long a lookup takes. n 0: none. */
void nd_world_set_name(const char *name, const struct nd_addr *addrs, size_t n, uint64_t delay_ns);
/* The address of the host that a loop runs on: the source of its connections. */
void nd_world_set_host(struct nd_loop *loop, const struct nd_addr *host);

uint32_t nd_world_random(enum nd_world_stream s, uint32_t below);
/* Hash of all events so far: equal for two runs of a seed. */
uint64_t nd_world_trace(void);
/* Sockets and connections open now. */
unsigned nd_world_sockets(void);
/* Events so far. */
struct nd_world_counts {
	uint64_t sent, lost, duplicated, reordered, refused, streams;
};
struct nd_world_counts nd_world_counts(void);

/* --- between the files of the world --- */

struct nd_world_event {
	struct nd_heap_node node;
	struct nd_loop *loop; /* its turn ends with the event; NULL: none */
	void (*fn)(struct nd_world_event *e);
};

/* Calls fn, which frees e, at a time of the world. */
void nd_world_at(struct nd_world_event *e, uint64_t when_ns, struct nd_loop *loop,
		 void (*fn)(struct nd_world_event *e));
void nd_world_note(const void *bytes, size_t n); /* adds to the trace */
bool nd_world_is_dark(const struct nd_addr *host);
/* The delay of a datagram. False: it is lost. */
bool nd_world_transit(const struct nd_addr *from, const struct nd_addr *to, uint64_t *delay_ns);
bool nd_world_duplicates(void);
struct nd_addr nd_world_host(const struct nd_loop *loop);
size_t nd_world_find_name(const char *name, struct nd_addr *to, size_t max);
uint64_t nd_world_name_delay_ns(void);
uint16_t nd_world_port(void); /* an unused ephemeral port */
void nd_world_count_socket(int change);
void nd_world_forget_sockets(void);
void nd_world_count_refused(void);
void nd_world_count_stream(void);
/* Loops, which world.c runs. */
void nd_world_add_loop(struct nd_loop *loop);
void nd_world_del_loop(struct nd_loop *loop);
bool nd_world_loop_due(struct nd_loop *loop, uint64_t *when_ns);
void nd_world_loop_turn(struct nd_loop *loop);
struct nd_list *nd_world_loop_link(struct nd_loop *loop);
struct nd_loop *nd_world_loop_of(struct nd_list *link);
