/* SPDX-License-Identifier: Apache-2.0 */
#include "authority/zonefile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "authority/zoneload.h"
#include "base/err.h"
#include "base/log.h"
#include "core/setup.h"
#include "io/file.h"
#include "io/loop.h"

enum { SLICE = 5000 }; /* records per turn of the loop: a few milliseconds */

struct nd_zonefile {
	struct nd_zoneslot slot;
	struct nd_zoneload *load; /* NULL: not reading */
	struct nd_file_stamp reading, seen;
	bool includes; /* the last good file had some: their changes do not show in its stamp */
	char *failure; /* the last one, logged once; NULL: none */
	struct nd_loop *loop; /* NULL: not started */
	struct nd_timer timer;
	struct nd_zonefile_options o; /* path and origin are copies */
};

/* --- reading --- */

static void publish(struct nd_zonefile *z, struct nd_tree *t)
{
	char origin[ND_NAME_TEXT_MAX];

	nd_name_format(z->slot.origin, origin);
	if (z->loop)
		nd_log_info(z->o.plugin,
			    "Successfully reloaded zone \"%s\" in \"%s\" with %u SOA serial",
			    origin, z->o.path, t->serial);
	nd_zoneslot_publish(&z->slot, t);
}

/* Keeps the message. While the server runs it is logged, and a repetition is not. */
static void note_failure(struct nd_zonefile *z, const char *why)
{
	char origin[ND_NAME_TEXT_MAX];
	bool again = z->failure && strcmp(z->failure, why) == 0;

	if (!again) {
		free(z->failure);
		z->failure = strdup(why);
	}
	if (!z->loop || again)
		return;
	nd_name_format(z->slot.origin, origin);
	/* It begins as CoreDNS's. */
	nd_log_error(z->o.plugin, "Parsing zone \"%s\": %s; %s", origin, why,
		     z->slot.tree ? "keeping its last records" : "it has none yet");
}

static void end(struct nd_zonefile *z, int err)
{
	struct nd_tree *t;

	if (!err && nd_zoneload_changed(z->load))
		err = nd_zoneload_take(z->load, &t);
	else
		t = NULL;
	if (err) {
		note_failure(z, nd_zoneload_error(z->load));
	} else {
		free(z->failure);
		z->failure = NULL;
		z->includes = nd_zoneload_includes(z->load);
	}
	z->seen = z->reading;
	nd_zoneload_free(z->load);
	z->load = NULL;
	if (t)
		publish(z, t);
}

static bool is_newer(const struct nd_zonefile *z, struct nd_file_stamp now)
{
	if (z->o.by_mtime)
		return now.mtime_ns > z->seen.mtime_ns;
	return z->includes || !nd_file_stamp_equal(now, z->seen);
}

/* Starts to read the file if it may have changed. */
static void begin(struct nd_zonefile *z)
{
	struct nd_file_stamp now = nd_file_stamp(z->o.path);

	if (!now.exists) {
		note_failure(z, nd_err_text(-ENOENT));
		z->seen = now;
		return;
	}
	if (z->seen.exists && !is_newer(z, now))
		return;
	z->reading = now;
	z->load = nd_zoneload_new(z->o.path, z->slot.origin,
				  z->slot.tree && !z->o.by_mtime ? &z->slot.tree->serial : NULL);
	if (!z->load)
		note_failure(z, nd_err_text(-ENOMEM));
}

static void read_slice(struct nd_zonefile *z)
{
	int more = nd_zoneload_step(z->load, SLICE);

	if (more <= 0)
		end(z, more);
}

static void on_time(struct nd_timer *t);

/* One turn of the loop, and when the next one is due. */
static void turn(struct nd_zonefile *z)
{
	if (!z->load)
		begin(z);
	if (z->load)
		read_slice(z);
	if (z->load || z->o.reload_ns)
		nd_timer_start(z->loop, &z->timer, z->load ? 0 : (uint64_t)z->o.reload_ns, on_time);
}

