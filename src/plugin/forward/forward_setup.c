/* SPDX-License-Identifier: Apache-2.0 */
/* The directive and its block. Accepts and refuses what CoreDNS does. */
#include <string.h>
#include <strings.h>
#include "core/gen.h"
#include "io/file.h"
#include "io/tls.h"
#include "base/log.h"
#include "base/time.h"
#include "plugin/forward/forward.h"

typedef int reader(struct nd_forward *f, const struct nd_conf_line *l, struct nd_setup *s);

static int check_args(const struct nd_conf_line *l, size_t min, size_t max, struct nd_setup *s)
{
	return nd_settings_args(l, s->plugin->name, min, max, s->diag);
}

static int read_number(const struct nd_conf_line *l, uint64_t max, uint64_t *out,
		       struct nd_setup *s)
{
	int err = check_args(l, 1, 1, s);

	if (err)
		return err;
	if (nd_settings_uint(l->args[0], max, out))
		return nd_setup_invalid(s, l, l->name, l->args[0], "0 to %llu",
					(unsigned long long)max);
	return 0;
}

static int read_time(const struct nd_conf_line *l, bool positive, uint64_t *out, struct nd_setup *s)
{
	int64_t ns;

	if (nd_settings_duration(l->args[0], &ns))
		return nd_setup_invalid(s, l, l->name, l->args[0],
					"a duration like \"500ms\" or \"10s\"");
	if (ns < 0 || (positive && ns == 0))
		return nd_setup_invalid(s, l, l->name, l->args[0],
					positive ? "positive" : "0 or positive");
	*out = (uint64_t)ns;
	return 0;
}

static int read_one_time(const struct nd_conf_line *l, bool positive, uint64_t *out,
			 struct nd_setup *s)
{
	int err = check_args(l, 1, 1, s);

	return err ? err : read_time(l, positive, out, s);
}

static int read_except(struct nd_forward *f, const struct nd_conf_line *l, struct nd_setup *s)
{
	struct nd_name *more, *all;
	size_t n;
	int err = check_args(l, 1, SIZE_MAX, s);

	if (!err)
		err = nd_setup_zones(s, l->args, l->nargs, &more, &n);
	if (err)
		return err;
	all = nd_arena_array(s->arena, f->nexcept + n, sizeof *all);
	if (!all)
		return ND_ELIMIT;
	if (f->nexcept)
		memcpy(all, f->except, f->nexcept * sizeof *all);
	memcpy(all + f->nexcept, more, n * sizeof *all);
	f->except = all;
	f->nexcept += n;
	return 0;
}

static int read_force_tcp(struct nd_forward *f, const struct nd_conf_line *l, struct nd_setup *s)
{
	f->group.force_tcp = true;
	return check_args(l, 0, 0, s);
}

static int read_prefer_udp(struct nd_forward *f, const struct nd_conf_line *l, struct nd_setup *s)
{
	f->group.prefer_udp = true;
	return check_args(l, 0, 0, s);
}

static int read_next_on_nodata(struct nd_forward *f, const struct nd_conf_line *l,
			       struct nd_setup *s)
{
	f->next_on_nodata = true;
	return check_args(l, 0, 0, s);
}

static int read_failfast(struct nd_forward *f, const struct nd_conf_line *l, struct nd_setup *s)
{
	f->group.failfast = true;
	return check_args(l, 0, 0, s);
}

static int read_expire(struct nd_forward *f, const struct nd_conf_line *l, struct nd_setup *s)
{
	return read_one_time(l, false, &f->host.expire_ns, s);
}

static int read_max_age(struct nd_forward *f, const struct nd_conf_line *l, struct nd_setup *s)
{
	f->max_age_set = true;
	return read_one_time(l, false, &f->host.max_age_ns, s);
}

static int read_read_timeout(struct nd_forward *f, const struct nd_conf_line *l, struct nd_setup *s)
{
	return read_one_time(l, true, &f->group.read_timeout_ns, s);
}

