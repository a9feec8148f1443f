/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kubernetes/kconf.h"

#include <stdlib.h>
#include <string.h>
#include "base/time.h"
#include "kube/selector.h"

bool nd_kconf_is_multi(const struct nd_kconf *c, struct nd_name zone)
{
	for (size_t i = 0; i < c->nmulti; i++)
		if (nd_name_equal(c->multi[i], zone))
			return true;
	return false;
}

bool nd_kconf_is_reverse(struct nd_name name)
{
	static const uint8_t v4[] = "\7in-addr\4arpa", v6[] = "\3ip6\4arpa";

	return (name.len > sizeof v4 &&
		memcmp(name.wire + name.len - sizeof v4, v4, sizeof v4) == 0) ||
	       (name.len > sizeof v6 &&
		memcmp(name.wire + name.len - sizeof v6, v6, sizeof v6) == 0);
}

static int want_args(struct nd_setup *s, const struct nd_conf_line *line, size_t min, size_t max)
{
	return nd_settings_args(line, s->plugin->name, min, max, s->diag);
}

static int read_pods(struct nd_kconf *c, const struct nd_conf_line *line, struct nd_setup *s)
{
	static const char *const words[] = { "disabled", "insecure", "verified" };
	int err = want_args(s, line, 1, 1);

	if (err)
		return err;
	for (unsigned i = 0; i < ND_COUNT(words); i++)
		if (strcmp(line->args[0], words[i]) == 0) {
			c->pods = (enum nd_kconf_pods)i;
			return 0;
		}
	return nd_setup_invalid(s, line, "pods", line->args[0], "disabled, insecure or verified");
}

static int read_namespaces(struct nd_kconf *c, const struct nd_conf_line *line, struct nd_setup *s)
{
	int err = want_args(s, line, 1, SIZE_MAX);

	if (err)
		return err;
	const char **all = nd_arena_array(s->arena, c->nnamespaces + line->nargs, sizeof *all);
	if (!all)
		return ND_ELIMIT;
	if (c->nnamespaces)
		memcpy(all, c->namespaces, c->nnamespaces * sizeof *all);
	memcpy(all + c->nnamespaces, line->args, line->nargs * sizeof *all);
	c->namespaces = all;
	c->nnamespaces += line->nargs;
	return 0;
}

/* Joins the arguments of the line with single spaces and checks the selector. */
static int read_selector(const char **out, const struct nd_conf_line *line, struct nd_setup *s)
{
	struct nd_selector parsed;
	const char *why = "";
	int err = want_args(s, line, 1, SIZE_MAX);

	if (err)
		return err;
	const char *text = line->args[0];
	for (size_t i = 1; i < line->nargs && text; i++)
		text = nd_arena_printf(s->arena, "%s %s", text, line->args[i]);
	if (!text)
		return ND_ELIMIT;
	if (nd_selector_parse(text, s->arena, &parsed, &why))
		return nd_setup_invalid(s, line, line->name, text,
					"a selector as for \"kubectl -l\" (%s)", why);
	*out = text;
	return 0;
}

static int read_ignore(struct nd_kconf *c, const struct nd_conf_line *line, struct nd_setup *s)
{
	/* As in CoreDNS: `ignore` alone is valid and has no effect, and so do further words. */
	if (line->nargs == 0)
		return 0;
	if (strcmp(line->args[0], "empty_service") != 0)
		return nd_setup_invalid(s, line, "ignore", line->args[0], "empty_service");
	c->ignore_empty = true;
	return 0;
}

static int read_multicluster(struct nd_kconf *c, const struct nd_conf_line *line,
			     struct nd_setup *s)
{
	c->nmulti = 0; /* `multicluster` alone: none, as in CoreDNS */
	if (line->nargs == 0)
		return 0;
	return nd_setup_zones(s, line->args, line->nargs, &c->multi, &c->nmulti);
}

