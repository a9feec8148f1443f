/* SPDX-License-Identifier: Apache-2.0 */
#include "node/agent.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/err.h"
#include "base/log.h"
#include "io/clock.h"
#include "io/http1.h"
#include "io/loop.h"
#include "node/figures.h"
#include "node/host.h"
#include "node/options.h"

#define RETRY_NS ND_S(2)
#define REFRESH_NS ND_S(10)
#define WATCH_NS ND_S(5)
/* Between removing the rules and closing the sockets: queries in flight are answered. */
#define SETTLE_NS ND_MS(200)

/* After a problem, so many checks follow at RETRY_NS: the cause may still be active. */
#define ALERT_SYNCS 30

struct nd_agent {
	struct nd_agent_config config;
	struct nd_agent_hooks hooks;
	struct nd_loop *loop;
	struct nd_basefile *base;
	struct nd_host host;
	struct nd_http1_server *http;
	struct nd_figures figures;
	bool stopping;
	unsigned alert; /* checks left at RETRY_NS */
	int status;
	struct nd_timer sync;    /* interface and rules; before serving: the next attempt */
	struct nd_timer refresh; /* template and ConfigMap */
	struct nd_timer watch;   /* the kernel's connection table */
	struct nd_timer settle;
};

/* --- the Corefile --- */

static void update_corefile(struct nd_agent *a)
{
	struct nd_diag d = { 0 };
	bool written;

	if (nd_basefile_update(a->base, &written, &d))
		nd_figures_fail(&a->figures, ND_FIGURES_COREFILE, ND_FIGURES_CONFIGMAP, &d);
	else
		nd_figures_recover(&a->figures, ND_FIGURES_COREFILE);
	if (!written)
		return;
	nd_log_info(NULL, "node: wrote %s from %s", a->config.base.corefile, a->config.base.base);
	if (a->figures.serving && a->config.reload)
		a->hooks.reload(a->hooks.ctx);
}

static void schedule_refresh(struct nd_agent *a);

static void on_refresh(struct nd_timer *t)
{
	struct nd_agent *a = ND_CONTAINER(t, struct nd_agent, refresh);

	update_corefile(a);
	schedule_refresh(a);
}

static void schedule_refresh(struct nd_agent *a)
{
	uint64_t every = a->config.sync_ns < REFRESH_NS ? a->config.sync_ns : REFRESH_NS;

	nd_timer_start(a->loop, &a->refresh, every, on_refresh);
}

/* --- the host --- */

/* The addresses that a socket of ours is bound to: only these may be intercepted. */
static size_t find_served(struct nd_agent *a, struct nd_addr out[ND_OPTIONS_ADDRS_MAX],
			  struct nd_diag *d)
{
	size_t n = 0;

	for (size_t i = 0; i < a->config.host.naddrs; i++) {
		const struct nd_addr *addr = &a->config.host.addrs[i];
		char text[ND_ADDR_TEXT_MAX];
		if (a->hooks.is_bound(a->hooks.ctx, addr)) {
			out[n++] = *addr;
			continue;
		}
		nd_addr_format(addr, text);
		nd_diag_at(d, NULL, 0,
			   "no server block is bound to %s: DNS traffic to it is not intercepted; "
			   "add it to `bind`",
			   text);
	}
	return n;
}

static bool ensure_rules(struct nd_agent *a)
{
	struct nd_addr addrs[ND_OPTIONS_ADDRS_MAX];
	struct nd_diag unserved = { 0 };
	size_t n = find_served(a, addrs, &unserved);

	return nd_host_ensure_rules(&a->host, addrs, n, &unserved);
}

static void on_sync(struct nd_timer *t)
{
	struct nd_agent *a = ND_CONTAINER(t, struct nd_agent, sync);
	bool ok = nd_host_ensure_link(&a->host);
	uint64_t every = a->config.sync_ns;

	ok = ensure_rules(a) && ok;
	if (!ok || a->host.restored)
		a->alert = ALERT_SYNCS;
	a->host.restored = false;
	if (a->alert) {
		a->alert--;
		every = every < RETRY_NS ? every : RETRY_NS;
	}
	nd_timer_start(a->loop, &a->sync, every, on_sync);
}

