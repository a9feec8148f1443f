/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/source.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"

enum {
	FILE_MAX = 16 << 20,    /* bytes of one file */
	EXPANDED_MAX = 1 << 16, /* bytes of one expanded word */
	EXPAND_STEPS = 100,     /* CoreDNS loops forever if X is "{$X}" */
	READ_BYTES = 1 << 16,
};

static int read_all(int fd, struct nd_buf *b)
{
	for (;;) {
		void *to = nd_buf_room(b, READ_BYTES);
		if (!to)
			return b->err;
		ssize_t n = read(fd, to, READ_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			b->data[b->len] = '\0';
			return n < 0 ? -errno : 0;
		}
		b->len += (size_t)n;
	}
}

static int read_fd(int fd, struct nd_arena *a, char **text, size_t *n)
{
	struct nd_buf b;

	nd_buf_init(&b, FILE_MAX + READ_BYTES);
	int err = read_all(fd, &b);
	char *copy = err ? NULL : nd_arena_text(a, nd_buf_string(&b), b.len);
	if (!err && !copy)
		err = ND_ELIMIT;
	if (!err) {
		*text = copy;
		*n = b.len;
	}
	nd_buf_clear(&b);
	return err;
}

/* As nd_file_read() of io, which conf may not include: a FIFO, device or socket could block or
 * never end. */
static int open_regular(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return errno == ENXIO ? ND_ENOTREG : -errno; /* ENXIO: a socket */
	int err = fstat(fd, &st) < 0     ? -errno
		  : S_ISDIR(st.st_mode)  ? -EISDIR
		  : !S_ISREG(st.st_mode) ? ND_ENOTREG
					 : 0;
	if (err)
		close(fd);
	return err ? err : fd;
}

static int read_file(void *ctx, const char *path, struct nd_arena *a, char **text, size_t *n)
{
	int fd = open_regular(path);
	(void)ctx;

	if (fd < 0)
		return fd;
	int err = read_fd(fd, a, text, n);
	close(fd);
	return err;
}

int nd_source_read_stdin(struct nd_arena *a, char **text, size_t *n)
{
	return read_fd(STDIN_FILENO, a, text, n);
}

/* The order of Go's Glob: files of one directory together, sorted by bytes. */
static int compare_paths(const void *a, const void *b)
{
	const unsigned char *x = *(unsigned char *const *)a, *y = *(unsigned char *const *)b;

	while (*x && *x == *y)
		x++, y++;
	int cx = *x == '/' ? 1 : *x, cy = *y == '/' ? 1 : *y;
	return cx - cy;
}

static bool is_dots(const char *path)
{
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	return strcmp(base, ".") == 0 || strcmp(base, "..") == 0;
}

/* GLOB_PERIOD: Go's "*" matches hidden files as well. */
static int find_paths(void *ctx, const char *pattern, struct nd_arena *a, char ***paths, size_t *n)
{
	glob_t g = { 0 };
	int ret = glob(pattern, GLOB_NOSORT | GLOB_PERIOD, NULL, &g);
	size_t found = 0;
	(void)ctx;

	char **list = ret == GLOB_NOSPACE ? NULL : nd_arena_array(a, g.gl_pathc + 1, sizeof *list);
	for (size_t i = 0; list && ret == 0 && i < g.gl_pathc; i++) {
		if (is_dots(g.gl_pathv[i]))
			continue;
		list[found] = nd_arena_string(a, g.gl_pathv[i]);
		if (!list[found++])
			list = NULL;
	}
	globfree(&g);
	if (!list)
		return ND_ELIMIT;
	qsort(list, found, sizeof *list, compare_paths);
	*paths = list;
	*n = found;
	return 0;
}

static const char *get_env(void *ctx, const char *name)
{
	(void)ctx;
	return getenv(name);
}

struct nd_conf_source nd_source_complete(const struct nd_conf_source *given)
{
	struct nd_conf_source s = given ? *given : (struct nd_conf_source){ 0 };

