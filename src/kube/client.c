/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/err.h"
#include "io/clock.h"
#include "io/file.h"

enum { TOKEN_BYTES_MAX = 64 << 10, TARGET_BYTES_MAX = 16 << 10, BURST = 10 };
static const uint64_t head_ns = 30 * (uint64_t)ND_NS_PER_S;

struct nd_client {
	const struct nd_config *config;
	struct nd_client_limits limits;
	struct nd_loop *loop;
	struct nd_httpc *http;
	struct nd_tls *tls;
	double tokens;
	uint64_t filled_ns;
	unsigned waiting;
};

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
	int err = config->tls ? nd_tls_new(&config->options, &c->tls) : 0;
	if (!err && c->tls && nd_tls_prepare(c->tls, why))
		err = nd_diag_at(d, NULL, 0, "%s", why);
	struct nd_httpc_config http = { .addr = config->addr,
					.host = config->host,
					.tls = c->tls,
					.server_name = config->server_name };
	if (!err)
		err = nd_httpc_new(loop, &http, &c->http);
	if (err) {
		if (!d->set)
			nd_diag_at(d, NULL, 0, "%s: %s", config->host, nd_err_text(err));
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
	nd_httpc_free(c->http);
	nd_tls_unref(c->tls);
	free(c);
}

uint64_t nd_client_delay_ns(struct nd_client *c)
{
	uint64_t now = nd_loop_now_ns(c->loop);

	if (c->limits.inflight && c->waiting >= c->limits.inflight)
		return 50 * (uint64_t)ND_NS_PER_MS;
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

/* Without the line end that files have. */
static int read_token(const char *file, struct nd_buf *to)
{
	int err = nd_file_read(file, to);

	while (!err && to->len && strchr(" \r\n\t", to->data[to->len - 1]))
		to->data[--to->len] = '\0';
	return err;
}

static int authorize(const struct nd_config *config, struct nd_buf *value)
{
	struct nd_buf token;
	int err = 0;

	nd_buf_init(&token, TOKEN_BYTES_MAX);
	if (config->token_file)
		err = read_token(config->token_file, &token);
	else if (config->token)
		err = nd_buf_text(&token, config->token);
	if (!err && token.len)
		err = nd_buf_printf(value, "Bearer %s", token.data);
	else if (!err && config->basic)
		err = nd_buf_printf(value, "Basic %s", config->basic);
	nd_buf_clear(&token);
	return err;
}

int nd_client_get(struct nd_client *c, const char *target, const char *accept, uint64_t idle_ns,
		  const struct nd_httpc_handler *handler, struct nd_httpc_exchange **out)
{
	struct nd_buf path, who;

	nd_buf_init(&path, TARGET_BYTES_MAX);
	nd_buf_init(&who, TOKEN_BYTES_MAX);
	int err = nd_buf_printf(&path, "%s%s", c->config->prefix, target);
	if (!err)
		err = authorize(c->config, &who);
	struct nd_httpc_header headers[] = { { "Accept", accept },
					     { "User-Agent", "nodens" },
					     { "Authorization", nd_buf_string(&who) } };
	struct nd_httpc_request request = { .target = path.data,
					    .headers = headers,
					    .nheaders = who.len ? 3 : 2,
					    .head_ns = head_ns,
					    .idle_ns = idle_ns };
	if (!err)
		err = nd_httpc_send(c->http, &request, handler, out);
	if (!err) {
		c->waiting++;
		c->tokens -= 1;
	}
	nd_buf_clear(&path);
	nd_buf_clear(&who);
	return err;
}

void nd_client_answered(struct nd_client *c)
{
	c->waiting--;
}

const struct nd_config *nd_client_config(const struct nd_client *c)
{
	return c->config;
}
