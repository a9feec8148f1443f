/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/ascii.h"
#include "base/buf.h"
#include "base/err.h"
#include "io/file.h"
#include "kube/base64.h"
#include "kube/tree.h"

enum { FILE_BYTES_MAX = 4 << 20, TREE_BYTES_MAX = 64 << 20, NAMES_BYTES_MAX = 256 };

/* A kubeconfig being read. */
struct reading {
	const char *file; /* for messages */
	struct nd_arena *arena;
	struct nd_config *to;
	struct nd_diag *diag;
	const struct nd_tree *cluster; /* the context's */
};

static int no_memory(struct nd_diag *d)
{
	return nd_diag_at(d, NULL, 0, "out of memory");
}

/* --- the URL --- */

/* The place of a URL, for messages. file NULL: the caller adds it. */
struct place {
	const char *file;
	int line;
};

static int bad_url(const char *url, struct place at, struct nd_diag *d)
{
	return nd_diag_invalid(d, at.file, at.line, "", "API server URL", url,
			       "https://HOST[:PORT] or http://HOST[:PORT]");
}

/* HOST, HOST:PORT, [V6]:PORT. Without a port, *port is unchanged. */
static int split_host(const char *text, char *name, size_t cap, unsigned *port)
{
	const char *end, *after;

	if (text[0] == '[') {
		end = strchr(++text, ']');
		after = end ? end + 1 : NULL;
	} else {
		end = strchr(text, ':');
		if (!end)
			end = text + strlen(text);
		after = end;
	}
	if (!end || end == text || (size_t)(end - text) >= cap)
		return ND_EFORMAT;
	memcpy(name, text, (size_t)(end - text));
	name[end - text] = '\0';
	if (!*after)
		return 0;
	char *rest;
	unsigned long n = strtoul(after + 1, &rest, 10);
	if (*after != ':' || !nd_ascii_is_digit(after[1]) || *rest || !n || n > 65535)
		return ND_EFORMAT;
	*port = (unsigned)n;
	return 0;
}

/* A host name that can be looked up. */
static bool is_name(const char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name <= ' ' || (unsigned char)*name >= 0x7f ||
		    strchr("\"%<>@[\\]^`{|}:", *name))
			return false;
	return true;
}

static int read_url(const char *url, struct place place, struct nd_arena *a, struct nd_config *c,
		    struct nd_diag *d)
{
	const char *at = strstr(url, "://");
	char name[256];

	c->tls = at && strncmp(url, "https://", 8) == 0;
	if (at && !c->tls && strncmp(url, "http://", 7) != 0)
		return bad_url(url, place, d);
	at = at ? at + 3 : url;
	unsigned port = c->tls ? 443 : 80;
	size_t n = strcspn(at, "/?#");
	const char *path = at + n;
	char *host = nd_arena_text(a, at, n);
	char *prefix = nd_arena_string(a, path);
	if (!host || !prefix)
		return no_memory(d);
	for (size_t len = strlen(prefix); len && prefix[len - 1] == '/'; len--)
		prefix[len - 1] = '\0';
	if (strpbrk(path, "?#@") || strchr(host, '@') || split_host(host, name, sizeof name, &port))
		return bad_url(url, place, d);
	c->host = host;
	c->prefix = prefix;
	c->port = (uint16_t)port;
	if (nd_addr_parse_ip(name, c->port, &c->addr) == 0)
		return 0;
	if (host[0] == '[' || !is_name(name))
		return bad_url(url, place, d);
	c->name = nd_arena_string(a, name);
	return c->name ? 0 : no_memory(d);
}

int nd_config_endpoint(const char *url, const char *cert, const char *key, const char *ca,
		       struct nd_arena *a, struct nd_config *out, struct nd_diag *d)
{
	struct nd_config c = { .options = { .ca.file = ca, .cert.file = cert, .key.file = key } };
	int err = read_url(url, (struct place){ 0 }, a, &c, d);

	if (!err && !c.tls && (cert || ca))
		err = nd_diag_invalid(d, NULL, 0, "", "API server URL", url,
				      "https:// when certificates are given");
	if (!err)
		*out = c;
	return err;
}

int nd_config_in_cluster(const char *host, const char *port, const char *folder, struct nd_arena *a,
			 struct nd_config *out, struct nd_diag *d)
{
	struct nd_config c = { 0 };

