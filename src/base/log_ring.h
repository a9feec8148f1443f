/* SPDX-License-Identifier: Apache-2.0 */
/* log_ring.h - log lines on their way to a reader that may be slow or stuck.
 *
 * Lines are copied into a bounded ring; one thread of the ring's own writes them to the descriptor
 * and is the only one that waits for it. When the ring is full, lines are dropped and counted; once
 * the reader has caught up, a line reports how many. While lines are being lost, a line equal to
 * the one before it is counted and not stored ("last line repeated 3 times").
 *
 * Owns:    its memory and its thread; the descriptor is borrowed.
 * Threads: put, dropped: any, and they wait for a copy at most. start, stop: the control thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ND_LOG_RING_BYTES = 1 << 20, ND_LOG_RING_WRITE_BYTES = 64 << 10 };

struct nd_log_ring;

/* A ring of `bytes` whose lines go to fd. 0 or -errno. */
int nd_log_ring_start(int fd, size_t bytes, struct nd_log_ring **out);
/* n bytes of whole lines, each with its newline: stored all, or none. */
void nd_log_ring_put(struct nd_log_ring *r, const char *lines, size_t n);
/* Lines dropped so far. */
uint64_t nd_log_ring_dropped(struct nd_log_ring *r);
/* Waits until everything is written, for at most wait_ms; then ends the thread and frees the ring.
 * False: the reader was stuck. Then thread and ring stay until the process ends. */
bool nd_log_ring_stop(struct nd_log_ring *r, uint32_t wait_ms);
