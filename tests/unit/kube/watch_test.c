/* SPDX-License-Identifier: Apache-2.0 */
/* The watch with a fake client, exchanges, timers, clock and random numbers, so a test takes no
 *time and repeats exactly. A scenario is the server's answers to one request after the other; the
 *trace is what the watch does:
 *
 *	S                   requests a streaming list
 *	L, L=TOKEN          requests a list, or its next page
 *	W=VERSION           requests a watch from there
 *	( +NAME -NAME )     calls the sink's begin, upsert, remove, end
 *	ok, !TEXT           reports success, or a failure
 *	~MS                 schedules the next request, unless at once
 *	?                   discards the credential after a 401
 *	x                   cancels the exchange
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/err.h"
#include "io/clock.h"
#include "io/random.h"
#include "kube/watch.h"

/* --- the fake world --- */

struct answer {
	int status; /* 0: no head */
	const char *type, *after;
	const char *body;
	size_t n;     /* of body; 0: its strlen() */
	int err;      /* at the end */
	unsigned ms;  /* until the end */
	size_t piece; /* the body arrives in pieces of this size; 0: at once */
};

static struct {
	char trace[4096];
	uint64_t now_ns;
	struct nd_timer *timer;
	uint64_t timer_ns;
	struct nd_httpc_handler handler;
	bool open;    /* an exchange is under way */
	int inflight; /* requests without a head */
	const struct answer *at;
	int get_err;
	uint64_t delay_ns;
	const char *notice;
	char target[4096], accept[128];
	int upsert;
	int code; /* of the last report */
	struct nd_apicount count;
} world;

static void note(const char *format, ...)
{
	size_t n = strlen(world.trace);
	va_list ap;

	va_start(ap, format);
	vsnprintf(world.trace + n, sizeof world.trace - n, format, ap);
	va_end(ap);
}

uint64_t nd_loop_now_ns(const struct nd_loop *loop)
{
	(void)loop;
	return world.now_ns;
}

uint64_t nd_clock_wall_ns(void)
{
	return ND_S(1792567680); /* Wed, 21 Oct 2026 07:28:00 GMT */
}

void nd_timer_start(struct nd_loop *loop, struct nd_timer *t, uint64_t delay_ns,
		    void (*fn)(struct nd_timer *t))
{
	(void)loop;
	t->fn = fn;
	world.timer = t;
	world.timer_ns = delay_ns;
	if (delay_ns)
		note("~%llu ", (unsigned long long)(delay_ns / ND_NS_PER_MS));
}

void nd_timer_stop(struct nd_timer *t)
{
	if (world.timer == t)
		world.timer = NULL;
}

uint32_t nd_random_below(uint32_t n)
{
	(void)n;
	return 0;
}

uint64_t nd_client_delay_ns(struct nd_client *c)
{
	uint64_t held = world.delay_ns;
	(void)c;

	world.delay_ns = 0;
	return held;
}

static void note_target(void)
{
	const char *version = strstr(world.target, "&resourceVersion="),
		   *more = strstr(world.target, "&continue=");

	if (strstr(world.target, "sendInitialEvents=true"))
		note("S ");
	else if (strstr(world.target, "watch=1"))
		note("W%.*s ", version ? (int)strcspn(version + 16, "&") : 0,
		     version ? version + 16 : "");
	else
		note("L%.*s ", more ? (int)strcspn(more + 9, "&") : 0, more ? more + 9 : "");
}

int nd_client_get(struct nd_client *c, const char *target, const char *accept, uint64_t idle_ns,
		  uint64_t total_ns, const struct nd_httpc_handler *handler,
		  struct nd_httpc_exchange **out)
{
	(void)c;
	assert_false(world.open);
	assert_true(idle_ns > 0 && total_ns >= ND_S(100) && total_ns <= ND_S(660));
	snprintf(world.target, sizeof world.target, "%s", target);
	snprintf(world.accept, sizeof world.accept, "%s", accept);
	note_target();
	if (world.get_err)
		return world.get_err;
	world.handler = *handler;
	world.open = true;
	world.inflight++;
	*out = (struct nd_httpc_exchange *)&world;
	return 0;
}

void nd_client_release(struct nd_client *c)
{
	(void)c;
	world.inflight--;
	assert_int_equal(world.inflight, 0);
}

struct nd_apicount *nd_client_count(struct nd_client *c)
{
	(void)c;
	return &world.count;
}

void nd_client_discard_credential(struct nd_client *c)
{
	(void)c;
	note("? ");
}

const char *nd_client_error(const struct nd_client *c, int err)
{
	(void)c;
	return err == ND_ECONF ? "the program failed" : nd_err_text(err);
}

const char *nd_client_notice(struct nd_client *c)
{
	const char *notice = world.notice;
	(void)c;

	world.notice = NULL;
	return notice;
}

