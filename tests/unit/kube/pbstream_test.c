/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and watches in protobuf, as Go's marshaller wrote them (unit/kube/pb) and as it never
 * would: complete, byte by byte, and cut at every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "kube/pbstream.h"
#include "support/pbput.h"
#include "support/sinklog.h"

/* Wraps the buffer's content in a field. */
static void wrap(struct nd_buf *b, unsigned number)
{
	struct nd_buf made;

	nd_buf_init(&made, 1 << 20);
	nd_pbput_inside(&made, number, b);
	*b = made;
}

static void envelope(struct nd_buf *b, const char *version, const char *kind)
{
	struct nd_buf made;

	nd_buf_init(&made, 1 << 20);
	nd_pbput_envelope(&made, version, kind, b);
	*b = made;
}

static unsigned digit(int c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static void read_recorded(const char *name, struct nd_buf *b)
{
	char path[128];
	int high, low;

	snprintf(path, sizeof path, "tests/unit/kube/pb/%s.hex", name);
	/* From the top of the repository, or from tests/, as meson starts it. */
	FILE *f = fopen(path, "r");
	if (!f)
		f = fopen(path + strlen("tests/"), "r");
	if (!f)
		fail_msg("%s: not found", path);
	nd_buf_init(b, 1 << 20);
	while ((high = fgetc(f)) != EOF) {
		if (high == '\n')
			continue;
		low = fgetc(f);
		nd_buf_add(b, &(uint8_t){ (uint8_t)(digit(high) << 4 | digit(low)) }, 1);
	}
	fclose(f);
	assert_true(b->len > 0);
}

/* Each piece is a heap block of its own, so that a sanitizer finds a read beyond it. */
static int feed_list(struct nd_pb_list *l, const char *bytes, size_t n, size_t piece)
{
	int err = 0;

	for (size_t at = 0; at < n && !err; at += piece) {
		size_t len = n - at < piece ? n - at : piece;
		char *copy = malloc(len);
		memcpy(copy, bytes + at, len);
		err = nd_pbstream_list_feed(l, copy, len);
		free(copy);
	}
	return err;
}

static int feed_watch(struct nd_pb_watch *w, const char *bytes, size_t n, size_t piece)
{
	int err = 0;

	for (size_t at = 0; at < n && !err; at += piece) {
		size_t len = n - at < piece ? n - at : piece;
		char *copy = malloc(len);
		memcpy(copy, bytes + at, len);
		err = nd_pbstream_watch_feed(w, copy, len);
		free(copy);
	}
	return err;
}

static const struct {
	const char *name;
	enum nd_object_kind kind;
	const char *says, *version, *more;
	int64_t remaining;
} lists[] = {
	{ "services", ND_OBJECT_SERVICE,
	  "begin Service\n"
	  "Service n/web app=web ip4:0a..01 ip16:fd..01 http/TCP=80 /UDP=53\n"
	  "Service n/head headless ip0:00..00\n"
	  "Service n/out external to example.org\n"
	  "Service n/old ip4:0a..09\n",
	  "1234", "next-page", 7 },
	{ "slices", ND_OBJECT_SLICE,
	  "begin EndpointSlice\n"
	  "EndpointSlice n/web-a kubernetes.io/service-name=web of web [10.0.0.1 ip4:0a..01 one web-1 z1]"
	  " [10.0.0.3 ip4:0a..03   ] [nonsense ip0:00..00   ] http/TCP=8080 /UDP=53\n"
	  "end EndpointSlice\n",
	  "1235", "", -1 },
	{ "namespaces", ND_OBJECT_NAMESPACE,
	  "begin Namespace\nNamespace /n team=x\nend Namespace\n", "1236", "", -1 },
	{ "pods", ND_OBJECT_POD,
	  "begin Pod\nPod n/web-1 ip4:0a..01 ip16:fd..02\nPod n/leaving ip4:0a..04 terminating\n"
	  "Pod n/done gone\nend Pod\n",
	  "1237", "", -1 },
	{ "empty", ND_OBJECT_SERVICE, "begin Service\nend Service\n", "5", "", -1 },
};

static void test_list(void **state)
{
	static const size_t pieces[] = { 1, 2, 3, 7, 64, 1 << 20 };
	(void)state;

	for (size_t i = 0; i < ND_COUNT(lists); i++) {
		struct nd_buf bytes;
		read_recorded(lists[i].name, &bytes);
		for (size_t j = 0; j < ND_COUNT(pieces); j++) {
			struct nd_pb_list l;
			struct nd_sinklog log;
			nd_sinklog_init(&log);
			nd_pbstream_list_init(&l, lists[i].kind, &log.sink, 4096);
			int err = feed_list(&l, bytes.data, bytes.len, pieces[j]);
			if (!err)
				err = nd_pbstream_list_finish(&l);
			if (err || strcmp(nd_sinklog_text(&log), lists[i].says) != 0)
				fail_msg("%s in pieces of %zu: %d\n%s", lists[i].name, pieces[j],
					 err, nd_sinklog_text(&log));
			assert_string_equal(l.meta.version, lists[i].version);
			assert_string_equal(l.meta.more, lists[i].more);
			assert_int_equal(l.meta.remaining, lists[i].remaining);
			nd_pbstream_list_clear(&l);
			nd_sinklog_clear(&log);
		}
		nd_buf_clear(&bytes);
	}
}

/* A list that is cut has no end; the objects before the cut reach the sink. */
static void test_list_cut(void **state)
{
	(void)state;

	for (size_t i = 0; i < ND_COUNT(lists); i++) {
		struct nd_buf bytes;
		struct nd_pb_list l;
		struct nd_sinklog log;
		read_recorded(lists[i].name, &bytes);
		/* After the list Go writes two empty strings, which may be missing. */
		for (size_t cut = 0; cut < bytes.len - 4; cut++) {
			nd_sinklog_init(&log);
			nd_pbstream_list_init(&l, lists[i].kind, &log.sink, 4096);
			assert_int_equal(feed_list(&l, bytes.data, cut, 1 << 20), 0);
			int err = nd_pbstream_list_finish(&l);
			const char *got = nd_sinklog_text(&log);
			if (err != ND_ETRUNC || strstr(got, "end ") ||
			    strncmp(got, lists[i].says, strlen(got)) != 0)
				fail_msg("%s cut at %zu: %d\n%s", lists[i].name, cut, err, got);
			nd_pbstream_list_clear(&l);
			nd_sinklog_clear(&log);
		}
		nd_buf_clear(&bytes);
	}
}

static void test_pages(void **state)
{
	struct nd_buf first, last;
	struct nd_pb_list l;
	struct nd_sinklog log;
	(void)state;

	nd_sinklog_init(&log);
	read_recorded("services", &first);
	read_recorded("empty", &last);
	nd_pbstream_list_init(&l, ND_OBJECT_SERVICE, &log.sink, 4096);
	assert_int_equal(feed_list(&l, first.data, first.len, 5), 0);
	assert_int_equal(nd_pbstream_list_finish(&l), 0);
	assert_null(strstr(nd_sinklog_text(&log), "end "));
	nd_buf_reset(&log.text);
	assert_int_equal(feed_list(&l, last.data, last.len, 5), 0);
	assert_int_equal(nd_pbstream_list_finish(&l), 0);
	assert_string_equal(nd_sinklog_text(&log), "end Service\n");
	assert_int_equal(l.to.count, 4);
	nd_pbstream_list_clear(&l);
	nd_buf_clear(&first);
	nd_buf_clear(&last);
	nd_sinklog_clear(&log);
}

static void test_status(void **state)
{
	struct nd_buf bytes;
	struct nd_pb_list l;
	struct nd_sinklog log;
	(void)state;

	nd_sinklog_init(&log);
	read_recorded("status", &bytes);
	nd_pbstream_list_init(&l, ND_OBJECT_POD, &log.sink, 4096);
	assert_int_equal(feed_list(&l, bytes.data, bytes.len, 1), 0);
	assert_int_equal(nd_pbstream_list_finish(&l), 0);
	assert_true(l.to.refused);
	assert_int_equal(l.to.status.code, 429);
	assert_int_equal(l.to.status.retry_after_s, 3);
	assert_string_equal(l.to.status.reason, "TooManyRequests");
	assert_string_equal(l.to.status.message, "too many requests");
	assert_string_equal(nd_sinklog_text(&log), "");
	nd_pbstream_list_clear(&l);
	nd_buf_clear(&bytes);
	nd_sinklog_clear(&log);
}

#define SLICE(name)             \
	"EndpointSlice n/" name \
	" kubernetes.io/service-name=web of web [10.0.0.1 ip4:0a..01 one web-1 z1]"
#define REST " [10.0.0.3 ip4:0a..03   ] [nonsense ip0:00..00   ]"
#define PORTS " http/TCP=8080 /UDP=53\n"

static void test_watch(void **state)
{
	static const char says[] = "begin EndpointSlice\n" SLICE("web-a") REST PORTS SLICE("web-b")
		REST PORTS "end EndpointSlice\n" SLICE("web-a") PORTS
		"remove EndpointSlice n/web-b\n";
	struct nd_buf bytes;
	struct nd_pb_watch w;
	struct nd_sinklog log;
	(void)state;

	read_recorded("watch", &bytes);
	for (size_t cut = 0; cut <= bytes.len; cut++) {
		nd_sinklog_init(&log);
		nd_pbstream_watch_init(&w, ND_OBJECT_SLICE, &log.sink, 4096, true);
		assert_int_equal(feed_watch(&w, bytes.data, cut, cut % 7 + 1), 0);
		int err = nd_pbstream_watch_finish(&w);
		const char *got = nd_sinklog_text(&log);
		if ((err && err != ND_ETRUNC) || strncmp(got, says, strlen(got)) != 0)
			fail_msg("cut at %zu: %d\n%s", cut, err, got);
		if (cut == bytes.len) {
			assert_int_equal(err, 0);
			assert_string_equal(got, says);
			assert_string_equal(w.version, "70");
			assert_int_equal(w.bookmarks, 2);
			assert_true(w.to.refused);
			assert_int_equal(w.to.status.code, 410);
			assert_string_equal(w.to.status.reason, "Expired");
			assert_int_equal(nd_pbstream_watch_feed(&w, "more", 4), 0);
		}
		nd_pbstream_watch_clear(&w);
		nd_sinklog_clear(&log);
	}
	nd_buf_clear(&bytes);
}

/* A list with one item of the given bytes. */
static int feed_item(struct nd_sinklog *log, struct nd_pb_list *l, const struct nd_buf *item)
{
	struct nd_buf b;

	nd_buf_init(&b, 1 << 20);
	nd_buf_add(&b, item->data, item->len);
	wrap(&b, 2);
	nd_pbput_int(&b, 90, 1); /* a field of a later version */
	envelope(&b, "v1", "ServiceList");
	nd_sinklog_init(log);
	nd_pbstream_list_init(l, ND_OBJECT_SERVICE, &log->sink, 4096);
	int err = feed_list(l, b.data, b.len, 11);
	nd_buf_clear(&b);
	return err ? err : nd_pbstream_list_finish(l);
}

#define UNREAD(name) "unread Service: Service " name ": object is not valid protobuf\n"

/* The list stands, whatever the item is. */
static void test_odd_items(void **state)
{
	static const struct {
		const char *name, *meta, *spec; /* bytes of both messages */
		const char *says;
	} rows[] = {
		{ "no fields but a name", "\x0a\x01s", "", "Service default/s\n" },
		{ "no name", "\x1a\x01n", "",
		  "unread Service: Service n/(no name): metadata must have a name\n" },
		{ "unknown fields",
		  "\x0a\x01s\xa0\x06\x01\xab\x06\xab\x06\x08\x01\xac\x06\xac\x06\xfd\x06qwer", "",
		  "Service default/s\n" },
		{ "port too high", "\x0a\x01s", "\x0a\x04\x18\x80\x80\x04",
		  "Service default/s /TCP=-1\n" },
		{ "invalid address", "\x0a\x01s", "\x92\x01\x01x",
		  "Service default/s ip0:00..00\n" },
		{ "name as a number", "\x08\x01", "", UNREAD("(no name)") },
		{ "string beyond its message", "\x0a\x7fs", "", UNREAD("(no name)") },
		{ "port beyond its message", "\x0a\x01s", "\x0a\x04\x18", UNREAD("default/s") },
		{ "field 0", "\x0a\x01s\x02\x01z", "", UNREAD("default/s") },
		{ "group end without a group", "\x0a\x01s\x0c", "", UNREAD("default/s") },
		{ "group without an end", "\x0a\x01s\xab\x06\x08\x01", "", UNREAD("default/s") },
		{ "varint of eleven bytes",
		  "\x0a\x01s\x38\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "",
		  UNREAD("default/s") },
	};
	struct nd_pb_list l;
	struct nd_buf item;
	struct nd_sinklog log;
	char want[128];
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		nd_buf_init(&item, 1 << 12);
		nd_pbput_text(&item, 1, rows[i].meta);
		nd_pbput_text(&item, 2, rows[i].spec);
		int err = feed_item(&log, &l, &item);
		snprintf(want, sizeof want, "begin Service\n%send Service\n", rows[i].says);
		if (err || strcmp(nd_sinklog_text(&log), want) != 0)
			fail_msg("%s: %d\n%s", rows[i].name, err, nd_sinklog_text(&log));
		assert_int_equal(l.to.skipped, strncmp(rows[i].says, "unread", 6) == 0);
		nd_pbstream_list_clear(&l);
		nd_sinklog_clear(&log);
		nd_buf_clear(&item);
	}
}

