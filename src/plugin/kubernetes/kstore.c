/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kubernetes/kstore.h"

#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/log.h"
#include "base/rcu.h"
#include "core/gen.h"
#include "io/clock.h"
#include "io/random.h"
#include "kube/apisource.h"
#include "kube/source.h"
#include "plugin/kubernetes/ksnap.h"

static const size_t index_bytes_max = (size_t)1 << 30;
enum { CONFIG_BYTES_MAX = 1 << 20, TOLD_MAX = 5 };

struct nd_kstore {
	struct nd_kindex *index;
	struct nd_source *source; /* one of the two */
	struct nd_apisource *api;
	struct nd_apisource_config api_config;
	struct nd_ksnap snap;
	const struct nd_process *process;
	bool failing; /* the API server, since it was in step last */
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

static const char *or_none(const char *text)
{
	return text ? text : "";
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

	/* What a reload drops was replaced by another store, perhaps of another selection, with the same file. */
	nd_ksnap_stop(&st->snap, st->process->stopping, !st->failing);
	nd_source_free(st->source);
	nd_apisource_free(st->api);
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
		return nd_diag_at(d, NULL, 0, "no memory");
	config->sink = &st->index->sink;
	return c->source ? nd_source_new(config, &st->source, d) : 0;
}

/* ---- an API server ---- */

static void on_api_report(void *ctx, bool good, const char *text)
{
	struct nd_kstore *st = ctx;

	st->failing = !good;
	if (good)
		nd_log_info("kubernetes", "in step with the API server at %s", text);
	else
		nd_log_warning("kubernetes", "%s; the last good state stays, and it is tried again",
			       text);
}

/* A copy that lives as long as the store; NULL stays NULL. */
static const char *keep(struct nd_kstore *st, const char *text, bool *full)
{
	const char *copy = text ? nd_arena_string(&st->arena, text) : NULL;

	*full |= text && !copy;
	return copy;
}

static int find_server(struct nd_kstore *st, const struct nd_kconf *c, struct nd_diag *d)
{
	struct nd_config *to = &st->api_config.api;
	bool full = false;
	const char *file = keep(st, c->kubeconfig, &full), *url = keep(st, c->endpoint, &full);
	const char *cert = keep(st, c->cert, &full), *key = keep(st, c->key, &full);
	const char *ca = keep(st, c->ca, &full);

	if (full)
		return nd_diag_at(d, NULL, 0, "no memory");
	if (file)
		return nd_config_kubeconfig(file, c->context, &st->arena, to, d);
	if (url)
		return nd_config_endpoint(url, cert, key, ca, &st->arena, to, d);
	return nd_config_in_cluster(getenv("KUBERNETES_SERVICE_HOST"),
				    getenv("KUBERNETES_SERVICE_PORT"), ND_CONFIG_ACCOUNT,
				    &st->arena, to, d);
}

static bool is_live(void *ctx)
{
	const struct nd_kstore *st = ctx;

	return st->api && nd_apisource_synced(st->api);
}

/* Whose objects, and which: what a snapshot must have been made of. The key is no secret, but the same for ever. */
static int print_selection(const struct nd_kstore *st, const struct nd_kconf *c, uint64_t *out)
{
	static const struct nd_siphash_key key = { 1, 2 };
	const struct nd_config *api = &st->api_config.api;
	struct nd_buf b;

	nd_buf_init(&b, CONFIG_BYTES_MAX);
	int err = nd_buf_printf(&b, "%s%s\n%s\n%s\n%d%d%d%d", api->host, or_none(api->prefix),
				or_none(c->labels), or_none(c->namespace_labels), c->zonal,
				c->pod_names, c->pod_labels, c->outside);
	if (!err)
		*out = nd_siphash(&key, 0, b.data, b.len);
	nd_buf_clear(&b);
	return err;
}

static int open_snapshot(struct nd_kstore *st, const struct nd_kconf *c, struct nd_loop *loop)
{
	struct nd_ksnap *s = &st->snap;
	bool full = false;

	s->path = keep(st, c->snapshot, &full);
	s->index = st->index;
	s->live = is_live;
	s->ctx = st;
	if (!s->path)
		return full ? ND_ELIMIT : 0;
	int err = print_selection(st, c, &s->who);
	if (err)
		return err;
	nd_ksnap_load(s);
	nd_ksnap_start(s, loop);
	return 0;
}

static int fill_api(struct nd_kstore *st, const struct nd_kconf *c, struct nd_loop *loop,
		    struct nd_diag *d)
{
	struct nd_apisource_config *a = &st->api_config;
	bool full = false;

