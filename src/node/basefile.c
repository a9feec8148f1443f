/* SPDX-License-Identifier: Apache-2.0 */
#include "node/basefile.h"

#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "io/file.h"
#include "io/filewrite.h"

enum { TEXT_MAX = 4 << 20 };

struct nd_basefile {
	struct nd_basefile_config config;
	struct nd_kubedns kubedns;
	struct nd_buf accepted; /* the last text that was valid, and is in the file */
	bool has_accepted;
};

struct nd_basefile *nd_basefile_new(const struct nd_basefile_config *c)
{
	struct nd_basefile *b = calloc(1, sizeof *b);

	if (!b)
		return NULL;
	b->config = *c;
	nd_buf_init(&b->accepted, TEXT_MAX);
	return b;
}

void nd_basefile_free(struct nd_basefile *b)
{
	if (!b)
		return;
	nd_kubedns_clear(&b->kubedns);
	nd_buf_clear(&b->accepted);
	free(b);
}

static bool has_text(const char *path, const struct nd_buf *text)
{
	struct nd_buf now;

	nd_buf_init(&now, TEXT_MAX);
	bool equal = nd_file_read(path, &now) == 0 && now.len == text->len &&
		     memcmp(nd_buf_string(&now), nd_buf_string(text), text->len) == 0;
	nd_buf_clear(&now);
	return equal;
}

static int update_kubedns(struct nd_basefile *b, struct nd_diag *d)
{
	struct nd_kubedns fresh;
	int err = b->config.kubedns ? nd_kubedns_read(b->config.kubedns, &fresh, d) : 0;

	if (err || !b->config.kubedns)
		return err;
	nd_kubedns_clear(&b->kubedns);
	b->kubedns = fresh;
	return 0;
}

static int render(struct nd_basefile *b, struct nd_buf *out, struct nd_diag *d)
{
	struct nd_buf base;
	const char *path = b->config.base;

	nd_buf_init(&base, TEXT_MAX);
	int err = nd_file_read(path, &base);
	if (err)
		nd_diag_at(d, path, 0, "cannot be read: %s", nd_err_text(err));
	else
		err = nd_template_render(path, nd_buf_string(&base), &b->config.values, &b->kubedns,
					 out, d);
	nd_buf_clear(&base);
	return err;
}

/* Validates the text and writes it if the file differs. */
static int check_and_write(struct nd_basefile *b, const struct nd_buf *text, bool *written,
			   struct nd_diag *d)
{
	const char *path = b->config.corefile;
	int err = b->config.check(b->config.ctx, nd_buf_string(text), d);

	if (err || has_text(path, text))
		return err;
	err = nd_filewrite_replace(path, nd_buf_string(text), text->len, 0644);
	if (err)
		return nd_diag_at(d, path, 0, "cannot be written: %s; set -conf to a writable path",
				  nd_err_text(err));
	*written = true;
	return 0;
}

static bool equal(const struct nd_buf *a, const struct nd_buf *b)
{
	return a->len == b->len && memcmp(nd_buf_string(a), nd_buf_string(b), a->len) == 0;
}

int nd_basefile_update(struct nd_basefile *b, bool *written, struct nd_diag *d)
{
	struct nd_buf text;
	struct nd_diag second = { 0 };
	int first = update_kubedns(b, d);

	*written = false;
	nd_buf_init(&text, TEXT_MAX);
	int err = render(b, &text, &second);
	bool changed = !b->has_accepted || !equal(&text, &b->accepted);
	if (!err && changed)
		err = check_and_write(b, &text, written, &second);
	if (!err && changed) {
		nd_buf_clear(&b->accepted);
		b->accepted = text;
		b->has_accepted = true;
	} else {
		nd_buf_clear(&text);
	}
	if (err && !first)
		*d = second;
	return first ? first : err;
}
