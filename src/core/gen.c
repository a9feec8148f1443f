/* SPDX-License-Identifier: Apache-2.0 */
#include "core/gen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/parts.h"

enum { GEN_BYTES_MAX = 256 << 20 };

/* --- one block --- */

/* The reason why a plugin of CoreDNS is refused, "" without one. NULL: it has no such plugin. */
static const char *find_refused(const char *name)
{
	size_t n = strlen(name);

	for (const char *const *row = nd_plugins_unsupported; *row; row++)
		if (strncmp(*row, name, n) == 0 && ((*row)[n] == ' ' || !(*row)[n]))
			return *row + n + ((*row)[n] == ' ');
	return NULL;
}

static const struct nd_plugin *find_plugin(const char *name)
{
	for (size_t i = 0; nd_plugins[i]; i++)
		if (strcmp(nd_plugins[i]->name, name) == 0)
			return nd_plugins[i];
	return NULL;
}

static int check_directives(const struct nd_conf_server *server, struct nd_diag *d)
{
	for (size_t i = 0; i < server->ndirectives; i++) {
		const struct nd_conf_line *l = &server->directives[i];
		if (find_plugin(l->name))
			continue;
		const char *why = find_refused(l->name);
		if (why && *why)
			return nd_diag_at(d, l->file, l->line,
					  "plugin/%s is not supported: %s; remove it", l->name,
					  why);
		if (why)
			return nd_diag_at(d, l->file, l->line,
					  "plugin/%s is not supported yet; remove it (\"nodens serve "
					  "-plugins\" lists the supported plugins)",
					  l->name);
		return nd_diag_at(
			d, l->file, l->line,
			"Unknown directive '%s'; \"nodens serve -plugins\" lists the supported plugins",
			l->name);
	}
	return 0;
}

static int read_keys(struct nd_gen *g, struct nd_block *b, struct nd_diag *d)
{
	const struct nd_conf_server *server = b->conf;

	for (size_t i = 0; i < server->nkeys; i++) {
		const struct nd_conf_token *key = &server->keys[i];
		struct nd_name *zones;
		enum nd_scheme scheme;
		uint16_t port;
		size_t n;
		int err = nd_site_parse_key(key, &g->arena, &scheme, &port, &zones, &n, d);
		if (err)
			return err;
		if (scheme != ND_SCHEME_DNS)
			return nd_diag_at(d, key->file, key->line,
					  "\"%s\": %s:// is not supported yet; use dns://",
					  key->text, nd_site_scheme_text[scheme]);
		struct nd_zone_key *grown = nd_arena_array(&g->arena, b->nkeys + n, sizeof *grown);
		if (!grown)
			return ND_ELIMIT;
		if (b->nkeys)
			memcpy(grown, b->keys, b->nkeys * sizeof *grown);
		for (size_t z = 0; z < n; z++) {
			char text[ND_NAME_TEXT_MAX];
			nd_name_format(zones[z], text);
			grown[b->nkeys + z] = (struct nd_zone_key){
				.zone = zones[z],
				.scheme = scheme,
				.token = key,
				.port = port ? port : g->process->default_port,
				.text = nd_arena_string(&g->arena, text),
			};
		}
		b->keys = grown;
		b->nkeys += n;
	}
	b->zones = nd_arena_array(&g->arena, b->nkeys, sizeof *b->zones);
	if (!b->zones)
		return ND_ELIMIT;
	for (size_t i = 0; i < b->nkeys; i++)
		b->zones[i] = b->keys[i].zone;
	b->nzones = b->nkeys;
	return 0;
}

static struct nd_instance *add_instance(struct nd_gen *g, struct nd_block *b,
					const struct nd_plugin *p)
{
	struct nd_instance *in = &g->instances[g->ninstances];

	in->self = nd_arena_alloc(&g->arena, p->self_size);
	if (!in->self)
		return NULL;
	in->plugin = p;
	in->block = b;
	in->index = (uint16_t)g->ninstances++;
	return in;
}