static int read_u32(const struct nd_conf_line *l, uint32_t *out, struct nd_setup *s)
{
	uint64_t v;
	int err = read_number(l, UINT32_MAX, &v, s);

	if (!err)
		*out = (uint32_t)v;
	return err;
}

static int read_max_idle(struct nd_forward *f, const struct nd_conf_line *l, struct nd_setup *s)
{
	return read_u32(l, &f->host.max_idle, s);
}

static int read_max_fails(struct nd_forward *f, const struct nd_conf_line *l, struct nd_setup *s)
{
	return read_u32(l, &f->group.max_fails, s);
}

static int read_max_attempts(struct nd_forward *f, const struct nd_conf_line *l, struct nd_setup *s)
{
	f->max_attempts_set = true;
	return read_u32(l, &f->group.max_attempts, s);
}

static int read_max_concurrent(struct nd_forward *f, const struct nd_conf_line *l,
			       struct nd_setup *s)
{
	int err = read_number(l, INT64_MAX, &f->max_concurrent, s);

	if (err)
		return err;
	f->too_many = nd_arena_printf(s->arena, "concurrent queries exceeded maximum %s",
				      l->args[0]);
	return f->too_many ? 0 : ND_ELIMIT;
}

static int read_health_check(struct nd_forward *f, const struct nd_conf_line *l, struct nd_setup *s)
{
	struct nd_name name;
	int err = check_args(l, 1, SIZE_MAX, s);

	if (!err)
		err = read_time(l, false, &f->host.probe_interval_ns, s);
	if (err)
		return err;
	f->host.probe_name.bytes[0] = 0;
	f->host.probe_name_len = 1;
	for (size_t i = 1; i < l->nargs; i++) {
		if (strcmp(l->args[i], "no_rec") == 0) {
			f->host.probe_no_rec = true;
			continue;
		}
		if (strcmp(l->args[i], "domain") != 0)
			return nd_setup_invalid(s, l, "health_check option", l->args[i],
						"no_rec or domain NAME");
		if (++i == l->nargs)
			return nd_setup_error(s, l, "health_check: domain takes a name");
		if (nd_name_parse(l->args[i], true, &f->host.probe_name, &name))
			return nd_setup_invalid(s, l, "domain name", l->args[i], NULL);
		f->host.probe_name_len = name.len;
	}
	return 0;
}

static int read_policy(struct nd_forward *f, const struct nd_conf_line *l, struct nd_setup *s)
{
	static const char *const names[] = { "random", "round_robin", "sequential" };
	int err = check_args(l, 1, 1, s);

	if (err)
		return err;
	for (size_t i = 0; i < ND_COUNT(names); i++) {
		if (strcmp(l->args[0], names[i]) == 0) {
			f->group.policy = (enum nd_policy)i;
			return 0;
		}
	}
	return nd_setup_invalid(s, l, "policy", l->args[0], "random, round_robin or sequential");
}

static int read_rcodes(const struct nd_conf_line *l, bool noerror, uint32_t *bits,
		       struct nd_setup *s)
{
	int err = check_args(l, 1, SIZE_MAX, s);

	for (size_t i = 0; !err && i < l->nargs; i++) {
		int code = nd_type_rcode_parse(l->args[i], strlen(l->args[i]));
		if (code < 0 || code >= 32)
			return nd_setup_invalid(s, l, "response code", l->args[i],
						"like NXDOMAIN or SERVFAIL");
		if (code == ND_RCODE_NOERROR && !noerror)
			return nd_setup_error(s, l, "NoError cannot be used in %s", l->name);
		*bits |= (uint32_t)1 << code;
	}
	return err;
}

static int read_next(struct nd_forward *f, const struct nd_conf_line *l, struct nd_setup *s)
{
	return read_rcodes(l, true, &f->next, s);
}

static int read_failover(struct nd_forward *f, const struct nd_conf_line *l, struct nd_setup *s)
{
	return read_rcodes(l, false, &f->group.failover, s);
}

