/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP endpoints of plugins. Several paths may share an address, and a reload keeps the addresses
 * that the new generation has too. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/parts.h"
#include "io/http1.h"

/* One path of one generation. */
struct path {
	struct nd_list link;
	struct nd_addr addr;
	const char *address; /* as written */
	const char *path;
	void (*handle)(void *self, const struct nd_http1_request *req,
		       struct nd_http1_response *res);
	void *self;
	const struct nd_plugin *plugin;
	const struct nd_conf_line *line;
	bool drop_at_stop;
	struct server *server; /* once started */
};

/* One open address of the process. */
struct server {
	struct nd_list link;
	struct nd_process *process;
	struct nd_addr addr;
	struct nd_http1_server *http;
	uint32_t refs; /* paths of all generations that it serves */
};

/* ":8080" and "localhost:9153" as with Go's net.Listen: no host means all addresses; no port, or 0,
 * a free one. */
static int parse_address(const char *text, struct nd_addr *out)
{
	static const uint8_t any[16];
	char full[ND_ADDR_TEXT_MAX], buf[ND_ADDR_TEXT_MAX];
	size_t n = strlen(text);

	if (n && text[n - 1] == ':') {
		snprintf(full, sizeof full, "%.32s0", text);
		text = full;
	}
	if (text[0] == ':' && text[1] != ':') {
		snprintf(buf, sizeof buf, "[::]%.16s", text);
		text = buf;
	} else if (strncmp(text, "localhost:", 10) == 0) {
		snprintf(buf, sizeof buf, "127.0.0.1%.16s", text + 9);
		text = buf;
	}
	int err = nd_addr_parse(text, 0, out);
	if (err)
		return err;
	if (nd_addr_is_any(out)) /* both families, for either word */
		*out = nd_addr_from(AF_INET6, any, nd_addr_port(out));
	return 0;
}

int nd_setup_http(struct nd_setup *s, const char *address, const char *path,
		  void (*handle)(void *self, const struct nd_http1_request *req,
				 struct nd_http1_response *res),
		  void *self, bool drop_at_stop)
{
	struct path *p = nd_arena_alloc(s->arena, sizeof *p);

	if (!p)
		return ND_ELIMIT;
	if (parse_address(address, &p->addr))
		return nd_setup_invalid(s, NULL, "listen address", address,
					"[IP]:PORT, like \":8080\"");
	p->address = address;
	p->path = path;
	p->handle = handle;
	p->self = self;
	p->plugin = s->plugin;
	p->line = s->directive;
	p->drop_at_stop = drop_at_stop;
	nd_list_add(&s->gen->https, &p->link);
	return 0;
}

/* Paths of the current generation only: the one that serves, or the first while it starts. */
static void on_request(void *ctx, const struct nd_http1_request *req, struct nd_http1_response *res)
{
	struct server *s = ctx;
	struct nd_gen *g = s->process->gen;

	if (g)
		ND_LIST_EACH(&g->https, it) {
			struct path *p = ND_LIST_ENTRY(it, struct path, link);
			if (p->server == s && strcmp(p->path, req->path) == 0) {
				p->handle(p->self, req, res);
				return;
			}
		}
	res->status = 404;
	nd_buf_text(&res->body, "404 page not found\n");
}

static struct server *find_server(struct nd_process *p, const struct nd_addr *addr)
{
	ND_LIST_EACH(&p->http, it) {
		struct server *s = ND_LIST_ENTRY(it, struct server, link);
		if (nd_addr_equal(&s->addr, addr))
			return s;
	}
	return NULL;
}

static void unref_server(struct server *s)
{
	if (--s->refs)
		return;
	nd_list_del(&s->link);
	nd_http1_server_free(s->http);
	free(s);
}

static int open_server(struct nd_process *p, const struct nd_addr *addr, struct server **out)
{
	struct server *s = calloc(1, sizeof *s);

	if (!s)
		return -ENOMEM;
	s->process = p;
	s->addr = *addr;
	int err = nd_http1_server_new(p->loop, addr, on_request, s, &s->http);
	if (err) {
		free(s);
		return err;
	}
	nd_list_add(&p->http, &s->link);
	*out = s;
	return 0;
}

int nd_setup_http_start(struct nd_gen *g, struct nd_diag *d)
{
	ND_LIST_EACH(&g->https, it) {
		struct path *p = ND_LIST_ENTRY(it, struct path, link);
		struct server *s = find_server(g->process, &p->addr);
		if (!s) {
			int err = open_server(g->process, &p->addr, &s);
			if (err)
				return nd_diag_at(d, p->line->file, p->line->line,
						  "plugin/%s: can't listen on %s: %s",
						  p->plugin->name, p->address, nd_err_text(err));
		}
		s->refs++;
		p->server = s;
	}
	return 0;
}

void nd_setup_http_stop(struct nd_gen *g, bool all)
{
	ND_LIST_EACH(&g->https, it) {
		struct path *p = ND_LIST_ENTRY(it, struct path, link);
		if (!p->server || !(all || p->drop_at_stop))
			continue;
		unref_server(p->server);
		p->server = NULL;
	}
}
