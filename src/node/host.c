/* SPDX-License-Identifier: Apache-2.0 */
#include "node/host.h"

#include <string.h>
#include "base/err.h"
#include "base/log.h"
#include "io/fdset.h"
#include "node/conntrack.h"
#include "node/iptables.h"
#include "node/link.h"
#include "node/nft.h"

#define TABLE "nodens"

bool nd_host_ensure_link(struct nd_host *h)
{
	const struct nd_host_config *c = h->config;
	struct nd_link_config l = { c->interface, c->addrs, c->naddrs };
	struct nd_diag d = { 0 };
	bool changed;

	if (!c->setup_interface)
		return true;
	if (nd_link_up(&l, &changed, &d)) {
		h->figures->link_up = false;
		nd_figures_fail(h->figures, ND_FIGURES_LINK,
				h->link_made ? ND_FIGURES_INTERFACE_CHECK
					     : ND_FIGURES_INTERFACE_ADD,
				&d);
		return false;
	}
	nd_figures_recover(h->figures, ND_FIGURES_LINK);
	if (changed && h->link_made) {
		h->figures->link_restored++;
		h->restored = true;
		nd_log_warning(NULL, "node: interface %s was missing or lacked addresses; restored",
			       c->interface);
	}
	h->link_made = h->figures->link_up = true;
	return true;
}

static bool open_nft(struct nd_host *h, struct nd_diag *d)
{
	struct nd_fdset *fds = h->config->fds;

	if (h->nft)
		return true;
	int fd = nd_fdset_take(fds, ND_FD_NETFILTER, NULL, 0);
	bool inherited = fd >= 0;
	if (nd_nft_new(fd, &h->nft, d)) {
		if (inherited)
			nd_fdset_forget(fds, fd);
		return false;
	}
	if (!inherited)
		nd_fdset_put(fds, ND_FD_NETFILTER, NULL, 0, nd_nft_fd(h->nft));
	return true;
}

static bool same_addresses(const struct nd_host *h, const struct nd_addr *addrs, size_t n)
{
	if (n != h->nintercepted)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!nd_addr_equal(&h->intercepted[i], &addrs[i]))
			return false;
	return true;
}

static struct nd_nft_config table_config(const struct nd_host *h, const struct nd_addr *addrs,
					 size_t n)
{
	return (struct nd_nft_config){ .table = TABLE,
				       .addrs = addrs,
				       .naddrs = n,
				       .port = nd_addr_port(&h->config->addrs[0]),
				       .health_port = h->config->health_port };
}

/* Connections from before the rules. They end with their DNS pod, or with their client. */
static void report_exempted(struct nd_host *h)
{
	const struct nd_nft_exempt *x = nd_nft_exempted(h->nft);

	h->figures->exemptions_refused += x->beyond;
	if (x->err)
		nd_log_warning(
			NULL,
			"node: cannot list the connection table: %s: TCP connections to DNS pods "
			"from before the start were reset (the kernel needs nf_conntrack_netlink)",
			nd_err_text(x->err));
	if (x->beyond)
		nd_log_warning(
			NULL,
			"node: %zu TCP connections to DNS pods were reset: only %zu can be left "
			"to their pod",
			x->beyond, x->n);
	if (x->n)
		nd_log_info(NULL, "node: %zu TCP connections to DNS pods are left to their pod",
			    x->n);
}

static void report_features(struct nd_host *h)
{
	const struct nd_nft_features *f = nd_nft_features(h->nft);
	bool first = !h->figures->kernel_known;

	h->figures->kernel_known = true;
	h->figures->owned_tables = f->owner;
	h->figures->socket_wildcard = f->wildcard;
	h->figures->socket_transparent = f->socket;
	h->figures->inet_nat = f->nat;
	if (!first)
		return;
	if (!f->owner)
		nd_log_warning(NULL,
			       "node: the kernel has no owned nftables tables (Linux 5.12): after a "
			       "SIGKILL, host clients have no DNS at the intercepted addresses until "
			       "the next agent starts%s",
			       f->socket ? "" : ", nor have pods");
	if (!f->wildcard)
		nd_log_warning(
			NULL,
			"node: the kernel has no `socket wildcard` in nftables (Linux 5.10): %s",
			f->socket
				? "`socket transparent` is used, so a server of another program on "
				  "0.0.0.0 would receive lookups after a SIGKILL"
				: "UDP is intercepted by address");
	if (!f->nat)
		nd_log_warning(
			NULL,
			"node: the kernel has no nat chains in inet tables (Linux 5.2): after a "
			"SIGKILL, host clients may not reach DNS pods on other nodes");
}

static int install_table(struct nd_host *h, const struct nd_addr *addrs, size_t n,
			 struct nd_diag *d)
{
	struct nd_nft_config c = table_config(h, addrs, n);
	bool missing = false;
	int err = 0;

	if (same_addresses(h, addrs, n) && h->figures->intercepting) {
		err = nd_nft_check(h->nft, &missing, d);
		if (err || !missing)
			return err;
	}
	err = nd_nft_install(h->nft, &c, d);
	if (err)
		return err;
	report_features(h);
	report_exempted(h);
	if (missing) {
		h->figures->rules_restored++;
		h->restored = true;
		nd_log_warning(NULL, "node: the nftables rules were missing; restored");
	}
	memcpy(h->intercepted, addrs, n * sizeof *addrs);
	h->nintercepted = n;
	return 0;
}

