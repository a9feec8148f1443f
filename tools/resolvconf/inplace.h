/* SPDX-License-Identifier: Apache-2.0 */
/* inplace.h - rewrites a small file in place.
 *
 * A resolv.conf in a container is bind-mounted: a rename onto it fails (EBUSY). So its bytes are
 * overwritten, in a way that a reader at any time, or after a crash, finds only whole lines.
 *
 * Owns:    the descriptor and the text, until closed.
 * Threads: one.
 */
#pragma once

#include "base/buf.h"

struct nd_inplace {
	int fd;
	struct nd_buf text; /* the current content */
};

enum { ND_INPLACE_LOCK_S = 5 };

/* Opens, locks against concurrent edits (flock) and reads. 0, -errno, ND_ELIMIT (longer than max),
 * -EWOULDBLOCK: another process has kept it locked for ND_INPLACE_LOCK_S; or -EINVAL: not a regular
 * file, or contains NUL bytes. */
int nd_inplace_open(struct nd_inplace *f, const char *path, size_t max_bytes);
/* Writes the text unless it is unchanged. On failure tries to restore the old text. 0 or -errno. */
int nd_inplace_write(struct nd_inplace *f, const struct nd_buf *text);
void nd_inplace_close(struct nd_inplace *f);
