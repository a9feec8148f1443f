/* SPDX-License-Identifier: Apache-2.0 */
/* loop - finds forwarding loops (CoreDNS's loop). Sends this server a query with a random name. If
 * it arrives more than twice, an upstream forwards it back, and the process ends with an
 * explanation. Where the process must not end (the node agent), the block is isolated until the
 * loop is gone: queries that reach this plugin get SERVFAIL, everything above it is served.
 *
 * Threads: the workers share struct shared. The one that finds the loop writes the text and wakes
 * the control thread, which does the rest.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/time.h"
#include "core/gen.h"
#include "core/query.h"
#include "io/loop.h"
#include "io/random.h"
#include "io/udp.h"

enum {
	SEEN_MAX = 2,   /* the query of this server, and once more */
	TIMEOUT_S = 2,  /* until a reply */
	RETRY_S = 1,    /* after a failure */
	GIVE_UP_S = 30, /* after the start */
	OFF_S = 2,      /* after the reply: copies that still circulate are counted */
	RECHECK_S = 5,  /* of an isolated block; doubled each time */
	RECHECK_MAX_S = 60,
	QUERY_MAX = ND_MSG_HEADER + ND_NAME_MAX + 4,
};

struct shared {
	_Atomic uint32_t seen;
	_Atomic bool off;      /* the check is over */
	_Atomic bool found;    /* set by the worker that writes why */
	_Atomic bool isolated; /* set by the control thread */
	char why[2 * ND_NAME_TEXT_MAX + 3 * ND_ADDR_TEXT_MAX + 256];
};

struct loop {
	struct nd_name zone, name;
	char name_text[ND_NAME_TEXT_MAX];
	struct nd_addr addr; /* the block's first listener */
	char addr_text[ND_ADDR_TEXT_MAX];
	struct nd_setup *setup;

	struct shared *shared; /* in the generation's arena */
	struct nd_wake *wake;

	/* Control thread. */
	struct nd_udp *udp;
	struct nd_timer timer;
	uint64_t end_ns;
	bool stopped;
	uint32_t recheck_s; /* until the next check of an isolated block */
	uint16_t id;
};

static bool get(const _Atomic bool *flag)
{
	return atomic_load_explicit(flag, memory_order_relaxed);
}

static void set(_Atomic bool *flag, bool v)
{
	atomic_store_explicit(flag, v, memory_order_relaxed);
}

static void send_query(struct loop *l);

/* --- workers --- */

static void report(const struct loop *l, const struct nd_query *q)
{
	char zone[ND_NAME_TEXT_MAX], peer[ND_ADDR_TEXT_MAX];
	struct shared *sh = l->shared;

	if (atomic_exchange_explicit(&sh->found, true, memory_order_relaxed))
		return; /* another worker was first */
	nd_name_format(l->zone, zone);
	nd_addr_format(&q->client.peer, peer);
	snprintf(sh->why, sizeof sh->why,
		 "plugin/loop: Loop (%s -> %s) detected for zone \"%s\", see "
		 "https://coredns.io/plugins/loop#troubleshooting. Query: \"HINFO %s\"",
		 peer, l->addr_text, zone, l->name_text);
	nd_wake_send(l->wake);
}

static enum nd_verdict refuse(struct nd_query *q)
{
	nd_query_fail(q, ND_RCODE_SERVFAIL, "forwarding loop: upstreams are disabled");
	return ND_DONE;
}

static enum nd_verdict query(const void *self, struct nd_query *q)
{
	const struct loop *l = self;
	struct shared *sh = l->shared;

	if (q->msg.qtype != ND_TYPE_HINFO || get(&sh->off) || !nd_name_same(q->msg.qname, l->name))
		return get(&sh->isolated) ? refuse(q) : ND_NEXT;
	if (atomic_fetch_add_explicit(&sh->seen, 1, memory_order_relaxed) < SEEN_MAX)
		return ND_NEXT;
	report(l, q);
	return l->setup->process->isolate ? refuse(q) : ND_NEXT;
}

/* --- control thread --- */

static void close_socket(struct loop *l)
{
	nd_udp_close(l->udp);
	l->udp = NULL;
	nd_timer_stop(&l->timer);
}

static void reset_seen(struct loop *l)
{
	atomic_store_explicit(&l->shared->seen, 0, memory_order_relaxed);
}

