/* SPDX-License-Identifier: Apache-2.0 */
/* Records in any order become the same tree: names, order, empty non-terminals, what is covered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/budget.h"
#include "base/err.h"
#include "wire/text.h"
#include "wire/type.h"
#include "zone/treebuild.h"

static const struct nd_siphash_key key = { 1, 2 };

static struct nd_name parse(const char *text, struct nd_name_buf *buf)
{
	struct nd_name name;

	assert_int_equal(nd_name_parse(text, true, buf, &name), 0);
	return name;
}

static int add(struct nd_treebuild *b, const char *text, const char **why)
{
	static struct nd_text_rr rr;
	struct nd_name_buf buf;
	struct nd_name origin = parse("example.", &buf);

	assert_int_equal(nd_text_parse_rr(text, strlen(text), &origin, 60, &rr, NULL), 0);
	return nd_treebuild_add(b, rr.owner, rr.type, rr.class, rr.ttl, rr.rdata, rr.rdata_len,
				why);
}

static struct nd_tree *build(const char *const *text, size_t n, size_t start, size_t stride)
{
	struct nd_treebuild b;
	struct nd_name_buf buf;
	struct nd_tree *t;
	const char *why;

	nd_treebuild_init(&b, parse("example.", &buf), &key);
	assert_int_equal(add(&b, "@ SOA NS h 7 2 3 4 5", &why), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(add(&b, text[(start + i * stride) % n], &why), 0);
	assert_int_equal(nd_treebuild_finish(&b, &t, &why), 0);
	return t;
}

/* The nodes in order: "name:TYPE*COUNT,..[flags]" */
static void print(const struct nd_tree *t, char *out, size_t cap)
{
	size_t len = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < t->n && len < cap; i++) {
		struct nd_tree_node node = nd_tree_at(t, i);
		struct nd_name_buf buf;
		char name[ND_NAME_TEXT_MAX], type[ND_NUMBER_TEXT_MAX];
		struct nd_tree_set set;
		struct nd_tree_rr rr;
		const uint8_t *at = NULL;
		nd_name_format(nd_tree_owner(t, &node, &buf), name);
		len += (size_t)snprintf(out + len, cap - len, "%s%s", i ? " " : "", name);
		while (nd_tree_next_set(&node, &at, &set)) {
			unsigned records = 0;
			while (nd_tree_next(&set, &rr))
				records++;
			len += (size_t)snprintf(out + len, cap - len, ",%s*%u",
						nd_type_text(set.type, type), records);
		}
		if (node.flags & ND_TREE_COVERED)
			len += (size_t)snprintf(out + len, cap - len, "!");
	}
}

static const char *const records[] = {
	"@ NS ns",
	"@ NS NS.other.",
	"@ MX 1 m",
	"b A 10.0.0.1",
	"B A 10.0.0.2",
	"b TXT x",
	"x.y.z A 10.0.0.3",
	"cut NS ns.cut",
	"ns.cut A 10.0.0.4",
	"d DNAME e",
	"x.d A 10.0.0.5",
	"out.other. A 10.0.0.6",
	"*.w CNAME b",
	"x.b A 10.0.0.7",
	"b A 10.0.0.1",
	"y.z TXT y",
	"@ RRSIG NS 8 1 60 20300101000000 20200101000000 1 @ AAAA",
};

static void test_order(void **state)
{
	static const char want[] =
		"example.,MX*1 b.example.,A*3,TXT*1 x.b.example.,A*1 cut.example.,NS*1! "
		"ns.cut.example.,A*1! d.example.,DNAME*1 x.d.example.,A*1! *.w.example.,CNAME*1 "
		"y.z.example.,TXT*1 x.y.z.example.,A*1 out.other.,A*1";
	static const size_t strides[] = { 1, 2, 3, 5, 16 };
	char got[2048];

	(void)state;
	for (size_t i = 0; i < ND_COUNT(strides); i++) {
		for (size_t start = 0; start < ND_COUNT(records); start++) {
			struct nd_tree *t = build(records, ND_COUNT(records), start, strides[i]);
			print(t, got, sizeof got);
			if (strcmp(got, want) != 0)
				fail_msg("stride %zu from %zu: %s", strides[i], start, got);
			assert_int_equal(t->serial, 7);
			assert_int_equal(t->n_in, t->n - 1);
			nd_tree_unref(t);
		}
	}
	assert_int_equal(nd_budget_used(ND_BUDGET_ZONES), 0);
}