static void on_time(struct nd_timer *t)
{
	turn(ND_CONTAINER(t, struct nd_zonefile, timer));
}

/* --- life --- */

void nd_zonefile_stop(struct nd_zonefile *z)
{
	nd_timer_stop(&z->timer);
	nd_zoneload_free(z->load);
	z->load = NULL;
}

void nd_zonefile_free(struct nd_zonefile *z)
{
	if (!z)
		return;
	nd_zonefile_stop(z);
	nd_zoneslot_clear(&z->slot);
	free(z->failure);
	free((char *)z->o.path);
	free(z);
}

static void unmake(void *object)
{
	nd_zonefile_free(object);
}

static struct nd_zonefile *copy(const struct nd_zonefile_options *o)
{
	struct nd_zonefile *z = calloc(1, sizeof *z);

	if (!z)
		return NULL;
	nd_zoneslot_init(&z->slot, o->origin);
	z->o = *o;
	z->o.path = strdup(o->path);
	z->o.origin = z->slot.origin;
	if (!z->o.path) {
		free(z);
		return NULL;
	}
	return z;
}

/* Reads the file to its end: no query needs an answer before. */
static void load(struct nd_zonefile *z)
{
	begin(z);
	while (z->load)
		read_slice(z);
}

struct making {
	struct nd_setup *s;
	const struct nd_zonefile_options *o;
};

/* As in CoreDNS, a missing file is a warning, and a malformed one an error. */
static void *make(void *ctx)
{
	const struct making *m = ctx;
	struct nd_zonefile *z = copy(m->o);

	if (!z)
		return NULL;
	load(z);
	if (!z->failure)
		return z;
	if (!z->seen.exists && !m->o->required) {
		nd_log_warning(m->o->plugin, "Failed to open \"%s\": %s: trying again in %llds",
			       m->o->path, z->failure, (long long)(m->o->reload_ns / 1000000000));
		return z;
	}
	nd_setup_error(m->s, NULL, z->seen.exists ? "%s%s%s" : "cannot open \"%s\"%s%s",
		       z->seen.exists ? "" : m->o->path, z->seen.exists ? "" : ": ", z->failure);
	nd_zonefile_free(z);
	return NULL;
}

struct nd_zonefile *nd_zonefile_share(struct nd_setup *s, const struct nd_zonefile_options *o)
{
	struct making m = { .s = s, .o = o };
	struct nd_zonefile *z = NULL;
	struct nd_buf key;

	nd_buf_init(&key, 64 << 10);
	nd_buf_printf(&key, "%s %lld %d %s ", o->plugin, (long long)o->reload_ns, o->by_mtime,
		      o->path);
	nd_buf_add(&key, o->origin.wire, o->origin.len);
	if (!key.err)
		z = nd_setup_share(s, "zonefile", key.data, key.len, make, &m, unmake);
	nd_buf_clear(&key);
	return z;
}

struct nd_zonefile *nd_zonefile_new(const struct nd_zonefile_options *o, struct nd_loop *loop)
{
	struct nd_zonefile *z = copy(o);
	char origin[ND_NAME_TEXT_MAX];

	if (!z)
		return NULL;
	if (loop) {
		nd_zonefile_start(z, loop);
		return z;
	}
	load(z);
	nd_name_format(z->slot.origin, origin);
	if (z->failure)
		nd_log_warning(o->plugin, "cannot load zone \"%s\" from %s: %s", origin, o->path,
			       z->failure);
	return z;
}

void nd_zonefile_start(struct nd_zonefile *z, struct nd_loop *loop)
{
	z->loop = loop;
	turn(z);
}

void nd_zonefile_move(struct nd_zonefile *z, const char *path)
{
	if (strcmp(path, z->o.path) == 0)
		return;
	char *moved = strdup(path);
	if (!moved)
		return; /* at the next scan */
	free((char *)z->o.path);
	z->o.path = moved;
	z->seen = (struct nd_file_stamp){ .exists = false };
}

struct nd_zoneslot *nd_zonefile_slot(struct nd_zonefile *z)
{
	return &z->slot;
}
