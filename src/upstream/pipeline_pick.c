/* SPDX-License-Identifier: Apache-2.0 */
/* Which TCP connection gets a query, and what the ends of connections say about the server. */
#include <errno.h>
#include "base/time.h"
#include "upstream/pool_parts.h"

enum {
	/* While the server is silent, at most this many connections are opened in this time: enough
	 * to find out that it is back, and not one for each query. */
	SILENT_OPENS = 8,
	SILENT_MS = 100,
	SYN_MS = 500, /* a connection that is not open by then gets no more queries */
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

bool nd_pipeline_overtakes(const struct nd_pool *p)
{
	return p->overtook_ns &&
	       nd_loop_now_ns(p->loop) - p->overtook_ns <= ND_S(ND_POOL_OVERTOOK_S);
}

static bool works(const struct nd_conn *c)
{
	return c->answers > 0 && !c->doubted_ns;
}

bool nd_pipeline_has_other(const struct nd_conn *c)
{
	ND_LIST_EACH(&c->pool->streams, it) {
		const struct nd_conn *other = ND_LIST_ENTRY(it, struct nd_conn, link);
		if (other != c && works(other) && other->heard_ns > c->created_ns)
			return true;
	}
	return false;
}

/* --- what ends say --- */

static bool was_closed_by_server(int err)
{
	return err == 0 || err == -ECONNRESET || err == -EPIPE;
}

/* One that was opened before it has delivered since. A newer one says nothing: the server may have
 * been away, or the path. */
static bool has_older(const struct nd_conn *c)
{
	ND_LIST_EACH(&c->pool->streams, it) {
		const struct nd_conn *other = ND_LIST_ENTRY(it, struct nd_conn, link);
		if (other != c && works(other) && other->created_ns <= c->created_ns &&
		    other->heard_ns > c->created_ns)
			return true;
	}
	return false;
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

	if (has_older(c)) {
		p->stream_limit = count_working(c);
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
		return;
	}
	c->pool->stream_limit = 0; /* it has room for another one; or it restarts */
	if (lost && was_closed_by_server(err) && now - c->heard_ns <= ND_MS(PROMPT_MS))
		nd_host_learn_close(c->pool->host, c->answers, now);
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

	if (!silent) {
		/* It answers in order, or reads only the first of several queries. */
		if (!nd_pipeline_overtakes(p) && happens_often(&p->ignored, 0, now))
			nd_host_mark_single(p->host, now);
	} else if (happens_often(&p->died, c->answers, now)) {
		if (c->answers)
			nd_host_learn_close(p->host, c->answers, now);
	}
}

/* --- the choice --- */

/* Which of two connections is better. */
enum order {
	FREE,  /* with fewer answers outstanding: it is to have none */
	SHORT, /* with fewer queries in flight */
	/* The last heard from, unless it is full: where answers overtake each other, a connection
	 * that is in use often shows that it works, while slow names wait on it. */
	LIVELY,
};

/* The connections that may get a query, as seen in one pass. */
struct choice {
	struct nd_conn *best;
	struct nd_conn *spare; /* the same of those that are too old for this way */
	struct nd_conn *last;  /* a doubted one, if there is nothing else */
	struct nd_conn *quiet; /* one that may be dead: it is to be doubted */
	struct nd_conn *fresh; /* one without an answer so far, with the fewest queries in flight */
	uint32_t usable, all;
	uint32_t silent; /* opened within SILENT_MS, and without an answer */
};

static uint32_t load_of(const struct nd_conn *c, enum order order)
{
	uint32_t n = order == FREE ? nd_conn_owed(c) : c->flights.n;

	return order == LIVELY && n < ND_POOL_STREAM_FLIGHTS ? 0 : n;
}

static bool is_better(const struct nd_conn *c, const struct nd_conn *than, enum order order)
{
	uint32_t mine = load_of(c, order), its = than ? load_of(than, order) : UINT32_MAX;

	return mine < its || (mine == its && than && c->heard_ns > than->heard_ns);
}

/* The query is in flight on it already. Only one that is sent again can be: the walk is paid for by
 * the quota. */
static bool carries(const struct nd_conn *c, const struct nd_pool_way *way)
{
	if (!way->since_ns)
		return false;
	ND_LIST_EACH(&c->sent, it)
		if (ND_LIST_ENTRY(it, struct nd_sent, order)->bytes == way->bytes)
			return true;
	return false;
}

static void look_at(struct choice *o, struct nd_conn *c, const struct nd_pool_way *way,
		    enum order order)
{
	o->all++;
	if (!c->open_ns && (c->created_ns < c->pool->recovered_ns ||
			    nd_loop_now_ns(c->pool->loop) - c->created_ns > ND_MS(SYN_MS)))
		return; /* its SYN was lost, and the next one would come late */
	if (c->doubted_ns) {
		if (is_better(c, o->last, SHORT) && !carries(c, way))
			o->last = c;
		return;
	}
	o->usable++;
	if (nd_conn_is_mute(c))
		o->quiet = c;
	if (carries(c, way))
		return;
	if (!c->answers && is_better(c, o->fresh, SHORT))
		o->fresh = c;
	if (way->since_ns && !nd_conn_is_newer(c, way->since_ns)) {
		if (is_better(c, o->spare, order))
			o->spare = c;
	} else if (is_better(c, o->best, order)) {
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

static struct choice look(struct nd_pool *p, const struct nd_pool_way *way, enum order order)
{
	uint64_t now = nd_loop_now_ns(p->loop);
	uint32_t queries_max = nd_host_stream_queries(p->host, now);
	struct choice o = { 0 };

	ND_LIST_EACH(&p->streams, it) {
		struct nd_conn *c = ND_LIST_ENTRY(it, struct nd_conn, link);
		if (retire(c, queries_max))
			continue;
		o.silent += !c->answers && now - c->created_ns < ND_MS(SILENT_MS);
		if (c->retired)
			o.all++;
		else
			look_at(&o, c, way, order);
	}
	return o;
}

static uint32_t most_streams(const struct nd_pool *p, bool single)
{
	uint32_t max = single ? ND_POOL_STREAMS_SINGLE : ND_POOL_STREAMS;

	return p->stream_limit && nd_loop_now_ns(p->loop) < p->stream_limit_until_ns &&
			       p->stream_limit < max
		       ? p->stream_limit
		       : max;
}

/* While a connection is doubted, and no answers are known to overtake others, the server may be one
 * that answers in order: until that is clear each query gets a connection of its own. So does one
 * that is sent again: the answer shows whether the server or the connection was slow. */
struct nd_conn *nd_pipeline_pick(struct nd_pool *p, const struct nd_pool_way *way, int *err)
{
	uint64_t now = nd_loop_now_ns(p->loop);
	bool overtakes = nd_pipeline_overtakes(p);
	bool single = way->since_ns || (p->ndoubted[1] && !overtakes) ||
		      nd_host_is_single(p->host, now);
	struct choice o;

	do
		o = look(p, way, single ? FREE : overtakes ? LIVELY : SHORT);
	while (o.quiet && nd_conn_doubt(o.quiet));
	uint32_t load = !o.best ? 0 : single ? nd_conn_owed(o.best) : o.best->flights.n;

	bool mute = o.best && nd_conn_is_mute(o.best);

	/* No more are accepted: one that is silent is better than none. */
	if ((!o.best || !o.best->open_ns) && o.last && o.last->open_ns && p->refusals)
		return o.last;
	if (o.best && load < (single ? 1 : ND_POOL_STREAM_FLIGHTS) && !mute)
		return o.best;
	if (o.usable < most_streams(p, single || mute) && now >= p->refused_until_ns &&
	    (!nd_pool_suspect(p) || o.silent < SILENT_OPENS) &&
	    (o.all < ND_POOL_STREAMS_SINGLE || nd_pipeline_drop(p, false)))
		return NULL;
	if (!o.best)
		o.best = o.fresh ? o.fresh : o.spare ? o.spare : o.last;
	if (!o.best)
		*err = -EAGAIN;
	return o.best;
}
