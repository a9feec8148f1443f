/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/time.h"
#include "io/file.h"
#include "kube/credential.h"

enum { TOKEN_BYTES_MAX = 64 << 10, TARGET_BYTES_MAX = 16 << 10, BURST = 10 };
static const uint64_t head_ns = ND_S(30);

enum { FILES = 3, OLD_MAX = 4 };

/* Connections with one set of certificates. */
struct link {
	struct nd_httpc *http;
	struct nd_tls *tls;
};

struct nd_client {
	const struct nd_config *config;
	struct nd_client_limits limits;
	struct nd_loop *loop;
	struct link link;
	struct link old[OLD_MAX]; /* exchanges are under way on them; http NULL: none */
	struct nd_file_stamp stamps[FILES];
	struct nd_credential *credential; /* NULL: no program is asked */
	unsigned number;                  /* of the credential whose certificate the link has */
	double tokens;
	uint64_t filled_ns;
	unsigned waiting;
	struct nd_apicount count;
	char *token;    /* from its file, when it was read well last; NULL: never */
	bool token_bad; /* its file now; said */
	bool shown;     /* it has one */
	bool noticed;   /* notice is new */
	char notice[ND_TLS_TEXT_MAX + 64];
};

static void close_link(struct link *l)
{
	nd_httpc_free(l->http);
	nd_tls_unref(l->tls);
	*l = (struct link){ 0 };
}

/* own: our certificate and key in PEM, in place of the configuration's; NULL: that. */
static int open_link(struct nd_client *c, const struct nd_exec_answer *own, struct link *out,
		     char why[ND_TLS_TEXT_MAX])
{
	const struct nd_config *config = c->config;
	struct nd_tls_options options = config->options;
	struct link l = { 0 };

	if (own && own->cert) {
		options.cert = (struct nd_tls_pem){ .bytes = own->cert, .len = strlen(own->cert) };
		options.key = (struct nd_tls_pem){ .bytes = own->key, .len = strlen(own->key) };
	}
	int err = config->tls ? nd_tls_new(&options, &l.tls) : 0;
	if (!err && l.tls)
		err = nd_tls_prepare(l.tls, why);
	struct nd_httpc_config http = { .addr = config->addr,
					.name = config->name,
					.port = config->port,
					.host = config->host,
					.tls = l.tls,
					.server_name = config->server_name };
	if (!err)
		err = nd_httpc_new(c->loop, &http, &l.http);
	if (err && !why[0])
		snprintf(why, ND_TLS_TEXT_MAX, "%s: %s", config->host, nd_err_text(err));
	if (err)
		close_link(&l);
	else
		*out = l;
	return err;
}

static void read_stamps(const struct nd_config *c, struct nd_file_stamp to[FILES])
{
	const char *files[FILES] = { c->options.ca.file, c->options.cert.file,
				     c->options.key.file };

	for (int i = 0; i < FILES; i++)
		to[i] = files[i] && c->tls ? nd_file_stamp(files[i]) : (struct nd_file_stamp){ 0 };
}

int nd_client_new(struct nd_loop *loop, const struct nd_config *config,
		  const struct nd_client_limits *limits, struct nd_client **out, struct nd_diag *d)
{
	struct nd_client *c = calloc(1, sizeof *c);
	char why[ND_TLS_TEXT_MAX] = "";

	if (!c)
		return -ENOMEM;
	*c = (struct nd_client){ .config = config, .limits = *limits, .loop = loop };
	if (!c->limits.burst)
		c->limits.burst = BURST;
	c->tokens = c->limits.burst;
	c->filled_ns = nd_loop_now_ns(loop);
	read_stamps(config, c->stamps);
	int err = open_link(c, NULL, &c->link, why);
	/* As in client-go: a request that has its Authorization already does not ask for one. */
	if (!err && config->exec && !config->token && !config->token_file && !config->basic) {
		c->credential = nd_credential_new(loop, config->exec);
		err = c->credential ? 0 : -ENOMEM;
	}
	if (err) {
		nd_diag_at(d, NULL, 0, "%s", why[0] ? why : nd_err_text(err));
		nd_client_free(c);
		return ND_ECONF;
	}
	*out = c;
	return 0;
}

