/* SPDX-License-Identifier: Apache-2.0 */
/* loop - asks ourselves a question that nobody else can know; if it comes round again and again,
 * our upstreams lead back to us, and the process ends with an explanation (CoreDNS's loop). Where
 * the process must not end (the node agent), the block's upstreams are cut off instead until the
 * loop is gone: what comes past here gets SERVFAIL, everything else is served.
 *
 * Threads: `seen`, `off`, `found` and `cut` are atomic; the worker that finds the loop leaves the
 * text and wakes the control thread, which does all the rest.
 */
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "core/gen.h"
#include "core/query.h"
#include "io/clock.h"
#include "io/loop.h"
#include "io/random.h"
#include "io/udp.h"

enum {
	SEEN_MAX = 2,  /* our own question, and once more */
	TIMEOUT_S = 2, /* for an answer */
	AGAIN_S = 1,   /* after a failure */
	GIVE_UP_S = 30,
	OFF_S = 2,  /* after the answer: what still circles is seen */
	LOOK_S = 5, /* is a loop that was cut still there? Asked so long after, doubling up to
		       LOOK_MAX_S */
	LOOK_MAX_S = 60,
	QUESTION_MAX = ND_MSG_HEADER + ND_NAME_MAX + 4,
};

struct loop {
	struct nd_name zone, name;
	char name_text[ND_NAME_TEXT_MAX];
	struct nd_addr addr; /* the block's first listener */
	char addr_text[ND_ADDR_TEXT_MAX];
	struct nd_setup *setup;

	uint32_t seen;        /* atomic */
	bool off, found, cut; /* atomic */
	struct nd_wake *wake;
	char why[2 * ND_NAME_TEXT_MAX + 3 * ND_ADDR_TEXT_MAX + 256]; /* by whoever set found */

	/* Control thread. */
	struct nd_udp *udp;
	struct nd_timer timer;
	uint64_t end_ns;
	bool stopped;
	uint32_t look_s; /* before the next look at a loop that is cut */
	uint16_t id;
};

static void ask(struct loop *l);

/* --- workers --- */

static void tell(struct loop *l, const struct nd_query *q)
{
	char zone[ND_NAME_TEXT_MAX], peer[ND_ADDR_TEXT_MAX];

	if (__atomic_exchange_n(&l->found, true, __ATOMIC_RELAXED))
		return; /* another worker was first */
	nd_name_format(l->zone, zone);
	nd_addr_format(&q->client.peer, peer);
	snprintf(l->why, sizeof l->why,
		 "plugin/loop: Loop (%s -> %s) detected for zone \"%s\", see "
		 "https://coredns.io/plugins/loop#troubleshooting. Query: \"HINFO %s\"",
		 peer, l->addr_text, zone, l->name_text);
	nd_wake_send(l->wake);
}

static enum nd_verdict refuse(struct nd_query *q)
{
	nd_query_fail(q, ND_RCODE_SERVFAIL, "the upstreams lead back to this server");
	return ND_DONE;
}

static enum nd_verdict query(const void *self, struct nd_query *q)
{
	/* Not const: the counters are shared by the workers. */
	struct loop *l = (struct loop *)self;

	if (q->msg.qtype != ND_TYPE_HINFO || __atomic_load_n(&l->off, __ATOMIC_RELAXED) ||
	    !nd_name_same(q->msg.qname, l->name))
		return __atomic_load_n(&l->cut, __ATOMIC_RELAXED) ? refuse(q) : ND_NEXT;
	if (__atomic_add_fetch(&l->seen, 1, __ATOMIC_RELAXED) <= SEEN_MAX)
		return ND_NEXT;
	tell(l, q);
	return l->setup->process->isolate ? refuse(q) : ND_NEXT;
}

/* --- control thread --- */

static void hang_up(struct loop *l)
{
	nd_udp_close(l->udp);
	l->udp = NULL;
	nd_timer_stop(&l->timer);
}

static void look(struct nd_timer *t)
{
	struct loop *l = ND_CONTAINER(t, struct loop, timer);

	__atomic_store_n(&l->seen, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&l->found, false, __ATOMIC_RELAXED);
	ask(l);
}

static void look_later(struct loop *l)
{
	hang_up(l);
	nd_timer_start(l->setup->loop, &l->timer, l->look_s * (uint64_t)ND_NS_PER_S, look);
	l->look_s = l->look_s * 2 < LOOK_MAX_S ? l->look_s * 2 : LOOK_MAX_S;
}

static void cut(struct loop *l)
{
	if (!__atomic_exchange_n(&l->cut, true, __ATOMIC_RELAXED)) {
		l->look_s = LOOK_S;
		nd_log_error(NULL,
			     "%s. Until it is gone, what this block would ask its upstreams for "
			     "gets SERVFAIL; the rest is served",
			     l->why);
	}
	__atomic_store_n(&l->off, false, __ATOMIC_RELAXED);
	look_later(l);
}

