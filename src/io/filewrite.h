/* SPDX-License-Identifier: Apache-2.0 */
/* filewrite.h - a file written piece by piece beside its place, and put there whole by a rename.
 *
 * Not synced to the disk: after a power cut the file may be short or empty, and its reader must
 * notice. Owns:    a descriptor and the file PATH.new, until commit or abort. Errors:  sticky,
 * -errno or ND_ELIMIT: add as you like, check at commit. Threads: one at a time; blocks as long as
 * the file system does.
 */
#pragma once

#include <stdint.h>
#include "base/buf.h"

struct nd_filewrite {
	int fd;
	int err;
	uint64_t left;       /* of the maximum, octets */
	struct nd_buf chunk; /* what is not written yet */
	char *path, *fresh;
};

/* 0, or what stood in its way; then commit and abort do nothing more than give that back. */
int nd_filewrite_open(struct nd_filewrite *w, const char *path, uint64_t max_bytes);
void nd_filewrite_add(struct nd_filewrite *w, const void *bytes, size_t n);
/* 0: the file is there. Else the old one stands. Either way it is over. */
int nd_filewrite_commit(struct nd_filewrite *w);
void nd_filewrite_abort(struct nd_filewrite *w);
