/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges with upstreams that answer, stay silent, send wrong replies, truncate or refuse: over
 * real sockets on the loopback address, in one loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "io/clock.h"
#include "io/loop.h"
#include "upstream/attempt.h"
#include "upstream/exchange.h"
#include "wire/type.h"
#include "wire/writer.h"

enum behaviour {
	ANSWER,
	SILENT,
	WRONG_ID,
	WRONG_NAME,
	NO_QR,
	TRUNCATE,
	LONG,
	SERVFAIL,
	CUT_RECORD,
	BROKEN,
	BARE,
	FORGED,
	LATER,
	CLOSE
};

enum { SERVERS = 3, CONNS = 8, KEPT = 8 };

struct server {
	struct nd_udp *udp;
	struct nd_tcp_listener *listener;
	struct nd_addr addr;
	enum behaviour behaviour;
	unsigned asked, asked_tcp, conns, probes;
	struct nd_addr from[KEPT];
	uint16_t id[KEPT];
	/* TCP: queries kept until they are answered; LATER answers the last one first. */
	struct nd_tcp *conn;
	uint8_t frame[KEPT][512];
	size_t frame_len[KEPT], frames;
};

static struct fixture {
	struct nd_loop *loop;
	struct server server[SERVERS];
	struct nd_exchange_config config;
	struct nd_host_stats *stats[SERVERS];
	struct nd_exchanger *x;
	struct nd_exchange_tables *tables;
	struct nd_exchange_counts counts;
	_Atomic uint32_t turn;
	struct nd_timer limit;
	unsigned pending;
} fx;

struct ask {
	struct nd_waiter waiter;
	unsigned done;
	struct nd_outcome outcome;
	unsigned rcode, flags, answers;
	char error[256];
};

/* --- the servers --- */

/* Turns a query into the reply of the behaviour. Returns its length; 0: none. */
static size_t make_reply(const struct server *s, bool tcp, uint8_t *m, size_t n, size_t cap)
{
	static const uint8_t record[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1 };
	unsigned records = 1;

	if (s->behaviour == SILENT)
		return 0;
	m[2] |= 0x80;
	m[11] = 0; /* no OPT */
	n = ND_MSG_HEADER + nd_name_view(m + ND_MSG_HEADER).len + 4u;
	switch (s->behaviour) {
	case WRONG_ID: m[0] ^= 0x55; break;
	case WRONG_NAME: m[13] ^= 1; break;
	case NO_QR: m[2] &= 0x7f; break;
	case TRUNCATE:
		if (!tcp) {
			m[2] |= 2;
			records = 0;
		}
		break;
	case LONG: records = 50; break;
	case SERVFAIL:
		m[3] |= ND_RCODE_SERVFAIL;
		records = 0;
		break;
	case BARE:
		m[3] |= ND_RCODE_FORMERR;
		memset(m + 4, 0, 8);
		return ND_MSG_HEADER;
	default: break;
	}
	m[7] = (uint8_t)records;
	for (unsigned i = 0; i < records && n + sizeof record <= cap; i++, n += sizeof record)
		memcpy(m + n, record, sizeof record);
	if (s->behaviour == BROKEN)
		m[n - 5] = 5, m[n++] = 1; /* an address of five bytes */
	return s->behaviour == CUT_RECORD ? n - 3 : n;
}

/* As a forger does that hit port and id, but not the question; then what an upstream may send that
 * cannot parse the query; then a broken reply. */
static void send_forged(struct nd_udp *u, const struct nd_datagram *d)
{
	static const enum behaviour sent[] = { WRONG_NAME, NO_QR, BARE, BROKEN };

	for (size_t i = 0; i < ND_COUNT(sent); i++) {
		struct server liar = { .behaviour = sent[i] };
		uint8_t m[1500];
		memcpy(m, d->bytes, d->len);
		struct nd_datagram out = { .bytes = m, .peer = d->peer };
		out.len = (uint32_t)make_reply(&liar, false, m, d->len, sizeof m);
		nd_udp_send(u, &out, 1);
	}
}

static bool is_probe(const uint8_t *m, size_t n)
{
	return n == ND_MSG_HEADER + 5 && m[12] == 0;
}

static void on_questions(void *ctx, struct nd_udp *u, struct nd_datagram *d, size_t n)
{
	struct server *s = ctx;

	for (size_t i = 0; i < n; i++) {
		uint8_t m[1500];
		memcpy(m, d[i].bytes, d[i].len);
		if (is_probe(m, d[i].len)) {
			s->probes++;
		} else {
			s->from[s->asked % KEPT] = *d[i].peer;
			s->id[s->asked++ % KEPT] = nd_reader_peek16(m);
		}
		if (s->behaviour == FORGED)
			send_forged(u, &d[i]);
		size_t len = make_reply(s, false, m, d[i].len, sizeof m);
		if (len) {
			struct nd_datagram out = { .bytes = m,
						   .len = (uint32_t)len,
						   .peer = d[i].peer };
			nd_udp_send(u, &out, 1);
		}
	}
}

static void answer_frame(struct server *s, size_t i)
{
	uint8_t m[1500], len[2];

	memcpy(m, s->frame[i], s->frame_len[i]);
	size_t n = make_reply(s, true, m, s->frame_len[i], sizeof m);
	nd_writer_put16(len, (uint16_t)n);
	nd_tcp_write(s->conn, len, 2);
	nd_tcp_write(s->conn, m, n);
}

