/* SPDX-License-Identifier: Apache-2.0 */
/* Answers from a zone, as CoreDNS gives them; the zone on disk changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/budget.h"
#include "support/rig.h"

static struct nd_rig rig;
static char path[] = "/tmp/nodens_zone_XXXXXX";

static int close_rig(void **state)
{
	(void)state;
	nd_rig_close(&rig);
	unlink(path);
	strcpy(path, "/tmp/nodens_zone_XXXXXX");
	return 0;
}

static void write_zone(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void open_zone(const char *zone, const char *options)
{
	char text[1024];
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	write_zone(zone);
	snprintf(text, sizeof text,
		 ".:1053 {\n file %s z. {\n%s\n }\n template ANY A other. {\n  answer \"{{ .Name }} 9 "
		 "IN A 10.9.9.9\"\n }\n template ANY ANY gone. {\n  rcode NXDOMAIN\n }\n}\n",
		 path, options);
	nd_rig_open(&rig, text);
}

#define HEAD "$TTL 60\n@ SOA ns h 7 2 3 4 5\n@ NS ns\nns A 10.0.0.1\n"
#define SOA "NS z. 60 SOA ns.z. h.z. 7 2 3 4 5"
#define NS "NS z. 60 NS ns.z."

static const char zone[] = HEAD "a A 10.0.0.2\n"
				"a A 10.0.0.3\n"
				"x.y.e A 10.0.0.4\n"
				"*.w A 10.0.0.5\n"
				"*.w MX 1 a\n"
				"x.b.w TXT t\n"
				"c1 CNAME C2\n"
				"c2 CNAME a\n"
				"out CNAME q.other.\n"
				"lost CNAME q.gone.\n"
				"self CNAME self\n"
				"l1 CNAME l2\n"
				"l2 CNAME l1\n"
				"d DNAME e\n"
				"long DNAME 0123456789012345678901234567890123456789.e\n"
				"cut NS ns.cut\n"
				"cut NS ns\n"
				"cut DS 1 8 2 ab\n"
				"ns.cut A 10.0.0.6\n"
				"tocut CNAME x.cut\n"
				"mx MX 1 A\n"
				"mx MX 2 a\n"
				"mx MX 3 q.other.\n"
				"s SRV 1 2 3 a\n"
				"*.n.m CNAME nn.n.m\n";

static void test_answers(void **state)
{
	static const struct {
		const char *what, *name;
		uint16_t type;
		const char *reply;
	} rows[] = {
		{ "a name", "A.z.", ND_TYPE_A,
		  "NOERROR aa; AN a.z. 60 A 10.0.0.2; AN a.z. 60 A 10.0.0.3; " NS },
		{ "SOA", "z.", ND_TYPE_SOA, "NOERROR aa; AN z. 60 SOA ns.z. h.z. 7 2 3 4 5; " NS },
		{ "NS with addresses", "z.", ND_TYPE_NS,
		  "NOERROR aa; AN z. 60 NS ns.z.; AR ns.z. 60 A 10.0.0.1" },
		{ "the apex has no more", "z.", ND_TYPE_A, "NOERROR aa; " SOA },
		{ "NODATA", "a.z.", ND_TYPE_AAAA, "NOERROR aa; " SOA },
		{ "NXDOMAIN", "no.z.", ND_TYPE_A, "NXDOMAIN aa; " SOA },
		{ "below a name", "no.a.z.", ND_TYPE_A, "NXDOMAIN aa; " SOA },
		{ "an empty non-terminal", "y.e.z.", ND_TYPE_A, "NOERROR aa; " SOA },
		{ "a wildcard", "q.w.z.", ND_TYPE_A, "NOERROR aa; AN q.w.z. 60 A 10.0.0.5; " NS },
		{ "a wildcard, two labels", "p.q.w.z.", ND_TYPE_A,
		  "NOERROR aa; AN p.q.w.z. 60 A 10.0.0.5; " NS },
		{ "a wildcard's targets", "q.w.z.", ND_TYPE_MX,
		  "NOERROR aa; AN q.w.z. 60 MX 1 a.z.; " NS
		  "; AR a.z. 60 A 10.0.0.2; AR a.z. 60 A 10.0.0.3" },
		{ "a wildcard without the type", "q.w.z.", ND_TYPE_TXT, "NOERROR aa; " SOA },
		{ "below an empty non-terminal beside a wildcard", "q.b.w.z.", ND_TYPE_A,
		  "NXDOMAIN aa; " SOA },
		{ "that empty non-terminal, as in CoreDNS", "b.w.z.", ND_TYPE_A,
		  "NOERROR aa; AN b.w.z. 60 A 10.0.0.5; " NS },
		{ "CNAMEs", "c1.z.", ND_TYPE_A,
		  "NOERROR aa; AN c1.z. 60 CNAME c2.z.; AN c2.z. 60 CNAME a.z.; AN a.z. 60 A "
		  "10.0.0.2; AN a.z. 60 A 10.0.0.3; " NS },
		{ "the CNAME itself", "c1.z.", ND_TYPE_CNAME,
		  "NOERROR aa; AN c1.z. 60 CNAME c2.z.; " NS },
		{ "a CNAME without the type", "c2.z.", ND_TYPE_AAAA,
		  "NOERROR aa; AN c2.z. 60 CNAME a.z.; " NS },
		{ "a target elsewhere", "out.z.", ND_TYPE_A,
		  "NOERROR aa; AN out.z. 60 CNAME q.other.; AN q.other. 9 A 10.9.9.9; " NS },
		{ "a target that does not exist", "lost.z.", ND_TYPE_A,
		  "NXDOMAIN aa; AN lost.z. 60 CNAME q.gone.; " SOA },
		{ "a CNAME to itself", "self.z.", ND_TYPE_A, "SERVFAIL" },
		{ "DNAME", "x.y.d.z.", ND_TYPE_A,
		  "NOERROR aa; AN d.z. 60 DNAME e.z.; AN x.y.d.z. 60 CNAME x.y.e.z.; AN x.y.e.z. 60 A "
		  "10.0.0.4; " NS },
		{ "the name of a DNAME", "d.z.", ND_TYPE_A, "NOERROR aa; " SOA },
		{ "a referral", "x.cut.z.", ND_TYPE_A,
		  "NOERROR; NS cut.z. 60 NS ns.cut.z.; NS cut.z. 60 NS ns.z.; AR ns.cut.z. 60 A "
		  "10.0.0.6" },
		{ "the DS of a cut", "cut.z.", ND_TYPE_DS,
		  "NOERROR aa; AN cut.z. 60 DS 1 8 2 AB; " NS },
		{ "a CNAME below a cut", "tocut.z.", ND_TYPE_A,
		  "NOERROR aa; AN tocut.z. 60 CNAME x.cut.z.; NS cut.z. 60 NS ns.cut.z.; NS cut.z. 60 "
		  "NS ns.z.; AR ns.cut.z. 60 A 10.0.0.6" },
		{ "each target once", "mx.z.", ND_TYPE_MX,
		  "NOERROR aa; AN mx.z. 60 MX 1 a.z.; AN mx.z. 60 MX 2 a.z.; AN mx.z. 60 MX 3 "
		  "q.other.; " NS "; AR a.z. 60 A 10.0.0.2; AR a.z. 60 A 10.0.0.3" },
		{ "SRV", "s.z.", ND_TYPE_SRV,
		  "NOERROR aa; AN s.z. 60 SRV 1 2 3 a.z.; " NS
		  "; AR a.z. 60 A 10.0.0.2; AR a.z. 60 A 10.0.0.3" },
		{ "ANY", "a.z.", ND_TYPE_ANY, "NOERROR aa; " SOA },
		{ "AXFR", "z.", ND_TYPE_AXFR, "REFUSED" },
		{ "another zone", "q.other.", ND_TYPE_A, "NOERROR aa; AN q.other. 9 A 10.9.9.9" },
	};
	(void)state;
	open_zone(zone, "");
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		assert_true(nd_rig_ask(&rig, rows[i].name, rows[i].type, ND_FLAG_RD, 0));
		if (strcmp(nd_rig_text(&rig), rows[i].reply) != 0)
			fail_msg("%s: %s", rows[i].what, rig.text);
	}
}

static unsigned count(const char *text, const char *word)
{
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, word)) != NULL; p++)
		n++;
	return n;
}

/* Each has an end. */
static void test_loops(void **state)
{
	char name[300] = "";

	(void)state;
	open_zone(zone, "");
	assert_true(nd_rig_ask(&rig, "l1.z.", ND_TYPE_A, 0, 4096));
	assert_int_equal(nd_rig_rcode(&rig), ND_RCODE_NOERROR);
	assert_int_equal(count(nd_rig_text(&rig), "CNAME"), 10);
	/* Each of its targets is answered by the wildcard again, by way of the server. */
	assert_true(nd_rig_ask(&rig, "q.n.m.z.", ND_TYPE_A, 0, 4096));
	assert_int_equal(nd_rig_rcode(&rig), ND_RCODE_SERVFAIL);
	assert_int_equal(count(nd_rig_text(&rig), "CNAME"), 9);
	/* RFC 6672 s2.2: the name that a DNAME makes is too long. */
	for (int i = 0; i < 110; i++)
		strcat(name, "q.");
	strcat(name, "long.z.");
	assert_true(nd_rig_ask(&rig, name, ND_TYPE_A, 0, 4096));
	assert_string_equal(
		nd_rig_text(&rig),
		"YXDOMAIN aa; AN long.z. 60 DNAME 0123456789012345678901234567890123456789.e.z.");
}

