/* SPDX-License-Identifier: Apache-2.0 */
/* zonerecv.h - the messages of a zone transfer, made into a tree (RFC 5936 s2.2).
 *
 * Owns:    the records until they are taken.
 * Errors:  ND_EFORMAT, or as in zone/treebuild.h; with a static text in *why.
 * Threads: one at a time.
 */
#pragma once

#include <stdbool.h>
#include "wire/msg.h"
#include "zone/tree.h"

struct nd_zonerecv;

struct nd_zonerecv *nd_zonerecv_new(struct nd_name origin); /* NULL: out of memory */
void nd_zonerecv_free(struct nd_zonerecv *r);               /* accepts NULL */
/* The next message. 1: more follow; 0: it ended with the second SOA; or an error. */
int nd_zonerecv_add(struct nd_zonerecv *r, const struct nd_msg *m, const char **why);
int nd_zonerecv_take(struct nd_zonerecv *r, struct nd_tree **out, const char **why);

/* The serial of the first SOA in the answer of a message. */
bool nd_zonerecv_serial(const struct nd_msg *m, uint32_t *serial);

struct nd_zonerecv_times {
	uint32_t refresh, retry, expire; /* seconds, of the SOA */
};
struct nd_zonerecv_times nd_zonerecv_times(const struct nd_tree *t);
