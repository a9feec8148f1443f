/* SPDX-License-Identifier: Apache-2.0 */
/* zoneslot.h - the place where the records of a zone are published, and those who want to know of
 * new ones.
 *
 * Owns:    the tree.
 * Threads: control; nd_zoneslot_tree any, under RCU.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include "base/list.h"
#include "zone/tree.h"

struct nd_zoneslot {
	struct nd_tree *_Atomic tree; /* NULL: none yet */
	_Atomic bool expired;         /* they are too old to answer from */
	struct nd_name origin;        /* lower case; views origin_buf */
	struct nd_name_buf origin_buf;
	struct nd_list listeners;
};

/* Called when records were replaced. Embedded in its owner. */
struct nd_zoneslot_listener {
	struct nd_list link;
	void (*changed)(struct nd_zoneslot_listener *l, struct nd_zoneslot *s);
};

void nd_zoneslot_init(struct nd_zoneslot *s, struct nd_name origin);
void nd_zoneslot_clear(struct nd_zoneslot *s);
/* Takes t over and calls the listeners. */
void nd_zoneslot_publish(struct nd_zoneslot *s, struct nd_tree *t);
struct nd_tree *nd_zoneslot_tree(const struct nd_zoneslot *s);
void nd_zoneslot_listen(struct nd_zoneslot *s, struct nd_zoneslot_listener *l);
void nd_zoneslot_unlisten(struct nd_zoneslot_listener *l); /* a zeroed one is fine */
