/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/auto/autodir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "authority/zonefile.h"
#include "base/array.h"
#include "base/log.h"
#include "base/rcu.h"
#include "base/time.h"
#include "core/setup.h"
#include "io/dir.h"
#include "io/loop.h"
#include "plugin/auto/autoname.h"

struct zone {
	struct nd_zoneslot_listener listener;
	struct nd_autodir *of;
	struct nd_zonefile *file;
	struct nd_zoneslot *slot; /* of the file */
	bool seen;                /* by this scan */
};

/* What workers read; replaced as a whole. */
struct table {
	size_t n;
	struct nd_zoneslot *slot[];
};

struct nd_autodir {
	struct table *_Atomic table; /* published by RCU; NULL: empty */
	struct zone **zones;
	size_t n, cap;
	bool dirty; /* zones differ from the table */
	struct nd_autoname *name;
	char *path;
	int64_t reload_ns;
	struct nd_loop *loop; /* NULL: not started */
	struct nd_timer timer;
	struct nd_list listeners;
	size_t doubles; /* files of the last scan whose zone another file has */
	int err;        /* of the last scan */
};

/* --- zones --- */

static void on_change(struct nd_zoneslot_listener *l, struct nd_zoneslot *slot)
{
	struct nd_autodir *d = ND_CONTAINER(l, struct zone, listener)->of;

	ND_LIST_EACH(&d->listeners, it) {
		struct nd_autodir_listener *x = ND_LIST_ENTRY(it, struct nd_autodir_listener, link);
		x->changed(x, slot->origin);
	}
}

static void free_file(void *file)
{
	nd_zonefile_free(file);
}

/* Workers may still read its slot. */
static void free_zone(struct zone *z)
{
	nd_zoneslot_unlisten(&z->listener);
	nd_zonefile_stop(z->file);
	nd_rcu_defer(free_file, z->file);
	free(z);
}

static struct zone *find_zone(const struct nd_autodir *d, struct nd_name origin)
{
	for (size_t i = 0; i < d->n; i++)
		if (nd_name_same(d->zones[i]->slot->origin, origin))
			return d->zones[i];
	return NULL;
}

static void add_zone(struct nd_autodir *d, const char *path, struct nd_name origin)
{
	struct nd_zonefile_options o = {
		.plugin = "auto", .path = path, .origin = origin, .reload_ns = d->reload_ns
	};
	struct zone **grown = nd_array_grow(d->zones, &d->cap, d->n + 1, sizeof *grown);
	struct zone *z = grown ? calloc(1, sizeof *z) : NULL;
	char text[ND_NAME_TEXT_MAX];

	if (grown)
		d->zones = grown;
	if (!z || d->n == ND_AUTODIR_ZONES_MAX || !(z->file = nd_zonefile_new(&o, d->loop))) {
		nd_log_error("auto", "cannot insert a zone from %s: %s", path,
			     d->n == ND_AUTODIR_ZONES_MAX ? "10000 zones are the limit"
							  : "out of memory");
		free(z);
		return;
	}
	z->of = d;
	z->seen = true;
	z->slot = nd_zonefile_slot(z->file);
	z->listener.changed = on_change;
	nd_zoneslot_listen(z->slot, &z->listener);
	d->zones[d->n++] = z;
	d->dirty = true;
	nd_name_format(origin, text);
	nd_log_info("auto", "Inserting zone `%s' from: %s", text, path);
}

/* --- scanning --- */

static void visit(void *ctx, const char *path, const char *name)
{
	struct nd_autodir *d = ctx;
	struct nd_name_buf buf;
	struct nd_name origin;

	if (!nd_autoname_origin(d->name, name, &buf, &origin))
		return;
	struct zone *z = find_zone(d, origin);
	if (!z) {
		add_zone(d, path, origin);
	} else if (z->seen) {
		d->doubles++;
	} else {
		z->seen = true;
		nd_zonefile_move(z->file, path);
	}
}

static void drop_unseen(struct nd_autodir *d)
{
	char text[ND_NAME_TEXT_MAX];
	size_t kept = 0;

	for (size_t i = 0; i < d->n; i++) {
		struct zone *z = d->zones[i];
		if (z->seen) {
			d->zones[kept++] = z;
			continue;
		}
		nd_name_format(z->slot->origin, text);
		nd_log_info("auto", "Deleting zone `%s'", text);
		d->dirty = true;
	}
	d->n = kept;
}

/* The removed zones are freed after the new table is published. */
static void publish(struct nd_autodir *d)
{
	struct table *t = malloc(sizeof *t + d->n * sizeof t->slot[0]), *old = d->table;

	if (!t) {
		nd_log_error("auto", "cannot change the zones: out of memory");
		return;
	}
	t->n = d->n;
	for (size_t i = 0; i < d->n; i++)
		t->slot[i] = d->zones[i]->slot;
	nd_rcu_publish(d->table, t);
	if (old)
		nd_rcu_defer(free, old);
	d->dirty = false;
}

