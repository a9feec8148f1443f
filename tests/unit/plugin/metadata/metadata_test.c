/* SPDX-License-Identifier: Apache-2.0 */
/* Labels: which plugins provide and read them, and when there are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "core/offer.h"
#include "support/rig.h"

extern const struct nd_plugin nd_plugin_metadata, nd_plugin_rewrite, nd_plugin_template;

static unsigned made; /* number of values computed */
static const char *wanted;
static char got[512];

static int no_setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	(void)self;
	(void)d;
	(void)s;
	return 0;
}

static int put(char *out, size_t cap, const char *text)
{
	size_t n = strlen(text);

	made++;
	memcpy(out, text, n < cap ? n : cap);
	return (int)(n < cap ? n : cap);
}

/* test/name, test/type: of the query as received; test/empty; test/state: of the query;
 * test/Case. */
static int give(const void *self, struct nd_query *q, const struct nd_offer_asked *asked,
		const char *label, char *out, size_t cap)
{
	char text[ND_NAME_TEXT_MAX];

	(void)self;
	if (strcmp(label, "test/name") == 0) {
		nd_name_format(asked->lower, text);
		text[strlen(text) - 1] = '\0';
		return put(out, cap, text);
	}
	if (strcmp(label, "test/type") == 0)
		return put(out, cap, asked->qtype == ND_TYPE_A ? "A" : "other");
	if (strcmp(label, "test/empty") == 0)
		return put(out, cap, "");
	if (strcmp(label, "test/Case") == 0)
		return put(out, cap, "Upper");
	if (strcmp(label, "test/state") == 0)
		return put(out, cap, *(const uint32_t *)nd_query_state(q) == 7 ? "seven" : "none");
	return -1;
}

static enum nd_verdict giver_query(const void *self, struct nd_query *q)
{
	(void)self;
	*(uint32_t *)nd_query_state(q) = 7;
	return ND_NEXT;
}

static const struct nd_offer giver_offer = { .label = give };
static const struct nd_plugin giver = { .name = "giver",
					.setup = no_setup,
					.query_size = 4,
					.query = giver_query,
					.offer = &giver_offer };

static int give_anywhere(const void *self, struct nd_query *q, const struct nd_offer_asked *asked,
			 const char *label, char *out, size_t cap)
{
	(void)self;
	(void)q;
	(void)asked;
	return strcmp(label, "any/where") == 0 ? put(out, cap, "here") : -1;
}

static const struct nd_offer anywhere_offer = { .label = give_anywhere, .label_anywhere = true };
static const struct nd_plugin anywhere = { .name = "anywhere",
					   .setup = no_setup,
					   .query = giver_query,
					   .query_size = 4,
					   .offer = &anywhere_offer };

static enum nd_verdict read_label(struct nd_query *q)
{
	char value[ND_OFFER_LABEL_MAX];
	int n = nd_offer_label(q, wanted, value, sizeof value);

	snprintf(got, sizeof got, "%s", n < 0 ? "(none)" : "");
	if (n >= 0)
		snprintf(got, sizeof got, "%.*s", n, value);
	return ND_DONE;
}

static enum nd_verdict on_child(const void *self, struct nd_query *q, struct nd_query *child)
{
	(void)self;
	(void)q;
	(void)child;
	return ND_DONE;
}

static enum nd_verdict asker_query(const void *self, struct nd_query *q)
{
	struct nd_name_buf buf;
	struct nd_name other;

	(void)self;
	if (q->msg.qtype != ND_TYPE_MX && q->msg.qtype != ND_TYPE_NS)
		return ND_NEXT;
	assert_int_equal(nd_name_parse("other.test.", true, &buf, &other), 0);
	return nd_query_ask(q, other, ND_TYPE_A,
			    q->msg.qtype == ND_TYPE_MX ? ND_ASK_BELOW : ND_ASK_SITE, on_child);
}

static enum nd_verdict reader_query(const void *self, struct nd_query *q)
{
	(void)self;
	return read_label(q);
}

static const struct nd_plugin asker = { .name = "asker", .setup = no_setup, .query = asker_query };
static const struct nd_plugin reader = { .name = "reader",
					 .setup = no_setup,
					 .query = reader_query };
const struct nd_plugin *const nd_plugins[] = { &nd_plugin_metadata,
					       &nd_plugin_rewrite,
					       &nd_plugin_template,
					       &giver,
					       &anywhere,
					       &asker,
					       &reader,
					       NULL };
const char *const nd_plugins_unsupported[] = { NULL };

static struct nd_rig rig;

static int close_rig(void **state)
{
	(void)state;
	nd_rig_close(&rig);
	rig.gen = NULL;
	return 0;
}

static void serve(const char *lines)
{
	char text[1024];

	snprintf(text, sizeof text, ".:1053 {\n %s\n giver\n anywhere\n asker\n reader\n}\n",
		 lines);
	if (rig.gen)
		nd_rig_reload(&rig, text);
	else
		nd_rig_open(&rig, text);
	made = 0;
	got[0] = '\0';
}