	int err = fill(st, c, d);
	if (!err)
		err = find_server(st, c, d);
	if (err)
		return err;
	a->limits = (struct nd_client_limits){ c->qps, c->burst, c->inflight };
	a->sink = st->config.sink;
	memcpy(a->wanted, st->config.wanted, sizeof a->wanted);
	a->labels = keep(st, c->labels, &full);
	a->namespace_labels = keep(st, c->namespace_labels, &full);
	a->report = on_api_report;
	a->ctx = st;
	if (full)
		return nd_diag_at(d, NULL, 0, "no memory");
	/* Where a configuration is only checked there is no loop, and nobody to ask. */
	if (!loop)
		return 0;
	if (open_snapshot(st, c, loop))
		return nd_diag_at(d, NULL, 0, "no memory");
	return nd_apisource_new(loop, a, &st->api, d);
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
	if (m->conf->source ? fill(st, m->conf, &d) : fill_api(st, m->conf, m->setup->loop, &d)) {
		nd_setup_error(m->setup, NULL, "%s%s", m->conf->source ? "source: " : "",
			       d.set ? d.text : "no memory");
		unmake(st);
		return NULL;
	}
	if (m->setup->loop && st->source)
		nd_source_watch(st->source, m->setup->loop);
	return st;
}

/* CoreDNS's, with its words. */
static void emit_requests(const struct nd_apicount *count, const char *host,
			  struct nd_metric_out *out)
{
	static const char *const by_verb[] = { "verb", "host", NULL }, *const by_code[] = {
		"code", "method", "host", NULL
	};
	static const struct nd_metric_family took = {
		"coredns_kubernetes_rest_client_request_duration_seconds",
		ND_METRIC_HISTOGRAM,
		"Request latency in seconds. Broken down by verb and host.",
		by_verb,
		nd_apicount_bounds,
		ND_APICOUNT_BUCKETS
	};
	static const struct nd_metric_family held = {
		"coredns_kubernetes_rest_client_rate_limiter_duration_seconds",
		ND_METRIC_HISTOGRAM,
		"Client side rate limiter latency in seconds. Broken down by verb and host.",
		by_verb,
		nd_apicount_bounds,
		ND_APICOUNT_BUCKETS
	};
	static const struct nd_metric_family requests = {
		"coredns_kubernetes_rest_client_requests_total",
		ND_METRIC_COUNTER,
		"Number of HTTP requests, partitioned by status code, method, and host.",
		by_code,
		NULL,
		0
	};
	const char *verb[] = { "GET", host };

