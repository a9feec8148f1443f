/* SPDX-License-Identifier: Apache-2.0 */
#include "node/agent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/err.h"
#include "base/log.h"
#include "io/clock.h"
#include "io/fdset.h"
#include "io/http1.h"
#include "io/loop.h"
#include "node/figures.h"
#include "node/link.h"
#include "node/nft.h"
#include "node/options.h"

#define AGAIN_NS (2 * (uint64_t)ND_NS_PER_S)
#define LOOK_NS (10 * (uint64_t)ND_NS_PER_S)
/* Between the rules' end and the sockets': what was led here before is read and answered. */
#define SETTLE_NS (200 * (uint64_t)ND_NS_PER_MS)

/* So many looks follow at AGAIN_NS when something was not as it should be: who took it away may not be done. */
#define ALERT_LOOKS 30

#define TABLE "nodens"

/* What may go wrong again and again is said when it begins, and when it has another reason. */
enum matter { MATTER_COREFILE, MATTER_LOAD, MATTER_LINK, MATTER_RULES, MATTERS };

struct nd_agent {
	struct nd_agent_config config;
	struct nd_agent_hooks hooks;
	struct nd_loop *loop;
	struct nd_basefile *base;
	struct nd_nft *nft;
	struct nd_http1_server *http;
	struct nd_figures figures;
	char said[MATTERS][sizeof((struct nd_diag *)0)->text];
	/* The addresses that the rules are for. */
	struct nd_addr led[ND_OPTIONS_ADDRS_MAX];
	size_t nled;
	bool was_up, leaving;
	unsigned alert; /* looks that come soon after each other, still */
	int status;
	struct nd_timer sync; /* link and rules; before it serves: the next try */
	struct nd_timer look; /* template and ConfigMap */
	struct nd_timer settle;
};

static void complain(struct nd_agent *a, enum matter m, enum nd_figures_error e,
		     const struct nd_diag *d)
{
	bool again = strcmp(a->said[m], d->text) == 0;

	if (e != ND_FIGURES_ERRORS && !(again && m == MATTER_COREFILE))
		a->figures.errors[e]++;
	if (again)
		return;
	strcpy(a->said[m], d->text);
	nd_log_error(NULL, "node: %s", d->text);
}

static void good(struct nd_agent *a, enum matter m)
{
	a->said[m][0] = '\0';
}

/* --- the Corefile --- */

static void update_corefile(struct nd_agent *a)
{
	struct nd_diag d = { 0 };
	bool written;

	if (nd_basefile_update(a->base, &written, &d))
		complain(a, MATTER_COREFILE, ND_FIGURES_CONFIGMAP, &d);
	else
		good(a, MATTER_COREFILE);
	if (!written)
		return;
	nd_log_info(NULL, "node: %s written from %s", a->config.base.corefile, a->config.base.base);
	if (a->figures.serving && a->config.reload)
		a->hooks.reload(a->hooks.ctx);
}

static void look_later(struct nd_agent *a);

static void on_look(struct nd_timer *t)
{
	struct nd_agent *a = ND_CONTAINER(t, struct nd_agent, look);

	update_corefile(a);
	look_later(a);
}

static void look_later(struct nd_agent *a)
{
	uint64_t every = a->config.sync_ns < LOOK_NS ? a->config.sync_ns : LOOK_NS;

	nd_timer_start(a->loop, &a->look, every, on_look);
}

/* --- the host --- */

static bool put_link(struct nd_agent *a)
{
	const struct nd_agent_config *c = &a->config;
	struct nd_link_config l = { c->interface, c->addrs, c->naddrs };
	struct nd_diag d = { 0 };
	bool changed;

	if (!c->setup_interface)
		return true;
	if (nd_link_up(&l, &changed, &d)) {
		a->figures.link_up = false;
		complain(a, MATTER_LINK,
			 a->was_up ? ND_FIGURES_INTERFACE_CHECK : ND_FIGURES_INTERFACE_ADD, &d);
		return false;
	}
	good(a, MATTER_LINK);
	if (changed && a->was_up) {
		a->figures.link_restored++;
		a->alert = ALERT_LOOKS;
		nd_log_warning(NULL, "node: link %s lacked addresses: put back", c->interface);
	}
	a->was_up = a->figures.link_up = true;
	return true;
}