static int read_source(struct nd_kconf *c, const struct nd_conf_line *line, struct nd_setup *s)
{
	int err = want_args(s, line, 1, 1);

	if (err)
		return err;
	if (c->source)
		return nd_setup_error(s, line, "source is given twice; give one FILE or FOLDER");
	c->source = nd_setup_path(s, line->args[0]);
	return c->source ? 0 : ND_ELIMIT;
}

static int read_timeout(struct nd_kconf *c, const struct nd_conf_line *line, struct nd_setup *s)
{
	int64_t ns;
	int err = want_args(s, line, 1, 1);

	if (err)
		return err;
	if (nd_settings_duration(line->args[0], &ns) || ns <= 0)
		return nd_setup_invalid(s, line, "startup_timeout", line->args[0],
					"a positive duration, like \"5s\"");
	c->timeout_line = line;
	c->timeout_ns = ns;
	return 0;
}

/* A number >= 0. On an error *out is unchanged. */
static int read_number(double *out, const struct nd_conf_line *line, bool whole, struct nd_setup *s)
{
	char *end;
	int err = want_args(s, line, 1, 1);

	if (err)
		return err;
	double n = strtod(line->args[0], &end);
	if (*end || end == line->args[0] || !(n >= 0) || n > 1e9 || (whole && n != (double)(long)n))
		return nd_setup_invalid(s, line, line->name, line->args[0], "%s from 0 to 1e9",
					whole ? "an integer" : "a number");
	*out = n;
	return 0;
}

static int read_limit(struct nd_kconf *c, const struct nd_conf_line *line, struct nd_setup *s)
{
	bool whole = strcmp(line->name, "apiserver_qps") != 0;
	double n = 0;
	int err = read_number(&n, line, whole, s);

	if (err)
		return err;
	if (!whole)
		c->qps = n;
	else if (strcmp(line->name, "apiserver_burst") == 0)
		c->burst = (unsigned)n;
	else
		c->inflight = (unsigned)n;
	return 0;
}

static int read_tls(struct nd_kconf *c, const struct nd_conf_line *line, struct nd_setup *s)
{
	int err = want_args(s, line, 3, 3);

	if (err)
		return err;
	c->cert = nd_setup_path(s, line->args[0]);
	c->key = nd_setup_path(s, line->args[1]);
	c->ca = nd_setup_path(s, line->args[2]);
	return c->cert && c->key && c->ca ? 0 : ND_ELIMIT;
}

static int read_kubeconfig(struct nd_kconf *c, const struct nd_conf_line *line, struct nd_setup *s)
{
	int err = want_args(s, line, 1, 2);

	if (err)
		return err;
	c->kubeconfig = nd_setup_path(s, line->args[0]);
	c->context = line->nargs == 2 ? line->args[1] : NULL;
	return c->kubeconfig ? 0 : ND_ELIMIT;
}

static int read_snapshot(struct nd_kconf *c, const struct nd_conf_line *line, struct nd_setup *s)
{
	int err = want_args(s, line, 1, 1);

	if (err)
		return err;
	if (c->snapshot)
		return nd_setup_error(s, line, "snapshot is given twice; give one FILE");
	c->snapshot = nd_setup_path(s, line->args[0]);
	return c->snapshot ? 0 : ND_ELIMIT;
}

/* endpoint, tls, kubeconfig, apiserver_*, snapshot. Of several endpoints the first is used, as in
 * CoreDNS. */
static int read_api(struct nd_kconf *c, const struct nd_conf_line *line, struct nd_setup *s)
{
	int err;

	if (!c->api_line)
		c->api_line = line;
	if (strcmp(line->name, "tls") == 0)
		return read_tls(c, line, s);
	if (strcmp(line->name, "kubeconfig") == 0)
		return read_kubeconfig(c, line, s);
	if (strcmp(line->name, "snapshot") == 0)
		return read_snapshot(c, line, s);
	if (strcmp(line->name, "endpoint") != 0)
		return read_limit(c, line, s);
	err = want_args(s, line, 1, SIZE_MAX);
	if (!err)
		c->endpoint = line->args[0];
	return err;
}

