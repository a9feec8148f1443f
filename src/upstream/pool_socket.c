/* SPDX-License-Identifier: Apache-2.0 */
/* The UDP sockets of a pool. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "io/random.h"
#include "upstream/pool_parts.h"
#include "wire/msg.h"
#include "wire/writer.h"

enum { BUCKETS = 16 };

struct nd_pool_socket {
	struct nd_conn conn;
	struct nd_udp *udp;
	struct nd_list bucket[BUCKETS];
	uint32_t uses;
};

static struct nd_pool_socket *socket_of(struct nd_conn *c)
{
	return ND_CONTAINER(c, struct nd_pool_socket, conn);
}

static void make_text(const struct nd_pool_socket *k, const char *operation, const char *call,
		      int err, char text[ND_POOL_ERROR_MAX])
{
	struct nd_addr local = nd_udp_local(k->udp);

	nd_pool_text(text, operation, "udp", &local, &k->conn.pool->host->config.addr, call, err);
}

void nd_pool_socket_leave_slot(struct nd_conn *c)
{
	if (c->pool->picked == socket_of(c))
		c->pool->picked = NULL;
	for (unsigned i = 0; i < ND_POOL_SOCKETS; i++)
		if (c->pool->slot[i] == socket_of(c))
			c->pool->slot[i] = NULL;
}

void nd_pool_socket_take_slot(struct nd_conn *c)
{
	for (unsigned i = 0; i < ND_POOL_SOCKETS && !c->retired; i++) {
		if (!c->pool->slot[i]) {
			c->pool->slot[i] = socket_of(c);
			return;
		}
	}
	c->retired = true;
}

static void close_socket(struct nd_pool_socket *k)
{
	nd_pool_socket_leave_slot(&k->conn);
	nd_conn_clear(&k->conn);
	nd_udp_close(k->udp);
	if (!k->conn.busy)
		free(k);
}

/* --- receiving --- */

static void end_callback(struct nd_pool_socket *k)
{
	k->conn.busy = false;
	if (!k->conn.pool)
		free(k);
}

/* Late or duplicate, not forged: a socket sends no more queries than its table remembers ids. */
static bool is_late(const struct nd_pool_socket *k, uint16_t id)
{
	return nd_flights_is_recent(&k->conn.flights, id);
}

static void on_batch(void *ctx, struct nd_udp *u, struct nd_datagram *d, size_t n)
{
	struct nd_pool_socket *k = ctx;
	(void)u;

	k->conn.busy = true;
	for (size_t i = 0; i < n && k->conn.pool; i++) {
		if (d[i].len < ND_MSG_HEADER)
			continue;
		uint16_t id = nd_reader_peek16(d[i].bytes);
		struct nd_sent *s = nd_conn_find(&k->conn, id);
		bool late = !s && is_late(k, id);
		if (s || late) {
			nd_conn_hear(&k->conn);
			k->conn.answers++;
		}
		if (s)
			s->on_reply(s, d[i].bytes, d[i].len, d[i].cut);
		else
			nd_pool_note_stray(k->conn.pool, late);
	}
	end_callback(k);
}

/* The query in flight that an ICMP error quotes. Routers quote eight bytes at least: the UDP
 * header, with no id in it; most quote more. */
static struct nd_sent *find_quoted(const struct nd_pool_socket *k, const uint8_t *quoted, size_t n)
{
	struct nd_sent *s = n < 2 ? NULL : nd_conn_find(&k->conn, nd_reader_peek16(quoted));

	if (!s)
		return NULL;
	size_t same = n < s->n ? n : s->n;
	return memcmp(quoted + 2, s->bytes + 2, same - 2) == 0 ? s : NULL;
}

static void on_error(void *ctx, struct nd_udp *u, int err, const uint8_t *quoted, size_t n)
{
	struct nd_pool_socket *k = ctx;
	struct nd_pool *p = k->conn.pool;
	struct nd_sent *s = find_quoted(k, quoted, n);
	char text[ND_POOL_ERROR_MAX];
	(void)u;

	if (!s) {
		nd_pool_note_ignored_icmp(p, n >= 2 && is_late(k, nd_reader_peek16(quoted)));
		return;
	}
	make_text(k, "read", "read", err, text);
	k->conn.busy = true;
	nd_pool_forget(s);
	s->on_error(s, err, text);
	end_callback(k);
}

/* --- sending --- */

/* 0 if it is lost as in the network: the timer of the query sends it again. */
static int take_loss(struct nd_pool_socket *k, int err)
{
	if (!err || !nd_udp_is_loss(err))
		return err;
	nd_metric_add(&k->conn.pool->counts->unsent, 1);
	return 0;
}

static void on_unsent(void *ctx, struct nd_udp *u, int err, const uint8_t *bytes, size_t n)
{
	struct nd_pool_socket *k = ctx;
	struct nd_sent *s = find_quoted(k, bytes, n);
	char text[ND_POOL_ERROR_MAX];
	(void)u;

	if (!take_loss(k, err) || !s)
		return;
	make_text(k, "write", "write", err, text);
	k->conn.busy = true;
	nd_pool_forget(s);
	s->on_error(s, err, text);
	end_callback(k);
}

