/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>
#include "base/err.h"
#include "kube/jsonstream.h"

/* A sink that logs its calls: "(+a -b )". */
struct sinktext {
	struct nd_sink sink;
	char text[1024];
};

static void add(struct nd_sink *s, const char *a, const char *b, const char *c)
{
	struct sinktext *t = ND_CONTAINER(s, struct sinktext, sink);
	size_t n = strlen(t->text);
	snprintf(t->text + n, sizeof t->text - n, "%s%s%s", a, b, c);
}

static void on_begin(struct nd_sink *s, enum nd_object_kind kind)
{
	(void)kind;
	add(s, "(", "", "");
}

static void on_end(struct nd_sink *s, enum nd_object_kind kind)
{
	(void)kind;
	add(s, ")", "", "");
}

static int on_upsert(struct nd_sink *s, const struct nd_object *o)
{
	add(s, "+", o->name, " ");
	return strcmp(o->name, "full") == 0 ? ND_ELIMIT : 0;
}

static void on_remove(struct nd_sink *s, enum nd_object_kind kind, const char *namespace,
		      const char *name)
{
	(void)kind;
	(void)namespace;
	add(s, "-", name, " ");
}

static void on_unread(struct nd_sink *s, enum nd_object_kind kind, const char *why)
{
	assert_string_equal(nd_object_kind_text[kind], "Service");
	add(s, "?", why, "? ");
}

#define HEAD \
	"{\"kind\":\"ServiceList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"7\"},"
#define ITEM(name)                        \
	"{\"metadata\":{\"name\":\"" name \
	"\",\"namespace\":\"n\"},\"spec\":{\"ports\":[{\"port\":80}]}}"
#define EVENT(type, name, version)                                                 \
	"{\"type\":\"" type                                                        \
	"\",\"object\":{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{" \
	"\"name\":\"" name "\",\"namespace\":\"n\",\"resourceVersion\":\"" version "\"}}}\n"
#define INITIAL_END                                                                      \
	"{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Service\",\"apiVersion\":\"v1\"," \
	"\"metadata\":{\"resourceVersion\":\"9\",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}"
#define GONE                                                                                      \
	"{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"code\":410," \
	"\"reason\":\"Expired\",\"details\":{\"retryAfterSeconds\":3}}}"

