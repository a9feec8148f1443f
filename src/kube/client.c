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

enum {
	TOKEN_BYTES_MAX = 64 << 10,
	TARGET_BYTES_MAX = 16 << 10,
	BURST = 10,    /* client-go's default */
	FILES = 3,     /* CA, certificate, key */
	OLD_MAX = 4,   /* previous links with exchanges under way */
	HEAD_S = 30,   /* until the head of a response must have arrived */
	DELAY_MS = 50, /* before the limits are checked again */
};

/* Connections that use one set of certificates. */
struct link {
	struct nd_httpc *http;
	struct nd_tls *tls;
};

struct nd_client {
	const struct nd_config *config;
	struct nd_client_limits limits;
	struct nd_loop *loop;
	struct link link;
	struct link old[OLD_MAX]; /* with exchanges under way; http NULL: free */
	struct nd_file_stamp stamps[FILES];
	struct nd_credential *credential; /* NULL: no exec program */
	unsigned number;                  /* nd_credential_get()'s, of the link's certificate */
	bool from_exec;                   /* the link's certificate is the exec program's */
	double tokens;                    /* of the rate limit's bucket */
	uint64_t filled_ns;               /* the bucket, last */
	unsigned inflight;                /* requests without the head of a response */
	struct nd_apicount count;
	char *token;     /* last good content of the token file; NULL: none yet */
	bool token_bad;  /* the file is bad now, and that was reported */
	bool new_notice; /* notice was not returned yet */
	char notice[ND_TLS_TEXT_MAX + 64];
};

static void close_link(struct link *l)
{
	nd_httpc_free(l->http);
	nd_tls_unref(l->tls);
	*l = (struct link){ 0 };
}

/* own: its certificate and key replace those of the configuration. May be NULL. */
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
	if (!err && nd_config_needs_program(config)) {
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

/* Closes old links without exchanges. Returns a free place; NULL: all are in use. */
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

static int replace_link(struct nd_client *c, const struct nd_exec_answer *own)
{
	struct link *place = find_place(c), now;
	char why[ND_TLS_TEXT_MAX] = "";

	/* More changes than places: the next request tries again. */
	if (!place)
		return -EAGAIN;
	int err = open_link(c, own, &now, why);
	if (err) {
		c->new_notice = !own || !own->cert;
		snprintf(c->notice, sizeof c->notice, "%s%s", why,
			 c->new_notice ? "; keeping the previous certificates" : " (from exec)");
		return err;
	}
	*place = c->link;
	c->link = now;
	find_place(c);
	return 0;
}

static int update_link(struct nd_client *c)
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
	/* A new token needs no new connection; a new certificate does. */
	bool changed = number != c->number && (own->cert || c->from_exec);
	if (same && !changed) {
		c->number = number;
		return 0;
	}
	int err = replace_link(c, own);
	if (err == -EAGAIN)
		return 0;
	memcpy(c->stamps, stamps, sizeof stamps);
	if (!err) {
		c->number = number;
		c->from_exec = own && own->cert;
	}
	/* The previous files still serve; the program's previous certificate does not. */
	if (!err || !changed)
		return 0;
	nd_credential_discard(c->credential);
	return ND_ECONF;
}

const char *nd_client_notice(struct nd_client *c)
{
	bool fresh = c->new_notice;

	c->new_notice = false;
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

	if (c->limits.inflight && c->inflight >= c->limits.inflight)
		return ND_MS(DELAY_MS);
	if (c->credential && nd_credential_prepare(c->credential) == ND_CREDENTIAL_RUNNING)
		return ND_MS(DELAY_MS);
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

/* What is wrong with it as the value of a header; NULL: nothing. */
static const char *check_token(const struct nd_buf *token)
{
	if (!token->len)
		return "file is empty";
	for (size_t i = 0; i < token->len; i++)
		if ((unsigned char)token->data[i] <= ' ' || token->data[i] == 0x7f)
			return "contains a blank or a control character";
	return NULL;
}

/* Without the trailing line end. While a file is being replaced it may be missing or empty: the
 * previous token is kept, as in client-go. */
static int read_token(struct nd_client *c)
{
	const char *file = c->config->token_file;
	struct nd_buf b;

	nd_buf_init(&b, TOKEN_BYTES_MAX);
	int err = nd_file_read(file, &b);
	while (!err && b.len && strchr(" \r\n\t", b.data[b.len - 1]))
		b.data[--b.len] = '\0';
	const char *why = err ? nd_err_text(err) : check_token(&b);
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
			 "token file %.200s: %s; must contain a bearer token", file, why);
	else if (!c->token_bad)
		snprintf(c->notice, sizeof c->notice,
			 "token file %.200s: %s; keeping the previous token", file, why);
	c->new_notice = c->token && !c->token_bad;
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

/* A credential and a link with its certificate. nd_client_delay_ns() has run the exec program. */
static int prepare_link(struct nd_client *c)
{
	unsigned number;

	if (c->credential && !nd_credential_get(c->credential, &number))
		return ND_ECONF;
	return update_link(c);
}

int nd_client_get(struct nd_client *c, const char *target, const char *accept, uint64_t idle_ns,
		  uint64_t total_ns, const struct nd_httpc_handler *handler,
		  struct nd_httpc_exchange **out)
{
	struct nd_buf path, authorization;

	nd_buf_init(&path, TARGET_BYTES_MAX);
	nd_buf_init(&authorization, TOKEN_BYTES_MAX);
	int err = nd_buf_printf(&path, "%s%s", c->config->prefix, target);
	if (!err)
		err = prepare_link(c);
	if (!err)
		err = authorize(c, &authorization);
	struct nd_httpc_header headers[] = { { "Accept", accept },
					     { "User-Agent", "nodens" },
					     { "Authorization", nd_buf_string(&authorization) } };
	struct nd_httpc_request request = { .target = path.data,
					    .headers = headers,
					    .nheaders = authorization.len ? 3 : 2,
					    .head_ns = ND_S(HEAD_S),
					    .idle_ns = idle_ns,
					    .total_ns = total_ns };
	if (!err)
		err = nd_httpc_send(c->link.http, &request, handler, out);
	if (!err) {
		c->inflight++;
		c->tokens -= 1;
	}
	nd_buf_clear(&path);
	nd_buf_clear(&authorization);
	return err;
}

struct nd_apicount *nd_client_count(struct nd_client *c)
{
	return &c->count;
}

void nd_client_release(struct nd_client *c)
{
	c->inflight--;
}

const struct nd_config *nd_client_config(const struct nd_client *c)
{
	return c->config;
}
