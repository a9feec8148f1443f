/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "io/clock.h"
#include "io/random.h"
#include "kube/body.h"
#include "kube/retryafter.h"

#define MS(n) ((n) * (uint64_t)ND_NS_PER_MS)
#define S(n) ((n) * (uint64_t)ND_NS_PER_S)

enum {
	/* So long open, a watch that had failed goes on; one that fails each time it is opened does
	   not. */
	STANDS_S = 2,
	FAILURES_MAX = 3, /* of watches in a row from one version, before all is listed again */
	PAUSE_MS = 800,
	PAUSE_MAX_MS = 30000,
};

struct nd_watch {
	struct nd_watch_config config;
	struct nd_loop *loop;
	struct nd_timer timer;
	struct nd_httpc_exchange *x;
	enum nd_ask_for phase;
	struct nd_body body;
	int status; /* 0: no head yet */
	uint64_t retry_after_s, begun_ns;
	uint64_t due_ns; /* when the request would have gone out, were it not held back */
	char version[ND_META_VERSION_MAX + 1]; /* where a watch goes on; "": list first */
	char more[ND_META_CONTINUE_MAX + 1];   /* the next page; "": the first */
	bool no_stream;                        /* the server has none */
	bool by_pages;                         /* the next list: a stream broke off */
	bool absent;                           /* the server has no such kind */
	bool waits;                            /* it is held back */
	bool counted;                          /* the client waits for this head */
	unsigned failures;                     /* in a row */
	char told[512];                        /* the last failure that was reported */
	struct nd_watch_state state;
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

static struct nd_ask asking(const struct nd_watch *w)
{
	/* As client-go: five to ten minutes, so that watches do not end together. */
	return (struct nd_ask){ .kind = w->config.kind,
				.what = w->phase,
				.version = w->version,
				.more = w->more,
				.labels = w->config.labels,
				.seconds = 300 + nd_random_below(300) };
}

static bool is_refusal(const struct nd_watch *w)
{
	return w->body.kind == ND_BODY_REFUSAL;
}

/* ---- what comes ---- */

static void answered(struct nd_watch *w)
{
	if (w->counted)
		nd_client_answered(w->config.client);
	w->counted = false;
}

static void goes_on(struct nd_watch *w)
{
	if (!w->told[0])
		return;
	w->told[0] = '\0';
	w->config.report(w->config.ctx, w->config.kind, NULL, 0);
}

/* While an exchange is open nothing else needs the timer; its end takes it back. */
static void on_stands(struct nd_timer *t)
{
	goes_on(ND_CONTAINER(t, struct nd_watch, timer));
}

static void on_head(void *ctx, struct nd_httpc_exchange *x, int status)
{
	struct nd_watch *w = ctx;
	struct nd_ask asked = asking(w);
	const char *after = nd_httpc_header(x, "Retry-After");

	answered(w);
	nd_apicount_code(nd_client_count(w->config.client), status);
	w->status = status;
	w->retry_after_s = nd_retryafter_s(after, nd_clock_wall_ns() / ND_NS_PER_S);
	nd_body_open(&w->body, &asked, w->config.sink, status, nd_httpc_header(x, "Content-Type"));
	w->state.connected = !is_refusal(w);
	/* What failed before goes on where it was, if it stands. */
	if (w->state.connected && w->phase == ND_ASK_WATCH && w->told[0])
		nd_timer_start(w->loop, &w->timer, S(STANDS_S), on_stands);
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
	w->config.report(w->config.ctx, w->config.kind, NULL, 0);
}

/* Where a watch stands now. Inside of a streaming list that is nowhere yet. */
static void follow(struct nd_watch *w)
{
	const char *version = nd_body_version(&w->body);

	if (nd_body_initial(&w->body))
		return;
	if (w->phase == ND_ASK_STREAM) {
		w->phase = ND_ASK_WATCH;
		on_listed(w, version);
		return;
	}
	if (!version[0] || strcmp(version, w->version) == 0)
		return;
	snprintf(w->version, sizeof w->version, "%s", version);
	w->failures = 0;
	goes_on(w);
}

static void ended(struct nd_watch *w, int err, const char *why);

static void on_data(void *ctx, struct nd_httpc_exchange *x, const uint8_t *bytes, size_t n)
{
	struct nd_watch *w = ctx;
	size_t before = is_refusal(w) ? 0 : nd_body_taken(&w->body);
	int err = nd_body_feed(&w->body, bytes, n);

	if (is_refusal(w))
		return;
	w->state.events += nd_body_taken(&w->body) - before;
	if (w->phase != ND_ASK_LIST)
		follow(w);
	if (!err && !nd_body_refused(&w->body))
		return;
	nd_httpc_cancel(x);
	ended(w, err, nd_err_text(err));
}

/* ---- what follows from it ---- */

static void list_again(struct nd_watch *w)
{
	w->version[0] = w->more[0] = '\0';
	nd_body_close(&w->body);
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

static void tell(struct nd_watch *w, const char *text, int code)
{
	if (strcmp(text, w->told) == 0)
		return;
	snprintf(w->told, sizeof w->told, "%s", text);
	w->config.report(w->config.ctx, w->config.kind, text, code);
}

/* The cluster has no such kind: its definition was not installed, or not yet. (A server that has
 * not read its definitions yet says 503.) So there are none, and nobody needs to wait for the list,
 * as CoreDNS does for ever. Once there were some it is a failure like others: with a definition the
 * server deletes, and tells so, what is of it. */
static void absent(struct nd_watch *w, uint64_t pause)
{
	struct nd_sink *sink = w->config.sink;

	if (!w->absent) {
		sink->begin(sink, w->config.kind);
		sink->end(sink, w->config.kind);
	}
	w->absent = w->state.synced = true;
	tell(w,
	     "there are no ServiceImports: serviceimports.multicluster.x-k8s.io is not "
	     "installed",
	     404);
	w->config.report(w->config.ctx, w->config.kind, NULL, 0);
	wait(w, pause);
}

/* The server said no. */
static void refused(struct nd_watch *w)
{
	struct nd_meta_status s;
	char text[512];

	nd_body_status(&w->body, w->status, &s);
	uint64_t pause = pause_ns(w);
	if (s.retry_after_s > 0 && !w->retry_after_s)
		w->retry_after_s = (uint64_t)s.retry_after_s;
	if (w->retry_after_s > 0 && w->retry_after_s < 3600)
		pause = S(w->retry_after_s) + MS(nd_random_below(1000));
	if (w->status == 200 && is_refusal(w))
		snprintf(s.message, sizeof s.message,
			 "it answers neither protobuf nor JSON, or not as it did");
	if (w->phase == ND_ASK_LIST)
		list_again(w); /* a page that is missing: its list cannot go on */
	if (s.code == 410) {
		w->state.expired++;
		list_again(w);
		if (w->failures == 1)
			pause = MS(nd_random_below(100));
	} else if (w->phase == ND_ASK_STREAM && (s.code == 400 || s.code == 422)) {
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
		snprintf(text, sizeof text, "%s: %d %.60s%s%.250s", nd_ask_path(w->config.kind),
			 s.code, s.reason, s.message[0] ? ": " : "", s.message);
		tell(w, text, s.code);
	}
	wait(w, pause);
}

/* It broke off, or could not be read. */
static void broke(struct nd_watch *w, int err, const char *why)
{
	char text[512];

	if (w->phase == ND_ASK_STREAM && w->status == 200)
		w->by_pages = true;
	/* A server that cannot be reached is no reason to list again. */
	if (w->phase != ND_ASK_WATCH || (w->failures >= FAILURES_MAX && w->status == 200) ||
	    err == -ENOMEM || err == ND_ELIMIT)
		list_again(w);
	/* A watch that was cut after a while is nothing to speak of, and the next one is due. */
	if (w->phase == ND_ASK_WATCH && w->status == 200 && w->failures == 1 && w->version[0] &&
	    nd_loop_now_ns(w->loop) - w->begun_ns > S(5)) {
		wait(w, MS(nd_random_below(500)));
		return;
	}
	snprintf(text, sizeof text, "%s: %.440s", nd_ask_path(w->config.kind), why);
	tell(w, text, err == ND_ECONF ? ND_WATCH_SELF : ND_WATCH_CUT);
	wait(w, pause_ns(w));
}

static void page_done(struct nd_watch *w)
{
	const struct nd_meta_list *meta = nd_body_meta(&w->body);

	snprintf(w->more, sizeof w->more, "%s", meta->more);
	if (!w->more[0]) {
		on_listed(w, meta->version);
		nd_body_close(&w->body);
	}
	wait(w, 0);
}

/* As client-go does it: a watch is a request with a status, but has no time that it takes. */
static void count_end(struct nd_watch *w)
{
	struct nd_apicount *count = nd_client_count(w->config.client);

	if (!w->status)
		nd_apicount_code(count, 0);
	if (w->phase == ND_ASK_LIST)
		nd_apicount_time(&count->lists, nd_loop_now_ns(w->loop) - w->due_ns);
}

static void ended(struct nd_watch *w, int err, const char *why)
{
	bool good = w->status == 200 && !is_refusal(w);

	w->x = NULL;
	answered(w);
	count_end(w);
	w->state.connected = false;
	if (!err && good)
		err = nd_body_finish(&w->body);
	if (!err && good && !nd_body_refused(&w->body) && w->phase == ND_ASK_LIST) {
		page_done(w);
		return;
	}
	/* A watch ends when its time is over. One that ends at once, again and again, is none. */
	if (!err && good && !nd_body_refused(&w->body) && w->phase == ND_ASK_WATCH &&
	    nd_loop_now_ns(w->loop) - w->begun_ns > S(1)) {
		w->failures = 0;
		nd_body_close(&w->body);
		wait(w, MS(nd_random_below(100)));
		return;
	}
	w->failures++;
	w->state.failures++;
	if (w->status && (!good || nd_body_refused(&w->body)))
		refused(w);
	else
		broke(w, err, err ? why : "the server ended it too early");
	nd_body_close(&w->body);
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
	w->phase = w->version[0]                               ? ND_ASK_WATCH
		   : w->more[0] || w->no_stream || w->by_pages ? ND_ASK_LIST
							       : ND_ASK_STREAM;
	if (w->phase != ND_ASK_LIST || !w->more[0])
		nd_body_close(&w->body);
	w->status = 0;
	w->retry_after_s = 0;
	w->begun_ns = nd_loop_now_ns(w->loop);
	nd_buf_init(&b, 16 << 10);
	struct nd_ask asked = asking(w);
	nd_ask_write(&asked, &b);
	/* Bookmarks come each minute; three without one, and the stream is dead. */
	int err = b.err ? b.err
			: nd_client_get(w->config.client, b.data, nd_ask_accept(&asked), S(180),
					&handler, &w->x);
	nd_buf_clear(&b);
	w->counted = !err;
	if (!err)
		nd_apicount_time(&nd_client_count(w->config.client)->held, w->begun_ns - w->due_ns);
	const char *notice = nd_client_notice(w->config.client);
	if (!err && notice)
		tell(w, notice, ND_WATCH_NOTICE);
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
	nd_body_init(&w->body);
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
	nd_body_clear(&w->body);
	free(w);
}

struct nd_watch_state nd_watch_state(const struct nd_watch *w)
{
	return w->state;
}
