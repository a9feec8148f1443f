/* SPDX-License-Identifier: Apache-2.0 */
#include "node/kubedns.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/addr.h"
#include "base/ascii.h"
#include "base/buf.h"
#include "base/err.h"
#include "io/file.h"
#include "kube/tree.h"

enum { FILE_MAX = 1 << 20, ARENA_MAX = 16 << 20, DOMAIN_MAX = 253, LABEL_MAX = 63 };

/* The value of a key; *t is NULL if the key is absent or empty. */
static int read_key(const char *folder, const char *key, struct nd_arena *a,
		    const struct nd_tree **t, const char **file, struct nd_diag *d)
{
	struct nd_tree *tree = NULL;
	struct nd_buf b;

	*t = NULL;
	*file = nd_arena_printf(a, "%s/%s", folder, key);
	if (!*file)
		return ND_ELIMIT;
	nd_buf_init(&b, FILE_MAX);
	int err = nd_file_read(*file, &b);
	if (err == -ENOENT || err == -ENOTDIR)
		err = 0;
	else if (err)
		nd_diag_at(d, *file, 0, "cannot be read: %s", nd_err_text(err));
	const char *text = nd_buf_string(&b);
	if (!err && text[strspn(text, " \t\r\n")])
		err = nd_json_parse(*file, text, b.len, a, &tree, d);
	nd_buf_clear(&b);
	if (!err)
		*t = tree;
	return err;
}

/* A DNS-1123 subdomain: lower case, digits, dashes inside a label. One trailing dot is allowed. */
static bool is_domain(const char *text)
{
	size_t n = strlen(text), label = 0;

	if (n && text[n - 1] == '.')
		n--;
	if (n == 0 || n > DOMAIN_MAX)
		return false;
	for (size_t i = 0; i <= n; i++) {
		if (i == n || text[i] == '.') {
			if (label == 0 || label > LABEL_MAX || text[i - 1] == '-')
				return false;
			label = 0;
			continue;
		}
		bool lower = nd_ascii_is_alpha(text[i]) && text[i] == nd_ascii_lower(text[i]);
		if (!lower && !nd_ascii_is_digit(text[i]) && (text[i] != '-' || !label))
			return false;
		label++;
	}
	return true;
}

static int read_servers(const char *file, const char *what, const struct nd_tree *list,
			const char **out, struct nd_diag *d)
{
	char where[DOMAIN_MAX + 4];
	size_t n = 0;

	snprintf(where, sizeof where, "%s: ", what);
	for (const struct nd_tree *t = list->first; t; t = t->next) {
		struct nd_addr addr;
		if (t->kind != ND_TREE_TEXT || nd_addr_parse(t->text, 53, &addr))
			return nd_diag_invalid(
				d, file, 0, where, "server", t->text ? t->text : "",
				"IP or IP:PORT, like \"10.1.2.3\" or \"[fd00::1]:53\"");
		out[n++] = t->text;
	}
	return 0;
}

static int read_stub(struct nd_kubedns *k, const char *file, const struct nd_tree *t,
		     struct nd_diag *d)
{
	struct nd_kubedns_stub *s = &k->stubs[k->nstubs];
	const char **servers;

	if (!is_domain(t->key))
		return nd_diag_invalid(d, file, 0, "", "domain", t->key,
				       "lower-case DNS labels, like \"corp.example\"");
	if (t->kind != ND_TREE_LIST || !t->n)
		return nd_diag_at(d, file, 0, "%s: must be a list of servers, like [\"10.1.2.3\"]",
				  t->key);
	servers = nd_arena_array(&k->arena, t->n, sizeof *servers);
	if (!servers)
		return ND_ELIMIT;
	int err = read_servers(file, t->key, t, servers, d);
	if (err)
		return err;
	*s = (struct nd_kubedns_stub){ .domain = t->key, .servers = servers, .nservers = t->n };
	k->nstubs++;
	return 0;
}

static int compare_domains(const void *a, const void *b)
{
	const struct nd_kubedns_stub *x = a, *y = b;

	return strcmp(x->domain, y->domain);
}

static int read_stubs(struct nd_kubedns *k, const char *file, const struct nd_tree *t,
		      struct nd_diag *d)
{
	int err = 0;

	if (t->kind != ND_TREE_MAP)
		return nd_diag_at(d, file, 0,
				  "must map domains to lists of servers, like "
				  "{\"corp.example\": [\"10.1.2.3\"]}");
	k->stubs = nd_arena_array(&k->arena, t->n + 1, sizeof *k->stubs);
	if (!k->stubs)
		return ND_ELIMIT;
	for (t = t->first; t && !err; t = t->next)
		err = read_stub(k, file, t, d);
	if (!err)
		qsort(k->stubs, k->nstubs, sizeof *k->stubs, compare_domains);
	return err;
}

static int read_upstreams(struct nd_kubedns *k, const char *file, const struct nd_tree *t,
			  struct nd_diag *d)
{
	if (t->kind != ND_TREE_LIST || t->n > ND_KUBEDNS_SERVERS_MAX)
		return nd_diag_at(d, file, 0,
				  "must be a list of at most %d servers, like [\"10.1.2.3\"]",
				  ND_KUBEDNS_SERVERS_MAX);
	k->nupstreams = t->n;
	return read_servers(file, "upstreamNameservers", t, k->upstreams, d);
}

int nd_kubedns_read(const char *folder, struct nd_kubedns *out, struct nd_diag *d)
{
	static const struct {
		const char *key;
		int (*take)(struct nd_kubedns *k, const char *file, const struct nd_tree *t,
			    struct nd_diag *d);
	} keys[] = {
		{ "stubDomains", read_stubs },
		{ "upstreamNameservers", read_upstreams },
	};
	struct nd_kubedns k = { 0 };
	int err = 0;

	nd_arena_init(&k.arena, ARENA_MAX);
	for (size_t i = 0; !err && i < ND_COUNT(keys); i++) {
		const struct nd_tree *t;
		const char *file;
		err = read_key(folder, keys[i].key, &k.arena, &t, &file, d);
		if (!err && t && t->kind != ND_TREE_NULL)
			err = keys[i].take(&k, file, t, d);
	}
	if (err) {
		if (!d->set)
			nd_diag_at(d, folder, 0, "%s", nd_err_text(err));
		nd_kubedns_clear(&k);
		return err;
	}
	*out = k;
	return 0;
}

void nd_kubedns_clear(struct nd_kubedns *k)
{
	nd_arena_clear(&k->arena);
	*k = (struct nd_kubedns){ 0 };
}