const char *nd_httpc_header(const struct nd_httpc_exchange *x, const char *name)
{
	(void)x;
	return strcmp(name, "Content-Type") == 0  ? world.at->type
	       : strcmp(name, "Retry-After") == 0 ? world.at->after
						  : NULL;
}

void nd_httpc_cancel(struct nd_httpc_exchange *x)
{
	if (x && world.open) {
		world.open = false;
		note("x ");
	}
}

const char *nd_httpc_error_text(const struct nd_httpc_exchange *x)
{
	(void)x;
	return "it was cut";
}

/* --- the sink and the report --- */

static void on_begin(struct nd_sink *s, enum nd_object_kind kind)
{
	(void)s;
	(void)kind;
	note("( ");
}

static void on_end(struct nd_sink *s, enum nd_object_kind kind)
{
	(void)s;
	(void)kind;
	note(") ");
}

static int on_upsert(struct nd_sink *s, const struct nd_object *o)
{
	(void)s;
	note("+%s ", o->name);
	return world.upsert;
}

static void on_remove(struct nd_sink *s, enum nd_object_kind kind, const char *namespace,
		      const char *name)
{
	(void)s;
	(void)kind;
	(void)namespace;
	note("-%s ", name);
}

static void on_report(void *ctx, enum nd_object_kind kind, const char *failed, int code)
{
	(void)ctx;
	(void)kind;
	world.code = code;
	note(failed ? "!%s " : "ok ", failed);
}

static struct nd_sink sink = { on_begin, on_upsert, on_remove, on_end, NULL };

/* --- running --- */

static struct nd_watch *begin(enum nd_object_kind kind, const char *labels)
{
	struct nd_watch_config c = { .kind = kind,
				     .labels = labels,
				     .client = (struct nd_client *)&world,
				     .sink = &sink,
				     .report = on_report };

	memset(&world, 0, sizeof world);
	world.now_ns = ND_S(1000);
	struct nd_watch *w = nd_watch_new((struct nd_loop *)&world, &c);
	assert_non_null(w);
	return w;
}

/* Fires the timer: the next request is sent. */
static void fire(void)
{
	struct nd_timer *t = world.timer;

	assert_non_null(t);
	world.timer = NULL;
	world.now_ns += world.timer_ns;
	t->fn(t);
}

/* Answers the open request. */
static void reply(const struct answer *a)
{
	struct nd_httpc_handler h = world.handler;
	size_t n = a->n ? a->n : a->body ? strlen(a->body) : 0;
	size_t piece = a->piece ? a->piece : n;

	world.at = a;
	if (a->status)
		h.on_head(h.ctx, (struct nd_httpc_exchange *)&world, a->status);
	for (size_t i = 0; i < n && world.open; i += piece)
		h.on_data(h.ctx, (struct nd_httpc_exchange *)&world, (const uint8_t *)a->body + i,
			  n - i < piece ? n - i : piece);
	world.now_ns += ND_MS(a->ms);
	if (!world.open)
		return;
	struct nd_timer *t = world.timer;
	if (t && ND_MS(a->ms) >= world.timer_ns) {
		world.timer = NULL;
		t->fn(t);
	}
	world.open = false;
	h.on_end(h.ctx, (struct nd_httpc_exchange *)&world, a->err);
}

static void step(const struct answer *a)
{
	fire();
	while (!world.open && !world.get_err)
		fire(); /* it was delayed */
	if (world.open)
		reply(a);
	assert_int_equal(world.inflight, 0);
}

/* --- responses --- */

#define LIST(meta, items)                                                     \
	"{\"kind\":\"ServiceList\",\"apiVersion\":\"v1\",\"metadata\":{" meta \
	"},\"items\":[" items "]}"