static void on_stream(void *ctx, struct nd_tcp *c, const uint8_t *bytes, size_t n)
{
	struct server *s = ctx;

	/* Small frames arrive whole on the loopback address; several may arrive at once. */
	for (size_t at = 0; at + 2 <= n;) {
		size_t len = nd_reader_peek16(bytes + at);
		memcpy(s->frame[s->frames % KEPT], bytes + at + 2, len);
		s->frame_len[s->frames++ % KEPT] = len;
		s->asked_tcp++;
		at += 2 + len;
	}
	s->conn = c;
	if (s->behaviour == CLOSE && s->asked_tcp > 1) {
		nd_tcp_close(c);
		s->conn = NULL;
		s->behaviour = ANSWER;
		s->frames = 0;
		return;
	}
	if (s->behaviour == SILENT || (s->behaviour == LATER && s->frames < 3))
		return;
	while (s->frames)
		answer_frame(s, --s->frames);
}

static void on_gone(void *ctx, struct nd_tcp *c, int err)
{
	struct server *s = ctx;
	(void)err;

	if (s->conn == c)
		s->conn = NULL;
}

static void on_accept(void *ctx, struct nd_tcp *c)
{
	struct server *s = ctx;
	struct nd_tcp_handler h = { .ctx = s, .on_data = on_stream, .on_close = on_gone };

	s->conns++;
	nd_tcp_start(c, &h);
}

static void open_server(struct server *s)
{
	static const uint8_t loopback[] = { 127, 0, 0, 1 };
	struct nd_udp_options o = { .datagram_bytes = 1500 };
	struct nd_tcp_options t = { 0 };
	struct nd_udp_handler h = { .ctx = s, .on_batch = on_questions };

	/* A port that is free for UDP may be in use for TCP. */
	for (unsigned tries = 0; tries < 50 && !s->listener; tries++) {
		if (s->udp)
			nd_udp_close(s->udp);
		s->addr = nd_addr_from(AF_INET, loopback, 0);
		assert_int_equal(nd_udp_bind(fx.loop, &s->addr, &o, &h, &s->udp), 0);
		s->addr = nd_udp_local(s->udp);
		if (nd_tcp_listen(fx.loop, &s->addr, &t, on_accept, s, &s->listener))
			s->listener = NULL;
	}
	assert_non_null(s->listener);
}

static void close_udp(struct server *s)
{
	nd_udp_close(s->udp);
	s->udp = NULL;
}

/* --- queries --- */

static void on_limit(struct nd_timer *t)
{
	(void)t;
	nd_loop_stop(fx.loop);
}

/* Runs the loop until all queries are done, or for this time. True: all are done. */
static bool run(uint64_t ns)
{
	if (fx.pending) {
		nd_loop_update(fx.loop);
		nd_timer_start(fx.loop, &fx.limit, ns, on_limit);
		nd_loop_run(fx.loop);
		nd_timer_stop(&fx.limit);
	}
	return fx.pending == 0;
}

static void wait_for(uint64_t ns)
{
	nd_loop_update(fx.loop);
	nd_timer_start(fx.loop, &fx.limit, ns, on_limit);
	nd_loop_run(fx.loop);
}

static void on_done(struct nd_waiter *w, const struct nd_outcome *o)
{
	struct ask *a = ND_CONTAINER(w, struct ask, waiter);

	a->done++;
	a->outcome = *o;
	if (o->msg) {
		a->rcode = nd_msg_rcode(o->msg);
		a->flags = o->msg->flags;
		a->answers = o->msg->count[1];
	}
	if (o->error)
		strncpy(a->error, o->error, sizeof a->error - 1);
	if (--fx.pending == 0)
		nd_loop_stop(fx.loop);
}

static uint16_t edns_size;          /* 0: no OPT */
static const struct nd_addr *asker; /* whose turn it is among alike ones */
static uint16_t asked_type = ND_TYPE_A;
static int asked_err; /* what nd_exchange_ask() is to return */

static void ask_with(struct ask *a, const char *name, bool stream, uint16_t flags)
{
	uint8_t bytes[512];
	struct nd_name_buf asked_buf, lower_buf;
	struct nd_name asked, lower;
	struct nd_writer w = nd_writer_over(bytes, sizeof bytes);

	assert_int_equal(nd_name_parse(name, false, &asked_buf, &asked), 0);
	assert_int_equal(nd_name_parse(name, true, &lower_buf, &lower), 0);
	nd_writer_u16(&w, 0);
	nd_writer_u16(&w, flags);
	nd_writer_u16(&w, 1);
	nd_writer_bytes(&w, edns_size ? "\0\0\0\0\0\1" : "\0\0\0\0\0\0", 6);
	nd_writer_bytes(&w, asked.wire, asked.len);
	nd_writer_u16(&w, asked_type);
	nd_writer_u16(&w, ND_CLASS_IN);
	if (edns_size)
		nd_edns_write(&w, &(struct nd_edns){ .udp_size = edns_size });
	struct nd_exchange_question q = { .bytes = bytes,
					  .n = w.pos,
					  .lower = lower,
					  .qtype = asked_type,
					  .alone = asked_type == ND_TYPE_HINFO,
					  .client = asker,
					  .qclass = ND_CLASS_IN,
					  .limit = stream ? 65535 : 512,
					  .stream = stream };
	*a = (struct ask){ .waiter.done = on_done };
	fx.pending++;
	nd_loop_update(fx.loop);
	assert_int_equal(nd_exchange_ask(fx.x, &q, &a->waiter), asked_err);
	if (asked_err)
		fx.pending--;
	assert_int_equal(a->done, 0); /* never from inside nd_exchange_ask() */
}