static void mend(struct loop *l)
{
	char zone[ND_NAME_TEXT_MAX];

	nd_name_format(l->zone, zone);
	__atomic_store_n(&l->cut, false, __ATOMIC_RELAXED);
	nd_log_info("loop", "the loop for zone \"%s\" is gone: its upstreams are asked again",
		    zone);
}

static void on_found(void *ctx)
{
	struct loop *l = ctx;
	struct nd_process *p = l->setup->process;

	if (!__atomic_load_n(&l->found, __ATOMIC_RELAXED) || l->stopped)
		return;
	if (p->isolate)
		cut(l);
	else if (p->fatal)
		p->fatal(p, l->why);
}

static void turn_off(struct nd_timer *t)
{
	__atomic_store_n(&ND_CONTAINER(t, struct loop, timer)->off, true, __ATOMIC_RELAXED);
}

static void ask_again(struct nd_timer *t)
{
	ask(ND_CONTAINER(t, struct loop, timer));
}

static void failed(struct loop *l)
{
	struct nd_loop *loop = l->setup->loop;

	if (__atomic_load_n(&l->cut, __ATOMIC_RELAXED)) {
		look_later(l);
		return;
	}
	hang_up(l);
	__atomic_store_n(&l->seen, 0, __ATOMIC_RELAXED);
	if (nd_loop_now_ns(loop) + AGAIN_S * (uint64_t)ND_NS_PER_S >= l->end_ns)
		nd_timer_start(loop, &l->timer, 0, turn_off);
	else
		nd_timer_start(loop, &l->timer, AGAIN_S * (uint64_t)ND_NS_PER_S, ask_again);
}

static void timed_out(struct nd_timer *t)
{
	failed(ND_CONTAINER(t, struct loop, timer));
}

static void on_batch(void *ctx, struct nd_udp *u, struct nd_datagram *d, size_t n)
{
	struct loop *l = ctx;

	for (size_t i = 0; i < n && l->udp == u; i++) {
		if (d[i].len < ND_MSG_HEADER || nd_reader_peek16(d[i].bytes) != l->id)
			continue;
		if (__atomic_load_n(&l->cut, __ATOMIC_RELAXED)) {
			bool circles = __atomic_load_n(&l->found, __ATOMIC_RELAXED);
			if (circles || (d[i].bytes[3] & 0xf) == ND_RCODE_SERVFAIL) {
				look_later(l);
				continue;
			}
			mend(l);
		}
		hang_up(l);
		nd_timer_start(l->setup->loop, &l->timer, OFF_S * (uint64_t)ND_NS_PER_S, turn_off);
	}
}

static void on_error(void *ctx, struct nd_udp *u, int err)
{
	(void)u;
	(void)err;
	failed(ctx);
}

/* The block's first listener: its first `bind` address, or, listening on all, the loopback's. */
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

static size_t write_question(struct loop *l, uint8_t out[QUESTION_MAX])
{
	struct nd_writer w = nd_writer_over(out, QUESTION_MAX);

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

static void ask(struct loop *l)
{
	struct nd_udp_options o = { .datagram_bytes = ND_MSG_MAX };
	struct nd_udp_handler h = { .ctx = l, .on_batch = on_batch, .on_error = on_error };
	uint8_t question[QUESTION_MAX];
	struct nd_datagram d = { .bytes = question, .len = (uint32_t)write_question(l, question) };
	struct nd_loop *loop = l->setup->loop;

	if (nd_udp_connect(loop, &l->addr, NULL, &o, &h, &l->udp) ||
	    nd_udp_send(l->udp, &d, 1) != 1)
		failed(l);
	else
		nd_timer_start(loop, &l->timer, TIMEOUT_S * (uint64_t)ND_NS_PER_S, timed_out);
}

static void serving(void *self)
{
	struct loop *l = self;

	l->end_ns = nd_loop_now_ns(l->setup->loop) + GIVE_UP_S * (uint64_t)ND_NS_PER_S;
	ask(l);
}

static void collect(void *ctx, struct nd_metric_out *out)
{
	static const char *const labels[] = { "zone", NULL };
	static const struct nd_metric_family isolated =
		ND_GAUGE("nodens_loop_isolated",
			 "Whether the zone's upstreams lead back to this server and are cut off.",
			 labels);
	const struct loop *l = ctx;
	char zone[ND_NAME_TEXT_MAX];

	nd_name_format(l->zone, zone);
	nd_metric_emit(out, &isolated, (const char *const[]){ zone },
		       __atomic_load_n(&l->cut, __ATOMIC_RELAXED));
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
	hang_up(l);
}

static void clear(void *self)
{
	struct loop *l = self;

	if (l->wake)
		nd_wake_free(l->wake);
	l->wake = NULL;
}

/* "<random>.<random>.ZONE", each of 62 bits, as nobody else's question. */
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
		return nd_setup_error(s, NULL, "zone %s is too long to put a random name into it",
				      zone);
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
				      "unknown property '%s': loop has none",
				      directive->block[0].name);
	l->setup = s;
	l->zone = s->block->nzones ? s->block->zones[0] : nd_name_root;
	nd_setup_transparent(s, true); /* it only counts questions that nobody else asks */
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