#define ITEM(name) "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"n\"},\"spec\":{}}"
#define EVENT(type, name, version)                                                \
	"{\"type\":\"" type                                                       \
	"\",\"object\":{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":" \
	"{\"name\":\"" name "\",\"namespace\":\"n\",\"resourceVersion\":\"" version "\"}}}\n"
#define MARK(version)                                                                    \
	"{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Service\",\"apiVersion\":\"v1\"," \
	"\"metadata\":{\"resourceVersion\":\"" version "\"}}}\n"
#define LISTED(version)                                                                  \
	"{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Service\",\"apiVersion\":\"v1\"," \
	"\"metadata\":{\"resourceVersion\":\"" version                                   \
	"\",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}\n"
#define STATUS(code, reason, more)                                                         \
	"{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"code\":" code \
	",\"reason\":\"" reason "\"" more "}"
#define ERROR(code, reason) "{\"type\":\"ERROR\",\"object\":" STATUS(code, reason, "") "}\n"

#define GOOD 200, "application/json", NULL
#define MIN 60000
#define STREAM                                                        \
	{                                                             \
		GOOD, EVENT("ADDED", "a", "3") LISTED("9"), .ms = MIN \
	}

/* In the trace, "!/api/v1/services: " is shortened to "!". */
static const struct {
	const char *name;
	struct answer answers[6];
	const char *trace;
} rows[] = {
	{ "a streaming list, its watch, and the next watch from the last version",
	  { { GOOD,
	      EVENT("ADDED", "a", "3") EVENT("ADDED", "b", "4") LISTED("9")
		      EVENT("DELETED", "a", "10"),
	      .ms = MIN },
	    { GOOD, EVENT("MODIFIED", "b", "12") MARK("15"), .ms = MIN },
	    { GOOD, "", .ms = MIN } },
	  "S ( +a +b ) -a ok W=10 +b W=15 " },
	{ "one byte at a time",
	  { { GOOD, EVENT("ADDED", "a", "3") LISTED("9") EVENT("ADDED", "b", "10"), .ms = MIN,
	      .piece = 1 },
	    { GOOD, "", .ms = MIN } },
	  "S ( +a ) ok +b W=10 " },
	{ "no streaming lists: pages",
	  { { 422, "application/json", NULL, STATUS("422", "Invalid", "") },
	    { GOOD, LIST("\"resourceVersion\":\"5\",\"continue\":\"t/1\"", ITEM("a")) },
	    { GOOD, LIST("\"resourceVersion\":\"5\"", ITEM("b")) },
	    { GOOD, "", .ms = MIN },
	    { GOOD, ERROR("410", "Expired"), .ms = MIN },
	    { GOOD, LIST("\"resourceVersion\":\"30\"", ITEM("a")) } },
	  "S L ( +a L=t%2F1 +b ) ok W=5 W=5 x L ( +a ) ok " },
	{ "no streaming lists: 400",
	  { { 400, "application/json", NULL, STATUS("400", "BadRequest", "") },
	    { GOOD, LIST("\"resourceVersion\":\"5\"", "") } },
	  "S L ( ) ok " },
	{ "an expired page restarts the list",
	  { { 422, "application/json", NULL, STATUS("422", "Invalid", "") },
	    { GOOD, LIST("\"resourceVersion\":\"5\",\"continue\":\"t\"", ITEM("a")) },
	    { 410, "application/json", NULL, STATUS("410", "Expired", "") },
	    { GOOD, LIST("\"resourceVersion\":\"6\"", ITEM("b")) } },
	  "S L ( +a L=t L ( +b ) ok " },
	{ "410 as a status, and as an event",
	  { STREAM,
	    { 410, "application/json", NULL, STATUS("410", "Gone", "") },
	    { GOOD, LISTED("20"), .ms = MIN },
	    { GOOD, ERROR("410", "Expired"), .ms = MIN },
	    { GOOD, LISTED("30"), .ms = MIN } },
	  "S ( +a ) ok W=9 S ( ) ok W=20 x S ( ) ok " },
	{ "repeated 410: with pauses",
	  { { 410, "application/json", NULL, STATUS("410", "Gone", "") },
	    { 410, "application/json", NULL, STATUS("410", "Gone", "") },
	    { 410, "application/json", NULL, STATUS("410", "Gone", "") } },
	  "S S ~800 S ~1600 " },
	{ "429: Retry-After in the header, or in the Status",
	  { { 429, "application/json", "7", STATUS("429", "TooManyRequests", "") },
	    { 429, "application/json", NULL,
	      STATUS("429", "TooManyRequests", ",\"details\":{\"retryAfterSeconds\":4}") },
	    { 429, "text/plain", "999999", "slow down" },
	    { 503, "text/plain", "Wed, 21 Oct 2026 07:28:20 GMT", "soon" },
	    { 429, "text/plain", "Wed, 21 Oct 2026 07:27:20 GMT", "sooner" } },
	  "S !429 TooManyRequests ~7000 S ~4000 S !429 ~1600 S !503 ~20000 S !429 ~6400 " },
	{ "a page in another encoding than the first is not a whole list",
	  { { 422, "application/json", NULL, STATUS("422", "Invalid", "") },
	    { GOOD, LIST("\"resourceVersion\":\"5\",\"continue\":\"t\"", ITEM("a")) },
	    { 200, "application/vnd.kubernetes.protobuf", NULL, "k8s", .n = 4 },
	    { GOOD, LIST("\"resourceVersion\":\"6\"", ITEM("b")) } },
	  "S L ( +a L=t !200: Content-Type is neither protobuf nor JSON, or not that of the first page ~400 L ( +b ) ok " },
	{ "410 inside a streaming list",
	  { { GOOD, EVENT("ADDED", "a", "3") ERROR("410", "Expired"), .ms = MIN },
	    { GOOD, LISTED("20"), .ms = MIN } },
	  "S ( +a x S ( ) ok " },
	{ "three ERROR events other than 410 in a row: list again",
	  { STREAM,
	    { GOOD, ERROR("500", "InternalError"), .ms = MIN },
	    { GOOD, ERROR("500", "InternalError"), .ms = MIN },
	    { GOOD, ERROR("500", "InternalError"), .ms = MIN },
	    { GOOD, LISTED("20"), .ms = MIN } },
	  "S ( +a ) ok W=9 x !500 InternalError ~400 W=9 ~2000 x ~800 W=9 ~2000 x ~1600 S ( ) ok " },
	{ "a list of another kind, and an ERROR event other than 410",
	  { { 422, "application/json", NULL, STATUS("422", "Invalid", "") },
	    { GOOD, "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"items\":[{}]}" },
	    { GOOD, LIST("\"resourceVersion\":\"5\"", ITEM("a")) },
	    { GOOD, ERROR("500", "InternalError"), .ms = MIN },
	    { GOOD, "", .ms = MIN } },
	  "S L x !malformed ~400 L ( +a ) ok W=5 x !500 InternalError ~400 W=5 ~2000 ok " },
	{ "403 and 404: growing pauses, one report each",
	  { { 403, "application/json", NULL, STATUS("403", "Forbidden", ",\"message\":\"no\"") },
	    { 403, "application/json", NULL, STATUS("403", "Forbidden", ",\"message\":\"no\"") },
	    { 404, "text/plain", NULL, "404 page not found\n" },
	    STREAM },
	  "S !403 Forbidden: no ~400 S ~800 S !404 ~1600 S ( +a ) ok " },
	{ "403 of a server that is starting up: retried",
	  { STREAM,
	    { 403, "application/json", NULL, STATUS("403", "Forbidden", "") },
	    { GOOD, "", .ms = MIN } },
	  "S ( +a ) ok W=9 !403 Forbidden ~400 W=9 ~2000 ok " },
	{ "401: retried at once with a new token, then with a pause",
	  { STREAM,
	    { 401, "application/json", NULL, STATUS("401", "Unauthorized", "") },
	    { 401, "application/json", NULL, STATUS("401", "Unauthorized", "") },
	    { GOOD, "", .ms = MIN } },
	  "S ( +a ) ok W=9 ? W=9 ? !401 Unauthorized ~800 W=9 ~2000 ok " },
	{ "5xx: growing pauses, and the watch continues",
	  { STREAM,
	    { 500, "text/html", NULL, "<h1>no</h1>" },
	    { 503, "application/json", NULL, "{\"kind\":\"Status\"" },
	    { 500, NULL, NULL, NULL },
	    { GOOD, EVENT("ADDED", "b", "11"), .ms = MIN } },
	  "S ( +a ) ok W=9 !500 ~400 W=9 !503 ~800 W=9 !500 ~1600 W=9 ~2000 +b ok " },
	{ "unreachable: not listed again",
	  { STREAM,
	    { 0, .err = ND_ECLOSED },
	    { 0, .err = ND_ETLS },
	    { 0, .err = ND_ETIME },
	    { 0, .err = ND_ETIME },
	    { GOOD, "", .ms = MIN } },
	  "S ( +a ) ok W=9 !it was cut ~400 W=9 ~800 W=9 ~1600 W=9 ~3200 W=9 ~2000 ok " },
	{ "a list that breaks off removes nothing, and pages are tried next",
	  { { GOOD, EVENT("ADDED", "a", "3"), .err = ND_ECLOSED, .ms = MIN },
	    { GOOD, LIST("\"resourceVersion\":\"5\",\"continue\":\"t\"", ITEM("a")) },
	    { GOOD, "{\"kind\":\"ServiceList\",", .err = ND_ECLOSED },
	    { GOOD, LIST("\"resourceVersion\":\"5\"", ITEM("b")) } },
	  "S ( +a !it was cut ~400 L ( +a L=t ~800 L ( +b ) ok " },
	{ "a streaming list that ends early is not complete",
	  { { GOOD, EVENT("ADDED", "a", "3"), .ms = MIN },
	    { GOOD, LIST("\"resourceVersion\":\"5\"", ITEM("a")) } },
	  "S ( +a !the response ended early ~400 L ( +a ) ok " },
	{ "a page that ends early",
	  { { 422, "application/json", NULL, STATUS("422", "Invalid", "") },
	    { GOOD, "{\"kind\":\"ServiceList\"," },
	    { GOOD, LIST("\"resourceVersion\":\"5\"", "") } },
	  "S L !the response ended early ~400 L ( ) ok " },
	{ "a watch that is cut after a while is not reported; one that is cut at once is",
	  { STREAM,
	    { GOOD, EVENT("ADDED", "b", "12"), .err = ND_ECLOSED, .ms = MIN },
	    { GOOD, EVENT("ADDED", "c", "13"), .err = ND_ECLOSED },
	    { GOOD, "", .ms = MIN } },
	  "S ( +a ) ok W=9 +b W=12 +c !it was cut ~400 W=13 ~2000 ok " },
	{ "three watches in a row that end at once: list again",
	  { STREAM, { GOOD, "" }, { GOOD, "" }, { GOOD, "" }, STREAM },
	  "S ( +a ) ok W=9 !the response ended early ~400 W=9 ~2000 ~800 W=9 ~2000 ~1600 S ( +a ) ok " },
	{ "garbage in a watch: the next one continues",
	  { STREAM, { GOOD, EVENT("ADDED", "b", "12") "<html>" }, { GOOD, "", .ms = MIN } },
	  "S ( +a ) ok W=9 +b x !malformed ~400 W=12 ~2000 ok " },
	{ "neither protobuf nor JSON",
	  { { 200, "text/html", NULL, "<html>" }, { 200, NULL, NULL, "" } },
	  "S !200: Content-Type is neither protobuf nor JSON, or not that of the first page ~400 S ~800 " },
	{ "a Content-Type that was not requested",
	  { { 200, "application/vnd.kubernetes.protobuf;stream=watch", NULL, "{\"type\":\"A\"}" },
	    { GOOD, LIST("\"resourceVersion\":\"5\"", "") } },
	  "S x !limit exceeded ~400 L ( ) ok " },
};

/* Removes the path, which is always the same. */
static void shorten(char *text)
{
	static const char path[] = "/api/v1/services: ";

	for (char *at; (at = strstr(text, path));)
		memmove(at, at + sizeof path - 1, strlen(at + sizeof path - 1) + 1);
}

static void test_scenarios(void **state)
{
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_watch *w = begin(ND_OBJECT_SERVICE, NULL);
		for (size_t k = 0; k < ND_COUNT(rows[i].answers); k++) {
			const struct answer *a = &rows[i].answers[k];
			if (!a->status && !a->err)
				break;
			step(a);
		}
		shorten(world.trace);
		if (strcmp(world.trace, rows[i].trace) != 0)
			fail_msg("%s:\n got %s\nwant %s", rows[i].name, world.trace, rows[i].trace);
		nd_watch_free(w);
	}
}

