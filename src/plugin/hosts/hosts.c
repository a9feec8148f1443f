/* SPDX-License-Identifier: Apache-2.0 */
/* hosts - answers from a hosts file and from lines in the Corefile (CoreDNS's hosts). */
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/rcu.h"
#include "core/gen.h"
#include "core/query.h"
#include "io/clock.h"
#include "io/file.h"
#include "io/loop.h"
#include "plugin/hosts/hostsfile.h"

struct hosts {
	const char *path;
	struct nd_name *zones;
	size_t nzones;
	struct nd_fallthrough fall;
	bool fall_unsupported, no_reverse;
	uint32_t ttl_s;
	int64_t reload_ns;
	struct nd_hostsfile *inline_table;       /* from the Corefile; constant */
	struct nd_hostsfile *_Atomic file_table; /* published by RCU; NULL: no file */
	struct nd_buf inline_text;
	struct nd_file_stamp stamp;
	struct nd_loop *loop;
	struct nd_timer timer;
};

/* --- answering --- */

static size_t add_addresses(const struct hosts *h, const struct nd_hostsfile *t, struct nd_query *q,
			    int family)
{
	size_t n = 0, len = family == 4 ? 4 : 16;
	const uint8_t *a = t ? nd_hostsfile_addresses(t, q->msg.qname, family, &n) : NULL;
	struct nd_name owner = q->msg.qname; /* lower case, as in CoreDNS */

	for (size_t i = 0; i < n; i++)
		(void)nd_answer_rr(q, ND_SECTION_ANSWER, owner, q->msg.qtype, ND_CLASS_IN, h->ttl_s,
				   a + i * len, len);
	return n;
}

static size_t add_names(const struct hosts *h, const struct nd_hostsfile *t, struct nd_query *q,
			const uint8_t *address, size_t len)
{
	size_t n = 0;
	const struct nd_name *names = t ? nd_hostsfile_names(t, address, len, &n) : NULL;

	for (size_t i = 0; i < n; i++)
		(void)nd_answer_rr(q, ND_SECTION_ANSWER, q->msg.qname, ND_TYPE_PTR, ND_CLASS_IN,
				   h->ttl_s, names[i].wire, names[i].len);
	return n;
}

static bool known(const struct nd_hostsfile *t, struct nd_name name)
{
	size_t n;

	return t &&
	       (nd_hostsfile_addresses(t, name, 4, &n) || nd_hostsfile_addresses(t, name, 6, &n));
}

static enum nd_verdict answer(const void *self, struct nd_query *q)
{
	const struct hosts *h = self;
	const struct nd_hostsfile *file = nd_rcu_get(h->file_table), *lines = h->inline_table;
	struct nd_name name = q->msg.qname;
	uint8_t address[16];
	size_t n = 0, len;

	/* PTR queries are answered for all zones. */
	if (q->msg.qtype != ND_TYPE_PTR && !nd_setup_zone_match(h->zones, h->nzones, name))
		return ND_NEXT;
	switch (q->msg.qtype) {
	case ND_TYPE_PTR:
		if (nd_name_reverse_address(name, address, &len)) {
			n = add_names(h, file, q, address, len);
			n += add_names(h, lines, q, address, len);
		}
		if (n == 0)
			return ND_NEXT;
		break;
	case ND_TYPE_A:
	case ND_TYPE_AAAA:
		n = add_addresses(h, file, q, q->msg.qtype == ND_TYPE_A ? 4 : 6);
		n += add_addresses(h, lines, q, q->msg.qtype == ND_TYPE_A ? 4 : 6);
		break;
	default:
		if (h->fall_unsupported && nd_setup_falls_through(&h->fall, name))
			return ND_NEXT;
		break;
	}
	if (n == 0 && !known(file, name) && !known(lines, name)) {
		if (nd_setup_falls_through(&h->fall, name))
			return ND_NEXT;
		/* NXDOMAIN would need a SOA. */
		return nd_query_fail(q, ND_RCODE_SERVFAIL, NULL);
	}
	q->ans.flags |= ND_FLAG_AA;
	return ND_DONE;
}

/* --- reading --- */

static void free_table(void *table)
{
	nd_hostsfile_free(table);
}

/* Reads the file if it changed. A file that is missing or unreadable keeps the last contents. */
static void load(struct hosts *h)
{
	struct nd_file_stamp now = nd_file_stamp(h->path);
	struct nd_buf b;

	if (!now.exists || nd_file_stamp_equal(now, h->stamp))
		return;
	nd_buf_init(&b, ND_HOSTSFILE_BYTES_MAX);
	int err = nd_file_read(h->path, &b);
	struct nd_hostsfile *t = err ? NULL
				     : nd_hostsfile_parse(nd_buf_string(&b), b.len, h->zones,
							  h->nzones, !h->no_reverse);
	nd_buf_clear(&b);
	h->stamp = now;
	if (!t) {
		nd_log_error("hosts", "cannot read %s, keeping its last contents: %s", h->path,
			     nd_err_text(err ? err : ND_ELIMIT));
		return;
	}
	struct nd_hostsfile *old = h->file_table;
	nd_rcu_publish(h->file_table, t);
	if (old)
		nd_rcu_defer(free_table, old);
}

static void on_time(struct nd_timer *t)
{
	struct hosts *h = ND_CONTAINER(t, struct hosts, timer);

	load(h);
	nd_timer_start(h->loop, &h->timer, (uint64_t)h->reload_ns, on_time);
}