static int read_source(struct nd_forward *f, const struct nd_conf_line *l, struct nd_setup *s)
{
	int err = check_args(l, 1, 1, s);

	if (!err && nd_addr_parse_ip(l->args[0], 0, &f->host.source))
		return nd_setup_invalid(s, l, "IP address", l->args[0], NULL);
	return err;
}

/* The file as it is now: after a rotation, a reload makes new connections with the new one. */
static const char *stamp_text(const char *file, struct nd_setup *s)
{
	struct nd_file_stamp t = nd_file_stamp(file);
	const char *text = nd_arena_printf(s->arena, "%s:%lld:%llu:%llu", file,
					   (long long)t.mtime_ns, (unsigned long long)t.size,
					   (unsigned long long)t.inode);
	return text ? text : "";
}

/* CA, CERT KEY or CERT KEY CA; without arguments the system's CAs. As in CoreDNS, the files must be
 * valid, and plain upstreams do not use them. */
static int read_tls(struct nd_forward *f, const struct nd_conf_line *l, struct nd_setup *s)
{
	struct nd_tls_options o = { 0 };
	char why[ND_TLS_TEXT_MAX];
	const char *key = "";
	int err = check_args(l, 0, 3, s);

	if (err || l->nargs == 0)
		return err;
	if (l->nargs >= 2) {
		o.cert.file = nd_setup_path(s, l->args[0]);
		o.key.file = nd_setup_path(s, l->args[1]);
	}
	if (l->nargs != 2)
		o.ca.file = nd_setup_path(s, l->args[l->nargs - 1]);
	for (size_t i = 0; i < l->nargs; i++)
		key = nd_arena_printf(s->arena, "%s %s", key ? key : "",
				      stamp_text(nd_setup_path(s, l->args[i]), s));
	nd_tls_unref(f->tls);
	f->tls = NULL;
	f->tls_key = key;
	if (!key || nd_tls_new(&o, &f->tls))
		return ND_ELIMIT;
	return nd_tls_prepare(f->tls, why) ? nd_setup_error(s, l, "tls: %s", why) : 0;
}

static int read_tls_servername(struct nd_forward *f, const struct nd_conf_line *l,
			       struct nd_setup *s)
{
	int err = check_args(l, 1, 1, s);

	if (!err)
		f->tls_name = l->args[0];
	return err;
}

static int read_doh_method(struct nd_forward *f, const struct nd_conf_line *l, struct nd_setup *s)
{
	int err = check_args(l, 1, 1, s);

	if (err)
		return err;
	if (strcmp(l->args[0], "GET") != 0 && strcmp(l->args[0], "POST") != 0)
		return nd_setup_invalid(s, l, "doh_method", l->args[0], "POST or GET");
	f->doh_get = *l->args[0] == 'G';
	return 0;
}

static int read_resolver(struct nd_forward *f, const struct nd_conf_line *l, struct nd_setup *s)
{
	int err = check_args(l, 1, SIZE_MAX, s);

	if (err)
		return err;
	f->nresolvers = 0;
	f->resolver = nd_arena_alloc(s->arena, l->nargs * sizeof *f->resolver);
	if (!f->resolver)
		return ND_ELIMIT;
	for (size_t i = 0; i < l->nargs; i++)
		if (nd_addr_parse(l->args[i], 53, &f->resolver[f->nresolvers++]))
			return nd_setup_invalid(s, l, "resolver", l->args[i],
						"an IP address or IP:port");
	return 0;
}

static int read_option(void *self, const struct nd_conf_line *l, void *ctx)
{
	static const struct {
		const char *name;
		reader *read;
	} rows[] = {
		{ "except", read_except },
		{ "force_tcp", read_force_tcp },
		{ "prefer_udp", read_prefer_udp },
		{ "expire", read_expire },
		{ "max_age", read_max_age },
		{ "max_idle_conns", read_max_idle },
		{ "read_timeout", read_read_timeout },
		{ "max_fails", read_max_fails },
		{ "max_connect_attempts", read_max_attempts },
		{ "health_check", read_health_check },
		{ "policy", read_policy },
		{ "max_concurrent", read_max_concurrent },
		{ "next", read_next },
		{ "next_on_nodata", read_next_on_nodata },
		{ "failover", read_failover },
		{ "failfast_all_unhealthy_upstreams", read_failfast },
		{ "source_address", read_source },
		{ "tls", read_tls },
		{ "tls_servername", read_tls_servername },
		{ "doh_method", read_doh_method },
		{ "resolver", read_resolver },
	};
	struct nd_setup *s = ctx;

	for (size_t i = 0; i < ND_COUNT(rows); i++)
		if (strcmp(l->name, rows[i].name) == 0)
			return rows[i].read(self, l, s);
	return nd_setup_error(s, l, "unknown property \"%s\"", l->name);
}

