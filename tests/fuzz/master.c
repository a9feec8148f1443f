/* SPDX-License-Identifier: Apache-2.0 */
/* A master file, which may include itself. Read at once and in pieces it has the same records;
 * their tree is in order, and each of its names is found. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/hash.h"
#include "wire/rr.h"
#include "wire/type.h"
#include "zone/canon.h"
#include "zone/master.h"
#include "zone/treebuild.h"

enum { OPENS = 5, RECORDS = 5000 };

struct disk {
	const uint8_t *text;
	size_t n, piece;
	size_t at[OPENS];
	int opened;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int open_file(void *ctx, const char *path, int *handle)
{
	struct disk *d = ctx;

	(void)path;
	if (d->opened == OPENS)
		return -ENOENT;
	*handle = d->opened++;
	d->at[*handle] = 0;
	return 0;
}

static int next(void *ctx, int handle, void *to, size_t n)
{
	struct disk *d = ctx;
	size_t left = d->n - d->at[handle];

	if (n > left)
		n = left;
	if (d->piece && n > d->piece)
		n = d->piece;
	memcpy(to, d->text + d->at[handle], n);
	d->at[handle] += n;
	return (int)n;
}

static void close_file(void *ctx, int handle)
{
	(void)ctx;
	(void)handle;
}

/* A hash of the records and of the error; b may be NULL. */
static uint64_t read_all(struct disk *d, struct nd_treebuild *b)
{
	struct nd_master_files door = { open_file, next, close_file, d };
	struct nd_master *m = nd_master_new("db", nd_name_root, &door);
	uint64_t h = ND_HASH_START;
	struct nd_master_rr rr;
	const char *why;

	if (!m)
		return 0;
	for (int i = 0; i < RECORDS && nd_master_next(m, &rr) == 1; i++) {
		if (rr.n && !nd_rr_rdata_valid(rr.type, rr.rdata, rr.n))
			abort();
		h = nd_hash_add(h, rr.owner.wire, rr.owner.len);
		h = nd_hash_add(h, &rr.ttl, sizeof rr.ttl);
		h = nd_hash_add(h, &rr.type, sizeof rr.type);
		h = nd_hash_add(h, rr.rdata, rr.n);
		if (b)
			nd_treebuild_add(b, rr.owner, rr.type, rr.class, rr.ttl, rr.rdata, rr.n,
					 &why);
	}
	const char *error = nd_master_error(m);
	h = nd_hash_add(h, error, strlen(error));
	nd_master_free(m);
	return h;
}

static void check_tree(const struct nd_tree *t)
{
	struct nd_tree_node node, last, found;

	for (uint32_t i = 0; i < t->n; i++, last = node) {
		struct nd_name_buf buf;
		struct nd_tree_set set;
		struct nd_tree_rr rr;
		const uint8_t *at = NULL;
		size_t records = 0;
		node = nd_tree_at(t, i);
		if (!nd_tree_find(t, nd_tree_owner(t, &node, &buf), &found) || found.at != node.at)
			abort();
		if (i && i < t->n_in &&
		    nd_canon_compare(last.labels, last.n, node.labels, node.n) >= 0)
			abort();
		if (i < t->n_in &&
		    (!nd_tree_floor(t, node.labels, node.n, &found) || found.at != node.at))
			abort();
		while (nd_tree_next_set(&node, &at, &set))
			while (nd_tree_next(&set, &rr))
				records += rr.n == 0 || nd_rr_rdata_valid(set.type, rr.rdata, rr.n);
		if (!records)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct nd_siphash_key key = { 1, 2 };
	struct disk whole = { .text = data, .n = size }, pieces = whole;
	struct nd_treebuild b;
	struct nd_tree *t;
	const char *why;

	pieces.piece = size ? 1 + data[size - 1] % 61 : 1;
	nd_treebuild_init(&b, nd_name_root, &key);
	if (read_all(&whole, &b) != read_all(&pieces, NULL))
		abort();
	if (nd_treebuild_finish(&b, &t, &why) == 0) {
		check_tree(t);
		nd_tree_unref(t);
	}
	return 0;
}