static void report(struct nd_autodir *d, int err, size_t doubles_before)
{
	if (err && err != d->err)
		nd_log_warning("auto", "cannot read all of %s: %s", d->path, nd_err_text(err));
	d->err = err;
	if (d->doubles > doubles_before)
		nd_log_warning("auto",
			       "%zu files in %s have the zone of another file and are ignored; of "
			       "each zone the first one by path is used",
			       d->doubles, d->path);
}

static void scan(struct nd_autodir *d)
{
	size_t doubles = d->doubles, n = d->n;
	struct zone **before = NULL;

	for (size_t i = 0; i < d->n; i++)
		d->zones[i]->seen = false;
	d->doubles = 0;
	int err = nd_dir_walk(d->path, visit, d);
	report(d, err, doubles);
	if (n) {
		before = malloc(n * sizeof *before);
		if (!before)
			return; /* the next scan removes what is gone */
		memcpy(before, d->zones, n * sizeof *before);
	}
	drop_unseen(d);
	if (d->dirty)
		publish(d);
	for (size_t i = 0; i < n; i++)
		if (!before[i]->seen)
			free_zone(before[i]);
	free(before);
}

static void on_time(struct nd_timer *t)
{
	struct nd_autodir *d = ND_CONTAINER(t, struct nd_autodir, timer);

	scan(d);
	nd_timer_start(d->loop, &d->timer, (uint64_t)d->reload_ns, on_time);
}

/* --- life --- */

static void unmake(void *object)
{
	struct nd_autodir *d = object;
	struct table *t = d->table;

	nd_timer_stop(&d->timer);
	nd_rcu_publish(d->table, NULL);
	if (t)
		nd_rcu_defer(free, t);
	for (size_t i = 0; i < d->n; i++)
		free_zone(d->zones[i]);
	free(d->zones);
	nd_autoname_free(d->name);
	free(d->path);
	free(d);
}

struct making {
	struct nd_setup *s;
	const struct nd_autodir_options *o;
};

static void *make(void *ctx)
{
	const struct making *m = ctx;
	struct nd_autodir *d = calloc(1, sizeof *d);
	char why[256];

	if (!d)
		return NULL;
	nd_list_init(&d->listeners);
	d->reload_ns = m->o->reload_ns;
	d->path = strdup(m->o->path);
	int err = d->path ? nd_autoname_new(m->o->pattern, m->o->origin_template, &d->name, why,
					    sizeof why)
			  : ND_ELIMIT;
	if (err) {
		if (err == ND_EFORMAT)
			nd_setup_invalid(m->s, NULL, "regular expression", m->o->pattern, "%s",
					 why);
		unmake(d);
		return NULL;
	}
	scan(d);
	return d;
}

struct nd_autodir *nd_autodir_share(struct nd_setup *s, const struct nd_autodir_options *o)
{
	struct making m = { .s = s, .o = o };
	struct nd_autodir *d = NULL;
	struct nd_buf key;

	nd_buf_init(&key, 64 << 10);
	nd_buf_printf(&key, "%lld %s", (long long)o->reload_ns, o->path);
	nd_buf_add(&key, "", 1);
	nd_buf_text(&key, o->pattern);
	nd_buf_add(&key, "", 1);
	nd_buf_text(&key, o->origin_template);
	if (!key.err)
		d = nd_setup_share(s, "autodir", key.data, key.len, make, &m, unmake);
	nd_buf_clear(&key);
	return d;
}

void nd_autodir_start(struct nd_autodir *d, struct nd_loop *loop)
{
	d->loop = loop;
	scan(d);
	for (size_t i = 0; i < d->n; i++)
		nd_zonefile_start(d->zones[i]->file, loop);
	if (d->reload_ns)
		nd_timer_start(loop, &d->timer, (uint64_t)d->reload_ns, on_time);
}

void nd_autodir_listen(struct nd_autodir *d, struct nd_autodir_listener *l)
{
	nd_list_add(&d->listeners, &l->link);
}

void nd_autodir_unlisten(struct nd_autodir_listener *l)
{
	nd_list_del(&l->link);
}

void nd_autodir_each(struct nd_autodir *d, struct nd_autodir_listener *l)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->zones[i]->slot->tree)
			l->changed(l, d->zones[i]->slot->origin);
}

const struct nd_zoneslot *nd_autodir_find(const struct nd_autodir *d, struct nd_name lower,
					  bool exact)
{
	const struct table *t = nd_rcu_get(d->table);
	const struct nd_zoneslot *found = NULL;

	for (size_t i = 0; t && i < t->n; i++) {
		const struct nd_zoneslot *s = t->slot[i];
		if (exact ? !nd_name_same(lower, s->origin)
			  : !nd_name_under_lower(lower, s->origin))
			continue;
		if ((!found || s->origin.len > found->origin.len) && nd_zoneslot_tree(s))
			found = s;
	}
	return found;
}