/* An endless list: pages of so many objects, with new continue tokens; or with the same one. */
static const struct endless {
	const char *name;
	unsigned objects, same;  /* same: the token is the same */
	unsigned pages, at_once; /* until it is broken off; pages requested without a pause */
	const char *report;
} endless[] = {
	{ "a token that repeats", 1, 1, 2, 1, "!the server repeats its continue token " },
	{ "empty pages", 0, 0, ND_WATCH_EMPTY_PAGES_MAX, 10,
	  "!the list has too many pages without an object " },
	{ "short pages", 1, 0, ND_WATCH_PAGES_MAX, 10, "!the list has too many pages " },
	{ "full pages", 250, 0, ND_WATCH_PAGES_MAX, 400, "!the list has too many pages " },
};

static void make_page(const struct endless *e, unsigned n, struct nd_buf *b)
{
	nd_buf_reset(b);
	nd_buf_printf(b,
		      "{\"kind\":\"ServiceList\",\"apiVersion\":\"v1\",\"metadata\":{\"continue\":"
		      "\"t%u\"},\"items\":[",
		      e->same ? 0 : n);
	for (unsigned i = 0; i < e->objects; i++)
		nd_buf_printf(b, "%s%s", i ? "," : "", ITEM("a"));
	nd_buf_text(b, "]}");
}

