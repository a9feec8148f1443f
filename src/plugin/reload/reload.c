/* SPDX-License-Identifier: Apache-2.0 */
/* reload - checks the Corefile periodically, and loads it after a change (CoreDNS's reload). */
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "core/gen.h"
#include "io/clock.h"
#include "io/loop.h"
#include "io/random.h"

extern const struct nd_plugin nd_plugin_reload;

struct reload {
	int64_t interval_ns, jitter_ns;
	struct nd_process *process;
	struct nd_gen *gen;
	struct nd_timer timer;
	uint64_t failed_hash; /* a text that failed to load is tried once */
};

static const struct nd_setting settings[] = { { 0 } };

static void on_time(struct nd_timer *t);

/* Several blocks may have it. As in CoreDNS there is one per process: the last one is active. */
static bool is_active(const struct reload *r)
{
	const struct reload *last = r;

	for (size_t i = 0; i < r->gen->ninstances; i++)
		if (r->gen->instances[i].plugin == &nd_plugin_reload)
			last = r->gen->instances[i].self;
	return last == r;
}

static void start_timer(struct reload *r)
{
	int64_t ns = r->interval_ns;

	if (r->jitter_ns) /* +- jitter: replicas do not reload at the same time */
		ns += (int64_t)(nd_random_u32() / 4294967296.0 * 2 * (double)r->jitter_ns) -
		      r->jitter_ns;
	nd_timer_start(r->process->loop, &r->timer, (uint64_t)ns, on_time);
}

/* The hash of the file now. 0, or an error: it cannot be parsed, which is logged. */
static int read_hash(struct reload *r, uint64_t *hash)
{
	struct nd_arena a;
	struct nd_conf conf;
	struct nd_diag d = { 0 };

	nd_arena_init(&a, 64 << 20);
	int err = nd_corefile_load(r->gen->file, r->process->source, &a, &conf, &d);
	if (err)
		nd_log_warning("reload", "Corefile parse failed: %s", d.text);
	else
		*hash = conf.hash;
	nd_arena_clear(&a);
	return err;
}

static void on_time(struct nd_timer *t)
{
	struct reload *r = ND_CONTAINER(t, struct reload, timer);
	struct nd_process *p = r->process;
	uint64_t hash;

	if (read_hash(r, &hash) == 0 && hash != r->gen->conf.hash && hash != r->failed_hash) {
		const struct nd_gen *mine = r->gen;
		r->failed_hash = hash;
		p->reload(p);
		if (p->gen != mine)
			return; /* this generation has ended, and r may be gone */
		p->reload_failed++;
	}
	start_timer(r);
}

static int read_interval(struct nd_setup *s, const char *text, int64_t *out)
{
	if (nd_settings_duration(text, out) || *out < (int64_t)ND_S(2))
		return nd_setup_invalid(s, NULL, "interval", text, "a duration of at least 2s");
	return 0;
}

static int read_jitter(struct nd_setup *s, const char *text, int64_t *out)
{
	if (nd_settings_duration(text, out) || (*out && *out < (int64_t)ND_S(1)))
		return nd_setup_invalid(s, NULL, "jitter", text, "0 or a duration of at least 1s");
	return 0;
}

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct reload *r = self;
	int err = nd_settings_args(d, "reload", 0, 2, s->diag);

	r->process = s->process;
	r->gen = s->gen;
	r->interval_ns = (int64_t)ND_S(30);
	r->jitter_ns = (int64_t)ND_S(15);
	if (!err)
		err = nd_setup_settings(s, NULL, false);
	if (!err && d->nargs > 0)
		err = read_interval(s, d->args[0], &r->interval_ns);
	if (!err && d->nargs > 1)
		err = read_jitter(s, d->args[1], &r->jitter_ns);
	if (r->jitter_ns > r->interval_ns / 2)
		r->jitter_ns = r->interval_ns / 2;
	return err;
}

static void collect(void *ctx, struct nd_metric_out *out)
{
	static const char *const labels[] = { "hash", "value", NULL };
	static const struct nd_metric_family
		failed = ND_COUNTER("coredns_reload_failed_total",
				    "Counter of the number of failed reload attempts.", NULL),
		version = ND_GAUGE("coredns_reload_version_info",
				   "A metric with a constant '1' value labeled by "
				   "hash, and value which type of hash generated.",
				   labels);
	const struct reload *r = ctx;
	char value[20];

	snprintf(value, sizeof value, "%016llx", (unsigned long long)r->gen->conf.hash);
	nd_metric_emit(out, &failed, NULL, (double)r->process->reload_failed);
	nd_metric_emit(out, &version, (const char *const[]){ "fnv1a64", value }, 1);
}

static int start(void *self, struct nd_setup *s)
{
	struct reload *r = self;

	if (is_active(r))
		nd_setup_collect(s, collect, r);
	return 0;
}

static void serving(void *self)
{
	struct reload *r = self;

	if (!r->gen->file[0] || !is_active(r))
		return; /* the built-in Corefile does not change */
	nd_log_info("reload", "Running configuration hash = %016llx",
		    (unsigned long long)r->gen->conf.hash);
	start_timer(r);
}

static void stop(void *self)
{
	struct reload *r = self;

	nd_timer_stop(&r->timer);
}

const struct nd_plugin nd_plugin_reload = {
	.name = "reload",
	.repeat = ND_REPEAT_MERGE,
	.self_size = sizeof(struct reload),
	.settings = settings,
	.setup = setup,
	.start = start,
	.serving = serving,
	.stop = stop,
};