	if (!host || !*host || !port || !*port)
		return nd_diag_at(d, NULL, 0,
				  "not running in a pod: KUBERNETES_SERVICE_HOST and "
				  "KUBERNETES_SERVICE_PORT are not set; use \"endpoint URL\", "
				  "\"kubeconfig FILE\" or \"source FILE|FOLDER\"");
	c.token_file = nd_arena_printf(a, "%s/token", folder);
	c.options.ca.file = nd_arena_printf(a, "%s/ca.crt", folder);
	char *url = nd_arena_printf(a, strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s",
				    host, port);
	if (!c.token_file || !c.options.ca.file || !url)
		return no_memory(d);
	if (!nd_file_stamp(c.token_file).exists)
		return nd_diag_at(d, c.token_file, 0,
				  "service account token is missing; set "
				  "automountServiceAccountToken: true for the pod");
	int err = read_url(url, (struct place){ 0 }, a, &c, d);
	if (!err)
		*out = c;
	return err;
}

/* --- kubeconfig --- */

static int fail(struct reading *r, const struct nd_tree *at, const char *what, const char *why)
{
	return nd_diag_at(r->diag, r->file, at ? at->line : 1, "%s %s", what, why);
}

/* A string; *out is NULL if the field is absent or empty. The value, which may be secret, is not in
 * the message. */
static int get_text(struct reading *r, const struct nd_tree *map, const char *key, const char **out)
{
	const struct nd_tree *v = nd_tree_get(map, key);

	*out = NULL;
	if (v && v->kind != ND_TREE_TEXT)
		return fail(r, v, key, "must be a string (put it in quotes)");
	if (!v || !v->text[0])
		return 0;
	*out = nd_arena_string(r->arena, v->text);
	return *out ? 0 : no_memory(r->diag);
}

/* A path is relative to the file's folder. */
static int get_path(struct reading *r, const struct nd_tree *map, const char *key, const char **out)
{
	const char *slash = strrchr(r->file, '/');
	int err = get_text(r, map, key, out);

	if (err || !*out || **out == '/' || !slash)
		return err;
	*out = nd_arena_printf(r->arena, "%.*s/%s", (int)(slash - r->file), r->file, *out);
	return *out ? 0 : no_memory(r->diag);
}

static int get_bool(struct reading *r, const struct nd_tree *map, const char *key, bool *out)
{
	const struct nd_tree *v = nd_tree_get(map, key);

	if (v && v->kind != ND_TREE_BOOL)
		return v->text ? nd_diag_invalid(r->diag, r->file, v->line, "", key, v->text,
						 "true or false, without quotes")
			       : fail(r, v, key, "must be true or false");
	*out = v && v->text[0] == 't';
	return 0;
}

/* NAME-data takes precedence over NAME, as in client-go. */
static int get_pem(struct reading *r, const struct nd_tree *map, const char *name,
		   struct nd_tls_pem *out)
{
	const char *key = nd_arena_printf(r->arena, "%s-data", name), *data;

	if (!key)
		return no_memory(r->diag);
	int err = get_text(r, map, key, &data);
	if (err || !data)
		return err ? err : get_path(r, map, name, &out->file);
	uint8_t *bytes = nd_arena_alloc(r->arena, strlen(data) + 3);
	if (!bytes)
		return no_memory(r->diag);
	if (!nd_base64_decode(data, bytes, &out->len))
		return fail(r, nd_tree_get(map, key), key, "must be base64");
	out->bytes = bytes;
	return 0;
}

static int report_no_entry(struct reading *r, const struct nd_tree *all, const char *list,
			   const char *inner, const char *name)
{
	struct nd_buf names;

	nd_buf_init(&names, NAMES_BYTES_MAX);
	for (const struct nd_tree *v = all ? all->first : NULL; v; v = v->next) {
		const struct nd_tree *key = nd_tree_get(v, "name");
		if (key && key->text)
			nd_buf_printf(&names, "%s%s", names.len ? ", " : "", key->text);
	}
	/* Names that do not fit are left out. */
	int err = nd_diag_at(r->diag, r->file, all ? all->line : 1, "%s \"%s\" not found: %s %s%s",
			     inner, name, list, names.len ? "has " : "is empty",
			     nd_buf_string(&names));
	nd_buf_clear(&names);
	return err;
}

