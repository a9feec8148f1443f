/* SPDX-License-Identifier: Apache-2.0 */
/* file.h - reading a file, at once or in pieces, and detecting that it changed.
 *
 * Threads: any; blocks while the file system does. Not on the path of a query.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

/* Appends the whole file to b; links are followed (Kubernetes mounts ConfigMaps and tokens as
 * links). 0, -errno, ND_ENOTREG (a FIFO, device or socket, which could block or never end), or
 * ND_ELIMIT (over b->max). */
int nd_file_read(const char *path, struct nd_buf *b);

/* The same in pieces. open: 0 and a descriptor, or an error as above. next: the number of bytes
 * read, up to n; 0 at the end; or -errno. */
int nd_file_open(const char *path, int *fd);
int nd_file_next(int fd, void *to, size_t n);
void nd_file_close(int fd);

/* Is the open file a regular one? 0, -EISDIR, ND_ENOTREG or -errno. */
int nd_file_check_regular(int fd);

/* Two different stamps mean that the file changed. */
struct nd_file_stamp {
	int64_t mtime_ns;
	uint64_t size, inode;
	bool exists;
};
struct nd_file_stamp nd_file_stamp(const char *path);
static inline bool nd_file_stamp_equal(struct nd_file_stamp a, struct nd_file_stamp b)
{
	return a.exists == b.exists && a.mtime_ns == b.mtime_ns && a.size == b.size &&
	       a.inode == b.inode;
}

/* The path of `name`, relative to the folder of the running program (/proc/self/exe: argv[0] may be
 * anything). 0, -errno, or -ENAMETOOLONG. */
int nd_file_beside(const char *name, char *path, size_t n);
