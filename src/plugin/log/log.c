/* SPDX-License-Identifier: Apache-2.0 */
/* log - logs a line for each reply, in CoreDNS's formats. */
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "core/gen.h"
#include "core/offer.h"
#include "core/query.h"
#include "io/clock.h"

static const char common[] =
	"{remote}:{port} - {>id} \"{type} {class} {name} {proto} {size} {>do} {>bufsize}\" "
	"{rcode} {>rflags} {rsize} {duration}";
static const char combined[] =
	"{remote}:{port} - {>id} \"{type} {class} {name} {proto} {size} {>do} {>bufsize}\" "
	"{rcode} {>rflags} {rsize} {duration} \"{>opcode}\"";

enum { LINE_BYTES = 4096 };

struct out {
	char text[LINE_BYTES];
	size_t n;
};

struct part {
	void (*put)(struct out *o, const struct nd_query *q);
	const char *label; /* of metadata */
	const char *text;  /* neither: literal */
	size_t len;
};

enum class { CLASS_SUCCESS = 1, CLASS_DENIAL = 2, CLASS_ERROR = 4, CLASS_ALL = 7 };

struct rule {
	struct nd_name scope;
	const struct part *parts;
	size_t nparts;
	unsigned classes;
};

struct log {
	struct rule *rules; /* the first whose scope holds the name decides */
	size_t nrules;
};

/* --- placeholders --- */

static void put(struct out *o, const char *text, size_t n)
{
	if (n > sizeof o->text - o->n)
		n = sizeof o->text - o->n;
	memcpy(o->text + o->n, text, n);
	o->n += n;
}

static void put_text(struct out *o, const char *text)
{
	put(o, text, strlen(text));
}

static void put_number(struct out *o, uint64_t v)
{
	char text[24];
	put(o, text, (size_t)snprintf(text, sizeof text, "%llu", (unsigned long long)v));
}

static void put_address(struct out *o, const struct nd_addr *a)
{
	char ip[ND_ADDR_TEXT_MAX];
	bool six = nd_addr_format_ip(a, ip) && strchr(ip, ':');

	if (six)
		put(o, "[", 1);
	put_text(o, ip);
	if (six)
		put(o, "]", 1);
}

static void put_remote(struct out *o, const struct nd_query *q)
{
	put_address(o, &q->client.peer);
}

static void put_local(struct out *o, const struct nd_query *q)
{
	if (q->client.local.len)
		put_address(o, &q->client.local);
	else if (!q->endpoint->wildcard)
		put_address(o, &q->endpoint->addr);
	else
		put_text(o, "[::]"); /* as CoreDNS on a wildcard socket */
}

static void put_port(struct out *o, const struct nd_query *q)
{
	put_number(o, nd_addr_port(&q->client.peer));
}

static void put_id(struct out *o, const struct nd_query *q)
{
	put_number(o, q->msg.id);
}

static void put_type(struct out *o, const struct nd_query *q)
{
	char text[ND_NUMBER_TEXT_MAX];
	put_text(o, nd_type_text(q->msg.qtype, text));
}

static void put_class(struct out *o, const struct nd_query *q)
{
	char text[ND_NUMBER_TEXT_MAX];
	put_text(o, nd_type_class_text(q->msg.qclass, text));
}

static void put_name(struct out *o, const struct nd_query *q)
{
	char text[ND_NAME_TEXT_MAX];
	size_t n = nd_name_format(q->msg.qname, text);
	put(o, text, n);
}

static void put_proto(struct out *o, const struct nd_query *q)
{
	put_text(o, nd_query_proto_text[q->client.proto]);
}

static void put_size(struct out *o, const struct nd_query *q)
{
	put_number(o, q->size);
}

static void put_do(struct out *o, const struct nd_query *q)
{
	put_text(o, q->msg.edns.dnssec_ok ? "true" : "false");
}

static void put_bufsize(struct out *o, const struct nd_query *q)
{
	put_number(o, nd_query_limit(q));
}