/* The map `inner` ("cluster", "user", "context") of the entry `name` in that list. */
static int find_entry(struct reading *r, const struct nd_tree *doc, const char *list,
		      const char *inner, const char *name, const struct nd_tree **out)
{
	const struct nd_tree *all = nd_tree_get(doc, list);

	for (const struct nd_tree *v = all ? all->first : NULL; v; v = v->next) {
		const struct nd_tree *key = nd_tree_get(v, "name");
		if (!key || !key->text || strcmp(key->text, name) != 0)
			continue;
		*out = nd_tree_get(v, inner);
		return *out && (*out)->kind == ND_TREE_MAP
			       ? 0
			       : fail(r, v, inner, "is missing or not a map");
	}
	return report_no_entry(r, all, list, inner, name);
}

static int read_cluster(struct reading *r, const struct nd_tree *t)
{
	struct nd_config *c = r->to;
	const char *url;

	int err = get_text(r, t, "server", &url);
	if (!err && !url)
		err = fail(r, t, "server", "is missing: must be the URL of the API server");
	if (!err)
		err = get_pem(r, t, "certificate-authority", &c->options.ca);
	if (!err)
		err = get_text(r, t, "tls-server-name", &c->server_name);
	if (!err)
		err = get_bool(r, t, "insecure-skip-tls-verify", &c->options.insecure);
	if (!err && nd_tree_get(t, "proxy-url"))
		err = fail(r, nd_tree_get(t, "proxy-url"), "proxy-url",
			   "is not supported: the API server must be reachable directly");
	if (!err && c->options.insecure && (c->options.ca.file || c->options.ca.bytes))
		err = fail(r, t, "insecure-skip-tls-verify",
			   "and certificate-authority are mutually exclusive; remove one");
	if (err)
		return err;
	struct place at = { r->file, nd_tree_get(t, "server")->line };
	return read_url(url, at, r->arena, c, r->diag);
}

static int read_password(struct reading *r, const struct nd_tree *t)
{
	const char *user, *password;
	int err = get_text(r, t, "username", &user);

	if (!err)
		err = get_text(r, t, "password", &password);
	if (err || !user)
		return err;
	const char *plain = nd_arena_printf(r->arena, "%s:%s", user, password ? password : "");
	r->to->basic = plain ? nd_base64_encode(r->arena, plain, strlen(plain)) : NULL;
	return r->to->basic ? 0 : no_memory(r->diag);
}

/* The CA certificates in base64, for KUBERNETES_EXEC_INFO. */
static int encode_ca(struct reading *r, const char **out)
{
	const struct nd_tls_pem *ca = &r->to->options.ca;
	struct nd_buf b;

	*out = NULL;
	if (ca->bytes)
		*out = nd_base64_encode(r->arena, ca->bytes, ca->len);
	if (ca->bytes)
		return *out ? 0 : no_memory(r->diag);
	if (!ca->file)
		return 0;
	nd_buf_init(&b, FILE_BYTES_MAX);
	int err = nd_file_read(ca->file, &b);
	if (err)
		err = nd_diag_at(r->diag, r->file, r->cluster->line, "certificate-authority %s: %s",
				 ca->file, nd_err_text(err));
	else if (!(*out = nd_base64_encode(r->arena, nd_buf_string(&b), b.len)))
		err = no_memory(r->diag);
	nd_buf_clear(&b);
	return err;
}

static const struct nd_tree *find_extension(const struct nd_tree *cluster)
{
	const struct nd_tree *all = nd_tree_get(cluster, "extensions");

	for (const struct nd_tree *v = all ? all->first : NULL; v; v = v->next) {
		const struct nd_tree *name = nd_tree_get(v, "name");
		if (name && name->kind == ND_TREE_TEXT &&
		    strcmp(name->text, "client.authentication.k8s.io/exec") == 0)
			return nd_tree_get(v, "extension");
	}
	return NULL;
}

