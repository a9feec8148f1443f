/* SPDX-License-Identifier: Apache-2.0 */
/* dir.h - the files below a folder.
 *
 * Threads: any; blocks while the file system does. Not on the path of a query.
 */
#pragma once

enum {
	ND_DIR_DEPTH_MAX = 32,
	ND_DIR_ENTRIES_MAX = 100000, /* looked at in a walk */
};

/* Calls visit(ctx, path, name) for everything below the folder that is not a folder itself, in the
 * order of the names, as Go's filepath.Walk does: a link to a folder is not followed, but `path`
 * itself may be one. 0; -errno: a folder cannot be read, the others are; ND_ELIMIT. */
int nd_dir_walk(const char *path, void (*visit)(void *ctx, const char *path, const char *name),
		void *ctx);
