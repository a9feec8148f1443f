/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/log.h"
#include "base/rcu.h"
#include "base/time.h"
#include "core/gen.h"
#include "io/clock.h"
#include "io/random.h"
#include "plugin/kubernetes/ksink.h"
#include "plugin/kubernetes/kstore_parts.h"

static const size_t index_bytes_max = (size_t)1 << 30;
enum { CONFIG_BYTES_MAX = 1 << 20, LISTED_MAX = 5 };

/* Names in a namespace without a Namespace object are not answered, as in CoreDNS. Such a manifest
 * is easily forgotten. */
static void log_missing(const struct nd_kindex *ix)
{
	struct nd_knode *node;
	struct nd_buf b;
	uint32_t at = 0, n = 0;

	nd_buf_init(&b, 4096);
	while ((node = nd_ktable_next(&ix->namespaces, &at))) {
		if (((const struct nd_kns *)node)->exists)
			continue;
		if (n++ < LISTED_MAX)
			nd_buf_printf(&b, "%s%.*s", n > 1 ? ", " : "", node->len, node->name);
	}
	if (n)
		nd_log_warning("kubernetes",
			       "%u namespaces contain objects but have no Namespace object; their "
			       "names are not answered: %s%s",
			       n, nd_buf_string(&b), n > LISTED_MAX ? ", ..." : "");
	nd_buf_clear(&b);
}

static void on_report(void *ctx, bool good, const char *text)
{
	const struct nd_kstore *st = ctx;

	if (!good) {
		nd_log_error("kubernetes", "%s; keeping the last good state", text);
		return;
	}
	nd_log_info("kubernetes", "%s", text);
	if (!st->config.namespace_labels)
		log_missing(st->index);
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
	return nd_ksink_new(&config);
}

static void unmake(void *object)
{
	struct nd_kstore *st = object;

	/* A store dropped by a reload is not written: its successor may use the same file with
	 * another selection. */
	nd_ksnap_stop(&st->snap, st->process->stopping, !st->failing);
	nd_source_free(st->source);
	nd_apisource_free(st->api);
	/* No generation uses it any more, but a worker may still be in its last batch. */
	nd_rcu_synchronize();
	nd_ksink_free(st->index);
	nd_arena_clear(&st->arena);
	free(st);
}

struct making {
	const struct nd_kconf *conf;
	struct nd_setup *setup;
};

/* Index and selectors; with manifests, also the objects. */
static int fill(struct nd_kstore *st, const struct nd_kconf *c, struct nd_diag *d)
{
	struct nd_source_config *config = &st->config;

	config->path = c->source ? nd_arena_string(&st->arena, c->source) : "";
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
		return nd_diag_at(d, NULL, 0, "out of memory");
	config->sink = &st->index->sink;
	return c->source ? nd_source_new(config, &st->source, d) : 0;
}

static void *make(void *ctx)
{
	struct making *m = ctx;
	struct nd_kstore *st = calloc(1, sizeof *st);
	struct nd_diag d = { 0 };

	if (!st)
		return NULL;
	st->process = m->setup->process;
	nd_arena_init(&st->arena, CONFIG_BYTES_MAX);
	int err = fill(st, m->conf, &d);
	if (!err && !m->conf->source)
		err = nd_kapi_open(st, m->conf, m->setup->loop, &d);
	if (err) {
		nd_setup_error(m->setup, NULL, "%s%s", m->conf->source ? "source: " : "",
			       d.set ? d.text : "out of memory");
		unmake(st);
		return NULL;
	}
	if (m->setup->loop && st->source)
		nd_source_watch(st->source, m->setup->loop);
	return st;
}

/* In one generation a file belongs to one store; two would overwrite each other's. */
static int hold_snapshot(const struct nd_kconf *c, struct nd_setup *s)
{
	if (!c->snapshot)
		return 0;
	char *key = nd_arena_printf(s->arena, "%p\n%s", (void *)s->gen, c->snapshot);
	struct nd_kmetric mine = { .store = c->store, .gen = s->gen };
	const struct nd_kmetric *holder = key ? nd_setup_share(s, "kubernetes-snapshot", key,
							       strlen(key), nd_kmetric_copy, &mine,
							       free)
					      : NULL;
	if (!holder)
		return nd_setup_error(s, NULL, "out of memory");
	if (holder->store != c->store)
		return nd_setup_error(s, NULL,
				      "snapshot %s is used by another block that selects other "
				      "objects; give each block its own file",
				      c->snapshot);
	return 0;
}