/* It is broken off, listed again after a pause, and what the sink had is not removed. */
static void test_endless_pages(void **state)
{
	static const struct answer no_stream = { 422, "application/json", NULL,
						 STATUS("422", "Invalid", "") };
	static const struct answer good = { GOOD, LIST("\"resourceVersion\":\"5\"", ITEM("b")) };
	struct nd_buf b;
	(void)state;

	nd_buf_init(&b, 1 << 20);
	for (const struct endless *e = endless; e < endless + ND_COUNT(endless); e++) {
		struct nd_watch *w = begin(ND_OBJECT_SERVICE, NULL);
		unsigned pages = 0, at_once = 0;
		step(&no_stream);
		while (!strchr(world.trace, '!') && pages <= e->pages) {
			world.trace[0] = '\0';
			make_page(e, pages, &b);
			step(&(struct answer){ GOOD, nd_buf_string(&b) });
			pages++;
			at_once += world.timer_ns == 0;
			assert_false(strchr(world.trace, ')'));
		}
		const char *report = strchr(world.trace, '!');
		shorten(world.trace);
		if (!report || pages != e->pages || at_once != e->at_once ||
		    strncmp(report, e->report, strlen(e->report)) != 0 ||
		    world.timer_ns < ND_MS(400))
			fail_msg("%s: %u pages, %u at once: %s", e->name, pages, at_once,
				 report ? report : "");
		world.trace[0] = '\0';
		step(&good);
		assert_string_equal(world.trace, "L ( +b ) ok ");
		nd_watch_free(w);
	}
	nd_buf_clear(&b);
}

