/* SPDX-License-Identifier: Apache-2.0 */
/* Outgoing transfers: who may have a zone, how many messages it takes, and the contents of each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "core/offer.h"
#include "support/rig.h"

extern const struct nd_plugin nd_plugin_transfer;

static unsigned steps, records_a_step; /* of the zone */
static bool endless_rdata;             /* a record too long for any message */
static unsigned walks;

static int no_setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	(void)self;
	(void)d;
	(void)s;
	return 0;
}

static bool soa(const void *self, struct nd_name zone, struct nd_offer_soa *out)
{
	static const uint8_t rdata[] = "\2ns\0\1h\0\0\0\0\7\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5";

	(void)self;
	if (zone.labels != 1 || zone.wire[1] != 'x')
		return false;
	*out = (struct nd_offer_soa){ .ttl = 9, .serial = 7, .n = sizeof rdata - 1 };
	memcpy(out->rdata, rdata, sizeof rdata - 1);
	return true;
}

static bool current(uint32_t theirs, uint32_t ours)
{
	return theirs == ours;
}

/* TXT records of 200 bytes at rN.x., N increasing. */
static bool walk(const void *self, struct nd_query *q, struct nd_name zone,
		 struct nd_offer_cursor *at, const struct nd_offer_records *to)
{
	static uint8_t rdata[66000];
	(void)self;
	(void)q;

	walks++;
	for (; at->item < records_a_step; at->item++) {
		char label[16];
		struct nd_name_buf buf;
		struct nd_offer_record r = { .type = ND_TYPE_TXT, .ttl = 5, .rdata = rdata };
		r.n = endless_rdata ? 65520 : 200;
		rdata[0] = 199;
		int n = sprintf(label, "r%llu",
				(unsigned long long)(at->at * records_a_step + at->item));
		assert_int_equal(nd_name_prepend(label, (size_t)n, zone, &buf, &r.owner), 0);
		if (to->full(to->ctx))
			return true;
		to->put(to->ctx, &r);
	}
	at->item = 0;
	return ++at->at < steps;
}

static enum nd_verdict refuse(const void *self, struct nd_query *q)
{
	(void)self;
	return nd_query_fail(q, ND_RCODE_NOTIMP, "after");
}

static const struct nd_offer_zone zone = { .soa = soa, .current = current, .walk = walk };
static const struct nd_offer offer = { .zone = &zone };
static const struct nd_plugin holder = {
	.name = "holder", .setup = no_setup, .query = refuse, .offer = &offer
};
const struct nd_plugin *const nd_plugins[] = { &nd_plugin_transfer, &holder, NULL };
const char *const nd_plugins_unsupported[] = { NULL };

static struct nd_rig rig;
static struct {
	unsigned messages, records, soas;
	bool in_order, headers;
	size_t longest;
} got;

static void read_message(const uint8_t *bytes, size_t n)
{
	struct nd_name_buf buf;
	struct nd_msg m;
	struct nd_rr rr;

	assert_int_equal(nd_msg_parse_response(&m, bytes, n, &buf), 0);
	struct nd_rr_iter it = nd_rr_iter_over(&m);
	got.messages++;
	got.headers = got.headers && m.flags & ND_FLAG_AA && !(m.flags & ND_FLAG_TC) &&
		      nd_msg_rcode(&m) == 0 && m.qtype == ND_TYPE_AXFR && m.id == 4660;
	got.longest = n > got.longest ? n : got.longest;
	while (nd_rr_next(&it, &rr)) {
		char name[ND_NAME_TEXT_MAX], wants[32];
		struct nd_name_buf owner_buf;
		struct nd_name owner;
		struct nd_reader r = nd_reader_over(bytes, n);
		if (rr.type == ND_TYPE_OPT)
			continue;
		if (rr.type == ND_TYPE_SOA) {
			got.soas++;
			continue;
		}
		r.pos += rr.owner;
		assert_int_equal(nd_name_read(&r, false, &owner_buf, &owner), 0);
		nd_name_format(owner, name);
		snprintf(wants, sizeof wants, "r%u.x.", got.records++);
		got.in_order = got.in_order && strcmp(name, wants) == 0;
	}
	assert_int_equal(it.err, 0);
}

static void (*keep)(struct nd_worker *w, struct nd_query *q);

static void on_send(struct nd_worker *w, struct nd_query *q)
{
	read_message(q->ans.w.base, q->ans.w.pos);
	keep(w, q);
}