static void recheck(struct nd_timer *t)
{
	struct loop *l = ND_CONTAINER(t, struct loop, timer);

	reset_seen(l);
	set(&l->shared->found, false);
	send_query(l);
}

static void schedule_recheck(struct loop *l)
{
	close_socket(l);
	nd_timer_start(l->setup->loop, &l->timer, ND_S(l->recheck_s), recheck);
	l->recheck_s = l->recheck_s * 2 < RECHECK_MAX_S ? l->recheck_s * 2 : RECHECK_MAX_S;
}

static void isolate(struct loop *l)
{
	if (!get(&l->shared->isolated)) {
		set(&l->shared->isolated, true);
		l->recheck_s = RECHECK_S;
		nd_log_error(NULL,
			     "%s. Until the loop is gone, queries that this block would forward "
			     "get SERVFAIL; all others are served",
			     l->shared->why);
	}
	set(&l->shared->off, false);
	schedule_recheck(l);
}

static void end_isolation(struct loop *l)
{
	char zone[ND_NAME_TEXT_MAX];

	nd_name_format(l->zone, zone);
	set(&l->shared->isolated, false);
	nd_log_info("loop", "the loop for zone \"%s\" is gone: forwarding again", zone);
}

static void on_found(void *ctx)
{
	struct loop *l = ctx;
	struct nd_process *p = l->setup->process;

	if (!get(&l->shared->found) || l->stopped)
		return;
	if (p->isolate)
		isolate(l);
	else if (p->fatal)
		p->fatal(p, l->shared->why);
}

static void turn_off(struct nd_timer *t)
{
	set(&ND_CONTAINER(t, struct loop, timer)->shared->off, true);
}

static void retry(struct nd_timer *t)
{
	send_query(ND_CONTAINER(t, struct loop, timer));
}

static void fail_query(struct loop *l)
{
	struct nd_loop *loop = l->setup->loop;

	if (get(&l->shared->isolated)) {
		schedule_recheck(l);
		return;
	}
	close_socket(l);
	reset_seen(l);
	if (nd_loop_now_ns(loop) + ND_S(RETRY_S) >= l->end_ns)
		nd_timer_start(loop, &l->timer, 0, turn_off);
	else
		nd_timer_start(loop, &l->timer, ND_S(RETRY_S), retry);
}

static void on_timeout(struct nd_timer *t)
{
	fail_query(ND_CONTAINER(t, struct loop, timer));
}

static void on_batch(void *ctx, struct nd_udp *u, struct nd_datagram *d, size_t n)
{
	struct loop *l = ctx;

	for (size_t i = 0; i < n && l->udp == u; i++) {
		if (d[i].len < ND_MSG_HEADER || nd_reader_peek16(d[i].bytes) != l->id)
			continue;
		if (get(&l->shared->isolated)) {
			bool loops = get(&l->shared->found);
			if (loops || (d[i].bytes[3] & 0xf) == ND_RCODE_SERVFAIL) {
				schedule_recheck(l);
				continue;
			}
			end_isolation(l);
		}
		close_socket(l);
		nd_timer_start(l->setup->loop, &l->timer, ND_S(OFF_S), turn_off);
	}
}

static void on_error(void *ctx, struct nd_udp *u, int err, const uint8_t *quoted, size_t n)
{
	struct loop *l = ctx;
	(void)u;
	(void)err;

	if (n >= 2 && nd_reader_peek16(quoted) == l->id)
		fail_query(l);
}

/* The block's first listener: its first `bind` address; without `bind`, the loopback address. */
static void find_listener(struct loop *l)
{
	static const uint8_t loopback[4] = { 127, 0, 0, 1 };
	const struct nd_block *b = l->setup->block;

	l->addr = nd_addr_from(AF_INET, loopback, b->keys[0].port);
	snprintf(l->addr_text, sizeof l->addr_text, ":%u", b->keys[0].port);
	if (b->nbind) {
		l->addr = b->bind[0];
		nd_addr_set_port(&l->addr, b->keys[0].port);
		nd_addr_format(&l->addr, l->addr_text);
	}
}

static size_t write_query(struct loop *l, uint8_t out[QUERY_MAX])
{
	struct nd_writer w = nd_writer_over(out, QUERY_MAX);

	l->id = (uint16_t)nd_random_u32();
	nd_writer_u16(&w, l->id);
	nd_writer_u16(&w, ND_FLAG_RD);
	nd_writer_u16(&w, 1);
	nd_writer_bytes(&w, "\0\0\0\0\0\0", 6);
	nd_writer_bytes(&w, l->name.wire, l->name.len);
	nd_writer_u16(&w, ND_TYPE_HINFO);
	nd_writer_u16(&w, ND_CLASS_IN);
	return w.pos;
}

