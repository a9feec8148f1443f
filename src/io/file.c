/* SPDX-License-Identifier: Apache-2.0 */
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/err.h"
#include "base/time.h"

enum { CHUNK = 16384 };

int nd_file_check_regular(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	return S_ISREG(st.st_mode) ? 0 : ND_ENOTREG;
}

int nd_file_open(const char *path, int *out)
{
	/* O_NONBLOCK: the open of a FIFO does not wait for a writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return errno == ENXIO ? ND_ENOTREG : -errno; /* ENXIO: a socket */
	int err = nd_file_check_regular(fd);
	if (err)
		close(fd);
	else
		*out = fd;
	return err;
}

int nd_file_next(int fd, void *to, size_t n)
{
	for (;;) {
		ssize_t got = read(fd, to, n < INT_MAX ? n : INT_MAX);
		if (got >= 0)
			return (int)got;
		if (errno != EINTR)
			return -errno;
	}
}

void nd_file_close(int fd)
{
	close(fd);
}

/* Reads to the end of the file, not to the size given by stat(2), which is 0 under /proc and /sys.
 * When b is full, one more byte is read: if there is one, the file is too long. */
static int read_all(int fd, struct nd_buf *b)
{
	for (;;) {
		char spare;
		size_t left = b->max - b->len, want = left < CHUNK ? left : CHUNK;
		char *to = want ? nd_buf_room(b, want) : &spare;
		if (!to)
			return b->err;
		int n = nd_file_next(fd, to, want ? want : 1);
		if (n < 0)
			return n;
		if (n == 0)
			return nd_buf_add(b, "", 0);
		if (!want)
			return b->err = ND_ELIMIT;
		b->len += (size_t)n;
	}
}

int nd_file_read(const char *path, struct nd_buf *b)
{
	int fd, err = b->err;

	if (!err)
		err = nd_file_open(path, &fd);
	if (err)
		return err;
	err = read_all(fd, b);
	nd_file_close(fd);
	return err;
}

struct nd_file_stamp nd_file_stamp(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return (struct nd_file_stamp){ .exists = false };
	return (struct nd_file_stamp){
		.mtime_ns = st.st_mtim.tv_sec * (int64_t)ND_NS_PER_S + st.st_mtim.tv_nsec,
		.size = (uint64_t)st.st_size,
		.inode = st.st_ino,
		.exists = true,
	};
}

int nd_file_beside(const char *name, char *path, size_t n)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);

	if (len < 0)
		return -errno;
	self[len] = '\0';
	char *slash = strrchr(self, '/');
	if (!slash)
		return -ENOENT;
	*slash = '\0';
	return snprintf(path, n, "%s/%s", self, name) < (int)n ? 0 : -ENAMETOOLONG;
}