static void test_signed(void **state)
{
#define SIG(type) "RRSIG " type " 8 2 60 20300101000000 20200101000000 1 z. AAAA"
#define SIG_TEXT(type) "60 RRSIG " type " 8 2 60 20300101000000 20200101000000 1 z. AAAA"
#define DO_SOA "NS z. 60 SOA ns.z. h.z. 7 2 3 4 5; NS z. " SIG_TEXT("SOA")
	static const char text[] = HEAD "@ " SIG("SOA") "\n@ NSEC a SOA NS\n@ " SIG(
		"NSEC") "\n"
			"a A 10.0.0.2\na " SIG("A") "\na NSEC m A\nm TXT x\nm NSEC @ TXT\n";
	static const struct {
		const char *what, *name;
		uint16_t type;
		const char *reply;
	} rows[] = {
		{ "a signature", "a.z.", ND_TYPE_A,
		  "NOERROR aa; AN a.z. 60 A 10.0.0.2; AN a.z. " SIG_TEXT("A") "; " NS },
		{ "NODATA", "a.z.", ND_TYPE_TXT, "NOERROR aa; " DO_SOA "; NS a.z. 60 NSEC m.z. A" },
		{ "NXDOMAIN with two denials", "b.z.", ND_TYPE_A,
		  "NXDOMAIN aa; " DO_SOA
		  "; NS a.z. 60 NSEC m.z. A; NS z. 60 NSEC a.z. NS SOA; NS z. " SIG_TEXT("NSEC") },
		{ "NXDOMAIN with one", "0.z.", ND_TYPE_A,
		  "NXDOMAIN aa; " DO_SOA "; NS z. 60 NSEC a.z. NS SOA; NS z. " SIG_TEXT("NSEC") },
	};
	uint8_t q[512];

	(void)state;
	open_zone(text, "");
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		size_t n = nd_rig_question(q, rows[i].name, rows[i].type, 0, 4096);
		q[n - 4] = 0x80; /* DO */
		assert_true(nd_rig_send(&rig, q, n, ND_PROTO_UDP));
		if (strcmp(nd_rig_text(&rig), rows[i].reply) != 0)
			fail_msg("%s: %s", rows[i].what, rig.text);
	}
}

