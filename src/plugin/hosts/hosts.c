/* SPDX-License-Identifier: Apache-2.0 */
/* hosts - answers from a hosts file and from lines in the Corefile (CoreDNS's hosts). */
#include <string.h>
#include "base/log.h"
#include "base/time.h"
#include "core/gen.h"
#include "core/query.h"
#include "io/file.h"
#include "plugin/hosts/hostsfile.h"
#include "plugin/hosts/hostswatch.h"

struct hosts {
	const char *path;
	struct nd_name *zones;
	size_t nzones;
	struct nd_fallthrough fall;
	bool fall_unsupported, no_reverse;
	uint32_t ttl_s;
	int64_t reload_ns;
	struct nd_hostswatch *watch;       /* of the file; shared by generations */
	struct nd_hostsfile *inline_table; /* from the Corefile; constant */
	struct nd_buf inline_text;
};

/* An answer to PTR that is longer than this ends where the client's limit is: 0.0.0.0 may have a
 * million names. CoreDNS makes all records, then cuts the message to the client's limit and sets
 * TC. */
enum { PTR_BYTES_MAX = 4096 };

/* --- answering --- */

static size_t add_addresses(const struct hosts *h, const struct nd_hostsfile *t, struct nd_query *q,
			    int family)
{
	if (!t)
		return 0;
	struct nd_name owner = q->msg.qname; /* lower case, as in CoreDNS */
	struct nd_hostsfile_list l = nd_hostsfile_addresses(t, owner, family);
	const uint8_t *a;
	size_t n = 0;

	for (; (a = nd_hostsfile_next(&l)) != NULL; n++)
		if (nd_answer_rr(q, ND_SECTION_ANSWER, owner, q->msg.qtype, ND_CLASS_IN, h->ttl_s,
				 a, family == 4 ? 4 : 16)) {
			q->ans.flags |= ND_FLAG_TC;
			break;
		}
	return n;
}

static bool is_full(const struct nd_query *q)
{
	size_t limit = nd_query_limit(q);

	return q->ans.w.pos > (limit > PTR_BYTES_MAX ? limit : PTR_BYTES_MAX);
}

static size_t add_names(const struct hosts *h, const struct nd_hostsfile *t, struct nd_query *q,
			const uint8_t *address, size_t len)
{
	if (!t)
		return 0;
	struct nd_hostsfile_list l = nd_hostsfile_names(t, address, len);
	const uint8_t *wire;
	size_t n = 0;

	for (; (wire = nd_hostsfile_next(&l)) != NULL; n++)
		if (is_full(q) ||
		    nd_answer_rr(q, ND_SECTION_ANSWER, q->msg.qname, ND_TYPE_PTR, ND_CLASS_IN,
				 h->ttl_s, wire, nd_name_view(wire).len)) {
			q->ans.flags |= ND_FLAG_TC;
			break;
		}
	return n;
}

static bool known(const struct nd_hostsfile *t, struct nd_name name)
{
	for (int family = 4; t && family <= 6; family += 2) {
		struct nd_hostsfile_list l = nd_hostsfile_addresses(t, name, family);
		if (nd_hostsfile_next(&l))
			return true;
	}
	return false;
}

static enum nd_verdict answer(const void *self, struct nd_query *q)
{
	const struct hosts *h = self;
	const struct nd_hostsfile *file = nd_hostswatch_table(h->watch), *lines = h->inline_table;
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
	h->watch = nd_hostswatch_share(s, &(struct nd_hostswatch_options){
						  .path = h->path,
						  .zones = h->zones,
						  .nzones = h->nzones,
						  .reverse = !h->no_reverse,
						  .reload_ns = h->reload_ns,
					  });
	return h->watch ? 0 : ND_ELIMIT;
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
	const struct nd_hostsfile *file = nd_hostswatch_table(h->watch);
	size_t n = nd_hostsfile_entries(h->inline_table);

	if (file)
		n += nd_hostsfile_entries(file);
	nd_metric_emit(out, &entries, (const char *const[]){ h->path }, (double)n);
	nd_metric_emit(out, &reloaded, NULL, (double)nd_hostswatch_mtime_ns(h->watch) / 1e9);
}

static int start(void *self, struct nd_setup *s)
{
	struct hosts *h = self;

	nd_setup_collect(s, collect, h);
	nd_hostswatch_start(h->watch, s);
	return 0;
}

static void clear(void *self)
{
	struct hosts *h = self;

	nd_buf_clear(&h->inline_text);
	nd_hostsfile_free(h->inline_table);
	h->inline_table = NULL;
}

const struct nd_plugin nd_plugin_hosts = {
	.name = "hosts",
	.repeat = ND_REPEAT_REFUSE,
	.self_size = sizeof(struct hosts),
	.settings = settings,
	.setup = setup,
	.start = start,
	.clear = clear,
	.query = answer,
};
