/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of upstream servers taken over, and truncation to the client's limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "support/rig.h"
#include "wire/text.h"

/* What `relay` answers with: a message, or records that it makes. */
static struct {
	uint8_t bytes[1024];
	size_t n;
	int parsed, taken;
} upstream;
static struct {
	unsigned answer, authority, additional;
	uint16_t ede;
	const char *ede_text;
	int err; /* of the last record */
	/* Addresses of a type for an owner (NULL: the question's name), as a set or one by one. */
	uint16_t set_type;
	const char *set_owner;
	bool one_by_one;
} made;

static int no_setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	(void)self;
	(void)d;
	(void)s;
	return 0;
}

static enum nd_verdict relay(const void *self, struct nd_query *q)
{
	struct nd_name_buf buf;
	struct nd_msg m;

	(void)self;
	upstream.parsed = nd_msg_parse_response(&m, upstream.bytes, upstream.n, &buf);
	upstream.taken = nd_answer_message(q, &m);
	if (upstream.taken)
		return nd_query_fail(q, ND_RCODE_SERVFAIL, NULL);
	return ND_DONE;
}

enum { SET_MAX = 5000, STRIDE = 20 };

static void make_set(struct nd_query *q)
{
	static uint8_t address[SET_MAX * STRIDE];
	struct nd_name owner = q->msg.qname;
	struct nd_answer_set set;
	struct nd_name_buf buf;

	for (size_t i = 0; i < sizeof address; i++)
		address[i] = (uint8_t)(i ^ i >> 8);
	owner.wire = q->ans.w.base + ND_MSG_HEADER;
	if (made.set_owner)
		assert_int_equal(nd_name_parse(made.set_owner, false, &buf, &owner), 0);
	set = (struct nd_answer_set){ .q = q,
				      .owner = owner,
				      .ttl = 30,
				      .type = made.set_type,
				      .size = made.set_type == ND_TYPE_A ? 4 : 16 };
	if (!made.one_by_one)
		made.err = nd_answer_set_add(&set, address, STRIDE, made.answer);
	for (unsigned i = 0; made.one_by_one && i < made.answer && !made.err; i++)
		made.err = nd_answer_rr(q, ND_SECTION_ANSWER, owner, made.set_type, ND_CLASS_IN, 30,
					address + i * STRIDE, made.set_type == ND_TYPE_A ? 4 : 16);
}

static enum nd_verdict make(const void *self, struct nd_query *q)
{
	unsigned n[3] = { made.answer, made.authority, made.additional };

	(void)self;
	made.err = 0;
	if (made.set_type) {
		make_set(q);
		return ND_DONE;
	}
	for (unsigned section = 0; section < 3; section++)
		for (unsigned i = 0; i < n[section] && !made.err; i++)
			made.err = nd_answer_add(q, (enum nd_section)section, ND_TYPE_A, 60,
						 (uint8_t[]){ 10, (uint8_t)section,
							      (uint8_t)(i >> 8), (uint8_t)i },
						 4);
	if (made.ede)
		nd_answer_set_ede(q, made.ede, made.ede_text);
	return ND_DONE;
}

static const struct nd_plugin relay_plugin = { .name = "relay", .setup = no_setup, .query = relay },
			      make_plugin = { .name = "make", .setup = no_setup, .query = make };
const struct nd_plugin *const nd_plugins[] = { &relay_plugin, &make_plugin, NULL };
const char *const nd_plugins_unsupported[] = { NULL };

static struct nd_rig rig;

static int open_relay(void **state)
{
	(void)state;
	nd_rig_open(&rig, ".:1053 {\n relay\n}\n");
	return 0;
}

static int open_make(void **state)
{
	(void)state;
	nd_rig_open(&rig, ".:1053 {\n make\n}\n");
	memset(&made, 0, sizeof made);
	return 0;
}

static int close_rig(void **state)
{
	(void)state;
	nd_rig_close(&rig);
	return 0;
}

static size_t unhex(uint8_t *out, const char *hex)
{
	size_t n = 0;

	for (const char *at = hex; *at; at++)
		if (*at != ' ' && sscanf(at++, "%2hhx", &out[n++]) != 1)
			fail_msg("no hex: %s", at);
	return n;
}

