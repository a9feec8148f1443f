/* SPDX-License-Identifier: Apache-2.0 */
/* packets.h - the packets that an upstream gets for each question of a steady client, and whether
 * they are too many.
 *
 * Each question is due one packet, and one more for each that will not be answered: its flow was
 * swallowed, its connection ended, or the time for a reply (SIM_PACKETS_READ_MS) is over. Of the
 * others there may be SIM_PACKETS_EARLY for a question in its first second, and as many in all as
 * the quota of src/upstream allows.
 *
 * Threads: the simulation has one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { SIM_PACKETS_EARLY = 2, SIM_PACKETS_RETURN_MS = 300, SIM_PACKETS_READ_MS = 2000 };

struct sim_packets;

/* For a client that asks this many a second. */
struct sim_packets *sim_packets_new(unsigned per_second);
void sim_packets_free(struct sim_packets *p);
/* One for question i has arrived from this port. */
void sim_packets_note(struct sim_packets *p, unsigned i, uint16_t port);
/* One for question i will not be answered. */
void sim_packets_excuse(struct sim_packets *p, unsigned i);
/* The upstream answers none from now on: some packets for it wait for a connection. */
void sim_packets_note_away(struct sim_packets *p);
/* The upstream answered none for a time, and does now: each question of that time, which began
 * then, may be sent once more, and so may those of the time until its return is found. */
void sim_packets_excuse_return(struct sim_packets *p, uint64_t away_ns);
/* Segments are lost, and sent again by TCP, seconds later: from now on nothing counts. */
void sim_packets_stop(struct sim_packets *p);
/* Those beyond the ones due. */
uint64_t sim_packets_extra(const struct sim_packets *p);
/* NULL: never too many. */
const char *sim_packets_failure(const struct sim_packets *p);