static int read_exec(struct reading *r, const struct nd_tree *t)
{
	const struct nd_tree *provide = nd_tree_get(t, "provideClusterInfo");
	struct nd_config *c = r->to;
	struct nd_exec_cluster cluster = { .server = nd_tree_get(r->cluster, "server")->text,
					   .server_name = c->server_name,
					   .insecure = c->options.insecure,
					   .config = find_extension(r->cluster) };
	struct nd_exec *x = nd_arena_alloc(r->arena, sizeof *x);

	if (!x)
		return no_memory(r->diag);
	bool provided = provide && provide->kind == ND_TREE_BOOL && provide->text[0] == 't';
	int err = provided ? encode_ca(r, &cluster.ca) : 0;
	if (!err)
		err = nd_exec_read(r->file, t, &cluster, r->arena, x, r->diag);
	c->exec = x;
	return err;
}

static int read_user(struct reading *r, const struct nd_tree *t)
{
	static const char *const unsupported[] = { "auth-provider", "as", "as-uid", "as-groups",
						   "as-user-extra" };
	struct nd_config *c = r->to;

	for (size_t i = 0; i < ND_COUNT(unsupported); i++)
		if (nd_tree_get(t, unsupported[i]))
			return fail(r, nd_tree_get(t, unsupported[i]), unsupported[i],
				    "is not supported; use exec, token, tokenFile or a client "
				    "certificate");
	int err = get_pem(r, t, "client-certificate", &c->options.cert);
	if (!err)
		err = get_pem(r, t, "client-key", &c->options.key);
	if (!err)
		err = get_text(r, t, "token", &c->token);
	if (!err)
		err = get_path(r, t, "tokenFile", &c->token_file);
	if (!err)
		err = read_password(r, t);
	if (!err && nd_tree_get(t, "exec"))
		err = read_exec(r, nd_tree_get(t, "exec"));
	bool cert = c->options.cert.file || c->options.cert.bytes;
	bool key = c->options.key.file || c->options.key.bytes;
	if (!err && cert != key)
		err = fail(r, t, "client-certificate", "and client-key must be given together");
	return err;
}

static int read_context(struct reading *r, const struct nd_tree *doc, const char *name)
{
	const struct nd_tree *context, *cluster = NULL, *user;
	const char *cluster_name, *user_name;
	int err = 0;

	if (!name)
		err = get_text(r, doc, "current-context", &name);
	if (!err && !name)
		err = fail(r, doc, "current-context", "is missing: must be the name of a context");
	if (!err)
		err = find_entry(r, doc, "contexts", "context", name, &context);
	if (!err)
		err = get_text(r, context, "cluster", &cluster_name);
	if (!err)
		err = get_text(r, context, "user", &user_name);
	if (!err && !cluster_name)
		err = fail(r, context, "cluster", "is missing: must be the name of a cluster");
	if (!err)
		err = find_entry(r, doc, "clusters", "cluster", cluster_name, &cluster);
	r->cluster = cluster;
	if (!err)
		err = read_cluster(r, cluster);
	if (err || !user_name)
		return err;
	err = find_entry(r, doc, "users", "user", user_name, &user);
	return err ? err : read_user(r, user);
}

int nd_config_parse(const char *file, const char *text, size_t n, const char *context,
		    struct nd_arena *a, struct nd_config *out, struct nd_diag *d)
{
	struct nd_config c = { 0 };
	struct reading r = { .file = file, .arena = a, .to = &c, .diag = d };
	struct nd_arena trees;
	struct nd_tree *doc = NULL;

	nd_arena_init(&trees, TREE_BYTES_MAX);
	int err = nd_yaml_parse(file, text, n, &trees, &doc, d);
	if (!err && (!doc || doc->kind != ND_TREE_MAP))
		err = nd_diag_at(d, file, 1,
				 "not a kubeconfig: must be a map with clusters, users and contexts");
	if (!err)
		err = read_context(&r, doc, context);
	nd_arena_clear(&trees);
	if (!err)
		*out = c;
	return err;
}

int nd_config_kubeconfig(const char *file, const char *context, struct nd_arena *a,
			 struct nd_config *out, struct nd_diag *d)
{
	struct nd_buf text;

	nd_buf_init(&text, FILE_BYTES_MAX);
	int err = nd_file_read(file, &text);
	if (err)
		err = nd_diag_at(d, file, 0, "cannot be read: %s", nd_err_text(err));
	else
		err = nd_config_parse(file, nd_buf_string(&text), text.len, context, a, out, d);
	nd_buf_clear(&text);
	return err;
}
