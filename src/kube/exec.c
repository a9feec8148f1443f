/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/exec.h"

#include <string.h>
#include "base/buf.h"
#include "base/err.h"
#include "kube/rfc3339.h"

#define GROUP "client.authentication.k8s.io/"

enum { INFO_BYTES_MAX = 120 << 10 }; /* Linux limits a variable to 128 KiB */

struct reading {
	const char *file;
	struct nd_arena *arena;
	struct nd_diag *diag;
};

static int no_memory(struct nd_diag *d)
{
	return nd_diag_at(d, NULL, 0, "out of memory");
}

static int fail(struct reading *r, const struct nd_tree *at, const char *what, const char *why)
{
	return nd_diag_at(r->diag, r->file, at && at->line ? at->line : 1, "%s %s", what, why);
}

static int fail_value(struct reading *r, const struct nd_tree *v, const char *what,
		      const char *must)
{
	return nd_diag_invalid(r->diag, r->file, v->line, "", what, v->text, must);
}

/* The string field `key`, named `what` in messages; *out is NULL if it is absent or empty. */
static int get_text(struct reading *r, const struct nd_tree *map, const char *key, const char *what,
		    const char **out)
{
	const struct nd_tree *v = nd_tree_get(map, key);

	*out = NULL;
	if (v && v->kind != ND_TREE_TEXT)
		return fail(r, v, what, "must be a string (put it in quotes)");
	if (!v || !v->text[0])
		return 0;
	*out = nd_arena_string(r->arena, v->text);
	return *out ? 0 : no_memory(r->diag);
}

static int get_bool(struct reading *r, const struct nd_tree *map, const char *key, const char *what,
		    bool *out)
{
	const struct nd_tree *v = nd_tree_get(map, key);

	*out = v && v->kind == ND_TREE_BOOL && v->text[0] == 't';
	return v && v->kind != ND_TREE_BOOL ? fail(r, v, what, "must be true or false") : 0;
}

static int get_list(struct reading *r, const struct nd_tree *map, const char *key, const char *what,
		    const struct nd_tree **out)
{
	*out = nd_tree_get(map, key);
	return *out && (*out)->kind != ND_TREE_LIST ? fail(r, *out, what, "must be a list") : 0;
}

/* --- writing JSON --- */

static void put_text(struct nd_buf *b, const char *text)
{
	nd_buf_text(b, "\"");
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			nd_buf_printf(b, "\\%c", *text);
		else if ((unsigned char)*text < ' ')
			nd_buf_printf(b, "\\u%04x", (unsigned char)*text);
		else
			nd_buf_add(b, text, 1);
	}
	nd_buf_text(b, "\"");
}

/* The parser limits the depth (ND_TREE_DEPTH_MAX). */
static void put_tree(struct nd_buf *b, const struct nd_tree *t)
{
	const char *close = t->kind == ND_TREE_MAP ? "}" : "]";

	switch (t->kind) {
	case ND_TREE_NULL: nd_buf_text(b, "null"); return;
	case ND_TREE_TEXT: put_text(b, t->text); return;
	case ND_TREE_BOOL: nd_buf_text(b, t->text[0] == 't' ? "true" : "false"); return;
	case ND_TREE_NUMBER: nd_buf_text(b, t->text); return;
	default: break;
	}
	nd_buf_text(b, t->kind == ND_TREE_MAP ? "{" : "[");
	for (const struct nd_tree *c = t->first; c && !b->err; c = c->next) {
		if (c != t->first)
			nd_buf_text(b, ",");
		if (t->kind == ND_TREE_MAP) {
			put_text(b, c->key);
			nd_buf_text(b, ":");
		}
		put_tree(b, c);
	}
	nd_buf_text(b, close);
}

static void put_field(struct nd_buf *b, const char *key, const char *value)
{
	if (!value)
		return;
	nd_buf_printf(b, ",\"%s\":", key);
	put_text(b, value);
}

/* KUBERNETES_EXEC_INFO: the ExecCredential request, as client-go writes it; never interactive. */
static int make_info(struct reading *r, const struct nd_exec *x, const struct nd_exec_cluster *c,
		     const char **out)
{
	struct nd_buf b;

	nd_buf_init(&b, INFO_BYTES_MAX);
	nd_buf_printf(&b,
		      "KUBERNETES_EXEC_INFO={\"kind\":\"ExecCredential\",\"apiVersion\":\"%s\","
		      "\"spec\":{",
		      x->version);
	if (c) {
		nd_buf_text(&b, "\"cluster\":{\"server\":");
		put_text(&b, c->server);
		put_field(&b, "tls-server-name", c->server_name);
		if (c->insecure)
			nd_buf_text(&b, ",\"insecure-skip-tls-verify\":true");
		put_field(&b, "certificate-authority-data", c->ca);
		nd_buf_text(&b, ",\"config\":");
		put_tree(&b, c->config ? c->config : &(struct nd_tree){ .kind = ND_TREE_NULL });
		nd_buf_text(&b, "},");
	}
	nd_buf_text(&b, "\"interactive\":false}}");
	*out = b.err ? NULL : nd_arena_string(r->arena, b.data);
	int err = b.err;
	nd_buf_clear(&b);
	if (err == ND_ELIMIT)
		return nd_diag_at(r->diag, r->file, x->line,
				  "exec.provideClusterInfo: the cluster information exceeds %d KiB, "
				  "the limit for an environment variable",
				  INFO_BYTES_MAX >> 10);
	return *out ? 0 : no_memory(r->diag);
}