static int setup_one(struct nd_gen *g, struct nd_block *b, struct nd_instance *in,
		     const struct nd_conf_line *directive, struct nd_diag *d)
{
	in->setup = (struct nd_setup){ .plugin = in->plugin,
				       .self = in->self,
				       .block = b,
				       .gen = g,
				       .process = g->process,
				       .loop = g->process->loop,
				       .arena = &g->arena,
				       .diag = d,
				       .directive = directive };
	int err = in->plugin->setup ? in->plugin->setup(in->self, directive, &in->setup) : 0;
	if (err && !d->set)
		nd_setup_error(&in->setup, NULL, "setup failed: %s", nd_err_text(err));
	return err;
}

/* False: the chain is full. */
static bool add_link(struct nd_chain *c, const struct nd_instance *in)
{
	const struct nd_plugin *p = in->plugin;

	if (!p->query && !p->reply && !p->done)
		return true;
	if (c->len == ND_CHAIN_MAX)
		return false;
	uint64_t bit = (uint64_t)1 << c->len;
	if (p->query)
		c->asked |= bit;
	if (!p->query && p->reply)
		c->see_reply |= bit;
	if (!p->query && p->done)
		c->see_done |= bit;
	c->link[c->len++] = (struct nd_link){
		.plugin = p, .self = in->self, .index = in->index, .state = c->nstates
	};
	c->nstates = (uint16_t)(c->nstates + (p->query_size > 0));
	return true;
}

static int setup_plugin(struct nd_gen *g, struct nd_block *b, const struct nd_plugin *p,
			struct nd_diag *d)
{
	struct nd_instance *in = NULL;

	for (size_t i = 0; i < b->conf->ndirectives; i++) {
		const struct nd_conf_line *l = &b->conf->directives[i];
		if (strcmp(l->name, p->name) != 0)
			continue;
		if (in && p->repeat == ND_REPEAT_REFUSE)
			return nd_diag_at(
				d, l->file, l->line,
				"plugin/%s: this plugin can only be used once per server block; "
				"remove one",
				p->name);
		if (!in || p->repeat == ND_REPEAT_INSTANCES) {
			in = add_instance(g, b, p);
			if (!in)
				return ND_ELIMIT;
			if (!add_link(&b->chain, in))
				return nd_diag_at(d, l->file, l->line,
						  "too many plugins in a server block: at most %d",
						  ND_CHAIN_MAX);
		}
		int err = setup_one(g, b, in, l, d);
		if (err)
			return err;
	}
	return 0;
}

static int setup_block(struct nd_gen *g, struct nd_block *b, struct nd_diag *d)
{
	for (size_t i = 0; nd_plugins[i]; i++) {
		int err = setup_plugin(g, b, nd_plugins[i], d);
		if (err)
			return err;
	}
	b->chain.empty = b->chain.len == 0;
	return 0;
}

/* --- the generation --- */

static int build(struct nd_gen *g, struct nd_diag *d)
{
	size_t directives = 0;
	int err;

	g->blocks = nd_arena_array(&g->arena, g->conf.nservers, sizeof *g->blocks);
	if (!g->blocks)
		return ND_ELIMIT;
	g->nblocks = g->conf.nservers;
	for (size_t i = 0; i < g->nblocks; i++) {
		g->blocks[i].conf = &g->conf.servers[i];
		g->blocks[i].root = g->blocks[i].view = "";
		directives += g->conf.servers[i].ndirectives;
		err = check_directives(&g->conf.servers[i], d);
		if (!err)
			err = read_keys(g, &g->blocks[i], d);
		if (err)
			return err;
	}
	g->instances = nd_arena_array(&g->arena, directives + 1, sizeof *g->instances);
	if (!g->instances)
		return ND_ELIMIT;
	for (size_t i = 0; i < g->nblocks; i++) {
		err = setup_block(g, &g->blocks[i], d);
		if (err)
			return err;
	}
	return nd_gen_make_endpoints(g, d);
}

