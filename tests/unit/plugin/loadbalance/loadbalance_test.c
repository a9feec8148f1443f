/* SPDX-License-Identifier: Apache-2.0 */
/* Answers are shuffled as in CoreDNS: no record is lost or changed, and the kinds keep their order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "support/rig.h"
#include "wire/text.h"

extern const struct nd_plugin nd_plugin_loadbalance;

/* "AN owner TYPE data", ... */
static const char *const *below;

static int no_setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	(void)self;
	(void)d;
	(void)s;
	return 0;
}

static void put(struct nd_query *q, const char *row)
{
	static const char *const sections[] = { "AN", "NS", "AR" };
	struct nd_name_buf buf;
	struct nd_name owner;
	char section[3], name[128], type[16], data[128];
	uint8_t rdata[256], *at = rdata;
	unsigned kind = 0;

	assert_int_equal(sscanf(row, "%2s %127s %15s %127s", section, name, type, data), 4);
	while (strcmp(sections[kind], section) != 0)
		kind++;
	assert_int_equal(nd_name_parse(name, true, &buf, &owner), 0);
	int number = nd_type_parse(type, strlen(type));
	struct nd_addr addr;
	size_t n;
	if (number == ND_TYPE_A || number == ND_TYPE_AAAA) {
		assert_int_equal(nd_addr_parse_ip(data, 0, &addr), 0);
		memcpy(rdata, nd_addr_bytes(&addr, &n), 16);
	} else { /* a name, after a preference for MX */
		struct nd_name_buf target_buf;
		struct nd_name target;
		if (number == ND_TYPE_MX) {
			at[0] = 0;
			at[1] = 10;
			at += 2;
		}
		assert_int_equal(nd_name_parse(data, true, &target_buf, &target), 0);
		memcpy(at, target.wire, target.len);
		n = (size_t)(at - rdata) + target.len;
	}
	assert_int_equal(nd_answer_rr(q, (enum nd_section)kind, owner, (uint16_t)number,
				      ND_CLASS_IN, 60, rdata, n),
			 0);
}

static enum nd_verdict below_query(const void *self, struct nd_query *q)
{
	(void)self;
	for (const char *const *row = below; *row; row++)
		put(q, *row);
	q->ans.flags |= ND_FLAG_AA;
	return ND_DONE;
}

static const struct nd_plugin below_plugin = { .name = "below",
					       .setup = no_setup,
					       .query = below_query };
const struct nd_plugin *const nd_plugins[] = { &nd_plugin_loadbalance, &below_plugin, NULL };
const char *const nd_plugins_unsupported[] = { NULL };

static struct nd_rig rig;

static int open_rig(void **state)
{
	(void)state;
	nd_rig_open(&rig, ".:1053 {\n loadbalance\n below\n}\n");
	return 0;
}

static int close_rig(void **state)
{
	(void)state;
	nd_rig_close(&rig);
	return 0;
}

enum { ROW = 160, ROWS = 16 };

