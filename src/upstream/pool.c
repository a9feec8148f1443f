/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include "base/time.h"
#include "upstream/pool_parts.h"

enum { SWEEP_MIN_MS = 100 };

int nd_pool_send(struct nd_pool *p, struct nd_sent *s, bool tcp, uint8_t *bytes, size_t n,
		 char text[ND_POOL_ERROR_MAX])
{
	s->pool = p;
	s->bytes = bytes;
	s->n = n;
	s->conn = NULL;
	s->reused = false;
	return tcp || p->host->config.tls ? nd_pipeline_send(p, s, bytes, n, text)
					  : nd_pool_socket_send(p, s, bytes, n, text);
}

void nd_pool_resend(struct nd_sent *s, uint8_t *bytes, size_t n)
{
	if (s->conn && !s->conn->stream)
		nd_pool_socket_resend(s, bytes, n);
}

void nd_pool_forget(struct nd_sent *s)
{
	struct nd_conn *c = s->conn;

	nd_conn_del(s);
	if (c && c->stream)
		nd_pipeline_settle(c);
	else if (c)
		nd_pool_socket_settle(c);
}

void nd_pool_timeout_text(const struct nd_sent *s, char text[ND_POOL_ERROR_MAX])
{
	if (!s->conn)
		snprintf(text, ND_POOL_ERROR_MAX, "i/o timeout");
	else if (s->conn->stream)
		nd_pipeline_timeout_text(s->conn, text);
	else
		nd_pool_socket_timeout_text(s->conn, text);
}

void nd_pool_give_up(struct nd_sent *s)
{
	if (s->conn && s->conn->stream)
		nd_pipeline_give_up(s->conn);
	nd_pool_forget(s);
}

bool nd_pool_is_open(const struct nd_sent *s)
{
	return !s->conn || !s->conn->stream || nd_pipeline_is_open(s->conn);
}

bool nd_pool_has_answered(const struct nd_sent *s)
{
	return !s->conn || !s->conn->stream || nd_pipeline_has_answered(s->conn);
}

static void sweep(struct nd_timer *t)
{
	struct nd_pool *p = ND_CONTAINER(t, struct nd_pool, sweep);

	nd_pool_socket_sweep(p, false);
	nd_pipeline_sweep(p, false);
	if (!nd_list_empty(&p->sockets) || !nd_list_empty(&p->streams))
		nd_pool_start_sweep(p);
}

void nd_pool_start_sweep(struct nd_pool *p)
{
	const struct nd_host_config *c = &p->host->config;
	uint64_t ns = c->expire_ns;

	if (p->sweep.loop)
		return;
	if (c->max_age_ns && c->max_age_ns < ns)
		ns = c->max_age_ns;
	if (ns < ND_MS(SWEEP_MIN_MS))
		ns = ND_MS(SWEEP_MIN_MS);
	nd_timer_start(p->loop, &p->sweep, ns, sweep);
}

/* Without a name for it, the certificate must have the address, as in Go. */
static int set_tls_target(struct nd_pool *p)
{
	const struct nd_host_config *c = &p->host->config;
	char ip[ND_ADDR_TEXT_MAX];

	if (!c->tls)
		return 0;
	nd_addr_format_ip(&c->addr, ip);
	return nd_tls_target_init(&p->tls, c->tls, &c->addr, *c->tls_name ? c->tls_name : ip, NULL);
}

struct nd_pool *nd_pool_ref(struct nd_host *h, uint16_t worker, struct nd_loop *loop)
{
	ND_ASSERT(worker < h->nworkers && worker < h->stats->nworkers);
	struct nd_pool *p = h->pool[worker];

	if (p) {
		p->refs++;
		return p;
	}
	p = calloc(1, sizeof *p);
	if (!p)
		return NULL;
	p->host = h;
	p->loop = loop;
	if (set_tls_target(p)) {
		free(p);
		return NULL;
	}
	p->counts = &h->stats->worker[worker];
	p->worker = worker;
	p->refs = 1;
	nd_list_init(&p->sockets);
	nd_list_init(&p->streams);
	h->pool[worker] = p;
	return p;
}

void nd_pool_unref(struct nd_pool *p)
{
	if (!p || --p->refs)
		return;
	nd_timer_stop(&p->sweep);
	nd_probe_stop(&p->probe);
	nd_pool_socket_sweep(p, true);
	nd_pipeline_sweep(p, true);
	p->host->pool[p->worker] = NULL;
	if (p->host->config.tls)
		nd_tls_target_clear(&p->tls);
	free(p);
}