static struct nd_gen *new_gen(struct nd_process *p)
{
	struct nd_gen *g = calloc(1, sizeof *g);

	if (!g)
		return NULL;
	g->process = p;
	g->workers = 1;
	nd_arena_init(&g->arena, GEN_BYTES_MAX);
	nd_list_init(&g->collectors);
	nd_list_init(&g->https);
	return g;
}

static int finish_new(struct nd_gen *g, int err, struct nd_gen **out, struct nd_diag *d)
{
	if (!err)
		err = build(g, d);
	if (err) {
		if (!d->set)
			nd_diag_at(d, NULL, 0, "%s", nd_err_text(err));
		nd_gen_free(g);
		return err;
	}
	*out = g;
	return 0;
}

int nd_gen_from_text(struct nd_process *p, const char *file, const char *text, struct nd_gen **out,
		     struct nd_diag *d)
{
	struct nd_gen *g = new_gen(p);

	if (!g)
		return -ENOMEM;
	g->file = nd_arena_string(&g->arena, file);
	int err = nd_corefile_parse(g->file, text, strlen(text), p->source, &g->arena, &g->conf, d);
	return finish_new(g, err, out, d);
}

int nd_gen_new(struct nd_process *p, const char *file, struct nd_gen **out, struct nd_diag *d)
{
	if (!file) {
		if (access("Corefile", F_OK) != 0)
			return nd_gen_from_text(p, "", nd_corefile_default, out, d);
		file = "Corefile";
	}
	struct nd_gen *g = new_gen(p);
	if (!g)
		return -ENOMEM;
	g->file = nd_arena_string(&g->arena, file);
	int err = nd_corefile_load(g->file, p->source, &g->arena, &g->conf, d);
	if (!err && g->conf.nservers == 0) { /* an empty file counts as none, as with CoreDNS */
		uint64_t hash = g->conf.hash;
		err = nd_corefile_parse("", nd_corefile_default, strlen(nd_corefile_default),
					p->source, &g->arena, &g->conf, d);
		g->conf.hash = hash; /* reload compares it with the file's */
	}
	return finish_new(g, err, out, d);
}

int nd_gen_start(struct nd_gen *g, struct nd_diag *d)
{
	int err = nd_setup_http_start(g, d);

	for (size_t i = 0; !err && i < g->ninstances; i++) {
		struct nd_instance *in = &g->instances[i];
		in->setup.diag = d;
		if (in->plugin->start)
			err = in->plugin->start(in->self, &in->setup);
		if (err && !d->set)
			nd_setup_error(&in->setup, NULL, "start failed: %s", nd_err_text(err));
		in->started = !err;
	}
	g->started = true;
	if (err)
		nd_gen_stop(g);
	return err;
}

void nd_gen_serving(struct nd_gen *g)
{
	for (size_t i = 0; i < g->ninstances; i++)
		if (g->instances[i].plugin->serving)
			g->instances[i].plugin->serving(g->instances[i].self);
}

void nd_gen_stop(struct nd_gen *g)
{
	if (!g->started || g->stopped)
		return;
	g->stopped = true;
	for (size_t i = 0; i < g->ninstances; i++)
		if (g->instances[i].started && g->instances[i].plugin->stop)
			g->instances[i].plugin->stop(g->instances[i].self);
	nd_setup_http_stop(g, false);
}

bool nd_gen_unref(struct nd_gen *g)
{
	return atomic_fetch_sub_explicit(&g->workers, 1, memory_order_acq_rel) == 1;
}

void nd_gen_free(struct nd_gen *g)
{
	if (!g)
		return;
	nd_gen_stop(g);
	nd_setup_http_stop(g, true);
	for (size_t i = g->ninstances; i-- > 0;)
		if (g->instances[i].plugin->clear)
			g->instances[i].plugin->clear(g->instances[i].self);
	nd_setup_share_release(g);
	nd_arena_clear(&g->arena);
	free(g);
}
