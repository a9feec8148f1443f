/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts are shared by all forwards and generations with the same address and options. */
#include <string.h>
#include "base/log.h"
#include "core/gen.h"
#include "plugin/forward/forward.h"
#include "upstream/host.h"
#include "upstream/pool.h"

struct host_args {
	struct nd_forward *forward;
	const struct nd_forward_to *to;
	struct nd_host_stats *stats;
	uint16_t nworkers;
};

static void *make_stats(void *ctx)
{
	const struct host_args *o = ctx;

	return nd_host_stats_new(&o->to->addr, o->nworkers);
}

static void log_guard(const struct nd_host *h)
{
	nd_log_warning("forward",
		       "more than %d replies in a second from %s answer no query, as if forged: "
		       "it is queried over TCP until %d s after the last such second",
		       ND_POOL_STRAYS_MAX, h->text, ND_HOST_GUARD_MS / 1000);
}

static void *make_host(void *ctx)
{
	const struct host_args *o = ctx;
	struct nd_host_config c = o->forward->host;

	c.addr = o->to->addr;
	if (o->to->tls_name) {
		char why[ND_TLS_TEXT_MAX];
		c.tls = o->forward->tls;
		c.tls_name = o->to->tls_name;
		c.https = o->to->https;
		/* Reads the system's CAs here, not on a worker. An error is reported by the first
		 * connection. */
		(void)nd_tls_prepare(c.tls, why);
	}
	struct nd_host *h = nd_host_new(&c, o->stats, o->nworkers);
	if (h)
		h->on_guard = log_guard;
	return h;
}

static void free_host(void *object)
{
	nd_host_free(object);
}

/* The configuration of a host and its sockets, as the key for sharing. */
static char *host_key(const struct nd_forward *f, const char *address,
		      const struct nd_forward_to *to, struct nd_setup *s)
{
	const struct nd_host_config *c = &f->host;
	struct nd_name probed = nd_name_view(c->probe_name.bytes);
	char source[ND_ADDR_TEXT_MAX] = "", name[ND_NAME_TEXT_MAX];
	const char *tls = "";

	if (c->source.len)
		nd_addr_format_ip(&c->source, source);
	nd_name_format(probed, name);
	if (to->tls_name)
		tls = nd_arena_printf(s->arena, " tls %d %s %s", to->https, to->tls_name,
				      f->tls_key);
	return !tls ? NULL
		    : nd_arena_printf(s->arena, "%s %s %llu %llu %u %llu %d %d %s%s", address,
				      source, (unsigned long long)c->expire_ns,
				      (unsigned long long)c->max_age_ns, c->max_idle,
				      (unsigned long long)c->probe_interval_ns, c->probe_no_rec,
				      c->probe_tcp, name, tls);
}

int nd_forward_share_host(struct nd_forward *f, const struct nd_forward_to *to, struct nd_setup *s)
{
	struct host_args o = { .forward = f, .to = to, .nworkers = s->process->nworkers };
	struct nd_exchange_config *g = &f->group;
	char address[ND_ADDR_TEXT_MAX];
	size_t n = nd_addr_format(&to->addr, address);
	char *key = host_key(f, address, to, s);

	o.stats = nd_setup_share(s, "upstream counters", address, n, make_stats, &o, free);
	if (!o.stats || !key)
		return ND_ELIMIT;
	struct nd_host *h = nd_setup_share(s, "upstream", key, strlen(key), make_host, &o,
					   free_host);
	if (!h)
		return ND_ELIMIT;
	g->host[g->nhosts++] = h;
	return 0;
}

static void *make_tables(void *ctx)
{
	const struct nd_setup *s = ctx;

	return nd_exchange_tables_new(s->process->nworkers);
}

static void free_tables(void *object)
{
	nd_exchange_tables_free(object);
}

int nd_forward_share_tables(struct nd_forward *f, struct nd_setup *s)
{
	f->tables = nd_setup_share(s, "exchanges", "", 0, make_tables, s, free_tables);
	return f->tables ? 0 : ND_ELIMIT;
}
