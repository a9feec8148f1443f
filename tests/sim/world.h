/* SPDX-License-Identifier: Apache-2.0 */
/* world.h - the other side of the doors: the second implementation of src/io's headers, in one
 * thread, with a virtual clock, seeded randomness, and a network that loses, delays, doubles and
 * reorders.
 *
 * One world at a time in a process (the doors' functions have no argument for it). Time jumps to
 * the next event: events are a heap ordered by time, then by the order in which they were made.
 * Randomness comes in streams by purpose, so that a new draw in one does not reshuffle the others.
 * Files: clock.c's, random.c's and thread.c's doors are in world.c; loop.c, lookup.c, udp.c, tcp.c
 * have their own names here.
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

/* What a path does to what is sent over it; parts per million. The loopback of one host does
 * nothing. */
struct nd_world_link {
	uint64_t delay_min_ns, delay_max_ns;
	uint32_t loss_ppm, duplicate_ppm, reorder_ppm;
};

void nd_world_open(uint64_t seed);
/* Everything that the scene opened must be closed by then. */
void nd_world_close(void);
uint64_t nd_world_now_ns(void);
/* Lets everything happen up to that time. */
void nd_world_run(uint64_t until_ns);

/* All paths between hosts. */
void nd_world_set_link(const struct nd_world_link *link);
/* A host that has gone dark: nothing reaches it or comes from it. IPv4. */
void nd_world_set_dark(const struct nd_addr *host, bool dark);
/* What the hosts' resolver says of a name (one at a time is known), and how long it takes; n 0: it
 * knows none. */
void nd_world_set_name(const char *name, const struct nd_addr *addrs, size_t n, uint64_t delay_ns);
/* The address of the host that a loop runs on: the source of what it connects. */
void nd_world_set_host(struct nd_loop *loop, const struct nd_addr *host);

uint32_t nd_world_random(enum nd_world_stream s, uint32_t below);
/* Of all events so far: the same seed twice gives the same one. */
uint64_t nd_world_trace(void);
/* Sockets and connections open now. */
unsigned nd_world_sockets(void);
/* Datagrams lost, doubled, reordered so far: a run in which one stays zero has gone blind. */
struct nd_world_counts {
	uint64_t sent, lost, doubled, reordered, refused, streams;
};
struct nd_world_counts nd_world_counts(void);

/* --- between the files of the world --- */

struct nd_world_event {
	struct nd_heap_node node;
	struct nd_loop *loop; /* whose turn ends with it; NULL: none */
	void (*fn)(struct nd_world_event *e);
};

/* fn frees e. Times are of the world. */
void nd_world_at(struct nd_world_event *e, uint64_t when_ns, struct nd_loop *loop,
		 void (*fn)(struct nd_world_event *e));
void nd_world_note(const void *bytes, size_t n); /* into the trace */
bool nd_world_is_dark(const struct nd_addr *host);
/* How long a datagram is under way, or false: it is lost. local: both ends on one host. */
bool nd_world_transit(const struct nd_addr *from, const struct nd_addr *to, uint64_t *delay_ns);
bool nd_world_doubles(void);
struct nd_addr nd_world_host(const struct nd_loop *loop);
size_t nd_world_find_name(const char *name, struct nd_addr *to, size_t max);
uint64_t nd_world_name_delay_ns(void);
uint16_t nd_world_port(void); /* a fresh ephemeral one */
void nd_world_count_socket(int change);
void nd_world_count_refused(void);
void nd_world_count_stream(void);
/* Loops: world.c runs them. */
void nd_world_add_loop(struct nd_loop *loop);
void nd_world_del_loop(struct nd_loop *loop);
bool nd_world_loop_due(struct nd_loop *loop, uint64_t *when_ns);
void nd_world_loop_turn(struct nd_loop *loop);
struct nd_list *nd_world_loop_link(struct nd_loop *loop);
struct nd_loop *nd_world_loop_of(struct nd_list *link);
