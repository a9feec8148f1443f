/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/err.h"
#include "io/clock.h"
#include "io/random.h"
#include "kube/jsonstream.h"
#include "kube/pbstream.h"

#define MS(n) ((n) * (uint64_t)ND_NS_PER_MS)
#define S(n) ((n) * (uint64_t)ND_NS_PER_S)

enum {
	MAX_OBJECT = 8 << 20, /* etcd takes 1.5 MB; JSON of it is longer */
	PAGE = 500,
	REFUSAL_BYTES = 16 << 10,
	FAILURES_MAX = 3, /* of watches in a row from one version, before all is listed again */
	PAUSE_MS = 800,
	PAUSE_MAX_MS = 30000,
};

enum phase {
	STREAM, /* a watch that begins with a list */
	LIST,
	WATCH,
};

enum body { REFUSAL, PROTOBUF_LIST, PROTOBUF_WATCH, JSON };

struct nd_watch {
	struct nd_watch_config config;
	struct nd_loop *loop;
	struct nd_timer timer;
	struct nd_httpc_exchange *x;
	enum phase phase;
	enum body body;
	int status; /* 0: no head yet */
	uint64_t retry_after_s, begun_ns;
	uint64_t due_ns; /* when the request would have gone out, were it not held back */
	union {
		struct nd_pb_list list;
		struct nd_pb_watch watch;
		struct nd_jsonstream json;
	} in;
	struct nd_buf refusal;
	char version[ND_PB_VERSION_MAX + 1]; /* where a watch goes on; "": list first */
	char more[ND_PB_CONTINUE_MAX + 1];   /* the next page; "": the first */
	bool no_stream;                      /* the server has none */
	bool by_pages;                       /* the next list: a stream broke off */
	bool absent;                         /* the server has no such kind */
	bool open;                           /* `in` holds something */
	bool waits;                          /* it is held back */
	bool counted;                        /* the client waits for this head */
	unsigned failures;                   /* in a row */
	char told[512];                      /* the last failure that was reported */
	struct nd_watch_state state;
};

static const char *const paths[ND_OBJECT_KINDS] = {
	[ND_OBJECT_NAMESPACE] = "/api/v1/namespaces",
	[ND_OBJECT_SERVICE] = "/api/v1/services",
	[ND_OBJECT_SLICE] = "/apis/discovery.k8s.io/v1/endpointslices",
	[ND_OBJECT_POD] = "/api/v1/pods",
	[ND_OBJECT_IMPORT] = "/apis/multicluster.x-k8s.io/v1alpha1/serviceimports",
};

static void ask(struct nd_watch *w);

static void on_timer(struct nd_timer *t)
{
	ask(ND_CONTAINER(t, struct nd_watch, timer));
}

static void wait(struct nd_watch *w, uint64_t ns)
{
	nd_timer_start(w->loop, &w->timer, ns, on_timer);
}

/* ---- what is asked ---- */

static void escape(struct nd_buf *to, const char *text)
{
	for (; *text; text++) {
		char c = *text;
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    strchr("-._~", c))
			nd_buf_add(to, &c, 1);
		else
			nd_buf_printf(to, "%%%02X", (uint8_t)c);
	}
}