/* --- setting up --- */

static int add_inline(struct nd_setup *s, struct hosts *h, const struct nd_conf_line *l)
{
	/* As in CoreDNS, lines of addresses must come before `fallthrough`. */
	if (h->fall.on)
		return nd_setup_error(
			s, l,
			"unknown property \"%s\": must be one of fallthrough, "
			"fallthrough_unsupported, no_reverse, reload, ttl; lines of addresses must "
			"come before fallthrough",
			l->name);
	nd_buf_text(&h->inline_text, l->name);
	for (size_t i = 0; i < l->nargs; i++) {
		nd_buf_text(&h->inline_text, " ");
		nd_buf_text(&h->inline_text, l->args[i]);
	}
	nd_buf_text(&h->inline_text, "\n");
	return h->inline_text.err;
}

static int own(void *self, const struct nd_conf_line *l, void *ctx)
{
	struct nd_setup *s = ctx;
	struct hosts *h = self;

	if (strcmp(l->name, "fallthrough") == 0)
		return nd_setup_fallthrough(s, l, &h->fall);
	if (strcmp(l->name, "ttl") == 0) {
		uint64_t n;
		if (l->nargs < 1 || nd_settings_uint(l->args[0], 65535, &n) || n == 0)
			return nd_setup_invalid(s, l, "ttl", l->nargs ? l->args[0] : "",
						"1 to 65535 seconds");
		h->ttl_s = (uint32_t)n;
		return 0;
	}
	if (strcmp(l->name, "no_reverse") == 0) {
		h->no_reverse = true;
		return 0;
	}
	if (strcmp(l->name, "reload") == 0) {
		if (l->nargs != 1 || nd_settings_duration(l->args[0], &h->reload_ns) ||
		    h->reload_ns < 0)
			return nd_setup_invalid(s, l, "reload", l->nargs ? l->args[0] : "",
						"a duration like \"5s\", or 0");
		return 0;
	}
	return add_inline(s, h, l);
}

static const struct nd_setting settings[] = {
	ND_SET_OWN_ROW("fallthrough", "[ZONES...]"),
	{ "fallthrough_unsupported", ND_SET_FLAG, offsetof(struct hosts, fall_unsupported), 0, 0, 0,
	  "types other than A, AAAA and PTR fall through too" },
	ND_SET_OWN_ROW("no_reverse", "no PTR records"),
	ND_SET_OWN_ROW("reload", "DURATION between checks of the file"),
	ND_SET_OWN_ROW("ttl", "SECONDS"),
	{ 0 },
};

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct hosts *h = self;

	h->ttl_s = 3600;
	h->reload_ns = ND_S(5);
	h->path = nd_setup_path(s, d->nargs ? d->args[0] : "/etc/hosts");
	nd_buf_init(&h->inline_text, 16 << 20);
	int err = nd_setup_zones(s, d->args + (d->nargs ? 1 : 0), d->nargs ? d->nargs - 1 : 0,
				 &h->zones, &h->nzones);
	if (!err)
		err = nd_setup_settings(s, own, true);
	if (err)
		return err;
	if (h->fall_unsupported && !h->fall.on)
		return nd_setup_error(s, NULL, "fallthrough_unsupported requires fallthrough");
	if (!nd_file_stamp(h->path).exists)
		nd_log_warning("hosts", "File does not exist: %s", h->path);
	h->inline_table = nd_hostsfile_parse(nd_buf_string(&h->inline_text), h->inline_text.len,
					     h->zones, h->nzones, !h->no_reverse);
	if (!h->inline_table)
		return ND_ELIMIT;
	load(h);
	return 0;
}

static void collect(void *ctx, struct nd_metric_out *out)
{
	static const char *const labels[] = { "hostsfile", NULL };
	static const struct nd_metric_family
		entries = ND_GAUGE("coredns_hosts_entries",
				   "The combined number of entries in hosts and Corefile.", labels),
		reloaded = ND_GAUGE("coredns_hosts_reload_timestamp_seconds",
				    "The timestamp of the last reload of hosts file.", NULL);
	const struct hosts *h = ctx;
	size_t n = nd_hostsfile_entries(h->inline_table);

	if (h->file_table)
		n += nd_hostsfile_entries(h->file_table);
	nd_metric_emit(out, &entries, (const char *const[]){ h->path }, (double)n);
	nd_metric_emit(out, &reloaded, NULL, (double)h->stamp.mtime_ns / 1e9);
}

static int start(void *self, struct nd_setup *s)
{
	struct hosts *h = self;

	h->loop = s->loop;
	nd_setup_collect(s, collect, h);
	if (h->reload_ns)
		nd_timer_start(h->loop, &h->timer, (uint64_t)h->reload_ns, on_time);
	return 0;
}

static void stop(void *self)
{
	struct hosts *h = self;

	nd_timer_stop(&h->timer);
}

static void clear(void *self)
{
	struct hosts *h = self;

	nd_timer_stop(&h->timer);
	nd_buf_clear(&h->inline_text);
	nd_hostsfile_free(h->inline_table);
	nd_hostsfile_free(h->file_table);
	h->inline_table = NULL;
	h->file_table = NULL;
}

const struct nd_plugin nd_plugin_hosts = {
	.name = "hosts",
	.repeat = ND_REPEAT_REFUSE,
	.self_size = sizeof(struct hosts),
	.settings = settings,
	.setup = setup,
	.start = start,
	.stop = stop,
	.clear = clear,
	.query = answer,
};