static void test_find(void **state)
{
	static const struct {
		const char *name;
		char kind; /* r: records, e: empty non-terminal, '-': none */
		const char *floor;
	} rows[] = {
		{ "example.", 'r', "example." },
		{ "b.example.", 'r', "b.example." },
		{ "a.example.", '-', "example." },
		{ "z.example.", 'e', "*.w.example." },
		{ "y.z.example.", 'r', "y.z.example." },
		{ "x.y.z.example.", 'r', "x.y.z.example." },
		{ "w.example.", 'e', "x.d.example." },
		{ "*.w.example.", 'r', "*.w.example." },
		{ "q.x.b.example.", '-', "x.b.example." },
		{ "zz.example.", '-', "x.y.z.example." },
		{ "out.other.", 'r', NULL },
		{ "other.", '-', NULL },
		{ ".", '-', NULL },
	};
	struct nd_tree *t = build(records, ND_COUNT(records), 0, 1);
	struct nd_name_buf buf;
	char text[ND_NAME_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_name name = parse(rows[i].name, &buf);
		struct nd_tree_node node;
		bool found = nd_tree_find(t, name, &node);
		char kind = !found ? '-' : node.sets ? 'r' : 'e';
		if (kind != rows[i].kind)
			fail_msg("%s: %c", rows[i].name, kind);
		if (found && node.flags & ND_TREE_EMPTY)
			assert_null(node.sets);
		if (!rows[i].floor)
			continue;
		struct nd_name_buf floor_buf;
		assert_true(nd_tree_floor(t, name.wire, (size_t)name.len - t->origin.len, &node));
		nd_name_format(nd_tree_owner(t, &node, &floor_buf), text);
		if (strcmp(text, rows[i].floor) != 0)
			fail_msg("%s: the name before is %s", rows[i].name, text);
	}
	struct nd_tree_node apex = nd_tree_apex(t);
	struct nd_tree_set ns = nd_tree_set(&apex, ND_TYPE_NS);
	struct nd_tree_set sigs = nd_tree_set(&apex, ND_TYPE_RRSIG);
	struct nd_tree_rr rr;
	assert_true(nd_tree_next(&ns, &rr));
	assert_true(nd_tree_next(&ns, &rr));
	assert_memory_equal(rr.rdata, "\2ns\5other", 10); /* in lower case */
	assert_false(nd_tree_next(&ns, &rr));
	assert_true(nd_tree_has(&sigs));
	nd_tree_unref(t);
}

/* An apex without other records is an empty non-terminal, if there are names below. */
static void test_apex(void **state)
{
	static const char *const one[] = { "a.b A 10.0.0.1" };
	struct nd_tree *t = build(one, 1, 0, 1), *bare = build(one, 0, 0, 1);
	struct nd_tree_node node;

	(void)state;
	assert_true(nd_tree_find_below(t, (const uint8_t *)"", 0, &node));
	assert_null(node.sets);
	assert_false(nd_tree_find_below(bare, (const uint8_t *)"", 0, &node));
	assert_false(nd_tree_floor(bare, (const uint8_t *)"\1a", 2, &node));
	assert_int_equal(bare->n, 0);
	nd_tree_unref(t);
	nd_tree_unref(bare);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "a CH TXT x", "unsupported class: must be IN" },
		{ "a NSEC3PARAM \\# 5 0100000000",
		  "NSEC3 zones are not supported: sign with NSEC" },
		{ "a SOA ns h 1 2 3 4 5", "the owner of the SOA record is not the zone's name" },
	};
	struct nd_treebuild b;
	struct nd_name_buf buf;
	struct nd_tree *t;
	const char *why;

	(void)state;
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		nd_treebuild_init(&b, parse("example.", &buf), &key);
		assert_int_equal(add(&b, rows[i].text, &why), ND_EFORMAT);
		assert_string_equal(why, rows[i].why);
		assert_int_equal(nd_treebuild_finish(&b, &t, &why), ND_EFORMAT);
	}
	nd_treebuild_init(&b, parse("example.", &buf), &key);
	assert_int_equal(add(&b, "a A 10.0.0.1", &why), 0);
	assert_int_equal(nd_treebuild_finish(&b, &t, &why), ND_EFORMAT);
	assert_string_equal(why, "no SOA record");
	assert_int_equal(nd_budget_used(ND_BUDGET_ZONES), 0);
}

