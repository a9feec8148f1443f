/* SPDX-License-Identifier: Apache-2.0 */
/* zonefile.h - a zone read from a master file, and read again when it changes.
 *
 * The first reading completes before the server starts. Later ones are cut into slices, so that the
 * control thread serves health checks meanwhile; workers use the old records until the new ones are
 * complete. As in CoreDNS a zone is replaced when the serial of its first SOA is another one, or,
 * by mtime, when the file is newer. A file that cannot be loaded (unreadable, malformed, over the
 * memory budget) is logged, and the last good records stay.
 *
 * Owns:    the reader and the tree. Shared by all blocks and generations with the same file, zone
 *          and options (nd_setup_share), so a reload of the Corefile does not read it again.
 * Threads: control.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "authority/zoneslot.h"

struct nd_loop;
struct nd_setup;
struct nd_zonefile;

struct nd_zonefile_options {
	const char *plugin; /* for the log; static */
	const char *path;
	struct nd_name origin; /* lower case */
	int64_t reload_ns;     /* between checks for a change; 0: none */
	bool by_mtime;
	bool required; /* a missing file is an error */
};

/* The zone with these options, held until the generation is freed; options are copied. NULL: out of
 * memory, or an error in s->diag. From setup. */
struct nd_zonefile *nd_zonefile_share(struct nd_setup *s, const struct nd_zonefile_options *o);
/* The same without sharing, for zones that come and go. With a loop it is started at once; without
 * one it is read to its end, and a failure is logged. NULL: out of memory. */
struct nd_zonefile *nd_zonefile_new(const struct nd_zonefile_options *o, struct nd_loop *loop);
/* Ends reading, on the control thread; nd_zonefile_free may then be called on any. */
void nd_zonefile_stop(struct nd_zonefile *z);
void nd_zonefile_free(struct nd_zonefile *z); /* accepts NULL */

/* Checks the file now, and from now on at intervals. */
void nd_zonefile_start(struct nd_zonefile *z, struct nd_loop *loop);
/* The file has another path. */
void nd_zonefile_move(struct nd_zonefile *z, const char *path);

/* Where its records are published. */
struct nd_zoneslot *nd_zonefile_slot(struct nd_zonefile *z);