/* --- the kubeconfig --- */

static int read_version(struct reading *r, const struct nd_tree *at, struct nd_exec *x)
{
	int err = get_text(r, at, "apiVersion", "exec.apiVersion", &x->version);

	if (err)
		return err;
	if (x->version &&
	    (strcmp(x->version, GROUP "v1") == 0 || strcmp(x->version, GROUP "v1beta1") == 0))
		return 0;
	if (x->version)
		return fail_value(r, nd_tree_get(at, "apiVersion"), "exec.apiVersion",
				  GROUP "v1 or v1beta1");
	return fail(r, at, "exec.apiVersion", "is missing: must be " GROUP "v1 or v1beta1");
}

static int read_mode(struct reading *r, const struct nd_tree *at, const struct nd_exec *x)
{
	const struct nd_tree *v = nd_tree_get(at, "interactiveMode");
	const char *mode;

	int err = get_text(r, at, "interactiveMode", "exec.interactiveMode", &mode);
	if (err)
		return err;
	if (!mode)
		return strcmp(x->version, GROUP "v1") == 0
			       ? fail(r, at, "exec.interactiveMode",
				      "is missing: must be Never or IfAvailable (v1 requires it)")
			       : 0;
	if (strcmp(mode, "Never") == 0 || strcmp(mode, "IfAvailable") == 0)
		return 0;
	return fail_value(r, v, "exec.interactiveMode",
			  strcmp(mode, "Always") == 0
				  ? "Never or IfAvailable, since a server has no terminal"
				  : "Never or IfAvailable");
}

/* A command with a slash is relative to the kubeconfig's folder; otherwise PATH is searched. */
static int read_command(struct reading *r, const struct nd_tree *at, const char **out)
{
	const char *slash = strrchr(r->file, '/');
	int err = get_text(r, at, "command", "exec.command", out);

	if (!err && !*out)
		err = fail(r, at, "exec.command", "is missing: must be the program to run");
	if (err || **out == '/' || !strchr(*out, '/') || !slash)
		return err;
	*out = nd_arena_printf(r->arena, "%.*s/%s", (int)(slash - r->file), r->file, *out);
	return *out ? 0 : no_memory(r->diag);
}

static int read_args(struct reading *r, const struct nd_tree *at, struct nd_exec *x)
{
	const struct nd_tree *list;
	const char *command;
	size_t n = 0;

	int err = read_command(r, at, &command);
	if (!err)
		err = get_list(r, at, "args", "exec.args", &list);
	if (err)
		return err;
	const char **argv = nd_arena_array(r->arena, (list ? list->n : 0) + 2u, sizeof *argv);
	if (!argv)
		return no_memory(r->diag);
	argv[n++] = command;
	for (const struct nd_tree *v = list ? list->first : NULL; v; v = v->next) {
		if (v->kind != ND_TREE_TEXT)
			return fail(r, v, "exec.args", "must be a list of strings");
		argv[n] = nd_arena_string(r->arena, v->text);
		if (!argv[n++])
			return no_memory(r->diag);
	}
	x->argv = argv;
	return 0;
}

static int read_variable(struct reading *r, const struct nd_tree *v, const char **out)
{
	const char *name, *value;
	int err = v->kind == ND_TREE_MAP
			  ? 0
			  : fail(r, v, "exec.env", "must be a list of maps with name and value");

	if (!err)
		err = get_text(r, v, "name", "exec.env.name", &name);
	if (!err)
		err = get_text(r, v, "value", "exec.env.value", &value);
	if (!err && !name)
		err = fail(r, v, "exec.env.name", "is missing");
	if (!err && strchr(name, '='))
		err = fail_value(r, nd_tree_get(v, "name"), "exec.env.name",
				 "a name without \"=\"");
	if (err)
		return err;
	*out = nd_arena_printf(r->arena, "%s=%s", name, value ? value : "");
	return *out ? 0 : no_memory(r->diag);
}