static const struct {
	const char *name, *text;
	bool watch, initial;
	int ret;
	const char *log, *version;
	int code;
} rows[] = {
	{ "a list", HEAD "\"items\":[" ITEM("a") ", \n" ITEM("b") "]}", 0, 0, 0, "(+a +b )", "7",
	  0 },
	{ "an empty list", HEAD "\"items\":[]}\n", 0, 0, 0, "()", "7", 0 },
	{ "null items", HEAD "\"items\":null}", 0, 0, 0, "()", "7", 0 },
	{ "kind after the items",
	  "{\"apiVersion\":\"v1\",\"items\":[" ITEM("a") "],\"kind\":\"ServiceList\","
							 "\"metadata\":{\"resourceVersion\":\"8\"}}",
	  0, 0, 0, "(+a )", "8", 0 },
	{ "brackets in a string", HEAD "\"items\":[" ITEM("]}\\\"{[") "]}", 0, 0, 0, "(+]}\"{[ )",
	  "7", 0 },
	{ "another list", "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"items\":[" ITEM("a") "]}",
	  0, 0, ND_EFORMAT, "", "", 0 },
	{ "cut off", HEAD "\"items\":[" ITEM("a") ",", 0, 0, ND_ETRUNC, "(+a ", "", 0 },
	{ "an item that is not an object", HEAD "\"items\":[" ITEM("a") ",7]}", 0, 0, ND_EFORMAT,
	  "(+a ", "", 0 },
	{ "garbage", "<html>", 0, 0, ND_EFORMAT, "", "", 0 },
	{ "an object with a wrong field is skipped",
	  HEAD "\"items\":[{\"metadata\":{\"name\":\"x\"},\"spec\":7}," ITEM("a") "]}", 0, 0, 0,
	  "(?Service default/x: spec must be a map? +a )", "7", 0 },
	{ "an object without a name is skipped",
	  HEAD "\"items\":[{\"metadata\":{\"namespace\":\"n\"}}]}", 0, 0, 0,
	  "(?Service n/(no name): metadata must have a name? )", "7", 0 },
	{ "a port out of range is ignored",
	  HEAD "\"items\":[{\"metadata\":{\"name\":\"x\"},\"spec\":{\"ports\":[{\"port\":-1},"
	       "{\"port\":65536}]}}]}",
	  0, 0, 0, "(+x )", "7", 0 },
	{ "an object with a port as a string is skipped",
	  HEAD
	  "\"items\":[{\"metadata\":{\"name\":\"x\"},\"spec\":{\"ports\":[{\"port\":\"1\"}]}}]}",
	  0, 0, 0,
	  "(?Service default/x: invalid port \"1\": must be a number from 0 to 65535, without quotes? )",
	  "7", 0 },
	{ "a NUL in an annotation",
	  HEAD "\"items\":[{\"metadata\":{\"name\":\"a\",\"namespace\":\"n\","
	       "\"annotations\":{\"note\":\"x\\u0000y\"}}}," ITEM("b") "]}",
	  0, 0, 0, "(+a +b )", "7", 0 },
	{ "a NUL in a name", HEAD "\"items\":[" ITEM("web\\u0000x") "," ITEM("b") "]}", 0, 0, 0,
	  "(?Service (no name): name must not contain a NUL character? +b )", "7", 0 },
	{ "a NUL in a key",
	  HEAD "\"items\":[" ITEM(
		  "a") ",{\"metadata\":{\"annotations\":{\"x\\u0000\":\"\"}}}," ITEM("b") "]}",
	  0, 0, 0,
	  "(+a ?Service (no name): not JSON: NUL byte in object key not supported near "
	  "'\"x\\u0000\"'? +b )",
	  "7", 0 },
	{ "an object that is not JSON",
	  HEAD "\"items\":[" ITEM("a") ",{\"x\" \"y\"}," ITEM("b") "]}", 0, 0, 0,
	  "(+a ?Service (no name): not JSON: ':' expected near '\"y\"'? +b )", "7", 0 },
	{ "an event that is not JSON", EVENT("ADDED", "a", "3") "{,}" EVENT("ADDED", "b", "4"), 1,
	  0, 0, "+a ?Service (no name): not JSON: string or '}' expected near ','? +b ", "4", 0 },
	{ "an empty namespace is the default one",
	  HEAD "\"items\":[{\"metadata\":{\"name\":\"a\",\"namespace\":\"\"},\"spec\":7}]}", 0, 0,
	  0, "(?Service default/a: spec must be a map? )", "7", 0 },
	{ "a NUL in the version",
	  "{\"kind\":\"ServiceList\",\"apiVersion\":\"v1\",\"metadata\":{"
	  "\"resourceVersion\":\"7\\u0000\"},\"items\":[]}",
	  0, 0, 0, "()", "", 0 },
	{ "the sink is full", HEAD "\"items\":[" ITEM("full") "]}", 0, 0, ND_ELIMIT, "(+full ", "",
	  0 },
	{ "a refusal", "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"code\":403}", 0, 0, 0, "", "",
	  403 },
	{ "a watch", EVENT("ADDED", "a", "3") EVENT("DELETED", "a", "4"), 1, 0, 0, "+a -a ", "4",
	  0 },
	{ "cut in an event", EVENT("ADDED", "a", "3") "{\"ty", 1, 0, ND_ETRUNC, "+a ", "3", 0 },
	{ "streamed list", EVENT("ADDED", "a", "3") INITIAL_END EVENT("ADDED", "b", "10"), 1, 1, 0,
	  "(+a )+b ", "10", 0 },
	{ "streamed, empty", INITIAL_END, 1, 1, 0, "()", "9", 0 },
	{ "expired", EVENT("ADDED", "a", "3") GONE, 1, 0, 0, "+a ", "3", 410 },
	{ "unknown event", EVENT("WHAT", "a", "3"), 1, 0, ND_EFORMAT, "", "", 0 },
	{ "event of another kind",
	  "{\"type\":\"ADDED\",\"object\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\"}}", 1, 0,
	  ND_EFORMAT, "", "", 0 },
};

static void run(size_t i, size_t piece)
{
	struct sinktext t = { .sink = { on_begin, on_upsert, on_remove, on_end, on_unread } };
	struct nd_jsonstream j;
	size_t n = strlen(rows[i].text);
	int err = 0;

	nd_jsonstream_init(&j, ND_OBJECT_SERVICE, &t.sink, 1 << 16, rows[i].watch, rows[i].initial);
	for (size_t at = 0; at < n && !err; at += piece)
		err = nd_jsonstream_feed(&j, rows[i].text + at, n - at < piece ? n - at : piece);
	err = nd_jsonstream_finish(&j);
	const char *version = rows[i].watch ? j.version : j.meta.version;
	if (err != rows[i].ret || strcmp(t.text, rows[i].log) != 0 ||
	    strcmp(version, rows[i].version) != 0 ||
	    (j.to.refused ? j.to.status.code : 0) != rows[i].code)
		fail_msg("%s by %zu: %d %s version \"%s\" code %d", rows[i].name, piece, err,
			 t.text, version, (int)j.to.status.code);
	nd_jsonstream_clear(&j);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		run(i, 1);
		run(i, 7);
		run(i, 1 << 16);
	}
}

