/* SPDX-License-Identifier: Apache-2.0 */
#include "io/dir.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/err.h"

struct walk {
	void (*visit)(void *ctx, const char *path, const char *name);
	void *ctx;
	unsigned entries;
	int err; /* the first */
};

static void note(struct walk *w, int err)
{
	if (!w->err)
		w->err = err;
}

static void walk_folder(struct walk *w, const char *path, unsigned depth);

static void visit_entry(struct walk *w, const char *folder, const char *name, unsigned depth)
{
	struct stat st;
	char *path;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return;
	if (w->entries++ == ND_DIR_ENTRIES_MAX)
		note(w, ND_ELIMIT);
	if (w->entries > ND_DIR_ENTRIES_MAX)
		return;
	if (asprintf(&path, "%s/%s", folder, name) < 0) {
		note(w, -ENOMEM);
		return;
	}
	if (lstat(path, &st) < 0)
		note(w, -errno);
	else if (S_ISDIR(st.st_mode))
		walk_folder(w, path, depth + 1);
	else
		w->visit(w->ctx, path, name);
	free(path);
}

/* By bytes, in any locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void walk_folder(struct walk *w, const char *path, unsigned depth)
{
	struct dirent **list;

	if (depth > ND_DIR_DEPTH_MAX) {
		note(w, ND_ELIMIT);
		return;
	}
	int n = scandir(path, &list, NULL, by_name);
	if (n < 0) {
		note(w, -errno);
		return;
	}
	for (int i = 0; i < n; i++) {
		visit_entry(w, path, list[i]->d_name, depth);
		free(list[i]);
	}
	free(list);
}

int nd_dir_walk(const char *path, void (*visit)(void *ctx, const char *path, const char *name),
		void *ctx)
{
	struct walk w = { .visit = visit, .ctx = ctx };

	walk_folder(&w, path, 0);
	return w.err;
}
