/* SPDX-License-Identifier: Apache-2.0 */
#include "core/setup.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/hash.h"
#include "base/invalid.h"
#include "core/parts.h"
#include "io/file.h"

int nd_setup_error(struct nd_setup *s, const struct nd_conf_line *line, const char *format, ...)
{
	char text[768];
	va_list args;

	if (!line)
		line = s->directive;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return nd_diag_at(s->diag, line->file, line->line, "plugin/%s: %s", s->plugin->name, text);
}

int nd_setup_invalid(struct nd_setup *s, const struct nd_conf_line *line, const char *what,
		     const char *value, const char *must, ...)
{
	char expected[256], text[768];
	va_list args;

	if (must) {
		va_start(args, must);
		vsnprintf(expected, sizeof expected, must, args);
		va_end(args);
	}
	return nd_setup_error(s, line, "%s",
			      nd_invalid_format(text, sizeof text, what, value,
						must ? expected : NULL));
}

int nd_setup_unsupported(struct nd_setup *s, const struct nd_conf_line *line, const char *word)
{
	if (!line)
		line = s->directive;
	return nd_setup_error(s, line, "\"%s\" is not supported yet; remove it",
			      word ? word : line->name);
}

int nd_setup_settings(struct nd_setup *s,
		      int (*own)(void *self, const struct nd_conf_line *line, void *ctx),
		      bool own_rest)
{
	nd_settings_defaults(s->plugin->settings, s->self);
	return nd_settings_read(s->plugin->settings, s->plugin->name, s->directive, s->self, own, s,
				own_rest, s->diag);
}

int nd_setup_zones(struct nd_setup *s, const char *const *args, size_t n, struct nd_name **zones,
		   size_t *nzones)
{
	size_t total = 0;

	if (n == 0) {
		*zones = s->block->zones;
		*nzones = s->block->nzones;
		return 0;
	}
	/* A network may make several zones, so there are two passes: count, copy. */
	for (size_t pass = 0; pass < 2; pass++) {
		size_t at = 0;
		for (size_t i = 0; i < n; i++) {
			struct nd_name *some;
			size_t count;
			if (nd_site_parse_zone(args[i], s->arena, &some, &count))
				return nd_setup_invalid(s, NULL, "zone", args[i],
							"a domain name, or a network (reverse "
							"zone) like \"10.0.0.0/24\"");
			if (pass == 1)
				memcpy(*zones + at, some, count * sizeof *some);
			at += count;
		}
		if (pass == 0) {
			total = at;
			*zones = nd_arena_array(s->arena, total, sizeof **zones);
			if (!*zones)
				return ND_ELIMIT;
		}
	}
	*nzones = total;
	return 0;
}

const struct nd_name *nd_setup_zone_match(const struct nd_name *zones, size_t n,
					  struct nd_name name)
{
	const struct nd_name *best = NULL;

	for (size_t i = 0; i < n; i++)
		if ((!best || zones[i].len > best->len) && nd_name_under_lower(name, zones[i]))
			best = &zones[i];
	return best;
}

int nd_setup_fallthrough(struct nd_setup *s, const struct nd_conf_line *line,
			 struct nd_fallthrough *f)
{
	f->on = true;
	f->zones = NULL;
	f->nzones = 0;
	return line->nargs ? nd_setup_zones(s, line->args, line->nargs, &f->zones, &f->nzones) : 0;
}

bool nd_setup_falls_through(const struct nd_fallthrough *f, struct nd_name name)
{
	if (!f->on || f->nzones == 0)
		return f->on;
	return nd_setup_zone_match(f->zones, f->nzones, name) != NULL;
}

const char *nd_setup_path(struct nd_setup *s, const char *path)
{
	if (path[0] == '/' || !s->block->root || !s->block->root[0])
		return nd_arena_string(s->arena, path);
	return nd_arena_printf(s->arena, "%s/%s", s->block->root, path);
}

static size_t read_domains(const char *line, struct nd_arena *a, struct nd_name *out)
{
	static const char space[] = " \t\r\f\v";
	char text[ND_NAME_TEXT_MAX];
	size_t n = 0;

	for (line += strspn(line, space); *line && *line != '\n'; line += strspn(line, space)) {
		size_t len = strcspn(line, " \t\r\f\v\n");
		struct nd_name_buf *buf = nd_arena_alloc(a, sizeof *buf);
		if (buf && len < sizeof text) {
			memcpy(text, line, len);
			text[len] = '\0';
			n += nd_name_parse(text, true, buf, &out[n]) == 0;
		}
		line += len;
	}
	return n;
}