/* Of a refusal no more is received than is kept; its reason is reported. */
static void test_endless_refusal(void **state)
{
	struct nd_buf b;
	(void)state;

	nd_buf_init(&b, 1 << 20);
	nd_buf_text(&b, STATUS("403", "Forbidden", ""));
	while (b.len < 16 << 10)
		nd_buf_text(&b, " ");
	for (int more = 0; more < 2; more++) {
		struct nd_watch *w = begin(ND_OBJECT_SERVICE, NULL);
		if (more)
			nd_buf_text(&b, "and more");
		step(&(struct answer){ 403, "application/json", NULL, nd_buf_string(&b),
				       .piece = 1000 });
		shorten(world.trace);
		assert_string_equal(world.trace,
				    more ? "S x !403 Forbidden ~400 " : "S !403 Forbidden ~400 ");
		nd_watch_free(w);
	}
	nd_buf_clear(&b);
}

#define IMPORT "\"apiVersion\":\"multicluster.x-k8s.io/v1alpha1\",\"kind\":\"ServiceImport\","

/* Without the CRD the list is empty, and that is not a failure; after a list it is. */
static void test_kind_absent(void **state)
{
	static const struct answer none = { 404, "text/plain", NULL, "404 page not found\n" };
	static const struct answer there = {
		GOOD,
		"{\"type\":\"ADDED\",\"object\":{" IMPORT
		"\"metadata\":{\"name\":\"a\",\"namespace\":\"n\"}}}\n"
		"{\"type\":\"BOOKMARK\",\"object\":{" IMPORT
		"\"metadata\":{\"resourceVersion\":\"9\","
		"\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}\n",
		.ms = MIN
	};
	(void)state;

	struct nd_watch *w = begin(ND_OBJECT_IMPORT, NULL);
	step(&none);
	assert_true(nd_watch_state(w).synced);
	step(&none);
	step(&there);
	step(&none);
	assert_string_equal(world.trace,
			    "S ( ) !no ServiceImports: "
			    "the CRD serviceimports.multicluster.x-k8s.io is not installed "
			    "ok ~400 S ok ~800 S ( +a ) ok W=9 !"
			    "/apis/multicluster.x-k8s.io/v1alpha1/serviceimports: 404"
			    " ~400 ");
	nd_watch_free(w);
}

/* --- cut at any byte --- */

static void read_recorded(const char *name, char **out, size_t *n)
{
	char path[128];
	unsigned byte;

	snprintf(path, sizeof path, "tests/unit/kube/pb/%s.hex", name);
	/* From the top of the repository, or from tests/, as meson starts it. */
	FILE *f = fopen(path, "r");
	if (!f)
		f = fopen(path + strlen("tests/"), "r");
	if (!f)
		fail_msg("%s: not found", path);
	*out = malloc(1 << 16);
	*n = 0;
	while (fscanf(f, "%2x", &byte) == 1)
		(*out)[(*n)++] = (char)byte;
	fclose(f);
	assert_true(*n > 0);
}

static unsigned count(const char *what)
{
	unsigned n = 0;

	for (const char *at = world.trace; (at = strstr(at, what)); at++)
		n++;
	return n;
}

/* However much of it arrived: no incomplete list ends, the next request is scheduled (with a pause,
 * unless the watch can continue), and a complete list is accepted. */
static void cut(enum nd_object_kind kind, const struct answer *before, const struct answer *whole,
		const struct answer *after, size_t at, int err)
{
	struct nd_watch *w = begin(kind, NULL);
	struct answer part = *whole;

	if (before)
		step(before);
	unsigned lists = count(") ");
	part.n = at;
	part.err = err;
	if (!at)
		part.body = NULL;
	step(&part);
	if (count(") ") != lists)
		fail_msg("cut at %zu: a list ended: %s", at, world.trace);
	assert_non_null(world.timer);
	if (strchr(world.trace, '~') && world.timer_ns < ND_MS(400))
		fail_msg("cut at %zu: retried at once: %s", at, world.trace);
	step(after);
	if (!nd_watch_state(w).synced || strcmp(world.trace + strlen(world.trace) - 3, "ok ") != 0)
		fail_msg("cut at %zu: did not recover: %s", at, world.trace);
	nd_watch_free(w);
}