/* The last reply's records: "AN www.test. 60 A 192.0.2.1; ..." An OPT with its length. */
static const char *records_text(void)
{
	static const char *const sections[] = { "AN", "NS", "AR" };
	static char text[8192];
	size_t n = 0;
	struct nd_rr rr;

	text[0] = '\0';
	for (unsigned i = 0; nd_rig_record(&rig, i, &rr); i++) {
		struct nd_reader r = nd_reader_over(rig.bytes, rig.len);
		struct nd_name_buf buf;
		struct nd_name owner;
		char name[ND_NAME_TEXT_MAX], type[ND_NUMBER_TEXT_MAX], value[1024];
		uint8_t rdata[1024];
		r.pos += rr.owner;
		assert_int_equal(nd_name_read(&r, false, &buf, &owner), 0);
		nd_name_format(owner, name);
		int len = nd_rr_expand_rdata(rig.bytes, rig.len, rr.rdata, rr.rdata_len, rr.type,
					     rdata, sizeof rdata);
		assert_true(len >= 0);
		nd_text_format_rdata(rr.type, rdata, (size_t)len, value, sizeof value);
		if (rr.type == ND_TYPE_OPT)
			snprintf(value, sizeof value, "%d", len);
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s %s %u %s %s", i ? "; " : "",
				      sections[rr.section], name, rr.ttl,
				      nd_type_text(rr.type, type), value);
	}
	return text;
}

/* 12 bytes of header, then www.test. A IN: records begin at 26 (1a). */
#define HEAD(counts) "1234 8180 0001 " counts
#define WWW "0377777704746573740000010001"
#define A_OF(owner, last) owner "0001 0001 0000003c 0004 c00002" last
#define OPT(len) "00 0029 1000 00 00 0000" len

