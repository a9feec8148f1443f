/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kubernetes/kstore.h"

#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/log.h"
#include "base/rcu.h"
#include "io/clock.h"
#include "io/random.h"
#include "kube/source.h"

static const size_t index_bytes_max = (size_t)1 << 30;
enum { CONFIG_BYTES_MAX = 1 << 20, TOLD_MAX = 5 };

struct nd_kstore {
	struct nd_kindex *index;
	struct nd_source *source;
	struct nd_source_config config;
	struct nd_selector labels, namespace_labels;
	struct nd_arena arena; /* of path and selectors */
};

/* Names in a namespace that does not exist are not answered, as in CoreDNS: a manifest is easily forgotten. */
static void tell_missing(const struct nd_kindex *ix)
{
	struct nd_knode *node;
	struct nd_buf b;
	uint32_t at = 0, n = 0;

	nd_buf_init(&b, 4096);
	while ((node = nd_ktable_next(&ix->namespaces, &at))) {
		if (((const struct nd_kns *)node)->exists)
			continue;
		if (n++ < TOLD_MAX)
			nd_buf_printf(&b, "%s%.*s", n > 1 ? ", " : "", node->len, node->name);
	}
	if (n)
		nd_log_warning("kubernetes",
			       "%u namespaces with objects have no Namespace object, so their names "
			       "are not answered: %s%s",
			       n, nd_buf_string(&b), n > TOLD_MAX ? ", ..." : "");
	nd_buf_clear(&b);
}

static void on_report(void *ctx, bool good, const char *text)
{
	const struct nd_kstore *st = ctx;

	if (!good) {
		nd_log_error("kubernetes", "%s; the last good state stays", text);
		return;
	}
	nd_log_info("kubernetes", "%s", text);
	if (!st->config.namespace_labels)
		tell_missing(st->index);
}

static int copy_selector(struct nd_kstore *st, const char *text, struct nd_selector *to,
			 const struct nd_selector **use)
{
	const char *why;

	if (!text)
		return 0;
	*use = to;
	return nd_selector_parse(text, &st->arena, to, &why);
}

static struct nd_kindex *make_index(const struct nd_kconf *c, const bool wanted[ND_OBJECT_KINDS])
{
	struct nd_kindex_config config = { .pod_names = c->pod_names,
					   .zones = c->zonal,
					   .pod_labels = c->pod_labels,
					   .outside = c->outside,
					   .max_bytes = index_bytes_max,
					   .wall_ns = nd_clock_wall_ns };

	memcpy(config.wanted, wanted, sizeof config.wanted);
	nd_random_bytes(&config.key, sizeof config.key);
	return nd_kindex_new(&config);
}

static void unmake(void *object)
{
	struct nd_kstore *st = object;

	nd_source_free(st->source);
	/* No generation has it any more, but a worker may still be in its last batch. */
	nd_rcu_synchronize();
	nd_kindex_free(st->index);
	nd_arena_clear(&st->arena);
	free(st);
}

struct making {
	const struct nd_kconf *conf;
	struct nd_setup *setup;
};

static int fill(struct nd_kstore *st, const struct nd_kconf *c, struct nd_diag *d)
{
	struct nd_source_config *config = &st->config;

	config->path = nd_arena_string(&st->arena, c->source);
	config->wanted[ND_OBJECT_NAMESPACE] = config->wanted[ND_OBJECT_SERVICE] = true;
	config->wanted[ND_OBJECT_SLICE] = !c->noendpoints;
	config->wanted[ND_OBJECT_POD] = c->pods == ND_KCONF_PODS_VERIFIED;
	config->wanted[ND_OBJECT_IMPORT] = c->nmulti > 0;
	config->report = on_report;
	config->ctx = st;
	st->index = make_index(c, config->wanted);
	if (!config->path || !st->index ||
	    copy_selector(st, c->labels, &st->labels, &config->labels) ||
	    copy_selector(st, c->namespace_labels, &st->namespace_labels,
			  &config->namespace_labels))
		return nd_diag_at(d, NULL, 0, "no memory");
	config->sink = &st->index->sink;
	return nd_source_new(config, &st->source, d);
}

static void *make(void *ctx)
{
	struct making *m = ctx;
	struct nd_kstore *st = calloc(1, sizeof *st);
	struct nd_diag d = { 0 };

	if (!st)
		return NULL;
	nd_arena_init(&st->arena, CONFIG_BYTES_MAX);
	if (fill(st, m->conf, &d)) {
		nd_setup_error(m->setup, NULL, "source: %s", d.set ? d.text : "no memory");
		unmake(st);
		return NULL;
	}
	if (m->setup->loop)
		nd_source_watch(st->source, m->setup->loop);
	return st;
}

/* Blocks that share an index say its numbers once: whoever of a generation comes first. */
struct collector {
	struct nd_kstore *store;
	struct nd_gen *gen;
	bool told; /* the generation's registry has it */
};

static void collect(void *ctx, struct nd_metric_out *out)
{
	const struct collector *c = ctx;

	nd_kcount_emit(c->store->index, out);
}

static void *make_collector(void *ctx)
{
	struct collector *made = malloc(sizeof *made);

	if (made)
		*made = *(const struct collector *)ctx;
	return made;
}

static int collect_once(struct nd_kstore *st, struct nd_setup *s)
{
	struct collector key;

	memset(&key, 0, sizeof key); /* it is compared as octets */
	key.store = st;
	key.gen = s->gen;
	struct collector *c = nd_setup_share(s, "kubernetes-metrics", &key, sizeof key,
					     make_collector, &key, free);

	if (!c)
		return nd_setup_error(s, NULL, "no memory");
	if (!c->told)
		nd_setup_collect(s, collect, c);
	c->told = true;
	return 0;
}

int nd_kstore_open(struct nd_kconf *c, struct nd_setup *s)
{
	struct making m = { .conf = c, .setup = s };
	char *key = nd_arena_printf(s->arena, "%s\n%s\n%s\n%d%d%d%d%d%d%d", c->source,
				    c->labels ? c->labels : "",
				    c->namespace_labels ? c->namespace_labels : "", c->noendpoints,
				    c->pods == ND_KCONF_PODS_VERIFIED, c->nmulti > 0, c->zonal,
				    c->pod_names, c->pod_labels, c->outside);

	if (!key)
		return ND_ELIMIT;
	c->store = nd_setup_share(s, "kubernetes", key, strlen(key), make, &m, unmake);
	if (!c->store)
		return s->diag->set ? ND_ECONF : nd_setup_error(s, NULL, "no memory");
	c->index = c->store->index;
	return collect_once(c->store, s);
}
