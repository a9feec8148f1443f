/* SPDX-License-Identifier: Apache-2.0 */
#include "server/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "core/chain.h"
#include "server/stream.h"

/* --- answers --- */

static void flush(struct nd_worker *core)
{
	struct nd_server_worker *w = core->server;

	if (w->nout)
		nd_udp_send(ND_CONTAINER(w->out_origin, struct nd_listener, origin)->udp, w->out,
			    w->nout);
	w->nout = 0;
	nd_worker_flushed(core);
}

static void send_reply(struct nd_worker *core, struct nd_query *q)
{
	struct nd_server_worker *w = core->server;

	if (q->client.proto != ND_PROTO_UDP) {
		nd_stream_send(q);
		return;
	}
	if (w->nout == ND_SERVER_OUT || (w->nout && w->out_origin != q->client.origin)) {
		/* Sends only the queue: the output buffer still holds q's answer. */
		uint32_t used = core->out_used;
		flush(core);
		core->out_used = used;
	}
	w->out_origin = q->client.origin;
	w->out_peer[w->nout] = q->client.peer;
	w->out[w->nout] = (struct nd_datagram){ .bytes = q->ans.w.base,
						.len = (uint32_t)q->ans.w.pos,
						.peer = &w->out_peer[w->nout],
						.local = q->client.local,
						.ifindex = q->client.ifindex };
	w->nout++;
}

static void sweep(struct nd_server_worker *w);

static void on_turn(void *ctx)
{
	struct nd_server_worker *w = ctx;

	flush(&w->core);
	if (ND_UNLIKELY(w->sweep))
		sweep(w);
	nd_log_flush();
}

/* --- queries --- */

static void on_batch(void *ctx, struct nd_udp *u, struct nd_datagram *d, size_t n)
{
	struct nd_listener *l = ctx;
	struct nd_server_worker *w = l->worker;
	struct nd_client client = { .proto = ND_PROTO_UDP, .origin = &l->origin };

	(void)u;
	if (!l->endpoint) /* not in use yet, or retired, or the server is stopping */
		return;
	w->core.now_ns = nd_loop_now_ns(w->core.loop);
	nd_worker_batch_begin(&w->core);
	for (size_t i = 0; i < n; i++) {
		client.peer = *d[i].peer;
		client.local = d[i].local;
		client.ifindex = d[i].ifindex;
		struct nd_query *q = nd_query_new(&w->core, l->endpoint, &client);
		if (ND_UNLIKELY(d[i].cut) && d[i].len >= ND_MSG_HEADER)
			d[i].bytes[4] = d[i].bytes[5] = 0; /* over 512 bytes: FORMERR, as CoreDNS */
		nd_chain_start(q, d[i].bytes, d[i].len);
	}
	nd_worker_batch_end(&w->core);
	flush(&w->core);
}

/* --- sockets --- */

static struct nd_listener *find_listener(struct nd_server_worker *w, enum nd_scheme scheme,
					 const struct nd_addr *addr)
{
	ND_LIST_EACH(&w->listeners, it) {
		struct nd_listener *l = ND_LIST_ENTRY(it, struct nd_listener, link);
		if (l->scheme == scheme && nd_addr_equal(&l->addr, addr))
			return l;
	}
	return NULL;
}

/* Nothing uses it, and its answers were sent. */
static void free_listener(struct nd_listener *l)
{
	struct nd_process_stats lost = { 0 };

	ND_ASSERT(!l->worker->nout || l->worker->out_origin != &l->origin);
	nd_listener_stats(l, &lost);
	l->worker->overflowed += lost.udp_overflowed;
	l->worker->unsent += lost.udp_unsent;
	nd_list_del(&l->link);
	nd_listener_close(l);
	free(l);
}

/* Closes retired listeners that nothing uses. The output is flushed. */
static void sweep(struct nd_server_worker *w)
{
	w->sweep = false;
	ND_LIST_EACH(&w->listeners, it) {
		struct nd_listener *l = ND_LIST_ENTRY(it, struct nd_listener, link);
		if (l->retired && !nd_listener_used(l))
			free_listener(l);
	}
}

/* Takes no more queries and connections. Its UDP socket remains open while queries wait, which are
 * answered through it; until then datagrams are read and dropped, since the kernel keeps sending a
 * share of the traffic to an open SO_REUSEPORT socket, read or not. */
static void retire(struct nd_listener *l)
{
	l->endpoint = NULL;
	l->retired = true;
	nd_listener_pause(l, false);
	nd_listener_close_tcp(l);
	nd_stream_end_listener(l->worker, l);
	l->worker->sweep = true;
}

static int open_listener(struct nd_server_worker *w, enum nd_scheme scheme,
			 const struct nd_listen *at)
{
	struct nd_listener *l = calloc(1, sizeof *l);

	if (!l)
		return -ENOMEM;
	l->worker = w;
	l->addr = at->addr;
	l->scheme = scheme;
	nd_list_add(&w->listeners, &l->link);
	int err = nd_listener_open(l, on_batch);
	if (err)
		free_listener(l);
	else
		nd_listener_pause(l, true); /* until the generation is adopted */
	return at->optional && (err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL) ? 0 : err;
}

