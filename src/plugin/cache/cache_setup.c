/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of plugin cache, its shared tables and its metrics. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/budget.h"
#include "base/log.h"
#include "core/gen.h"
#include "io/clock.h"
#include "plugin/cache/cache.h"
#include "plugin/cache/cache_options.h"

static int own_setting(void *self, const struct nd_conf_line *l, void *ctx);

const struct nd_setting nd_cache_settings[] = {
	ND_SET_OWN_ROW("success", "CAPACITY [TTL] [MINTTL]: positive answers"),
	ND_SET_OWN_ROW("denial", "CAPACITY [TTL] [MINTTL]: NXDOMAIN and NODATA"),
	{ "servfail", ND_SET_DURATION, offsetof(struct nd_cache, servfail_ns), 0, ND_S(300),
	  ND_S(5), "how long failures are kept; 0: not stored" },
	ND_SET_OWN_ROW("disable", "success|denial [ZONES...]: not stored"),
	{ "keepttl", ND_SET_FLAG, offsetof(struct nd_cache, keepttl), 0, 0, 0,
	  "TTLs do not count down" },
	ND_SET_OWN_ROW("prefetch",
		       "AMOUNT [DURATION] [PERCENTAGE%]: new answers before the TTL ends"),
	ND_SET_OWN_ROW("serve_stale", "[DURATION] [immediate|verify ...]: answers after their TTL"),
	ND_SET_OWN_ROW("serve_stale_policy",
		       "prefer_positive: a good stale answer before a denial"),
	{ 0 },
};

static int read_number(struct nd_setup *s, const struct nd_conf_line *l, const char *text,
		       const char *what, uint64_t min, uint64_t max, uint32_t *out)
{
	uint64_t n;

	if (nd_settings_uint(text, max, &n) || n < min)
		return nd_setup_invalid(s, l, what, text, "%llu to %llu", (unsigned long long)min,
					(unsigned long long)max);
	*out = (uint32_t)n;
	return 0;
}

static int read_limits(struct nd_setup *s, const struct nd_conf_line *l, struct nd_cache_limits *to)
{
	if (l->nargs == 0)
		return nd_setup_error(s, l, "%s takes CAPACITY [TTL] [MINTTL]", l->name);
	/* "success capacity", "denial TTL", ... */
	char what[3][32];
	snprintf(what[0], sizeof what[0], "%s capacity", l->name);
	snprintf(what[1], sizeof what[1], "%s TTL", l->name);
	snprintf(what[2], sizeof what[2], "%s minimum TTL", l->name);
	int err = read_number(s, l, l->args[0], what[0], 0, ND_STORE_ENTRIES_MAX / 2,
			      &to->capacity);
	if (!err && l->nargs > 1)
		err = read_number(s, l, l->args[1], what[1], 1, INT32_MAX, &to->ttl_max_s);
	if (!err && l->nargs > 2)
		err = read_number(s, l, l->args[2], what[2], 0, INT32_MAX, &to->ttl_min_s);
	return err;
}

static int read_disable(struct nd_setup *s, struct nd_cache *c, const struct nd_conf_line *l)
{
	static struct nd_name root[1];
	struct nd_cache_limits *to;

	if (l->nargs == 0)
		return nd_setup_error(s, l, "disable takes success|denial [ZONES...]");
	if (strcmp(l->args[0], "success") == 0)
		to = &c->success;
	else if (strcmp(l->args[0], "denial") == 0)
		to = &c->denial;
	else
		return nd_setup_invalid(s, l, "disable", l->args[0], "success or denial");
	if (l->nargs == 1) {
		root[0] = nd_name_root;
		to->off = root;
		to->noff = 1;
		return 0;
	}
	return nd_setup_zones(s, l->args + 1, l->nargs - 1, &to->off, &to->noff);
}

static int own_setting(void *self, const struct nd_conf_line *l, void *ctx)
{
	struct nd_setup *s = ctx;
	struct nd_cache *c = self;

	if (strcmp(l->name, "success") == 0)
		return read_limits(s, l, &c->success);
	if (strcmp(l->name, "denial") == 0)
		return read_limits(s, l, &c->denial);
	if (strcmp(l->name, "disable") == 0)
		return read_disable(s, c, l);
	return nd_cache_options_read(s, c, l);
}

