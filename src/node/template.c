/* SPDX-License-Identifier: Apache-2.0 */
#include "node/template.h"

#include <stdbool.h>
#include <string.h>
#include "base/err.h"

struct render {
	const struct nd_template_values *v;
	const struct nd_kubedns *k;
	struct nd_buf *out;
	const char *file;
	int line;
	struct nd_diag *d;
};

/* `put` writes the value of the variable that ends at *rest, and may advance *rest. */
struct variable {
	const char *name;
	int (*put)(struct render *r, const char **rest);
};

static void put_local(struct render *r)
{
	char text[ND_ADDR_TEXT_MAX];

	for (size_t i = 0; i < r->v->nlocal; i++) {
		nd_addr_format_ip(&r->v->local[i], text);
		nd_buf_printf(r->out, "%s%s", i ? " " : "", text);
	}
}

static int put_local_dns(struct render *r, const char **rest)
{
	struct nd_addr first = r->v->local[0];
	char text[ND_ADDR_TEXT_MAX];

	if (**rest != ':') {
		put_local(r);
		return 0;
	}
	nd_addr_set_port(&first, 1);
	size_t n = nd_addr_format(&first, text); /* brackets where they are needed */
	return nd_buf_add(r->out, text, n - strlen(":1"));
}

static int put_nothing(struct render *r, const char **rest)
{
	(void)r;
	(void)rest;
	return 0;
}

static int put_cluster_dns(struct render *r, const char **rest)
{
	(void)rest;
	if (!r->v->cluster_dns)
		return nd_diag_at(r->d, r->file, r->line,
				  "no value for __PILLAR__CLUSTER__DNS__: %s is not set in the "
				  "environment; create the Service named by -upstreamsvc in this "
				  "namespace, then restart this pod",
				  r->v->cluster_dns_from);
	return nd_buf_text(r->out, r->v->cluster_dns);
}

/* If text starts with "{ force_tcp }", white space aside: the end of that, else NULL. */
static const char *skip_force_tcp(const char *text)
{
	static const char *const words[] = { "{", "force_tcp", "}" };

	for (size_t i = 0; i < ND_COUNT(words); i++) {
		text += strspn(text, " \t\r\n");
		if (strncmp(text, words[i], strlen(words[i])) != 0)
			return NULL;
		text += strlen(words[i]);
	}
	return text;
}

static int put_upstreams(struct render *r, const char **rest)
{
	if (!r->k->nupstreams)
		return nd_buf_text(r->out, "/etc/resolv.conf");
	for (size_t i = 0; i < r->k->nupstreams; i++)
		nd_buf_printf(r->out, "%s%s", i ? " " : "", r->k->upstreams[i]);
	const char *end = skip_force_tcp(*rest);
	for (; end && *rest < end; ++*rest)
		r->line += **rest == '\n';
	return 0;
}

static int put_prometheus(struct render *r, const char **rest)
{
	(void)rest;
	return nd_buf_text(r->out, r->v->prometheus);
}

static const struct variable variables[] = {
	{ "__PILLAR__LOCAL__DNS__", put_local_dns },
	{ "__PILLAR__DNS__SERVER__", put_nothing },
	{ "__PILLAR__CLUSTER__DNS__", put_cluster_dns },
	{ "__PILLAR__UPSTREAM__SERVERS__", put_upstreams },
	{ "__PROMETHEUS__ENDPOINT__", put_prometheus },
};

static const struct variable *find_variable(const char *text)
{
	for (size_t i = 0; i < ND_COUNT(variables); i++)
		if (strncmp(text, variables[i].name, strlen(variables[i].name)) == 0)
			return &variables[i];
	return NULL;
}

static void put_stubs(struct render *r)
{
	for (size_t i = 0; i < r->k->nstubs; i++) {
		const struct nd_kubedns_stub *s = &r->k->stubs[i];
		nd_buf_printf(r->out, "%s:%u {\n    errors\n    cache 30\n    bind ", s->domain,
			      r->v->port);
		put_local(r);
		nd_buf_text(r->out, "\n    forward .");
		for (size_t n = 0; n < s->nservers; n++)
			nd_buf_printf(r->out, " %s", s->servers[n]);
		nd_buf_text(r->out, "\n}\n");
	}
}

static bool begins_word(const struct nd_buf *out)
{
	return !out->len || strchr(" \t\r\n", out->data[out->len - 1]);
}

int nd_template_render(const char *file, const char *text, const struct nd_template_values *v,
		       const struct nd_kubedns *k, struct nd_buf *out, struct nd_diag *d)
{
	struct render r = { .v = v, .k = k, .out = out, .file = file, .line = 1, .d = d };
	bool comment = false;

	while (*text) {
		size_t n = strcspn(text, "_\n#");
		nd_buf_add(out, text, n);
		text += n;
		const struct variable *var = *text == '_' && !comment ? find_variable(text) : NULL;
		if (var) {
			text += strlen(var->name);
			int err = var->put(&r, &text);
			if (err)
				return err;
			continue;
		}
		if (!*text)
			break;
		if (*text == '\n')
			r.line++;
		comment = (*text == '#' && begins_word(out)) || (comment && *text != '\n');
		nd_buf_add(out, text++, 1);
	}
	if (out->len && out->data[out->len - 1] != '\n')
		nd_buf_text(out, "\n");
	put_stubs(&r);
	return out->err;
}