static void on_watch(struct nd_timer *t)
{
	struct nd_agent *a = ND_CONTAINER(t, struct nd_agent, watch);

	nd_host_watch_conntrack(&a->host);
	nd_timer_start(a->loop, &a->watch, WATCH_NS, on_watch);
}

/* --- start and stop --- */

/* Any failure is retried: it may be a typing error, or an address still used by a predecessor. */
static void try_start(struct nd_timer *t)
{
	struct nd_agent *a = ND_CONTAINER(t, struct nd_agent, sync);
	struct nd_diag d = { 0 };

	if (!nd_host_ensure_link(&a->host))
		goto retry;
	if (a->hooks.load(a->hooks.ctx, &d)) {
		/* Without a Corefile, because its text was refused: that is logged already. */
		if (access(a->config.base.corefile, F_OK) == 0 ||
		    !nd_figures_failing(&a->figures, ND_FIGURES_COREFILE))
			nd_figures_fail(&a->figures, ND_FIGURES_LOAD, ND_FIGURES_ERRORS, &d);
		update_corefile(a);
		goto retry;
	}
	nd_figures_recover(&a->figures, ND_FIGURES_LOAD);
	a->figures.serving = true;
	a->hooks.on_serving(a->hooks.ctx);
	schedule_refresh(a);
	on_sync(&a->sync);
	return;

retry:
	nd_timer_start(a->loop, &a->sync, RETRY_NS, try_start);
}

static void on_request(void *ctx, const struct nd_http1_request *req, struct nd_http1_response *res)
{
	struct nd_agent *a = ctx;

	if (strcmp(req->path, "/metrics") == 0) {
		res->content_type = "text/plain; version=0.0.4; charset=utf-8";
		nd_host_watch_conntrack(&a->host);
		nd_figures_page(&a->figures, &res->body);
		return;
	}
	res->status = 404;
	nd_buf_text(&res->body, "404 page not found\n");
}

/* As node-cache, continues without the listener on failure. */
static void open_metrics(struct nd_agent *a)
{
	struct nd_diag d = { 0 };
	struct nd_addr addr;

	if (nd_figures_address(a->config.metrics, &addr)) {
		nd_diag_invalid(&d, NULL, 0, "-metrics-listen-address: ", "address",
				a->config.metrics, "IP:PORT or :PORT");
		nd_log_error(NULL, "node: %s", d.text);
		return;
	}
	int err = nd_http1_server_new(a->loop, &addr, on_request, a, &a->http);
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
	nd_host_init(&a->host, &a->config.host, &a->figures);
	return a;
}

void nd_agent_start(struct nd_agent *a)
{
	open_metrics(a);
	update_corefile(a);
	on_watch(&a->watch);
	try_start(&a->sync);
}

static void on_settled(struct nd_timer *t)
{
	struct nd_agent *a = ND_CONTAINER(t, struct nd_agent, settle);

	a->hooks.stop(a->hooks.ctx, a->status);
}

void nd_agent_stop(struct nd_agent *a, int status)
{
	if (a->stopping)
		return;
	a->stopping = true;
	a->status = status;
	nd_timer_stop(&a->sync);
	nd_timer_stop(&a->refresh);
	nd_timer_stop(&a->watch);
	nd_timer_start(a->loop, &a->settle, nd_host_stop_intercepting(&a->host) ? SETTLE_NS : 0,
		       on_settled);
}

void nd_agent_teardown(struct nd_agent *a)
{
	nd_host_teardown(&a->host);
}

void nd_agent_free(struct nd_agent *a)
{
	if (!a)
		return;
	nd_timer_stop(&a->sync);
	nd_timer_stop(&a->refresh);
	nd_timer_stop(&a->watch);
	nd_timer_stop(&a->settle);
	if (a->http)
		nd_http1_server_free(a->http);
	nd_host_clear(&a->host);
	nd_basefile_free(a->base);
	free(a);
}
