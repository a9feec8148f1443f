/* SPDX-License-Identifier: Apache-2.0 */
/* erratic - wrong answers, late answers and none, to test clients (CoreDNS's erratic). */
#include <stdatomic.h>
#include <string.h>
#include "base/time.h"
#include "core/offer.h"
#include "core/query.h"
#include "core/setup.h"
#include "core/worker.h"
#include "io/timer.h"

struct erratic {
	uint32_t drop, delay, truncate; /* every n-th query; 0: none */
	int64_t delay_ns;
	bool large;      /* 30 A records */
	bool drop_given; /* with a number */
	_Atomic uint64_t *queries;
};

/* A query that is delayed. */
struct state {
	struct nd_timer timer;
	struct nd_query_ref ref;
	bool waited, truncated;
};

/* --- answers --- */

static void add_name(struct nd_query *q, uint16_t type, const char *owner, const char *target)
{
	struct nd_name name = nd_query_name_asked(q), o = name, t;
	struct nd_name_buf owner_buf, target_buf;

	if ((*owner && nd_name_prepend(owner, 1, name, &owner_buf, &o)) ||
	    nd_name_prepend(target, 1, name, &target_buf, &t))
		return;
	nd_answer_rr(q, ND_SECTION_ANSWER, o, type, ND_CLASS_IN, 0, t.wire, t.len);
}

static void add_address(struct nd_query *q, const char *owner, const uint8_t address[16])
{
	struct nd_name_buf buf;
	struct nd_name name;

	if (nd_name_prepend(owner, 1, nd_query_name_asked(q), &buf, &name) == 0)
		nd_answer_rr(q, ND_SECTION_ANSWER, name, ND_TYPE_AAAA, ND_CLASS_IN, 0, address, 16);
}

static void add_soa(struct nd_query *q)
{
	/* 2018050825 7200 3600 1209600 3600; without the NUL at the end. */
	static const uint8_t soa[] =
		"\3sns\3dns\5icann\3org\0\3noc\3dns\5icann\3org\0\x78\x49\x03\x09"
		"\0\0\x1c\x20\0\0\x0e\x10\0\x12\x75\0\0\0\x0e\x10";

	nd_answer_rr(q, ND_SECTION_ANSWER, nd_query_name_asked(q), ND_TYPE_SOA, ND_CLASS_IN, 0, soa,
		     sizeof soa - 1);
}

/* A small zone; truncated: without the SOA at the end. */
static void add_zone(struct nd_query *q, bool truncated)
{
	static const uint8_t a[16] = { 0x20, 0x01, 0x0b, 0xd8, [15] = 0x53 };
	static const uint8_t b[16] = { 0x20, 0x01, 0x05, 0x00, [15] = 0x54 };

	add_soa(q);
	add_name(q, ND_TYPE_NS, "", "b");
	add_name(q, ND_TYPE_NS, "", "a");
	add_address(q, "a", a);
	add_address(q, "b", b);
	if (!truncated)
		add_soa(q);
}

static enum nd_verdict answer(const struct erratic *e, struct nd_query *q, bool truncated)
{
	static const uint8_t v4[4] = { 192, 0, 2, 53 };
	static const uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 0x53 };
	struct nd_name name = nd_query_name_asked(q);

	q->ans.flags |= ND_FLAG_AA;
	switch (q->msg.qtype) {
	case ND_TYPE_A:
		for (unsigned i = 0; i < (e->large ? 30 : 1); i++)
			nd_answer_rr(q, ND_SECTION_ANSWER, name, ND_TYPE_A, ND_CLASS_IN, 0, v4, 4);
		break;
	case ND_TYPE_AAAA:
		nd_answer_rr(q, ND_SECTION_ANSWER, name, ND_TYPE_AAAA, ND_CLASS_IN, 0, v6, 16);
		break;
	case ND_TYPE_AXFR: add_zone(q, truncated); return ND_DONE;
	default: return nd_query_fail(q, ND_RCODE_SERVFAIL, NULL);
	}
	if (truncated)
		q->ans.flags |= ND_FLAG_TC;
	return ND_DONE;
}

/* --- queries --- */

static void on_time(struct nd_timer *t)
{
	struct state *st = ND_CONTAINER(t, struct state, timer);

	nd_chain_resume(st->ref, ND_AGAIN);
}

static enum nd_verdict wait(const struct erratic *e, struct nd_query *q, bool truncated)
{
	struct state *st = nd_query_state(q);

	if (!st)
		return nd_query_fail(q, ND_RCODE_SERVFAIL, "out of memory");
	st->waited = true;
	st->truncated = truncated;
	st->ref = nd_query_park(q);
	nd_timer_start(q->worker->loop, &st->timer, (uint64_t)e->delay_ns, on_time);
	return ND_WAIT;
}