	if (count->lists.n)
		nd_metric_emit_histogram(out, &took, verb, count->lists.bucket, count->lists.sum);
	if (count->held.n)
		nd_metric_emit_histogram(out, &held, verb, count->held.bucket, count->held.sum);
	for (int i = 0; i < ND_APICOUNT_CODES; i++) {
		char code[16] = "<error>";
		const char *values[] = { code, "GET", host };
		if (i)
			snprintf(code, sizeof code, "%d", i);
		if (count->codes[i])
			nd_metric_emit(out, &requests, values, (double)count->codes[i]);
	}
}

static void emit_api(const struct nd_apisource *api, struct nd_metric_out *out)
{
	static const char *const labels[] = { "kind", NULL };
	static const struct nd_metric_family connected = {
		"nodens_kubernetes_watch_connected",
		ND_METRIC_GAUGE,
		"1 while a list or a watch of that kind is open.",
		labels,
		NULL,
		0
	};
	static const struct nd_metric_family lists = { "nodens_kubernetes_lists_total",
						       ND_METRIC_COUNTER,
						       "How often a kind was listed whole.",
						       labels,
						       NULL,
						       0 };
	static const struct nd_metric_family failures = {
		"nodens_kubernetes_watch_failures_total",
		ND_METRIC_COUNTER,
		"Lists and watches that were refused, or broke off.",
		labels,
		NULL,
		0
	};

	for (int k = 0; k < ND_OBJECT_KINDS; k++) {
		struct nd_watch_state st = nd_apisource_state(api, (enum nd_object_kind)k);
		if (!nd_apisource_wants(api, (enum nd_object_kind)k))
			continue;
		nd_metric_emit(out, &connected, &nd_object_kind_text[k], st.connected);
		nd_metric_emit(out, &lists, &nd_object_kind_text[k], (double)st.lists);
		nd_metric_emit(out, &failures, &nd_object_kind_text[k], (double)st.failures);
	}
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
	nd_ksnap_emit(&c->store->snap, out);
	if (!c->store->api)
		return;
	emit_api(c->store->api, out);
	emit_requests(nd_apisource_count(c->store->api), c->store->api_config.api.host, out);
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

/* In one generation a file belongs to one store: two would write over each other's. */
static int hold_snapshot(const struct nd_kconf *c, struct nd_setup *s)
{
	if (!c->snapshot)
		return 0;
	char *key = nd_arena_printf(s->arena, "%p\n%s", (void *)s->gen, c->snapshot);
	struct collector mine = { .store = c->store, .gen = s->gen };
	const struct collector *holder = key ? nd_setup_share(s, "kubernetes-snapshot", key,
							      strlen(key), make_collector, &mine,
							      free)
					     : NULL;
	if (!holder)
		return nd_setup_error(s, NULL, "no memory");
	if (holder->store != c->store)
		return nd_setup_error(s, NULL,
				      "snapshot %s is another block's, which selects other objects; "
				      "give each block a file of its own",
				      c->snapshot);
	return 0;
}

int nd_kstore_open(struct nd_kconf *c, struct nd_setup *s)
{
	struct making m = { .conf = c, .setup = s };
	const char *server = c->source ? c->source
				       : nd_arena_printf(s->arena,
							 "\1%s\n%s\n%s\n%s\n%s\n%s\n%s\n%g %u %u",
							 or_none(c->endpoint), or_none(c->cert),
							 or_none(c->key), or_none(c->ca),
							 or_none(c->kubeconfig),
							 or_none(c->context), or_none(c->snapshot),
							 c->qps, c->burst, c->inflight);
	char *key = nd_arena_printf(s->arena, "%s\n%s\n%s\n%d%d%d%d%d%d%d", or_none(server),
				    c->labels ? c->labels : "",
				    c->namespace_labels ? c->namespace_labels : "", c->noendpoints,
				    c->pods == ND_KCONF_PODS_VERIFIED, c->nmulti > 0, c->zonal,
				    c->pod_names, c->pod_labels, c->outside);

	if (!key || !server)
		return ND_ELIMIT;
	c->store = nd_setup_share(s, "kubernetes", key, strlen(key), make, &m, unmake);
	if (!c->store)
		return s->diag->set ? ND_ECONF : nd_setup_error(s, NULL, "no memory");
	c->index = c->store->index;
	int err = hold_snapshot(c, s);
	return err ? err : collect_once(c->store, s);
}

void nd_kstore_note(const struct nd_kconf *c, struct nd_buf *to)
{
	uint64_t age_s;

	if (nd_ksnap_served(&c->store->snap, &age_s))
		nd_buf_printf(to,
			      "answers from a snapshot, %llu s old; the API server was not "
			      "listed yet",
			      (unsigned long long)age_s);
	else if (c->store->failing && nd_kindex_complete(c->index))
		nd_buf_text(to, "the API server fails; answers from the last good state");
}

/* ---- the wait for it ---- */

struct waiting {
	struct nd_timer timer;
	struct nd_loop *loop;
	const struct nd_kstore *store;
	uint64_t until_ns, tell_ns;
	bool over;
};

/* As CoreDNS: tells each 500 ms. */
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
	if (now >= w->tell_ns) {
		nd_log_info("kubernetes", "waiting for Kubernetes API before starting server");
		w->tell_ns = now + 500 * (uint64_t)ND_NS_PER_MS;
	}
	nd_timer_start(w->loop, t, 20 * (uint64_t)ND_NS_PER_MS, on_wait);
}

int nd_kstore_wait(const struct nd_kconf *c, struct nd_setup *s)
{
	struct waiting w = { .loop = s->loop, .store = c->store };

	if (!c->store->api || s->process->gen || nd_kindex_complete(c->index))
		return 0;
	uint64_t now = nd_loop_update(s->loop);
	w.until_ns = now + (uint64_t)c->timeout_ns;
	w.tell_ns = now + 500 * (uint64_t)ND_NS_PER_MS;
	nd_timer_start(s->loop, &w.timer, 0, on_wait);
	nd_loop_run(s->loop);
	nd_timer_stop(&w.timer);
	return w.over ? 0 : ND_ECLOSED;
}