static void check_skipped(const struct nd_buf *item, const char *why)
{
	struct nd_pb_list l;
	struct nd_sinklog log;
	char want[256];

	assert_int_equal(feed_item(&log, &l, item), 0);
	snprintf(want, sizeof want, "begin Service\nunread Service: Service %s\nend Service\n",
		 why);
	assert_string_equal(nd_sinklog_text(&log), want);
	assert_true(l.to.part.cap <= 8192);
	nd_pbstream_list_clear(&l);
	nd_sinklog_clear(&log);
}

static void test_limits(void **state)
{
	struct nd_buf item, meta;
	char big[5000];
	(void)state;

	memset(big, 'x', sizeof big);
	nd_buf_init(&item, 1 << 20);
	nd_buf_init(&meta, 1 << 20);
	nd_pbput_bytes(&meta, 1, "s\0t", 3); /* a NUL */
	nd_pbput_inside(&item, 1, &meta);
	check_skipped(&item, "(no name): object is not valid protobuf");
	nd_buf_reset(&item);
	nd_pbput_text(&meta, 1, "s");
	nd_pbput_bytes(&meta, 6, big, 64); /* a version too long for its field */
	nd_pbput_inside(&item, 1, &meta);
	check_skipped(&item, "default/s: resourceVersion is too long");
	nd_buf_reset(&item);
	nd_pbput_bytes(&item, 77, big, sizeof big); /* an object longer than 4096 */
	check_skipped(&item, "(no name): object is too large");
	nd_buf_clear(&item);
	nd_buf_clear(&meta);
}

