/* SPDX-License-Identifier: Apache-2.0 */
#include "authority/zoneload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/budget.h"
#include "base/err.h"
#include "io/file.h"
#include "io/random.h"
#include "wire/reader.h"
#include "wire/type.h"
#include "zone/master.h"
#include "zone/treebuild.h"

enum { ERROR_MAX = 1024 };

struct nd_zoneload {
	struct nd_master *master;
	struct nd_treebuild build;
	bool has_unless, seen_soa, unchanged;
	uint32_t unless;
	char *path;
	char error[ERROR_MAX];
};

static int open_file(void *ctx, const char *path, int *handle)
{
	(void)ctx;
	return nd_file_open(path, handle);
}

static int read_file(void *ctx, int handle, void *to, size_t n)
{
	(void)ctx;
	return nd_file_next(handle, to, n);
}

static void close_file(void *ctx, int handle)
{
	(void)ctx;
	nd_file_close(handle);
}

struct nd_zoneload *nd_zoneload_new(const char *path, struct nd_name origin, const uint32_t *unless)
{
	static const struct nd_master_files files = { open_file, read_file, close_file, NULL };
	struct nd_zoneload *l = calloc(1, sizeof *l);
	struct nd_siphash_key key;

	if (!l)
		return NULL;
	nd_random_bytes(&key, sizeof key);
	nd_treebuild_init(&l->build, origin, &key);
	l->master = nd_master_new(path, origin, &files);
	l->path = strdup(path);
	if (unless) {
		l->has_unless = true;
		l->unless = *unless;
	}
	if (!l->master || !l->path) {
		nd_zoneload_free(l);
		return NULL;
	}
	return l;
}

void nd_zoneload_free(struct nd_zoneload *l)
{
	if (!l)
		return;
	nd_master_free(l->master);
	nd_treebuild_clear(&l->build);
	free(l->path);
	free(l);
}

/* why: of the records; NULL: the memory. */
static int fail(struct nd_zoneload *l, int err, const char *why, bool at_record)
{
	if (err == ND_ELIMIT && !why)
		snprintf(l->error, sizeof l->error,
			 "%s: its records would exceed %llu MiB, three quarters of the memory "
			 "budget; raise -memory-limit or shorten the zone",
			 l->path, (unsigned long long)(nd_budget_ceiling(ND_BUDGET_ZONES) >> 20));
	else if (at_record)
		snprintf(l->error, sizeof l->error, "%s:%d: %s", nd_master_path(l->master),
			 nd_master_line(l->master), why ? why : nd_err_text(err));
	else
		snprintf(l->error, sizeof l->error, "%s: %s", l->path,
			 why ? why : nd_err_text(err));
	return err;
}

/* The first SOA decides whether the zone has changed. */
static bool is_unchanged(struct nd_zoneload *l, const struct nd_master_rr *rr)
{
	if (rr->type != ND_TYPE_SOA || l->seen_soa)
		return false;
	l->seen_soa = true;
	return l->has_unless && nd_reader_peek32(rr->rdata + rr->n - 20) == l->unless;
}

int nd_zoneload_step(struct nd_zoneload *l, unsigned n)
{
	struct nd_master_rr rr;
	const char *why;

	while (n--) {
		int got = nd_master_next(l->master, &rr);
		if (got < 0)
			snprintf(l->error, sizeof l->error, "%s", nd_master_error(l->master));
		if (got <= 0)
			return got;
		if (is_unchanged(l, &rr)) {
			l->unchanged = true;
			return 0;
		}
		int err = nd_treebuild_add(&l->build, rr.owner, rr.type, rr.class, rr.ttl, rr.rdata,
					   rr.n, &why);
		if (err)
			return fail(l, err, why, true);
	}
	return 1;
}

bool nd_zoneload_changed(const struct nd_zoneload *l)
{
	return !l->unchanged;
}

bool nd_zoneload_includes(const struct nd_zoneload *l)
{
	return nd_master_includes(l->master) > 0;
}

int nd_zoneload_take(struct nd_zoneload *l, struct nd_tree **out)
{
	const char *why;
	int err = nd_treebuild_finish(&l->build, out, &why);

	return err ? fail(l, err, why, false) : 0;
}

const char *nd_zoneload_error(const struct nd_zoneload *l)
{
	return l->error;
}
