/* SPDX-License-Identifier: Apache-2.0 */
/* errors - logs a line for each failed query; similar ones can be consolidated (CoreDNS's errors).
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "core/gen.h"
#include "core/query.h"
#include "io/clock.h"
#include "io/loop.h"
#include "text/regex.h"

enum { PERIOD_MS = 100 }; /* between two looks at the patterns */

/* `consolidate`: errors that match are counted, and reported at the end of the period. */
struct pattern {
	struct nd_regex *re;
	const char *text, *period_text;
	uint64_t period_ns;
	enum nd_log_level level;
	bool show_first;
	_Atomic uint64_t count;    /* in this period; workers add, the control thread resets */
	_Atomic uint64_t start_ns; /* time of the first one */
	struct pattern *next;
};

struct errors {
	struct pattern *patterns; /* first match wins */
	struct nd_timer timer;
	struct nd_loop *loop;
};

struct worker {
	struct nd_regex_scratch *scratch; /* created on first use: errors are rare */
};

static struct pattern *match(const struct errors *e, struct worker *mine, const char *text)
{
	struct nd_regex_match m;

	if (!e->patterns)
		return NULL;
	struct nd_regex_scratch *scratch = nd_regex_scratch_get(&mine->scratch);
	if (!scratch)
		return NULL;
	for (struct pattern *p = e->patterns; p; p = p->next)
		if (nd_regex_match(p->re, scratch, text, strlen(text), &m))
			return p;
	return NULL;
}

/* Counts the error. True if it is only reported later. */
static bool consolidate(struct pattern *p)
{
	uint64_t before = atomic_fetch_add_explicit(&p->count, 1, memory_order_acq_rel);

	if (before == 0)
		atomic_store_explicit(&p->start_ns, nd_clock_now_ns(), memory_order_release);
	return before || !p->show_first;
}

static void on_done(const void *self, struct nd_query *q)
{
	const struct errors *e = self;
	char name[ND_NAME_TEXT_MAX], type[ND_NUMBER_TEXT_MAX];

	if (!q->error)
		return;
	struct pattern *p = match(e, nd_query_worker_state(q), q->error);
	if (p && consolidate(p))
		return;
	nd_name_format(q->msg.qname, name);
	nd_log_write(p ? p->level : ND_LOG_ERROR, "errors", "%u %s %s: %s", q->rcode, name,
		     nd_type_text(q->msg.qtype, type), q->error);
}

/* --- reports, on the control thread --- */

static void report(struct pattern *p)
{
	uint64_t n = atomic_exchange_explicit(&p->count, 0, memory_order_acq_rel);

	if (n > (p->show_first ? 1 : 0))
		nd_log_write(p->level, "errors", "%llu errors like '%s' occurred in last %s",
			     (unsigned long long)n, p->text, p->period_text);
}

static void on_time(struct nd_timer *t)
{
	struct errors *e = ND_CONTAINER(t, struct errors, timer);
	uint64_t now = nd_clock_now_ns();

	for (struct pattern *p = e->patterns; p; p = p->next)
		if (atomic_load_explicit(&p->count, memory_order_acquire) &&
		    now - atomic_load_explicit(&p->start_ns, memory_order_acquire) >= p->period_ns)
			report(p);
	nd_timer_start(e->loop, &e->timer, ND_MS(PERIOD_MS), on_time);
}

/* --- setting up --- */

static const struct {
	const char *name;
	enum nd_log_level level;
} levels[] = {
	{ "warning", ND_LOG_WARNING },
	{ "error", ND_LOG_ERROR },
	{ "info", ND_LOG_INFO },
	{ "debug", ND_LOG_DEBUG },
};

static int find_level(const char *text)
{
	for (size_t i = 0; i < ND_COUNT(levels); i++)
		if (strcmp(levels[i].name, text) == 0)
			return (int)i;
	return -1;
}