static void ask(struct ask *a, const char *name)
{
	ask_with(a, name, false, ND_FLAG_RD);
}

static unsigned guards;

static void count_guard(const struct nd_host *h)
{
	(void)h;
	guards++;
}

/* Uses fx.config: call after changing it. */
static void open_exchanger(size_t hosts)
{
	fx.config.nhosts = hosts;
	for (size_t i = 0; i < hosts; i++) {
		struct nd_host_config c = { .addr = fx.server[i].addr,
					    .expire_ns = ND_MS(10000),
					    .probe_interval_ns = ND_MS(50),
					    .probe_name_len = 1 };
		fx.stats[i] = nd_host_stats_new(&c.addr, 1);
		fx.config.host[i] = nd_host_new(&c, fx.stats[i], 1);
		fx.config.host[i]->on_guard = count_guard;
		assert_non_null(fx.config.host[i]);
	}
	fx.x = nd_exchanger_new(&fx.config, 0, fx.loop, fx.tables, &fx.counts);
	assert_non_null(fx.x);
}

static int setup(void **state)
{
	(void)state;
	memset(&fx, 0, sizeof fx);
	guards = 0;
	fx.loop = nd_loop_new();
	fx.tables = nd_exchange_tables_new(1);
	fx.config = (struct nd_exchange_config){ .policy = ND_POLICY_SEQUENTIAL,
						 .max_fails = 2,
						 .read_timeout_ns = ND_MS(2000),
						 .max_attempts = 4,
						 .turn = &fx.turn };
	for (size_t i = 0; i < SERVERS; i++)
		open_server(&fx.server[i]);
	return fx.loop ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	nd_exchanger_free(fx.x);
	nd_exchange_tables_free(fx.tables);
	assert_int_equal(nd_budget_used(ND_BUDGET_EXCHANGES), 0);
	for (size_t i = 0; i < fx.config.nhosts; i++) {
		nd_host_free(fx.config.host[i]);
		free(fx.stats[i]);
	}
	nd_loop_free(fx.loop);
	return 0;
}

/* --- the tests --- */

static void test_answer(void **state)
{
	struct ask a;
	(void)state;

	open_exchanger(1);
	ask(&a, "www.Example.org.");
	assert_true(run(ND_MS(1000)));
	assert_int_equal(a.outcome.kind, ND_OUTCOME_REPLY);
	assert_int_equal(a.answers, 1);
	assert_int_equal(fx.server[0].asked, 1);
	assert_int_equal(fx.server[0].probes, 0); /* none without an error */
	assert_int_equal(nd_metric_get(&fx.stats[0]->worker[0].misses[0]), 1);
}

/* Without a descriptor the socket that is open is used, beyond its age. */
static void test_no_descriptor(void **state)
{
	struct rlimit was, none;
	struct ask a[2 * ND_POOL_SOCKETS];
	(void)state;

	open_exchanger(1);
	ask(&a[0], "first.test.");
	assert_true(run(ND_MS(1000)));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = was;
	int next = dup(0);
	close(next);
	none.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (unsigned i = 0; i < ND_COUNT(a); i++) {
		ask(&a[i], "other.test.");
		bool ended = run(ND_MS(1000));
		if (!ended || a[i].outcome.kind != ND_OUTCOME_REPLY)
			setrlimit(RLIMIT_NOFILE, &was);
		assert_true(ended);
		assert_int_equal(a[i].outcome.kind, ND_OUTCOME_REPLY);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
}

/* The outcome of each kind of reply. */
static void test_replies(void **state)
{
	static const struct {
		const char *name;
		enum behaviour behaviour;
		enum nd_outcome_kind kind;
		unsigned answers;
		bool tc;
	} rows[] = {
		{ "another id is ignored", WRONG_ID, ND_OUTCOME_FAILED, 0, false },
		{ "another name", WRONG_NAME, ND_OUTCOME_FAILED, 0, false },
		{ "a question in reply", NO_QR, ND_OUTCOME_FAILED, 0, false },
		{ "a record of the wrong length", BROKEN, ND_OUTCOME_FAILED, 0, false },
		{ "an error without question", BARE, ND_OUTCOME_REPLY, 0, false },
		{ "forged ones before it", FORGED, ND_OUTCOME_REPLY, 1, false },
		{ "truncated", TRUNCATE, ND_OUTCOME_REPLY, 0, true },
		{ "longer than the client takes", LONG, ND_OUTCOME_REPLY, 0, true },
		{ "cut within a record", CUT_RECORD, ND_OUTCOME_REPLY, 0, true },
		{ "server failure", SERVFAIL, ND_OUTCOME_REPLY, 0, false },
	};
	(void)state;

	fx.config.read_timeout_ns = ND_MS(100);
	fx.config.max_attempts = 1;
	open_exchanger(1);
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct ask a;
		fx.server[0].behaviour = rows[i].behaviour;
		ask(&a, "a.test.");
		assert_true(run(ND_MS(1000)));
		if (a.outcome.kind != rows[i].kind || a.answers != rows[i].answers ||
		    !!(a.flags & ND_FLAG_TC) != rows[i].tc)
			fail_msg("%s: kind %d, %u answers, flags %04x", rows[i].name,
				 a.outcome.kind, a.answers, a.flags);
	}
}

