/* SPDX-License-Identifier: Apache-2.0 */
/* An API server as the source of a store: its address, the credentials, and the snapshot used until
 * it was listed. */
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/log.h"
#include "core/process.h"
#include "plugin/kubernetes/kstore_parts.h"

enum { PRINT_BYTES_MAX = 1 << 20 };

static void on_api_report(void *ctx, bool good, const char *text)
{
	struct nd_kstore *st = ctx;

	st->failing = !good;
	if (good)
		nd_log_info("kubernetes", "synchronized with the API server at %s", text);
	else
		nd_log_warning("kubernetes", "%s; keeping the last good state, trying again", text);
}

/* A copy that lives as long as the store; NULL remains NULL. */
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
		return nd_diag_at(d, NULL, 0, "out of memory");
	if (file)
		return nd_config_kubeconfig(file, c->context, &st->arena, to, d);
	if (url)
		return nd_config_endpoint(url, cert, key, ca, &st->arena, to, d);
	return nd_config_in_cluster(getenv("KUBERNETES_SERVICE_HOST"),
				    getenv("KUBERNETES_SERVICE_PORT"), ND_CONFIG_ACCOUNT,
				    &st->arena, to, d);
}

/* The system call filter is irrevocable: it was loaded for what the first configuration needs. */
static int register_program(struct nd_kstore *st, struct nd_diag *d)
{
	const struct nd_config *api = &st->api_config.api;

	if (!nd_config_needs_program(api))
		return 0;
	if (st->process->forbid_programs)
		return nd_diag_at(
			d, api->exec->file, api->exec->line,
			"exec: the system call filter, loaded for a configuration without "
			"exec, allows no programs; restart nodens with this configuration");
	st->process->needs_programs = true;
	return 0;
}

static bool is_live(void *ctx)
{
	const struct nd_kstore *st = ctx;

	return st->api && nd_apisource_synced(st->api);
}

/* A hash of the server and the selection, which must match a snapshot's. The key need not be secret
 * but must never change. */
static int print_selection(const struct nd_kstore *st, const struct nd_kconf *c, uint64_t *out)
{
	static const struct nd_siphash_key key = { 1, 2 };
	const struct nd_config *api = &st->api_config.api;
	struct nd_buf b;

	nd_buf_init(&b, PRINT_BYTES_MAX);
	int err = nd_buf_printf(&b, "%s%s\n%s\n%s\n%d%d%d%d", api->host,
				nd_kstore_text(api->prefix), nd_kstore_text(c->labels),
				nd_kstore_text(c->namespace_labels), c->zonal, c->pod_names,
				c->pod_labels, c->outside);
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

int nd_kapi_open(struct nd_kstore *st, const struct nd_kconf *c, struct nd_loop *loop,
		 struct nd_diag *d)
{
	struct nd_apisource_config *a = &st->api_config;
	bool full = false;

	int err = find_server(st, c, d);

	if (!err)
		err = register_program(st, d);
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
		return nd_diag_at(d, NULL, 0, "out of memory");
	if (!loop)
		return 0;
	if (open_snapshot(st, c, loop))
		return nd_diag_at(d, NULL, 0, "out of memory");
	return nd_apisource_new(loop, a, &st->api, d);
}
