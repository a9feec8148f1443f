/* SPDX-License-Identifier: Apache-2.0 */
/* view - the conditions under which a query goes to the server block (CoreDNS's view). */
#include <string.h>
#include "core/offer.h"
#include "core/query_expr.h"
#include "core/setup.h"

enum { VALUES_MAX = 1 << 20 }; /* bytes of the values of one query */

struct view {
	const char *name;
	struct nd_expr **exprs;
	size_t nexprs;
};

struct worker {
	struct nd_arena values;
};

/* --- queries --- */

static struct nd_value call(void *ctx, const char *function, const struct nd_value *args, size_t n,
			    struct nd_arena *a)
{
	return nd_query_expr_call(ctx, function, args, n, a);
}

/* All expressions are true. One that fails, or has another value, is not. */
static bool holds(const void *self, struct nd_query *q)
{
	const struct view *v = self;
	struct worker *mine = nd_query_worker_state(q);
	const struct nd_expr_env env = { .ctx = q, .function = call };
	bool all = true;

	for (size_t i = 0; i < v->nexprs && all; i++) {
		struct nd_value got = nd_expr_eval(v->exprs[i], &env, &mine->values);
		all = got.kind == ND_VALUE_BOOL && got.b;
	}
	nd_arena_reset(&mine->values);
	return all;
}

/* The decision was made before. Without a query function the block would be empty. */
static enum nd_verdict pass(const void *self, struct nd_query *q)
{
	(void)self;
	(void)q;
	return ND_NEXT;
}

static int label(const void *self, struct nd_query *q, const struct nd_offer_asked *asked,
		 const char *name, char *out, size_t cap)
{
	const struct view *v = self;
	size_t n = strlen(v->name);

	(void)q;
	(void)asked;
	if (strcmp(name, "view/name") != 0)
		return -1;
	n = n < cap ? n : cap;
	memcpy(out, v->name, n);
	return (int)n;
}

static const struct nd_offer offer = { .label = label };

static int worker_start(const void *self, void *state, struct nd_worker *w)
{
	struct worker *mine = state;

	(void)self;
	(void)w;
	nd_arena_init(&mine->values, VALUES_MAX);
	return 0;
}

static void worker_stop(const void *self, void *state, struct nd_worker *w)
{
	struct worker *mine = state;

	(void)self;
	(void)w;
	nd_arena_clear(&mine->values);
}

/* --- setting up --- */

static int read_expr(struct view *v, struct nd_setup *s, const struct nd_conf_line *l)
{
	static const struct nd_expr_function *const functions[] = { nd_query_expr_functions, NULL };
	char why[256];
	char *text = nd_arena_string(s->arena, l->nargs ? l->args[0] : "");

	for (size_t i = 1; text && i < l->nargs; i++)
		text = nd_arena_printf(s->arena, "%s %s", text, l->args[i]);
	if (!text)
		return ND_ELIMIT;
	if (nd_expr_new(text, NULL, functions, &v->exprs[v->nexprs], why, sizeof why))
		return nd_setup_error(s, l, "invalid expression \"%s\": %s", text, why);
	v->nexprs++;
	return 0;
}

static int own(void *self, const struct nd_conf_line *line, void *ctx)
{
	return read_expr(self, ctx, line);
}

static const struct nd_setting settings[] = {
	ND_SET_OWN_ROW("expr", "EXPRESSION: must be true; repeatable"),
	{ 0 },
};

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct view *v = self;
	int err = nd_settings_args(d, "view", 1, 1, s->diag);

	if (err)
		return err;
	v->name = d->args[0];
	v->exprs = nd_arena_array(s->arena, d->nblock + 1, sizeof(struct nd_expr *));
	if (!v->exprs)
		return ND_ELIMIT;
	nd_setup_filter(s, v->name, holds);
	return nd_setup_settings(s, own, false);
}

static void clear(void *self)
{
	struct view *v = self;

	while (v->nexprs)
		nd_expr_free(v->exprs[--v->nexprs]);
}

const struct nd_plugin nd_plugin_view = {
	.name = "view",
	.repeat = ND_REPEAT_REFUSE,
	.self_size = sizeof(struct view),
	.worker_size = sizeof(struct worker),
	.settings = settings,
	.offer = &offer,
	.setup = setup,
	.clear = clear,
	.worker_start = worker_start,
	.worker_stop = worker_stop,
	.query = pass,
};