/* Names of 100 labels each, whose ancestors are all empty non-terminals: what they take is counted,
 * and the budget ends it. */
static void test_budget(void **state)
{
	struct nd_treebuild b;
	struct nd_name_buf buf, owner_buf;
	struct nd_tree *t;
	const char *why;
	uint64_t refused = nd_budget_refused(ND_BUDGET_ZONES);
	int err = 0;

	(void)state;
	nd_budget_set((uint64_t)16 << 20);
	nd_treebuild_init(&b, parse("example.", &buf), &key);
	assert_int_equal(add(&b, "@ SOA ns h 7 2 3 4 5", &why), 0);
	for (unsigned i = 0; i < 1000000 && !err; i++) {
		char text[ND_NAME_TEXT_MAX];
		size_t len = 0;
		for (int l = 0; l < 100; l++)
			len += (size_t)sprintf(text + len, "a.");
		sprintf(text + len, "%x.example.", i);
		struct nd_name owner = parse(text, &owner_buf);
		err = nd_treebuild_add(&b, owner, ND_TYPE_A, ND_CLASS_IN, 1,
				       (const uint8_t *)"\1\2\3\4", 4, &why);
	}
	assert_int_equal(err, ND_ELIMIT);
	assert_int_equal(nd_treebuild_finish(&b, &t, &why), ND_ELIMIT);
	assert_null(why);
	nd_treebuild_init(&b, parse("example.", &buf), &key);
	assert_int_equal(add(&b, "@ SOA ns h 7 2 3 4 5", &why), 0);
	err = 0;
	for (unsigned i = 0; i < 10000 && !err; i++) { /* fits; its empty non-terminals do not */
		char text[ND_NAME_TEXT_MAX];
		size_t len = 0;
		for (int l = 0; l < 100; l++)
			len += (size_t)sprintf(text + len, "a.");
		sprintf(text + len, "%x.example.", i);
		struct nd_name owner = parse(text, &owner_buf);
		err = nd_treebuild_add(&b, owner, ND_TYPE_A, ND_CLASS_IN, 1,
				       (const uint8_t *)"\1\2\3\4", 4, &why);
	}
	assert_int_equal(err, 0);
	assert_int_equal(nd_treebuild_finish(&b, &t, &why), ND_ELIMIT);
	assert_true(nd_budget_refused(ND_BUDGET_ZONES) >= refused + 2);
	assert_int_equal(nd_budget_used(ND_BUDGET_ZONES), 0);
	nd_budget_set((uint64_t)ND_BUDGET_DEFAULT_MIB << 20);
}

/* A hundred thousand names take little more than their own bytes. */
static void test_memory(void **state)
{
	enum { NAMES = 100000 };
	struct nd_treebuild b;
	struct nd_name_buf buf, owner_buf;
	struct nd_tree *t;
	const char *why;

	(void)state;
	nd_treebuild_init(&b, parse("example.", &buf), &key);
	assert_int_equal(add(&b, "@ SOA ns h 7 2 3 4 5", &why), 0);
	for (unsigned i = 0; i < NAMES; i++) {
		char text[64];
		sprintf(text, "host%u.example.", i * 7919 % NAMES);
		struct nd_name owner = parse(text, &owner_buf);
		assert_int_equal(nd_treebuild_add(&b, owner, ND_TYPE_A, ND_CLASS_IN, 1,
						  (const uint8_t *)"\1\2\3\4", 4, &why),
				 0);
	}
	assert_int_equal(nd_treebuild_finish(&b, &t, &why), 0);
	assert_int_equal(t->n, NAMES);
	assert_int_equal(nd_budget_used(ND_BUDGET_ZONES), t->charged);
	assert_true(t->charged < NAMES * 42);
	for (unsigned i = 0; i < NAMES; i++) {
		char text[64];
		struct nd_tree_node node;
		sprintf(text, "host%u.example.", i);
		assert_true(nd_tree_find(t, parse(text, &owner_buf), &node));
	}
	nd_tree_ref(t);
	nd_tree_unref(t);
	assert_true(nd_budget_used(ND_BUDGET_ZONES) > 0);
	nd_tree_unref(t);
	assert_int_equal(nd_budget_used(ND_BUDGET_ZONES), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),  cmocka_unit_test(test_find),
		cmocka_unit_test(test_apex),   cmocka_unit_test(test_refused),
		cmocka_unit_test(test_budget), cmocka_unit_test(test_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
