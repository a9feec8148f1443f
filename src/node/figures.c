/* SPDX-License-Identifier: Apache-2.0 */
#include "node/figures.h"

#include <stdio.h>
#include <string.h>
#include "base/err.h"
#include "base/log.h"

static const char *const error_text[ND_FIGURES_ERRORS] = {
	[ND_FIGURES_IPTABLES] = "iptables",
	[ND_FIGURES_IPTABLES_LOCK] = "iptables_lock",
	[ND_FIGURES_INTERFACE_ADD] = "interface_add",
	[ND_FIGURES_INTERFACE_CHECK] = "interface_check",
	[ND_FIGURES_CONFIGMAP] = "configmap",
};

static void put_head(struct nd_buf *out, const char *name, const char *kind, const char *help)
{
	nd_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

static void put_gauge(struct nd_buf *out, const char *name, const char *help, uint64_t value)
{
	put_head(out, name, "gauge", help);
	nd_buf_printf(out, "%s %llu\n", name, (unsigned long long)value);
}

static void put_features(const struct nd_figures *f, struct nd_buf *out)
{
	static const char name[] = "nodens_node_kernel_feature";
	const struct {
		const char *feature;
		bool has;
	} rows[] = { { "inet_nat", f->inet_nat },
		     { "owned_tables", f->owned_tables },
		     { "socket_transparent", f->socket_transparent },
		     { "socket_wildcard", f->socket_wildcard } };

	if (!f->kernel_known)
		return;
	put_head(out, name, "gauge", "Whether nftables in this kernel has the feature.");
	for (size_t i = 0; i < ND_COUNT(rows); i++)
		nd_buf_printf(out, "%s{feature=\"%s\"} %d\n", name, rows[i].feature, rows[i].has);
}

void nd_figures_page(const struct nd_figures *f, struct nd_buf *out)
{
	static const char errors[] = "coredns_nodecache_setup_errors_total",
			  refused[] = "nodens_node_exemptions_refused_total",
			  restored[] = "nodens_node_restored_total";

	put_head(out, errors, "counter",
		 "The number of errors during periodic network setup for node-cache");
	for (size_t i = 0; i < ND_FIGURES_ERRORS; i++)
		nd_buf_printf(out, "%s{errortype=\"%s\"} %llu\n", errors, error_text[i],
			      (unsigned long long)f->errors[i]);
	put_gauge(out, "nodens_node_conntrack_entries",
		  "The number of entries of the kernel's connection table.", f->conntrack_entries);
	put_gauge(out, "nodens_node_conntrack_full",
		  "Whether the connection table is full: new connections of the node fail.",
		  f->conntrack_full);
	put_gauge(out, "nodens_node_conntrack_limit", "The limit of the connection table.",
		  f->conntrack_limit);
	put_gauge(
		out, "nodens_node_exempted_connections",
		"The number of TCP connections to DNS pods, from before the rules, that are left to them.",
		f->exempted);
	put_head(out, refused, "counter",
		 "The number of such connections that were reset, being too many.");
	nd_buf_printf(out, "%s %llu\n", refused, (unsigned long long)f->exemptions_refused);
	put_gauge(out, "nodens_node_intercepting",
		  "Whether the rules that intercept DNS traffic are installed.", f->intercepting);
	put_features(f, out);
	put_gauge(out, "nodens_node_link_up", "Whether the interface exists and has all addresses.",
		  f->link_up);
	put_head(out, restored, "counter",
		 "The number of times the interface or the rules were missing and were restored.");
	nd_buf_printf(out, "%s{what=\"link\"} %llu\n%s{what=\"rules\"} %llu\n", restored,
		      (unsigned long long)f->link_restored, restored,
		      (unsigned long long)f->rules_restored);
	put_gauge(out, "nodens_node_serving", "Whether a Corefile is loaded.", f->serving);
}

int nd_figures_address(const char *text, struct nd_addr *out)
{
	char all[ND_ADDR_TEXT_MAX];
	struct nd_addr a;

	if (text[0] == ':' && text[1] != ':') {
		snprintf(all, sizeof all, "[::]%.16s", text);
		text = all;
	}
	if (nd_addr_parse(text, 0, &a) || !nd_addr_port(&a))
		return ND_EFORMAT;
	*out = a;
	return 0;
}

void nd_figures_fail(struct nd_figures *f, enum nd_figures_task m, enum nd_figures_error e,
		     const struct nd_diag *d)
{
	bool again = strcmp(f->last_error[m], d->text) == 0;

	if (e != ND_FIGURES_ERRORS && !(again && m == ND_FIGURES_COREFILE))
		f->errors[e]++;
	if (again)
		return;
	strcpy(f->last_error[m], d->text);
	nd_log_error(NULL, "node: %s", d->text);
}

void nd_figures_recover(struct nd_figures *f, enum nd_figures_task m)
{
	f->last_error[m][0] = '\0';
}

bool nd_figures_failing(const struct nd_figures *f, enum nd_figures_task t)
{
	return f->last_error[t][0] != '\0';
}
