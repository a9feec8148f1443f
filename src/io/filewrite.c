/* SPDX-License-Identifier: Apache-2.0 */
#include "io/filewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/err.h"

enum { CHUNK = 65536 };

int nd_filewrite_open(struct nd_filewrite *w, const char *path, uint64_t max_bytes)
{
	*w = (struct nd_filewrite){ .fd = -1, .left = max_bytes };
	nd_buf_init(&w->chunk, CHUNK);
	w->path = strdup(path);
	if (!w->path || asprintf(&w->fresh, "%s.new", path) < 0) {
		w->fresh = NULL;
		return w->err = -ENOMEM;
	}
	/* A file left by an earlier run is overwritten; a symbolic link is not followed. */
	w->fd = open(w->fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (w->fd < 0)
		w->err = -errno;
	return w->err;
}

static void flush(struct nd_filewrite *w)
{
	const char *at = w->chunk.data;

	for (size_t left = w->chunk.len; left && !w->err;) {
		ssize_t n = write(w->fd, at, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			w->err = -errno;
			break;
		}
		at += n;
		left -= (size_t)n;
	}
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
