/* SPDX-License-Identifier: Apache-2.0 */
/* autodir.h - the zones of a folder: those whose file names match a regular expression.
 *
 * The folder is read at the start and at intervals. A new file is a new zone once its records are
 * loaded; a file that is gone takes its zone with it; each zone is read again when it changes
 * (authority/zonefile.h). Of two files for the same zone the first by path counts.
 *
 * Owns:    the zones. Shared by all blocks and generations with the same options (nd_setup_share).
 * Bounds:  ND_AUTODIR_ZONES_MAX zones; the limits of io/dir.h.
 * Threads: control; the zones that nd_autodir_find returns: any, under RCU.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "authority/zoneslot.h"

struct nd_autodir;
struct nd_loop;
struct nd_setup;

enum { ND_AUTODIR_ZONES_MAX = 10000 };

struct nd_autodir_options {
	const char *path, *pattern;
	const char *origin_template; /* Go's, with ${1} */
	int64_t reload_ns;           /* 0: only at the start */
};

/* Called when the records of a zone were replaced, or it is new. Embedded in its owner. */
struct nd_autodir_listener {
	struct nd_list link;
	void (*changed)(struct nd_autodir_listener *l, struct nd_name zone);
};

/* Held until the generation is freed; options are copied. NULL: out of memory, or an error in
 * s->diag. From setup. */
struct nd_autodir *nd_autodir_share(struct nd_setup *s, const struct nd_autodir_options *o);
void nd_autodir_start(struct nd_autodir *d, struct nd_loop *loop);
void nd_autodir_listen(struct nd_autodir *d, struct nd_autodir_listener *l);
void nd_autodir_unlisten(struct nd_autodir_listener *l); /* a zeroed one is fine */
/* Calls l for each zone. */
void nd_autodir_each(struct nd_autodir *d, struct nd_autodir_listener *l);

/* The longest loaded zone that contains the name, or, exact, the one with this name; or NULL. */
const struct nd_zoneslot *nd_autodir_find(const struct nd_autodir *d, struct nd_name lower,
					  bool exact);