/* [LEVEL] [show_first], in this order, as CoreDNS takes them: show_first may be repeated. */
static int read_words(struct nd_setup *s, struct pattern *p, const struct nd_conf_line *l)
{
	p->level = ND_LOG_ERROR;
	for (size_t i = 2; i < l->nargs; i++) {
		const char *word = l->args[i];
		int level = find_level(word);
		if (strcmp(word, "show_first") == 0)
			p->show_first = true;
		else if (level < 0)
			return nd_setup_invalid(s, l, "log level", word,
						"error, warning, info or debug");
		else if (p->show_first)
			return nd_setup_error(s, l,
					      "\"%s\" after show_first: the log level must be "
					      "before it",
					      word);
		else if (i > 2)
			return nd_setup_error(s, l, "two log levels, \"%s\" and \"%s\": keep one",
					      l->args[2], word);
		else
			p->level = levels[level].level;
	}
	return 0;
}

static int read_consolidate(struct nd_setup *s, struct errors *e, const struct nd_conf_line *l)
{
	struct pattern *p = nd_arena_alloc(s->arena, sizeof *p), **end = &e->patterns;
	char why[256];
	int64_t ns;

	if (!p)
		return ND_ELIMIT;
	if (l->nargs < 2 || l->nargs > 4)
		return nd_setup_error(s, l,
				      "consolidate takes DURATION REGEX [LEVEL] [show_first]");
	if (nd_settings_duration(l->args[0], &ns))
		return nd_setup_invalid(s, l, "duration", l->args[0], "like \"5m\"");
	p->period_ns = ns > 0 ? (uint64_t)ns : 0; /* below 0: reported at once, as by CoreDNS */
	p->period_text = nd_arena_string(s->arena, l->args[0]);
	p->text = nd_arena_string(s->arena, l->args[1]);
	int err = read_words(s, p, l);
	if (err)
		return err;
	if (nd_regex_new(l->args[1], &p->re, why, sizeof why))
		return nd_setup_error(s, l, "consolidate: invalid pattern: %s", why);
	while (*end)
		end = &(*end)->next;
	*end = p;
	return 0;
}

static int own(void *self, const struct nd_conf_line *l, void *ctx)
{
	struct nd_setup *s = ctx;

	if (strcmp(l->name, "consolidate") == 0)
		return read_consolidate(s, self, l);
	/* stacktrace: there are no Go stacks to print. */
	return nd_settings_args(l, "errors", 0, 0, s->diag);
}

static const struct nd_setting settings[] = {
	ND_SET_OWN_ROW("consolidate", "DURATION REGEX [LEVEL] [show_first]"),
	ND_SET_OWN_ROW("stacktrace", "accepted, without effect: there are no Go panics"),
	{ 0 },
};

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	int err = nd_settings_args(d, "errors", 0, 1, s->diag);

	(void)self;
	if (!err && d->nargs && strcmp(d->args[0], "stdout") != 0)
		return nd_setup_invalid(s, NULL, "log output", d->args[0], "stdout");
	return err ? err : nd_setup_settings(s, own, false);
}

static int start(void *self, struct nd_setup *s)
{
	struct errors *e = self;

	e->loop = s->loop;
	if (e->patterns)
		nd_timer_start(e->loop, &e->timer, ND_MS(PERIOD_MS), on_time);
	return 0;
}

static void stop(void *self)
{
	struct errors *e = self;

	nd_timer_stop(&e->timer);
	for (struct pattern *p = e->patterns; p; p = p->next)
		report(p);
}

static void clear(void *self)
{
	struct errors *e = self;

	for (struct pattern *p = e->patterns; p; p = p->next)
		nd_regex_free(p->re);
	e->patterns = NULL;
}

static void worker_stop(const void *self, void *state, struct nd_worker *w)
{
	struct worker *mine = state;
	(void)self;
	(void)w;

	nd_regex_scratch_free(mine->scratch);
	mine->scratch = NULL;
}

const struct nd_plugin nd_plugin_errors = {
	.name = "errors",
	.repeat = ND_REPEAT_REFUSE,
	.self_size = sizeof(struct errors),
	.worker_size = sizeof(struct worker),
	.settings = settings,
	.setup = setup,
	.start = start,
	.stop = stop,
	.clear = clear,
	.worker_stop = worker_stop,
	.done = on_done,
};
