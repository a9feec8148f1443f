/* SPDX-License-Identifier: Apache-2.0 */
/* A template: parsed and executed. */
#include "text/gotmpl.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static struct nd_value field(void *ctx, const char *name, const struct nd_value *args, size_t nargs,
			     struct nd_arena *a)
{
	static const struct nd_value list[] = {
		{ .kind = ND_VALUE_STRING, .s = { "ab", 2 } },
		{ .kind = ND_VALUE_INT, .i = -5 },
	};
	static const struct nd_value_pair pairs[] = {
		{ "x", { .kind = ND_VALUE_FLOAT, .f = 2.5 } },
		{ "b", { .kind = ND_VALUE_NIL } },
	};
	(void)ctx;

	if (nargs)
		return args[nargs - 1];
	if (!strcmp(name, "Match"))
		return nd_value_list(list, 2);
	if (!strcmp(name, "Group"))
		return (struct nd_value){ .kind = ND_VALUE_MAP, .map = { pairs, 2 } };
	if (!strcmp(name, "Name"))
		return nd_value_string("www.example.", 12);
	return nd_value_error(a, "no %s", name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const functions[] = { "parseInt", NULL };
	const struct nd_gotmpl_env env = { .field = field, .function = field };
	char *text = strndup((const char *)data, size), why[200];
	struct nd_gotmpl *t;

	if (text && nd_gotmpl_new(text, functions, &t, why, sizeof why) == 0) {
		struct nd_arena a;
		struct nd_buf out;
		nd_arena_init(&a, 1 << 18);
		nd_buf_init(&out, 1 << 16);
		nd_gotmpl_execute(t, &env, &a, &out, why, sizeof why);
		nd_buf_clear(&out);
		nd_arena_clear(&a);
		nd_gotmpl_free(t);
	}
	free(text);
	return 0;
}