int nd_kstore_open(struct nd_kconf *c, struct nd_setup *s)
{
	struct making m = { .conf = c, .setup = s };
	const char *server =
		c->source ? c->source
			  : nd_arena_printf(s->arena, "\1%s\n%s\n%s\n%s\n%s\n%s\n%s\n%g %u %u",
					    nd_kstore_text(c->endpoint), nd_kstore_text(c->cert),
					    nd_kstore_text(c->key), nd_kstore_text(c->ca),
					    nd_kstore_text(c->kubeconfig),
					    nd_kstore_text(c->context), nd_kstore_text(c->snapshot),
					    c->qps, c->burst, c->inflight);
	char *key = nd_arena_printf(s->arena, "%s\n%s\n%s\n%d%d%d%d%d%d%d", nd_kstore_text(server),
				    c->labels ? c->labels : "",
				    c->namespace_labels ? c->namespace_labels : "", c->noendpoints,
				    c->pods == ND_KCONF_PODS_VERIFIED, c->nmulti > 0, c->zonal,
				    c->pod_names, c->pod_labels, c->outside);

	if (!key || !server)
		return ND_ELIMIT;
	c->store = nd_setup_share(s, "kubernetes", key, strlen(key), make, &m, unmake);
	if (!c->store)
		return s->diag->set ? ND_ECONF : nd_setup_error(s, NULL, "out of memory");
	c->index = c->store->index;
	int err = hold_snapshot(c, s);
	return err ? err : nd_kmetric_collect(c->store, s);
}

void nd_kstore_note(const struct nd_kconf *c, struct nd_buf *to)
{
	uint64_t age_s;

	if (nd_ksnap_served(&c->store->snap, &age_s))
		nd_buf_printf(to,
			      "answering from a snapshot, %llu s old; the API server has not "
			      "listed everything yet",
			      (unsigned long long)age_s);
	else if (c->store->failing && nd_kindex_complete(c->index))
		nd_buf_text(to, "the API server fails; answering from the last good state");
}

/* --- the wait at startup --- */

struct waiting {
	struct nd_timer timer;
	struct nd_loop *loop;
	const struct nd_kstore *store;
	uint64_t until_ns, log_ns;
	bool over;
};

/* CoreDNS logs every 500 ms. */
static void on_wait(struct nd_timer *t)
{
	struct waiting *w = ND_CONTAINER(t, struct waiting, timer);
	uint64_t now = nd_loop_now_ns(w->loop);
	bool synced = nd_kindex_complete(w->store->index);

	if (synced || now >= w->until_ns) {
		if (!synced)
			nd_log_warning("kubernetes",
				       "starting server with unsynced Kubernetes API");
		w->over = true;
		nd_loop_stop(w->loop);
		return;
	}
	if (now >= w->log_ns) {
		nd_log_info("kubernetes", "waiting for Kubernetes API before starting server");
		w->log_ns = now + ND_MS(500);
	}
	nd_timer_start(w->loop, t, ND_MS(20), on_wait);
}

int nd_kstore_wait(const struct nd_kconf *c, struct nd_setup *s)
{
	struct waiting w = { .loop = s->loop, .store = c->store };

	if (!c->store->api || s->process->gen || nd_kindex_complete(c->index))
		return 0;
	uint64_t now = nd_loop_update(s->loop);
	w.until_ns = now + (uint64_t)c->timeout_ns;
	w.log_ns = now + ND_MS(500);
	nd_timer_start(s->loop, &w.timer, 0, on_wait);
	nd_loop_run(s->loop);
	nd_timer_stop(&w.timer);
	return w.over ? 0 : ND_ECLOSED;
}
