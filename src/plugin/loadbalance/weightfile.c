/* SPDX-License-Identifier: Apache-2.0 */
/* The weight file on disk: read again when it changes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/log.h"
#include "base/rcu.h"
#include "base/time.h"
#include "io/file.h"
#include "io/loop.h"
#include "plugin/loadbalance/weights.h"

struct nd_weightfile {
	struct nd_weights *_Atomic table; /* published by RCU; NULL: none */
	struct nd_file_stamp seen;
	uint64_t reload_ns;
	struct nd_loop *loop;
	struct nd_timer timer;
	char *path;
};

static void free_table(void *table)
{
	nd_weights_free(table);
}

static void publish(struct nd_weightfile *f, struct nd_weights *w)
{
	struct nd_weights *old = f->table;

	nd_rcu_publish(f->table, w);
	if (old)
		nd_rcu_defer(free_table, old);
	nd_log_info("loadbalance", "Successfully reloaded weight file %s", f->path);
}

/* Reads the file if it changed. 0; an error, with a message if the file was read. */
static int load(struct nd_weightfile *f, struct nd_diag *d)
{
	struct nd_file_stamp now = nd_file_stamp(f->path);
	struct nd_weights *w = NULL;
	struct nd_buf text;

	if (now.exists && nd_file_stamp_equal(now, f->seen))
		return 0;
	nd_buf_init(&text, ND_WEIGHTS_BYTES_MAX);
	int err = nd_file_read(f->path, &text);
	if (!err)
		err = nd_buf_add(&text, "", 1);
	if (!err) {
		w = nd_weights_parse(text.data, f->path, d);
		err = w ? 0 : d->set ? ND_ECONF : -ENOMEM;
	}
	nd_buf_clear(&text);
	if (!err)
		publish(f, w);
	if (!err || d->set)
		f->seen = now;
	return err;
}

static void on_time(struct nd_timer *t)
{
	struct nd_weightfile *f = ND_CONTAINER(t, struct nd_weightfile, timer);
	struct nd_diag d = { 0 };
	int err = load(f, &d);

	if (err && d.set)
		nd_log_error(NULL, "%s", d.text);
	else if (err)
		nd_log_error("loadbalance", "weight file open error: %s: %s", f->path,
			     nd_err_text(err));
	nd_timer_start(f->loop, &f->timer, f->reload_ns, on_time);
}

static void unmake(void *object)
{
	struct nd_weightfile *f = object;

	nd_timer_stop(&f->timer);
	nd_weights_free(f->table);
	free(f->path);
	free(f);
}

struct want {
	struct nd_setup *s;
	const char *path;
	uint64_t reload_ns;
};

static void *make(void *ctx)
{
	const struct want *want = ctx;
	struct nd_weightfile *f = calloc(1, sizeof *f);
	struct nd_diag d = { 0 };

	if (!f || !(f->path = strdup(want->path))) {
		free(f);
		return NULL;
	}
	f->reload_ns = want->reload_ns;
	int err = load(f, &d);
	if (!err)
		return f;
	if (!d.set && f->reload_ns) { /* it may come later */
		nd_log_warning("loadbalance",
			       "Failed to open weight file:%s: %s. Will try again in %llus",
			       f->path, nd_err_text(err),
			       (unsigned long long)(f->reload_ns / ND_NS_PER_S));
		return f;
	}
	if (d.set)
		nd_diag_at(want->s->diag, want->s->directive->file, want->s->directive->line, "%s",
			   d.text);
	else
		nd_setup_error(want->s, NULL, "weight file open error: %s: %s", f->path,
			       nd_err_text(err));
	unmake(f);
	return NULL;
}

struct nd_weightfile *nd_weightfile_share(struct nd_setup *s, const char *path, uint64_t reload_ns)
{
	struct want want = { s, path, reload_ns };
	const char *key = nd_arena_printf(s->arena, "%llu %s", (unsigned long long)reload_ns, path);

	return key ? nd_setup_share(s, "weights", key, strlen(key), make, &want, unmake) : NULL;
}

void nd_weightfile_start(struct nd_weightfile *f, struct nd_loop *loop)
{
	f->loop = loop;
	if (f->reload_ns)
		nd_timer_start(loop, &f->timer, f->reload_ns, on_time);
}

const struct nd_weights *nd_weightfile_table(const struct nd_weightfile *f)
{
	return nd_rcu_get(f->table);
}
