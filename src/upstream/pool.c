/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/pool.h"

#include <errno.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/time.h"
#include "io/random.h"
#include "upstream/pool_parts.h"
#include "wire/msg.h"
#include "wire/writer.h"

enum { SWEEP_MIN_MS = 100, SOCKET_BUCKETS = 16 };

struct nd_pool_socket {
	struct nd_list link;  /* in pool->sockets */
	struct nd_pool *pool; /* NULL: closed, and freed when its callback ends */
	struct nd_udp *udp;
	struct nd_flights flights;
	struct nd_list bucket[SOCKET_BUCKETS];
	uint64_t created_ns, used_ns;
	uint32_t uses;
	bool busy; /* a callback of it runs */
};

/* --- texts --- */

static const char *describe(int err, char buf[64])
{
	if (err == ND_ETIME || err == -ETIMEDOUT)
		return err == ND_ETIME ? "i/o timeout" : "connection timed out";
	const char *text = err <= -4096 ? nd_err_text(err) : strerrordesc_np(-err);
	if (!text)
		text = "unknown error";
	snprintf(buf, 64, "%s", text);
	buf[0] = (char)tolower((unsigned char)buf[0]);
	return buf;
}

void nd_pool_text(char text[ND_POOL_ERROR_MAX], const char *operation, const char *transport,
		  const struct nd_addr *local, const struct nd_addr *remote, const char *call,
		  int err)
{
	char from[ND_ADDR_TEXT_MAX] = "", to[ND_ADDR_TEXT_MAX], what[64];

	if (local && local->len)
		nd_addr_format(local, from);
	nd_addr_format(remote, to);
	snprintf(text, ND_POOL_ERROR_MAX, "%s %s %s%s%s: %s%s%s", operation, transport, from,
		 from[0] ? "->" : "", to, call, call[0] ? ": " : "", describe(err, what));
}

static void socket_text(const struct nd_pool_socket *k, const char *operation, const char *call,
			int err, char text[ND_POOL_ERROR_MAX])
{
	struct nd_addr local = nd_udp_local(k->udp);

	nd_pool_text(text, operation, "udp", &local, &k->pool->host->config.addr, call, err);
}

/* --- UDP sockets --- */

static void clear_slot(struct nd_pool_socket *k)
{
	for (unsigned i = 0; i < ND_POOL_SOCKETS; i++)
		if (k->pool->slot[i] == k)
			k->pool->slot[i] = NULL;
}

static void close_socket(struct nd_pool_socket *k)
{
	clear_slot(k);
	nd_list_del(&k->link);
	nd_udp_close(k->udp);
	k->pool = NULL;
	if (!k->busy)
		free(k);
}

static void end_callback(struct nd_pool_socket *k)
{
	k->busy = false;
	if (!k->pool)
		free(k);
}

/* Late or duplicate, not forged: a socket sends no more queries than its table remembers ids. */
static bool is_late(const struct nd_pool_socket *k, uint16_t id)
{
	return nd_flights_is_recent(&k->flights, id);
}

static void on_batch(void *ctx, struct nd_udp *u, struct nd_datagram *d, size_t n)
{
	struct nd_pool_socket *k = ctx;
	(void)u;

	k->busy = true;
	for (size_t i = 0; i < n && k->pool; i++) {
		if (d[i].len < ND_MSG_HEADER)
			continue;
		struct nd_flight *f = nd_flights_find(&k->flights, nd_reader_peek16(d[i].bytes));
		if (!f) {
			nd_pool_note_stray(k->pool, is_late(k, nd_reader_peek16(d[i].bytes)));
			continue;
		}
		struct nd_sent *s = ND_CONTAINER(f, struct nd_sent, flight);
		s->on_reply(s, d[i].bytes, d[i].len, d[i].cut);
	}
	end_callback(k);
}

/* The query in flight that an ICMP error quotes. Routers quote eight bytes at least: the UDP
 * header, with no id in it; most quote more. */