static void put_opcode(struct out *o, const struct nd_query *q)
{
	put_number(o, nd_msg_opcode(&q->msg));
}

static void put_rcode(struct out *o, const struct nd_query *q)
{
	char text[ND_NUMBER_TEXT_MAX];
	put_text(o, q->drop ? "-" : nd_type_rcode_text(q->rcode, text));
}

static void put_rflags(struct out *o, const struct nd_query *q)
{
	static const struct {
		uint16_t bit;
		const char *text;
	} bits[] = { { ND_FLAG_QR, "qr" }, { ND_FLAG_AA, "aa" }, { ND_FLAG_TC, "tc" },
		     { ND_FLAG_RD, "rd" }, { ND_FLAG_RA, "ra" }, { ND_FLAG_Z, "z" },
		     { ND_FLAG_AD, "ad" }, { ND_FLAG_CD, "cd" } };
	uint16_t flags = nd_reader_peek16(q->ans.w.base + 2);
	bool any = false;

	if (q->drop) {
		put(o, "-", 1);
		return;
	}
	for (size_t i = 0; i < ND_COUNT(bits); i++) {
		if (!(flags & bits[i].bit))
			continue;
		if (any)
			put(o, ",", 1);
		put_text(o, bits[i].text);
		any = true;
	}
}

static void put_rsize(struct out *o, const struct nd_query *q)
{
	size_t n = q->drop ? 0 : q->ans.w.pos;

	/* CoreDNS takes the size of its own error replies before it adds the OPT. */
	if (q->failed && q->msg.edns.present && n > 11)
		n -= 11;
	put_number(o, n);
}

static void put_duration(struct out *o, const struct nd_query *q)
{
	char text[32];
	uint64_t ns = nd_clock_now_ns() - q->start_ns;

	put(o, text, (size_t)snprintf(text, sizeof text, "%.9fs", (double)ns / 1e9));
}

static const struct {
	const char *name;
	void (*put)(struct out *o, const struct nd_query *q);
} placeholders[] = {
	{ "{remote}", put_remote },    { "{port}", put_port },
	{ "{local}", put_local },      { "{>id}", put_id },
	{ "{type}", put_type },        { "{class}", put_class },
	{ "{name}", put_name },        { "{proto}", put_proto },
	{ "{size}", put_size },        { "{>do}", put_do },
	{ "{>bufsize}", put_bufsize }, { "{>opcode}", put_opcode },
	{ "{rcode}", put_rcode },      { "{>rflags}", put_rflags },
	{ "{rsize}", put_rsize },      { "{duration}", put_duration },
};

/* --- formats --- */

static struct part placeholder(struct nd_arena *a, const char *text, size_t n)
{
	for (size_t i = 0; i < ND_COUNT(placeholders); i++)
		if (strlen(placeholders[i].name) == n &&
		    strncasecmp(placeholders[i].name, text, n) == 0)
			return (struct part){ .put = placeholders[i].put };
	/* {/LABEL}: of metadata; anything else in braces is literal text. */
	if (n > 3 && text[1] == '/')
		return (struct part){ .label = nd_arena_text(a, text + 2, n - 3) };
	return (struct part){ .text = text, .len = n };
}

/* As CoreDNS's replacer: finds a right brace, then the nearest left one before it. */
static int compile(struct nd_arena *a, const char *format, struct rule *r)
{
	const char *s = nd_arena_string(a, format);
	struct part *parts = nd_arena_array(a, 2 * strlen(format) + 1, sizeof *parts);
	size_t n = 0;

	if (!s || !parts)
		return ND_ELIMIT;
	for (const char *close; (close = strchr(s, '}')); s = close + 1) {
		const char *open = memrchr(s, '{', (size_t)(close - s));
		if (!open) {
			parts[n++] = (struct part){ .text = s, .len = (size_t)(close - s) + 1 };
			continue;
		}
		if (open > s)
			parts[n++] = (struct part){ .text = s, .len = (size_t)(open - s) };
		parts[n++] = placeholder(a, open, (size_t)(close - open) + 1);
	}
	if (*s)
		parts[n++] = (struct part){ .text = s, .len = strlen(s) };
	r->parts = parts;
	r->nparts = n;
	return 0;
}