static void test_equal_queries_are_sent_once(void **state)
{
	struct ask a[6], other[3];
	(void)state;

	open_exchanger(1);
	for (size_t i = 0; i < 6; i++)
		ask(&a[i], i % 2 ? "www.example.org." : "WWW.example.ORG.");
	ask(&other[0], "www.example.com.");
	ask_with(&other[1], "www.example.org.", false, ND_FLAG_RD | ND_FLAG_CD);
	ask_with(&other[2], "www.example.org.", true, ND_FLAG_RD);
	nd_exchange_cancel(&a[3].waiter);
	fx.pending--;
	assert_true(run(ND_MS(1000)));
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(a[i].done, i != 3);
	assert_int_equal(fx.server[0].asked, 3); /* one; another name; another CD */
	assert_int_equal(fx.server[0].asked_tcp, 1);
}

static void test_last_cancel(void **state)
{
	struct ask a;
	(void)state;

	open_exchanger(1);
	ask(&a, "a.test.");
	nd_exchange_cancel(&a.waiter);
	nd_exchange_cancel(&a.waiter); /* no longer waiting: no effect */
	wait_for(ND_MS(50));
	assert_int_equal(a.done, 0);
	fx.pending = 0;
	ask(&a, "a.test.");
	assert_true(run(ND_MS(1000)));
	assert_int_equal(fx.server[0].asked, 2);
}

/* A silent socket may be dead, so each repetition comes from another port; there are two. */
static void test_silence_sends_again(void **state)
{
	struct server *s = &fx.server[0];
	struct ask a;
	(void)state;

	s->behaviour = SILENT;
	fx.config.read_timeout_ns = ND_MS(900);
	fx.config.max_attempts = 1;
	open_exchanger(1);
	ask(&a, "a.test.");
	assert_true(run(ND_MS(3000)));
	assert_int_equal(a.outcome.kind, ND_OUTCOME_FAILED);
	assert_non_null(strstr(a.error, "read udp 127.0.0.1:"));
	assert_non_null(strstr(a.error, ": i/o timeout"));
	assert_int_equal(s->asked, 1 + ND_EXCHANGE_REPEATS); /* at 0, 250, 500 ms */
	for (unsigned i = 1; i < 3; i++)
		for (unsigned k = 0; k < i; k++)
			assert_false(nd_addr_equal(&s->from[i], &s->from[k]));
	assert_true(s->probes >= 1);
}

static void test_one_silent_of_two(void **state)
{
	struct ask a;
	(void)state;

	fx.server[0].behaviour = SILENT;
	open_exchanger(2);
	uint64_t start = nd_clock_now_ns();
	ask(&a, "a.test.");
	assert_true(run(ND_MS(2000)));
	assert_int_equal(a.outcome.kind, ND_OUTCOME_REPLY);
	assert_true(nd_clock_now_ns() - start < ND_MS(1500)); /* less than read_timeout */
	assert_int_equal(fx.server[1].asked, 1);
	assert_int_not_equal(fx.server[0].id[0], fx.server[1].id[0]);
	assert_int_equal(fx.server[0].probes, 0);

	/* Its timer fires again without a reply between: it is probed, and no longer waited for. */
	ask(&a, "b.test.");
	assert_true(run(ND_MS(2000)));
	assert_true(nd_pool_suspect(fx.x->pool[0]));
	start = nd_clock_now_ns();
	ask(&a, "c.test.");
	assert_true(run(ND_MS(2000)));
	assert_true(nd_clock_now_ns() - start < ND_MS(200));
	assert_int_equal(fx.server[0].probes, 1);
}

/* As in CoreDNS: when failed checks exceed max_fails the server is skipped; a successful check ends
 * this. */
static void test_down_and_up(void **state)
{
	struct nd_host *h;
	struct ask a;
	unsigned before;
	(void)state;

	close_udp(&fx.server[0]);
	open_exchanger(2);
	h = fx.config.host[0];
	ask(&a, "a.test.");
	assert_true(run(ND_MS(1000)));
	assert_int_equal(a.outcome.kind, ND_OUTCOME_REPLY);
	wait_for(ND_MS(400));
	assert_true(nd_host_down(h, 2));
	assert_true(nd_metric_get(&fx.stats[0]->worker[0].failed_probes) > 2);

	before = fx.server[1].asked;
	ask(&a, "b.test.");
	assert_true(run(ND_MS(1000)));
	assert_int_equal(fx.server[1].asked, before + 1);

	struct nd_udp_options o = { .datagram_bytes = 1500 };
	struct nd_udp_handler handler = { .ctx = &fx.server[0], .on_batch = on_questions };
	assert_int_equal(nd_udp_bind(fx.loop, &fx.server[0].addr, &o, &handler, &fx.server[0].udp),
			 0);
	wait_for(ND_MS(300));
	assert_false(nd_host_down(h, 2));
	before = fx.server[0].probes;
	wait_for(ND_MS(200));
	assert_int_equal(fx.server[0].probes, before); /* probing ends with the first success */
	assert_true(before >= 1);
}