static struct nd_sent *find_quoted(const struct nd_pool_socket *k, const uint8_t *quoted, size_t n)
{
	struct nd_flight *f = n < 2 ? NULL : nd_flights_find(&k->flights, nd_reader_peek16(quoted));

	if (!f)
		return NULL;
	struct nd_sent *s = ND_CONTAINER(f, struct nd_sent, flight);
	size_t same = n < s->n ? n : s->n;
	return memcmp(quoted + 2, s->bytes + 2, same - 2) == 0 ? s : NULL;
}

static void on_error(void *ctx, struct nd_udp *u, int err, const uint8_t *quoted, size_t n)
{
	struct nd_pool_socket *k = ctx;
	struct nd_sent *s = find_quoted(k, quoted, n);
	char text[ND_POOL_ERROR_MAX];
	(void)u;

	if (!s) {
		nd_pool_note_ignored_icmp(k->pool, n >= 2 && is_late(k, nd_reader_peek16(quoted)));
		return;
	}
	socket_text(k, "read", "read", err, text);
	k->busy = true;
	nd_pool_forget(s);
	s->on_error(s, err, text);
	end_callback(k);
}

static int open_socket(struct nd_pool *p, unsigned slot, struct nd_pool_socket **out)
{
	const struct nd_host_config *c = &p->host->config;
	struct nd_pool_socket *k = calloc(1, sizeof *k);
	struct nd_udp_options o = { .datagram_bytes = ND_MSG_MAX };
	struct nd_udp_handler h = { .ctx = k, .on_batch = on_batch, .on_error = on_error };

	if (!k)
		return -ENOMEM;
	int err = nd_udp_connect(p->loop, &c->addr, c->source.len ? &c->source : NULL, &o, &h,
				 &k->udp);
	if (err) {
		free(k);
		return err;
	}
	k->pool = p;
	k->created_ns = k->used_ns = nd_loop_now_ns(p->loop);
	nd_flights_init(&k->flights, k->bucket, SOCKET_BUCKETS);
	nd_list_add(&p->sockets, &k->link);
	p->slot[slot] = k;
	nd_pool_start_sweep(p);
	*out = k;
	return 0;
}

/* A random socket: the source port is part of what a forged reply must guess (RFC 5452 s9.2). */
static int pick_socket(struct nd_pool *p, struct nd_pool_socket **out)
{
	unsigned slot = nd_random_below(ND_POOL_SOCKETS);
	struct nd_pool_socket *k = p->slot[slot];

	if (k &&
	    (k->uses >= ND_POOL_SOCKET_USES || nd_pool_too_old(p, k->created_ns, k->used_ns))) {
		p->slot[slot] = NULL; /* retired: closed after its last reply */
		if (k->flights.n == 0)
			close_socket(k);
		k = NULL;
	}
	nd_metric_add(k ? &p->counts->hits[0] : &p->counts->misses[0], 1);
	if (!k)
		return open_socket(p, slot, out);
	*out = k;
	return 0;
}

static bool in_slot(const struct nd_pool_socket *k)
{
	for (unsigned i = 0; i < ND_POOL_SOCKETS; i++)
		if (k->pool->slot[i] == k)
			return true;
	return false;
}

static uint32_t idle_sockets(const struct nd_pool *p)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < ND_POOL_SOCKETS; i++)
		n += p->slot[i] && p->slot[i]->flights.n == 0;
	return n;
}

/* A flight has been removed from it: closes the socket if it is no longer needed. */
static void settle(struct nd_pool_socket *k)
{
	const struct nd_host_config *c = &k->pool->host->config;

	if (k->flights.n)
		return;
	if (!in_slot(k) || c->expire_ns == 0 ||
	    (c->max_idle && idle_sockets(k->pool) > c->max_idle))
		close_socket(k);
}

static bool transmit(struct nd_pool_socket *k, uint8_t *bytes, size_t n)
{
	struct nd_datagram d = { .bytes = bytes, .len = (uint32_t)n };

	k->used_ns = nd_loop_now_ns(k->pool->loop);
	return nd_udp_send(k->udp, &d, 1) == 1;
}

