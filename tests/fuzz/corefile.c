/* SPDX-License-Identifier: Apache-2.0 */
/* A Corefile, then up to two files separated by "\n--\n" that it can import as "a" and "b" or by
 * any pattern. Errors must have the form of nd_diag_at. */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "conf/corefile.h"

struct input {
	const char *text[3];
	size_t n[3];
};

static int read_file(void *ctx, const char *path, struct nd_arena *a, char **text, size_t *n)
{
	const struct input *in = ctx;
	int i = strcmp(path, "a") == 0 ? 1 : strcmp(path, "b") == 0 ? 2 : 0;

	if (!i)
		return -ENOENT;
	*text = nd_arena_text(a, in->text[i], in->n[i]);
	*n = in->n[i];
	return *text ? 0 : ND_ELIMIT;
}

static int find(void *ctx, const char *pattern, struct nd_arena *a, char ***paths, size_t *n)
{
	static char *both[] = { "a", "b" };
	(void)ctx, (void)a;

	*paths = both;
	*n = strlen(pattern) % 3;
	return 0;
}

static const char *env(void *ctx, const char *name)
{
	(void)ctx;
	return *name == 'X' ? "{$X}{$Y}" : *name == 'Y' ? "y{" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct input in = { { "", "", "" }, { 0 } };
	struct nd_conf_source src = { &in, read_file, find, env };
	struct nd_arena a;
	struct nd_conf conf;
	struct nd_diag d = { 0 };
	const char *at = (const char *)data;

	for (size_t i = 0; i < 3 && n; i++) {
		const char *cut = i < 2 ? memmem(at, n, "\n--\n", 4) : NULL;
		in.text[i] = at;
		in.n[i] = cut ? (size_t)(cut - at) + 1 : n;
		n -= cut ? in.n[i] + 3 : n;
		at = cut ? cut + 4 : at;
	}
	nd_arena_init(&a, 8 << 20);
	int err = nd_corefile_parse("Corefile", in.text[0], in.n[0], &src, &a, &conf, &d);
	if (err)
		ND_ASSERT(err == ND_ECONF && d.set && strstr(d.text, " - "));
	nd_arena_clear(&a);
	return 0;
}
