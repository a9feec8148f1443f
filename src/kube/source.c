/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/source.h"

#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/arena.h"
#include "base/array.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/time.h"
#include "io/file.h"
#include "kube/decode.h"

enum {
	FILES_MAX = 10000,
	FILE_BYTES_MAX = 512 << 20,
};
static const uint64_t poll_ns = ND_S(1), settle_ns = ND_MS(100);
static const size_t memory_max = (size_t)4 << 30; /* trees, and objects, while reading */

struct nd_source {
	const struct nd_source_config *config;
	struct nd_loop *loop;
	struct nd_timer timer;
	uint64_t read, seen; /* fingerprints of the files: as last read, as of the last poll */
};

struct files {
	char **path; /* sorted */
	size_t n, cap;
};

static void clear_files(struct files *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->path[i]);
	free(f->path);
	*f = (struct files){ 0 };
}

static bool ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), e = strlen(end);
	return n > e && strcmp(name + n - e, end) == 0;
}

static int add_file(struct files *f, const char *folder, const char *name)
{
	char **grown = nd_array_grow(f->path, &f->cap, f->n + 1, sizeof *grown);

	if (!grown)
		return -ENOMEM;
	f->path = grown;
	int n = folder ? asprintf(&f->path[f->n], "%s/%s", folder, name)
		       : asprintf(&f->path[f->n], "%s", name);
	if (n < 0)
		return -ENOMEM;
	f->n++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_folder(const char *path, struct files *f)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int err = 0;

	if (!dir)
		return -errno;
	while (!err && (entry = readdir(dir))) {
		const char *name = entry->d_name;
		/* Hidden files belong to editors and ConfigMap mounts. */
		if (name[0] == '.' ||
		    (!ends_in(name, ".yaml") && !ends_in(name, ".yml") && !ends_in(name, ".json")))
			continue;
		err = f->n < FILES_MAX ? add_file(f, path, name) : ND_ELIMIT;
	}
	closedir(dir);
	if (!err && f->n)
		qsort(f->path, f->n, sizeof *f->path, by_name);
	return err;
}

static int list_files(const char *path, struct files *f)
{
	struct stat st;
	int err;

	*f = (struct files){ 0 };
	if (stat(path, &st) < 0)
		return -errno;
	err = S_ISDIR(st.st_mode) ? list_folder(path, f) : add_file(f, NULL, path);
	if (err)
		clear_files(f);
	return err;
}

/* A hash of the names and stamps of all files; 0: the path cannot be listed. */
static uint64_t fingerprint(const char *path)
{
	struct files f;
	uint64_t h = ND_HASH_START;

	if (list_files(path, &f))
		return 0;
	for (size_t i = 0; i < f.n; i++) {
		struct nd_file_stamp st = nd_file_stamp(f.path[i]);
		uint64_t part[3] = { (uint64_t)st.mtime_ns, st.size, st.inode };
		h = nd_hash_add(h, f.path[i], strlen(f.path[i]) + 1);
		h = nd_hash_add(h, part, sizeof part);
	}
	clear_files(&f);
	return nd_hash_mix(h) | 1;
}

static int parse_file(const char *path, struct nd_buf *text, struct nd_arena *objects,
		      struct nd_decode_list *list, struct nd_diag *d)
{
	struct nd_tree *doc = NULL;
	struct nd_arena trees;

	nd_arena_init(&trees, memory_max);
	int err = ends_in(path, ".json")
			  ? nd_json_parse(path, nd_buf_string(text), text->len, &trees, &doc, d)
			  : nd_yaml_parse(path, nd_buf_string(text), text->len, &trees, &doc, d);
	for (; doc && !err; doc = doc->next)
		err = nd_decode_document(path, doc, objects, list, d);
	nd_arena_clear(&trees);
	return err;
}

static int read_file(const char *path, struct nd_arena *objects, struct nd_decode_list *list,
		     struct nd_diag *d)
{
	struct nd_buf text;

	nd_buf_init(&text, FILE_BYTES_MAX);
	int err = nd_file_read(path, &text);
	if (err)
		err = nd_diag_at(d, path, 0, "cannot be read: %s", nd_err_text(err));
	else
		err = parse_file(path, &text, objects, list, d);
	nd_buf_clear(&text);
	return err;
}

static int read_files(const char *path, struct nd_arena *objects, struct nd_decode_list *list,
		      struct nd_diag *d)
{
	struct files f;

