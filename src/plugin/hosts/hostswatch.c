/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/hosts/hostswatch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/rcu.h"
#include "core/setup.h"
#include "io/file.h"
#include "io/loop.h"

enum {
	PIECE_BYTES = 32 << 10,
	SLICE_PIECES = 8, /* per turn of the loop: a few milliseconds */
	KEY_BYTES_MAX = 1 << 20,
};

struct nd_hostswatch {
	struct nd_hostsfile *_Atomic table; /* published by RCU; NULL: none */
	struct nd_hostsfile *next;          /* being read; NULL: not reading */
	int fd;                             /* while reading */
	struct nd_file_stamp reading, seen; /* seen: loaded, or rejected as too large */
	int64_t mtime_ns;
	int err; /* of the last attempt; logged once */
	struct nd_loop *loop;
	struct nd_timer timer;
	char *path;
	struct nd_name *zones;
	size_t nzones;
	bool reverse;
	int64_t reload_ns;
};

/* --- reading --- */

static void free_table(void *table)
{
	nd_hostsfile_free(table);
}

static void publish(struct nd_hostswatch *w, struct nd_hostsfile *t)
{
	struct nd_hostsfile *old = w->table;

	nd_rcu_publish(w->table, t);
	if (old)
		nd_rcu_defer(free_table, old);
	w->mtime_ns = w->reading.mtime_ns;
}

static void report(const struct nd_hostswatch *w, int err)
{
	const char *rest = w->table ? "keeping its last contents" : "it has no entries";

	if (err == ND_ELIMIT)
		nd_log_error("hosts",
			     "cannot read %s, %s: its table would exceed %zu MiB, three eighths of "
			     "the memory budget; raise -memory-limit or shorten the file",
			     w->path, rest, nd_hostsfile_limit() >> 20);
	else
		nd_log_error("hosts", "cannot read %s, %s: %s", w->path, rest, nd_err_text(err));
}

/* Ends an attempt. A file over the limit is not tried again until it changes; other errors may pass
 * without a change of the file. */
static void end(struct nd_hostswatch *w, int err)
{
	if (w->next)
		nd_file_close(w->fd);
	if (err) {
		nd_hostsfile_free(w->next);
		if (err != w->err || err == ND_ELIMIT)
			report(w, err);
	} else {
		publish(w, w->next);
	}
	w->next = NULL;
	w->err = err;
	if (!err || err == ND_ELIMIT)
		w->seen = w->reading;
}

/* Starts to read the file if it changed. */
static void begin(struct nd_hostswatch *w)
{
	struct nd_file_stamp now = nd_file_stamp(w->path);

	if (!now.exists || nd_file_stamp_equal(now, w->seen))
		return;
	w->reading = now;
	int err = nd_file_open(w->path, &w->fd);
	if (!err) {
		w->next = nd_hostsfile_new(w->zones, w->nzones, w->reverse, now.size);
		if (!w->next) {
			nd_file_close(w->fd);
			err = -ENOMEM;
		}
	}
	if (err)
		end(w, err);
}

/* Reads the next slice. */
static void read_slice(struct nd_hostswatch *w)
{
	char piece[PIECE_BYTES];
	int n = 1, err = 0;

	for (int i = 0; i < SLICE_PIECES && n > 0 && !err; i++) {
		n = nd_file_next(w->fd, piece, sizeof piece);
		if (n > 0)
			err = nd_hostsfile_add(w->next, piece, (size_t)n);
		else
			err = n ? n : nd_hostsfile_end(w->next);
	}
	if (err || n == 0)
		end(w, err);
}

/* Small files are complete after the first slice. */
static void check(struct nd_hostswatch *w)
{
	if (!w->next)
		begin(w);
	if (w->next)
		read_slice(w);
}

static void on_time(struct nd_timer *t);

/* One turn of the loop, and when the next one is due. */
static void turn(struct nd_hostswatch *w)
{
	check(w);
	if (w->next || w->reload_ns)
		nd_timer_start(w->loop, &w->timer, w->next ? 0 : (uint64_t)w->reload_ns, on_time);
}

static void on_time(struct nd_timer *t)
{
	turn(ND_CONTAINER(t, struct nd_hostswatch, timer));
}

/* --- sharing --- */

static int copy_options(struct nd_hostswatch *w, const struct nd_hostswatch_options *o)
{
	size_t names = o->nzones * sizeof *o->zones, bytes = 0;

	for (size_t i = 0; i < o->nzones; i++)
		bytes += o->zones[i].len;
	w->path = strdup(o->path);
	w->zones = malloc(names + bytes + 1);
	if (!w->path || !w->zones)
		return -ENOMEM;
	uint8_t *wire = (uint8_t *)w->zones + names;
	for (size_t i = 0; i < o->nzones; i++) {
		w->zones[i] = o->zones[i];
		w->zones[i].wire = memcpy(wire, o->zones[i].wire, o->zones[i].len);
		wire += o->zones[i].len;
	}
	w->nzones = o->nzones;
	w->reverse = o->reverse;
	w->reload_ns = o->reload_ns;
	return 0;
}

static void unmake(void *object)
{
	struct nd_hostswatch *w = object;

	nd_timer_stop(&w->timer);
	if (w->next)
		nd_file_close(w->fd);
	nd_hostsfile_free(w->next);
	nd_hostsfile_free(w->table);
	free(w->zones);
	free(w->path);
	free(w);
}

/* Reads the file to its end: no query needs an answer before. */
static void *make(void *ctx)
{
	struct nd_hostswatch *w = calloc(1, sizeof *w);

	if (w && copy_options(w, ctx)) {
		unmake(w);
		return NULL;
	}
	if (!w)
		return NULL;
	do
		check(w);
	while (w->next);
	return w;
}

struct nd_hostswatch *nd_hostswatch_share(struct nd_setup *s, const struct nd_hostswatch_options *o)
{
	struct nd_hostswatch *w = NULL;
	struct nd_buf key;

	nd_buf_init(&key, KEY_BYTES_MAX);
	nd_buf_printf(&key, "%s %d %lld ", o->path, o->reverse, (long long)o->reload_ns);
	for (size_t i = 0; i < o->nzones; i++)
		nd_buf_add(&key, o->zones[i].wire, o->zones[i].len);
	if (!key.err)
		w = nd_setup_share(s, "hosts", key.data, key.len, make,
				   (struct nd_hostswatch_options *)o, unmake);
	nd_buf_clear(&key);
	return w;
}

void nd_hostswatch_start(struct nd_hostswatch *w, struct nd_setup *s)
{
	w->loop = s->loop;
	turn(w);
}

const struct nd_hostsfile *nd_hostswatch_table(const struct nd_hostswatch *w)
{
	return nd_rcu_get(w->table);
}

int64_t nd_hostswatch_mtime_ns(const struct nd_hostswatch *w)
{
	return w->mtime_ns;
}
