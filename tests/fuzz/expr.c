/* SPDX-License-Identifier: Apache-2.0 */
/* An expression: parsed, evaluated and its value printed. */
#include "text/expr.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "text/print.h"

static struct nd_value variable(void *ctx, const char *name, struct nd_arena *a)
{
	(void)ctx;
	(void)name;
	(void)a;
	return (struct nd_value){ .kind = ND_VALUE_NIL };
}

static struct nd_value call(void *ctx, const char *name, const struct nd_value *args, size_t nargs,
			    struct nd_arena *a)
{
	static const struct nd_value list[] = {
		{ .kind = ND_VALUE_STRING, .s = { "ab", 2 } },
		{ .kind = ND_VALUE_INT, .i = INT64_MIN },
	};
	(void)ctx;

	if (nargs)
		return args[nargs - 1];
	if (!strcmp(name, "lst"))
		return nd_value_list(list, 2);
	return !strcmp(name, "name") ? nd_value_string("a.example.", 10) : nd_value_error(a, "no");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const variables[] = { "v", NULL };
	static const struct nd_expr_function table[] = {
		{ "name", ND_VALUE_STRING, "" },
		{ "lst", ND_VALUE_LIST, "" },
		{ "group", ND_VALUE_NIL, "as" },
		{ 0 },
	};
	static const struct nd_expr_function *const functions[] = { table, NULL };
	const struct nd_expr_env env = { .variable = variable, .function = call };
	char *text = strndup((const char *)data, size), why[200];
	struct nd_expr *e;

	if (text && nd_expr_new(text, variables, functions, &e, why, sizeof why) == 0) {
		struct nd_arena a;
		struct nd_buf out;
		nd_arena_init(&a, 1 << 18);
		nd_buf_init(&out, 1 << 16);
		struct nd_value v = nd_expr_eval(e, &env, &a);
		nd_print_value(&out, &a, &v, "<nil>");
		nd_buf_clear(&out);
		nd_arena_clear(&a);
		nd_expr_free(e);
	}
	free(text);
	return 0;
}