/* Writes the last reply in the form of the rows; returns the number of records. */
static unsigned read_rows(char rows[ROWS][ROW])
{
	static const char *const sections[] = { "AN", "NS", "AR" };
	struct nd_rr rr;
	unsigned i;

	for (i = 0; nd_rig_record(&rig, i, &rr) && rr.type != ND_TYPE_OPT; i++) {
		struct nd_reader r = nd_reader_over(rig.bytes, rig.len);
		struct nd_name_buf buf;
		struct nd_name owner;
		char name[ND_NAME_TEXT_MAX], type[ND_NUMBER_TEXT_MAX], data[512];
		uint8_t rdata[512];
		assert_int_equal(rr.ttl, 60);
		r.pos += rr.owner;
		assert_int_equal(nd_name_read(&r, false, &buf, &owner), 0);
		nd_name_format(owner, name);
		int n = nd_rr_expand_rdata(rig.bytes, rig.len, rr.rdata, rr.rdata_len, rr.type,
					   rdata, sizeof rdata);
		assert_true(n >= 0);
		nd_text_format_rdata(rr.type, rdata, (size_t)n, data, sizeof data);
		snprintf(rows[i], ROW, "%s %.60s %s %.60s", sections[rr.section], name,
			 nd_type_text(rr.type, type),
			 rr.type == ND_TYPE_MX ? strchr(data, ' ') + 1 : data);
	}
	return i;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Sends 200 queries. Each reply must have all of `rows`, with kinds in the order of `order` ("C" a
 * CNAME, "a" an address, "m" an MX, "o" another; '|' ends a section). Returns the number of
 * different last records. */
static unsigned ask_often(const char *const *rows, const char *order)
{
	char wants[ROWS][ROW], got[ROWS][ROW], seen[ROWS][ROW];
	unsigned n = 0, nseen = 0;

	below = rows;
	for (; rows[n]; n++)
		snprintf(wants[n], ROW, "%s", rows[n]);
	qsort(wants, n, ROW, by_text);
	for (unsigned round = 0; round < 200; round++) {
		assert_true(nd_rig_ask(&rig, "www.test.", ND_TYPE_A, 0, 4096));
		assert_true(rig.msg.flags & ND_FLAG_AA);
		assert_int_equal(read_rows(got), n);
		char kinds[2 * ROWS] = "";
		for (unsigned i = 0; i < n; i++) {
			if (i && memcmp(got[i], got[i - 1], 2) != 0)
				strcat(kinds, "|");
			strcat(kinds, strstr(got[i], " CNAME ")                           ? "C"
				      : strstr(got[i], " MX ")                            ? "m"
				      : strstr(got[i], " A ") || strstr(got[i], " AAAA ") ? "a"
											  : "o");
		}
		assert_string_equal(kinds, order);
		/* A last record that changes shows that records are shuffled. */
		unsigned s = 0;
		while (s < nseen && strcmp(seen[s], got[n - 1]) != 0)
			s++;
		if (s == nseen)
			strcpy(seen[nseen++], got[n - 1]);
		qsort(got, n, ROW, by_text);
		for (unsigned i = 0; i < n; i++)
			assert_string_equal(got[i], wants[i]);
	}
	return nseen;
}

static void test_addresses(void **state)
{
	static const char *const four[] = { "AN www.test. A 10.0.0.1", "AN www.test. A 10.0.0.2",
					    "AN www.test. A 10.0.0.3", "AN www.test. A 10.0.0.4",
					    NULL };
	static const char *const six[] = { "AN www.test. AAAA ::1", "AN www.test. AAAA ::2",
					   "AN www.test. AAAA ::3", NULL };
	static const char *const one[] = { "AN www.test. A 10.0.0.1", NULL };
	(void)state;

	assert_int_equal(ask_often(four, "aaaa"), 4);
	assert_int_equal(ask_often(six, "aaa"), 3);
	assert_int_equal(ask_often(one, "a"), 1);
}

/* Each address is at each position about 200 times; seven standard deviations are 96. */
static void test_even(void **state)
{
	enum { N = 15, TIMES = 3000 };
	static char text[N][ROW];
	static const char *rows[N + 1];
	unsigned seen[N][N] = { { 0 } };
	(void)state;

	for (unsigned i = 0; i < N; i++) {
		snprintf(text[i], ROW, "AN www.test. A 10.0.0.%u", i);
		rows[i] = text[i];
	}
	below = rows;
	for (unsigned t = 0; t < TIMES; t++) {
		struct nd_rr rr;
		assert_true(nd_rig_ask(&rig, "www.test.", ND_TYPE_A, 0, 0));
		for (unsigned i = 0; i < N; i++) {
			assert_true(nd_rig_record(&rig, i, &rr));
			seen[i][rig.bytes[rr.rdata + 3]]++;
		}
	}
	for (unsigned i = 0; i < N; i++)
		for (unsigned k = 0; k < N; k++)
			if (seen[i][k] < 104 || seen[i][k] > 296)
				fail_msg("position %u: address %u %u times of %u", i, k, seen[i][k],
					 TIMES);
}

/* Addresses are not moved between owners. */
static void test_owners(void **state)
{
	static const char *const rows[] = { "AN www.test. CNAME b.test.", "AN b.test. A 10.0.0.1",
					    "AN b.test. A 10.0.0.2",      "AR ns1.test. A 10.1.0.1",
					    "AR ns1.test. A 10.1.0.2",    "AR ns2.test. A 10.2.0.1",
					    "AR ns2.test. A 10.2.0.2",    NULL };
	(void)state;

	assert_true(ask_often(rows, "Caa|aaaa") >= 2);
}

static void test_cnames_first(void **state)
{
	static const char *const rows[] = { "AN b.test. A 10.0.0.1", "AN www.test. CNAME a.test.",
					    "AN a.test. CNAME b.test.", "AN b.test. A 10.0.0.2",
					    NULL };
	static const char *const mixed[] = { "AN www.test. NS ns.test.", "AN b.test. A 10.0.0.1",
					     "AN www.test. CNAME b.test.", "AN b.test. A 10.0.0.2",
					     NULL };
	char got[ROWS][ROW];
	(void)state;

	assert_int_equal(ask_often(mixed, "Coaa"), 2);
	assert_int_equal(ask_often(rows, "CCaa"), 2);
	read_rows(got); /* a chain keeps its order */
	assert_string_equal(got[0], rows[1]);
	assert_string_equal(got[1], rows[2]);
}

static void test_mx(void **state)
{
	static const char *const rows[] = { "AN www.test. MX m1.test.",
					    "AN www.test. MX m2.test.",
					    "AN www.test. MX m3.test.",
					    "NS test. NS ns.test.",
					    "AR m1.test. A 10.0.0.1",
					    "AR m2.test. A 10.0.0.2",
					    NULL };
	static const char *const mixed[] = { "AN www.test. MX m1.test.", "AN www.test. NS ns.test.",
					     "AN www.test. A 10.0.0.1", "AN www.test. MX m2.test.",
					     NULL };
	static const char *const alone[] = { "AN www.test. MX m1.test.", "AN www.test. MX m2.test.",
					     NULL };
	(void)state;

	assert_true(ask_often(rows, "mmm|o|aa") >= 1);
	assert_int_equal(ask_often(alone, "mm"), 2);
	assert_int_equal(ask_often(mixed, "oamm"), 2);
	below = rows;
	unsigned first[4] = { 0 };
	for (unsigned i = 0; i < 200; i++) {
		char got[ROWS][ROW];
		assert_true(nd_rig_ask(&rig, "www.test.", ND_TYPE_MX, 0, 0));
		read_rows(got);
		first[strstr(got[0], " m")[2] - '0']++;
	}
	assert_true(first[1] && first[2] && first[3]);
}

/* The addresses of a reply, in their order; the last bytes only: "4 2 3". */
static const char *ask_order(void)
{
	static char text[ROWS * 4];
	char got[ROWS][ROW];

	assert_true(nd_rig_ask(&rig, "www.test.", ND_TYPE_A, 0, 4096));
	unsigned n = read_rows(got);
	*text = '\0';
	for (unsigned i = 0; i < n; i++) {
		strcat(text, i ? " " : "");
		strcat(text, strrchr(got[i], '.') + 1);
	}
	return text;
}

/* Preferred networks first, in their order; the others, and equal ones, in any. */
static void test_prefer(void **state)
{
	static const char *const plain[] = { "AN www.test. A 10.0.0.1", "AN www.test. A 10.0.0.2",
					     "AN www.test. A 10.0.0.3", "AN www.test. A 10.0.0.4",
					     NULL };
	static const char *const chain[] = { "AN www.test. CNAME b.test.",
					     "AN b.test. A 10.0.0.1",
					     "AN b.test. A 10.0.0.2",
					     "AN b.test. NS ns.test.",
					     "AR ns.test. A 10.1.0.1",
					     "AR ns2.test. A 10.0.0.4",
					     NULL };
	bool seen[2] = { false };
	(void)state;

	nd_rig_reload(&rig, ".:1053 {\n loadbalance {\n  prefer 10.0.0.4/32\n  prefer 10.0.0.2/31 "
			    "2001:db8::/32\n }\n below\n}\n");
	below = plain;
	for (unsigned i = 0; i < 200; i++) {
		const char *order = ask_order();
		assert_true(strcmp(order, "4 2 3 1") == 0 || strcmp(order, "4 3 2 1") == 0);
		seen[order[2] == '2'] = true;
	}
	assert_true(seen[0] && seen[1]);
	/* Over owners too; what is not an address is after them. */
	below = chain;
	for (unsigned i = 0; i < 50; i++) {
		char got[ROWS][ROW];
		assert_true(nd_rig_ask(&rig, "www.test.", ND_TYPE_A, 0, 4096));
		assert_int_equal(read_rows(got), 6);
		assert_string_equal(got[0], chain[0]);
		assert_string_equal(got[1], chain[2]);
		assert_string_equal(got[2], chain[1]);
		assert_string_equal(got[3], chain[3]);
		assert_string_equal(got[4], chain[5]);
		assert_string_equal(got[5], chain[4]);
	}
	static const char *const refused[] = { "prefer 10.0.0.1", "prefer x/8",
					       "prefer 10.0.0.0/33", "reload 5s" };
	for (unsigned i = 0; i < ND_COUNT(refused); i++) {
		char text[128];
		snprintf(text, sizeof text, ".:1053 {\n loadbalance {\n  %s\n }\n below\n}\n",
			 refused[i]);
		assert_non_null(strstr(nd_rig_refuse(&rig, text), ":3 - plugin/loadbalance"));
	}
}

static void write_weights(const char *path, const char *text)
{
	char next[64];

	snprintf(next, sizeof next, "%s.new", path);
	FILE *f = fopen(next, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(rename(next, path), 0);
}

/* The address drawn changes places with the first one: four orders. */
static void check_weighted(unsigned low, unsigned high)
{
	static const char *const orders[] = { "1 2 3 4", "2 1 3 4", "3 2 1 4", "4 2 3 1" };
	unsigned seen[4] = { 0 };

	for (unsigned i = 0; i < 1000; i++) {
		const char *order = ask_order();
		unsigned k = 0;
		while (k < 4 && strcmp(order, orders[k]) != 0)
			k++;
		assert_true(k < 4);
		seen[k]++;
	}
	assert_in_range(seen[1], low, high);
	assert_true(seen[0] && seen[2] && seen[3]);
}

/* Weights of 8 and three times 1: 727 of 1,000 expected, and seven standard deviations are 99. The
 * file is read again when it changes; a broken one changes nothing. */
static void test_weighted(void **state)
{
	static const char *const plain[] = { "AN www.test. A 10.0.0.1", "AN www.test. A 10.0.0.2",
					     "AN www.test. A 10.0.0.3", "AN www.test. A 10.0.0.4",
					     NULL };
	static const char *const chain[] = { "AN www.test. CNAME b.test.", "AN b.test. A 10.0.0.1",
					     "AN b.test. A 10.0.0.2",      "AR ns.test. A 10.1.0.1",
					     "AR ns.test. A 10.1.0.2",     NULL };
	char path[] = "/tmp/nodens-weights-XXXXXX", text[200], got[ROWS][ROW];
	unsigned second = 0, extra = 0;
	(void)state;

	close(mkstemp(path));
	write_weights(path, "www.test\n10.0.0.2 8\nb.test\n10.0.0.2 255\nns.test\n10.1.0.2 255\n");
	snprintf(text, sizeof text,
		 ".:1053 {\n loadbalance weighted %s {\n  reload 5ms\n }\n below\n}\n", path);
	nd_rig_reload(&rig, text);
	below = plain;
	check_weighted(628, 826);
	below = chain;
	for (unsigned i = 0; i < 200; i++) {
		assert_true(nd_rig_ask(&rig, "www.test.", ND_TYPE_A, 0, 4096));
		assert_int_equal(read_rows(got), 5);
		assert_string_equal(got[0], chain[0]);
		second += strcmp(got[1], chain[2]) == 0;
		extra += strcmp(got[3], chain[4]) == 0;
	}
	assert_true(second > 180 && extra > 180);
	assert_true(nd_rig_ask(&rig, "www.test.", ND_TYPE_MX, 0, 4096)); /* left as it is */
	assert_int_equal(read_rows(got), 5);
	assert_string_equal(got[1], chain[1]);

	below = plain;
	nd_rig_log(&rig);
	write_weights(path, "www.test\n10.0.0.2 0\n");
	nd_rig_run(&rig, 50);
	assert_non_null(strstr(nd_rig_log(&rig), "wrong weight value:\"0\" in weight file"));
	check_weighted(628, 826);
	write_weights(path, "www.test\n");
	nd_rig_run(&rig, 50);
	assert_non_null(strstr(nd_rig_log(&rig), "Successfully reloaded weight file"));
	check_weighted(150, 350); /* all are 1: a quarter */
	nd_rig_run(&rig, 50);
	assert_string_equal(nd_rig_log(&rig), ""); /* it has not changed since */
	unlink(path);
	snprintf(text, sizeof text,
		 ".:1053 {\n loadbalance weighted %s.x {\n  reload 0\n }\n below\n}\n", path);
	assert_non_null(strstr(nd_rig_refuse(&rig, text), "weight file open error"));
	assert_non_null(strstr(nd_rig_refuse(&rig, ".:1053 {\n loadbalance weighted\n below\n}\n"),
			       "weighted takes one file"));
}

#define RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG(test_addresses), RIG(test_even),   RIG(test_owners),   RIG(test_cnames_first),
		RIG(test_mx),        RIG(test_prefer), RIG(test_weighted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