/* The second page continues the same list. */
static void test_pages(void **state)
{
	static const char first[] =
		"{\"kind\":\"ServiceList\",\"apiVersion\":\"v1\",\"metadata\":{"
		"\"resourceVersion\":\"7\",\"continue\":\"x\"},\"items\":[" ITEM("a") "]}";
	static const char second[] = HEAD "\"items\":[" ITEM("b") "]}";
	struct sinktext t = { .sink = { on_begin, on_upsert, on_remove, on_end, on_unread } };
	struct nd_jsonstream j;

	(void)state;
	nd_jsonstream_init(&j, ND_OBJECT_SERVICE, &t.sink, 1 << 16, false, false);
	assert_int_equal(nd_jsonstream_feed(&j, first, strlen(first)), 0);
	assert_int_equal(nd_jsonstream_finish(&j), 0);
	assert_string_equal(j.meta.more, "x");
	assert_string_equal(t.text, "(+a ");
	assert_int_equal(nd_jsonstream_feed(&j, second, strlen(second)), 0);
	assert_int_equal(nd_jsonstream_finish(&j), 0);
	assert_string_equal(j.meta.more, "");
	assert_string_equal(t.text, "(+a +b )");
	nd_jsonstream_clear(&j);
}

/* Feeds `head`, then n times `fill`, then `tail`; returns the result of finish. */
static int feed_large(struct nd_jsonstream *j, const char *head, const char *fill, size_t n,
		      const char *tail)
{
	nd_jsonstream_feed(j, head, strlen(head));
	for (size_t i = 0; i < n && !j->to.err; i++)
		nd_jsonstream_feed(j, fill, strlen(fill));
	nd_jsonstream_feed(j, tail, strlen(tail));
	return nd_jsonstream_finish(j);
}

/* Its bytes are not kept, and the list stands. */
static void test_large_object(void **state)
{
	static const struct {
		bool watch;
		size_t max, n;
		const char *head, *fill, *tail, *log;
	} large[] = {
		{ false, 4096, 6000, HEAD "\"items\":[" ITEM("a") ",{\"x\":\"", "x",
		  "\"}," ITEM("b") "]}", "(+a ?Service (no name): object is too large? +b )" },
		{ true, 4096, 6000, EVENT("ADDED", "a", "3") "{\"x\":\"", "x",
		  "\"}" EVENT("ADDED", "b", "4"),
		  "+a ?Service (no name): object is too large? +b " },
		{ false, 8 << 20, ND_JSONSTREAM_VALUES_MAX,
		  HEAD "\"items\":[" ITEM("a") ",{\"x\":[0", ",0", "]}," ITEM("b") "]}",
		  "(+a ?Service (no name): object is too large? +b )" },
		{ false, 8 << 20, 3000, HEAD "\"items\":[" ITEM("a") ",", "{\"x\":", "", "(+a " },
	};

	(void)state;
	for (size_t i = 0; i < ND_COUNT(large); i++) {
		struct sinktext t = { .sink = { on_begin, on_upsert, on_remove, on_end,
						on_unread } };
		struct nd_jsonstream j;
		nd_jsonstream_init(&j, ND_OBJECT_SERVICE, &t.sink, large[i].max, large[i].watch,
				   false);
		int err = feed_large(&j, large[i].head, large[i].fill, large[i].n, large[i].tail);
		assert_int_equal(err, large[i].tail[0] ? 0 : ND_ETRUNC);
		assert_string_equal(t.text, large[i].log);
		assert_true(j.to.part.cap <= 1 << 18);
		nd_jsonstream_clear(&j);
	}
}

/* An object that never ends. */
static void test_endless_object(void **state)
{
	static char fill[1 << 20];
	struct sinktext t = { .sink = { on_begin, on_upsert, on_remove, on_end, on_unread } };
	struct nd_jsonstream j;
	int n = 0;

	(void)state;
	memset(fill, 'x', sizeof fill);
	nd_jsonstream_init(&j, ND_OBJECT_SERVICE, &t.sink, 4096, false, false);
	nd_jsonstream_feed(&j, HEAD "\"items\":[{\"x\":\"", strlen(HEAD "\"items\":[{\"x\":\""));
	while (!nd_jsonstream_feed(&j, fill, sizeof fill))
		assert_true(n++ < 2 * ND_INTAKE_SKIP_BYTES_MAX / (int)sizeof fill);
	assert_int_equal(j.to.err, ND_ELIMIT);
	assert_true(j.to.part.cap <= 4096 * 2);
	nd_jsonstream_clear(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_large_object),
		cmocka_unit_test(test_endless_object),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
