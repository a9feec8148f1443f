/* SPDX-License-Identifier: Apache-2.0 */
/* inplace.h - a small file changed where it lies.
 *
 * A resolv.conf in a container is bind-mounted: a rename onto it fails (EBUSY), and one beside it
 * would not be seen. So its bytes are written over; in a way that every reader, and a crash at any
 * point, finds lines that are whole.
 */
#pragma once

#include "base/buf.h"

struct nd_inplace {
	int fd;
	struct nd_buf text; /* as it is now */
};

/* Opens, locks against others who do the same (flock), reads. 0 or -errno, ND_ELIMIT (over max),
 * -EINVAL: not a regular file, or with NUL bytes. */
int nd_inplace_open(struct nd_inplace *f, const char *path, size_t max_bytes);
/* Writes; nothing, if it is the same. On failure the old text is put back as far as that can be
 * done. 0 or -errno. */
int nd_inplace_write(struct nd_inplace *f, const struct nd_buf *text);
void nd_inplace_close(struct nd_inplace *f);
