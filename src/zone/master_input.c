/* SPDX-License-Identifier: Apache-2.0 */
/* master_input.c - the files of a reader, and the window of text that it looks at. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "zone/master_parts.h"

enum { WINDOW = 64 << 10 };

/* `path` as written in the file `from`: relative to the folder of that file. Heap. */
static char *join(const char *from, const char *path)
{
	const char *slash = from && path[0] != '/' ? strrchr(from, '/') : NULL;
	size_t folder = slash ? (size_t)(slash - from) + 1 : 0, n = strlen(path);
	char *to = malloc(folder + n + 1);

	if (!to)
		return NULL;
	if (folder)
		memcpy(to, from, folder);
	memcpy(to + folder, path, n + 1);
	return to;
}

int nd_master_input_open(struct nd_master *m, const char *path, struct nd_name origin)
{
	struct nd_master_input *outer = m->depth >= 0 ? &m->in[m->depth] : NULL;
	struct nd_master_input *in = &m->in[m->depth + 1];
	char *joined = join(outer ? outer->path : NULL, path);
	int handle, err = joined ? m->files.open(m->files.ctx, joined, &handle) : -ENOMEM;

	if (err) {
		nd_master_fail(m, err, "cannot open", path, strlen(path), nd_err_text(err));
		free(joined);
		return err;
	}
	*in = (struct nd_master_input){ .path = joined, .handle = handle, .open = true, .line = 1 };
	in->origin = nd_name_copy(origin, &in->origin_buf);
	if (outer) {
		in->ttl = outer->ttl;
		in->ttl_known = outer->ttl_known;
		in->ttl_directive = outer->ttl_directive;
	}
	m->depth++;
	return 0;
}

void nd_master_input_close(struct nd_master *m)
{
	struct nd_master_input *in = &m->in[m->depth--];

	if (in->open)
		m->files.close(m->files.ctx, in->handle);
	free(in->text);
	free(in->path);
	*in = (struct nd_master_input){ .text = NULL };
}

int nd_master_input_line(struct nd_master_input *in, size_t at)
{
	if (!in->text)
		return in->line;
	const char *p = in->text + in->counted, *end = in->text + at;
	while (p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		in->line++;
		p++;
	}
	in->counted = at;
	return in->line;
}

/* Moves the entry that is being read to the start of the window, and makes room. */
static int make_room(struct nd_master *m, struct nd_master_input *in)
{
	nd_master_input_line(in, in->pos);
	if (in->pos) {
		memmove(in->text, in->text + in->pos, in->len - in->pos);
		in->len -= in->pos;
		in->pos = in->counted = 0;
	}
	if (in->len < in->cap)
		return 0;
	if (in->cap >= ND_MASTER_RECORD_MAX)
		return nd_master_fail(m, ND_ELIMIT, "record over 256 KiB", NULL, 0,
				      "split it; a parenthesis or a quote may be open");
	size_t cap = in->cap ? 2 * in->cap : WINDOW;
	char *text = realloc(in->text, cap);
	if (!text)
		return nd_master_fail(m, -ENOMEM, "out of memory", NULL, 0, NULL);
	in->text = text;
	in->cap = cap;
	return 0;
}

int nd_master_input_fill(struct nd_master *m)
{
	struct nd_master_input *in = &m->in[m->depth];
	int err = make_room(m, in);

	if (err)
		return err;
	int n = m->files.next(m->files.ctx, in->handle, in->text + in->len, in->cap - in->len);
	if (n < 0)
		return nd_master_fail(m, n, "cannot read", in->path, strlen(in->path),
				      nd_err_text(n));
	in->eof = n == 0;
	in->len += (size_t)n;
	m->bytes += (uint64_t)n;
	if (m->bytes > ND_MASTER_BYTES_MAX)
		return nd_master_fail(m, ND_ELIMIT, "zone over 1 GiB of text", NULL, 0, NULL);
	return 0;
}
