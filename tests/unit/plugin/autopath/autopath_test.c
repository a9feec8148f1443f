/* SPDX-License-Identifier: Apache-2.0 */
/* Walks of the search list: the names that are queried in turn, and the client's answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "core/offer.h"
#include "support/rig.h"
#include "wire/text.h"

extern const struct nd_plugin nd_plugin_autopath;

static char asked[1024];
static const char *known; /* "name=10.0.0.1 name=FAIL name=SERVFAIL name=EMPTY name=DROP" */
static bool waits;
static struct nd_query_ref waiting;
static const char *client_searches; /* NULL: not known */

static int no_setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	(void)self;
	(void)d;
	(void)s;
	return 0;
}

static bool search(const void *self, const struct nd_query *q, struct nd_offer_search *out)
{
	(void)self;
	(void)q;
	out->n = 0;
	if (!client_searches)
		return false;
	assert_int_equal(nd_name_parse(client_searches, true, &out->buf[0], &out->domain[0]), 0);
	out->domain[1] = nd_name_root;
	out->n = 2;
	return true;
}

static enum nd_verdict answer(struct nd_query *q, const char *what)
{
	static const uint8_t soa[] = "\2ns\0\1h\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5";
	char owner[ND_NAME_TEXT_MAX];
	struct nd_addr a;
	size_t n;

	q->ans.flags |= ND_FLAG_AA;
	if (!what) {
		q->rcode = ND_RCODE_NXDOMAIN;
		nd_answer_rr(q, ND_SECTION_AUTHORITY, nd_name_root, ND_TYPE_SOA, ND_CLASS_IN, 9,
			     soa, sizeof soa - 1);
		return ND_DONE;
	}
	sscanf(what, "%*[^=]=%1000s", owner);
	if (strcmp(owner, "FAIL") == 0)
		return nd_query_fail(q, ND_RCODE_SERVFAIL, "broken");
	if (strcmp(owner, "SERVFAIL") == 0)
		q->rcode = ND_RCODE_SERVFAIL;
	else if (strcmp(owner, "DROP") == 0)
		return ND_DROP;
	else if (strcmp(owner, "EMPTY") != 0 && nd_addr_parse_ip(owner, 0, &a) == 0)
		nd_answer_add(q, ND_SECTION_ANSWER, ND_TYPE_A, 30, nd_addr_bytes(&a, &n), 4);
	return ND_DONE;
}

static enum nd_verdict below_query(const void *self, struct nd_query *q)
{
	char name[ND_NAME_TEXT_MAX], key[ND_NAME_TEXT_MAX + 2];

	(void)self;
	nd_name_format(nd_query_name_asked(q), name);
	strcat(asked, asked[0] ? " " : "");
	strcat(asked, name);
	nd_name_format(q->msg.qname, name);
	snprintf(key, sizeof key, " %s=", name);
	answer(q, strstr(known, key));
	if (strstr(known, key) &&
	    strstr(strstr(known, key), "=DROP") == strchr(strstr(known, key), '='))
		return ND_DROP;
	if (!waits)
		return ND_DONE;
	waiting = nd_query_park(q);
	return ND_WAIT;
}

static const struct nd_offer offer = { .search = search };
static const struct nd_plugin below = {
	.name = "below", .setup = no_setup, .query = below_query, .offer = &offer
};
static const struct nd_plugin dumb = { .name = "dumb", .setup = no_setup };
const struct nd_plugin *const nd_plugins[] = { &nd_plugin_autopath, &dumb, &below, NULL };
const char *const nd_plugins_unsupported[] = { NULL };

static struct nd_rig rig;
static char path[] = "/tmp/nodens-autopath-XXXXXX";

static void serve(const char *directive)
{
	char text[512];

	snprintf(text, sizeof text, ".:1053 {\n %s\n below\n}\n", directive);
	if (rig.gen)
		nd_rig_reload(&rig, text);
	else
		nd_rig_open(&rig, text);
	asked[0] = '\0';
}

static int close_rig(void **state)
{
	(void)state;
	if (rig.gen)
		nd_rig_close(&rig);
	rig.gen = NULL;
	return 0;
}

static const char *with_file(const char *text, const char *zones)
{
	static char directive[256];
	FILE *f = fopen(path, "w");

	fputs(text, f);
	fclose(f);
	snprintf(directive, sizeof directive, "autopath %s %s", zones, path);
	return directive;
}

#define NX "NXDOMAIN aa; NS . 9 SOA ns. h. 1 2 3 4 5"