static void test_messages(void **state)
{
	static const struct {
		const char *name, *hex, *wants;
	} rows[] = {
		{ "as usual", HEAD("0001 0000 0000") WWW A_OF("c00c", "01"),
		  "AN www.test. 60 A 192.0.2.1" },
		{ "owners point into the body",
		  HEAD("0002 0000 0000") WWW
		  "c00c 0005 0001 0000003c 0006 0361626ac010" A_OF("c026", "02"),
		  "AN www.test. 60 CNAME abj.test.; AN abj.test. 60 A 192.0.2.2" },
		{ "pointers in rdata",
		  HEAD("0001 0001 0000") WWW
		  "c00c 000f 0001 00000005 0009 000a 046d61696cc010"
		  "c010 0006 0001 00000007 0018 c010 c028 00000001 00000002 00000003 00000004 00000005",
		  "AN www.test. 5 MX 10 mail.test.; "
		  "NS test. 7 SOA test. mail.test. 1 2 3 4 5" },
		{ "OPT at the end", HEAD("0001 0000 0001") WWW A_OF("c00c", "01") OPT("0000"),
		  "AN www.test. 60 A 192.0.2.1" },
		{ "OPT in the middle",
		  HEAD("0001 0000 0003") WWW A_OF("c00c", "01") A_OF("c010", "02")
			  OPT("0005 ffff 0001 aa") A_OF("026e73c010", "03"),
		  "AN www.test. 60 A 192.0.2.1; AR test. 60 A 192.0.2.2; AR ns.test. 60 A 192.0.2.3" },
		{ "pointers over the OPT",
		  HEAD("0001 0000 0003") WWW A_OF("c00c", "01") OPT("0000") A_OF("026e73c010", "02")
			  A_OF("c035", "03"),
		  "AN www.test. 60 A 192.0.2.1; AR ns.test. 60 A 192.0.2.2; AR ns.test. 60 A "
		  "192.0.2.3" },
		{ "no question", "1234 8180 0000 0001 0000 0000" A_OF("03777777047465737400", "01"),
		  "AN www.test. 60 A 192.0.2.1" },
		{ "no question, and pointers",
		  "1234 8180 0000 0002 0000 0000"
		  "03777777047465737400 0005 0001 0000003c 0004 0162c010" A_OF("c020", "02"),
		  "AN www.test. 60 CNAME b.test.; AN b.test. 60 A 192.0.2.2" },
		{ "an unknown type is unchanged",
		  HEAD("0001 0000 0000") WWW "c00c ff01 0001 00000001 0002 c0ff",
		  "AN www.test. 1 TYPE65281 \\# 2 c0ff" },
		{ "another letter case",
		  HEAD("0001 0000 0000") "0357775704546573740000010001" A_OF("0357577704546573 7400",
									     "01"),
		  "AN WWw.Test. 60 A 192.0.2.1" },
		{ "nothing", HEAD("0000 0000 0000") WWW, "" },
		{ "cut at a record's edge", HEAD("0002 0000 0000") WWW A_OF("c00c", "01"),
		  "AN www.test. 60 A 192.0.2.1" },
		{ "cut in a record", HEAD("0002 0000 0000") WWW A_OF("c00c", "01") "c00c 0001 0001",
		  "AN www.test. 60 A 192.0.2.1" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		upstream.n = unhex(upstream.bytes, rows[i].hex);
		assert_true(nd_rig_ask(&rig, "www.test.", ND_TYPE_A, 0, 0));
		if (upstream.taken)
			fail_msg("%s: %d", rows[i].name, upstream.taken);
		if (strcmp(records_text(), rows[i].wants) != 0)
			fail_msg("%s: %s", rows[i].name, records_text());
	}
}

/* What such a pointer leads to is different in the reply, or changes in the cache: the name is
 * written out. */
static void test_pointers_to_no_name(void **state)
{
	static const struct {
		const char *name, *hex, *wants;
		size_t grows; /* by this much, to a whole name */
	} rows[] = {
		{ "the header", "1434 8180 0001 0001 0000 0000" WWW A_OF("c000", "01"),
		  "AN 4\\129\\128\\000\\001\\000\\001\\000\\000\\000\\000\\003www\\004test. 60 A "
		  "192.0.2.1",
		  20 },
		{ "a TTL",
		  HEAD("0002 0000 0000") WWW
		  "c00c 0001 0001 01610004 0004 01020304" A_OF("c020", "02"),
		  "AN www.test. 23134212 A 1.2.3.4; AN a. 60 A 192.0.2.2", 1 },
		{ "an address, from rdata",
		  HEAD("0002 0000 0000") WWW "c00c 0001 0001 0000003c 0004 01620000"
					     "c00c 0005 0001 0000003c 0002 c026",
		  "AN www.test. 60 A 1.98.0.0; AN www.test. 60 CNAME b.", 1 },
		{ "the question's type", HEAD("0001 0000 0000") WWW A_OF("c016", "01"),
		  "AN . 60 A 192.0.2.1", -1 },
		{ "an owner and rdata",
		  HEAD("0003 0000 0000") WWW
		  "0161c010 0005 0001 0000003c 0004 0162c01a" A_OF("c01a", "01") A_OF("c028", "02"),
		  "AN a.test. 60 CNAME b.a.test.; AN a.test. 60 A 192.0.2.1; AN b.a.test. 60 A 192.0.2.2",
		  0 },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		upstream.n = unhex(upstream.bytes, rows[i].hex);
		assert_true(nd_rig_ask(&rig, "www.test.", ND_TYPE_A, 0, 0));
		assert_int_equal(upstream.parsed, 0);
		assert_int_equal(upstream.taken, 0);
		if (strcmp(records_text(), rows[i].wants) != 0 ||
		    rig.len != upstream.n + rows[i].grows)
			fail_msg("%s: %s in %zu bytes", rows[i].name, records_text(), rig.len);
	}
}

/* Malformed records: nd_msg_parse_response() refuses them, and a caller that ignores its error gets
 * the records before them, as from a message that is cut. */
static void test_unsound(void **state)
{
	static const struct {
		const char *name, *hex;
	} rows[] = {
		{ "owner points to itself", HEAD("0001 0000 0000") WWW A_OF("c01a", "01") },
		{ "owner points ahead", HEAD("0001 0000 0000") WWW A_OF("c02a", "01") },
		{ "rdata's name points to itself",
		  HEAD("0001 0000 0000") WWW "c00c 0005 0001 0000003c 0002 c026" },
		{ "rdata's name is cut",
		  HEAD("0001 0000 0000") WWW "c00c 0005 0001 0000003c 0003 056162" },
		{ "rdata is longer than its name",
		  HEAD("0001 0000 0000") WWW "c00c 0005 0001 0000003c 0003 c00c00" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		upstream.n = unhex(upstream.bytes, rows[i].hex);
		assert_true(nd_rig_ask(&rig, "www.test.", ND_TYPE_A, 0, 0));
		if (!upstream.parsed || *records_text())
			fail_msg("%s: taken: %s", rows[i].name, records_text());
	}
}

static void test_flags_and_codes(void **state)
{
	static const struct {
		const char *hex;
		uint16_t ask, flags;
		unsigned rcode;
		uint16_t edns;
	} rows[] = {
		/* AA, TC, RA, Z and AD are the answer's, RD that of either, CD the question's. */
		{ "1234 87f3 0001 0000 0000 0000" WWW, 0,
		  ND_FLAG_QR | ND_FLAG_AA | ND_FLAG_TC | ND_FLAG_RD | ND_FLAG_RA | ND_FLAG_Z |
			  ND_FLAG_AD,
		  3 },
		{ "1234 86f3 0001 0000 0000 0000" WWW, 0,
		  ND_FLAG_QR | ND_FLAG_AA | ND_FLAG_TC | ND_FLAG_RA | ND_FLAG_Z | ND_FLAG_AD, 3 },
		{ "1234 8000 0001 0000 0000 0000" WWW, ND_FLAG_RD | ND_FLAG_CD,
		  ND_FLAG_QR | ND_FLAG_RD | ND_FLAG_CD, 0 },
		{ "1234 8005 0001 0000 0000 0001" WWW "00 0029 1000 01 00 8000 0000", 0, ND_FLAG_QR,
		  21, 1232 },
		/* Without EDNS there is no room for 21, and 5 is another code. */
		{ "1234 8005 0001 0000 0000 0001" WWW "00 0029 1000 01 00 8000 0000", 0, ND_FLAG_QR,
		  ND_RCODE_SERVFAIL },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		upstream.n = unhex(upstream.bytes, rows[i].hex);
		assert_true(nd_rig_ask(&rig, "www.test.", ND_TYPE_A, rows[i].ask, rows[i].edns));
		assert_int_equal(upstream.taken, 0);
		assert_int_equal(rig.msg.flags & 0xfff0, rows[i].flags);
		assert_int_equal(nd_rig_rcode(&rig), rows[i].rcode);
	}
}

/* An upstream's options do not make the reply longer than the client accepts. */
static void test_options(void **state)
{
	static const struct {
		unsigned option; /* bytes of data */
		size_t len;
		unsigned records;
		bool tc;
	} rows[] = {
		{ 100, 12 + 14 + 16 + 11 + 4 + 100, 1, false },
		{ 471, 12 + 14 + 11 + 4 + 471, 0, true }, /* 512 */
		{ 472, 12 + 14 + 16 + 11, 1, false },
		{ 900, 12 + 14 + 16 + 11, 1, false },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		uint8_t *p = upstream.bytes;
		size_t n = unhex(p, HEAD("0001 0000 0001")
					    WWW A_OF("c00c", "01") "00 0029 1000 00 00 0000");
		nd_writer_put16(p + n, (uint16_t)(4 + rows[i].option));
		nd_writer_put16(p + n + 2, ND_EDNS_PADDING);
		nd_writer_put16(p + n + 4, (uint16_t)rows[i].option);
		memset(p + n + 6, 0, rows[i].option);
		upstream.n = n + 6 + rows[i].option;
		assert_true(nd_rig_ask(&rig, "www.test.", ND_TYPE_A, 0, 512));
		assert_int_equal(upstream.taken, 0);
		if (rig.len != rows[i].len || rig.msg.count[1] != rows[i].records ||
		    !!(rig.msg.flags & ND_FLAG_TC) != rows[i].tc || !rig.msg.edns.present)
			fail_msg("%u: %u records in %zu bytes", rows[i].option, rig.msg.count[1],
				 rig.len);
	}
}

static void test_limits(void **state)
{
	/* 12 + 13 bytes of header and question (ww.test.), 16 per record, 11 of the OPT. */
	static const struct {
		const char *name;
		unsigned answer, authority, additional;
		uint16_t edns;
		enum nd_proto proto;
		unsigned kept[3];
		bool tc;
	} rows[] = {
		{ "all that fit", 30, 0, 0, 0, ND_PROTO_UDP, { 30, 0, 0 }, false },
		{ "one too many", 31, 0, 0, 0, ND_PROTO_UDP, { 30, 0, 0 }, true },
		{ "the OPT takes room", 30, 0, 0, 512, ND_PROTO_UDP, { 29, 0, 0 }, true },
		{ "less than 512 is 512", 31, 0, 0, 100, ND_PROTO_UDP, { 29, 0, 0 }, true },
		{ "the client's size", 100, 0, 0, 1232, ND_PROTO_UDP, { 74, 0, 0 }, true },
		{ "from the end", 10, 10, 20, 0, ND_PROTO_UDP, { 10, 10, 10 }, true },
		{ "into the authority", 20, 20, 20, 0, ND_PROTO_UDP, { 20, 10, 0 }, true },
		{ "a stream has room", 4000, 0, 0, 0, ND_PROTO_TCP, { 4000, 0, 0 }, false },
		{ "the largest size", 4000, 0, 0, 65535, ND_PROTO_UDP, { 4000, 0, 0 }, false },
	};
	uint8_t bytes[512];
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		made.answer = rows[i].answer;
		made.authority = rows[i].authority;
		made.additional = rows[i].additional;
		size_t n = nd_rig_question(bytes, "ww.test.", ND_TYPE_A, 0, rows[i].edns);
		assert_true(nd_rig_send(&rig, bytes, n, rows[i].proto));
		assert_int_equal(made.err, 0);
		unsigned opt = rows[i].edns != 0;
		size_t len = 12 + 13 + 16 * (rows[i].kept[0] + rows[i].kept[1] + rows[i].kept[2]) +
			     11 * opt;
		if (rig.msg.count[1] != rows[i].kept[0] || rig.msg.count[2] != rows[i].kept[1] ||
		    rig.msg.count[3] != rows[i].kept[2] + opt || rig.len != len)
			fail_msg("%s: %u %u %u in %zu bytes", rows[i].name, rig.msg.count[1],
				 rig.msg.count[2], rig.msg.count[3], rig.len);
		if (!!(rig.msg.flags & ND_FLAG_TC) != rows[i].tc)
			fail_msg("%s: TC", rows[i].name);
		assert_int_equal(rig.msg.edns.present, opt);
		if (opt)
			assert_int_equal(rig.msg.edns.udp_size, rows[i].edns);
	}
}

/* UDP does not carry a message of 65,508 bytes, and the server may have a lower limit. */
static void test_udp_max(void **state)
{
	static const struct {
		uint16_t udp_max, edns;
		unsigned answer, kept;
		enum nd_proto proto;
	} rows[] = {
		{ ND_WORKER_UDP_MAX, 65535, 4091, 4091, ND_PROTO_UDP },
		{ ND_WORKER_UDP_MAX, 65535, 4092, 4091, ND_PROTO_UDP },
		{ ND_WORKER_UDP_MAX, 65535, 4093, 4093, ND_PROTO_TCP },
		{ 1232, 4096, 100, 74, ND_PROTO_UDP },
		{ 1232, 4096, 100, 100, ND_PROTO_TCP },
		{ 4096, 1232, 100, 74, ND_PROTO_UDP },
	};
	uint8_t bytes[512];
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		rig.worker.udp_max = rows[i].udp_max;
		made.answer = rows[i].answer;
		size_t n = nd_rig_question(bytes, "ww.test.", ND_TYPE_A, 0, rows[i].edns);
		assert_true(nd_rig_send(&rig, bytes, n, rows[i].proto));
		assert_int_equal(made.err, 0);
		if (rig.msg.count[1] != rows[i].kept ||
		    !!(rig.msg.flags & ND_FLAG_TC) != (rows[i].kept < rows[i].answer))
			fail_msg("row %zu: %u records in %zu bytes", i, rig.msg.count[1], rig.len);
	}
}

