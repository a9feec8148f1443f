/* SPDX-License-Identifier: Apache-2.0 */
/* zoneload.h - reads one master file into a tree, some records at a time.
 *
 * Owns:    the reader, its files, and the records until they are taken.
 * Errors:  as in zone/master.h and zone/treebuild.h, with a message.
 * Threads: one at a time; blocks while the file system does.
 */
#pragma once

#include <stdbool.h>
#include "zone/tree.h"

struct nd_zoneload;

/* unless: the serial of the records that are in use; a file whose first SOA has it is not read to
 * its end. NULL: none. NULL is returned if memory is exhausted. */
struct nd_zoneload *nd_zoneload_new(const char *path, struct nd_name origin,
				    const uint32_t *unless);
void nd_zoneload_free(struct nd_zoneload *l); /* accepts NULL */

/* Reads up to n records. 1: there is more; 0: it is complete, or has not changed; or an error. */
int nd_zoneload_step(struct nd_zoneload *l, unsigned n);
/* False: its serial is that of the records in use. */
bool nd_zoneload_changed(const struct nd_zoneload *l);
bool nd_zoneload_includes(const struct nd_zoneload *l);
/* Makes the tree. */
int nd_zoneload_take(struct nd_zoneload *l, struct nd_tree **out);
const char *nd_zoneload_error(const struct nd_zoneload *l);