static void test_fallthrough(void **state)
{
	(void)state;
	open_zone(HEAD "x.y A 10.0.0.2\n", "  fallthrough no.z.");
	assert_true(nd_rig_ask(&rig, "a.no.z.", ND_TYPE_A, 0, 0));
	assert_string_equal(nd_rig_text(&rig), "SERVFAIL"); /* no plugin after it answers */
	assert_true(nd_rig_ask(&rig, "a.z.", ND_TYPE_A, 0, 0));
	assert_string_equal(nd_rig_text(&rig), "NXDOMAIN aa; " SOA);
}

/* A NOTIFY is for secondaries. */
static void test_notify(void **state)
{
	uint8_t q[512];

	(void)state;
	open_zone(HEAD, "");
	size_t n = nd_rig_question(q, "z.", ND_TYPE_SOA, 0, 0);
	q[2] |= ND_OPCODE_NOTIFY << 3;
	assert_false(nd_rig_send(&rig, q, n, ND_PROTO_UDP));
	assert_non_null(strstr(nd_rig_log(&rig), "Dropping notify from 127.0.0.1 for z."));
}

static bool soon(const char *name, const char *reply)
{
	for (int i = 0; i < 200; i++) {
		nd_rig_run(&rig, 10);
		assert_true(nd_rig_ask(&rig, name, ND_TYPE_A, 0, 0));
		if (strcmp(nd_rig_text(&rig), reply) == 0)
			return true;
	}
	return false;
}

