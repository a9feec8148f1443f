/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cache/cache_options.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int read_prefetch(struct nd_setup *s, struct nd_cache *c, const struct nd_conf_line *l)
{
	struct nd_cache_prefetch p = { .set = true, .gap_ns = ND_S(60), .percent = 10 };
	uint64_t n;
	int64_t ns;

	if (l->nargs == 0 || l->nargs > 3)
		return nd_setup_error(s, l, "prefetch takes AMOUNT [DURATION] [PERCENTAGE%%]");
	if (nd_settings_uint(l->args[0], INT32_MAX, &n))
		return nd_setup_invalid(s, l, "prefetch amount", l->args[0], "0 to %d", INT32_MAX);
	p.amount = (uint32_t)n;
	if (l->nargs > 1) {
		if (nd_settings_duration(l->args[1], &ns))
			return nd_setup_invalid(s, l, "prefetch duration", l->args[1],
						"like \"1m\"");
		p.gap_ns = ns > 0 ? (uint64_t)ns : 0;
	}
	if (l->nargs > 2) {
		char *end;
		unsigned long percent = strtoul(l->args[2], &end, 10);
		if (strcmp(end, "%") != 0 || percent < 10 || percent > 90)
			return nd_setup_invalid(s, l, "prefetch percentage", l->args[2],
						"10%% to 90%%");
		p.percent = (uint32_t)percent;
	}
	c->prefetch = p;
	return 0;
}

static int read_time(struct nd_setup *s, const struct nd_conf_line *l, const char *what,
		     const char *text, uint64_t *ns)
{
	int64_t v;

	if (nd_settings_duration(text, &v) || v < 0)
		return nd_setup_invalid(s, l, what, text, "0 or a duration like \"30s\"");
	*ns = (uint64_t)v;
	return 0;
}

/* [RESPONSE_TTL [FAILURE_RECHECK]] */
static int read_stale_rest(struct nd_setup *s, const struct nd_conf_line *l, size_t i,
			   struct nd_cache_stale *to)
{
	uint64_t ns = 0;
	int err;

	if (l->nargs > i + 2)
		return nd_setup_error(s, l,
				      "too many words: serve_stale [DURATION] "
				      "[immediate|verify [TIMEOUT]] [TTL] [RECHECK]");
	if (l->nargs > i) {
		if ((err = read_time(s, l, "serve_stale TTL", l->args[i], &ns)))
			return err;
		if (ns % ND_NS_PER_S || ns / ND_NS_PER_S > UINT32_MAX)
			return nd_setup_invalid(s, l, "serve_stale TTL", l->args[i],
						"a whole number of seconds, at most %us",
						UINT32_MAX);
		to->ttl_s = (uint32_t)(ns / ND_NS_PER_S);
	}
	if (l->nargs > i + 1) {
		if ((err = read_time(s, l, "serve_stale recheck", l->args[i + 1], &ns)))
			return err;
		if (ns > ND_S(ND_CACHE_RECHECK_S))
			return nd_setup_invalid(s, l, "serve_stale recheck", l->args[i + 1],
						"at most 5m");
		to->recheck_ns = ns;
	}
	return 0;
}

static int read_stale(struct nd_setup *s, struct nd_cache *c, const struct nd_conf_line *l)
{
	struct nd_cache_stale to = { .set = true,
				     .most_s = ND_CACHE_STALE_S,
				     .prefer_positive = c->stale.prefer_positive };
	uint64_t ns = 0;
	size_t i = 2;
	int err = 0;

	if (l->nargs > 0) {
		if ((err = read_time(s, l, "serve_stale duration", l->args[0], &ns)))
			return err;
		ns /= ND_NS_PER_S;
		to.most_s = ns < INT32_MAX ? (uint32_t)ns : INT32_MAX;
	}
	if (l->nargs > 1) {
		to.verify = strcasecmp(l->args[1], "verify") == 0;
		if (!to.verify && strcasecmp(l->args[1], "immediate") != 0)
			return nd_setup_invalid(s, l, "serve_stale mode", l->args[1],
						"immediate or verify");
	}
	if (to.verify && l->nargs > i)
		err = read_time(s, l, "serve_stale timeout", l->args[i++], &to.timeout_ns);
	if (!err)
		err = read_stale_rest(s, l, i, &to);
	if (!err)
		c->stale = to;
	return err;
}

static int read_policy(struct nd_setup *s, struct nd_cache *c, const struct nd_conf_line *l)
{
	if (c->stale.prefer_positive)
		return nd_setup_error(s, l, "serve_stale_policy is given twice");
	if (l->nargs != 1)
		return nd_setup_error(s, l, "serve_stale_policy takes prefer_positive");
	if (strcasecmp(l->args[0], "prefer_positive") != 0)
		return nd_setup_invalid(s, l, "serve_stale_policy", l->args[0], "prefer_positive");
	c->stale.prefer_positive = true;
	return 0;
}

int nd_cache_options_read(struct nd_setup *s, struct nd_cache *c, const struct nd_conf_line *l)
{
	if (strcmp(l->name, "prefetch") == 0)
		return read_prefetch(s, c, l);
	if (strcmp(l->name, "serve_stale") == 0)
		return read_stale(s, c, l);
	return read_policy(s, c, l);
}
