/* SPDX-License-Identifier: Apache-2.0 */
/* filewrite.h - writes a file piece by piece under a temporary name and renames it into place.
 * No link is followed: PATH.new is created anew, and a link at PATH is replaced. A device, FIFO or
 * socket at PATH is an error.
 *
 * Owns:    a descriptor and the file PATH.new, until commit or abort.
 * Errors:  sticky, -errno, ND_ELIMIT or ND_ENOTREG: add everything, check at commit.
 * Threads: one at a time; blocks while the file system does.
 * Never:   syncs to disk. After a power failure the file may be short or empty, which its reader
 *          must detect.
 */
#pragma once

#include <stdint.h>
#include "base/buf.h"

struct nd_filewrite {
	int fd;
	int err;
	uint64_t left;       /* bytes that may still be added */
	struct nd_buf chunk; /* added but not written yet */
	char *path, *fresh;
};

/* 0 or an error. After an error, commit and abort only free w; commit returns the same error. */
int nd_filewrite_open(struct nd_filewrite *w, const char *path, uint64_t max_bytes);
void nd_filewrite_add(struct nd_filewrite *w, const void *bytes, size_t n);
/* 0: the file is in place. Otherwise the old file is unchanged. w is cleared in both cases. */
int nd_filewrite_commit(struct nd_filewrite *w);
/* Removes PATH.new and clears w. */
void nd_filewrite_abort(struct nd_filewrite *w);

/* Writes a whole file of n bytes; mode: of a new file. Where no file can be renamed to path,
 * because path is a mount or its folder not writable, writes in place. 0 or an error. */
int nd_filewrite_replace(const char *path, const void *bytes, size_t n, unsigned mode);
/* Removes a file or link; refuses anything else. 0 or an error. */
int nd_filewrite_remove(const char *path);