static void test_refused(void **state)
{
	struct ask a;
	(void)state;

	close_udp(&fx.server[0]);
	fx.config.max_attempts = 2;
	open_exchanger(1);
	uint64_t start = nd_clock_now_ns();
	ask(&a, "a.test.");
	assert_true(run(ND_MS(1500)));
	assert_int_equal(a.outcome.kind, ND_OUTCOME_FAILED);
	assert_true(nd_clock_now_ns() - start < ND_MS(1000));
	assert_non_null(strstr(a.error, "connection refused"));
}

static void set_down(size_t i)
{
	fx.config.host[i]->fails = 3;
}

static void test_all_down(void **state)
{
	struct ask a;
	(void)state;

	open_exchanger(2);
	set_down(0);
	set_down(1);
	ask(&a, "a.test.");
	assert_true(run(ND_MS(1000)));
	assert_int_equal(a.outcome.kind, ND_OUTCOME_REPLY); /* a random one is queried */
	assert_int_equal(nd_metric_get(&fx.counts.broken), 1);

	fx.config.failfast = true;
	ask(&a, "b.test.");
	assert_true(run(ND_MS(1000)));
	assert_int_equal(a.outcome.kind, ND_OUTCOME_FAILED);
	assert_null(a.outcome.error);
	assert_int_equal(fx.server[0].asked + fx.server[1].asked, 1);
}

static void test_failover(void **state)
{
	struct ask a;
	(void)state;

	fx.config.failover = 1u << ND_RCODE_SERVFAIL;
	fx.server[0].behaviour = SERVFAIL;
	open_exchanger(3);
	ask(&a, "a.test.");
	assert_true(run(ND_MS(1000)));
	assert_int_equal(a.rcode, ND_RCODE_NOERROR);
	assert_int_equal(fx.server[1].asked, 1);

	/* All upstreams return it: it is the answer. */
	fx.server[1].behaviour = fx.server[2].behaviour = SERVFAIL;
	ask(&a, "b.test.");
	assert_true(run(ND_MS(1000)));
	assert_int_equal(a.outcome.kind, ND_OUTCOME_REPLY);
	assert_int_equal(a.rcode, ND_RCODE_SERVFAIL);
	assert_int_equal(fx.server[2].asked, 1);
}

static void test_truncated_goes_to_tcp_with_prefer_udp(void **state)
{
	struct ask a;
	(void)state;

	fx.config.prefer_udp = true;
	fx.server[0].behaviour = TRUNCATE;
	open_exchanger(1);
	ask_with(&a, "a.test.", true, ND_FLAG_RD);
	assert_true(run(ND_MS(1000)));
	assert_int_equal(a.outcome.kind, ND_OUTCOME_REPLY);
	assert_int_equal(a.answers, 1);
	assert_false(a.flags & ND_FLAG_TC);
	assert_int_equal(fx.server[0].asked, 1);
	assert_int_equal(fx.server[0].asked_tcp, 1);
}

/* Three queries on one connection, answered last first. */
static void test_tcp_out_of_order(void **state)
{
	struct ask a[3];
	(void)state;

	fx.config.force_tcp = true;
	fx.server[0].behaviour = LATER;
	open_exchanger(1);
	ask(&a[0], "a.test.");
	ask(&a[1], "b.test.");
	ask(&a[2], "c.test.");
	assert_true(run(ND_MS(1000)));
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(a[i].outcome.kind, ND_OUTCOME_REPLY);
	assert_int_equal(fx.server[0].conns, 1);
	assert_int_equal(fx.server[0].asked_tcp, 3);
	assert_int_equal(fx.server[0].asked, 0);
}

/* The server closes a kept connection with a query on its way: not a failure, it is sent again. */
static void test_tcp_closed_during_a_query(void **state)
{
	struct ask a;
	(void)state;

	fx.config.force_tcp = true;
	fx.config.max_attempts = 1;
	fx.server[0].behaviour = CLOSE;
	open_exchanger(1);
	ask(&a, "a.test.");
	assert_true(run(ND_MS(1000)));
	assert_int_equal(a.outcome.kind, ND_OUTCOME_REPLY);
	ask(&a, "b.test.");
	assert_true(run(ND_MS(1000)));
	assert_int_equal(a.outcome.kind, ND_OUTCOME_REPLY);
	assert_int_equal(fx.server[0].conns, 2);
	assert_int_equal(fx.server[0].probes, 0);
}

static void test_tcp_refused(void **state)
{
	struct ask a;
	(void)state;

	nd_tcp_listener_close(fx.server[0].listener);
	fx.config.force_tcp = true;
	fx.config.max_attempts = 1;
	open_exchanger(1);
	wait_for(ND_MS(10)); /* the listener is closed in the loop */
	ask(&a, "a.test.");
	assert_true(run(ND_MS(1000)));
	assert_int_equal(a.outcome.kind, ND_OUTCOME_FAILED);
	assert_non_null(strstr(a.error, "dial tcp 127.0.0.1:"));
	assert_non_null(strstr(a.error, "connect: connection refused"));
}