static void add_frame(struct nd_buf *to, const char *type, const struct nd_buf *object)
{
	struct nd_buf event, raw;
	uint8_t length[4];

	nd_buf_init(&raw, 1 << 20);
	nd_buf_add(&raw, object->data, object->len);
	envelope(&raw, "v1", "Service");
	wrap(&raw, 1);
	nd_buf_init(&event, 1 << 20);
	nd_pbput_text(&event, 1, type);
	nd_pbput_inside(&event, 2, &raw);
	for (int i = 0; i < 4; i++)
		length[i] = (uint8_t)(event.len >> (24 - 8 * i));
	nd_buf_add(to, length, 4);
	nd_buf_add(to, event.data, event.len);
	nd_buf_clear(&event);
}

/* An event whose object is unreadable or too large is skipped; one without an end is an error. */
static void test_odd_events(void **state)
{
	struct nd_buf good, bad, large, bytes;
	struct nd_pb_watch w;
	struct nd_sinklog log;
	char big[6000];
	(void)state;

	memset(big, 'x', sizeof big);
	nd_buf_init(&good, 1 << 20);
	nd_buf_init(&bad, 1 << 20);
	nd_buf_init(&large, 1 << 20);
	nd_pbput_text(&good, 1, "\x0a\x01s");
	nd_pbput_text(&bad, 1, "\x08\x01");
	nd_pbput_bytes(&large, 77, big, sizeof big);
	for (size_t piece = 1; piece < 20000; piece += 9999) {
		nd_buf_init(&bytes, 1 << 20);
		add_frame(&bytes, "ADDED", &bad);
		add_frame(&bytes, "ADDED", &large);
		add_frame(&bytes, "ADDED", &good);
		add_frame(&bytes, "BOOKMARK", &bad);
		nd_sinklog_init(&log);
		nd_pbstream_watch_init(&w, ND_OBJECT_SERVICE, &log.sink, 4096, false);
		assert_int_equal(feed_watch(&w, bytes.data, bytes.len, piece), ND_EFORMAT);
		assert_string_equal(nd_sinklog_text(&log),
				    UNREAD("(no name)") "unread Service: Service (no name): object is "
							"too large\nService default/s\n");
		nd_pbstream_watch_clear(&w);
		nd_sinklog_clear(&log);
		nd_buf_clear(&bytes);
	}
	nd_sinklog_init(&log);
	nd_pbstream_watch_init(&w, ND_OBJECT_SERVICE, &log.sink, 4096, false);
	assert_int_equal(feed_watch(&w, "\xff\xff\xff\xff", 4, 4), ND_ELIMIT);
	nd_pbstream_watch_clear(&w);
	nd_sinklog_clear(&log);
	nd_buf_clear(&good);
	nd_buf_clear(&bad);
	nd_buf_clear(&large);
}

