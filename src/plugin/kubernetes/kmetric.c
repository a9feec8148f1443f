/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics of a store: its index, its snapshot and its API server. */
#include <stdlib.h>
#include <string.h>
#include "plugin/kubernetes/kstore_parts.h"

/* Names and help texts are CoreDNS's. */
static void emit_requests(const struct nd_apicount *count, const char *host,
			  struct nd_metric_out *out)
{
	static const char *const by_verb[] = { "verb", "host", NULL };
	static const char *const by_code[] = { "code", "method", "host", NULL };
	static const struct nd_metric_family took =
		ND_HISTOGRAM("coredns_kubernetes_rest_client_request_duration_seconds",
			     "Request latency in seconds. Broken down by verb and host.", by_verb,
			     nd_apicount_bounds);
	static const struct nd_metric_family held =
		ND_HISTOGRAM("coredns_kubernetes_rest_client_rate_limiter_duration_seconds",
			     "Client side rate limiter latency in seconds. Broken down by verb "
			     "and host.",
			     by_verb, nd_apicount_bounds);
	static const struct nd_metric_family requests =
		ND_COUNTER("coredns_kubernetes_rest_client_requests_total",
			   "Number of HTTP requests, partitioned by status code, method, and host.",
			   by_code);
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
	static const struct nd_metric_family connected =
		ND_GAUGE("nodens_kubernetes_watch_connected",
			 "1 while a list or watch of the kind is open.", labels);
	static const struct nd_metric_family lists = ND_COUNTER("nodens_kubernetes_lists_total",
								"Completed lists of the kind.",
								labels);
	static const struct nd_metric_family failures =
		ND_COUNTER("nodens_kubernetes_watch_failures_total",
			   "Lists and watches of the kind that were refused or broken off.",
			   labels);

	for (int k = 0; k < ND_OBJECT_KINDS; k++) {
		struct nd_watch_state st = nd_apisource_state(api, (enum nd_object_kind)k);
		if (!nd_apisource_wants(api, (enum nd_object_kind)k))
			continue;
		nd_metric_emit(out, &connected, &nd_object_kind_text[k], st.connected);
		nd_metric_emit(out, &lists, &nd_object_kind_text[k], (double)st.lists);
		nd_metric_emit(out, &failures, &nd_object_kind_text[k], (double)st.failures);
	}
}

static void collect(void *ctx, struct nd_metric_out *out)
{
	const struct nd_kmetric *c = ctx;

	nd_kcount_emit(c->store->index, out);
	nd_ksnap_emit(&c->store->snap, out);
	if (!c->store->api)
		return;
	emit_api(c->store->api, out);
	emit_requests(nd_apisource_count(c->store->api), c->store->api_config.api.host, out);
}

void *nd_kmetric_copy(void *ctx)
{
	struct nd_kmetric *made = malloc(sizeof *made);

	if (made)
		*made = *(const struct nd_kmetric *)ctx;
	return made;
}

int nd_kmetric_collect(struct nd_kstore *st, struct nd_setup *s)
{
	struct nd_kmetric key;

	memset(&key, 0, sizeof key); /* compared byte by byte */
	key.store = st;
	key.gen = s->gen;
	struct nd_kmetric *c = nd_setup_share(s, "kubernetes-metrics", &key, sizeof key,
					      nd_kmetric_copy, &key, free);

	if (!c)
		return nd_setup_error(s, NULL, "out of memory");
	if (!c->registered)
		nd_setup_collect(s, collect, c);
	c->registered = true;
	return 0;
}