static int open_rig(void **state)
{
	(void)state;
	nd_rig_open(&rig,
		    ".:1053 {\n transfer x. {\n to 127.0.0.1\n }\n"
		    " transfer closed. {\n to 192.0.2.1:5353 [2001:db8::1]:53\n source 127.0.0.1\n }\n"
		    " transfer other. {\n to *\n }\n holder\n}\n");
	keep = rig.worker.send;
	walks = 0;
	endless_rdata = false;
	memset(&got, 0, sizeof got);
	got.in_order = got.headers = true;
	return 0;
}

static int close_rig(void **state)
{
	(void)state;
	nd_rig_close(&rig);
	return 0;
}

static bool ask(const char *name, uint16_t type, enum nd_proto proto, uint16_t edns)
{
	uint8_t bytes[512];
	size_t n = nd_rig_question(bytes, name, type, 0, edns);

	return nd_rig_send(&rig, bytes, n, proto);
}

/* IXFR with one authority record: x. TYPE IN 0, one-letter names, five numbers. */
static bool ask_since(uint32_t serial, uint16_t type)
{
	uint8_t bytes[512];
	size_t n = nd_rig_question(bytes, "x.", ND_TYPE_IXFR, 0, 0);
	struct nd_writer w = nd_writer_over(bytes, sizeof bytes);

	bytes[9] = 1;
	w.pos = n;
	nd_writer_bytes(&w, "\1x", 3);
	nd_writer_u16(&w, type);
	nd_writer_u16(&w, ND_CLASS_IN);
	nd_writer_u32(&w, 0);
	nd_writer_u16(&w, 22);
	nd_writer_u16(&w, 0);
	nd_writer_u32(&w, serial);
	for (int i = 0; i < 4; i++)
		nd_writer_u32(&w, 1);
	return nd_rig_send(&rig, bytes, w.pos, ND_PROTO_TCP);
}

static void test_small(void **state)
{
	(void)state;

	steps = 3;
	records_a_step = 2;
	rig.worker.send = on_send;
	assert_true(ask("x.", ND_TYPE_AXFR, ND_PROTO_TCP, 1232));
	assert_int_equal(got.messages, 1);
	assert_int_equal(got.soas, 2);
	assert_int_equal(got.records, 6);
	assert_true(got.in_order && got.headers);
	assert_true(rig.msg.edns.present);
}

/* The next message is sent when the client has received the previous one. */
static void test_large(void **state)
{
	(void)state;

	steps = 400;
	records_a_step = 20;
	rig.worker.send = on_send;
	assert_true(ask("x.", ND_TYPE_AXFR, ND_PROTO_TCP, 0));
	assert_int_equal(got.messages, 1);
	assert_int_equal(rig.worker.nparked, 1);
	for (unsigned i = 0; rig.worker.nparked && i < 1000; i++) {
		unsigned before = got.messages;
		nd_origin_drained(&rig.origin);
		assert_int_equal(got.messages, before + 1);
	}
	assert_in_range(walks, 400, 430); /* a step is continued after each message */
	assert_int_equal(got.records, 8000);
	assert_int_equal(got.soas, 2);
	assert_true(got.in_order && got.headers);
	assert_in_range(got.longest, 60000, 65000);
	assert_in_range(got.messages, 26, 30);
}

/* A step with more records than fit in one message: the walk stops inside it. */
static void test_long_step(void **state)
{
	(void)state;

	steps = 1;
	records_a_step = 1000;
	rig.worker.send = on_send;
	assert_true(ask("x.", ND_TYPE_AXFR, ND_PROTO_TCP, 0));
	for (unsigned i = 1; i < 4; i++) {
		assert_int_equal(got.messages, i);
		assert_int_equal(rig.worker.nparked, 1);
		nd_origin_drained(&rig.origin);
	}
	assert_int_equal(got.messages, 4);
	assert_int_equal(got.records, 1000);
	assert_int_equal(got.soas, 2);
	assert_true(got.in_order && got.headers);
	assert_int_equal(rig.worker.nparked, 0);
}

/* Steps without records: a message is sent now and then, so that no turn takes long. */
static void test_few_records(void **state)
{
	(void)state;

	steps = 20000;
	records_a_step = 0;
	rig.worker.send = on_send;
	assert_true(ask("x.", ND_TYPE_AXFR, ND_PROTO_TCP, 0));
	assert_int_equal(got.messages, 1); /* the SOA */
	assert_in_range(walks, 4096, 4100);
}

