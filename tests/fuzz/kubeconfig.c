/* SPDX-License-Identifier: Apache-2.0 */
/* The text as a kubeconfig and as the output of an exec program. No real file is read, because
 * the text can name any path. */
#include <errno.h>
#include <string.h>
#include "base/err.h"
#include "io/file.h"
#include "kube/config.h"

int nd_file_read(const char *path, struct nd_buf *b)
{
	return path[0] == '/' ? nd_buf_text(b, path) : -ENOENT;
}

struct nd_file_stamp nd_file_stamp(const char *path)
{
	(void)path;
	return (struct nd_file_stamp){ 0 };
}

static void check(const struct nd_config *c)
{
	size_t n = 0;

	ND_ASSERT(c->host && c->prefix && c->port && !c->addr.len == (c->name != NULL));
	ND_ASSERT(c->name ? c->name[0] : nd_addr_port(&c->addr) == c->port);
	ND_ASSERT(!c->prefix[0] || c->prefix[strlen(c->prefix) - 1] != '/');
	for (const char *const *v = c->exec ? c->exec->argv : NULL; v && *v; v++)
		n += strlen(*v);
	for (const char *const *v = c->exec ? c->exec->env : NULL; v && *v; v++)
		ND_ASSERT(strchr(*v, '='));
	ND_ASSERT(!c->exec || n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const argv[] = { "program", NULL };
	struct nd_exec x = { .file = "f",
			     .version = "client.authentication.k8s.io/v1",
			     .argv = argv };
	struct nd_exec_answer answer;
	struct nd_config c;
	struct nd_arena a;
	struct nd_diag d = { 0 };

	nd_arena_init(&a, 32 << 20);
	int err = nd_config_parse("folder/f", (const char *)data, n, NULL, &a, &c, &d);
	ND_ASSERT(!err || (err == ND_ECONF && d.set));
	if (!err)
		check(&c);
	nd_arena_clear(&a);
	d = (struct nd_diag){ 0 };
	err = nd_exec_parse(&x, (const char *)data, n, &a, &answer, &d);
	ND_ASSERT(!err || (err == ND_ECONF && d.set));
	ND_ASSERT(err || ((answer.token || answer.cert) && !answer.cert == !answer.key));
	nd_arena_clear(&a);
	return 0;
}
