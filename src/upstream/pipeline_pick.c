/* SPDX-License-Identifier: Apache-2.0 */
/* Which TCP connection gets a query, and what the ends of connections say about the server. */
#include <errno.h>
#include "base/time.h"
#include "upstream/pool_parts.h"

enum {
	/* While the server is silent, at most this many connections are opened in this time: enough
	 * to find out that it is back, and not one for each query. */
	SILENT_OPENS = 4,
	SILENT_MS = 100,
	/* After a connection that ended without any answer; doubled up to the second. */
	REFUSED_MIN_MS = 10,
	REFUSED_MAX_MS = 160,
	/* A connection that ends this soon after an answer was closed because of it. */
	PROMPT_MS = 100,
	/* Connections in a row, in this time, that died after the same number of answers; queries
	 * that a working one did not answer. */
	SERIES_MAX = 3,
	SERIES_S = 10,
	STREAM_LIMIT_S = 60, /* a limit on connections is believed for this long */
};

static bool works(const struct nd_conn *c)
{
	return c->answers > 0 && !c->doubted_ns;
}

bool nd_pipeline_has_other(const struct nd_conn *c)
{
	ND_LIST_EACH(&c->pool->streams, it) {
		const struct nd_conn *other = ND_LIST_ENTRY(it, struct nd_conn, link);
		if (other != c && works(other))
			return true;
	}
	return false;
}

/* --- what ends say --- */

static bool was_closed_by_server(int err)
{
	return err == 0 || err == -ECONNRESET || err == -EPIPE;
}

static uint32_t count_working(const struct nd_conn *except)
{
	uint32_t n = 0;

	ND_LIST_EACH(&except->pool->streams, it) {
		const struct nd_conn *c = ND_LIST_ENTRY(it, struct nd_conn, link);
		n += c != except && works(c);
	}
	return n;
}

/* It ended without any answer: if others work, the server limits their number; else it is about to
 * refuse the next one too. */
static void learn_refusal(struct nd_conn *c)
{
	struct nd_pool *p = c->pool;
	uint64_t now = nd_loop_now_ns(p->loop), ms = REFUSED_MIN_MS;
	uint32_t working = count_working(c);

	if (working) {
		p->stream_limit = working;
		p->stream_limit_until_ns = now + ND_S(STREAM_LIMIT_S);
		return;
	}
	for (uint32_t i = 0; i < p->refusals && ms < REFUSED_MAX_MS; i++)
		ms *= 2;
	p->refusals++;
	p->refused_until_ns = now + ND_MS(ms);
}

void nd_pipeline_learn(struct nd_conn *c, int err, bool lost)
{
	uint64_t now = nd_loop_now_ns(c->pool->loop);

	if (c->answers == 0) {
		if (lost && (c->open_ns || nd_pipeline_has_other(c)))
			learn_refusal(c);
	} else if (lost && was_closed_by_server(err) && now - c->heard_ns <= ND_MS(PROMPT_MS)) {
		nd_host_learn_close(c->pool->host, c->answers, now);
	}
}

/* Counts events of one kind that follow each other closely. */
static bool happens_often(struct nd_pool_series *e, uint32_t kind, uint64_t now_ns)
{
	if (kind != e->kind || now_ns - e->last_ns > ND_S(SERIES_S))
		e->n = 0;
	e->kind = kind;
	e->last_ns = now_ns;
	return ++e->n >= SERIES_MAX;
}

void nd_pipeline_learn_silence(struct nd_conn *c, bool silent)
{
	struct nd_pool *p = c->pool;
	uint64_t now = nd_loop_now_ns(p->loop);

	nd_quota_refund(&p->quota, now); /* it was not in vain */
	if (!silent) {
		/* It answers in order, or reads only the first of several queries. */
		if (now - p->overtook_ns > ND_S(ND_POOL_OVERTOOK_S) &&
		    happens_often(&p->ignored, 0, now))
			nd_host_mark_single(p->host, now);
	} else if (happens_often(&p->died, c->answers, now)) {
		if (c->answers)
			nd_host_learn_close(p->host, c->answers, now);
		else if (c->open_ns && nd_pipeline_has_other(c))
			learn_refusal(c); /* it accepts more connections than it serves */
	}
}

/* --- the choice --- */

