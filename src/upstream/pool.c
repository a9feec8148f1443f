/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include "base/time.h"
#include "upstream/pool_parts.h"

enum {
	SWEEP_MIN_MS = 100,
	STREAM_FLOOR_MS = 20, /* a connection is not doubted before */
	HELD_UP = 4,          /* times the shortest response time */
	REFUSED_MS = 100,     /* one that is open for longer was not refused */
};

int nd_pool_send(struct nd_pool *p, struct nd_sent *s, const struct nd_pool_way *way,
		 uint8_t *bytes, size_t n, char text[ND_POOL_ERROR_MAX])
{
	s->pool = p;
	s->bytes = bytes;
	s->n = n;
	s->conn = NULL;
	s->again = s->overtaken = s->head = s->queued = false;
	return way->tcp || p->host->config.tls ? nd_pipeline_send(p, s, way, bytes, n, text)
					       : nd_pool_socket_send(p, s, way, bytes, n, text);
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

/* Its other queries have their own timers. */
void nd_pool_give_up(struct nd_sent *s)
{
	struct nd_conn *c = s->conn;

	if (c && c->stream) {
		if (c->crowded &&
		    s->head) /* not answered elsewhere either: it held up the others */
			nd_host_mark_single(c->pool->host, nd_loop_now_ns(c->pool->loop));
		if (!c->open_ns || c->answers == s->answers_before)
			c->retired = true;
	}
	nd_pool_forget(s);
}

bool nd_pool_is_open(const struct nd_sent *s)
{
	return !s->conn || s->conn->open_ns;
}

bool nd_pool_has_answered(const struct nd_sent *s)
{
	return !s->conn || !s->conn->stream || s->conn->answers > 0;
}

bool nd_pool_is_trusted(const struct nd_sent *s)
{
	return s->conn && !s->conn->doubted_ns;
}

uint64_t nd_pool_refused_ns(const struct nd_pool *p)
{
	uint64_t now = nd_loop_now_ns(p->loop);

	if (now >= p->refused_until_ns)
		return 0;
	ND_LIST_EACH(&p->streams, it) {
		const struct nd_conn *c = ND_LIST_ENTRY(it, struct nd_conn, link);
		if (c->answers || (c->open_ns && now - c->open_ns > ND_MS(REFUSED_MS)))
			return 0;
	}
	return p->refused_until_ns - now;
}

/* --- the response time, and connections that exceed it --- */

static uint64_t at_most(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t at_least(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* A query that waits for others on its connection, at a server that may answer in order, waits for
 * several times the shortest time only: slow names, if frequent, must not set the time for all. */
static bool may_be_held_up(const struct nd_sent *s)
{
	return s->queued && !nd_pipeline_overtakes(s->pool);
}

uint64_t nd_pool_timer_ns(const struct nd_sent *s, unsigned sends)
{
	bool stream = s->conn && s->conn->stream;
	/* The first ones over TCP take as long as over UDP. */
	const struct nd_rtt *r = &s->pool->rtt[stream && s->pool->rtt[1].quantile_ns];
	uint64_t ns = nd_rtt_timer_ns(r, sends);

	if (!stream)
		return ns;
	if (!s->conn->open_ns) /* the connection is to be opened */
		ns = at_least(ns, at_most(2 * ns, nd_rtt_most_ns(r)));
	else if (sends == 1 && r->quantile_ns && HELD_UP * r->low_ns < ns && may_be_held_up(s))
		ns = HELD_UP * r->low_ns;
	return at_least(ns, ND_MS(STREAM_FLOOR_MS));
}

/* Over TCP an answer may have waited for those before it: then only bounds are known. */
void nd_pool_sample(const struct nd_sent *s)
{
	const struct nd_conn *c = s->conn;
	uint64_t now = nd_loop_now_ns(s->pool->loop), from = s->sent_ns;

	if (!c)
		return;
	if (!c->stream) {
		nd_rtt_sample(&s->pool->rtt[0], now - from);
		return;
	}
	if (from < c->open_ns)
		from = c->open_ns;
	nd_rtt_sample_between(&s->pool->rtt[1], now - (c->before_ns > from ? c->before_ns : from),
			      now - from);
}

/* A UDP socket that has delivered a moment ago works: the datagram was lost. */
static enum nd_pool_state check_socket(struct nd_sent *s)
{
	struct nd_conn *c = s->conn;

	if (!nd_conn_is_silent(c, s->sent_ns) && nd_conn_is_newer(c, s->sent_ns))
		return ND_POOL_ALIVE;
	nd_conn_doubt(c);
	return ND_POOL_SILENT;
}

enum nd_pool_state nd_pool_check(struct nd_sent *s, uint64_t timer_ns, uint64_t *again_ns)
{
	struct nd_conn *c = s->conn;
	uint64_t now = nd_loop_now_ns(s->pool->loop);

	if (!c)
		return ND_POOL_SILENT;
	if (!c->stream)
		return check_socket(s);
	if (nd_conn_is_silent(c, s->sent_ns)) {
		nd_conn_doubt(c);
		return ND_POOL_SILENT;
	}
	if (now - c->heard_ns >= timer_ns)
		return ND_POOL_ALIVE;
	*again_ns = c->heard_ns + timer_ns;
	return s->overtaken || now - s->sent_ns >= 2 * timer_ns ? ND_POOL_ALIVE : ND_POOL_BUSY;
}

void nd_pool_judge(struct nd_sent *s, bool prompt)
{
	struct nd_conn *c = s->conn;
	bool silent = c && (c->doubted_ns || nd_conn_is_silent(c, s->sent_ns));

	if (!c)
		return;
	if (c->stream && prompt && !c->abandoned)
		nd_pipeline_learn_silence(c, silent);
	if (silent)
		nd_conn_abandon(c);
}

/* --- the life of a pool --- */

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
	if (ns > ND_MS(ND_POOL_DOUBT_MS))
		ns = ND_MS(ND_POOL_DOUBT_MS);
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
	nd_list_init(&p->moving);
	p->recoveries = atomic_load_explicit(&h->recoveries, memory_order_relaxed);
	h->pool[worker] = p;
	return p;
}

void nd_pool_unref(struct nd_pool *p)
{
	if (!p || --p->refs)
		return;
	nd_timer_stop(&p->sweep);
	nd_timer_stop(&p->move);
	nd_timer_stop(&p->pulse);
	nd_probe_stop(&p->probe);
	nd_pool_socket_sweep(p, true);
	nd_pipeline_sweep(p, true);
	p->host->pool[p->worker] = NULL;
	if (p->host->config.tls)
		nd_tls_target_clear(&p->tls);
	free(p);
}
