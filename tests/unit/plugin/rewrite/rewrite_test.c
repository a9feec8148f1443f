/* SPDX-License-Identifier: Apache-2.0 */
/* The query that the plugins below see, and the answer that the client sees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "support/rig.h"
#include "wire/text.h"

extern const struct nd_plugin nd_plugin_rewrite;

static char seen[1024]; /* the queries seen below, in order: "name TYPE CLASS [options]" */
static const char *const *answers; /* records; those with the query's name are its answer */
static uint16_t below_rcode;
static bool below_waits;
static struct nd_query_ref waiting;

static int no_setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	(void)self;
	(void)d;
	(void)s;
	return 0;
}

static void note(const struct nd_query *q)
{
	const struct nd_edns *e = &q->msg.edns;
	char name[ND_NAME_TEXT_MAX], type[ND_NUMBER_TEXT_MAX], class[ND_NUMBER_TEXT_MAX];
	size_t n = strlen(seen);

	nd_name_format(q->msg.qname, name);
	n += (size_t)snprintf(seen + n, sizeof seen - n, "%s%s %s %s", n ? ", " : "", name,
			      nd_type_text(q->msg.qtype, type),
			      nd_type_class_text(q->msg.qclass, class));
	for (unsigned i = 0; e->present && i < e->options_len; i++)
		n += (size_t)snprintf(seen + n, sizeof seen - n, "%s%02x", i ? "" : " ",
				      q->msg.base[e->options + i]);
}

static enum nd_verdict answer(struct nd_query *q)
{
	struct nd_text_rr rr;

	for (const char *const *row = answers; row && *row; row++) {
		enum nd_section section = (*row)[0] == '+' ? ND_SECTION_ADDITIONAL
							   : ND_SECTION_ANSWER;
		const char *text = *row + (section == ND_SECTION_ADDITIONAL);
		const char *why = NULL;
		if (nd_text_parse_rr(text, strlen(text), NULL, 60, &rr, &why))
			fail_msg("%s: %s", text, why);
		if (section == ND_SECTION_ANSWER && !nd_name_equal(rr.owner, q->msg.qname))
			continue;
		assert_int_equal(nd_answer_rr(q, section, rr.owner, rr.type, rr.class, rr.ttl,
					      rr.rdata, rr.rdata_len),
				 0);
	}
	q->rcode = below_rcode;
	q->ans.flags |= ND_FLAG_AA;
	if (q->msg.edns.present) { /* like an upstream that returns the options */
		q->ans.opt = true;
		q->ans.opt_size = 1232;
		q->ans.opt_options = nd_query_alloc(q, q->msg.edns.options_len + 1u);
		q->ans.opt_options_len = q->msg.edns.options_len;
		memcpy((uint8_t *)q->ans.opt_options, q->msg.base + q->msg.edns.options,
		       q->msg.edns.options_len);
	}
	return ND_DONE;
}

static enum nd_verdict below_query(const void *self, struct nd_query *q)
{
	(void)self;
	note(q);
	answer(q);
	if (!below_waits)
		return ND_DONE;
	waiting = nd_query_park(q);
	return ND_WAIT;
}

static const struct nd_plugin below_plugin = { .name = "below",
					       .setup = no_setup,
					       .query = below_query };
const struct nd_plugin *const nd_plugins[] = { &nd_plugin_rewrite, &below_plugin, NULL };
const char *const nd_plugins_unsupported[] = { NULL };

static struct nd_rig rig;

static void open_with(const char *rules)
{
	char text[1024];

	snprintf(text, sizeof text, ".:1053 {\n %s\n below\n}\n", rules);
	if (rig.gen)
		nd_rig_reload(&rig, text);
	else
		nd_rig_open(&rig, text);
	seen[0] = '\0';
	answers = NULL;
	below_rcode = ND_RCODE_NOERROR;
}

static int close_rig(void **state)
{
	(void)state;
	nd_rig_close(&rig);
	rig.gen = NULL;
	return 0;
}