/* --- the directive --- */

static void set_defaults(struct nd_forward *f)
{
	f->host.expire_ns = ND_S(10);
	f->host.probe_interval_ns = ND_MS(500);
	f->host.probe_name_len = 1; /* the root */
	f->group.read_timeout_ns = ND_S(2);
	f->group.max_fails = 2;
	f->tls_name = f->tls_key = "";
}

static int read_from(struct nd_forward *f, const char *text, struct nd_setup *s)
{
	struct nd_name *zones;
	char name[ND_NAME_TEXT_MAX];
	size_t n;

	if (nd_site_parse_zone(text, s->arena, &zones, &n) || n == 0)
		return nd_setup_invalid(s, NULL, "FROM", text, "a domain name or a network");
	f->from = zones[0];
	if (n > 1) { /* a limit of CoreDNS, with its warning */
		nd_name_format(zones[0], name);
		nd_log_warning("forward",
			       "Unsupported CIDR notation: '%s' expands to multiple zones. "
			       "Using only '%s'.",
			       text, name);
	}
	return 0;
}

static int check_whole(struct nd_forward *f, struct nd_setup *s)
{
	if (!f->max_age_set)
		f->host.max_age_ns = f->host.expire_ns > ND_S(ND_FORWARD_MAX_AGE_S)
					     ? f->host.expire_ns
					     : ND_S(ND_FORWARD_MAX_AGE_S);
	if (f->host.max_age_ns && f->host.max_age_ns < f->host.expire_ns)
		return nd_setup_error(s, NULL,
				      "max_age (%llums) must not be less than expire (%llums)",
				      (unsigned long long)(f->host.max_age_ns / ND_NS_PER_MS),
				      (unsigned long long)(f->host.expire_ns / ND_NS_PER_MS));
	return 0;
}

static int read_all(struct nd_forward *f, const struct nd_conf_line *directive, struct nd_setup *s)
{
	const struct nd_tls_options of_system = { 0 };
	int err = read_from(f, directive->args[0], s);

	if (!err)
		err = nd_setup_settings(s, read_option, false);
	if (!err)
		err = check_whole(f, s);
	if (!err && !f->tls && nd_tls_new(&of_system, &f->tls))
		err = ND_ELIMIT;
	if (err)
		return err;
	f->host.probe_tcp = f->group.force_tcp;
	return nd_forward_to_read(f, directive->args + 1, directive->nargs - 1, s);
}

int nd_forward_setup(void *self, const struct nd_conf_line *directive, struct nd_setup *s)
{
	struct nd_forward *f = self;
	int err;

	f->gen = s->gen;
	set_defaults(f);
	if (directive->nargs < 2)
		return nd_setup_error(s, NULL, "forward takes FROM TO...");
	err = read_all(f, directive, s);
	nd_tls_unref(f->tls); /* its hosts hold it */
	f->tls = NULL;
	if (err)
		return err;
	if (!f->max_attempts_set)
		f->group.max_attempts = (uint32_t)(2 * f->group.nhosts);
	f->running = nd_arena_alloc(s->arena, sizeof *f->running);
	f->group.turn = nd_arena_alloc(s->arena, sizeof *f->group.turn);
	if (!f->running || !f->group.turn)
		return ND_ELIMIT;
	nd_setup_other_classes(s);
	err = nd_forward_share_tables(f, s);
	return err ? err : nd_forward_metrics_register(f, s);
}
