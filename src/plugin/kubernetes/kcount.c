/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kubernetes/kcount.h"

#include "base/err.h"
#include "base/log.h"
#include "core/metric.h"
#include "kube/rfc3339.h"
#include "plugin/kubernetes/kspace.h"

/* --- what cannot be used --- */

static const char *const why_label[ND_KCOUNT_WHYS] = { "name", "address", "target", "memory",
						       "field" };

/* Each reason is logged once for each kind: a cluster may have thousands of such objects, and list
 * them again and again. */
static void skip(struct nd_kindex *ix, const struct nd_object *o, enum nd_kcount_why why,
		 uint32_t n, const char *text)
{
	uint64_t *total = &ix->count.skipped[o->kind][why];

	if (n && *total == 0)
		nd_log_warning("kubernetes",
			       "%s %s%s%s: %s; further ones are only counted, in "
			       "nodens_kubernetes_skipped_total",
			       nd_object_kind_text[o->kind], o->namespace,
			       o->namespace[0] ? "/" : "", o->name, text);
	*total += n;
}

void nd_kcount_unread(struct nd_kindex *ix, enum nd_object_kind kind, const char *why)
{
	if (ix->count.skipped[kind][ND_KCOUNT_FIELD]++ == 0)
		nd_log_warning("kubernetes",
			       "%s; object ignored; further ones are only counted, in "
			       "nodens_kubernetes_skipped_total",
			       why);
}

/* --- how long a change took --- */

static void took(struct nd_kcount_took *t, double seconds)
{
	size_t i = 0;

	for (double top = 0.001; i < ND_KCOUNT_BUCKETS && seconds > top; top *= 2)
		i++;
	t->bucket[i]++;
	t->sum += seconds;
}

/* The programming latency SLI of Kubernetes: from the change of the pod or Service, as recorded by
 * the endpoint controller, until it is answered. Only if the Service is known (CoreDNS
 * EndpointLatencyRecorder). */
static void note_time(struct nd_kindex *ix, const struct nd_object *o)
{
	int64_t changed;

	if (!o->slice.changed[0])
		return;
	if (nd_rfc3339_parse(o->slice.changed, &changed)) {
		if (!ix->count.bad_time)
			nd_log_warning("kubernetes",
				       "EndpointSlice %s/%s: annotation " ND_OBJECT_CHANGED
				       " is not an RFC 3339 time: \"%.64s\"; such slices are not "
				       "measured, and not logged again",
				       o->namespace, o->name, o->slice.changed);
		ix->count.bad_time = true;
		return;
	}
	const struct nd_kname *name = nd_kspace_find_name(ix, ND_KSCOPE_CLUSTER, o->namespace,
							  o->slice.service);
	if (!name || !name->service)
		return;
	int64_t now = (int64_t)ix->config.wall_ns();
	took(&ix->count.took[name->service->kind == ND_KSERVICE_HEADLESS],
	     (double)(now - changed) / 1e9);
}

void nd_kcount_no_memory(struct nd_kindex *ix, const struct nd_object *o)
{
	skip(ix, o, ND_KCOUNT_MEMORY, 1,
	     "the index is full or memory is out; keeping the previous state of the object");
}

void nd_kcount_object(struct nd_kindex *ix, const struct nd_object *o,
		      const struct nd_kskips *skips)
{
	skip(ix, o, ND_KCOUNT_NAME, skips->name,
	     "name or namespace is not a DNS label; object ignored");
	skip(ix, o, ND_KCOUNT_TARGET, skips->target,
	     "externalName is not a host name; the Service has no records");
	skip(ix, o, ND_KCOUNT_ADDRESS, skips->addresses, "invalid IP address ignored");
	if (o->kind == ND_OBJECT_SLICE)
		note_time(ix, o);
}

/* --- metrics --- */

static const char *const took_labels[] = { "service_kind", NULL };
static const char *const skipped_labels[] = { "kind", "why", NULL };
static const char *const no_labels[] = { NULL };
static const double took_buckets[ND_KCOUNT_BUCKETS] = {
	0.001, 0.002, 0.004, 0.008, 0.016,  0.032,  0.064,  0.128,   0.256,   0.512,
	1.024, 2.048, 4.096, 8.192, 16.384, 32.768, 65.536, 131.072, 262.144, 524.288,
};
static const struct nd_metric_family took_family =
	ND_HISTOGRAM("coredns_kubernetes_dns_programming_duration_seconds",
		     "Histogram of the time (in seconds) it took to program a dns instance.",
		     took_labels, took_buckets);
static const struct nd_metric_family skipped_family =
	ND_COUNTER("nodens_kubernetes_skipped_total",
		   "Objects and addresses that could not be used.", skipped_labels);
static const struct nd_metric_family bytes_family =
	ND_GAUGE("nodens_kubernetes_index_bytes", "Memory used by the index of the cluster.",
		 no_labels);

static bool any(const struct nd_kcount_took *t)
{
	for (size_t i = 0; i <= ND_KCOUNT_BUCKETS; i++)
		if (t->bucket[i])
			return true;
	return false;
}

void nd_kcount_emit(const struct nd_kindex *ix, struct nd_metric_out *out)
{
	static const char *const kind[] = { "cluster_ip", "headless_with_selector" };

	for (size_t i = 0; i < ND_COUNT(kind); i++)
		if (any(&ix->count.took[i]))
			nd_metric_emit_histogram(out, &took_family, &kind[i],
						 ix->count.took[i].bucket, ix->count.took[i].sum);
	for (int k = 0; k < ND_OBJECT_KINDS; k++)
		for (int w = 0; w < ND_KCOUNT_WHYS; w++) {
			const char *values[] = { nd_object_kind_text[k], why_label[w] };
			if (ix->count.skipped[k][w])
				nd_metric_emit(out, &skipped_family, values,
					       (double)ix->count.skipped[k][w]);
		}
	nd_metric_emit(out, &bytes_family, NULL, (double)ix->memory.used);
}