/* --- logging --- */

/* CoreDNS's response.Typify and Classify. */
enum kind {
	KIND_NOERROR,
	KIND_NXDOMAIN,
	KIND_SERVERERROR,
	KIND_NODATA,
	KIND_DELEGATION,
	KIND_META,
	KIND_OTHERERROR
};
static const struct {
	const char *text;
	unsigned class;
} kinds[] = {
	[KIND_NOERROR] = { "NOERROR", CLASS_SUCCESS },
	[KIND_NXDOMAIN] = { "NXDOMAIN", CLASS_DENIAL },
	[KIND_SERVERERROR] = { "SERVERERROR", CLASS_ERROR },
	[KIND_NODATA] = { "NODATA", CLASS_DENIAL },
	[KIND_DELEGATION] = { "DELEGATION", CLASS_SUCCESS },
	[KIND_META] = { "META", CLASS_ERROR },
	[KIND_OTHERERROR] = { "OTHERERROR", CLASS_ERROR },
};

static bool has_authority(const struct nd_answer *a, uint16_t type)
{
	for (unsigned i = 0; i < a->n; i++)
		if (a->record[i].section == ND_SECTION_AUTHORITY && a->record[i].type == type)
			return true;
	return false;
}

static enum kind classify(const struct nd_query *q)
{
	const struct nd_answer *a = &q->ans;
	bool answers = a->count[ND_SECTION_ANSWER] > 0;

	if (q->drop)
		return KIND_OTHERERROR;
	if (nd_msg_opcode(&q->msg) == ND_OPCODE_NOTIFY || q->msg.qtype == ND_TYPE_AXFR ||
	    q->msg.qtype == ND_TYPE_IXFR)
		return KIND_META;
	switch (q->rcode) {
	case ND_RCODE_NOERROR:
		if (answers)
			return KIND_NOERROR;
		if (has_authority(a, ND_TYPE_SOA))
			return KIND_NODATA;
		return has_authority(a, ND_TYPE_NS) ? KIND_DELEGATION : KIND_NOERROR;
	case ND_RCODE_NXDOMAIN: return answers ? KIND_OTHERERROR : KIND_NXDOMAIN;
	case ND_RCODE_SERVFAIL:
	case ND_RCODE_NOTIMP: return KIND_SERVERERROR;
	default: return KIND_OTHERERROR;
	}
}

static const char *class_text(unsigned class)
{
	return class == CLASS_SUCCESS ? "success" : class == CLASS_DENIAL ? "denial" : "error";
}

/* The labels log/type and log/class are set by this plugin, from the reply. */
static void put_label(struct out *o, struct nd_query *q, const char *label)
{
	char value[ND_OFFER_LABEL_MAX];
	bool on = q->site && q->site->block->nlabel_zones;

	if (on && strcmp(label, "log/type") == 0) {
		put_text(o, kinds[classify(q)].text);
	} else if (on && strcmp(label, "log/class") == 0) {
		put_text(o, class_text(kinds[classify(q)].class));
	} else {
		int n = nd_offer_label(q, label, value, sizeof value);
		put(o, n < 0 ? "-" : value, n < 0 ? 1 : (size_t)n);
	}
}

static const struct rule *find_rule(const struct log *l, struct nd_name name)
{
	for (size_t i = 0; i < l->nrules; i++)
		if (nd_name_under_lower(name, l->rules[i].scope))
			return &l->rules[i];
	return NULL;
}

static enum nd_verdict watch(const void *self, struct nd_query *q)
{
	if (find_rule(self, q->msg.qname))
		nd_query_want_done(q);
	return ND_NEXT;
}