static int read_line(void *self, const struct nd_conf_line *line, void *ctx)
{
	struct nd_kconf *c = self;
	struct nd_setup *s = ctx;

	if (strcmp(line->name, "pods") == 0)
		return read_pods(c, line, s);
	if (strcmp(line->name, "namespaces") == 0)
		return read_namespaces(c, line, s);
	if (strcmp(line->name, "labels") == 0)
		return read_selector(&c->labels, line, s);
	if (strcmp(line->name, "namespace_labels") == 0)
		return read_selector(&c->namespace_labels, line, s);
	if (strcmp(line->name, "fallthrough") == 0)
		return nd_setup_fallthrough(s, line, &c->fall);
	if (strcmp(line->name, "ignore") == 0)
		return read_ignore(c, line, s);
	if (strcmp(line->name, "multicluster") == 0)
		return read_multicluster(c, line, s);
	if (strcmp(line->name, "source") == 0)
		return read_source(c, line, s);
	if (strcmp(line->name, "startup_timeout") == 0)
		return read_timeout(c, line, s);
	return read_api(c, line, s);
}

/* The first zone that is not a reverse zone. CoreDNS does not count in-addr.arpa and ip6.arpa
 * themselves as reverse zones; here they are taken only if there is no other zone. */
static const struct nd_name *choose_primary(const struct nd_kconf *c)
{
	const struct nd_name *second = NULL;

	for (size_t i = 0; i < c->nzones; i++) {
		const struct nd_name *z = &c->zones[i];
		bool arpa = z->labels == 2 && memcmp(z->wire + z->len - 6, "\4arpa", 6) == 0;
		if (nd_kconf_is_reverse(*z))
			continue;
		if (!arpa)
			return z;
		if (!second)
			second = z;
	}
	return second;
}

static bool has_zone(const struct nd_kconf *c, struct nd_name zone)
{
	for (size_t i = 0; i < c->nzones; i++)
		if (nd_name_equal(c->zones[i], zone))
			return true;
	return false;
}

static int check_multi(const struct nd_kconf *c, struct nd_setup *s)
{
	char text[ND_NAME_TEXT_MAX];

	for (size_t i = 0; i < c->nmulti; i++) {
		if (has_zone(c, c->multi[i]))
			continue;
		nd_name_format(c->multi[i], text);
		return nd_setup_error(
			s, NULL,
			"is not authoritative for the multicluster zone %s (authoritative "
			"zones: %s)",
			text, nd_setup_zones_text(s, c->zones, c->nzones));
	}
	return 0;
}

static int check(const struct nd_kconf *c, struct nd_setup *s)
{
	if (!c->primary)
		return nd_setup_error(s, NULL, "non-reverse zone name must be used");
	if (c->nnamespaces && c->namespace_labels)
		return nd_setup_error(s, NULL,
				      "namespaces and namespace_labels cannot both be set");
	int err = check_multi(c, s);
	if (err)
		return err;
	if (c->zonal && c->noendpoints)
		return nd_setup_error(s, NULL,
				      "zonal requires the endpoint cache; remove noendpoints");
	if (c->cert && !c->endpoint)
		return nd_setup_error(
			s, NULL, "tls requires an endpoint; add \"endpoint URL\", or remove tls");
	if (!c->source)
		return 0;
	if (c->api_line)
		return nd_setup_error(s, c->api_line,
				      "%s cannot be used with source, which replaces the API "
				      "server; remove one of them",
				      c->api_line->name);
	if (c->timeout_line)
		return nd_setup_error(s, c->timeout_line,
				      "startup_timeout has no effect with source; remove it");
	return 0;
}

int nd_kconf_read(struct nd_kconf *c, struct nd_setup *s)
{
	c->timeout_ns = (int64_t)ND_S(5);
	int err = nd_setup_zones(s, s->directive->args, s->directive->nargs, &c->zones, &c->nzones);

	if (!err)
		err = nd_setup_settings(s, read_line, false);
	if (err)
		return err;
	c->primary = choose_primary(c);
	return check(c, s);
}
