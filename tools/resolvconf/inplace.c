/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/resolvconf/inplace.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/err.h"
#include "base/time.h"

enum { LOCK_PAUSE_MS = 20 };

static int read_all(struct nd_inplace *f)
{
	for (;;) {
		char chunk[4096];
		ssize_t n = read(f->fd, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		if (nd_buf_add(&f->text, chunk, (size_t)n) < 0)
			return f->text.err;
	}
	return f->text.len && strlen(f->text.data) != f->text.len ? -EINVAL : 0;
}

/* Bounded: any process that can read the file can hold a lock on it. */
static int lock(int fd)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_MS * (long)ND_NS_PER_MS };

	for (unsigned i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (i == ND_INPLACE_LOCK_S * 1000 / LOCK_PAUSE_MS)
			return -EWOULDBLOCK;
		nanosleep(&pause, NULL);
	}
	return 0;
}

int nd_inplace_open(struct nd_inplace *f, const char *path, size_t max_bytes)
{
	struct stat st;
	int err = 0;

	nd_buf_init(&f->text, max_bytes);
	f->fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (f->fd < 0)
		return -errno;
	if (fstat(f->fd, &st) < 0)
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = -EINVAL;
	if (!err)
		err = lock(f->fd);
	if (!err)
		err = read_all(f);
	if (err)
		nd_inplace_close(f);
	return err;
}

static int write_once(int fd, const struct nd_buf *b)
{
	ssize_t n;

	do
		n = pwrite(fd, nd_buf_string(b), b->len, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == b->len ? 0 : -ENOSPC;
}

/* Writes once, at least the old length, so that no old bytes remain after the new ones; the excess
 * is empty lines, which are truncated afterwards. */
static int put(int fd, const struct nd_buf *text, size_t old_len)
{
	struct nd_buf padded;

	nd_buf_init(&padded, text->max + old_len);
	nd_buf_add(&padded, text->data, text->len);
	while (padded.len < old_len && !padded.err)
		nd_buf_text(&padded, "\n");
	int err = padded.err ? -ENOMEM : write_once(fd, &padded);
	nd_buf_clear(&padded);
	if (!err && ftruncate(fd, (off_t)text->len) < 0)
		err = -errno;
	return err;
}

int nd_inplace_write(struct nd_inplace *f, const struct nd_buf *text)
{
	if (text->len == f->text.len &&
	    memcmp(nd_buf_string(text), nd_buf_string(&f->text), text->len) == 0)
		return 0;
	int err = put(f->fd, text, f->text.len);
	if (!err && fsync(f->fd) < 0 && errno != EINVAL) /* EINVAL: cannot be synced */
		err = -errno;
	if (err)
		put(f->fd, &f->text, text->len);
	return err;
}

void nd_inplace_close(struct nd_inplace *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	nd_buf_clear(&f->text);
}