static int open_socket(struct nd_pool *p, unsigned slot, struct nd_pool_socket **out)
{
	const struct nd_host_config *c = &p->host->config;
	struct nd_pool_socket *k = calloc(1, sizeof *k);
	struct nd_udp_options o = { .datagram_bytes = ND_MSG_MAX };
	struct nd_udp_handler h = {
		.ctx = k, .on_batch = on_batch, .on_error = on_error, .on_unsent = on_unsent
	};

	if (!k)
		return -ENOMEM;
	int err = nd_udp_connect(p->loop, &c->addr, c->source.len ? &c->source : NULL, &o, &h,
				 &k->udp);
	if (err) {
		free(k);
		return err;
	}
	nd_conn_init(&k->conn, p, false, k->bucket, BUCKETS);
	p->slot[slot] = k;
	nd_pool_start_sweep(p);
	*out = k;
	return 0;
}

static bool may_use(const struct nd_pool_socket *k, uint64_t since_ns)
{
	return k->uses < ND_POOL_SOCKET_USES && !nd_conn_has_expired(&k->conn) &&
	       (!since_ns || nd_conn_is_newer(&k->conn, since_ns));
}

/* The socket picked last, for queries of the same turn: they leave in one system call. */
static struct nd_pool_socket *picked_now(struct nd_pool *p, uint64_t since_ns)
{
	struct nd_pool_socket *k = p->picked;
	uint64_t now = nd_loop_now_ns(p->loop);
	bool same = k && p->picked_ns == now;

	p->picked_ns = now;
	return same && may_use(k, since_ns) ? k : NULL;
}

/* None can be opened: descriptors or memory are out. Any open one is better than a failure. */
static bool use_any(struct nd_pool *p, struct nd_pool_socket **out)
{
	for (unsigned i = 0; i < ND_POOL_SOCKETS; i++) {
		if (!p->slot[i])
			continue;
		*out = p->slot[i];
		return true;
	}
	return false;
}

/* A random socket: the source port is part of what a forged reply must guess (RFC 5452 s9.2). */
static int pick_random(struct nd_pool *p, uint64_t since_ns, struct nd_pool_socket **out)
{
	unsigned slot = nd_random_below(ND_POOL_SOCKETS);

	for (unsigned i = 0; since_ns && i < ND_POOL_SOCKETS; i++) {
		unsigned at = (slot + i) % ND_POOL_SOCKETS;
		if (p->slot[at] && may_use(p->slot[at], since_ns)) {
			slot = at;
			break;
		}
	}
	struct nd_pool_socket *k = p->slot[slot];

	if (k && nd_conn_is_mute(&k->conn) && nd_conn_doubt(&k->conn)) {
		nd_pool_socket_settle(&k->conn);
		k = NULL;
	}
	if (k && may_use(k, since_ns)) {
		*out = k;
		return 0;
	}
	int err = open_socket(p, slot, out);
	if (err)
		return use_any(p, out) ? 0 : err;
	if (k) {
		k->conn.retired = true;
		nd_pool_socket_settle(&k->conn);
	}
	return 0;
}

static int pick_socket(struct nd_pool *p, uint64_t since_ns, struct nd_pool_socket **out)
{
	struct nd_pool_socket *k = picked_now(p, since_ns);
	int err = k ? 0 : pick_random(p, since_ns, &k);

	if (err)
		return err;
	nd_metric_add(k->uses ? &p->counts->hits[ND_HOST_UDP] : &p->counts->misses[ND_HOST_UDP], 1);
	p->picked = *out = k;
	return 0;
}

static uint32_t idle_sockets(const struct nd_pool *p)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < ND_POOL_SOCKETS; i++)
		n += p->slot[i] && p->slot[i]->conn.flights.n == 0;
	return n;
}

void nd_pool_socket_settle(struct nd_conn *c)
{
	const struct nd_host_config *o = &c->pool->host->config;

	if (c->flights.n)
		return;
	if (c->retired || c->doubted_ns || o->expire_ns == 0 ||
	    (o->max_idle && idle_sockets(c->pool) > o->max_idle))
		close_socket(socket_of(c));
}

static int transmit(struct nd_pool_socket *k, const uint8_t *bytes, size_t n)
{
	return take_loss(k, nd_udp_queue(k->conn.pool->loop, k->udp, bytes, n));
}

int nd_pool_socket_send(struct nd_pool *p, struct nd_sent *s, const struct nd_pool_way *way,
			uint8_t *bytes, size_t n, char text[ND_POOL_ERROR_MAX])
{
	struct nd_pool_socket *k;
	int err = pick_socket(p, way->since_ns, &k);

	if (err) {
		nd_pool_text(text, "dial", "udp", NULL, &p->host->config.addr, "", err);
		return err;
	}
	if (!nd_conn_add(&k->conn, s)) {
		make_text(k, "write", "", ND_ELIMIT, text);
		return ND_ELIMIT;
	}
	nd_writer_put16(bytes, s->flight.id);
	k->uses++;
	err = transmit(k, bytes, n);
	if (err) {
		make_text(k, "write", "write", err, text);
		nd_pool_forget(s);
	}
	return err;
}

void nd_pool_socket_resend(struct nd_sent *s, uint8_t *bytes, size_t n)
{
	nd_writer_put16(bytes, s->flight.id);
	(void)transmit(socket_of(s->conn), bytes, n); /* an error is one of its timer */
}

void nd_pool_socket_timeout_text(struct nd_conn *c, char text[ND_POOL_ERROR_MAX])
{
	make_text(socket_of(c), "read", "", ND_ETIME, text);
}

void nd_pool_socket_sweep(struct nd_pool *p, bool all)
{
	ND_LIST_EACH(&p->sockets, it) {
		struct nd_conn *c = ND_LIST_ENTRY(it, struct nd_conn, link);
		if (all || (c->flights.n == 0 && nd_conn_has_expired(c)))
			close_socket(socket_of(c));
	}
}