	if (!s.read_file)
		s.read_file = read_file;
	if (!s.glob)
		s.glob = find_paths;
	if (!s.env)
		s.env = get_env;
	return s;
}

/* Appends the components of `path` to to[0..n), dropping "." and resolving "..". Returns the new
 * length. `to` has room for all of path and a slash. */
static size_t append_path(char *to, size_t n, const char *path)
{
	size_t root = n && to[0] == '/' ? 1 : 0;

	for (size_t len; *path; path += len + (path[len] == '/')) {
		len = strcspn(path, "/");
		if (len == 0 || (len == 1 && path[0] == '.'))
			continue;
		bool up = len == 2 && path[0] == '.' && path[1] == '.';
		size_t last = n; /* start of the last component */
		while (last > root && to[last - 1] != '/')
			last--;
		bool stuck = n - last == 2 && to[last] == '.' && to[last + 1] == '.';
		if (up && n > root && !stuck) {
			n = last > root ? last - 1 : root;
			continue;
		}
		if (up && root)
			continue;
		if (n > root)
			to[n++] = '/';
		memcpy(to + n, path, len);
		n += len;
	}
	return n;
}

char *nd_source_join(struct nd_arena *a, const char *from, const char *path)
{
	const char *slash = strrchr(from, '/');
	size_t dir = path[0] == '/' || !slash ? 0 : (size_t)(slash - from) + 1, n = 0;
	char to[2 * ND_SOURCE_PATH_MAX + 4];
	char start[ND_SOURCE_PATH_MAX];

	if (dir >= sizeof start || strlen(path) >= ND_SOURCE_PATH_MAX)
		return NULL;
	memcpy(start, from, dir);
	start[dir] = '\0';
	if (path[0] == '/' || start[0] == '/')
		to[n++] = '/';
	n = append_path(to, n, start);
	n = append_path(to, n, path);
	if (n == 0)
		to[n++] = '.';
	return n < ND_SOURCE_PATH_MAX ? nd_arena_text(a, to, n) : NULL;
}

/* Replaces all occurrences of the first reference between `open` and `close`. 1: replaced, look
 * again; 0: none left; or a negative error. */
static int expand_one(const struct nd_conf_source *src, struct nd_arena *a, const char *open,
		      const char *close, const char **text)
{
	const char *at = strstr(*text, open), *end = at ? strstr(at, close) : NULL;

	/* "{%}": CoreDNS reads its "%}" as the end and stops. */
	if (!end || end <= at + 2)
		return 0;
	size_t ref = (size_t)(end - at) + strlen(close);
	char *name = nd_arena_text(a, at + 2, (size_t)(end - at) - 2);
	char *which = nd_arena_text(a, at, ref);
	if (!name || !which)
		return ND_ELIMIT;
	const char *value = src->env(src->ctx, name), *p = *text;
	struct nd_buf b;
	nd_buf_init(&b, EXPANDED_MAX);
	for (const char *hit; (hit = strstr(p, which)) != NULL; p = hit + ref) {
		nd_buf_add(&b, p, (size_t)(hit - p));
		nd_buf_text(&b, value ? value : "");
	}
	nd_buf_text(&b, p);
	const char *done = b.err ? NULL : nd_arena_text(a, nd_buf_string(&b), b.len);
	nd_buf_clear(&b);
	if (!done)
		return ND_ELIMIT;
	*text = done;
	return 1;
}

const char *nd_source_expand(const struct nd_conf_source *src, struct nd_arena *a, const char *text)
{
	static const char *const forms[][2] = { { "{%", "%}" }, { "{$", "}" } };

	for (size_t i = 0; i < ND_COUNT(forms); i++) {
		int ret = 1, steps = 0;
		while (ret == 1 && steps++ < EXPAND_STEPS)
			ret = expand_one(src, a, forms[i][0], forms[i][1], &text);
		if (ret != 0)
			return NULL;
	}
	return text;
}
