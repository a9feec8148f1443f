/* SPDX-License-Identifier: Apache-2.0 */
/* k8s_external - names for addresses of Services outside the cluster (CoreDNS's k8s_external). */
#include "plugin/k8s_external/k8s_external.h"

#include <string.h>
#include "plugin/k8s_external/extanswer.h"
#include "plugin/k8s_external/extapex.h"
#include "plugin/k8s_external/extxfr.h"

static enum nd_verdict query(const void *self, struct nd_query *q)
{
	const struct nd_external *e = self;
	const struct nd_name *zone = nd_external_zone(e, q->msg.qname);
	enum nd_verdict verdict;

	if (!zone)
		return ND_NEXT;
	if (nd_extapex_answer(e, q, *zone, &verdict))
		return verdict;
	return nd_extanswer_names(e, q, *zone);
}

static const struct nd_setting settings[] = {
	ND_SET_OWN_ROW("apex", "NAME: the label below each zone that the server names are under"),
	{ .name = "ttl",
	  .kind = ND_SET_COUNT,
	  .where = offsetof(struct nd_external, ttl),
	  .max = 3600,
	  .def = 5,
	  .help = "seconds" },
	{ .name = "headless",
	  .kind = ND_SET_FLAG,
	  .where = offsetof(struct nd_external, headless),
	  .help = "answer headless Services with their endpoints" },
	ND_SET_OWN_ROW("fallthrough", "[ZONES...]: names that do not exist go to the next plugin"),
	{ 0 }
};

static int own(void *self, const struct nd_conf_line *line, void *ctx)
{
	struct nd_external *e = self;
	struct nd_setup *s = ctx;

	if (strcmp(line->name, "fallthrough") == 0)
		return nd_setup_fallthrough(s, line, &e->fall);
	if (line->nargs == 0)
		return nd_setup_error(s, line, "apex requires a NAME");
	if (nd_name_parse(line->args[0], true, &e->apex_buf, &e->apex) || nd_name_is_root(e->apex))
		return nd_setup_invalid(s, line, "apex", line->args[0], "a name, like \"dns\"");
	return 0;
}

static int setup(void *self, const struct nd_conf_line *directive, struct nd_setup *s)
{
	struct nd_external *e = self;
	int err = nd_setup_zones(s, directive->args, directive->nargs, &e->zones, &e->nzones);

	if (!err && !e->apex.len)
		err = nd_name_parse("dns", true, &e->apex_buf, &e->apex);
	if (!err)
		err = nd_setup_settings(s, own, false);
	nd_offer_want_external(s);
	return err;
}

static int start(void *self, struct nd_setup *s)
{
	struct nd_external *e = self;
	const struct nd_plugin *p = nd_offer_find(s, "kubernetes", &e->from_self);

	if (!p || !p->offer || !p->offer->external)
		return nd_setup_error(
			s, NULL, "kubernetes plugin not loaded; add it to the same server block");
	e->from = p->offer->external;
	return 0;
}

static const struct nd_offer offer = { .zone = &nd_extxfr };

const struct nd_plugin nd_plugin_k8s_external = {
	.name = "k8s_external",
	.repeat = ND_REPEAT_MERGE, /* as in CoreDNS, options add up and the last zones win */
	.self_size = sizeof(struct nd_external),
	.query_size = sizeof(struct nd_extanswer),
	.settings = settings,
	.offer = &offer,
	.setup = setup,
	.start = start,
	.query = query,
};