static enum nd_verdict query(const void *self, struct nd_query *q)
{
	const struct erratic *e = self;
	const struct state *st = nd_query_state(q);

	if (!st)
		return nd_query_fail(q, ND_RCODE_SERVFAIL, "out of memory");
	if (st->waited)
		return answer(e, q, st->truncated);
	uint64_t n = atomic_fetch_add_explicit(e->queries, 1, memory_order_relaxed);
	/* A mask, not a remainder, as in CoreDNS: with 2, two of four queries. */
	bool truncated = e->truncate && (n & e->truncate) == 0;
	if (e->drop && n % e->drop == 0)
		return ND_DROP;
	if (e->delay && n % e->delay == 0 && e->delay_ns > 0)
		return wait(e, q, truncated);
	return answer(e, q, truncated);
}

static void cancel(const void *self, struct nd_query_ref ref)
{
	struct state *st = nd_query_state(ref.q);

	(void)self;
	nd_timer_stop(&st->timer);
}

/* --- for other plugins, to test them --- */

/* CoreDNS's: between the third and the fifth query. */
static bool is_ready(void *self)
{
	const struct erratic *e = self;
	uint64_t n = atomic_load_explicit(e->queries, memory_order_relaxed);

	return n >= 3 && n < 5;
}

static bool search(const void *self, const struct nd_query *q, struct nd_offer_search *out)
{
	static const uint8_t a[] = "\1a\7example\3org", b[] = "\1b\7example\3org";

	(void)self;
	(void)q;
	out->domain[0] = nd_name_view(a);
	out->domain[1] = nd_name_view(b);
	out->domain[2] = nd_name_root;
	out->n = 3;
	return true;
}

static const struct nd_offer offer = { .search = search };

/* --- setting up --- */

static const struct nd_setting settings[] = {
	ND_SET_OWN_ROW("drop", "[N]: every N-th query gets no reply"),
	ND_SET_OWN_ROW("delay", "[N [DURATION]]: every N-th reply is late"),
	ND_SET_OWN_ROW("truncate", "[N]: replies with TC"),
	{ "large", ND_SET_FLAG, offsetof(struct erratic, large), 0, 0, 0, "30 A records" },
	{ 0 },
};

static int read_amount(struct nd_setup *s, const struct nd_conf_line *l, uint32_t *n)
{
	uint64_t v;

	if (nd_settings_uint(l->args[0], INT32_MAX, &v))
		return nd_setup_invalid(s, l, "amount", l->args[0], "0 to %d", INT32_MAX);
	*n = (uint32_t)v;
	return 0;
}

static int read_delay(struct nd_setup *s, const struct nd_conf_line *l, struct erratic *e)
{
	int err = 0;

	e->delay = 2;
	e->delay_ns = ND_MS(100);
	if (l->nargs)
		err = read_amount(s, l, &e->delay);
	if (!err && l->nargs > 1 && nd_settings_duration(l->args[1], &e->delay_ns))
		return nd_setup_invalid(s, l, "duration", l->args[1], "like \"100ms\"");
	return err;
}

static int own(void *self, const struct nd_conf_line *l, void *ctx)
{
	struct erratic *e = self;
	struct nd_setup *s = ctx;
	bool delay = strcmp(l->name, "delay") == 0, drop = strcmp(l->name, "drop") == 0;
	int err = nd_settings_args(l, "erratic", 0, delay ? 2 : 1, s->diag);

	if (err || delay)
		return err ? err : read_delay(s, l, e);
	if (!drop)
		e->truncate = 2;
	if (l->nargs == 0) /* a bare `drop` changes nothing, as in CoreDNS */
		return 0;
	e->drop_given |= drop;
	return read_amount(s, l, drop ? &e->drop : &e->truncate);
}

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct erratic *e = self;
	int err = nd_settings_args(d, "erratic", 0, 0, s->diag);

	if (!e->queries) {
		e->drop = 2;
		e->queries = nd_arena_alloc(s->arena, sizeof *e->queries);
	}
	if (!err)
		err = e->queries ? nd_settings_read(settings, "erratic", d, self, own, s, false,
						    s->diag)
				 : ND_ELIMIT;
	/* Without a number for it, the drops of the default end where others are asked for. */
	if ((e->delay || e->truncate) && !e->drop_given)
		e->drop = 0;
	nd_setup_ready(s, is_ready);
	return err;
}

const struct nd_plugin nd_plugin_erratic = {
	.name = "erratic",
	.repeat = ND_REPEAT_MERGE,
	.self_size = sizeof(struct erratic),
	.query_size = sizeof(struct state),
	.settings = settings,
	.offer = &offer,
	.setup = setup,
	.query = query,
	.cancel = cancel,
};
