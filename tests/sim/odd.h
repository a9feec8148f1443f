/* SPDX-License-Identifier: Apache-2.0 */
/* odd.h - what a broken or hostile API server sends: objects that cannot be decoded, and lists
 * without an end.
 *
 * Threads: the simulation's one.
 */
#pragma once

#include "sim/encode.h"

/* Adds an object that no client can use; the others of the list or watch count. */
void sim_odd_item(struct sim_page *p);
void sim_odd_event(bool pb, enum nd_object_kind kind, struct nd_buf *to);

/* A list without an end. All zero: none yet. */
struct sim_odd_list {
	unsigned number, pages;
	uint64_t begun_ns;
	char failure[128]; /* the client requested too many pages, or too fast */
};

/* The continue token is one of sim_odd_list_next(). */
bool sim_odd_list_owns(const char *more);
/* Begins another list (more ""), or continues it: writes the next continue token. Returns the most
 * objects that the page may have. */
unsigned sim_odd_list_next(struct sim_odd_list *l, const char *more, char next[32]);