static bool open_nft(struct nd_agent *a, struct nd_diag *d)
{
	struct nd_fdset *fds = a->config.fds;

	if (a->nft)
		return true;
	int fd = nd_fdset_take(fds, ND_FD_NETFILTER, NULL, 0);
	bool handed = fd >= 0;
	if (nd_nft_new(fd, &a->nft, d)) {
		if (handed)
			nd_fdset_forget(fds, fd);
		return false;
	}
	if (!handed)
		nd_fdset_put(fds, ND_FD_NETFILTER, NULL, 0, nd_nft_fd(a->nft));
	return true;
}

/* The addresses that a socket of ours is bound to: only they may be led here. */
static size_t find_served(struct nd_agent *a, struct nd_addr out[ND_OPTIONS_ADDRS_MAX],
			  struct nd_diag *d)
{
	size_t n = 0;

	for (size_t i = 0; i < a->config.naddrs; i++) {
		const struct nd_addr *addr = &a->config.addrs[i];
		char text[ND_ADDR_TEXT_MAX];
		if (a->hooks.serves(a->hooks.ctx, addr)) {
			out[n++] = *addr;
			continue;
		}
		nd_addr_format(addr, text);
		nd_diag_at(d, NULL, 0,
			   "no server block is bound to %s: lookups of that address are not led "
			   "here; put it behind `bind`",
			   text);
	}
	return n;
}

static bool same_led(const struct nd_agent *a, const struct nd_addr *addrs, size_t n)
{
	if (n != a->nled)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!nd_addr_equal(&a->led[i], &addrs[i]))
			return false;
	return true;
}

static struct nd_nft_config table_for(const struct nd_agent *a, const struct nd_addr *addrs,
				      size_t n)
{
	return (struct nd_nft_config){ .table = TABLE,
				       .addrs = addrs,
				       .naddrs = n,
				       .port = nd_addr_port(&a->config.addrs[0]),
				       .health_port = a->config.health_port };
}

static int put_table(struct nd_agent *a, const struct nd_addr *addrs, size_t n, struct nd_diag *d)
{
	struct nd_nft_config c = table_for(a, addrs, n);
	bool missing = false;
	int err = 0;

	if (same_led(a, addrs, n) && a->figures.intercepting) {
		err = nd_nft_missing(a->nft, &missing, d);
		if (err || !missing)
			return err;
	}
	err = nd_nft_put(a->nft, &c, d);
	if (err)
		return err;
	if (missing) {
		a->figures.rules_restored++;
		a->alert = ALERT_LOOKS;
		nd_log_warning(NULL, "node: the rules were missing: put back");
	}
	memcpy(a->led, addrs, n * sizeof *addrs);
	a->nled = n;
	return 0;
}

static bool put_rules(struct nd_agent *a)
{
	struct nd_addr addrs[ND_OPTIONS_ADDRS_MAX];
	struct nd_diag d = { 0 }, unserved = { 0 };

	if (!a->config.setup_rules)
		return true;
	size_t n = find_served(a, addrs, &unserved);
	int err = open_nft(a, &d) ? put_table(a, addrs, n, &d) : ND_ECONF;
	a->figures.intercepting = !err && n;
	if (err)
		complain(a, MATTER_RULES, ND_FIGURES_IPTABLES, &d);
	else if (unserved.set)
		complain(a, MATTER_RULES, ND_FIGURES_ERRORS, &unserved);
	else
		good(a, MATTER_RULES);
	return !err;
}

static void on_sync(struct nd_timer *t)
{
	struct nd_agent *a = ND_CONTAINER(t, struct nd_agent, sync);
	bool well = put_link(a);
	uint64_t every = a->config.sync_ns;

	well = put_rules(a) && well;
	if (!well)
		a->alert = ALERT_LOOKS;
	if (a->alert) {
		a->alert--;
		every = every < AGAIN_NS ? every : AGAIN_NS;
	}
	nd_timer_start(a->loop, &a->sync, every, on_sync);
}

/* Lookups go where they went before; true: they came here until now. */
static bool lead_away(struct nd_agent *a)
{
	struct nd_nft_config c = table_for(a, a->led, a->nled);
	struct nd_diag d = { 0 };
	bool led = a->figures.intercepting;

	c.leaving = true;
	if (led && nd_nft_put(a->nft, &c, &d))
		nd_log_error(NULL, "node: %s", d.text);
	a->figures.intercepting = false;
	return led;
}

