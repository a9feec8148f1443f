/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges wait in one queue. A timer without delay assigns them to connections, so no callback
 * runs inside the caller: one connection for all with HTTP/2 (or while the version is unknown),
 * with HTTP/1.1 one each, up to a maximum. */
#include "io/httpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "io/clock.h"
#include "io/h2.h"
#include "io/httpc_parts.h"

enum { HOST_MAX = 300 };

static void leave(struct nd_httpc *c)
{
	if (--c->busy == 0 && c->gone)
		free(c);
}

void nd_httpc_fail_waiting(struct nd_httpc *c, int err, const char *text)
{
	struct nd_list doomed;

	c->busy++;
	nd_list_init(&doomed);
	/* While other connections may still open, one failed attempt ends one exchange. */
	bool all = nd_list_empty(&c->conns);
	for (struct nd_list *node; (node = nd_list_pop(&c->waiting));) {
		nd_list_add(&doomed, node);
		c->nwaiting--;
		if (!all)
			break;
	}
	/* Exchanges sent by on_end are not ended here. */
	while (!nd_list_empty(&doomed)) {
		struct nd_httpc_exchange *x = ND_LIST_ENTRY(doomed.next, struct nd_httpc_exchange,
							    node);
		nd_list_del(&x->node);
		nd_httpc_end(x, err, text);
	}
	leave(c);
}

/* A connection that accepts one more exchange, or NULL. *opening: connections being opened. */
static struct nd_httpc_conn *find(struct nd_httpc *c, unsigned *opening)
{
	struct nd_httpc_conn *found = NULL;

	*opening = 0;
	ND_LIST_EACH(&c->conns, node) {
		struct nd_httpc_conn *conn = ND_LIST_ENTRY(node, struct nd_httpc_conn, node);
		if (!conn->open)
			(*opening)++;
		else if (!conn->draining && (conn->engine->many || conn->count == 0))
			found = conn;
	}
	return found;
}

static bool wants_another(const struct nd_httpc *c, unsigned opening)
{
	if (c->version == 1)
		return opening < c->nwaiting && c->stats.connections < c->config.connections;
	return opening == 0;
}

static void on_dispatch(struct nd_timer *t)
{
	struct nd_httpc *c = ND_CONTAINER(t, struct nd_httpc, dispatch);
	char text[ND_TLS_TEXT_MAX] = "";
	unsigned opening;

	c->busy++;
	while (!c->gone && c->nwaiting) {
		struct nd_httpc_conn *conn = find(c, &opening);
		if (conn) {
			struct nd_list *node = nd_list_pop(&c->waiting);
			c->nwaiting--;
			nd_httpc_conn_begin(conn,
					    ND_LIST_ENTRY(node, struct nd_httpc_exchange, node));
			continue;
		}
		if (!wants_another(c, opening))
			break;
		int err = nd_httpc_conn_new(c, text);
		if (err) {
			nd_httpc_fail_waiting(c, err, text[0] ? text : nd_err_text(err));
			if (!c->gone && c->nwaiting)
				nd_httpc_dispatch(c); /* later: on_end may send again each time */
			break;
		}
	}
	leave(c);
}

void nd_httpc_dispatch(struct nd_httpc *c)
{
	if (!c->gone)
		nd_timer_start(c->loop, &c->dispatch, 0, on_dispatch);
}

/* --- new and free --- */

static void set_defaults(struct nd_httpc_config *c)
{
#define DEFAULT(field, value) c->field = c->field ? c->field : (value)
	DEFAULT(versions, ND_HTTPC_H1 | ND_HTTPC_H2);
	DEFAULT(connect_ns, ND_S(10));
	DEFAULT(keep_ns, ND_S(90));
	DEFAULT(ping_ns, ND_S(15));
	DEFAULT(pong_ns, ND_S(15));
	DEFAULT(head_bytes, 64 << 10);
	DEFAULT(window_bytes, 256 << 10);
	DEFAULT(connections, 16);
	DEFAULT(exchanges, 256);
#undef DEFAULT
	if (c->window_bytes > INT32_MAX / 4)
		c->window_bytes = INT32_MAX / 4;
}

