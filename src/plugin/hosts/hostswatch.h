/* SPDX-License-Identifier: Apache-2.0 */
/* hostswatch.h - a hosts file on disk, read again when it changes.
 *
 * The first reading completes before the server starts. Later ones are cut into slices, so that the
 * control thread serves health checks meanwhile; workers use the old table until the new one is
 * complete. A file that cannot be loaded (unreadable, or over nd_hostsfile_limit) is logged, and
 * the last contents stay.
 *
 * Owns:    the descriptor and the tables. Shared by all blocks and generations with the same file,
 *          zones and options (nd_setup_share), so a reload of the Corefile does not read it again.
 * Threads: control; nd_hostswatch_table any, under RCU.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "plugin/hosts/hostsfile.h"

struct nd_hostswatch;
struct nd_setup;

struct nd_hostswatch_options {
	const char *path;
	const struct nd_name *zones;
	size_t nzones;
	bool reverse;
	int64_t reload_ns; /* between checks for a change; 0: none */
};

/* The watch with these options, held until the generation is freed; options are copied. NULL: out
 * of memory. From setup. */
struct nd_hostswatch *nd_hostswatch_share(struct nd_setup *s,
					  const struct nd_hostswatch_options *o);
/* Checks the file now, and from now on at intervals. From start. */
void nd_hostswatch_start(struct nd_hostswatch *w, struct nd_setup *s);
/* The table, or NULL: nothing was loaded yet. */
const struct nd_hostsfile *nd_hostswatch_table(const struct nd_hostswatch *w);
/* The modification time of the file in the table; 0 without one. */
int64_t nd_hostswatch_mtime_ns(const struct nd_hostswatch *w);