static void test_sink_refuses(void **state)
{
	struct nd_buf bytes;
	struct nd_pb_list l;
	struct nd_sinklog log;
	(void)state;

	nd_sinklog_init(&log);
	log.refuse = ND_ELIMIT;
	read_recorded("pods", &bytes);
	nd_pbstream_list_init(&l, ND_OBJECT_POD, &log.sink, 4096);
	assert_int_equal(feed_list(&l, bytes.data, bytes.len, 9), ND_ELIMIT);
	assert_int_equal(nd_pbstream_list_finish(&l), ND_ELIMIT);
	assert_null(strstr(nd_sinklog_text(&log), "end "));
	nd_pbstream_list_clear(&l);
	nd_buf_clear(&bytes);
	nd_sinklog_clear(&log);
}

#define TYPE "\x0a\x11\x0a\x02v1\x12\x0bServiceList"

static void test_broken_lists(void **state)
{
	static const struct {
		const char *name, *bytes;
		size_t n;
		int ret;
	} rows[] = {
		{ "JSON", "{\"kind\":", 8, ND_EFORMAT },
		{ "nothing", "", 0, ND_ETRUNC },
		{ "list missing", "k8s\0" TYPE, 4 + 19, ND_ETRUNC },
		{ "list before its type", "k8s\0\x12\x00", 6, ND_EFORMAT },
		{ "another kind", "k8s\0\x0a\x0d\x0a\x02v1\x12\x07PodList", 4 + 15, ND_EFORMAT },
		{ "two lists", "k8s\0" TYPE "\x12\x00\x12\x00", 4 + 19 + 4, ND_EFORMAT },
		{ "encoded", "k8s\0" TYPE "\x12\x00\x1a\x04gzip", 4 + 19 + 8, ND_EFORMAT },
		{ "item beyond the list", "k8s\0" TYPE "\x12\x02\x12\x01", 4 + 19 + 4, ND_EFORMAT },
		{ "head beyond the list", "k8s\0" TYPE "\x12\x01\x12\x00", 4 + 19 + 4, ND_EFORMAT },
		{ "item as a number", "k8s\0" TYPE "\x12\x02\x10\x01", 4 + 19 + 4, ND_EFORMAT },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		for (size_t piece = 1; piece < 40; piece += 38) {
			struct nd_pb_list l;
			struct nd_sinklog log;
			nd_sinklog_init(&log);
			nd_pbstream_list_init(&l, ND_OBJECT_SERVICE, &log.sink, 4096);
			int err = feed_list(&l, rows[i].bytes, rows[i].n, piece);
			if (!err)
				err = nd_pbstream_list_finish(&l);
			if (err != rows[i].ret || strstr(nd_sinklog_text(&log), "end"))
				fail_msg("%s by %zu: %d", rows[i].name, piece, err);
			nd_pbstream_list_clear(&l);
			nd_sinklog_clear(&log);
		}
	}
}

