/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/transfer/notify.h"

#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/log.h"
#include "base/time.h"
#include "io/loop.h"
#include "io/random.h"
#include "io/udp.h"
#include "wire/msg.h"
#include "wire/type.h"
#include "wire/writer.h"

/* One zone and secondary. */
struct notice {
	struct nd_list link; /* in waiting or sent */
	struct nd_notify *of;
	struct nd_timer timer;
	struct nd_udp *udp; /* NULL: waiting */
	struct nd_addr to, source;
	bool has_source;
	struct nd_name_buf zone_buf;
	struct nd_name zone;
	uint16_t id;
	unsigned tries;
	const char *why; /* of the last failure; static */
	char rcode[ND_NUMBER_TEXT_MAX];
};

static void start_next(struct nd_notify *n);

static void close_socket(struct notice *x)
{
	nd_timer_stop(&x->timer);
	if (x->udp)
		nd_udp_close(x->udp);
	x->udp = NULL;
}

static void free_notice(struct notice *x)
{
	close_socket(x);
	nd_list_del(&x->link);
	free(x);
}

static void end(struct notice *x, bool accepted)
{
	struct nd_notify *n = x->of;
	char zone[ND_NAME_TEXT_MAX], to[ND_ADDR_TEXT_MAX];

	if (!accepted) {
		nd_name_format(x->zone, zone);
		nd_addr_format(&x->to, to);
		nd_log_warning("transfer", "notify for zone \"%s\" was not accepted by \"%s\": %s",
			       zone, to, x->why);
	}
	free_notice(x);
	n->nsent--;
	start_next(n);
}

static void try_again(struct notice *x);

static void on_time(struct nd_timer *t)
{
	struct notice *x = ND_CONTAINER(t, struct notice, timer);

	x->why = "no reply";
	try_again(x);
}

/* Only a reply to this message counts (RFC 1996 s4.8). */
static bool is_reply(const struct notice *x, const struct nd_datagram *d)
{
	uint16_t flags;

	if (d->len < ND_MSG_HEADER || nd_reader_peek16(d->bytes) != x->id)
		return false;
	flags = nd_reader_peek16(d->bytes + 2);
	return (flags & ND_FLAG_QR) && (flags >> 11 & 15) == ND_OPCODE_NOTIFY;
}

static void on_batch(void *ctx, struct nd_udp *u, struct nd_datagram *d, size_t n)
{
	struct notice *x = ctx;

	(void)u;
	for (size_t i = 0; i < n; i++) {
		if (!is_reply(x, &d[i]))
			continue;
		unsigned rcode = nd_reader_peek16(d[i].bytes + 2) & 15u;
		if (rcode == ND_RCODE_NOERROR) {
			end(x, true);
			return;
		}
		x->why = nd_type_rcode_text((uint16_t)rcode, x->rcode);
		try_again(x);
		return;
	}
}

/* The id is new each time: a late reply to the message before is not one to this. */
static int send_message(struct notice *x)
{
	uint8_t m[ND_MSG_HEADER + ND_NAME_MAX + 4];
	struct nd_writer w = nd_writer_over(m, sizeof m);
	struct nd_udp_handler h = { .ctx = x, .on_batch = on_batch };
	struct nd_udp_options o = { .datagram_bytes = 0 };

	if (!x->udp) {
		int err = nd_udp_connect(x->of->loop, &x->to, x->has_source ? &x->source : NULL, &o,
					 &h, &x->udp);
		if (err)
			return err;
	}
	x->id = (uint16_t)nd_random_u32();
	nd_writer_u16(&w, x->id);
	nd_writer_u16(&w, ND_OPCODE_NOTIFY << 11 | ND_FLAG_AA);
	nd_writer_u16(&w, 1);
	nd_writer_bytes(&w, "\0\0\0\0\0\0", 6);
	nd_writer_bytes(&w, x->zone.wire, x->zone.len);
	nd_writer_u16(&w, ND_TYPE_SOA);
	nd_writer_u16(&w, ND_CLASS_IN);
	return nd_udp_write(x->udp, m, w.pos);
}

static void try_again(struct notice *x)
{
	if (x->tries++ == ND_NOTIFY_TRIES) {
		end(x, false);
		return;
	}
	int err = send_message(x);
	if (err)
		x->why = nd_err_text(err);
	nd_timer_start(x->of->loop, &x->timer, ND_S(ND_NOTIFY_WAIT_S), on_time);
}

static void start_next(struct nd_notify *n)
{
	while (n->nsent < ND_NOTIFY_SOCKETS && !nd_list_empty(&n->waiting)) {
		struct notice *x = ND_LIST_ENTRY(nd_list_pop(&n->waiting), struct notice, link);
		nd_list_add(&n->sent, &x->link);
		n->nsent++;
		try_again(x);
	}
}

void nd_notify_init(struct nd_notify *n, struct nd_loop *loop)
{
	n->loop = loop;
	nd_list_init(&n->waiting);
	nd_list_init(&n->sent);
}

void nd_notify_clear(struct nd_notify *n)
{
	struct nd_list *lists[] = { &n->waiting, &n->sent };

	if (!n->loop)
		return;
	for (size_t i = 0; i < ND_COUNT(lists); i++)
		while (!nd_list_empty(lists[i]))
			free_notice(ND_LIST_ENTRY(lists[i]->next, struct notice, link));
	n->nsent = 0;
	n->loop = NULL;
}

static struct notice *find(struct nd_list *list, struct nd_name zone, const struct nd_addr *to)
{
	ND_LIST_EACH(list, it) {
		struct notice *x = ND_LIST_ENTRY(it, struct notice, link);
		if (nd_name_same(x->zone, zone) && nd_addr_equal(&x->to, to))
			return x;
	}
	return NULL;
}

void nd_notify_send(struct nd_notify *n, struct nd_name zone, const struct nd_addr *to,
		    const struct nd_addr *source)
{
	struct notice *x = find(&n->sent, zone, to);

	if (x) { /* the secondary may have read the zone before it changed again */
		x->tries = 0;
		try_again(x);
		return;
	}
	if (find(&n->waiting, zone, to))
		return;
	x = calloc(1, sizeof *x);
	if (!x) {
		nd_log_error("transfer", "cannot send notifies: out of memory");
		return;
	}
	x->of = n;
	x->to = *to;
	x->has_source = source != NULL;
	if (source)
		x->source = *source;
	x->zone = nd_name_copy(zone, &x->zone_buf);
	nd_list_add(&n->waiting, &x->link);
	start_next(n);
}