static struct nd_iptables_config iptables_config(const struct nd_host *h)
{
	return (struct nd_iptables_config){ .addrs = h->config->addrs,
					    .naddrs = h->config->naddrs,
					    .port = nd_addr_port(&h->config->addrs[0]),
					    .health_port = h->config->health_port };
}

/* Call it after our own rules are installed, so that traffic is intercepted throughout. */
static int install_iptables(struct nd_host *h, struct nd_diag *d)
{
	struct nd_iptables_config c = iptables_config(h);
	struct nd_iptables_result result = { 0 };
	int err = nd_iptables_install(&c, &result, d);

	if (err)
		return err;
	if (result.removed)
		nd_log_info(NULL, "node: removed %u iptables rules of NodeLocal DNSCache",
			    result.removed);
	if (result.added && h->iptables_done) {
		h->figures->rules_restored++;
		h->restored = true;
		nd_log_warning(NULL, "node: %u ACCEPT rules were missing; restored", result.added);
	}
	if (result.has_legacy_raw && !h->legacy_warned) {
		h->legacy_warned = true;
		nd_log_warning(NULL,
			       "node: iptables-legacy has a `raw` table; rules of NodeLocal "
			       "DNSCache in it are not removed: check `iptables-legacy -t raw -S`");
	}
	h->iptables_done = true;
	return 0;
}

bool nd_host_ensure_rules(struct nd_host *h, const struct nd_addr *addrs, size_t n,
			  const struct nd_diag *unserved)
{
	struct nd_diag d = { 0 };

	if (!h->config->setup_rules)
		return true;
	int err = open_nft(h, &d) ? install_table(h, addrs, n, &d) : ND_ECONF;
	h->figures->exempted = h->nft ? nd_nft_exempted(h->nft)->n : 0;
	h->figures->intercepting = !err && n;
	if (!err)
		err = install_iptables(h, &d);
	if (err)
		nd_figures_fail(h->figures, ND_FIGURES_RULES, ND_FIGURES_IPTABLES, &d);
	else if (unserved->set)
		nd_figures_fail(h->figures, ND_FIGURES_RULES, ND_FIGURES_ERRORS, unserved);
	else
		nd_figures_recover(h->figures, ND_FIGURES_RULES);
	return !err;
}

/* A full table has a little room at times, when an entry ends; so has one that is about to be. */
enum { FULL_PERCENT = 99, ROOM_PERCENT = 90 };

void nd_host_watch_conntrack(struct nd_host *h)
{
	struct nd_figures *f = h->figures;
	uint64_t n = 0, max = 0;

	if (nd_conntrack_usage(&n, &max))
		n = max = 0;
	f->conntrack_entries = n;
	f->conntrack_limit = max;
	if (!f->conntrack_full && max && n * 100 >= max * FULL_PERCENT) {
		f->conntrack_full = true;
		nd_log_warning(
			NULL,
			"node: the connection table is full (%llu of %llu entries): new connections "
			"of the node and its pods fail, and so do queries to upstreams over new "
			"connections; answers from the cache are not affected. Raise sysctl "
			"net.netfilter.nf_conntrack_max",
			(unsigned long long)n, (unsigned long long)max);
	} else if (f->conntrack_full && n * 100 < max * ROOM_PERCENT) {
		f->conntrack_full = false;
		nd_log_info(NULL,
			    "node: the connection table has room again (%llu of %llu entries)",
			    (unsigned long long)n, (unsigned long long)max);
	}
}

bool nd_host_stop_intercepting(struct nd_host *h)
{
	struct nd_nft_config c = table_config(h, h->intercepted, h->nintercepted);
	struct nd_diag d = { 0 };
	bool intercepting = h->figures->intercepting;

	c.draining = true;
	if (intercepting && nd_nft_install(h->nft, &c, &d))
		nd_log_error(NULL, "node: %s", d.text);
	h->figures->intercepting = false;
	return intercepting;
}

static void remove_iptables(struct nd_host *h)
{
	struct nd_iptables_config c = iptables_config(h);
	struct nd_iptables_result result;
	struct nd_diag d = { 0 };

	if (h->iptables_done && nd_iptables_remove(&c, &result, &d))
		nd_log_error(NULL, "node: %s", d.text);
	h->iptables_done = false;
}

void nd_host_teardown(struct nd_host *h)
{
	struct nd_diag d = { 0 };

	if (h->config->skip_teardown) {
		/* The addresses remain, so the table that host clients need remains too; our own
		 * table is removed when its socket is closed. */
		nd_host_stop_intercepting(h);
		return;
	}
	if (h->nft && nd_nft_remove(h->nft, &d))
		nd_log_error(NULL, "node: %s", d.text);
	h->figures->intercepting = false;
	remove_iptables(h);
	if (!h->link_made)
		return;
	d = (struct nd_diag){ 0 };
	if (nd_link_down(h->config->interface, &d))
		nd_log_error(NULL, "node: %s", d.text);
	h->link_made = h->figures->link_up = false;
}

void nd_host_init(struct nd_host *h, const struct nd_host_config *c, struct nd_figures *f)
{
	struct nd_diag d = { 0 };

	*h = (struct nd_host){ .config = c, .figures = f };
	if (c->setup_rules && !open_nft(h, &d))
		nd_figures_fail(f, ND_FIGURES_RULES, ND_FIGURES_IPTABLES, &d);
}

void nd_host_clear(struct nd_host *h)
{
	if (!h->nft)
		return;
	nd_fdset_forget(h->config->fds, nd_nft_fd(h->nft));
	nd_nft_free(h->nft);
	h->nft = NULL;
}