static void send_query(struct loop *l)
{
	struct nd_udp_options o = { .datagram_bytes = ND_MSG_MAX };
	struct nd_udp_handler h = { .ctx = l, .on_batch = on_batch, .on_error = on_error };
	uint8_t bytes[QUERY_MAX];
	struct nd_datagram d = { .bytes = bytes, .len = (uint32_t)write_query(l, bytes) };
	struct nd_loop *loop = l->setup->loop;

	if (nd_udp_connect(loop, &l->addr, NULL, &o, &h, &l->udp) ||
	    nd_udp_send(l->udp, &d, 1) != 1)
		fail_query(l);
	else
		nd_timer_start(loop, &l->timer, ND_S(TIMEOUT_S), on_timeout);
}

static void serving(void *self)
{
	struct loop *l = self;

	l->end_ns = nd_loop_now_ns(l->setup->loop) + ND_S(GIVE_UP_S);
	send_query(l);
}

static void collect(void *ctx, struct nd_metric_out *out)
{
	static const char *const labels[] = { "zone", NULL };
	static const struct nd_metric_family isolated = ND_GAUGE(
		"nodens_loop_isolated",
		"Whether the upstreams of the zone are disabled because of a forwarding loop.",
		labels);
	const struct loop *l = ctx;
	char zone[ND_NAME_TEXT_MAX];

	nd_name_format(l->zone, zone);
	nd_metric_emit(out, &isolated, (const char *const[]){ zone }, get(&l->shared->isolated));
}

static int start(void *self, struct nd_setup *s)
{
	struct loop *l = self;

	find_listener(l);
	if (s->process->isolate)
		nd_setup_collect(s, collect, l);
	l->wake = nd_wake_new(s->loop, on_found, l);
	return l->wake ? 0 : ND_ELIMIT;
}

static void stop(void *self)
{
	struct loop *l = self;

	l->stopped = true;
	close_socket(l);
}

static void clear(void *self)
{
	struct loop *l = self;

	if (l->wake)
		nd_wake_free(l->wake);
	l->wake = NULL;
}

/* Makes "<random>.<random>.ZONE", two numbers of 62 bits: no client queries it. */
static int make_name(struct loop *l, struct nd_setup *s)
{
	char zone[ND_NAME_TEXT_MAX], text[2 * 24 + ND_NAME_TEXT_MAX];
	struct nd_name_buf *buf = nd_arena_alloc(s->arena, sizeof *buf);
	uint64_t r[2];

	if (!buf)
		return ND_ELIMIT;
	nd_random_bytes(r, sizeof r);
	nd_name_format(l->zone, zone);
	snprintf(text, sizeof text, "%llu.%llu.%s", (unsigned long long)(r[0] >> 2),
		 (unsigned long long)(r[1] >> 2), nd_name_is_root(l->zone) ? "" : zone);
	if (nd_name_parse(text, true, buf, &l->name))
		return nd_setup_error(s, NULL, "zone %s is too long for a random name in it", zone);
	nd_name_format(l->name, l->name_text);
	return 0;
}

static int setup(void *self, const struct nd_conf_line *directive, struct nd_setup *s)
{
	struct loop *l = self;

	if (directive->nargs)
		return nd_setup_error(s, NULL, "unexpected \"%s\": loop takes no argument",
				      directive->args[0]);
	if (directive->nblock)
		return nd_setup_error(s, &directive->block[0],
				      "unknown property \"%s\": the plugin has none",
				      directive->block[0].name);
	l->shared = nd_arena_alloc(s->arena, sizeof *l->shared);
	if (!l->shared)
		return ND_ELIMIT;
	l->setup = s;
	l->zone = s->block->nzones ? s->block->zones[0] : nd_name_root;
	return make_name(l, s);
}

const struct nd_plugin nd_plugin_loop = {
	.name = "loop",
	.repeat = ND_REPEAT_REFUSE,
	.self_size = sizeof(struct loop),
	.setup = setup,
	.start = start,
	.serving = serving,
	.stop = stop,
	.clear = clear,
	.query = query,
};