static void test_cuts(void **state)
{
	static const struct answer stream = STREAM,
				   list = { GOOD, LIST("\"resourceVersion\":\"5\"",
						       ITEM("a") "," ITEM("b")) },
				   no_stream = { 422, "application/json", NULL,
						 STATUS("422", "Invalid", "") };
	size_t n = strlen(stream.body) - 1; /* it is complete without its line end, too */
	(void)state;

	for (size_t at = 0; at < n; at++) {
		cut(ND_OBJECT_SERVICE, NULL, &stream, &list, at, ND_ECLOSED);
		cut(ND_OBJECT_SERVICE, NULL, &stream, &list, at, 0);
	}
	for (size_t at = 0; at < strlen(list.body); at++) {
		cut(ND_OBJECT_SERVICE, &no_stream, &list, &list, at, ND_ECLOSED);
		cut(ND_OBJECT_SERVICE, &no_stream, &list, &list, at, 0);
	}
}

/* A watch in protobuf, cut: complete events are kept, and it continues after the last of them. */
static void test_cut_watch(void **state)
{
	struct answer whole = { 200, "application/vnd.kubernetes.protobuf;stream=watch", NULL,
				NULL };
	static const struct answer rest = { GOOD, "", .ms = MIN },
				   stream = { GOOD,
					      "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":"
					      "\"EndpointSlice\",\"apiVersion\":\"discovery.k8s.io/"
					      "v1\",\"metadata\":{\"resourceVersion\":\"9\","
					      "\"annotations\":{\"k8s.io/initial-events-end\":"
					      "\"true\"}}}}",
					      .ms = MIN };
	unsigned most = 0;
	char *bytes;
	size_t n;
	(void)state;

	read_recorded("watch", &bytes, &n);
	for (size_t at = 1; at < n; at++) {
		struct nd_watch *w = begin(ND_OBJECT_SLICE, NULL);
		step(&stream);
		char *copy = malloc(at);
		memcpy(copy, bytes, at);
		whole.body = copy;
		whole.n = at;
		whole.err = ND_ECLOSED;
		step(&whole);
		free(copy);
		unsigned events = count("+") + count("-");
		assert_true(events >= most);
		most = events;
		assert_int_equal(count(") "), 1);
		step(&rest);
		assert_true(nd_watch_state(w).synced);
		nd_watch_free(w);
	}
	assert_true(most > 1);
	free(bytes);
}

/* A list in protobuf and a refusal, as a server wrote them; then the list cut at any byte: it never
 * completes. */
static void test_protobuf(void **state)
{
	static const struct answer rest = { GOOD, "", .ms = MIN };
	struct answer no = { 403, "application/vnd.kubernetes.protobuf", NULL, NULL },
		      no_stream = { 422, "application/json", NULL, STATUS("422", "Invalid", "") },
		      list = { 200, "application/vnd.kubernetes.protobuf", NULL, NULL };
	char *status, *services;
	size_t n;
	(void)state;

	read_recorded("status", &status, &no.n);
	read_recorded("services", &services, &n);
	struct nd_watch *w = begin(ND_OBJECT_SERVICE, NULL);
	no.body = status;
	list.body = services;
	list.n = n;
	step(&no);
	no.n--; /* undecodable: the status of the head is used */
	step(&no);
	step(&no_stream);
	step(&list);
	step(&rest);
	shorten(world.trace);
	assert_string_equal(
		world.trace,
		"S !429 TooManyRequests: too many requests ~3000 S !403 ~800 S L ( +web +head +out +old "
		"L=next-page !200: Content-Type is neither protobuf nor JSON, or not that of the first page ~400 ");
	nd_watch_free(w);
	for (list.n = 1; list.n < n; list.n++) {
		w = begin(ND_OBJECT_SERVICE, NULL);
		step(&no_stream);
		step(&list);
		assert_int_equal(count(") "), 0);
		assert_false(nd_watch_state(w).synced);
		nd_watch_free(w);
	}
	free(status);
	free(services);
}

/* --- the rest --- */