static void test_labels(void **state)
{
	static const struct {
		const char *lines, *label, *question;
		uint16_t type;
		const char *value;
	} rows[] = {
		{ "", "test/name", "a.test.", ND_TYPE_A, "(none)" },
		{ "metadata", "test/name", "A.test.", ND_TYPE_A, "a.test" },
		{ "metadata", "test/type", "a.test.", ND_TYPE_A, "A" },
		{ "metadata", "test/none", "a.test.", ND_TYPE_A, "(none)" },
		{ "metadata", "test/empty", "a.test.", ND_TYPE_A, "" },
		{ "metadata", "test/state", "a.test.", ND_TYPE_A, "seven" },
		{ "metadata a.test b.test", "test/name", "x.b.test.", ND_TYPE_A, "x.b.test" },
		{ "metadata a.test b.test", "test/name", "c.test.", ND_TYPE_A, "(none)" },
		{ "metadata a.test b.test", "any/where", "c.test.", ND_TYPE_A, "here" },
		{ "", "any/where", "c.test.", ND_TYPE_A, "(none)" },
		/* Labels refer to the query as received, whatever was rewritten; a sub-query sees
		 * the same. */
		{ "metadata\n rewrite name a.test b.test", "test/name", "a.test.", ND_TYPE_A,
		  "a.test" },
		{ "metadata\n rewrite type A AAAA", "test/type", "a.test.", ND_TYPE_A, "A" },
		{ "metadata", "test/name", "a.test.", ND_TYPE_MX, "a.test" },
		{ "metadata", "test/type", "a.test.", ND_TYPE_MX, "other" },
		{ "metadata", "test/name", "a.test.", ND_TYPE_NS, "other.test" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		serve(rows[i].lines);
		wanted = rows[i].label;
		assert_true(nd_rig_ask(&rig, rows[i].question, rows[i].type, 0, 0));
		if (strcmp(got, rows[i].value) != 0)
			fail_msg("%s, %s of %s: %s", rows[i].lines, rows[i].label, rows[i].question,
				 got);
		assert_true(made <= 1);
	}
}

static void test_readers(void **state)
{
	(void)state;

	wanted = "test/name";
	serve("metadata\n rewrite name regex (.*)\\.test {1}.{test/Case}.TEST metadata\n"
	      " template IN A upper.test {\n answer \"{{ .Name }} 5 IN TXT {{ .Meta `test/name` }}\"\n"
	      " expr metadata('test/Case') == 'Upper'\n}");
	assert_true(nd_rig_ask(&rig, "a.test.", ND_TYPE_A, 0, 0));
	assert_string_equal(nd_rig_text(&rig), "NOERROR aa; AN a.upper.test. 5 TXT \"a.test\"");

	/* A missing or empty label: the rule does not apply. */
	serve("metadata\n rewrite name regex (.*) {1}.{test/empty}.x. metadata\n"
	      " template IN A {\n answer \"{{ .Name }} 5 IN TXT <{{ .Meta `test/none` }}>\"\n}");
	assert_true(nd_rig_ask(&rig, "a.test.", ND_TYPE_A, 0, 0));
	assert_string_equal(nd_rig_text(&rig), "NOERROR aa; AN a.test. 5 TXT \"<>\"");

	serve("metadata\n rewrite edns0 local set 0xffee {test/Case}");
	assert_true(nd_rig_ask(&rig, "a.test.", ND_TYPE_A, 0, 0));
	assert_int_equal(made, 2); /* the rule's and the reader's: no other is computed */
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *wants;
	} rows[] = {
		{ ".:1053 {\n metadata {\n x\n}\n}\n", "takes zones only" },
		{ ".:1053 {\n metadata a..b\n}\n", "invalid zone \"a..b\"" },
		{ ".:1053 {\n metadata\n metadata\n}\n", "only be used once" },
	};
	(void)state;

	serve("");
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_diag d = { 0 };
		struct nd_gen *g;
		if (nd_gen_from_text(&rig.process, "Corefile", rows[i].text, &g, &d) == 0)
			fail_msg("taken: %s", rows[i].text);
		if (!strstr(d.text, rows[i].wants))
			fail_msg("%s", d.text);
	}
}

/* A block with only this plugin is not empty: no plugin answers, which is a failure. */
static void test_alone(void **state)
{
	(void)state;

	serve("");
	nd_rig_reload(&rig, ".:1053 {\n metadata\n}\n");
	assert_true(nd_rig_ask(&rig, "a.test.", ND_TYPE_A, 0, 0));
	assert_string_equal(nd_rig_text(&rig), "SERVFAIL");
}

#define RIG(test) cmocka_unit_test_teardown(test, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_labels),
		RIG(test_readers),
		RIG(test_refused),
		RIG(test_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