static void test_broken_watches(void **state)
{
	static const struct {
		const char *name, *type, *version, *kind;
		int ret;
	} rows[] = {
		{ "good", "ADDED", "v1", "Pod", 0 },
		{ "a bookmark in the list", "BOOKMARK", "v1", "Pod", 0 },
		{ "type unknown", "MOVED", "v1", "Pod", ND_EFORMAT },
		{ "type empty", "", "v1", "Pod", ND_EFORMAT },
		{ "another kind", "ADDED", "v1", "Service", ND_EFORMAT },
		{ "another group", "ADDED", "metrics/v1", "Pod", ND_EFORMAT },
		{ "a status added", "ADDED", "v1", "Status", ND_EFORMAT },
		{ "an error of a pod", "ERROR", "v1", "Pod", ND_EFORMAT },
	};
	struct nd_pb_watch w;
	struct nd_sinklog log;
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_buf b, pod;
		nd_buf_init(&b, 1 << 12);
		nd_buf_init(&pod, 1 << 12);
		nd_pbput_text(&pod, 1, "\x0a\x01p");
		nd_pbput_event(&b, rows[i].type, rows[i].version, rows[i].kind, &pod);
		nd_sinklog_init(&log);
		nd_pbstream_watch_init(&w, ND_OBJECT_POD, &log.sink, 4096, true);
		int err = feed_watch(&w, b.data, b.len, 3);
		const char *want = err                             ? ""
				   : strcmp(rows[i].type, "ADDED") ? "begin Pod\n"
								   : "begin Pod\nPod default/p\n";
		if (err != rows[i].ret || strcmp(nd_sinklog_text(&log), want) != 0)
			fail_msg("%s: %d %s", rows[i].name, err, nd_sinklog_text(&log));
		nd_pbstream_watch_clear(&w);
		nd_sinklog_clear(&log);
		nd_buf_clear(&b);
	}
	nd_sinklog_init(&log);
	nd_pbstream_watch_init(&w, ND_OBJECT_POD, &log.sink, 4096, false);
	assert_int_equal(nd_pbstream_watch_feed(&w, "\x7f\xff\xff\xff", 4), ND_ELIMIT);
	nd_pbstream_watch_clear(&w);
	nd_pbstream_watch_init(&w, ND_OBJECT_POD, &log.sink, 4096,
			       false); /* an event without an object */
	assert_int_equal(nd_pbstream_watch_feed(&w,
						"\0\0\0\x07\x0a\x05"
						"ADDED",
						11),
			 ND_EFORMAT);
	nd_pbstream_watch_clear(&w);
	nd_sinklog_clear(&log);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),           cmocka_unit_test(test_list_cut),
		cmocka_unit_test(test_pages),          cmocka_unit_test(test_status),
		cmocka_unit_test(test_watch),          cmocka_unit_test(test_odd_items),
		cmocka_unit_test(test_limits),         cmocka_unit_test(test_odd_events),
		cmocka_unit_test(test_sink_refuses),   cmocka_unit_test(test_broken_lists),
		cmocka_unit_test(test_broken_watches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