static void test_requests(void **state)
{
	static const struct {
		enum nd_object_kind kind;
		const char *labels, *target, *accept;
	} asked[] = {
		{ ND_OBJECT_SERVICE, NULL,
		  "/api/v1/services?watch=1&allowWatchBookmarks=true&timeoutSeconds=300&"
		  "sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
		  "application/vnd.kubernetes.protobuf;stream=watch, application/json" },
		{ ND_OBJECT_SLICE, "a=b,c in (d)",
		  "/apis/discovery.k8s.io/v1/endpointslices?watch=1&allowWatchBookmarks=true&"
		  "timeoutSeconds=300&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&"
		  "labelSelector=a%3Db%2Cc%20in%20%28d%29",
		  "application/vnd.kubernetes.protobuf;stream=watch, application/json" },
		{ ND_OBJECT_POD, NULL,
		  "/api/v1/pods?watch=1&allowWatchBookmarks=true&timeoutSeconds=300&"
		  "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&fieldSelector="
		  "status.phase%21%3DSucceeded%2Cstatus.phase%21%3DFailed%2Cstatus.phase%21%3DUnknown",
		  "application/vnd.kubernetes.protobuf;stream=watch, application/json" },
		{ ND_OBJECT_IMPORT, NULL,
		  "/apis/multicluster.x-k8s.io/v1alpha1/serviceimports?watch=1&"
		  "allowWatchBookmarks=true&timeoutSeconds=300&sendInitialEvents=true&"
		  "resourceVersionMatch=NotOlderThan",
		  "application/json" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(asked); i++) {
		struct nd_watch *w = begin(asked[i].kind, asked[i].labels);
		fire();
		assert_string_equal(world.target, asked[i].target);
		assert_string_equal(world.accept, asked[i].accept);
		nd_watch_free(w); /* the open exchange is cancelled, and its slot released */
		assert_false(world.open);
		assert_int_equal(world.inflight, 0);
	}
}

static void test_client(void **state)
{
	static const struct answer stream = STREAM, rest = { GOOD, "", .ms = MIN };
	struct nd_watch *w = begin(ND_OBJECT_SERVICE, NULL);
	(void)state;

	world.delay_ns = ND_MS(50); /* delayed by the limits: not a failure */
	step(&stream);
	world.get_err = ND_ECONF; /* no credentials */
	step(NULL);
	assert_int_equal(world.code, ND_WATCH_NO_CREDENTIALS);
	step(NULL);
	world.get_err = 0;
	world.notice = "a file is bad";
	fire();
	assert_int_equal(world.code, ND_WATCH_NOTICE);
	reply(&rest);
	shorten(world.trace);
	assert_string_equal(world.trace, "~50 S ( +a ) ok W=9 !the program failed ~400 W=9 ~800 "
					 "W=9 !a file is bad ~2000 ok ");
	assert_int_equal(nd_watch_state(w).failures, 2);
	assert_int_equal(world.count.held.n, 2); /* unsent requests are not counted */
	assert_int_equal(world.count.held.bucket[0], 1);
	assert_int_equal(world.count.held.bucket[3], 1); /* up to 0.05 s */
	assert_int_equal(world.count.codes[200], 2);
	assert_int_equal(world.count.lists.n, 0);
	nd_watch_free(w);
}

static void test_count(void **state)
{
	static const struct answer no_stream = { 422, "application/json", NULL,
						 STATUS("422", "Invalid", "") },
				   none = { 0, .err = ND_ECLOSED, .ms = 11000 },
				   list = { GOOD, LIST("\"resourceVersion\":\"5\"", ""),
					    .ms = 300 };
	struct nd_watch *w = begin(ND_OBJECT_SERVICE, NULL);
	(void)state;

	step(&no_stream);
	step(&none);
	world.delay_ns = ND_MS(400);
	step(&list);
	assert_int_equal(world.count.codes[422], 1);
	assert_int_equal(world.count.codes[0], 1);
	assert_int_equal(world.count.codes[200], 1);
	assert_int_equal(world.count.lists.n, 2);
	assert_int_equal(world.count.lists.bucket[ND_APICOUNT_BUCKETS], 1);
	assert_int_equal(world.count.lists.bucket[7], 1); /* with its delay: up to 1 s */
	assert_true(world.count.lists.sum > 11.69 && world.count.lists.sum < 11.71);
	nd_watch_free(w);
}

/* The sink is full, in a list or in a watch: everything is listed again, after a pause. */
static void test_full(void **state)
{
	static const struct answer stream = STREAM,
				   list = { GOOD, LIST("\"resourceVersion\":\"5\"", ITEM("a")) },
				   event = { GOOD, EVENT("ADDED", "b", "11"), .ms = MIN };
	struct nd_watch *w = begin(ND_OBJECT_SERVICE, NULL);
	(void)state;

	world.upsert = ND_ELIMIT;
	step(&stream);
	assert_false(nd_watch_state(w).synced);
	world.upsert = 0;
	step(&list);
	assert_true(nd_watch_state(w).synced);
	world.upsert = ND_ELIMIT;
	step(&event);
	world.upsert = 0;
	step(&stream);
	shorten(world.trace);
	assert_string_equal(world.trace, "S ( +a x !limit exceeded ~400 L ( +a ) ok "
					 "W=5 +b x !limit exceeded ~400 S ( +a ) ok ");
	nd_watch_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scenarios),
		cmocka_unit_test(test_kind_absent),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_cut_watch),
		cmocka_unit_test(test_protobuf),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_client),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_endless_pages),
		cmocka_unit_test(test_endless_refusal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
