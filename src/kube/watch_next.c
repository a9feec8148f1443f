/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include "base/err.h"
#include "base/time.h"
#include "kube/watch_parts.h"

enum {
	/* The first break of a watch that was open for longer is normal, and not reported. */
	QUIET_S = 5,
	/* Failures in a row from one version, before everything is listed again. */
	FAILURES_MAX = 3,
	/* The pause after the first failure, and the longest. */
	BACKOFF_MS = 800,
	BACKOFF_MAX_MS = 30000,
	CLOSED_JITTER_MS = 100,
	BROKEN_JITTER_MS = 500,
	EXPIRED_JITTER_MS = 100,
	/* A Retry-After of this or more is ignored. */
	RETRY_AFTER_END_S = 3600,
	RETRY_AFTER_JITTER_MS = 1000,
	/* So many pages are requested without a pause if they are at least half full; of others,
	 * and beyond, a few. */
	FULL_PAGES = 400,
	SHORT_PAGES = 10,
	PAGE_PAUSE_MS = 50,
};

static void set_backoff(struct nd_watch_next *next)
{
	uint32_t ms = BACKOFF_MS;

	for (unsigned i = 1; i < next->failures && ms < BACKOFF_MAX_MS; i++)
		ms *= 2;
	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	next->pause_ns = ND_MS(ms / 2);
	next->jitter_ms = ms / 2 + 1;
}

static uint64_t page_pause_ns(const struct nd_watch *w, const struct nd_watch_end *e)
{
	bool full = e->objects >= ND_APIREQUEST_PAGE_OBJECTS / 2;

	return w->pages > (full ? FULL_PAGES : SHORT_PAGES) ? ND_MS(PAGE_PAUSE_MS) : 0;
}

static struct nd_watch_next decide_complete(const struct nd_watch *w, const struct nd_watch_end *e)
{
	if (w->phase == ND_APIREQUEST_WATCH)
		return (struct nd_watch_next){ .step = ND_WATCH_NEXT_CONTINUE,
					       .jitter_ms = CLOSED_JITTER_MS };
	if (!e->more)
		return (struct nd_watch_next){ .step = ND_WATCH_NEXT_WATCH,
					       .failures = w->failures };
	return (struct nd_watch_next){ .step = ND_WATCH_NEXT_PAGE,
				       .failures = w->failures,
				       .pause_ns = page_pause_ns(w, e) };
}

static struct nd_watch_next decide_refused(const struct nd_watch *w, const struct nd_watch_end *e)
{
	struct nd_watch_next next = { .step = w->phase == ND_APIREQUEST_WATCH
						      ? ND_WATCH_NEXT_CONTINUE
						      : ND_WATCH_NEXT_LIST,
				      .failures = w->failures + 1,
				      .report = true };
	bool first = next.failures == 1;
	int code = e->status.code;

	set_backoff(&next);
	if (e->retry_after_s > 0 && e->retry_after_s < RETRY_AFTER_END_S) {
		next.pause_ns = ND_S(e->retry_after_s);
		next.jitter_ms = RETRY_AFTER_JITTER_MS;
	}
	if (code == 410) {
		next.step = ND_WATCH_NEXT_LIST;
		next.report = false;
		if (first) {
			next.pause_ns = 0;
			next.jitter_ms = EXPIRED_JITTER_MS;
		}
	} else if (w->phase == ND_APIREQUEST_STREAM && (code == 400 || code == 422)) {
		/* Before Kubernetes 1.27, or the feature gate is off. */
		next = (struct nd_watch_next){ .step = ND_WATCH_NEXT_NO_STREAM };
	} else if (code == 404 && w->config.kind == ND_OBJECT_IMPORT &&
		   (w->kind_absent || !w->state.synced)) {
		next.step = ND_WATCH_NEXT_KIND_ABSENT;
	} else if (code == 401 && first) {
		/* The token may have been rotated: it is read again for each request. */
		next.pause_ns = next.jitter_ms = 0;
		next.report = false;
	} else if (next.failures >= FAILURES_MAX && w->status == 200) {
		next.step = ND_WATCH_NEXT_LIST;
	}
	return next;
}

static struct nd_watch_next decide_broken(const struct nd_watch *w, const struct nd_watch_end *e)
{
	struct nd_watch_next next = { .step = ND_WATCH_NEXT_CONTINUE,
				      .failures = w->failures + 1,
				      .report = true };
	bool opened = w->status == 200;

	set_backoff(&next);
	if (w->phase == ND_APIREQUEST_STREAM && opened) {
		next.step = ND_WATCH_NEXT_LIST_PAGES;
	} else if (w->phase != ND_APIREQUEST_WATCH || e->err == -ENOMEM || e->err == ND_ELIMIT ||
		   (opened && next.failures >= FAILURES_MAX)) {
		next.step = ND_WATCH_NEXT_LIST;
	} else if (opened && next.failures == 1 && e->open_ns > ND_S(QUIET_S)) {
		next.pause_ns = 0;
		next.jitter_ms = BROKEN_JITTER_MS;
		next.report = false;
	}
	return next;
}

/* The whole protocol, without side effects. The first row that matches holds.
 *
 * phase        | what happened                      | what comes next | pause       | report
 * -------------|------------------------------------|-----------------|-------------|-------
 * LIST         | a page, and there are more         | PAGE            | 0-50 ms [6] |
 * LIST         | the last page                      | WATCH           | none        |
 * WATCH        | the server closed it               | CONTINUE        | 0-0.1 s     |
 * any          | 410                                | LIST            | 0-0.1 s [1] |
 * STREAM       | 400, 422                           | NO_STREAM       | none        |
 * any [2]      | 404 for ServiceImports             | KIND_ABSENT     | backoff [3] | yes
 * STREAM, LIST | another refusal                    | LIST            | backoff [3] | yes [4]
 * WATCH        | 3rd failure, refused after 200 [5] | LIST            | backoff [3] | yes
 * WATCH        | another refusal                    | CONTINUE        | backoff [3] | yes [4]
 * STREAM       | broke after 200                    | LIST_PAGES      | backoff     | yes
 * STREAM, LIST | broke                              | LIST            | backoff     | yes
 * WATCH        | no memory, the sink is full        | LIST            | backoff     | yes
 * WATCH        | 3rd failure, broke after 200       | LIST            | backoff     | yes
 * WATCH        | 1st failure, broke after 5 s       | CONTINUE        | 0-0.5 s     |
 * WATCH        | broke                              | CONTINUE        | backoff     | yes
 *
 * [1] backoff from the second in a row on  [2] until a list of them has succeeded
 * [3] Retry-After in its place, if the server sends one under an hour
 * [4] 401: the first in a row has no pause and is not reported
 * [5] an ERROR event, or a Content-Type that we cannot read
 * [6] after the first pages; a list that has no end breaks
 *
 * A watch whose server cannot be reached keeps its version: nothing is listed again. */
struct nd_watch_next nd_watch_decide(const struct nd_watch *w, const struct nd_watch_end *e)
{
	return e->how == ND_WATCH_END_COMPLETE  ? decide_complete(w, e)
	       : e->how == ND_WATCH_END_REFUSED ? decide_refused(w, e)
						: decide_broken(w, e);
}