int nd_setup_search(struct nd_setup *s, const char *path, struct nd_name **domains, size_t *n)
{
	struct nd_buf b;

	*n = 0;
	*domains = NULL;
	nd_buf_init(&b, 1 << 20);
	if (nd_file_read(path, &b) == 0 && b.len)
		*domains = nd_arena_array(s->arena, b.len / 2 + 1, sizeof **domains);
	for (const char *line = nd_buf_string(&b); *domains && line && *line;) {
		line += strspn(line, " \t");
		size_t len = strcspn(line, " \t\n");
		bool search = len == 6 && memcmp(line, "search", 6) == 0;
		bool domain = len == 6 && memcmp(line, "domain", 6) == 0;
		if (search || domain)
			*n = read_domains(line + len, s->arena, *domains);
		if (domain && *n > 1)
			*n = 1;
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	bool full = b.len && !*domains;
	nd_buf_clear(&b);
	return full ? ND_ELIMIT : 0;
}

static struct nd_instance *instance_of(struct nd_setup *s)
{
	return ND_CONTAINER(s, struct nd_instance, setup);
}

void nd_setup_ready(struct nd_setup *s, bool (*ready)(void *self))
{
	instance_of(s)->ready = ready;
}

bool nd_setup_all_ready(struct nd_gen *gen, struct nd_buf *not_ready)
{
	bool all = true;

	for (size_t i = 0; i < gen->ninstances; i++) {
		struct nd_instance *in = &gen->instances[i];
		if (!in->ready || in->ready(in->self))
			continue;
		nd_buf_printf(not_ready, "%s%s", all ? "" : ",", in->plugin->name);
		all = false;
	}
	return all;
}

void nd_setup_ready_note(struct nd_setup *s, void (*note)(void *self, struct nd_buf *to))
{
	instance_of(s)->note = note;
}

void nd_setup_ready_notes(struct nd_gen *gen, struct nd_buf *to)
{
	struct nd_buf one;

	nd_buf_init(&one, 1024);
	for (size_t i = 0; i < gen->ninstances; i++) {
		struct nd_instance *in = &gen->instances[i];
		if (!in->note)
			continue;
		nd_buf_reset(&one);
		nd_buf_printf(&one, "\n%s: ", in->plugin->name);
		size_t head = one.len;
		in->note(in->self, &one);
		/* Blocks that share an object give the same note. */
		if (one.len > head && !strstr(nd_buf_string(to), nd_buf_string(&one)))
			nd_buf_text(to, nd_buf_string(&one));
	}
	nd_buf_clear(&one);
}

void nd_setup_collect(struct nd_setup *s, void (*collect)(void *ctx, struct nd_metric_out *out),
		      void *ctx)
{
	struct nd_collector *c = nd_arena_alloc(s->arena, sizeof *c);

	if (!c)
		return;
	c->collect = collect;
	c->ctx = ctx;
	nd_list_add(&s->gen->collectors, &c->link);
}

void nd_setup_lameduck(struct nd_setup *s, int64_t ns)
{
	if (ns > s->gen->lameduck_ns)
		s->gen->lameduck_ns = ns;
}

void nd_setup_dropped(struct nd_setup *s, void (*dropped)(const void *self, struct nd_query *q))
{
	struct nd_instance *in = instance_of(s);

	in->dropped = dropped;
	if (!s->gen->dropped)
		s->gen->dropped = in;
}

int nd_setup_bind(struct nd_setup *s, const struct nd_addr *addrs, size_t n)
{
	struct nd_block *b = s->block;
	struct nd_addr *all = nd_arena_array(s->arena, b->nbind + n, sizeof *all);

	if (!all)
		return ND_ELIMIT;
	if (b->nbind)
		memcpy(all, b->bind, b->nbind * sizeof *all);
	memcpy(all + b->nbind, addrs, n * sizeof *all);
	b->bind = all;
	b->nbind += n;
	return 0;
}

void nd_setup_filter(struct nd_setup *s, const char *view,
		     bool (*filter)(const void *self, struct nd_query *q))
{
	s->block->view = view;
	s->block->filter = filter;
	s->block->filter_link = (uint16_t)(s->block->chain.len - 1); /* the newest */
}

void nd_setup_limits(struct nd_setup *s, const struct nd_conn_limits *limits)
{
	s->block->limits = *limits;
}

void nd_setup_other_classes(struct nd_setup *s)
{
	s->block->other_classes = true;
}

static uint64_t hash_text(uint64_t h, const char *text)
{
	return nd_hash_add(h, text, strlen(text) + 1);
}

static uint64_t hash_lines(uint64_t h, const struct nd_conf_line *line, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		h = hash_text(h, line[i].name);
		for (size_t a = 0; a < line[i].nargs; a++)
			h = hash_text(h, line[i].args[a]);
		h = hash_text(h, "{");
		h = hash_lines(h, line[i].block, line[i].nblock);
		h = hash_text(h, "}");
	}
	return h;
}

uint64_t nd_setup_fingerprint(struct nd_setup *s)
{
	const struct nd_conf_server *conf = s->block->conf;
	uint64_t h = ND_HASH_START;
	size_t from = 0;

	for (size_t i = 0; i < s->block->nzones; i++)
		h = nd_hash_add(h, s->block->zones[i].wire, s->block->zones[i].len);
	while (nd_plugins[from] && nd_plugins[from] != s->plugin)
		from++;
	for (size_t p = from; nd_plugins[p]; p++)
		for (size_t i = 0; i < conf->ndirectives; i++)
			if (strcmp(conf->directives[i].name, nd_plugins[p]->name) == 0)
				h = hash_lines(h, &conf->directives[i], 1);
	return nd_hash_mix(h);
}

const char *nd_setup_zones_text(struct nd_setup *s, const struct nd_name *zones, size_t n)
{
	struct nd_buf b;

	nd_buf_init(&b, 1 << 16);
	for (size_t i = 0; i < n; i++) {
		char text[ND_NAME_TEXT_MAX];
		nd_name_format(zones[i], text);
		nd_buf_printf(&b, "%s%s", i ? "," : "", text);
	}
	const char *out = nd_arena_text(s->arena, nd_buf_string(&b), b.len);
	nd_buf_clear(&b);
	return out ? out : "";
}
