/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/watch.h"

#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/time.h"
#include "io/clock.h"
#include "io/random.h"
#include "kube/apirequest.h"
#include "kube/retryafter.h"
#include "kube/watch_parts.h"

enum {
	REQUEST_BYTES_MAX = 16 << 10,
	/* Bookmarks come once a minute; after three minutes without one the stream is dead. */
	IDLE_S = 180,
	/* As client-go: a watch lasts five to ten minutes, so that they do not all end together. */
	WATCH_S = 300,
	WATCH_JITTER_S = 300,
	/* A watch that the server closes sooner counts as a failure. */
	SHORTEST_S = 1,
	/* A broken watch has recovered once it is open for that long. */
	RECOVERED_S = 2,
	/* A page of 500 objects; the API server gives up after a minute. */
	LIST_S = 120,
	/* How long after its time a server may end a watch. */
	WATCH_END_S = 60,
};

/* --- requests --- */

static void send_request(struct nd_watch *w);

static void on_timer(struct nd_timer *t)
{
	send_request(ND_CONTAINER(t, struct nd_watch, timer));
}

static void schedule(struct nd_watch *w, uint64_t delay_ns)
{
	nd_timer_start(w->loop, &w->timer, delay_ns, on_timer);
}

static struct nd_apirequest make_request(const struct nd_watch *w)
{
	return (struct nd_apirequest){ .kind = w->config.kind,
				       .type = w->phase,
				       .version = w->version,
				       .more = w->more,
				       .labels = w->config.labels,
				       .timeout_s = WATCH_S + nd_random_below(WATCH_JITTER_S) };
}

static void release_slot(struct nd_watch *w)
{
	if (w->has_slot)
		nd_client_release(w->config.client);
	w->has_slot = false;
}

/* --- reports --- */

static void report_success(struct nd_watch *w)
{
	w->reported[0] = '\0';
	w->config.report(w->config.ctx, w->config.kind, NULL, 0);
}

static void report_recovery(struct nd_watch *w)
{
	if (w->reported[0])
		report_success(w);
}

static void report_failure(struct nd_watch *w, const char *text, int code)
{
	if (strcmp(text, w->reported) == 0)
		return;
	snprintf(w->reported, sizeof w->reported, "%s", text);
	w->config.report(w->config.ctx, w->config.kind, text, code);
}

/* --- the response --- */

static bool is_refusal(const struct nd_watch *w)
{
	return w->body.kind == ND_BODY_REFUSAL;
}

static void on_recovery_timer(struct nd_timer *t)
{
	report_recovery(ND_CONTAINER(t, struct nd_watch, timer));
}

static void on_head(void *ctx, struct nd_httpc_exchange *x, int status)
{
	struct nd_watch *w = ctx;
	struct nd_apirequest asked = make_request(w);
	const char *after = nd_httpc_header(x, "Retry-After");

	release_slot(w);
	nd_apicount_code(nd_client_count(w->config.client), status);
	w->status = status;
	w->retry_after_s = nd_retryafter_s(after, nd_clock_wall_ns() / ND_NS_PER_S);
	nd_body_open(&w->body, &asked, w->config.sink, status, nd_httpc_header(x, "Content-Type"));
	w->state.connected = !is_refusal(w);
	/* The end of the exchange takes the timer back (schedule()). */
	if (w->state.connected && w->phase == ND_APIREQUEST_WATCH && w->reported[0])
		nd_timer_start(w->loop, &w->timer, ND_S(RECOVERED_S), on_recovery_timer);
}

/* The sink has the whole list; the watch continues from `version`. */
static void complete_list(struct nd_watch *w, const char *version)
{
	if (version[0])
		snprintf(w->version, sizeof w->version, "%s", version);
	w->more[0] = '\0';
	w->pages = w->empty_pages = 0;
	w->listed = 0;
	w->by_pages = false;
	w->kind_absent = false;
	w->failures = 0;
	w->state.synced = true;
	w->state.lists++;
	report_success(w);
}