/* More records than the index holds are refused; those written remain. */
static void test_too_many(void **state)
{
	uint8_t bytes[512];
	(void)state;

	made.answer = 5000;
	size_t n = nd_rig_question(bytes, "ww.test.", ND_TYPE_A, 0, 0);
	assert_true(nd_rig_send(&rig, bytes, n, ND_PROTO_TCP));
	assert_int_equal(made.err, ND_ELIMIT);
	assert_int_equal(rig.msg.count[1], (rig.len - 25) / 16);
	assert_true(rig.msg.count[1] >= 4000);
}

/* A set gives the same bytes as its records one by one, and the same ones when not all fit. */
static void test_set(void **state)
{
	static const struct {
		const char *name;
		uint16_t type;
		const char *owner;
		unsigned n;
		int err;
	} rows[] = {
		{ "none", ND_TYPE_A, NULL, 0, 0 },
		{ "one", ND_TYPE_A, NULL, 1, 0 },
		{ "ten, IPv6", ND_TYPE_AAAA, NULL, 10, 0 },
		{ "another owner", ND_TYPE_A, "Other.test.", 10, 0 },
		{ "another owner, IPv6", ND_TYPE_AAAA, "x.example.", 3, 0 },
		{ "more than an answer has records", ND_TYPE_A, NULL, SET_MAX, ND_ELIMIT },
		{ "more than a message holds", ND_TYPE_AAAA, NULL, SET_MAX, ND_ELIMIT },
	};
	static uint8_t want[ND_MSG_MAX];
	uint8_t bytes[512];
	size_t n = nd_rig_question(bytes, "Set.test.", ND_TYPE_A, 0, 0);
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		memset(&made, 0, sizeof made);
		made.answer = rows[i].n;
		made.set_type = rows[i].type;
		made.set_owner = rows[i].owner;
		made.one_by_one = true;
		assert_true(nd_rig_send(&rig, bytes, n, ND_PROTO_TCP));
		size_t len = rig.len;
		memcpy(want, rig.bytes, len);
		made.one_by_one = false;
		assert_true(nd_rig_send(&rig, bytes, n, ND_PROTO_TCP));
		if (made.err != rows[i].err)
			fail_msg("%s: got %d", rows[i].name, made.err);
		if (rig.len != len || memcmp(rig.bytes, want, len) != 0)
			fail_msg("%s: %zu bytes, want %zu equal ones", rows[i].name,
				 (size_t)rig.len, len);
	}
}