static void test_walk(void **state)
{
	static const char list[] =
		"# x\nsearch other.test\n domain b.test\nsearch A.test b.test. c.test\n";
	static const struct {
		const char *what, *zones, *known, *question, *asked, *reply;
	} rows[] = {
		{ "the first", "", " w.a.test.=10.0.0.1", "W.a.test.", "W.a.test.",
		  "NOERROR aa; AN W.a.test. 30 A 10.0.0.1" },
		{ "the third", "", " w.c.test.=10.0.0.3", "W.a.test.",
		  "W.a.test. W.b.test. W.c.test.",
		  "NOERROR aa; AN W.a.test. 30 CNAME W.c.test.; AN W.c.test. 30 A 10.0.0.3" },
		{ "bare", "", " w.x.=10.0.0.4", "w.x.a.test.",
		  "w.x.a.test. w.x.b.test. w.x.c.test. w.x.",
		  "NOERROR aa; AN w.x.a.test. 30 CNAME w.x.; AN w.x. 30 A 10.0.0.4" },
		{ "nowhere: the first reply", "", " ", "w.a.test.",
		  "w.a.test. w.b.test. w.c.test. w.", NX },
		{ "no data is an answer", "", " w.b.test.=EMPTY", "w.a.test.",
		  "w.a.test. w.b.test.", "NOERROR aa" },
		{ "a refusal of an upstream is one", "", " w.b.test.=SERVFAIL", "w.a.test.",
		  "w.a.test. w.b.test.", "SERVFAIL aa" },
		{ "a failure ends it", "", " w.b.test.=FAIL w.c.test.=10.0.0.1", "w.a.test.",
		  "w.a.test. w.b.test.", "SERVFAIL" },
		{ "another domain", "", " ", "w.b.test.", "w.b.test.", NX },
		{ "the domain itself", "", " a.test.=10.0.0.1", "a.test.", "a.test.",
		  "NOERROR aa; AN a.test. 30 A 10.0.0.1" },
		{ "another zone", "b.test", " ", "w.a.test.", "w.a.test.", NX },
		{ "its zone", "b.test a.test", " w.b.test.=10.0.0.1", "w.a.test.",
		  "w.a.test. w.b.test.",
		  "NOERROR aa; AN w.a.test. 30 CNAME w.b.test.; AN w.b.test. 30 A 10.0.0.1" },
	};
	(void)state;

	for (int w = 0; w < 2; w++)
		for (size_t i = 0; i < ND_COUNT(rows); i++) {
			serve(with_file(list, rows[i].zones));
			known = rows[i].known;
			waits = w;
			unsigned before = rig.replies;
			nd_rig_ask(&rig, rows[i].question, ND_TYPE_A, 0, 1232);
			for (int k = 0; k < 8 && waits && rig.replies == before; k++)
				nd_chain_resume(waiting, ND_DONE);
			waits = false;
			assert_int_equal(rig.replies, before + 1);
			if (strcmp(asked, rows[i].asked) != 0)
				fail_msg("%s: asked %s", rows[i].what, asked);
			if (strcmp(nd_rig_text(&rig), rows[i].reply) != 0)
				fail_msg("%s: %s", rows[i].what, rig.text);
		}
}

static void test_dropped(void **state)
{
	(void)state;

	serve(with_file("search a.test b.test\n", ""));
	known = " w.a.test.=DROP";
	assert_false(nd_rig_ask(&rig, "w.a.test.", ND_TYPE_A, 0, 0));
	assert_int_equal(rig.worker.nparked, 0);
}

/* A name that would be too long with a domain is skipped. */
static void test_too_long(void **state)
{
	char name[300] = "", directive[600] = "search a. ";
	(void)state;

	for (int i = 0; i < 4; i++)
		strcat(name, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.");
	strcat(directive, "bbbbbbbbbbbbbbbbbbbbbbbbbbbb.bbbbbbbbbbbbbbbbbbbb. c.\n");
	serve(with_file(directive, ""));
	known = " ";
	strcat(name, "a.");
	assert_true(nd_rig_ask(&rig, name, ND_TYPE_A, 0, 0));
	assert_string_equal(nd_rig_text(&rig), NX);
	assert_null(strstr(asked, "bbb"));
	assert_non_null(strstr(asked, "aa.c. "));
}

static void test_provider(void **state)
{
	(void)state;

	serve("autopath @below");
	known = " w.=10.0.0.1";
	client_searches = "a.test.";
	assert_true(nd_rig_ask(&rig, "w.a.test.", ND_TYPE_A, 0, 0));
	assert_string_equal(nd_rig_text(&rig),
			    "NOERROR aa; AN w.a.test. 30 CNAME w.; AN w. 30 A 10.0.0.1");
	client_searches = NULL;
	assert_true(nd_rig_ask(&rig, "w.a.test.", ND_TYPE_A, 0, 0));
	assert_string_equal(nd_rig_text(&rig), NX);
	serve("autopath @absent"); /* not in the block: no walk */
	assert_true(nd_rig_ask(&rig, "w.a.test.", ND_TYPE_A, 0, 0));
	assert_string_equal(asked, "w.a.test.");
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *wants;
	} rows[] = {
		{ ".:1053 {\n autopath\n}\n", "no resolv-conf specified" },
		{ ".:1053 {\n autopath /nonesuch/resolv.conf\n}\n",
		  "\"/nonesuch/resolv.conf\" cannot be read" },
		{ ".:1053 {\n autopath @below {\n x\n }\n}\n", "takes no block" },
		{ ".:1053 {\n autopath a..b @below\n}\n", "invalid zone \"a..b\"" },
		{ ".:1053 {\n autopath @dumb\n dumb\n}\n", "plugin dumb has no search lists" },
	};
	(void)state;

	serve("");
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_diag d = { 0 };
		struct nd_gen *g = NULL;
		int err = nd_gen_from_text(&rig.process, "Corefile", rows[i].text, &g, &d);
		if (!err)
			err = nd_gen_start(g, &d);
		nd_gen_free(g);
		if (!err)
			fail_msg("taken: %s", rows[i].text);
		if (!strstr(d.text, rows[i].wants) ||
		    !strstr(d.text, "Corefile:2 - plugin/autopath: "))
			fail_msg("%s", d.text);
	}
}

#define RIG(test) cmocka_unit_test_teardown(test, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_walk),     RIG(test_dropped), RIG(test_too_long),
		RIG(test_provider), RIG(test_refused),
	};
	int fd = mkstemp(path);

	close(fd);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