static void test_reload(void **state)
{
	static const char next[] = "$TTL 60\n@ SOA ns h 8 2 3 4 5\n@ NS ns\na A 10.0.0.9\n";
	(void)state;
	open_zone(HEAD "a A 10.0.0.2\n", "  reload 20ms");
	assert_true(soon("a.z.", "NOERROR aa; AN a.z. 60 A 10.0.0.2; " NS));
	write_zone(HEAD "a A 10.0.0.3\n"); /* the serial is the same */
	nd_rig_run(&rig, 100);
	assert_true(soon("a.z.", "NOERROR aa; AN a.z. 60 A 10.0.0.2; " NS));
	write_zone("$TTL 60\n@ SOA ns h 9 2 3 4 5\n@ NS ns\na A 10.0.0\n");
	nd_rig_run(&rig, 100);
	const char *log = nd_rig_log(&rig);
	char want[200];
	snprintf(want, sizeof want, "Parsing zone \"z.\": %s:4: invalid address \"10.0.0\"", path);
	assert_non_null(strstr(log, want));
	assert_int_equal(count(log, "keeping its last records"), 1);
	assert_true(soon("a.z.", "NOERROR aa; AN a.z. 60 A 10.0.0.2; " NS));
	write_zone(next);
	assert_true(soon("a.z.", "NOERROR aa; AN a.z. 60 A 10.0.0.9; " NS));
	assert_non_null(strstr(nd_rig_log(&rig), "Successfully reloaded zone \"z.\""));
	unlink(path);
	nd_rig_run(&rig, 100);
	assert_true(soon("a.z.", "NOERROR aa; AN a.z. 60 A 10.0.0.9; " NS));
	assert_non_null(strstr(nd_rig_log(&rig), "; keeping its last records"));
	nd_rig_run(&rig, 100);
	assert_null(strstr(nd_rig_log(&rig), "Parsing zone"));
}

static void test_reload_by_mtime(void **state)
{
	(void)state;
	open_zone(HEAD "a A 10.0.0.2\n", "  reload 20ms\n  reload_by_mtime");
	nd_rig_run(&rig, 30);
	write_zone(HEAD "a A 10.0.0.3\n");
	assert_true(soon("a.z.", "NOERROR aa; AN a.z. 60 A 10.0.0.3; " NS));
}

/* CoreDNS takes it for a zone that has not changed, and does not load it. */
static void test_serial_0(void **state)
{
	(void)state;
	open_zone("$TTL 60\n@ SOA ns h 0 2 3 4 5\n@ NS ns\nns A 10.0.0.1\n", "");
	assert_true(nd_rig_ask(&rig, "ns.z.", ND_TYPE_A, 0, 0));
	assert_string_equal(nd_rig_text(&rig), "NOERROR aa; AN ns.z. 60 A 10.0.0.1; " NS);
}