void nd_client_free(struct nd_client *c)
{
	if (!c)
		return;
	close_link(&c->link);
	for (int i = 0; i < OLD_MAX; i++)
		close_link(&c->old[i]);
	nd_credential_free(c->credential);
	free(c->token);
	free(c);
}

/* --- certificates that change --- */

/* A place for a link that is still in use; those that no exchange is left on are closed. NULL: all
 * are. */
static struct link *find_place(struct nd_client *c)
{
	struct link *place = NULL;

	for (int i = 0; i < OLD_MAX; i++) {
		if (c->old[i].http && !nd_httpc_stats(c->old[i].http).exchanges)
			close_link(&c->old[i]);
		if (!c->old[i].http)
			place = &c->old[i];
	}
	return place;
}

static int replace(struct nd_client *c, const struct nd_exec_answer *own)
{
	struct link *place = find_place(c), now;
	char why[ND_TLS_TEXT_MAX] = "";

	/* Changes come faster than exchanges end: the next request tries again. */
	if (!place)
		return -EAGAIN;
	int err = open_link(c, own, &now, why);
	if (err) {
		c->noticed = !own || !own->cert;
		snprintf(c->notice, sizeof c->notice, "%s%s", why,
			 c->noticed ? "; the certificates from before stay" : " (from exec)");
		return err;
	}
	*place = c->link;
	c->link = now;
	find_place(c);
	return 0;
}

static int renew(struct nd_client *c)
{
	struct nd_file_stamp stamps[FILES];
	const struct nd_exec_answer *own = NULL;
	unsigned number = c->number;
	bool same = true;

	if (!c->config->tls)
		return 0;
	read_stamps(c->config, stamps);
	for (int i = 0; i < FILES; i++)
		same = same && nd_file_stamp_equal(stamps[i], c->stamps[i]);
	if (c->credential)
		own = nd_credential_get(c->credential, &number);
	/* A token that is new needs no new connection. */
	bool show = number != c->number && (own->cert || c->shown);
	if (same && !show) {
		c->number = number;
		return 0;
	}
	int err = replace(c, own);
	if (err == -EAGAIN)
		return 0;
	memcpy(c->stamps, stamps, sizeof stamps);
	if (!err) {
		c->number = number;
		c->shown = own && own->cert;
	}
	/* Without what the program gave us there is no going on; with files from before there is. */
	if (!err || !show)
		return 0;
	nd_credential_discard(c->credential);
	return ND_ECONF;
}

const char *nd_client_notice(struct nd_client *c)
{
	bool fresh = c->noticed;

	c->noticed = false;
	return fresh ? c->notice : NULL;
}

void nd_client_discard_credential(struct nd_client *c)
{
	if (c->credential)
		nd_credential_discard(c->credential);
}

const char *nd_client_error(const struct nd_client *c, int err)
{
	if (err != ND_ECONF)
		return nd_err_text(err);
	return c->credential && nd_credential_error(c->credential)[0]
		       ? nd_credential_error(c->credential)
		       : c->notice;
}

/* --- requests --- */

uint64_t nd_client_delay_ns(struct nd_client *c)
{
	uint64_t now = nd_loop_now_ns(c->loop);

	if (c->limits.inflight && c->waiting >= c->limits.inflight)
		return ND_MS(50);
	if (c->credential && nd_credential_prepare(c->credential) == ND_CREDENTIAL_RUNNING)
		return ND_MS(50);
	if (c->limits.per_s <= 0)
		return 0;
	c->tokens += (double)(now - c->filled_ns) * c->limits.per_s / ND_NS_PER_S;
	c->filled_ns = now;
	if (c->tokens > c->limits.burst)
		c->tokens = c->limits.burst;
	if (c->tokens >= 1)
		return 0;
	return (uint64_t)((1 - c->tokens) * ND_NS_PER_S / c->limits.per_s) + ND_NS_PER_MS;
}