/* After events: the version of the last one. A streaming list has none before it is complete. */
static void save_version(struct nd_watch *w)
{
	const char *version = nd_body_version(&w->body);

	if (nd_body_initial(&w->body))
		return;
	if (w->phase == ND_APIREQUEST_STREAM) {
		w->phase = ND_APIREQUEST_WATCH;
		complete_list(w, version);
		return;
	}
	if (!version[0] || strcmp(version, w->version) == 0)
		return;
	snprintf(w->version, sizeof w->version, "%s", version);
	w->failures = 0;
	report_recovery(w);
}

static void end_exchange(struct nd_watch *w, int err, const char *why);

static void on_data(void *ctx, struct nd_httpc_exchange *x, const uint8_t *bytes, size_t n)
{
	struct nd_watch *w = ctx;
	size_t before = is_refusal(w) ? 0 : nd_body_count(&w->body);
	int err = nd_body_feed(&w->body, bytes, n);

	if (is_refusal(w)) {
		if (!err)
			return;
		nd_httpc_cancel(x);
		end_exchange(w, 0, "");
		return;
	}
	w->state.events += nd_body_count(&w->body) - before;
	if (w->phase != ND_APIREQUEST_LIST)
		save_version(w);
	if (!err && !nd_body_refused(&w->body))
		return;
	nd_httpc_cancel(x);
	end_exchange(w, err, nd_err_text(err));
}

/* --- carrying it out --- */

static void forget_list(struct nd_watch *w)
{
	w->version[0] = w->more[0] = '\0';
	w->pages = w->empty_pages = 0;
	w->listed = 0;
}

/* The cluster does not have this kind: its CRD is not installed, or not yet. (A server that has not
 * loaded its CRDs yet answers 503.) So there are none, and no one needs to wait for the list, where
 * CoreDNS waits forever. After a list with objects in it a 404 is a failure like any other: the
 * server deletes the objects with their CRD, and sends those events. */
static void set_kind_absent(struct nd_watch *w)
{
	struct nd_sink *sink = w->config.sink;

	if (!w->kind_absent) {
		sink->begin(sink, w->config.kind);
		sink->end(sink, w->config.kind);
	}
	w->kind_absent = w->state.synced = true;
	report_failure(w,
		       "no ServiceImports: the CRD serviceimports.multicluster.x-k8s.io is not "
		       "installed",
		       404);
	w->config.report(w->config.ctx, w->config.kind, NULL, 0);
}

static void report_end(struct nd_watch *w, const struct nd_watch_end *e)
{
	const char *path = nd_apirequest_path(w->config.kind);
	const struct nd_meta_status *s = &e->status;
	char text[ND_WATCH_REPORT_BYTES_MAX];

	if (e->how == ND_WATCH_END_REFUSED)
		snprintf(text, sizeof text, "%s: %d%s%.60s%s%.250s", path, s->code,
			 s->reason[0] ? " " : "", s->reason, s->message[0] ? ": " : "", s->message);
	else
		snprintf(text, sizeof text, "%s: %.440s", path, e->why);
	report_failure(w, text,
		       e->how == ND_WATCH_END_REFUSED ? s->code
		       : e->err == ND_ECONF           ? ND_WATCH_NO_CREDENTIALS
		       : e->err == ND_ELIMIT          ? ND_WATCH_LIMIT
						      : ND_WATCH_BROKEN);
}