/* A zone that appears later, and one over the budget. */
static void test_missing(void **state)
{
	char text[256];
	(void)state;
	nd_rig_open(&rig, ".:1053 {\n file /nonexistent/zone z.\n}\n");
	assert_non_null(strstr(nd_rig_log(&rig), "Failed to open \"/nonexistent/zone\""));
	assert_true(nd_rig_ask(&rig, "a.z.", ND_TYPE_A, 0, 0));
	assert_string_equal(nd_rig_text(&rig), "SERVFAIL");
	assert_true(nd_rig_ask(&rig, "a.y.", ND_TYPE_A, 0, 0));
	assert_string_equal(nd_rig_text(&rig), "REFUSED");
	nd_rig_close(&rig);

	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	snprintf(text, sizeof text, ".:1053 {\n file %s z. {\n  reload 20ms\n }\n}\n", path);
	unlink(path);
	nd_rig_open(&rig, text);
	write_zone(HEAD);
	assert_true(soon("ns.z.", "NOERROR aa; AN ns.z. 60 A 10.0.0.1; " NS));
	write_zone("$TTL 60\n@ SOA ns h 8 2 3 4 5\n$GENERATE 1-65000 h$ A 10.0.0.1\n");
	nd_budget_set((uint64_t)2 << 20);
	nd_rig_run(&rig, 500);
	nd_budget_set((uint64_t)ND_BUDGET_DEFAULT_MIB << 20);
	assert_non_null(strstr(nd_rig_log(&rig), "its records would exceed 1 MiB"));
	assert_true(soon("ns.z.", "NOERROR aa; AN ns.z. 60 A 10.0.0.1; " NS));
}

static void test_refused(void **state)
{
	static const struct {
		const char *options, *message;
	} rows[] = {
		{ "file", "missing file; give file DBFILE [ZONES...]" },
		{ "file /nonexistent/x {\n reload x\n }",
		  "invalid reload \"x\": must be a duration like \"1m\", or 0" },
		{ "file /nonexistent/x {\n reload -1s\n }",
		  "invalid reload \"-1s\": must be a duration like \"1m\", or 0" },
		{ "file /nonexistent/x {\n reload\n }",
		  "invalid reload \"\": must be a duration like \"1m\", or 0" },
		{ "file /nonexistent/x {\n what\n }", "unknown property \"what\"" },
		{ "file /nonexistent/x {\n reload 0\n }", "cannot open \"/nonexistent/x\"" },
		{ "file /dev/null", "/dev/null" },
		{ "root", "missing folder; give root DIR" },
	};
	char text[512];
	(void)state;
	open_zone(HEAD, "");
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		snprintf(text, sizeof text, "z.:1053 {\n %s\n}\n", rows[i].options);
		const char *message = nd_rig_refuse(&rig, text);
		if (!strstr(message, rows[i].message))
			fail_msg("%s: %s", rows[i].options, message);
	}
	write_zone("@ 5 SOA ns h 1 2 3 4 5\nx 5 A y\n");
	snprintf(text, sizeof text, "y.:1053 {\n file %s\n}\n", path);
	const char *message = nd_rig_refuse(&rig, text);
	assert_non_null(strstr(message, ":2: invalid address \"y\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_answers, close_rig),
		cmocka_unit_test_teardown(test_loops, close_rig),
		cmocka_unit_test_teardown(test_signed, close_rig),
		cmocka_unit_test_teardown(test_fallthrough, close_rig),
		cmocka_unit_test_teardown(test_notify, close_rig),
		cmocka_unit_test_teardown(test_reload, close_rig),
		cmocka_unit_test_teardown(test_reload_by_mtime, close_rig),
		cmocka_unit_test_teardown(test_serial_0, close_rig),
		cmocka_unit_test_teardown(test_missing, close_rig),
		cmocka_unit_test_teardown(test_refused, close_rig),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