/* A token is a header's value. */
static const char *is_wrong(const struct nd_buf *token)
{
	if (!token->len)
		return "it is empty";
	for (size_t i = 0; i < token->len; i++)
		if ((unsigned char)token->data[i] <= ' ' || token->data[i] == 0x7f)
			return "it has a blank or a control character in it";
	return NULL;
}

/* Without the line end that files have. A file that is about to be replaced may be away, or empty:
 * the token from before stays, as in client-go. */
static int read_token(struct nd_client *c)
{
	const char *file = c->config->token_file;
	struct nd_buf b;

	nd_buf_init(&b, TOKEN_BYTES_MAX);
	int err = nd_file_read(file, &b);
	while (!err && b.len && strchr(" \r\n\t", b.data[b.len - 1]))
		b.data[--b.len] = '\0';
	const char *why = err ? nd_err_text(err) : is_wrong(&b);
	char *token = why ? NULL : strdup(nd_buf_string(&b));
	nd_buf_clear(&b);
	if (token) {
		free(c->token);
		c->token = token;
		c->token_bad = false;
		return 0;
	}
	if (!why)
		return -ENOMEM;
	if (!c->token)
		snprintf(c->notice, sizeof c->notice,
			 "token file %.200s: %s; it must hold a bearer token", file, why);
	else if (!c->token_bad)
		snprintf(c->notice, sizeof c->notice,
			 "token file %.200s: %s; the token from before stays", file, why);
	c->noticed = c->token && !c->token_bad;
	c->token_bad = c->token;
	return c->token ? 0 : ND_ECONF;
}

static int authorize(struct nd_client *c, struct nd_buf *value)
{
	const struct nd_config *config = c->config;
	const char *token = config->token;
	unsigned number;

	if (config->token_file) {
		int err = read_token(c);
		if (err)
			return err;
		token = c->token;
	} else if (!token && c->credential) {
		token = nd_credential_get(c->credential, &number)->token;
	}
	if (token)
		return nd_buf_printf(value, "Bearer %s", token);
	return config->basic ? nd_buf_printf(value, "Basic %s", config->basic) : 0;
}

/* Who we are, and a link that says so. The program was asked by nd_client_delay_ns(). */
static int be_ready(struct nd_client *c)
{
	unsigned number;

	if (c->credential && !nd_credential_get(c->credential, &number))
		return ND_ECONF;
	return renew(c);
}

int nd_client_get(struct nd_client *c, const char *target, const char *accept, uint64_t idle_ns,
		  const struct nd_httpc_handler *handler, struct nd_httpc_exchange **out)
{
	struct nd_buf path, who;

	nd_buf_init(&path, TARGET_BYTES_MAX);
	nd_buf_init(&who, TOKEN_BYTES_MAX);
	int err = nd_buf_printf(&path, "%s%s", c->config->prefix, target);
	if (!err)
		err = be_ready(c);
	if (!err)
		err = authorize(c, &who);
	struct nd_httpc_header headers[] = { { "Accept", accept },
					     { "User-Agent", "nodens" },
					     { "Authorization", nd_buf_string(&who) } };
	struct nd_httpc_request request = { .target = path.data,
					    .headers = headers,
					    .nheaders = who.len ? 3 : 2,
					    .head_ns = head_ns,
					    .idle_ns = idle_ns };
	if (!err)
		err = nd_httpc_send(c->link.http, &request, handler, out);
	if (!err) {
		c->waiting++;
		c->tokens -= 1;
	}
	nd_buf_clear(&path);
	nd_buf_clear(&who);
	return err;
}

struct nd_apicount *nd_client_count(struct nd_client *c)
{
	return &c->count;
}

void nd_client_release(struct nd_client *c)
{
	c->waiting--;
}

const struct nd_config *nd_client_config(const struct nd_client *c)
{
	return c->config;
}