static void carry_out(struct nd_watch *w, const struct nd_watch_next *next,
		      const struct nd_watch_end *e)
{
	w->failures = next->failures;
	switch (next->step) {
	case ND_WATCH_NEXT_CONTINUE: break;
	case ND_WATCH_NEXT_PAGE:
		snprintf(w->more, sizeof w->more, "%s", nd_body_meta(&w->body)->more);
		break;
	case ND_WATCH_NEXT_WATCH: complete_list(w, nd_body_meta(&w->body)->version); break;
	case ND_WATCH_NEXT_LIST: forget_list(w); break;
	case ND_WATCH_NEXT_LIST_PAGES:
		w->by_pages = true;
		forget_list(w);
		break;
	case ND_WATCH_NEXT_NO_STREAM:
		w->no_stream = true;
		forget_list(w);
		break;
	case ND_WATCH_NEXT_KIND_ABSENT:
		set_kind_absent(w);
		forget_list(w);
		break;
	}
	if (next->report && next->step != ND_WATCH_NEXT_KIND_ABSENT)
		report_end(w, e);
	/* The next page continues the list that is open. */
	if (next->step != ND_WATCH_NEXT_PAGE)
		nd_body_close(&w->body);
	uint32_t jitter_ms = next->jitter_ms ? nd_random_below(next->jitter_ms) : 0;
	schedule(w, next->pause_ns + ND_MS(jitter_ms));
}

static void follow_end(struct nd_watch *w, const struct nd_watch_end *e)
{
	struct nd_watch_next next = nd_watch_decide(w, e);

	if (e->how != ND_WATCH_END_COMPLETE)
		w->state.failures++;
	if (e->how == ND_WATCH_END_REFUSED && e->status.code == 410)
		w->state.expired++;
	if (e->how == ND_WATCH_END_REFUSED && e->status.code == 401)
		nd_client_discard_credential(w->config.client);
	carry_out(w, &next, e);
}

/* --- the end of a request --- */

static struct nd_watch_end describe_refusal(struct nd_watch *w)
{
	struct nd_watch_end e = { .how = ND_WATCH_END_REFUSED, .retry_after_s = w->retry_after_s };
	struct nd_meta_status *s = &e.status;

	nd_body_status(&w->body, w->status, s);
	if (s->retry_after_s > 0 && !e.retry_after_s)
		e.retry_after_s = (uint64_t)s->retry_after_s;
	if (w->status == 200 && is_refusal(w))
		snprintf(s->message, sizeof s->message,
			 "Content-Type is neither protobuf nor JSON, or not that of the first page");
	return e;
}

/* A complete page. Its continue token must lead on: a list without an end would keep us busy
 * without ever being complete. */
static struct nd_watch_end describe_page(struct nd_watch *w)
{
	const char *more = nd_body_meta(&w->body)->more;
	size_t listed = nd_body_count(&w->body) + nd_body_skipped(&w->body);
	struct nd_watch_end e = { .how = ND_WATCH_END_COMPLETE,
				  .more = more[0],
				  .objects = listed - w->listed };

	w->listed = listed;
	w->empty_pages = e.objects ? 0 : w->empty_pages + 1;
	w->pages++;
	if (!e.more)
		return e;
	e.why = strcmp(more, w->more) == 0       ? "the server repeats its continue token"
		: w->pages >= ND_WATCH_PAGES_MAX ? "the list has too many pages"
		: w->empty_pages >= ND_WATCH_EMPTY_PAGES_MAX
			? "the list has too many pages without an object"
			: NULL;
	if (e.why) {
		e.how = ND_WATCH_END_BROKEN;
		e.err = ND_ELIMIT;
	}
	return e;
}

/* err: the connection's or the decoder's, `why` in words. */
static struct nd_watch_end describe_end(struct nd_watch *w, int err, const char *why)
{
	bool readable = w->status == 200 && !is_refusal(w);
	uint64_t open_ns = nd_loop_now_ns(w->loop) - w->sent_ns;
	int unfinished = !err && readable ? nd_body_finish(&w->body) : 0;

	if (w->status && (!readable || nd_body_refused(&w->body)))
		return describe_refusal(w);
	if (!err && !unfinished && w->phase == ND_APIREQUEST_LIST && readable)
		return describe_page(w);
	if (!err && !unfinished && w->phase == ND_APIREQUEST_WATCH && readable &&
	    open_ns > ND_S(SHORTEST_S))
		return (struct nd_watch_end){ .how = ND_WATCH_END_COMPLETE };
	return (struct nd_watch_end){ .how = ND_WATCH_END_BROKEN,
				      .err = err ? err : unfinished,
				      .why = err ? why : "the response ended early",
				      .open_ns = open_ns };
}