	nd_decode_init(list);
	int err = list_files(path, &f);
	if (err)
		return nd_diag_at(d, path, 0, "cannot be read: %s", nd_err_text(err));
	if (f.n == 0)
		err = nd_diag_at(d, path, 0, "contains no *.yaml, *.yml or *.json file");
	for (size_t i = 0; i < f.n && !err; i++)
		err = read_file(f.path[i], objects, list, d);
	clear_files(&f);
	return err;
}

static bool is_wanted(const struct nd_source_config *c, const struct nd_object *o)
{
	const struct nd_selector *by = c->labels;

	if (!c->wanted[o->kind] ||
	    (o->kind == ND_OBJECT_POD && (o->pod.gone || o->pod.terminating)))
		return false;
	if (o->kind == ND_OBJECT_NAMESPACE || o->kind == ND_OBJECT_IMPORT)
		by = c->namespace_labels;
	return !by || nd_selector_matches(by, o);
}

/* Once everything was read without an error: puts it into the sink, which drops the rest. */
static int fill_sink(struct nd_source *s, const struct nd_decode_list *list, struct nd_diag *d)
{
	const struct nd_source_config *c = s->config;
	int err = 0;

	for (int k = 0; k < ND_OBJECT_KINDS; k++)
		if (c->wanted[k])
			c->sink->begin(c->sink, (enum nd_object_kind)k);
	for (const struct nd_decoded *it = list->first; it && !err; it = it->next) {
		const struct nd_object *o = &it->object;
		if (!is_wanted(c, o))
			continue;
		err = c->sink->upsert(c->sink, o);
		if (err)
			err = nd_diag_at(d, c->path, 0, "%s %s/%s: %s",
					 nd_object_kind_text[o->kind], o->namespace, o->name,
					 nd_err_text(err));
	}
	for (int k = 0; k < ND_OBJECT_KINDS && !err; k++)
		if (c->wanted[k])
			c->sink->end(c->sink, (enum nd_object_kind)k);
	return err;
}

static void report_success(struct nd_source *s, const struct nd_decode_list *list)
{
	struct nd_buf b;

	if (!s->config->report)
		return;
	nd_buf_init(&b, 4096);
	nd_buf_printf(&b, "%s: ", s->config->path);
	for (int k = 0; k < ND_OBJECT_KINDS; k++)
		nd_buf_printf(&b, "%s%zu %s%s", k ? ", " : "", list->count[k],
			      nd_object_kind_text[k], list->count[k] == 1 ? "" : "s");
	if (list->others)
		nd_buf_printf(&b, "; %zu of other kinds ignored", list->others);
	s->config->report(s->config->ctx, true, nd_buf_string(&b));
	nd_buf_clear(&b);
}

static int load(struct nd_source *s, struct nd_diag *d)
{
	struct nd_decode_list list;
	struct nd_arena objects;

	nd_arena_init(&objects, memory_max);
	int err = read_files(s->config->path, &objects, &list, d);
	if (!err)
		err = fill_sink(s, &list, d);
	if (!err)
		report_success(s, &list);
	nd_arena_clear(&objects);
	/* The trees took many times what is kept, and free() alone returns nothing that lies below
	 * memory in use. */
	malloc_trim(0);
	return err;
}

bool nd_source_poll(struct nd_source *s)
{
	uint64_t now = fingerprint(s->config->path);
	struct nd_diag d = { 0 };

	if (now != s->seen) {
		s->seen = now;
		return true;
	}
	if (now == s->read)
		return false;
	s->read = now;
	if (load(s, &d) && s->config->report)
		s->config->report(s->config->ctx, false, d.text);
	return false;
}

static void on_timer(struct nd_timer *t)
{
	struct nd_source *s = ND_CONTAINER(t, struct nd_source, timer);
	bool changing = nd_source_poll(s);

	nd_timer_start(s->loop, t, changing ? settle_ns : poll_ns, on_timer);
}

void nd_source_watch(struct nd_source *s, struct nd_loop *loop)
{
	s->loop = loop;
	nd_timer_start(loop, &s->timer, poll_ns, on_timer);
}

int nd_source_new(const struct nd_source_config *config, struct nd_source **out, struct nd_diag *d)
{
	struct nd_source *s = calloc(1, sizeof *s);

	if (!s)
		return -ENOMEM;
	s->config = config;
	/* Before reading: a change meanwhile is found by the first poll. */
	s->read = s->seen = fingerprint(config->path);
	int err = load(s, d);
	if (err) {
		free(s);
		return err;
	}
	*out = s;
	return 0;
}

void nd_source_free(struct nd_source *s)
{
	if (!s)
		return;
	if (s->loop)
		nd_timer_stop(&s->timer);
	free(s);
}