static void take_host_away(struct nd_agent *a)
{
	struct nd_diag d = { 0 };

	if (a->nft && nd_nft_remove(a->nft, &d))
		nd_log_error(NULL, "node: %s", d.text);
	a->figures.intercepting = false;
	if (a->config.skip_teardown || !a->was_up)
		return;
	d = (struct nd_diag){ 0 };
	if (nd_link_down(a->config.interface, &d))
		nd_log_error(NULL, "node: %s", d.text);
	a->was_up = a->figures.link_up = false;
}

/* --- the life --- */

/* Anything from a typing error to an address that the predecessor still holds: none of it lasts for sure. */
static void begin(struct nd_timer *t)
{
	struct nd_agent *a = ND_CONTAINER(t, struct nd_agent, sync);
	struct nd_diag d = { 0 };

	if (!put_link(a))
		goto again;
	if (a->hooks.load(a->hooks.ctx, &d)) {
		complain(a, MATTER_LOAD, ND_FIGURES_ERRORS, &d);
		update_corefile(a);
		goto again;
	}
	good(a, MATTER_LOAD);
	a->figures.serving = true;
	a->hooks.serving(a->hooks.ctx);
	look_later(a);
	on_sync(&a->sync);
	return;

again:
	nd_timer_start(a->loop, &a->sync, AGAIN_NS, begin);
}

static void on_request(void *ctx, const struct nd_http1_request *req, struct nd_http1_response *res)
{
	struct nd_agent *a = ctx;

	if (strcmp(req->path, "/metrics") == 0) {
		res->content_type = "text/plain; version=0.0.4; charset=utf-8";
		nd_figures_page(&a->figures, &res->body);
		return;
	}
	res->status = 404;
	nd_buf_text(&res->body, "404 page not found\n");
}

/* As node-cache: without its listener it goes on. */
static void open_metrics(struct nd_agent *a)
{
	struct nd_addr addr;
	int err = nd_figures_address(a->config.metrics, &addr);

	if (!err)
		err = nd_http1_server_new(a->loop, &addr, on_request, a, &a->http);
	if (err)
		nd_log_error(NULL, "node: -metrics-listen-address %s: %s", a->config.metrics,
			     nd_err_text(err));
}

static int check(void *ctx, const char *text, struct nd_diag *d)
{
	struct nd_agent *a = ctx;

	return a->hooks.check(a->hooks.ctx, text, d);
}

struct nd_agent *nd_agent_new(struct nd_loop *loop, const struct nd_agent_config *c,
			      const struct nd_agent_hooks *h)
{
	struct nd_agent *a = calloc(1, sizeof *a);
	struct nd_diag d = { 0 };

	if (!a)
		return NULL;
	a->config = *c;
	a->hooks = *h;
	a->loop = loop;
	a->config.base.check = check;
	a->config.base.ctx = a;
	a->base = nd_basefile_new(&a->config.base);
	if (!a->base) {
		free(a);
		return NULL;
	}
	if (c->setup_rules && !open_nft(a, &d))
		complain(a, MATTER_RULES, ND_FIGURES_IPTABLES, &d);
	return a;
}

void nd_agent_start(struct nd_agent *a)
{
	open_metrics(a);
	update_corefile(a);
	begin(&a->sync);
}

static void on_settled(struct nd_timer *t)
{
	struct nd_agent *a = ND_CONTAINER(t, struct nd_agent, settle);

	a->hooks.stop(a->hooks.ctx, a->status);
}

void nd_agent_stop(struct nd_agent *a, int status)
{
	if (a->leaving)
		return;
	a->leaving = true;
	a->status = status;
	nd_timer_stop(&a->sync);
	nd_timer_stop(&a->look);
	nd_timer_start(a->loop, &a->settle, lead_away(a) ? SETTLE_NS : 0, on_settled);
}

void nd_agent_ended(struct nd_agent *a)
{
	take_host_away(a);
}

void nd_agent_quit(struct nd_agent *a)
{
	take_host_away(a);
}

void nd_agent_free(struct nd_agent *a)
{
	if (!a)
		return;
	nd_timer_stop(&a->sync);
	nd_timer_stop(&a->look);
	nd_timer_stop(&a->settle);
	if (a->http)
		nd_http1_server_free(a->http);
	if (a->nft) {
		nd_fdset_forget(a->config.fds, nd_nft_fd(a->nft));
		nd_nft_free(a->nft);
	}
	nd_basefile_free(a->base);
	free(a);
}