static void test_names_and_answers(void **state)
{
	static const char *const www[] = { "www.inner. 60 A 10.0.0.1", NULL };
	static const char *const more[] = { "www.inner. 60 MX 5 mail.inner.",
					    "www.inner. 1 SRV 1 2 3 t.inner.",
					    "www.inner. 60 CNAME c.inner.",
					    "+mail.inner. 60 A 10.0.0.2", NULL };
	static const struct {
		const char *rules, *question;
		uint16_t type;
		const char *const *answers;
		uint16_t rcode;
		const char *seen, *reply;
	} rows[] = {
		{ "rewrite name www.Outer www.inner", "WWW.outer.", ND_TYPE_A, www, 0,
		  "www.inner. A IN", "NOERROR aa; AN WWW.outer. 60 A 10.0.0.1" },
		{ "rewrite name exact www.outer www.inner", "www.other.", ND_TYPE_A, www, 0,
		  "www.other. A IN", "NOERROR aa" },
		{ "rewrite name suffix .outer .inner answer auto", "www.outer.", ND_TYPE_MX, more,
		  0, "www.inner. MX IN",
		  "NOERROR aa; AN www.outer. 60 MX 5 mail.outer.; AN www.outer. 1 SRV 1 2 3 t.outer.; "
		  "AN www.outer. 60 CNAME c.outer.; AR mail.outer. 60 A 10.0.0.2" },
		{ "rewrite name suffix .outer .inner", "www.outer.", ND_TYPE_A, www, 0,
		  "www.inner. A IN", "NOERROR aa; AN www.inner. 60 A 10.0.0.1" },
		{ "rewrite name regex (.*)\\.outer {1}.inner answer name (.*)\\.inner {1}.outer",
		  "www.outer.", ND_TYPE_MX, more, 0, "www.inner. MX IN",
		  "NOERROR aa; AN www.outer. 60 MX 5 mail.inner.; AN www.outer. 1 SRV 1 2 3 t.inner.; "
		  "AN www.outer. 60 CNAME c.inner.; AR mail.outer. 60 A 10.0.0.2" },
		{ "rewrite name regex (.*)\\.outer {1}.inner answer value (.*)\\.inner {1}.v",
		  "www.outer.", ND_TYPE_MX, more, 0, "www.inner. MX IN",
		  "NOERROR aa; AN www.inner. 60 MX 5 mail.v.; AN www.inner. 1 SRV 1 2 3 t.v.; "
		  "AN www.inner. 60 CNAME c.v.; AR mail.inner. 60 A 10.0.0.2" },
		{ "rewrite name prefix w ww", "www.x.", ND_TYPE_A, NULL, 0, "www.x. A IN",
		  "NOERROR aa" },
		{ "rewrite name substring o.u i", "wwo.uw.x.", ND_TYPE_A, NULL, 0, "wwo.uw.x. A IN",
		  "NOERROR aa" },
		{ "rewrite continue name a.x b.x\n rewrite name b.x c.x\n rewrite name c.x d.x",
		  "a.x.", ND_TYPE_A, NULL, 0, "c.x. A IN", "NOERROR aa" },
		{ "rewrite type A AAAA", "x.", ND_TYPE_A, NULL, 0, "x. AAAA IN", "NOERROR aa" },
		{ "rewrite class IN CH", "x.", ND_TYPE_A, NULL, 0, "x. A CH", "NOERROR aa" },
		{ "rewrite ttl www.inner 5-7", "www.inner.", ND_TYPE_SRV, more, 0,
		  "www.inner. SRV IN",
		  "NOERROR aa; AN www.inner. 7 MX 5 mail.inner.; AN www.inner. 5 SRV 1 2 3 t.inner.; "
		  "AN www.inner. 7 CNAME c.inner.; AR mail.inner. 7 A 10.0.0.2" },
		{ "rewrite rcode suffix .test SERVFAIL NXDOMAIN", "a.test.", ND_TYPE_A, NULL,
		  ND_RCODE_SERVFAIL, "a.test. A IN", "NXDOMAIN aa" },
		{ "rewrite rcode suffix .test SERVFAIL NXDOMAIN", "a.test.", ND_TYPE_A, NULL,
		  ND_RCODE_REFUSED, "a.test. A IN", "REFUSED aa" },
		{ "rewrite name regex (.*)\\.bad\\. ..{1}.", "a.bad.", ND_TYPE_A, NULL, 0, "",
		  "SERVFAIL" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		open_with(rows[i].rules);
		answers = rows[i].answers;
		below_rcode = rows[i].rcode;
		assert_true(nd_rig_ask(&rig, rows[i].question, rows[i].type, 0, 0));
		if (strcmp(seen, rows[i].seen) != 0)
			fail_msg("%s: below saw %s", rows[i].rules, seen);
		if (strcmp(nd_rig_text(&rig), rows[i].reply) != 0)
			fail_msg("%s: %s", rows[i].rules, rig.text);
		char name[ND_NAME_TEXT_MAX];
		struct nd_name asked = nd_name_view(rig.bytes + ND_MSG_HEADER);
		nd_name_format(asked, name); /* the client's question, in its spelling */
		assert_string_equal(name, rows[i].question);
		assert_int_equal(rig.msg.qtype, rows[i].type);
		assert_int_equal(rig.msg.qclass, ND_CLASS_IN);
	}
}

/* Sends a query with these options, in hex; NULL: no OPT. */
static void ask_with(const char *hex)
{
	uint8_t bytes[512];
	size_t n = nd_rig_question(bytes, "Www.test.", ND_TYPE_A, 0, hex ? 1400 : 0);
	size_t len = hex ? strlen(hex) / 2 : 0;

	for (size_t i = 0; i < len; i++) {
		unsigned byte;
		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		bytes[n + i] = (uint8_t)byte;
	}
	if (hex)
		bytes[n - 1] = (uint8_t)len;
	assert_true(nd_rig_send(&rig, bytes, n + len, ND_PROTO_UDP));
}

static const char *reply_options(void)
{
	static char text[256];
	const struct nd_edns *e = &rig.msg.edns;

	if (!e->present)
		return NULL;
	text[0] = '\0';
	for (unsigned i = 0; i < e->options_len; i++)
		sprintf(text + 2 * i, "%02x", rig.bytes[e->options + i]);
	return text;
}

static void test_options(void **state)
{
	static const struct {
		const char *rules, *sent, *seen, *back; /* options; NULL: no OPT */
	} rows[] = {
		{ "rewrite edns0 local set 0xffee abc", NULL, "ffee0003616263", NULL },
		{ "rewrite edns0 local set 0xffee abc", "", "ffee0003616263", "ffee0003616263" },
		{ "rewrite edns0 local set 0xffee abc revert", "", "ffee0003616263", "" },
		{ "rewrite edns0 local set 65518 0x0102", "ffee000109", "ffee00020102",
		  "ffee00020102" },
		{ "rewrite edns0 local set 65518 0x0102 revert", "ffee000109", "ffee00020102",
		  "ffee000109" },
		{ "rewrite edns0 local replace 65518 0x0102", "", "", "" },
		{ "rewrite edns0 local replace 65518 0x0102", "ffee000109", "ffee00020102",
		  "ffee00020102" },
		{ "rewrite edns0 local unset 65518", "ffee000109fdea000177", "fdea000177",
		  "fdea000177" },
		{ "rewrite edns0 local append 65518 x", "", "ffee000178", "ffee000178" },
		{ "rewrite edns0 nsid set", "", "00030000", "00030000" },
		{ "rewrite edns0 nsid unset", "00030000", "", "" },
		{ "rewrite edns0 subnet set 24 56", "", "00080007000118007f0000",
		  "00080007000118007f0000" },
		{ "rewrite edns0 subnet replace 12 56", "00080007000118000a0a0a",
		  "0008000600010c007f00", "0008000600010c007f00" },
		{ "rewrite edns0 subnet unset", "00080007000118000a0a0a", "", "" },
		{ "rewrite edns0 local set 0xffee {qname}", "", "ffee00095777772e746573742e", "" },
		{ "rewrite edns0 local set 0xffee {qtype}", "", "ffee00020001", "" },
		{ "rewrite edns0 local set 0xffee {client_ip}", "", "ffee00047f000001", "" },
		{ "rewrite edns0 local set 0xffee {client_port}", "", "ffee00020fa0", "" },
		{ "rewrite edns0 local set 0xffee {protocol}", "", "ffee0003756470", "" },
		{ "rewrite edns0 local set 0xffee {server_ip}", "", "", "" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		char wants[256];
		open_with(rows[i].rules);
		ask_with(rows[i].sent);
		snprintf(wants, sizeof wants, "www.test. A IN%s%s", rows[i].seen[0] ? " " : "",
			 rows[i].seen);
		if (strcmp(seen, wants) != 0)
			fail_msg("%s: below saw %s", rows[i].rules, seen);
		const char *back = reply_options();
		if (strchr(rows[i].rules, '{'))
			continue;
		if ((back == NULL) != (rows[i].back == NULL) ||
		    (back && strcmp(back, rows[i].back) != 0))
			fail_msg("%s: options in the reply: %s", rows[i].rules,
				 back ? back : "no OPT");
		if (back)
			assert_int_equal(rig.msg.edns.udp_size, 1400);
	}
}

/* The target of a CNAME is replaced, and looked up with the client's options. */
static void test_cname(void **state)
{
	static const char *const rows[] = { "a.test. 60 CNAME b.test.", "b.test. 60 CNAME c.test.",
					    "new.test. 5 A 10.0.0.9", "+ns.test. 60 A 10.0.0.1",
					    NULL };
	(void)state;

	open_with("rewrite cname exact b.test. new.test.");
	answers = rows;
	assert_true(nd_rig_ask(&rig, "a.test.", ND_TYPE_A, 0, 0));
	assert_string_equal(nd_rig_text(&rig),
			    "NOERROR aa; AN a.test. 60 CNAME new.test.; "
			    "AN new.test. 5 A 10.0.0.9; AR ns.test. 60 A 10.0.0.1");
	assert_string_equal(seen, "a.test. A IN, new.test. A IN");

	seen[0] = '\0';
	open_with("rewrite cname suffix .nowhere. .test.");
	answers = rows;
	ask_with("ffee000109");
	assert_string_equal(seen, "www.test. A IN ffee000109");
	assert_string_equal(reply_options(), "ffee000109");

	open_with("rewrite cname exact b.test. a.test."); /* a loop of names: ends */
	answers = rows;
	assert_true(nd_rig_ask(&rig, "a.test.", ND_TYPE_A, 0, 1232));
	assert_non_null(strstr(nd_rig_text(&rig), "NOERROR"));
	assert_non_null(strstr(rig.text, "AN a.test. 60 CNAME a.test."));
}

/* The plugin below parks the query: the way back is the same. */
static void test_waiting(void **state)
{
	static const char *const rows[] = { "www.inner. 60 A 10.0.0.1", NULL };
	(void)state;

	open_with("rewrite name www.outer www.inner");
	answers = rows;
	below_waits = true;
	assert_false(nd_rig_ask(&rig, "wWw.outer.", ND_TYPE_A, 0, 1232));
	below_waits = false;
	nd_chain_resume(waiting, ND_DONE);
	assert_int_equal(rig.replies, 1);
	assert_string_equal(nd_rig_text(&rig), "NOERROR aa; AN wWw.outer. 60 A 10.0.0.1");
	assert_memory_equal(rig.bytes + 13, "wWw", 3);

	/* Without an answer from below, the reply has the question of the client. */
	below_waits = true;
	assert_false(nd_rig_ask(&rig, "wWw.outer.", ND_TYPE_A, 0, 1232));
	below_waits = false;
	nd_worker_leave(&rig.worker); /* cancels parked queries */
	assert_int_equal(rig.replies, 2);
	assert_int_equal(nd_rig_rcode(&rig), ND_RCODE_SERVFAIL);
	assert_memory_equal(rig.bytes + 13, "wWw\5outer", 9);
}

static void test_refused(void **state)
{
	static const struct {
		const char *rule, *wants;
	} rows[] = {
		{ "rewrite", "invalid rule type \"\"" },
		{ "rewrite name", "name takes" },
		{ "rewrite nonsense a b", "invalid rule type \"nonsense\"" },
		{ "rewrite name sideways a b", "invalid match type \"sideways\"" },
		{ "rewrite name regex ( b", "invalid pattern" },
		{ "rewrite name regex a {1}", "more groups" },
		{ "rewrite name exact a b answer", "answer" },
		{ "rewrite name regex a b answer name a", "takes FROM TO" },
		{ "rewrite name exact a b metadata", "metadata needs a regex rule" },
		{ "rewrite name regex (a) {x}.b metadata", "invalid metadata label \"x\"" },
		{ "rewrite type A", "type takes FROM TO" },
		{ "rewrite type A BOGUS", "invalid type \"BOGUS\"" },
		{ "rewrite class IN XX", "invalid class \"XX\"" },
		{ "rewrite ttl a", "ttl takes" },
		{ "rewrite ttl a 30-20", "invalid TTL \"30-20\"" },
		{ "rewrite ttl a 4294967296", "invalid TTL" },
		{ "rewrite rcode a NOERROR", "rcode takes" },
		{ "rewrite rcode a NOERROR BOGUS", "invalid response code \"BOGUS\"" },
		{ "rewrite cname a", "cname takes" },
		{ "rewrite edns0 local", "edns0 takes" },
		{ "rewrite edns0 local set 0xfffff a", "invalid option code" },
		{ "rewrite edns0 local set 0xffee 0xabc", "invalid option data" },
		{ "rewrite edns0 local set 0xffee {bogus}", "invalid variable" },
		{ "rewrite edns0 local set 0xffee", "edns0 local takes" },
		{ "rewrite edns0 nsid set x", "takes no argument" },
		{ "rewrite edns0 subnet set 33 56", "IPv4 prefix length" },
		{ "rewrite edns0 subnet set 24", "edns0 subnet takes" },
		{ "rewrite edns0 cookie set", "invalid option \"cookie\"" },
		{ "rewrite edns0 local toggle 1 a", "invalid action \"toggle\"" },
	};
	(void)state;

	open_with("rewrite name a b");
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_diag d = { 0 };
		struct nd_gen *g;
		char text[256];
		snprintf(text, sizeof text, ".:1053 {\n %s\n below\n}\n", rows[i].rule);
		if (nd_gen_from_text(&rig.process, "Corefile", text, &g, &d) == 0)
			fail_msg("accepted: %s", rows[i].rule);
		if (!strstr(d.text, rows[i].wants) ||
		    !strstr(d.text, "Corefile:2 - plugin/rewrite: "))
			fail_msg("%s: %s", rows[i].rule, d.text);
	}
}

#define RIG(test) cmocka_unit_test_teardown(test, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_names_and_answers), RIG(test_options), RIG(test_cname),
		RIG(test_waiting),           RIG(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