static int read_env(struct reading *r, const struct nd_tree *at,
		    const struct nd_exec_cluster *cluster, struct nd_exec *x)
{
	const struct nd_tree *list;
	bool provide = false;
	size_t n = 0;

	int err = get_list(r, at, "env", "exec.env", &list);
	if (!err)
		err = get_bool(r, at, "provideClusterInfo", "exec.provideClusterInfo", &provide);
	if (err)
		return err;
	const char **env = nd_arena_array(r->arena, (list ? list->n : 0) + 2u, sizeof *env);
	if (!env)
		return no_memory(r->diag);
	for (const struct nd_tree *v = list ? list->first : NULL; v && !err; v = v->next)
		err = read_variable(r, v, &env[n++]);
	if (!err)
		err = make_info(r, x, provide ? cluster : NULL, &env[n]);
	x->env = env;
	return err;
}

int nd_exec_read(const char *file, const struct nd_tree *at, const struct nd_exec_cluster *cluster,
		 struct nd_arena *a, struct nd_exec *out, struct nd_diag *d)
{
	struct reading r = { file, a, d };
	struct nd_exec x = { .file = nd_arena_string(a, file), .line = at->line };

	if (!x.file)
		return no_memory(d);
	if (at->kind != ND_TREE_MAP)
		return fail(&r, at, "exec", "must be a map with command and apiVersion");
	int err = read_version(&r, at, &x);
	if (!err)
		err = read_mode(&r, at, &x);
	if (!err)
		err = get_text(&r, at, "installHint", "exec.installHint", &x.hint);
	if (!err)
		err = read_args(&r, at, &x);
	if (!err)
		err = read_env(&r, at, cluster, &x);
	if (!err)
		*out = x;
	return err;
}

/* --- the output --- */

static int fail_output(const struct nd_exec *x, struct nd_diag *d, const char *what,
		       const char *why)
{
	return nd_diag_at(d, x->file, x->line, "exec: %s printed an invalid credential: %s %s",
			  x->argv[0], what, why);
}

static int get_output(const struct nd_exec *x, const struct nd_tree *map, const char *key,
		      struct nd_arena *a, const char **out, struct nd_diag *d)
{
	const struct nd_tree *v = nd_tree_get(map, key);

	if (v && v->kind != ND_TREE_TEXT)
		return fail_output(x, d, key, "must be a string");
	/* It is copied into a header. */
	if (v && strcmp(key, "token") == 0)
		for (const char *p = v->text; *p; p++)
			if ((unsigned char)*p < ' ' || *p == 0x7f)
				return fail_output(x, d, key, "contains a control character");
	*out = v && v->text[0] ? nd_arena_string(a, v->text) : NULL;
	return v && v->text[0] && !*out ? no_memory(d) : 0;
}

static int read_status(const struct nd_exec *x, const struct nd_tree *status, struct nd_arena *a,
		       struct nd_exec_answer *out, struct nd_diag *d)
{
	const char *until;
	int err = get_output(x, status, "token", a, &out->token, d);

	if (!err)
		err = get_output(x, status, "clientCertificateData", a, &out->cert, d);
	if (!err)
		err = get_output(x, status, "clientKeyData", a, &out->key, d);
	if (!err)
		err = get_output(x, status, "expirationTimestamp", a, &until, d);
	if (err)
		return err;
	if (!out->cert != !out->key)
		return fail_output(x, d, "status.clientCertificateData",
				   "and clientKeyData must be given together");
	if (!out->token && !out->cert)
		return fail_output(x, d, "status", "has neither a token nor a client certificate");
	if (until && nd_rfc3339_parse(until, &out->until_ns))
		return fail_output(x, d, "status.expirationTimestamp", "must be an RFC 3339 time");
	return 0;
}

int nd_exec_parse(const struct nd_exec *x, const char *text, size_t n, struct nd_arena *a,
		  struct nd_exec_answer *out, struct nd_diag *d)
{
	struct nd_exec_answer answer = { 0 };
	struct nd_diag json = { 0 };
	struct nd_tree *doc;

	if (nd_json_parse(NULL, text, n, a, &doc, &json))
		return fail_output(x, d, "output is", json.text);
	const struct nd_tree *kind = nd_tree_get(doc, "kind"),
			     *version = nd_tree_get(doc, "apiVersion"),
			     *status = nd_tree_get(doc, "status");
	if (!kind || kind->kind != ND_TREE_TEXT || strcmp(kind->text, "ExecCredential") != 0)
		return fail_output(x, d, "kind", "must be ExecCredential");
	if (!version || version->kind != ND_TREE_TEXT || strcmp(version->text, x->version) != 0)
		return fail_output(x, d, "apiVersion must be", x->version);
	if (!status || status->kind != ND_TREE_MAP)
		return fail_output(x, d, "status", "is missing");
	int err = read_status(x, status, a, &answer, d);
	if (!err)
		*out = answer;
	return err;
}