/* The connections that may get a query, as seen in one pass. */
struct choice {
	struct nd_conn *best;  /* with the fewest answers outstanding, then the last heard from */
	struct nd_conn *spare; /* the same of those that are too old for this way */
	uint32_t usable, doubted, all;
	bool mute; /* one that was opened for such a query never delivered anything */
};

static uint32_t load_of(const struct nd_conn *c, bool single)
{
	return single ? nd_conn_owed(c) : c->flights.n;
}

static bool is_better(const struct nd_conn *c, const struct nd_conn *than, bool single)
{
	uint32_t mine = load_of(c, single), its = than ? load_of(than, single) : UINT32_MAX;

	return mine < its || (mine == its && than && c->heard_ns > than->heard_ns);
}

static void look_at(struct choice *o, struct nd_conn *c, const struct nd_pool_way *way, bool single)
{
	o->all++;
	if (!c->open_ns && c->created_ns < c->pool->recovered_ns)
		return; /* its SYN was lost, and the next one would come late */
	if (c->doubted_ns) {
		o->doubted++;
		o->mute |= c->open_ns && !c->answers;
		return;
	}
	o->usable++;
	if (c == way->other)
		return;
	if (way->since_ns && !nd_conn_is_newer(c, way->since_ns)) {
		if (is_better(c, o->spare, single))
			o->spare = c;
	} else if (is_better(c, o->best, single)) {
		o->best = c;
	}
}

/* True if it was closed. */
static bool retire(struct nd_conn *c, uint32_t queries_max)
{
	c->retired |= c->taken >= queries_max || (!c->doubted_ns && nd_conn_has_expired(c));
	if (!c->retired || c->flights.n)
		return false;
	nd_pipeline_close(c);
	return true;
}

static struct choice look(struct nd_pool *p, const struct nd_pool_way *way, bool single)
{
	uint32_t queries_max = nd_host_stream_queries(p->host, nd_loop_now_ns(p->loop));
	struct choice o = { 0 };

	ND_LIST_EACH(&p->streams, it) {
		struct nd_conn *c = ND_LIST_ENTRY(it, struct nd_conn, link);
		if (retire(c, queries_max))
			continue;
		if (c->retired)
			o.all++;
		else
			look_at(&o, c, way, single);
	}
	return o;
}

/* False: as many connections were opened to a silent server as are needed. */
static bool may_open_silent(struct nd_pool *p)
{
	uint64_t now = nd_loop_now_ns(p->loop);

	if (!nd_pool_suspect(p))
		return true;
	if (now - p->silent_ns >= ND_MS(SILENT_MS)) {
		p->silent_ns = now;
		p->opened_silent = 0;
	}
	return p->opened_silent++ < SILENT_OPENS;
}

static uint32_t most_streams(const struct nd_pool *p, bool single)
{
	uint32_t max = single ? ND_POOL_STREAMS_SINGLE : ND_POOL_STREAMS;

	return p->stream_limit && nd_loop_now_ns(p->loop) < p->stream_limit_until_ns &&
			       p->stream_limit < max
		       ? p->stream_limit
		       : max;
}

/* While a connection is doubted the server may be one that answers in order: until that is clear
 * each query gets a connection of its own. So does one that is sent again: the answer shows whether
 * the server or the connection was slow. */
struct nd_conn *nd_pipeline_pick(struct nd_pool *p, const struct nd_pool_way *way, int *err)
{
	uint64_t now = nd_loop_now_ns(p->loop);
	bool single = way->since_ns || p->ndoubted[1] || nd_host_is_single(p->host, now);
	struct choice o = look(p, way, single);
	uint32_t depth = single ? 1 : ND_POOL_STREAM_FLIGHTS;

	if (o.best && load_of(o.best, single) < depth)
		return o.best;
	/* The server accepts more connections than it serves. */
	if (!o.best && o.mute && o.spare && works(o.spare))
		return o.spare;
	if (o.usable < most_streams(p, single) && now >= p->refused_until_ns &&
	    (o.all < ND_POOL_STREAMS_SINGLE || o.doubted) && may_open_silent(p)) {
		if (o.all >= ND_POOL_STREAMS_SINGLE)
			nd_pipeline_drop_doubted(p);
		return NULL;
	}
	if (!o.best && !o.spare)
		*err = -EAGAIN;
	return o.best ? o.best : o.spare;
}