static void test_client_gone(void **state)
{
	(void)state;

	steps = 400;
	records_a_step = 20;
	rig.worker.send = on_send;
	ask("x.", ND_TYPE_AXFR, ND_PROTO_TCP, 0);
	assert_int_equal(rig.worker.nparked, 1);
	nd_origin_drop(&rig.origin);
	assert_int_equal(rig.worker.nparked, 0);
	nd_origin_drained(&rig.origin);
	assert_int_equal(got.messages, 1);
}

static void test_too_big(void **state)
{
	(void)state;

	steps = 2;
	records_a_step = 1;
	endless_rdata = true;
	ask("x.", ND_TYPE_AXFR, ND_PROTO_TCP, 0);
	assert_int_equal(nd_rig_rcode(&rig), ND_RCODE_SERVFAIL);
}

static void test_who_and_what(void **state)
{
	static const struct {
		const char *what, *name;
		uint16_t type;
		enum nd_proto proto;
		const char *reply;
	} rows[] = {
		{ "over UDP", "x.", ND_TYPE_AXFR, ND_PROTO_UDP, "REFUSED" },
		{ "over UDP, not ours", "y.", ND_TYPE_IXFR, ND_PROTO_UDP, "REFUSED" },
		{ "another client's", "closed.", ND_TYPE_AXFR, ND_PROTO_TCP, "REFUSED" },
		{ "not our zone", "other.", ND_TYPE_AXFR, ND_PROTO_TCP, "NOTIMP" },
		{ "below a zone", "a.x.", ND_TYPE_AXFR, ND_PROTO_TCP, "NOTIMP" },
		{ "in no list", "y.", ND_TYPE_AXFR, ND_PROTO_TCP, "NOTIMP" },
		{ "no transfer", "x.", ND_TYPE_A, ND_PROTO_TCP, "NOTIMP" },
		{ "IXFR without a serial", "x.", ND_TYPE_IXFR, ND_PROTO_TCP, "SERVFAIL" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		assert_true(ask(rows[i].name, rows[i].type, rows[i].proto, 0));
		if (strcmp(nd_rig_text(&rig), rows[i].reply) != 0)
			fail_msg("%s: %s", rows[i].what, rig.text);
	}
}

#define SOA "AN x. 9 SOA ns. h. 7 2 3 4 5"

static void test_incremental(void **state)
{
	(void)state;

	steps = records_a_step = 1;
	assert_true(ask_since(7, ND_TYPE_SOA)); /* up to date */
	assert_string_equal(nd_rig_text(&rig), "NOERROR; " SOA);
	assert_true(ask_since(6, ND_TYPE_SOA)); /* outdated: the whole zone */
	assert_int_equal(rig.msg.count[1], 3);
	assert_true(rig.msg.flags & ND_FLAG_AA);
	assert_true(ask_since(0, ND_TYPE_SOA));
	assert_int_equal(rig.msg.count[1], 3);
	assert_true(ask_since(7, 10)); /* no SOA */
	assert_string_equal(nd_rig_text(&rig), "SERVFAIL");
}

static void test_refused(void **state)
{
	static const struct {
		const char *block, *wants;
	} rows[] = {
		{ "", "'to' is required" },
		{ "to", "to requires addresses" },
		{ "to host.test", "invalid address \"host.test\": must be an IP address" },
		{ "to 127.0.0.1:99999", "must be an IP address" },
		{ "to *\n source", "source" },
		{ "to *\n source a", "invalid source address \"a\"" },
		{ "to *\n source 127.0.0.1\n source 127.0.0.1", "source is given twice" },
		{ "to *\n from 127.0.0.1", "unknown property \"from\"" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_diag d = { 0 };
		struct nd_gen *g;
		char text[256];
		snprintf(text, sizeof text, ".:1053 {\n transfer x. {\n %s\n}\n holder\n}\n",
			 rows[i].block);
		if (nd_gen_from_text(&rig.process, "Corefile", text, &g, &d) == 0)
			fail_msg("taken: %s", rows[i].block);
		if (!strstr(d.text, rows[i].wants))
			fail_msg("%s", d.text);
	}
}

#define RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_small),       RIG(test_large),   RIG(test_long_step),
		RIG(test_client_gone), RIG(test_too_big), RIG(test_who_and_what),
		RIG(test_incremental), RIG(test_refused), RIG(test_few_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