static int udp_send(struct nd_pool *p, struct nd_sent *s, uint8_t *bytes, size_t n,
		    char text[ND_POOL_ERROR_MAX])
{
	struct nd_pool_socket *k;
	int err = pick_socket(p, &k);

	if (err) {
		nd_pool_text(text, "dial", "udp", NULL, &p->host->config.addr, "", err);
		return err;
	}
	if (!nd_flights_add(&k->flights, &s->flight)) {
		socket_text(k, "write", "", ND_ELIMIT, text);
		return ND_ELIMIT;
	}
	nd_writer_put16(bytes, s->flight.id);
	s->socket = k;
	k->uses++;
	if (!transmit(k, bytes, n)) {
		socket_text(k, "write", "write", -EIO, text);
		nd_pool_forget(s);
		return -EIO;
	}
	return 0;
}

/* --- UDP and TCP --- */

int nd_pool_send(struct nd_pool *p, struct nd_sent *s, bool tcp, uint8_t *bytes, size_t n,
		 char text[ND_POOL_ERROR_MAX])
{
	s->pool = p;
	s->bytes = bytes;
	s->n = n;
	s->socket = NULL;
	s->stream = NULL;
	s->reused = false;
	return tcp ? nd_pipeline_send(p, s, bytes, n, text) : udp_send(p, s, bytes, n, text);
}

void nd_pool_resend(struct nd_sent *s, uint8_t *bytes, size_t n)
{
	if (!s->socket)
		return;
	nd_writer_put16(bytes, s->flight.id);
	(void)transmit(s->socket, bytes, n); /* if lost: the next timer sends it again */
}

void nd_pool_forget(struct nd_sent *s)
{
	struct nd_pool_socket *k = s->socket;
	struct nd_pipeline *t = s->stream;

	nd_flights_del(&s->flight);
	s->socket = NULL;
	s->stream = NULL;
	if (k)
		settle(k);
	if (t)
		nd_pipeline_settle(t);
}

void nd_pool_timeout_text(const struct nd_sent *s, char text[ND_POOL_ERROR_MAX])
{
	if (s->stream)
		nd_pipeline_timeout_text(s->stream, text);
	else if (s->socket)
		socket_text(s->socket, "read", "", ND_ETIME, text);
	else
		snprintf(text, ND_POOL_ERROR_MAX, "i/o timeout");
}

void nd_pool_give_up(struct nd_sent *s)
{
	struct nd_pipeline *t = s->stream;

	nd_flights_del(&s->flight);
	s->stream = NULL;
	if (t)
		nd_pipeline_give_up(t);
	else
		nd_pool_forget(s);
}

bool nd_pool_is_open(const struct nd_sent *s)
{
	return !s->stream || nd_pipeline_is_open(s->stream);
}

bool nd_pool_has_answered(const struct nd_sent *s)
{
	return !s->stream || nd_pipeline_has_answered(s->stream);
}

bool nd_pool_too_old(const struct nd_pool *p, uint64_t created_ns, uint64_t used_ns)
{
	const struct nd_host_config *c = &p->host->config;
	uint64_t now = nd_loop_now_ns(p->loop);

	return now - used_ns > c->expire_ns || (c->max_age_ns && now - created_ns > c->max_age_ns);
}

static void sweep(struct nd_timer *t)
{
	struct nd_pool *p = ND_CONTAINER(t, struct nd_pool, sweep);

	ND_LIST_EACH(&p->sockets, it) {
		struct nd_pool_socket *k = ND_LIST_ENTRY(it, struct nd_pool_socket, link);
		if (k->flights.n == 0 && nd_pool_too_old(p, k->created_ns, k->used_ns))
			close_socket(k);
	}
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
	ND_LIST_EACH(&p->sockets, it) {
		struct nd_pool_socket *k = ND_LIST_ENTRY(it, struct nd_pool_socket, link);
		ND_ASSERT(k->flights.n == 0); /* a sender holds a reference */
		close_socket(k);
	}
	nd_pipeline_sweep(p, true);
	p->host->pool[p->worker] = NULL;
	free(p);
}