/* Ports and ids change between queries; sockets are retired. */
static void test_sockets_are_retired(void **state)
{
	enum { N = 2000 };
	const struct server *s = &fx.server[0];
	unsigned same = 0, once = 0;
	(void)state;

	open_exchanger(1);
	for (unsigned i = 0; i < N; i++) {
		struct ask a;
		unsigned before = s->asked;
		uint16_t last = s->id[(before + KEPT - 1) % KEPT];
		ask(&a, "a.test.");
		assert_true(run(ND_MS(1000)));
		if (s->asked != before + 1)
			continue; /* sent again with the same id: the machine is slow */
		once++;
		same += i > 0 && s->id[before % KEPT] == last;
	}
	assert_true(once > N / 2);
	assert_true(same < 3);
	/* 2000 queries, 64 per socket: at least 31 were opened, and at most 8 are kept. */
	uint64_t opened = nd_metric_get(&fx.stats[0]->worker[0].misses[0]);
	assert_true(opened >= 31 && opened < 60);
	unsigned open = 0;
	ND_LIST_EACH(&fx.x->pool[0]->sockets, it)
		open++;
	assert_true(open <= ND_POOL_SOCKETS);
}

/* Two generations on one worker: the pool lives until the second ends. */
static void test_pool_is_shared_by_generations(void **state)
{
	struct nd_exchanger *next;
	struct ask a;
	(void)state;

	open_exchanger(1);
	ask(&a, "a.test.");
	assert_true(run(ND_MS(1000)));
	next = nd_exchanger_new(&fx.config, 0, fx.loop, fx.tables, &fx.counts);
	assert_ptr_equal(next->pool[0], fx.x->pool[0]);
	nd_exchanger_free(fx.x);
	fx.x = next;
	assert_false(nd_list_empty(&next->pool[0]->sockets));
}

static struct ask *victim;

/* Frees the exchanger inside a callback of the socket, as the last query of a generation does. */
static void on_done_end_all(struct nd_waiter *w, const struct nd_outcome *o)
{
	on_done(w, o);
	if (victim)
		nd_exchange_cancel(&victim->waiter);
	victim = NULL;
	nd_exchanger_free(fx.x);
	fx.x = NULL;
}

static void test_end_inside_done(void **state)
{
	struct ask a, b;
	(void)state;

	for (unsigned tcp = 0; tcp < 2; tcp++) {
		fx.config.force_tcp = tcp;
		if (tcp)
			fx.x = nd_exchanger_new(&fx.config, 0, fx.loop, fx.tables, &fx.counts);
		else
			open_exchanger(1);
		ask(&a, "a.test.");
		ask(&b, "a.test.");
		a.waiter.done = on_done_end_all;
		victim = &b;
		fx.pending--;
		assert_true(run(ND_MS(1000)));
		assert_int_equal(a.done, 1);
		assert_int_equal(b.done, 0);
	}
}

/* --- alike queries --- */

/* Pairs of port and id that a server has seen and not answered are one per exchange in flight. */
static unsigned in_flight(void)
{
	unsigned n = 0;

	ND_LIST_EACH(&fx.x->exchanges, it)
		n += !ND_LIST_ENTRY(it, struct nd_exchange, own)->waiting;
	return n;
}

static void test_few_alike_in_flight(void **state)
{
	enum { N = 30 };
	struct ask a[N], again, other;
	(void)state;

	fx.server[0].behaviour = SILENT;
	open_exchanger(1);
	for (unsigned i = 0; i < N; i++) {
		edns_size = (uint16_t)(1232 + i);
		ask(&a[i], i % 2 ? "mixed.test." : "MIXED.test.");
	}
	assert_int_equal(in_flight(), ND_EXCHANGE_ALIKE_MAX);
	ask(&again, "mixed.TEST."); /* joins the one that waits */
	edns_size = 0;
	ask(&other, "other.test.");
	assert_int_equal(in_flight(), ND_EXCHANGE_ALIKE_MAX + 1);
	wait_for(ND_MS(20));
	assert_int_equal(fx.server[0].asked, ND_EXCHANGE_ALIKE_MAX + 1);
	/* One that ends makes room for one. */
	nd_exchange_cancel(&a[0].waiter);
	nd_exchange_cancel(&a[N - 2].waiter);
	fx.pending -= 2;
	assert_int_equal(in_flight(), ND_EXCHANGE_ALIKE_MAX + 1);
	fx.server[0].behaviour = ANSWER;
	assert_true(run(ND_MS(5000)));
	for (unsigned i = 0; i < N; i++)
		if (a[i].done != (i != 0 && i != N - 2))
			fail_msg("%u: %u", i, a[i].done);
	assert_int_equal(again.outcome.kind, ND_OUTCOME_REPLY);
	assert_true(nd_list_empty(&fx.x->exchanges));
}

/* HINFO is never joined, and yet limited. */
static void test_few_alone_in_flight(void **state)
{
	struct ask a[20];
	(void)state;

	fx.server[0].behaviour = SILENT;
	open_exchanger(1);
	asked_type = ND_TYPE_HINFO;
	for (unsigned i = 0; i < ND_COUNT(a); i++)
		ask(&a[i], "a.test.");
	asked_type = ND_TYPE_A;
	assert_int_equal(in_flight(), ND_EXCHANGE_ALIKE_MAX);
	fx.server[0].behaviour = ANSWER;
	assert_true(run(ND_MS(5000)));
}