static void *make_table(void *ctx)
{
	struct nd_setup *s = ctx;
	const struct nd_cache *c = s->self;

	struct nd_persist_table *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->store = nd_store_new(c->success.capacity, c->denial.capacity);
	t->view = c->persist ? nd_persist_view(s) : 0;
	if (!t->store) {
		free(t);
		return NULL;
	}
	nd_persist_add(c->persist, t);
	return t;
}

static void *make_failures(void *ctx)
{
	(void)ctx;
	return nd_failures_new();
}

/* The store takes from the budget as it fills; without room it evicts instead. */
static void warn_of_budget(const struct nd_cache *c)
{
	uint64_t wanted = (uint64_t)(c->success.capacity + c->denial.capacity) * ND_STORE_ENTRY;
	uint64_t most = nd_budget_ceiling(ND_BUDGET_CACHE);

	if (wanted > most)
		nd_log_warning("cache",
			       "the capacities need %llu MiB, and the memory budget allows %llu MiB: "
			       "fewer answers are kept",
			       (unsigned long long)wanted >> 20, (unsigned long long)most >> 20);
}

static void unmake_table(void *object)
{
	struct nd_persist_table *t = object;

	nd_persist_remove(t);
	nd_store_free(t->store);
	free(t);
}

void nd_cache_serving(void *self)
{
	const struct nd_cache *c = self;

	nd_persist_serving(c->persist);
}

int nd_cache_setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct nd_cache *c = self;
	const char *const *args = d->args;
	size_t n = d->nargs;
	uint32_t ttl = 0;

	c->success = (struct nd_cache_limits){ .capacity = 9984,
					       .ttl_max_s = 3600,
					       .ttl_min_s = 5 };
	c->denial = (struct nd_cache_limits){ .capacity = 9984, .ttl_max_s = 1800, .ttl_min_s = 5 };
	if (s->gen->process->serve_stale)
		c->stale = (struct nd_cache_stale){ .verify = true,
						    .most_s = ND_CACHE_STALE_S,
						    .timeout_ns = ND_MS(
							    ND_CACHE_AGENT_TIMEOUT_MS) };
	if (n && strspn(args[0], "+-0123456789") == strlen(args[0])) {
		int err = read_number(s, d, args[0], "TTL", 1, INT32_MAX, &ttl);
		if (err)
			return err;
		c->success.ttl_max_s = c->denial.ttl_max_s = ttl;
		args++;
		n--;
	}
	int err = nd_setup_zones(s, args, n, &c->zones, &c->nzones);
	if (!err)
		err = nd_setup_settings(s, own_setting, false);
	if (!err && c->stale.prefer_positive && !c->stale.set)
		err = nd_setup_error(s, d, "serve_stale_policy requires serve_stale");
	if (err)
		return err;
	for (size_t i = 0; i < c->nzones; i++)
		c->everything |= nd_name_is_root(c->zones[i]);
	if (c->success.capacity < 1024) /* as in CoreDNS: four in each of its shards */
		c->success.capacity = 1024;
	if (c->denial.capacity < 1024)
		c->denial.capacity = 1024;
	c->zones_text = nd_setup_zones_text(s, c->zones, c->nzones);
	c->block = s->block;
	c->gen = s->gen;

	struct {
		uint64_t view, success, denial;
	} id = { nd_setup_fingerprint(s), c->success.capacity, c->denial.capacity };
	warn_of_budget(c);
	c->persist = nd_persist_get(s, &err);
	struct nd_persist_table *t = err ? NULL
					 : nd_setup_share(s, "cache", &id, sizeof id, make_table, s,
							  unmake_table);
	c->store = t ? t->store : NULL;
	c->failures = nd_setup_share(s, "cache failures", &id, sizeof id, make_failures, s, free);
	return c->store && c->failures
		       ? 0
		       : nd_setup_error(s, NULL,
					"out of memory: no room for %u answers; lower the capacities",
					c->success.capacity + c->denial.capacity);
}