static void write_target(const struct nd_watch *w, struct nd_buf *b)
{
	nd_buf_printf(b, "%s?", paths[w->config.kind]);
	if (w->phase == LIST) {
		nd_buf_printf(b, "limit=%d", PAGE);
		if (w->more[0]) {
			nd_buf_text(b, "&continue=");
			escape(b, w->more);
		}
	} else {
		/* As client-go: five to ten minutes, so that watches do not end together. */
		nd_buf_printf(b, "watch=1&allowWatchBookmarks=true&timeoutSeconds=%u",
			      300 + nd_random_below(300));
	}
	if (w->phase == STREAM)
		nd_buf_text(b, "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
	if (w->phase == WATCH)
		nd_buf_printf(b, "&resourceVersion=%s", w->version);
	if (w->config.labels) {
		nd_buf_text(b, "&labelSelector=");
		escape(b, w->config.labels);
	}
	/* CoreDNS leaves them to the server, too. */
	if (w->config.kind == ND_OBJECT_POD) {
		nd_buf_text(b, "&fieldSelector=");
		escape(b, "status.phase!=Succeeded,status.phase!=Failed,status.phase!=Unknown");
	}
}

static const char *accepts(const struct nd_watch *w)
{
	if (w->config.kind == ND_OBJECT_IMPORT)
		return "application/json";
	return w->phase == LIST
		       ? "application/vnd.kubernetes.protobuf, application/json"
		       : "application/vnd.kubernetes.protobuf;stream=watch, application/json";
}

/* ---- what comes ---- */

static void close_body(struct nd_watch *w)
{
	if (w->open && w->body == PROTOBUF_LIST)
		nd_pbstream_list_clear(&w->in.list);
	else if (w->open && w->body == PROTOBUF_WATCH)
		nd_pbstream_watch_clear(&w->in.watch);
	else if (w->open && w->body == JSON)
		nd_jsonstream_clear(&w->in.json);
	w->open = false;
}

/* A page behind the first belongs to the list that is open. */
static void open_body(struct nd_watch *w, enum body body)
{
	struct nd_sink *sink = w->config.sink;
	enum nd_object_kind kind = w->config.kind;

	if (w->open && w->body == body)
		return;
	close_body(w);
	w->body = body;
	w->open = body != REFUSAL;
	if (body == PROTOBUF_LIST)
		nd_pbstream_list_init(&w->in.list, kind, sink, MAX_OBJECT);
	else if (body == PROTOBUF_WATCH)
		nd_pbstream_watch_init(&w->in.watch, kind, sink, MAX_OBJECT, w->phase == STREAM);
	else if (body == JSON)
		nd_jsonstream_init(&w->in.json, kind, sink, MAX_OBJECT, w->phase != LIST,
				   w->phase == STREAM);
}

static struct nd_pb_target *target(struct nd_watch *w)
{
	return w->body == PROTOBUF_LIST    ? &w->in.list.to
	       : w->body == PROTOBUF_WATCH ? &w->in.watch.to
					   : &w->in.json.to;
}

static void answered(struct nd_watch *w)
{
	if (w->counted)
		nd_client_answered(w->config.client);
	w->counted = false;
}

static void on_head(void *ctx, struct nd_httpc_exchange *x, int status)
{
	struct nd_watch *w = ctx;
	const char *type = nd_httpc_header(x, "Content-Type");
	const char *after = nd_httpc_header(x, "Retry-After");

	answered(w);
	nd_apicount_code(nd_client_count(w->config.client), status);
	w->status = status;
	w->retry_after_s = after ? strtoul(after, NULL, 10) : 0;
	nd_buf_reset(&w->refusal);
	if (status != 200 || !type) {
		open_body(w, REFUSAL);
		return;
	}
	if (strncmp(type, "application/vnd.kubernetes.protobuf", 35) == 0 &&
	    w->config.kind != ND_OBJECT_IMPORT)
		open_body(w, w->phase == LIST ? PROTOBUF_LIST : PROTOBUF_WATCH);
	else if (strncmp(type, "application/json", 16) == 0)
		open_body(w, JSON);
	else
		open_body(w, REFUSAL);
	w->state.connected = w->body != REFUSAL;
	/* What failed before goes on where it was. */
	if (w->state.connected && w->phase == WATCH && w->told[0]) {
		w->told[0] = '\0';
		w->config.report(w->config.ctx, w->config.kind, NULL);
	}
}

/* A list is whole: the watch goes on from there. */
static void on_listed(struct nd_watch *w, const char *version)
{
	if (version[0])
		snprintf(w->version, sizeof w->version, "%s", version);
	w->more[0] = '\0';
	w->by_pages = false;
	w->state.synced = true;
	w->absent = false;
	w->state.lists++;
	w->told[0] = '\0';
	w->failures = 0;
	w->config.report(w->config.ctx, w->config.kind, NULL);
}

/* Where a watch stands now. Inside of a streaming list that is nowhere yet. */
static void follow(struct nd_watch *w)
{
	bool pb = w->body == PROTOBUF_WATCH;
	const char *version = pb ? w->in.watch.version : w->in.json.version;

	if (pb ? w->in.watch.initial : w->in.json.initial)
		return;
	if (w->phase == STREAM) {
		w->phase = WATCH;
		on_listed(w, version);
		return;
	}
	if (!version[0] || strcmp(version, w->version) == 0)
		return;
	snprintf(w->version, sizeof w->version, "%s", version);
	w->failures = 0;
}

static int feed(struct nd_watch *w, const uint8_t *bytes, size_t n)
{
	switch (w->body) {
	case PROTOBUF_LIST: return nd_pbstream_list_feed(&w->in.list, bytes, n);
	case PROTOBUF_WATCH: return nd_pbstream_watch_feed(&w->in.watch, bytes, n);
	case JSON: return nd_jsonstream_feed(&w->in.json, bytes, n);
	default:
		if (w->refusal.len + n <= REFUSAL_BYTES)
			nd_buf_add(&w->refusal, bytes, n);
		return 0;
	}
}

static void ended(struct nd_watch *w, int err, const char *why);

static void on_data(void *ctx, struct nd_httpc_exchange *x, const uint8_t *bytes, size_t n)
{
	struct nd_watch *w = ctx;
	size_t before = w->body == REFUSAL ? 0 : target(w)->taken;
	int err = feed(w, bytes, n);

	if (w->body == REFUSAL)
		return;
	w->state.events += target(w)->taken - before;
	if (w->phase != LIST)
		follow(w);
	if (!err && !target(w)->refused)
		return;
	nd_httpc_cancel(x);
	ended(w, err, nd_err_text(err));
}

/* ---- what follows from it ---- */

static void list_again(struct nd_watch *w)
{
	w->version[0] = w->more[0] = '\0';
	close_body(w);
}

static uint64_t pause_ns(const struct nd_watch *w)
{
	uint64_t ms = PAUSE_MS;

	for (unsigned i = 1; i < w->failures && ms < PAUSE_MAX_MS; i++)
		ms *= 2;
	if (ms > PAUSE_MAX_MS)
		ms = PAUSE_MAX_MS;
	return MS(ms / 2 + nd_random_below((uint32_t)ms / 2 + 1));
}

static void tell(struct nd_watch *w, const char *text)
{
	if (strcmp(text, w->told) == 0)
		return;
	snprintf(w->told, sizeof w->told, "%s", text);
	w->config.report(w->config.ctx, w->config.kind, text);
}

static void read_refusal(struct nd_watch *w, struct nd_pb_status *out)
{
	struct nd_pb_envelope e;
	const char *text = nd_buf_string(&w->refusal);

	*out = (struct nd_pb_status){ .code = w->status };
	if (w->body != REFUSAL)
		*out = target(w)->status;
	else if (w->refusal.len > 4 && memcmp(text, "k8s", 4) == 0) {
		if (nd_pb_envelope((const uint8_t *)text, w->refusal.len, &e) ||
		    nd_pb_status(e.raw.bytes, e.raw.len, out))
			*out = (struct nd_pb_status){ .code = w->status };
	} else
		nd_jsonstream_status(text, w->refusal.len, out);
	if (!out->code)
		out->code = w->status;
}

/* The cluster has no such kind: its definition was not installed, or not yet. (A server that has not read its
 * definitions yet says 503.) So there are none, and nobody needs to wait for the list, as CoreDNS does for ever. Once
 * there were some it is a failure like others: with a definition the server deletes, and tells so, what is of it. */
static void absent(struct nd_watch *w, uint64_t pause)
{
	struct nd_sink *sink = w->config.sink;

	if (!w->absent) {
		sink->begin(sink, w->config.kind);
		sink->end(sink, w->config.kind);
	}
	w->absent = w->state.synced = true;
	tell(w, "there are no ServiceImports: serviceimports.multicluster.x-k8s.io is not "
		"installed");
	w->config.report(w->config.ctx, w->config.kind, NULL);
	wait(w, pause);
}

/* The server said no. */
static void refused(struct nd_watch *w)
{
	struct nd_pb_status s;
	char text[512];

	read_refusal(w, &s);
	uint64_t pause = pause_ns(w);
	if (s.retry_after_s > 0 && !w->retry_after_s)
		w->retry_after_s = (uint64_t)s.retry_after_s;
	if (w->retry_after_s > 0 && w->retry_after_s < 3600)
		pause = S(w->retry_after_s) + MS(nd_random_below(1000));
	if (w->status == 200 && w->body == REFUSAL)
		snprintf(s.message, sizeof s.message, "it answers neither protobuf nor JSON");
	if (w->phase == LIST)
		list_again(w); /* a page that is missing: its list cannot go on */
	if (s.code == 410) {
		w->state.expired++;
		list_again(w);
		if (w->failures == 1)
			pause = MS(nd_random_below(100));
	} else if (w->phase == STREAM && (s.code == 400 || s.code == 422)) {
		/* Before 1.27, or switched off: it knows no streaming list. */
		w->no_stream = true;
		w->failures = 0;
		wait(w, 0);
		return;
	} else if (s.code == 404 && w->config.kind == ND_OBJECT_IMPORT &&
		   (w->absent || !w->state.synced)) {
		absent(w, pause);
		return;
	} else if (w->failures >= FAILURES_MAX && w->status == 200) {
		list_again(w);
	}
	if (s.code == 401)
		nd_client_refused(w->config.client);
	if (s.code == 401 && w->failures == 1)
		pause = 0; /* the token may have been rotated: it is read again for each request */
	if (s.code != 410 && pause) {
		snprintf(text, sizeof text, "%s: %d %.60s%s%.250s", paths[w->config.kind], s.code,
			 s.reason, s.message[0] ? ": " : "", s.message);
		tell(w, text);
	}
	wait(w, pause);
}

/* It broke off, or could not be read. */
static void broke(struct nd_watch *w, int err, const char *why)
{
	char text[512];

	if (w->phase == STREAM && w->status == 200)
		w->by_pages = true;
	/* A server that cannot be reached is no reason to list again. */
	if (w->phase != WATCH || (w->failures >= FAILURES_MAX && w->status == 200) ||
	    err == -ENOMEM || err == ND_ELIMIT)
		list_again(w);
	/* A watch that was cut after a while is nothing to speak of, and the next one is due. */
	if (w->phase == WATCH && w->status == 200 && w->failures == 1 && w->version[0] &&
	    nd_loop_now_ns(w->loop) - w->begun_ns > S(5)) {
		wait(w, MS(nd_random_below(500)));
		return;
	}
	snprintf(text, sizeof text, "%s: %.440s", paths[w->config.kind], why);
	tell(w, text);
	wait(w, pause_ns(w));
}

static int finish(struct nd_watch *w)
{
	return w->body == PROTOBUF_LIST    ? nd_pbstream_list_finish(&w->in.list)
	       : w->body == PROTOBUF_WATCH ? nd_pbstream_watch_finish(&w->in.watch)
					   : nd_jsonstream_finish(&w->in.json);
}

static void page_done(struct nd_watch *w)
{
	const struct nd_pb_list_meta *meta = w->body == PROTOBUF_LIST ? &w->in.list.meta
								      : &w->in.json.meta;

	snprintf(w->more, sizeof w->more, "%s", meta->more);
	if (!w->more[0]) {
		on_listed(w, meta->version);
		close_body(w);
	}
	wait(w, 0);
}

/* As client-go does it: a watch is a request with a status, but has no time that it takes. */
static void count_end(struct nd_watch *w)
{
	struct nd_apicount *count = nd_client_count(w->config.client);

	if (!w->status)
		nd_apicount_code(count, 0);
	if (w->phase == LIST)
		nd_apicount_time(&count->lists, nd_loop_now_ns(w->loop) - w->due_ns);
}

static void ended(struct nd_watch *w, int err, const char *why)
{
	bool good = w->status == 200 && w->body != REFUSAL;

	w->x = NULL;
	answered(w);
	count_end(w);
	w->state.connected = false;
	if (!err && good)
		err = finish(w);
	if (!err && good && !target(w)->refused && w->phase == LIST) {
		page_done(w);
		return;
	}
	/* A watch ends when its time is over. One that ends at once, again and again, is none. */
	if (!err && good && !target(w)->refused && w->phase == WATCH &&
	    nd_loop_now_ns(w->loop) - w->begun_ns > S(1)) {
		w->failures = 0;
		close_body(w);
		wait(w, MS(nd_random_below(100)));
		return;
	}
	w->failures++;
	w->state.failures++;
	if (w->status && (!good || target(w)->refused))
		refused(w);
	else
		broke(w, err, err ? why : "the server ended it too early");
	close_body(w);
}

static void on_end(void *ctx, struct nd_httpc_exchange *x, int err)
{
	struct nd_watch *w = ctx;

	ended(w, err, err ? nd_httpc_error_text(x) : "");
}

static void ask(struct nd_watch *w)
{
	struct nd_httpc_handler handler = { w, on_head, on_data, on_end };
	uint64_t held = nd_client_delay_ns(w->config.client);
	struct nd_buf b;

	if (!w->waits)
		w->due_ns = nd_loop_now_ns(w->loop);
	w->waits = held;
	if (held) {
		wait(w, held);
		return;
	}
	w->phase = w->version[0]                               ? WATCH
		   : w->more[0] || w->no_stream || w->by_pages ? LIST
							       : STREAM;
	if (w->phase != LIST || !w->more[0])
		close_body(w);
	w->status = 0;
	w->retry_after_s = 0;
	w->begun_ns = nd_loop_now_ns(w->loop);
	nd_buf_init(&b, 16 << 10);
	write_target(w, &b);
	/* Bookmarks come each minute; three without one, and the stream is dead. */
	int err = b.err ? b.err
			: nd_client_get(w->config.client, b.data, accepts(w), S(180), &handler,
					&w->x);
	nd_buf_clear(&b);
	w->counted = !err;
	if (!err)
		nd_apicount_time(&nd_client_count(w->config.client)->held, w->begun_ns - w->due_ns);
	const char *notice = nd_client_notice(w->config.client);
	if (!err && notice)
		tell(w, notice);
	if (!err)
		return;
	w->failures++;
	w->state.failures++;
	broke(w, err, nd_client_error(w->config.client, err));
}

struct nd_watch *nd_watch_new(struct nd_loop *loop, const struct nd_watch_config *config)
{
	struct nd_watch *w = calloc(1, sizeof *w);

	if (!w)
		return NULL;
	w->config = *config;
	w->loop = loop;
	nd_buf_init(&w->refusal, REFUSAL_BYTES);
	wait(w, 0);
	return w;
}

void nd_watch_free(struct nd_watch *w)
{
	if (!w)
		return;
	nd_timer_stop(&w->timer);
	nd_httpc_cancel(w->x);
	answered(w);
	close_body(w);
	nd_buf_clear(&w->refusal);
	free(w);
}

struct nd_watch_state nd_watch_state(const struct nd_watch *w)
{
	return w->state;
}
