/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/apisource.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"

enum { CODES_MAX = 16 };

struct nd_apisource {
	struct nd_sink sink; /* filters pods that have ended; before the owner's */
	const struct nd_apisource_config *config;
	struct nd_client *client;
	struct nd_watch *watch[ND_OBJECT_KINDS];
	bool failed[ND_OBJECT_KINDS]; /* since the last success */
	bool good;                    /* as last reported */
	int codes[CODES_MAX];         /* of the failures reported since it was good */
	unsigned ncodes;
};

static struct nd_sink *owner_of(struct nd_sink *s)
{
	return ND_CONTAINER(s, struct nd_apisource, sink)->config->sink;
}

static void on_begin(struct nd_sink *s, enum nd_object_kind kind)
{
	owner_of(s)->begin(owner_of(s), kind);
}

static int on_upsert(struct nd_sink *s, const struct nd_object *o)
{
	if (o->kind != ND_OBJECT_POD || !o->pod.gone)
		return owner_of(s)->upsert(owner_of(s), o);
	owner_of(s)->remove(owner_of(s), o->kind, o->namespace, o->name);
	return 0;
}

static void on_remove(struct nd_sink *s, enum nd_object_kind kind, const char *namespace,
		      const char *name)
{
	owner_of(s)->remove(owner_of(s), kind, namespace, name);
}

static void on_end(struct nd_sink *s, enum nd_object_kind kind)
{
	owner_of(s)->end(owner_of(s), kind);
}

static void on_unread(struct nd_sink *s, enum nd_object_kind kind, const char *why)
{
	if (owner_of(s)->unread)
		owner_of(s)->unread(owner_of(s), kind, why);
}

/* A server that is down fails all kinds, with various errors until it is back: each code is
 * reported once. But when a kind that was never listed is refused, the configuration needs fixing:
 * that is reported for each kind. */
static bool must_report(struct nd_apisource *s, enum nd_object_kind kind, int code)
{
	if (code == ND_WATCH_NOTICE ||
	    (code >= 100 && !(s->watch[kind] && nd_watch_state(s->watch[kind]).synced)))
		return true;
	for (unsigned i = 0; i < s->ncodes; i++)
		if (s->codes[i] == code)
			return false;
	if (s->ncodes < CODES_MAX)
		s->codes[s->ncodes++] = code;
	return true;
}

static void on_report(void *ctx, enum nd_object_kind kind, const char *failed, int code)
{
	struct nd_apisource *s = ctx;
	const struct nd_apisource_config *c = s->config;

	s->failed[kind] = failed;
	if (failed) {
		if (must_report(s, kind, code))
			c->report(c->ctx, false, failed);
		s->good = false;
		return;
	}
	for (int k = 0; k < ND_OBJECT_KINDS; k++)
		if (s->failed[k])
			return;
	if (s->good || !nd_apisource_synced(s))
		return;
	s->good = true;
	s->ncodes = 0;
	c->report(c->ctx, true, c->api.host);
}

static int start_watches(struct nd_apisource *s, struct nd_loop *loop)
{
	const struct nd_apisource_config *c = s->config;

	for (int k = 0; k < ND_OBJECT_KINDS; k++) {
		bool by_namespace = k == ND_OBJECT_NAMESPACE || k == ND_OBJECT_IMPORT;
		struct nd_watch_config w = {
			.kind = (enum nd_object_kind)k,
			.labels = by_namespace ? c->namespace_labels : c->labels,
			.client = s->client,
			.sink = &s->sink,
			.report = on_report,
			.ctx = s,
		};
		if (!c->wanted[k])
			continue;
		s->watch[k] = nd_watch_new(loop, &w);
		if (!s->watch[k])
			return -ENOMEM;
	}
	return 0;
}

int nd_apisource_new(struct nd_loop *loop, const struct nd_apisource_config *config,
		     struct nd_apisource **out, struct nd_diag *d)
{
	struct nd_apisource *s = calloc(1, sizeof *s);

	if (!s)
		return -ENOMEM;
	s->sink = (struct nd_sink){ on_begin, on_upsert, on_remove, on_end, on_unread };
	s->config = config;
	int err = nd_client_new(loop, &config->api, &config->limits, &s->client, d);
	if (!err)
		err = start_watches(s, loop);
	if (err) {
		nd_apisource_free(s);
		return err;
	}
	*out = s;
	return 0;
}

void nd_apisource_free(struct nd_apisource *s)
{
	if (!s)
		return;
	for (int k = 0; k < ND_OBJECT_KINDS; k++)
		nd_watch_free(s->watch[k]);
	nd_client_free(s->client);
	free(s);
}

bool nd_apisource_synced(const struct nd_apisource *s)
{
	for (int k = 0; k < ND_OBJECT_KINDS; k++)
		if (s->watch[k] && !nd_watch_state(s->watch[k]).synced)
			return false;
	return true;
}

struct nd_watch_state nd_apisource_state(const struct nd_apisource *s, enum nd_object_kind kind)
{
	return s->watch[kind] ? nd_watch_state(s->watch[kind]) : (struct nd_watch_state){ 0 };
}

bool nd_apisource_wants(const struct nd_apisource *s, enum nd_object_kind kind)
{
	return s->watch[kind];
}

const struct nd_apicount *nd_apisource_count(const struct nd_apisource *s)
{
	return nd_client_count(s->client);
}