/* "name", "name:port", "1.2.3.4:80", "[::1]:443". */
static bool is_host(const char *host)
{
	if (!*host || strlen(host) > HOST_MAX)
		return false;
	for (; *host; host++)
		if ((unsigned char)*host <= ' ' || (unsigned char)*host >= 0x7f ||
		    strchr("/\\?#@\"<>", *host))
			return false;
	return true;
}

/* The host without its port and brackets. */
static void name_of(const char *host, char to[ND_HTTPC_TEXT_MAX])
{
	size_t n;

	if (*host == '[') {
		host++;
		n = strcspn(host, "]");
	} else {
		const char *colon = strchr(host, ':');
		/* More than one: an IPv6 address without brackets. */
		n = colon && !strchr(colon + 1, ':') ? (size_t)(colon - host) : strlen(host);
	}
	snprintf(to, ND_HTTPC_TEXT_MAX, "%.*s", (int)n, host);
}

static int set_target(struct nd_httpc *c, const struct nd_httpc_config *config)
{
	bool h1 = config->versions & ND_HTTPC_H1, h2 = config->versions & ND_HTTPC_H2;
	const char *alpn = h1 && h2 && nd_h2_built ? "h2,http/1.1" : h1 ? "http/1.1" : "h2";
	char name[ND_HTTPC_TEXT_MAX];

	name_of(c->host, name);
	return nd_tls_target_init(&c->target, config->tls, &config->addr,
				  config->server_name ? config->server_name : name, alpn);
}

/* Copies the texts of the configuration. */
static int copy_texts(struct nd_httpc *c, const struct nd_httpc_config *config)
{
	nd_addr_format(&config->addr, c->where);
	if (config->name)
		snprintf(c->where, sizeof c->where, "%.255s:%u", config->name, config->port);
	c->host = strdup(config->host ? config->host : c->where);
	c->name = config->name ? strdup(config->name) : NULL;
	if (!c->host || (config->name && !c->name))
		return -ENOMEM;
	return is_host(c->host) && (!c->name || is_host(c->name)) ? 0 : ND_EFORMAT;
}

int nd_httpc_new(struct nd_loop *loop, const struct nd_httpc_config *config, struct nd_httpc **out)
{
	struct nd_httpc *c = calloc(1, sizeof *c);

	if (!c)
		return -ENOMEM;
	c->loop = loop;
	c->config = *config;
	set_defaults(&c->config);
	nd_list_init(&c->waiting);
	nd_list_init(&c->all);
	nd_list_init(&c->conns);
	int err = copy_texts(c, config);
	if (!err && config->tls)
		err = set_target(c, &c->config);
	c->config.host = c->host;
	c->config.name = c->name;
	c->config.server_name = NULL;
	if (err) {
		free(c->host);
		free(c->name);
		free(c);
		return err;
	}
	*out = c;
	return 0;
}

void nd_httpc_free(struct nd_httpc *c)
{
	if (!c || c->gone)
		return;
	c->busy++;
	while (!nd_list_empty(&c->all))
		nd_httpc_cancel(ND_LIST_ENTRY(c->all.next, struct nd_httpc_exchange, all));
	while (!nd_list_empty(&c->conns))
		nd_httpc_conn_kill(ND_LIST_ENTRY(c->conns.next, struct nd_httpc_conn, node));
	nd_timer_stop(&c->dispatch);
	if (c->config.tls)
		nd_tls_target_clear(&c->target);
	free(c->host);
	free(c->name);
	c->host = c->name = NULL;
	c->gone = true;
	leave(c);
}

struct nd_httpc_stats nd_httpc_stats(const struct nd_httpc *c)
{
	struct nd_httpc_stats s = c->stats;

	s.resumed = c->config.tls ? c->target.resumed : 0;
	return s;
}
