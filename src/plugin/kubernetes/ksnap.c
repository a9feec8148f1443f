/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kubernetes/ksnap.h"

#include <errno.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/time.h"
#include "core/metric.h"
#include "io/clock.h"
#include "io/file.h"
#include "kube/snapshot.h"
#include "plugin/kubernetes/kwalk.h"

enum {
	LOOK_S = 1,
	SETTLED_S = 3, /* written after this long without a change */
	LATEST_S = 30, /* written at least this often under constant changes */
	RETRY_S = 60,
};

static uint64_t wall_s(void)
{
	return nd_clock_wall_ns() / ND_NS_PER_S;
}

static uint64_t age_of(const struct nd_ksnap *s)
{
	uint64_t now = wall_s();

	return now > s->saved_s ? now - s->saved_s : 0;
}

static uint32_t kinds_of(const struct nd_kindex *ix)
{
	uint32_t kinds = 0;

	for (int k = 0; k < ND_OBJECT_KINDS; k++)
		kinds |= (uint32_t)ix->config.wanted[k] << k;
	return kinds;
}

/* --- reading --- */

static void use(struct nd_ksnap *s, const struct nd_buf *b)
{
	struct nd_snapshot_head head = { .who = s->who, .kinds = kinds_of(s->index) };
	const char *why;

	if (nd_snapshot_read(b->data, b->len, &head, &s->index->sink, &why)) {
		nd_log_warning("kubernetes", "snapshot %s %s; ignoring it", s->path, why);
		return;
	}
	s->saved_s = head.saved_s;
	s->loaded = true;
	nd_log_info(
		"kubernetes",
		"answering from snapshot %s, %llu s old, until the API server has listed everything",
		s->path, (unsigned long long)age_of(s));
}

void nd_ksnap_load(struct nd_ksnap *s)
{
	struct nd_buf b;

	nd_buf_init(&b, ND_SNAPSHOT_BYTES_MAX);
	int err = nd_file_read(s->path, &b);
	if (!err)
		use(s, &b);
	else if (err != -ENOENT)
		nd_log_warning("kubernetes", "snapshot %s cannot be read: %s; ignoring it", s->path,
			       nd_err_text(err));
	nd_buf_clear(&b);
}

/* --- writing --- */

static int add(void *ctx, const struct nd_object *o)
{
	return nd_snapshot_add(ctx, o);
}

static int write_file(const struct nd_ksnap *s, uint64_t now_s)
{
	struct nd_snapshot_head head = { .who = s->who,
					 .saved_s = now_s,
					 .kinds = kinds_of(s->index) };
	struct nd_snapshot w;

	nd_snapshot_open(&w, s->path, &head);
	int err = nd_kwalk_objects(s->index, add, &w);
	if (err && !w.file.err)
		w.file.err = err;
	return nd_snapshot_commit(&w);
}

static void save(struct nd_ksnap *s)
{
	uint64_t now_s = wall_s();
	int err = write_file(s, now_s);

	s->dirty = err != 0;
	if (!err) {
		s->saved_s = now_s;
		if (s->failed)
			nd_log_info("kubernetes", "snapshot %s written again", s->path);
	} else {
		s->failures++;
		if (s->failed != err)
			nd_log_warning("kubernetes",
				       "snapshot %s cannot be written: %s; keeping the previous "
				       "one, trying again every %d s",
				       s->path, nd_err_text(err), RETRY_S);
	}
	s->failed = err;
}

static void look(struct nd_ksnap *s, uint64_t now)
{
	uint64_t changes = s->index->changes;

	if (!s->live(s->ctx))
		return;
	/* The snapshot is outdated even if the first list is equal to it: its age counts from
	 * now. */
	if (changes != s->changes || !s->lived) {
		s->changed_ns = now;
		if (!s->dirty)
			s->dirty_ns = now;
		s->dirty = s->lived = true;
		s->changes = changes;
	}
	if (!s->dirty || now < s->retry_ns)
		return;
	if (now - s->changed_ns < ND_S(SETTLED_S) && now - s->dirty_ns < ND_S(LATEST_S))
		return;
	save(s);
	s->retry_ns = s->failed ? now + ND_S(RETRY_S) : 0;
}

static void on_timer(struct nd_timer *t)
{
	struct nd_ksnap *s = ND_CONTAINER(t, struct nd_ksnap, timer);

	look(s, nd_loop_now_ns(s->loop));
	nd_timer_start(s->loop, t, ND_S(LOOK_S), on_timer);
}

void nd_ksnap_start(struct nd_ksnap *s, struct nd_loop *loop)
{
	s->loop = loop;
	nd_timer_start(loop, &s->timer, ND_S(LOOK_S), on_timer);
}

void nd_ksnap_stop(struct nd_ksnap *s, bool keep, bool fresh)
{
	nd_timer_stop(&s->timer);
	if (!keep || !s->path || !s->live(s->ctx))
		return;
	if (fresh || s->dirty || s->changes != s->index->changes)
		save(s);
}

/* --- status --- */

bool nd_ksnap_served(const struct nd_ksnap *s, uint64_t *age_s)
{
	if (!s->loaded || s->live(s->ctx))
		return false;
	*age_s = age_of(s);
	return true;
}

void nd_ksnap_emit(const struct nd_ksnap *s, struct nd_metric_out *out)
{
	static const char *const none[] = { NULL };
	static const struct nd_metric_family age =
		ND_GAUGE("nodens_kubernetes_snapshot_age_seconds",
			 "Time since the snapshot on disk was written.", none);
	static const struct nd_metric_family served =
		ND_GAUGE("nodens_kubernetes_snapshot_served",
			 "1 while answers come from the snapshot.", none);
	static const struct nd_metric_family failures =
		ND_COUNTER("nodens_kubernetes_snapshot_failures_total",
			   "Failed attempts to write the snapshot.", none);
	uint64_t ignored;

	if (!s->path)
		return;
	if (s->saved_s)
		nd_metric_emit(out, &age, NULL, (double)age_of(s));
	nd_metric_emit(out, &served, NULL, nd_ksnap_served(s, &ignored));
	nd_metric_emit(out, &failures, NULL, (double)s->failures);
}
