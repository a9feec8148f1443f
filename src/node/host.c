/* SPDX-License-Identifier: Apache-2.0 */
#include "node/host.h"

#include <string.h>
#include "base/err.h"
#include "base/log.h"
#include "io/fdset.h"
#include "node/legacy.h"
#include "node/link.h"
#include "node/nft.h"

#define TABLE "nodens"

bool nd_host_put_link(struct nd_host *h)
{
	const struct nd_host_config *c = h->config;
	struct nd_link_config l = { c->interface, c->addrs, c->naddrs };
	struct nd_diag d = { 0 };
	bool changed;

	if (!c->setup_interface)
		return true;
	if (nd_link_up(&l, &changed, &d)) {
		h->figures->link_up = false;
		nd_figures_complain(h->figures, ND_FIGURES_LINK,
				    h->was_up ? ND_FIGURES_INTERFACE_CHECK
					      : ND_FIGURES_INTERFACE_ADD,
				    &d);
		return false;
	}
	nd_figures_good(h->figures, ND_FIGURES_LINK);
	if (changed && h->was_up) {
		h->figures->link_restored++;
		h->restored = true;
		nd_log_warning(NULL, "node: interface %s was missing or lacked addresses; restored",
			       c->interface);
	}
	h->was_up = h->figures->link_up = true;
	return true;
}

static bool open_nft(struct nd_host *h, struct nd_diag *d)
{
	struct nd_fdset *fds = h->config->fds;

	if (h->nft)
		return true;
	int fd = nd_fdset_take(fds, ND_FD_NETFILTER, NULL, 0);
	bool handed = fd >= 0;
	if (nd_nft_new(fd, &h->nft, d)) {
		if (handed)
			nd_fdset_forget(fds, fd);
		return false;
	}
	if (!handed)
		nd_fdset_put(fds, ND_FD_NETFILTER, NULL, 0, nd_nft_fd(h->nft));
	return true;
}

static bool same_led(const struct nd_host *h, const struct nd_addr *addrs, size_t n)
{
	if (n != h->nled)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!nd_addr_equal(&h->led[i], &addrs[i]))
			return false;
	return true;
}

static struct nd_nft_config table_for(const struct nd_host *h, const struct nd_addr *addrs,
				      size_t n)
{
	return (struct nd_nft_config){ .table = TABLE,
				       .addrs = addrs,
				       .naddrs = n,
				       .port = nd_addr_port(&h->config->addrs[0]),
				       .health_port = h->config->health_port };
}

static int put_table(struct nd_host *h, const struct nd_addr *addrs, size_t n, struct nd_diag *d)
{
	struct nd_nft_config c = table_for(h, addrs, n);
	bool missing = false;
	int err = 0;

	if (same_led(h, addrs, n) && h->figures->intercepting) {
		err = nd_nft_missing(h->nft, &missing, d);
		if (err || !missing)
			return err;
	}
	err = nd_nft_put(h->nft, &c, d);
	if (err)
		return err;
	if (missing) {
		h->figures->rules_restored++;
		h->restored = true;
		nd_log_warning(NULL, "node: the nftables rules were missing; restored");
	}
	memcpy(h->led, addrs, n * sizeof *addrs);
	h->nled = n;
	return 0;
}

static struct nd_legacy_config legacy_for(const struct nd_host *h)
{
	return (struct nd_legacy_config){ .addrs = h->config->addrs,
					  .naddrs = h->config->naddrs,
					  .port = nd_addr_port(&h->config->addrs[0]),
					  .health_port = h->config->health_port };
}

/* After our own: what was taken by the original's rules is taken by ours now. */
static int put_legacy(struct nd_host *h, struct nd_diag *d)
{
	struct nd_legacy_config c = legacy_for(h);
	struct nd_legacy_done done = { 0 };
	int err = nd_legacy_put(&c, &done, d);

	if (err)
		return err;
	if (done.removed)
		nd_log_info(NULL, "node: removed %u iptables rules of NodeLocal DNSCache",
			    done.removed);
	if (done.added && h->cleaned) {
		h->figures->rules_restored++;
		h->restored = true;
		nd_log_warning(NULL, "node: %u ACCEPT rules were missing; restored", done.added);
	}
	if (done.old_backend && !h->warned) {
		h->warned = true;
		nd_log_warning(NULL,
			       "node: iptables-legacy has a `raw` table; rules of NodeLocal "
			       "DNSCache in it are not removed: check `iptables-legacy -t raw -S`");
	}
	h->cleaned = true;
	return 0;
}

bool nd_host_put_rules(struct nd_host *h, const struct nd_addr *addrs, size_t n,
		       const struct nd_diag *unserved)
{
	struct nd_diag d = { 0 };

	if (!h->config->setup_rules)
		return true;
	int err = open_nft(h, &d) ? put_table(h, addrs, n, &d) : ND_ECONF;
	h->figures->intercepting = !err && n;
	if (!err)
		err = put_legacy(h, &d);
	if (err)
		nd_figures_complain(h->figures, ND_FIGURES_RULES, ND_FIGURES_IPTABLES, &d);
	else if (unserved->set)
		nd_figures_complain(h->figures, ND_FIGURES_RULES, ND_FIGURES_ERRORS, unserved);
	else
		nd_figures_good(h->figures, ND_FIGURES_RULES);
	return !err;
}

bool nd_host_lead_away(struct nd_host *h)
{
	struct nd_nft_config c = table_for(h, h->led, h->nled);
	struct nd_diag d = { 0 };
	bool led = h->figures->intercepting;

	c.leaving = true;
	if (led && nd_nft_put(h->nft, &c, &d))
		nd_log_error(NULL, "node: %s", d.text);
	h->figures->intercepting = false;
	return led;
}

static void take_legacy_away(struct nd_host *h)
{
	struct nd_legacy_config c = legacy_for(h);
	struct nd_legacy_done done;
	struct nd_diag d = { 0 };

	if (h->cleaned && nd_legacy_remove(&c, &done, &d))
		nd_log_error(NULL, "node: %s", d.text);
	h->cleaned = false;
}

void nd_host_take_away(struct nd_host *h)
{
	struct nd_diag d = { 0 };

	if (h->config->skip_teardown) {
		/* With the address stays what host clients then need; our own table goes with its
		 * socket. */
		nd_host_lead_away(h);
		return;
	}
	if (h->nft && nd_nft_remove(h->nft, &d))
		nd_log_error(NULL, "node: %s", d.text);
	h->figures->intercepting = false;
	take_legacy_away(h);
	if (!h->was_up)
		return;
	d = (struct nd_diag){ 0 };
	if (nd_link_down(h->config->interface, &d))
		nd_log_error(NULL, "node: %s", d.text);
	h->was_up = h->figures->link_up = false;
}

void nd_host_init(struct nd_host *h, const struct nd_host_config *c, struct nd_figures *f)
{
	struct nd_diag d = { 0 };

	*h = (struct nd_host){ .config = c, .figures = f };
	if (c->setup_rules && !open_nft(h, &d))
		nd_figures_complain(f, ND_FIGURES_RULES, ND_FIGURES_IPTABLES, &d);
}

void nd_host_clear(struct nd_host *h)
{
	if (!h->nft)
		return;
	nd_fdset_forget(h->config->fds, nd_nft_fd(h->nft));
	nd_nft_free(h->nft);
	h->nft = NULL;
}