static void on_done(const void *self, struct nd_query *q)
{
	const struct rule *r = find_rule(self, q->msg.qname);
	struct out o;

	if (!r || !(r->classes & kinds[classify(q)].class))
		return;
	o.n = 0;
	put_text(&o, "[INFO] ");
	for (size_t i = 0; i < r->nparts; i++) {
		if (r->parts[i].put)
			r->parts[i].put(&o, q);
		else if (r->parts[i].label)
			put_label(&o, q, r->parts[i].label);
		else
			put(&o, r->parts[i].text, r->parts[i].len);
	}
	nd_log_line(o.text, o.n);
}

/* --- setting up --- */

static int own(void *self, const struct nd_conf_line *l, void *ctx)
{
	static const struct {
		const char *name;
		unsigned bits;
	} classes[] = { { "all", CLASS_ALL },
			{ "success", CLASS_SUCCESS },
			{ "denial", CLASS_DENIAL },
			{ "error", CLASS_ERROR } };
	struct nd_setup *s = ctx;
	unsigned *bits = self;

	if (l->nargs == 0)
		return nd_setup_error(s, l, "class takes all, success, denial or error");
	for (size_t i = 0; i < l->nargs; i++) {
		size_t c = 0;
		while (c < ND_COUNT(classes) && strcmp(classes[c].name, l->args[i]) != 0)
			c++;
		if (c == ND_COUNT(classes))
			return nd_setup_invalid(s, l, "class", l->args[i],
						"all, success, denial or error");
		*bits |= classes[c].bits;
	}
	return 0;
}

static const struct nd_setting settings[] = {
	ND_SET_OWN_ROW("class", "all|success|denial|error..."),
	{ 0 },
};

/* Replaces every {common} and {combined} by the full format. */
static const char *expand(struct nd_arena *a, const char *format)
{
	static const struct {
		const char *name, *full;
	} known[] = { { "{common}", common }, { "{combined}", combined } };

	for (size_t i = 0; i < ND_COUNT(known); i++)
		for (const char *at; format && (at = strstr(format, known[i].name));)
			format = nd_arena_printf(a, "%.*s%s%s", (int)(at - format), format,
						 known[i].full, at + strlen(known[i].name));
	return format;
}

/* With two or more arguments, a last one with a brace is the format. The others are names. */
static const char *take_format(struct nd_arena *a, const char *const *args, size_t *n)
{
	if (*n < 2 || !strchr(args[*n - 1], '{'))
		return common;
	--*n;
	return expand(a, args[*n]);
}

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct log *l = self;
	struct nd_name root = nd_name_root, *zones = &root;
	size_t n = d->nargs, nzones = 1;
	const char *format = take_format(s->arena, d->args, &n);
	unsigned classes = 0;

	if (!format)
		return ND_ELIMIT;
	int err = n ? nd_setup_zones(s, d->args, n, &zones, &nzones) : 0;
	if (!err)
		err = nd_settings_read(settings, "log", d, &classes, own, s, false, s->diag);
	if (err)
		return err;
	struct rule *rules = nd_arena_array(s->arena, l->nrules + nzones, sizeof *rules);
	if (!rules)
		return ND_ELIMIT;
	if (l->nrules)
		memcpy(rules, l->rules, l->nrules * sizeof *rules);
	for (size_t i = 0; !err && i < nzones; i++) {
		struct rule *r = &rules[l->nrules + i];
		r->scope = zones[i];
		r->classes = classes ? classes : CLASS_ALL;
		err = compile(s->arena, format, r);
	}
	l->rules = rules;
	l->nrules += nzones;
	return err;
}

const struct nd_plugin nd_plugin_log = {
	.name = "log",
	.repeat = ND_REPEAT_MERGE,
	.self_size = sizeof(struct log),
	.settings = settings,
	.setup = setup,
	.query = watch,
	.done = on_done,
};