/* With many workers: one of each name, and a few more in the process. */
static void test_few_extra_in_flight(void **state)
{
	struct ask a[4], b[4], again;
	(void)state;

	fx.server[0].behaviour = SILENT;
	open_exchanger(1);
	fx.tables->worker[0].alike_max = 1;
	fx.tables->extra_max = 1;
	asked_type = ND_TYPE_HINFO;
	for (unsigned i = 0; i < ND_COUNT(a); i++) {
		ask(&a[i], "a.test.");
		ask(&b[i], "b.test.");
	}
	assert_int_equal(in_flight(), 3);
	nd_exchange_cancel(&a[0].waiter);
	nd_exchange_cancel(&a[1].waiter);
	fx.pending -= 2;
	assert_int_equal(atomic_load(&fx.tables->extra), 0);
	ask(&again, "a.test.");
	asked_type = ND_TYPE_A;
	fx.server[0].behaviour = ANSWER;
	assert_true(run(ND_MS(5000)));
	assert_int_equal(atomic_load(&fx.tables->extra), 0);
}

/* A client with many variants of a name delays another client's by one turn. */
static void test_clients_take_turns(void **state)
{
	enum { N = ND_EXCHANGE_ALIKE_MAX + ND_EXCHANGE_QUEUE_MAX };
	struct nd_addr hostile = { 0 }, honest = { 0 };
	struct ask a[N + 1], b;
	uint8_t ip[4] = { 10, 0, 0, 1 };
	unsigned before = 0;
	size_t n;
	(void)state;

	fx.server[0].behaviour = SILENT;
	open_exchanger(1);
	asker = &hostile;
	hostile = nd_addr_from(AF_INET, ip, 1);
	for (unsigned i = 0; i < N; i++) {
		edns_size = (uint16_t)(1232 + i);
		ask(&a[i], "a.test.");
	}
	asked_err = -EBUSY;
	edns_size = 4000;
	ask(&a[N], "a.test.");
	asked_err = 0;
	assert_int_equal(nd_metric_get(&fx.counts.refused), 1);
	/* Another address of another queue. */
	do {
		ip[3]++;
		honest = nd_addr_from(AF_INET, ip, 1);
	} while (nd_siphash(&fx.x->table->key, 0, nd_addr_bytes(&honest, &n), 4) %
			 ND_EXCHANGE_QUEUES ==
		 nd_siphash(&fx.x->table->key, 0, nd_addr_bytes(&hostile, &n), 4) %
			 ND_EXCHANGE_QUEUES);
	asker = &honest;
	edns_size = 0;
	ask(&b, "a.test.");
	asker = NULL;
	for (; before < 3 && b.waiter.exchange->waiting; before++) {
		nd_exchange_cancel(&a[before].waiter);
		fx.pending--;
	}
	assert_in_range(before, 1, 2);
	fx.server[0].behaviour = ANSWER;
	assert_true(run(ND_MS(5000)));
	assert_int_equal(b.outcome.kind, ND_OUTCOME_REPLY);
}

/* The time of one that waits runs; its failure says nothing about the name. */
static void test_turn_does_not_come(void **state)
{
	struct ask a[ND_EXCHANGE_ALIKE_MAX + 1];
	(void)state;

	fx.server[0].behaviour = SILENT;
	fx.config.read_timeout_ns = ND_S(20);
	open_exchanger(1);
	for (unsigned i = 0; i < ND_COUNT(a); i++) {
		edns_size = (uint16_t)(1232 + i);
		ask(&a[i], "a.test.");
	}
	edns_size = 0;
	assert_true(run(ND_MS(ND_EXCHANGE_TIMEOUT_MS + 2000)));
	assert_false(a[0].outcome.overload);
	struct ask *last = &a[ND_EXCHANGE_ALIKE_MAX];
	assert_int_equal(last->outcome.kind, ND_OUTCOME_FAILED);
	/* It may have had the last millisecond. */
	assert_non_null(strstr(last->error, last->outcome.overload ? "too many queries for the name"
								   : "i/o timeout"));
}

/* --- forged replies --- */

static void send_strays(unsigned n)
{
	const struct nd_addr *to = &fx.server[0].from[0];

	for (unsigned i = 0; i < n; i++) {
		uint8_t m[ND_MSG_HEADER] = { 0 };
		nd_writer_put16(m, (uint16_t)(fx.server[0].id[0] + 1 + i));
		m[2] = 0x80;
		struct nd_datagram out = { .bytes = m, .len = sizeof m, .peer = to };
		nd_udp_send(fx.server[0].udp, &out, 1);
	}
}

static void test_flood_of_replies_leads_to_tcp(void **state)
{
	struct ask a, b, c, d;
	(void)state;

	open_exchanger(1);
	ask(&a, "a.test.");
	assert_true(run(ND_MS(1000)));
	send_strays(ND_POOL_STRAYS_MAX - 1);
	wait_for(ND_MS(20));
	ask(&b, "b.test.");
	assert_true(run(ND_MS(1000)));
	assert_int_equal(fx.server[0].asked_tcp, 0);
	send_strays(ND_POOL_STRAYS_MAX + 20);
	wait_for(ND_MS(20));
	assert_int_equal(guards, 1);
	assert_true(nd_metric_get(&fx.stats[0]->worker[0].unsolicited) >= 2 * ND_POOL_STRAYS_MAX);
	unsigned before = fx.server[0].asked;
	ask(&c, "c.test.");
	assert_true(run(ND_MS(1000)));
	assert_int_equal(c.outcome.kind, ND_OUTCOME_REPLY);
	assert_int_equal(fx.server[0].asked, before);
	assert_int_equal(fx.server[0].asked_tcp, 1);
	/* After the time it is UDP again. */
	fx.config.host[0]->tcp_until_ns = nd_loop_now_ns(fx.loop) - 1;
	ask(&d, "d.test.");
	assert_true(run(ND_MS(1000)));
	assert_int_equal(fx.server[0].asked_tcp, 1);
}