/* As client-go: a watch is counted by its status, but its duration is not. */
static void count_end(struct nd_watch *w)
{
	struct nd_apicount *count = nd_client_count(w->config.client);

	if (!w->status)
		nd_apicount_code(count, 0);
	if (w->phase == ND_APIREQUEST_LIST)
		nd_apicount_time(&count->lists, nd_loop_now_ns(w->loop) - w->due_ns);
}

static void end_exchange(struct nd_watch *w, int err, const char *why)
{
	w->x = NULL;
	w->state.connected = false;
	release_slot(w);
	count_end(w);
	struct nd_watch_end e = describe_end(w, err, why);
	follow_end(w, &e);
}

static void on_end(void *ctx, struct nd_httpc_exchange *x, int err)
{
	end_exchange(ctx, err, err ? nd_httpc_error_text(x) : "");
}

/* --- sending --- */

/* True: the client's limits delay the request, and it is scheduled. */
static bool delay_request(struct nd_watch *w)
{
	uint64_t delay_ns = nd_client_delay_ns(w->config.client);

	if (!w->delayed)
		w->due_ns = nd_loop_now_ns(w->loop);
	w->delayed = delay_ns;
	if (delay_ns)
		schedule(w, delay_ns);
	return delay_ns;
}

static int start_exchange(struct nd_watch *w)
{
	struct nd_httpc_handler handler = { w, on_head, on_data, on_end };
	struct nd_apirequest r = make_request(w);
	uint64_t total_s = r.type == ND_APIREQUEST_LIST ? LIST_S : r.timeout_s + WATCH_END_S;
	struct nd_buf b;

	nd_buf_init(&b, REQUEST_BYTES_MAX);
	nd_apirequest_write(&r, &b);
	int err = b.err ? b.err
			: nd_client_get(w->config.client, b.data, nd_apirequest_accept(&r),
					ND_S(IDLE_S), ND_S(total_s), &handler, &w->x);
	nd_buf_clear(&b);
	return err;
}

static void send_request(struct nd_watch *w)
{
	struct nd_client *client = w->config.client;

	if (delay_request(w))
		return;
	w->phase = w->version[0]                               ? ND_APIREQUEST_WATCH
		   : w->more[0] || w->no_stream || w->by_pages ? ND_APIREQUEST_LIST
							       : ND_APIREQUEST_STREAM;
	w->status = 0;
	w->retry_after_s = 0;
	w->sent_ns = nd_loop_now_ns(w->loop);
	int err = start_exchange(w);
	if (err) {
		struct nd_watch_end e = { .how = ND_WATCH_END_BROKEN,
					  .err = err,
					  .why = nd_client_error(client, err) };
		follow_end(w, &e);
		return;
	}
	w->has_slot = true;
	nd_apicount_time(&nd_client_count(client)->held, w->sent_ns - w->due_ns);
	const char *notice = nd_client_notice(client);
	if (notice)
		report_failure(w, notice, ND_WATCH_NOTICE);
}

struct nd_watch *nd_watch_new(struct nd_loop *loop, const struct nd_watch_config *config)
{
	struct nd_watch *w = calloc(1, sizeof *w);

	if (!w)
		return NULL;
	w->config = *config;
	w->loop = loop;
	nd_body_init(&w->body);
	schedule(w, 0);
	return w;
}

void nd_watch_free(struct nd_watch *w)
{
	if (!w)
		return;
	nd_timer_stop(&w->timer);
	nd_httpc_cancel(w->x);
	release_slot(w);
	nd_body_clear(&w->body);
	free(w);
}

struct nd_watch_state nd_watch_state(const struct nd_watch *w)
{
	return w->state;
}
