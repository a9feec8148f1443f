/* SPDX-License-Identifier: Apache-2.0 */
#include "io/filewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/err.h"
#include "io/file.h"

enum { CHUNK = 65536 };

/* A link counts as replaceable, because rename(2) replaces the link and not its target. A device
 * must not be replaced by a file. */
static int check_replaceable(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	return S_ISREG(st.st_mode) || S_ISLNK(st.st_mode) ? 0 : ND_ENOTREG;
}

static int open_as(struct nd_filewrite *w, const char *path, uint64_t max_bytes, unsigned mode)
{
	*w = (struct nd_filewrite){ .fd = -1, .left = max_bytes };
	nd_buf_init(&w->chunk, CHUNK);
	w->path = strdup(path);
	if (!w->path || asprintf(&w->fresh, "%s.new", path) < 0) {
		w->fresh = NULL;
		return w->err = -ENOMEM;
	}
	w->err = check_replaceable(path);
	if (w->err)
		return w->err;
	unlink(w->fresh); /* left by an earlier run, or someone's link or FIFO */
	w->fd = open(w->fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (w->fd < 0)
		w->err = -errno;
	return w->err;
}

int nd_filewrite_open(struct nd_filewrite *w, const char *path, uint64_t max_bytes)
{
	return open_as(w, path, max_bytes, 0600);
}

static int write_whole(int fd, const char *at, size_t left)
{
	while (left) {
		ssize_t n = write(fd, at, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		left -= (size_t)n;
	}
	return 0;
}

static void flush(struct nd_filewrite *w)
{
	w->err = write_whole(w->fd, w->chunk.data, w->chunk.len);
	nd_buf_reset(&w->chunk);
}

void nd_filewrite_add(struct nd_filewrite *w, const void *bytes, size_t n)
{
	const char *at = bytes;

	if (!w->err && n > w->left)
		w->err = ND_ELIMIT;
	while (n && !w->err) {
		size_t room = CHUNK - w->chunk.len, some = n < room ? n : room;
		if (nd_buf_add(&w->chunk, at, some)) {
			w->err = w->chunk.err;
			return;
		}
		at += some;
		n -= some;
		w->left -= some;
		if (w->chunk.len == CHUNK)
			flush(w);
	}
}

static int end(struct nd_filewrite *w, bool keep)
{
	if (keep && !w->err)
		flush(w);
	if (w->fd >= 0 && close(w->fd) < 0 && !w->err)
		w->err = -errno;
	if (keep && !w->err && rename(w->fresh, w->path) < 0)
		w->err = -errno;
	if (w->fd >= 0 && (!keep || w->err))
		unlink(w->fresh);
	int err = w->err;
	nd_buf_clear(&w->chunk);
	free(w->path);
	free(w->fresh);
	*w = (struct nd_filewrite){ .fd = -1, .err = err };
	return err;
}

int nd_filewrite_commit(struct nd_filewrite *w)
{
	return end(w, true);
}

void nd_filewrite_abort(struct nd_filewrite *w)
{
	end(w, false);
}

/* --- small files --- */

/* The file itself may be mounted, or its folder not writable. */
static bool may_write_in_place(int err)
{
	return err == -EBUSY || err == -EXDEV || err == -EROFS || err == -EACCES || err == -EPERM;
}

static int write_in_place(const char *path, const void *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int err = nd_file_check_regular(fd);
	if (!err && ftruncate(fd, 0) < 0)
		err = -errno;
	if (!err)
		err = write_whole(fd, bytes, n);
	if (close(fd) < 0 && !err)
		err = -errno;
	return err;
}

int nd_filewrite_replace(const char *path, const void *bytes, size_t n, unsigned mode)
{
	struct nd_filewrite w;

	open_as(&w, path, n, mode);
	nd_filewrite_add(&w, bytes, n);
	int err = nd_filewrite_commit(&w);
	if (!may_write_in_place(err))
		return err;
	int second = write_in_place(path, bytes, n);
	return second == -ENOENT ? err : second;
}

int nd_filewrite_remove(const char *path)
{
	int err = check_replaceable(path);

	if (!err && unlink(path) < 0)
		err = -errno;
	return err;
}
