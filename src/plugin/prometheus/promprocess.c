/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/prometheus/promprocess.h"

#include <assert.h>
#include <string.h>
#include "io/procinfo.h"

void nd_promprocess_emit(struct nd_metric_out *out)
{
	static const struct nd_metric_family rows[] = {
		ND_COUNTER("process_cpu_seconds_total",
			   "Total user and system CPU time spent in seconds.", NULL),
		ND_GAUGE("process_max_fds", "Maximum number of open file descriptors.", NULL),
		ND_COUNTER("process_network_receive_bytes_total",
			   "Number of bytes received by the process over the network.", NULL),
		ND_COUNTER("process_network_transmit_bytes_total",
			   "Number of bytes sent by the process over the network.", NULL),
		ND_GAUGE("process_open_fds", "Number of open file descriptors.", NULL),
		ND_GAUGE("process_resident_memory_bytes", "Resident memory size in bytes.", NULL),
		ND_GAUGE("process_start_time_seconds",
			 "Start time of the process since unix epoch in seconds.", NULL),
		ND_GAUGE("process_virtual_memory_bytes", "Virtual memory size in bytes.", NULL),
		ND_GAUGE("process_virtual_memory_max_bytes",
			 "Maximum amount of virtual memory available in bytes.", NULL),
	};
	struct nd_procinfo i;

	nd_procinfo_read(&i);
	const double value[] = { i.cpu_s,
				 (double)i.max_fds,
				 (double)i.received_bytes,
				 (double)i.sent_bytes,
				 (double)i.open_fds,
				 (double)i.resident_bytes,
				 i.start_s,
				 (double)i.virtual_bytes,
				 (double)i.virtual_max_bytes };
	static_assert(ND_COUNT(value) == ND_COUNT(rows), "a value for each family");
	for (size_t k = 0; k < ND_COUNT(rows); k++)
		nd_metric_emit(out, &rows[k], NULL, value[k]);
}

static bool has_plugin(const struct nd_gen *g, const char *name)
{
	for (size_t i = 0; i < g->ninstances; i++)
		if (strcmp(g->instances[i].plugin->name, name) == 0)
			return true;
	return false;
}

void nd_promprocess_emit_absent(const struct nd_gen *g, struct nd_metric_out *out)
{
	static const double buckets[] = { 0.00025, 0.0025, 0.025, 0.25, 2.5 };
	static const uint64_t none[ND_COUNT(buckets) + 1];
	static const struct nd_metric_family duration =
		ND_HISTOGRAM("coredns_health_request_duration_seconds",
			     "Histogram of the time (in seconds) each request took.", NULL,
			     buckets);
	static const struct {
		const char *plugin;
		struct nd_metric_family family;
	} rows[] = {
		{ "forward",
		  ND_COUNTER("coredns_forward_healthcheck_broken_total",
			     "Counter of the number of complete failures of the healthchecks.",
			     NULL) },
		{ "forward", ND_COUNTER("coredns_forward_max_concurrent_rejects_total",
					"Counter of the number of queries rejected because the "
					"concurrent queries were at maximum.",
					NULL) },
		{ "health", ND_COUNTER("coredns_health_request_failures_total",
				       "The number of times the health check failed.", NULL) },
		{ "hosts", ND_GAUGE("coredns_hosts_reload_timestamp_seconds",
				    "The timestamp of the last reload of hosts file.", NULL) },
		{ "reload", ND_COUNTER("coredns_reload_failed_total",
				       "Counter of the number of failed reload attempts.", NULL) },
	};

	for (size_t i = 0; i < ND_COUNT(rows); i++)
		if (!has_plugin(g, rows[i].plugin))
			nd_metric_emit(out, &rows[i].family, NULL, 0);
	if (!has_plugin(g, "health"))
		nd_metric_emit_histogram(out, &duration, NULL, none, 0);
}
