/* SPDX-License-Identifier: Apache-2.0 */
/* io/udp.h in the simulated world. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/list.h"
#include "io/udp.h"
#include "sim/world.h"

struct nd_udp {
	struct nd_list link;
	struct nd_loop *loop;
	struct nd_udp_handler handler;
	struct nd_addr local, peer; /* peer.len 0: not connected */
	uint32_t datagram_bytes;
	bool closed;
};

/* Those that are closed remain until the next world: a use of one is found. */
static struct nd_list sockets, graves;

static void init_list(void)
{
	if (!sockets.next) {
		nd_list_init(&sockets);
		nd_list_init(&graves);
	}
}

static int open_socket(struct nd_loop *loop, const struct nd_addr *local,
		       const struct nd_addr *peer, const struct nd_udp_options *o,
		       const struct nd_udp_handler *h, struct nd_udp **out)
{
	struct nd_udp *u = calloc(1, sizeof *u);

	if (!u)
		return -ENOMEM;
	init_list();
	u->loop = loop;
	u->handler = *h;
	u->local = *local;
	if (peer)
		u->peer = *peer;
	u->datagram_bytes = o && o->datagram_bytes ? o->datagram_bytes : 512;
	nd_list_add(&sockets, &u->link);
	nd_world_count_socket(1);
	*out = u;
	return 0;
}

int nd_udp_bind(struct nd_loop *loop, const struct nd_addr *addr, const struct nd_udp_options *o,
		const struct nd_udp_handler *h, struct nd_udp **out)
{
	return open_socket(loop, addr, NULL, o, h, out);
}

int nd_udp_adopt(struct nd_loop *loop, int fd, const struct nd_udp_options *o,
		 const struct nd_udp_handler *h, struct nd_udp **out)
{
	(void)loop;
	(void)fd;
	(void)o;
	(void)h;
	(void)out;
	return -ENOSYS; /* the simulated world has no descriptors */
}

int nd_udp_connect(struct nd_loop *loop, const struct nd_addr *peer, const struct nd_addr *source,
		   const struct nd_udp_options *o, const struct nd_udp_handler *h,
		   struct nd_udp **out)
{
	struct nd_addr local = source && source->len ? *source : nd_world_host(loop);

	if (nd_addr_port(&local) == 0)
		nd_addr_set_port(&local, nd_world_port());
	return open_socket(loop, &local, peer, o, h, out);
}

void nd_udp_close(struct nd_udp *u)
{
	if (!u)
		return;
	ND_ASSERT(!u->closed);
	u->closed = true;
	nd_list_del(&u->link);
	nd_list_add(&graves, &u->link);
	nd_world_count_socket(-1);
}

/* The server opens its sockets and takes them into use in one step of the world. */
void nd_udp_pause(struct nd_udp *u, bool paused)
{
	(void)u;
	(void)paused;
}

void nd_world_forget_sockets(void)
{
	init_list();
	while (!nd_list_empty(&graves))
		free(ND_LIST_ENTRY(nd_list_pop(&graves), struct nd_udp, link));
}

/* The socket that receives it: a connected one before a bound one. */
static struct nd_udp *find(const struct nd_addr *to, const struct nd_addr *from)
{
	struct nd_udp *bound = NULL;

	init_list();
	ND_LIST_EACH(&sockets, it) {
		struct nd_udp *u = ND_LIST_ENTRY(it, struct nd_udp, link);
		if (!nd_addr_equal(&u->local, to))
			continue;
		if (u->peer.len && nd_addr_equal(&u->peer, from))
			return u;
		if (!u->peer.len && !bound)
			bound = u;
	}
	return bound;
}

struct flight {
	struct nd_world_event event;
	struct nd_addr from, to;
	size_t n;
	bool refusal; /* an ICMP error to the sender, which quotes these bytes */
	uint8_t bytes[];
};

static void on_arrival(struct nd_world_event *e);

static struct flight *launch(const struct nd_addr *from, const struct nd_addr *to,
			     const void *bytes, size_t n, bool refusal, uint64_t delay_ns)
{
	struct flight *f = calloc(1, sizeof *f + n);

	ND_ASSERT(f);
	f->from = *from;
	f->to = *to;
	f->refusal = refusal;
	f->n = n;
	if (n)
		memcpy(f->bytes, bytes, n);
	nd_world_at(&f->event, nd_world_now_ns() + delay_ns, NULL, on_arrival);
	return f;
}

static void refuse(const struct flight *f)
{
	uint64_t delay;

	nd_world_count_refused();
	if (nd_world_transit(&f->to, &f->from, &delay))
		launch(&f->to, &f->from, f->bytes, f->n, true, delay);
}

static void deliver(struct nd_udp *u, struct flight *f)
{
	struct nd_datagram d = { .bytes = f->bytes,
				 .len = (uint32_t)f->n,
				 .peer = u->peer.len ? NULL : &f->from };
	struct nd_loop *loop = u->loop;

	if (f->refusal) {
		if (u->peer.len && u->handler.on_error)
			u->handler.on_error(u->handler.ctx, u, -ECONNREFUSED, f->bytes, f->n);
	} else {
		if (d.len > u->datagram_bytes) {
			d.len = u->datagram_bytes;
			d.cut = true;
		}
		u->handler.on_batch(u->handler.ctx, u, &d, 1);
	}
	nd_world_loop_turn(loop);
}

static void on_arrival(struct nd_world_event *e)
{
	struct flight *f = (struct flight *)e;
	struct nd_udp *u = find(&f->to, &f->from);

	nd_world_note(f->bytes, f->n);
	if (u)
		deliver(u, f);
	else if (!f->refusal)
		refuse(f);
	free(f);
}

size_t nd_udp_send(struct nd_udp *u, const struct nd_datagram *d, size_t n)
{
	ND_ASSERT(!u->closed);
	for (size_t i = 0; i < n; i++) {
		const struct nd_addr *to = u->peer.len ? &u->peer : d[i].peer;
		uint64_t delay;
		bool twice = nd_world_duplicates();
		if (nd_world_transit(&u->local, to, &delay))
			launch(&u->local, to, d[i].bytes, d[i].len, false, delay);
		if (twice && nd_world_transit(&u->local, to, &delay))
			launch(&u->local, to, d[i].bytes, d[i].len, false, delay);
	}
	return n;
}

int nd_udp_write(struct nd_udp *u, const void *bytes, size_t n)
{
	struct nd_datagram d = { .bytes = (uint8_t *)bytes, .len = (uint32_t)n };

	nd_udp_send(u, &d, 1);
	return 0;
}

int nd_udp_queue(struct nd_loop *loop, struct nd_udp *u, const void *bytes, size_t n)
{
	(void)loop;

	return nd_udp_write(u, bytes, n);
}

bool nd_udp_is_loss(int err)
{
	return err == -EPERM;
}

struct nd_addr nd_udp_local(const struct nd_udp *u)
{
	return u->local;
}

int nd_udp_fd(const struct nd_udp *u)
{
	(void)u;
	return -1;
}

struct nd_udp_stats nd_udp_stats(const struct nd_udp *u)
{
	(void)u;
	return (struct nd_udp_stats){ .buffer_bytes = 1 << 20 };
}