/* RFC 8914: code and text are in the OPT, whose size leaves less room for records. */
static void test_ede(void **state)
{
	(void)state;

	made.ede = 22;
	made.ede_text = "no reachable authority";
	made.answer = 40;
	assert_true(nd_rig_ask(&rig, "ww.test.", ND_TYPE_A, 0, 512));
	assert_string_equal(strstr(records_text(), "OPT"), "OPT 28");
	assert_int_equal(rig.msg.count[1], (512 - 25 - 11 - 28) / 16);
	assert_int_equal(nd_reader_peek16(rig.bytes + rig.len - 28), ND_EDNS_EDE);
	assert_int_equal(nd_reader_peek16(rig.bytes + rig.len - 24), 22);
	assert_memory_equal(rig.bytes + rig.len - 22, made.ede_text, 22);
	/* As CoreDNS: it is sent even if the client does not use EDNS. */
	made.ede_text = NULL;
	made.answer = 0;
	assert_true(nd_rig_ask(&rig, "ww.test.", ND_TYPE_A, 0, 0));
	assert_string_equal(records_text(), "AR . 32768 OPT 6");
	assert_int_equal(rig.msg.edns.udp_size, 4096);
}

#define RELAY(test) cmocka_unit_test_setup_teardown(test, open_relay, close_rig)
#define MAKE(test) cmocka_unit_test_setup_teardown(test, open_make, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RELAY(test_messages),
		RELAY(test_unsound),
		RELAY(test_pointers_to_no_name),
		RELAY(test_flags_and_codes),
		RELAY(test_options),
		MAKE(test_limits),
		MAKE(test_udp_max),
		MAKE(test_too_many),
		MAKE(test_set),
		MAKE(test_ede),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
