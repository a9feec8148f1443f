/* SPDX-License-Identifier: Apache-2.0 */
/* Reports about an API server, with fake watches: a failure once, a recovery once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "kube/apisource.h"

struct nd_watch {
	struct nd_watch_config config;
	struct nd_watch_state state;
};

static struct nd_watch *watches[ND_OBJECT_KINDS];
static char trace[2048];

struct nd_watch *nd_watch_new(struct nd_loop *loop, const struct nd_watch_config *config)
{
	struct nd_watch *w = calloc(1, sizeof *w);
	(void)loop;

	assert_non_null(w);
	w->config = *config;
	watches[config->kind] = w;
	return w;
}

void nd_watch_free(struct nd_watch *w)
{
	free(w);
}

struct nd_watch_state nd_watch_state(const struct nd_watch *w)
{
	return w->state;
}

int nd_client_new(struct nd_loop *loop, const struct nd_config *config,
		  const struct nd_client_limits *limits, struct nd_client **out, struct nd_diag *d)
{
	(void)loop;
	(void)config;
	(void)limits;
	(void)out;
	(void)d;
	return 0;
}

void nd_client_free(struct nd_client *c)
{
	(void)c;
}

struct nd_apicount *nd_client_count(struct nd_client *c)
{
	(void)c;
	return NULL;
}

static void on_report(void *ctx, bool good, const char *text)
{
	size_t n = strlen(trace);
	(void)ctx;

	snprintf(trace + n, sizeof trace - n, "%s%s ", good ? "" : "!", text);
}

enum { N = ND_OBJECT_NAMESPACE, V = ND_OBJECT_SERVICE };

/* A report of a watch. */
struct step {
	int kind;
	const char *failed; /* NULL: listed, or recovered */
	int code;
};

static const struct {
	const char *name;
	struct step steps[12];
	size_t n;
	const char *trace;
} rows[] = {
	{ "good once all kinds are listed", { { N, NULL, 0 }, { V, NULL, 0 } }, 2, "api " },
	{ "each code is reported once until all kinds have recovered",
	  { { N, NULL, 0 },
	    { V, NULL, 0 },
	    { V, "v:cut", ND_WATCH_BROKEN },
	    { N, "n:cut", ND_WATCH_BROKEN },
	    { V, "v:refused", ND_WATCH_BROKEN },
	    { V, "v:403", 403 },
	    { N, "n:403", 403 },
	    { V, NULL, 0 },
	    { V, NULL, 0 },
	    { N, NULL, 0 },
	    { N, "n:cut", ND_WATCH_BROKEN },
	    { N, NULL, 0 } },
	  12,
	  "api !v:cut !v:403 api !n:cut api " },
	{ "a refusal before the first list is reported for each kind",
	  { { V, "v:403", 403 },
	    { N, "n:403", 403 },
	    { N, NULL, 0 },
	    { V, "v:500", 500 },
	    { V, NULL, 0 } },
	  5,
	  "!v:403 !n:403 !v:500 api " },
	{ "missing credentials: once; notices: each time",
	  { { V, "v:token", ND_WATCH_NO_CREDENTIALS },
	    { N, "n:token", ND_WATCH_NO_CREDENTIALS },
	    { N, "certificate", ND_WATCH_NOTICE },
	    { N, "another", ND_WATCH_NOTICE } },
	  4,
	  "!v:token !certificate !another " },
	{ "repeated recoveries are not reported",
	  { { N, NULL, 0 }, { V, NULL, 0 }, { V, NULL, 0 }, { N, NULL, 0 } },
	  4,
	  "api " },
};

static void run(size_t i)
{
	struct nd_apisource_config c = { .api.host = "api",
					 .wanted = { [N] = true, [V] = true },
					 .report = on_report };
	struct nd_apisource *s;
	struct nd_diag d;

	trace[0] = '\0';
	assert_int_equal(nd_apisource_new(NULL, &c, &s, &d), 0);
	assert_false(nd_apisource_wants(s, ND_OBJECT_POD));
	for (size_t k = 0; k < rows[i].n; k++) {
		const struct step *step = &rows[i].steps[k];
		struct nd_watch *w = watches[step->kind];
		if (!step->failed)
			w->state.synced = true;
		w->config.report(w->config.ctx, w->config.kind, step->failed, step->code);
	}
	if (strcmp(trace, rows[i].trace) != 0)
		fail_msg("%s:\n got %s\nwant %s", rows[i].name, trace, rows[i].trace);
	nd_apisource_free(s);
}

static void test_reports(void **state)
{
	(void)state;
	for (size_t i = 0; i < ND_COUNT(rows); i++)
		run(i);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_reports) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