static int prepare_listen(struct nd_server_worker *w, enum nd_scheme scheme,
			  const struct nd_listen *at)
{
	struct nd_listener *l = find_listener(w, scheme, &at->addr);

	if (!l)
		return open_listener(w, scheme, at);
	if (!l->retired)
		return 0;
	int err = nd_listener_open_tcp(l);
	if (err)
		return err;
	nd_listener_pause(l, true);
	l->retired = false;
	return 0;
}

int nd_server_worker_prepare(struct nd_server_worker *w, struct nd_gen *gen,
			     char label[ND_SERVER_LABEL_MAX])
{
	for (size_t i = 0; i < gen->nendpoints; i++) {
		const struct nd_endpoint *e = &gen->endpoints[i];
		for (size_t k = 0; k < e->nlisten; k++) {
			int err = prepare_listen(w, e->scheme, &e->listen[k]);
			if (err) {
				snprintf(label, ND_SERVER_LABEL_MAX, "%s", e->label);
				return err;
			}
		}
	}
	return 0;
}

void nd_server_worker_abandon(struct nd_server_worker *w)
{
	ND_LIST_EACH(&w->listeners, it) {
		struct nd_listener *l = ND_LIST_ENTRY(it, struct nd_listener, link);
		if (!l->endpoint && !l->retired)
			retire(l);
	}
	flush(&w->core);
	sweep(w);
}

static void retire_unwanted(struct nd_server_worker *w)
{
	ND_LIST_EACH(&w->listeners, it) {
		struct nd_listener *l = ND_LIST_ENTRY(it, struct nd_listener, link);
		if (!l->wanted && !l->retired)
			retire(l);
	}
	flush(&w->core);
	sweep(w);
}

static void want(struct nd_server_worker *w, const struct nd_endpoint *e)
{
	for (size_t k = 0; k < e->nlisten; k++) {
		struct nd_listener *l = find_listener(w, e->scheme, &e->listen[k].addr);
		ND_ASSERT(l || e->listen[k].optional);
		if (!l)
			continue;
		if (!l->endpoint)
			nd_listener_pause(l, false);
		l->endpoint = e;
		l->wanted = true;
	}
}

int nd_server_worker_adopt(struct nd_server_worker *w, struct nd_gen *gen)
{
	int err = nd_worker_adopt(&w->core, gen);

	if (err)
		return err;
	ND_LIST_EACH(&w->listeners, it)
		ND_LIST_ENTRY(it, struct nd_listener, link)->wanted = false;
	for (size_t i = 0; i < gen->nendpoints; i++)
		want(w, &gen->endpoints[i]);
	retire_unwanted(w);
	return 0;
}

int nd_server_worker_init(struct nd_server_worker *w, uint16_t id, struct nd_loop *loop,
			  struct nd_fdset *fds, uint32_t max_roots)
{
	memset(w, 0, sizeof *w);
	w->fds = fds;
	nd_list_init(&w->listeners);
	nd_list_init(&w->conns);
	w->core.server = w;
	w->core.send = send_reply;
	w->core.flush = flush;
	nd_loop_on_turn(loop, on_turn, w);
	return nd_worker_init(&w->core, id, loop, max_roots);
}

void nd_server_worker_clear(struct nd_server_worker *w)
{
	nd_worker_clear(&w->core);
}

void nd_server_worker_drain(struct nd_server_worker *w)
{
	w->draining = true;
	ND_LIST_EACH(&w->listeners, it) {
		struct nd_listener *l = ND_LIST_ENTRY(it, struct nd_listener, link);
		l->endpoint = NULL;
		nd_listener_close_tcp(l);
	}
}

void nd_server_worker_close(struct nd_server_worker *w)
{
	nd_worker_leave(&w->core);
	nd_stream_close_all(w);
	while (!nd_list_empty(&w->listeners))
		free_listener(ND_LIST_ENTRY(w->listeners.next, struct nd_listener, link));
}

void nd_server_worker_stats(struct nd_server_worker *w, struct nd_process_stats *out)
{
	*out = (struct nd_process_stats){ .udp_overflowed = w->overflowed,
					  .udp_unsent = w->unsent,
					  .shed = w->core.shed,
					  .timed_out = w->core.cancelled,
					  .sub_refused = w->core.refused,
					  .waiting = nd_worker_waiting(&w->core),
					  .tcp_connections = w->streams.n,
					  .tcp_evicted = w->conns_evicted,
					  .tcp_refused = w->conns_refused,
					  .tcp_unread = w->conns_unread };
	ND_LIST_EACH(&w->listeners, it)
		nd_listener_stats(ND_LIST_ENTRY(it, struct nd_listener, link), out);
}
