/* SPDX-License-Identifier: Apache-2.0 */
/* filewrite.h - writes a file piece by piece under a temporary name and renames it into place.
 *
 * Owns:    a descriptor and the file PATH.new, until commit or abort.
 * Errors:  sticky, -errno or ND_ELIMIT: add everything, check at commit.
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
