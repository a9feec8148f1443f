/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cache/persist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/log.h"
#include "base/siphash.h"
#include "core/gen.h"
#include "core/process.h"
#include "io/clock.h"
#include "io/file.h"
#include "io/loop.h"
#include "plugin/cache/cachefile.h"

enum { LOOK_S = 1, VIEW_FILE_MAX = 1 << 20 };

struct nd_persist {
	struct nd_process *process;
	const struct nd_gen *gen; /* that collects the metrics */
	struct nd_timer timer;
	struct nd_list tables;
	struct nd_buf read; /* the file, until a configuration serves */
	uint64_t writes;    /* of the tables, when the file was written */
	uint64_t next_ns;   /* it is not written before */
	uint64_t failures, adopted;
	int failed; /* the error of the last write, or 0 */
	bool ended; /* written for the last time */
	char boot[ND_CACHEFILE_BOOT];
	_Alignas(8) uint8_t scratch[ND_STORE_SEGMENT];
};

/* --- reading --- */

static void read_file(struct nd_persist *p)
{
	const char *path = p->process->cache_file, *why = NULL;
	uint64_t age_s = 0;
	int err = nd_file_read(path, &p->read);

	if (!err)
		why = nd_cachefile_check(p->read.data, p->read.len, p->boot, nd_clock_now_ns(),
					 &age_s);
	if (why)
		nd_log_warning("cache", "cache file %s %s; ignoring it", path, why);
	else if (err && err != -ENOENT)
		nd_log_warning("cache", "cache file %s cannot be read: %s; ignoring it", path,
			       nd_err_text(err));
	if (why || err)
		nd_buf_clear(&p->read);
	else
		nd_log_info("cache", "using cache file %s, %llu s old", path,
			    (unsigned long long)age_s);
}

void nd_persist_serving(struct nd_persist *p)
{
	if (p)
		nd_buf_clear(&p->read);
}

/* --- writing --- */

static uint64_t count_writes(const struct nd_persist *p)
{
	uint64_t n = 0;

	ND_LIST_EACH(&p->tables, it)
		n += nd_store_writes(ND_LIST_ENTRY(it, struct nd_persist_table, link)->store);
	return n;
}

static int write_file(struct nd_persist *p)
{
	uint64_t now = nd_clock_now_ns();
	struct nd_cachefile w;

	nd_cachefile_open(&w, p->process->cache_file, p->boot, now);
	ND_LIST_EACH(&p->tables, it) {
		struct nd_persist_table *t = ND_LIST_ENTRY(it, struct nd_persist_table, link);
		nd_cachefile_add(&w, t->store, t->view, now, p->scratch);
	}
	return nd_cachefile_commit(&w);
}

static void save(struct nd_persist *p)
{
	uint64_t writes = count_writes(p);
	int err = write_file(p);

	if (err) {
		p->failures++;
		p->next_ns = nd_clock_now_ns() + ND_S(ND_PERSIST_RETRY_S);
		if (err != p->failed)
			nd_log_warning("cache",
				       "cache file %s cannot be written: %s; keeping the previous "
				       "one, trying again every %d s",
				       p->process->cache_file, nd_err_text(err),
				       ND_PERSIST_RETRY_S);
	} else {
		p->writes = writes;
		p->next_ns = nd_clock_now_ns() + ND_S(ND_PERSIST_S);
		if (p->failed)
			nd_log_info("cache", "cache file %s written again", p->process->cache_file);
	}
	p->failed = err;
}

static void on_timer(struct nd_timer *t)
{
	struct nd_persist *p = ND_CONTAINER(t, struct nd_persist, timer);

	if (count_writes(p) != p->writes && nd_clock_now_ns() >= p->next_ns)
		save(p);
	nd_timer_start(p->process->loop, t, ND_S(LOOK_S), on_timer);
}

/* --- tables --- */

void nd_persist_add(struct nd_persist *p, struct nd_persist_table *t)
{
	t->persist = p;
	if (!p)
		return;
	nd_list_add(&p->tables, &t->link);
	if (p->read.len)
		p->adopted += nd_cachefile_adopt(p->read.data, p->read.len, t->view, t->store,
						 nd_clock_now_ns());
}

void nd_persist_remove(struct nd_persist_table *t)
{
	struct nd_persist *p = t->persist;

	if (!p)
		return;
	/* The process ends: the workers have stopped, and all tables are still there. */
	if (p->process->stopping && !p->ended) {
		p->ended = true;
		save(p);
	}
	nd_list_del(&t->link);
}

/* --- views --- */

static uint64_t add_file(uint64_t view, struct nd_setup *s, const char *arg)
{
	static const struct nd_siphash_key key;
	const char *path = strchr(arg, '/') ? nd_setup_path(s, arg) : NULL;
	struct nd_buf b;

	nd_buf_init(&b, VIEW_FILE_MAX);
	if (path && nd_file_read(path, &b) == 0)
		view = nd_siphash(&key, view, b.data, b.len);
	nd_buf_clear(&b);
	return view;
}

static uint64_t add_lines(uint64_t view, struct nd_setup *s, const struct nd_conf_line *line,
			  size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t a = 0; a < line[i].nargs; a++)
			view = add_file(view, s, line[i].args[a]);
		view = add_lines(view, s, line[i].block, line[i].nblock);
	}
	return view;
}

uint64_t nd_persist_view(struct nd_setup *s)
{
	const struct nd_conf_server *conf = s->block->conf;

	return add_lines(nd_setup_fingerprint(s), s, conf->directives, conf->ndirectives);
}

/* --- the object --- */

static void *make(void *ctx)
{
	struct nd_setup *s = ctx;
	struct nd_persist *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->process = s->process;
	nd_list_init(&p->tables);
	nd_buf_init(&p->read, ND_CACHEFILE_BYTES_MAX);
	if (nd_cachefile_read_boot(p->boot))
		read_file(p);
	else
		nd_log_warning("cache",
			       "the machine's boot id is not known: cache file %s is not "
			       "used",
			       s->process->cache_file);
	if (p->boot[0])
		nd_timer_start(s->process->loop, &p->timer, ND_S(LOOK_S), on_timer);
	else
		p->ended = true;
	return p;
}

static void unmake(void *object)
{
	struct nd_persist *p = object;

	nd_timer_stop(&p->timer);
	nd_buf_clear(&p->read);
	free(p);
}

struct nd_persist *nd_persist_get(struct nd_setup *s, int *err)
{
	struct nd_persist *p = NULL;

	if (s->process->cache_file)
		p = nd_setup_share(s, "cache file", "", 0, make, s, unmake);
	*err = s->process->cache_file && !p ? -ENOMEM : 0;
	return p;
}

uint64_t nd_persist_failures(const struct nd_persist *p)
{
	return p->failures;
}

uint64_t nd_persist_adopted(const struct nd_persist *p)
{
	return p->adopted;
}

bool nd_persist_first(struct nd_persist *p, const struct nd_gen *gen)
{
	bool first = p->gen != gen;

	p->gen = gen;
	return first;
}