/* A late reply is not a forged one: its id was used on the socket. */
static void test_late_replies_are_no_flood(void **state)
{
	struct ask a;
	(void)state;

	open_exchanger(1);
	ask(&a, "a.test.");
	assert_true(run(ND_MS(1000)));
	for (unsigned i = 0; i < 2 * ND_POOL_STRAYS_MAX; i++) {
		uint8_t m[ND_MSG_HEADER] = { 0 };
		nd_writer_put16(m, fx.server[0].id[0]);
		struct nd_datagram out = { .bytes = m,
					   .len = sizeof m,
					   .peer = &fx.server[0].from[0] };
		nd_udp_send(fx.server[0].udp, &out, 1);
	}
	wait_for(ND_MS(20));
	assert_true(nd_metric_get(&fx.stats[0]->worker[0].unsolicited) > ND_POOL_STRAYS_MAX);
	assert_int_equal(guards, 0);
}

/* A server without TCP is not lost to a flood: refused, silent, closing. */
static void test_guarded_without_tcp(void **state)
{
	struct ask a;
	(void)state;

	open_exchanger(1);
	for (unsigned way = 0; way < 2; way++) {
		nd_host_guard(fx.config.host[0], nd_loop_now_ns(fx.loop));
		fx.config.host[0]->udp_until_ns = 0;
		fx.server[0].behaviour = way == 0 ? ANSWER : CLOSE;
		fx.server[0].asked_tcp = 1;
		if (way == 0) {
			nd_tcp_listener_close(fx.server[0].listener);
			wait_for(ND_MS(10));
		} else {
			struct nd_tcp_options t = { 0 };
			assert_int_equal(nd_tcp_listen(fx.loop, &fx.server[0].addr, &t, on_accept,
						       &fx.server[0], &fx.server[0].listener),
					 0);
		}
		unsigned before = fx.server[0].asked;
		ask(&a, "a.test.");
		assert_true(run(ND_MS(1500)));
		assert_int_equal(a.outcome.kind, ND_OUTCOME_REPLY);
		assert_int_equal(fx.server[0].asked, before + 1);
		assert_false(nd_host_guarded(fx.config.host[0], nd_loop_now_ns(fx.loop)));
	}
}

/* --- memory --- */

static void test_budget(void **state)
{
	enum { N = 1000 };
	static struct ask a[N];
	unsigned refused = 0;
	(void)state;

	fx.server[0].behaviour = SILENT;
	open_exchanger(1);
	nd_budget_set(16 * ND_SLAB_CHUNK); /* a quarter of it is for exchanges */
	for (unsigned i = 0; i < N; i++) {
		char name[32];
		snprintf(name, sizeof name, "n%u.test.", i);
		unsigned long long used = nd_budget_refused(ND_BUDGET_EXCHANGES);
		asked_err = i >= 4 * fx.x->table->slab.per_chunk ? -ENOMEM : 0;
		ask(&a[i], name);
		refused += nd_budget_refused(ND_BUDGET_EXCHANGES) > used;
	}
	asked_err = 0;
	assert_int_equal(nd_metric_get(&fx.counts.refused), refused);
	assert_true(refused > N / 10);
	for (unsigned i = 0; i < N; i++)
		nd_exchange_cancel(&a[i].waiter);
	fx.pending = 0;
	assert_int_equal(fx.x->table->slab.nchunks, 1);
	nd_budget_set(nd_budget_from_limit(0));
	fx.server[0].behaviour = ANSWER;
	ask(&a[0], "good.test.");
	assert_true(run(ND_MS(1000)));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_answer),
		TEST(test_no_descriptor),
		TEST(test_replies),
		TEST(test_equal_queries_are_sent_once),
		TEST(test_last_cancel),
		TEST(test_silence_sends_again),
		TEST(test_one_silent_of_two),
		TEST(test_down_and_up),
		TEST(test_refused),
		TEST(test_all_down),
		TEST(test_failover),
		TEST(test_truncated_goes_to_tcp_with_prefer_udp),
		TEST(test_tcp_out_of_order),
		TEST(test_tcp_closed_during_a_query),
		TEST(test_tcp_refused),
		TEST(test_sockets_are_retired),
		TEST(test_pool_is_shared_by_generations),
		TEST(test_end_inside_done),
		TEST(test_few_alike_in_flight),
		TEST(test_few_alone_in_flight),
		TEST(test_few_extra_in_flight),
		TEST(test_clients_take_turns),
		TEST(test_turn_does_not_come),
		TEST(test_flood_of_replies_leads_to_tcp),
		TEST(test_late_replies_are_no_flood),
		TEST(test_guarded_without_tcp),
		TEST(test_budget),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
