/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/rewrite/rwedns.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/ascii.h"
#include "core/offer.h"

enum { OPTION_MAX = 1100, NEW_OPT_SIZE = 4096 };

/* --- reading --- */

/* Go's ParseUint(text, 0, 16): decimal, or 0x, 0o, 0b, 0. */
static int read_uint(struct nd_setup *s, const char *text, unsigned long max, const char *what,
		     unsigned long *out)
{
	const char *p = text;
	char *end = NULL;
	int base = 10;

	if (p[0] == '0' && p[1]) {
		char c = (char)(p[1] | 32);
		base = c == 'x' ? 16 : c == 'b' ? 2 : 8;
		p += c == 'x' || c == 'b' || c == 'o' ? 2 : 1;
	}
	bool sign = *p == '-' || *p == '+' || *p == ' ' || *p == '\0';
	unsigned long v = sign ? 0 : strtoul(p, &end, base);
	if (sign || *end || v > max)
		return nd_setup_invalid(s, NULL, what, text, "0 to %lu", max);
	*out = v;
	return 0;
}

static int read_data(struct nd_rwedns_rule *e, struct nd_setup *s, const char *text)
{
	size_t n = strlen(text);
	uint8_t *data = nd_arena_alloc(s->arena, n + 1);

	if (!data)
		return ND_ELIMIT;
	if (strncmp(text, "0x", 2) == 0) {
		const char *hex = text + 2;
		n -= 2;
		for (size_t i = 0; i < n; i++)
			if (n % 2 || nd_ascii_hex(hex[i]) < 0)
				return nd_setup_invalid(s, NULL, "option data", text,
							"pairs of hexadecimal digits after 0x");
		n /= 2;
		for (size_t i = 0; i < n; i++)
			data[i] = (uint8_t)(nd_ascii_hex(hex[2 * i]) << 4 |
					    nd_ascii_hex(hex[2 * i + 1]));
	} else {
		memcpy(data, text, n);
	}
	if (n > OPTION_MAX)
		return nd_setup_error(s, NULL, "edns0: option data is limited to %d bytes",
				      OPTION_MAX);
	e->data = data;
	e->data_len = n;
	return 0;
}

static int read_variable(struct nd_rwedns_rule *e, struct nd_setup *s, const char *text)
{
	static const char *const known[] = { "{qname}",       "{qtype}",    "{client_ip}",
					     "{client_port}", "{protocol}", "{server_ip}",
					     "{server_port}" };
	const char *slash = strchr(text, '/');

	e->what = ND_RWEDNS_VARIABLE;
	e->variable = nd_arena_string(s->arena, text);
	for (size_t i = 0; i < ND_COUNT(known); i++)
		if (strcmp(known[i], text) == 0)
			return 0;
	if (slash && slash > text + 1 && slash + 2 < text + strlen(text)) {
		e->label = nd_arena_text(s->arena, text + 1, strlen(text) - 2);
		return e->label ? 0 : ND_ELIMIT;
	}
	return nd_setup_invalid(s, NULL, "variable", text,
				"{client_ip}, {client_port}, {protocol}, {qname}, {qtype}, "
				"{server_ip}, {server_port} or {PLUGIN/LABEL}");
}

static int read_local(struct nd_rwedns_rule *e, struct nd_setup *s, const char *const *w, size_t n)
{
	bool unset = e->action == ND_RWEDNS_UNSET;
	unsigned long code = 0;

	if (n != (unset ? 3u : 4u))
		return nd_setup_error(s, NULL, "edns0 local takes %s",
				      unset ? "unset CODE"
					    : "append|replace|set CODE DATA [revert]");
	int err = read_uint(s, w[2], 65535, "option code", &code);
	if (err)
		return err;
	e->code = (uint16_t)code;
	if (unset)
		return 0;
	if (w[3][0] == '{' && w[3][strlen(w[3]) - 1] == '}')
		return read_variable(e, s, w[3]);
	return read_data(e, s, w[3]);
}

static int read_subnet(struct nd_rwedns_rule *e, struct nd_setup *s, const char *const *w, size_t n)
{
	bool unset = e->action == ND_RWEDNS_UNSET;
	unsigned long v4 = 0, v6 = 0;

	if (n != (unset ? 2u : 4u))
		return nd_setup_error(
			s, NULL, "edns0 subnet takes %s",
			unset ? "unset alone"
			      : "append|replace|set BITS-OF-IPV4 BITS-OF-IPV6 [revert]");
	if (unset)
		return 0;
	int err = read_uint(s, w[2], 32, "IPv4 prefix length", &v4);
	if (!err)
		err = read_uint(s, w[3], 128, "IPv6 prefix length", &v6);
	if (err)
		return err;
	e->v4 = (uint8_t)v4;
	e->v6 = (uint8_t)v6;
	return 0;
}

int nd_rwedns_read(struct nd_rwrule *r, struct nd_setup *s, const char *const *w, size_t n)
{
	static const char *const actions[] = { "append", "replace", "set", "unset" };
	struct nd_rwedns_rule *e = &r->edns;
	size_t i = 0;

	if (n < 2)
		return nd_setup_error(s, NULL,
				      "edns0 takes local|nsid|subnet append|replace|set|unset ...");
	while (i < ND_COUNT(actions) && strcasecmp(w[1], actions[i]) != 0)
		i++;
	if (i == ND_COUNT(actions))
		return nd_setup_invalid(s, NULL, "action", w[1], "append, replace, set or unset");
	e->action = (enum nd_rwedns_action)i;
	if (e->action != ND_RWEDNS_UNSET && strcmp(w[n - 1], "revert") == 0) {
		e->revert = true;
		n--;
	}
	if (strcasecmp(w[0], "local") == 0) {
		e->what = ND_RWEDNS_LOCAL;
		return read_local(e, s, w, n);
	}
	if (strcasecmp(w[0], "nsid") == 0) {
		e->what = ND_RWEDNS_NSID;
		e->code = ND_EDNS_NSID;
		return n == 2 ? 0
			      : nd_setup_error(s, NULL, "edns0 nsid %s takes no argument", w[1]);
	}
	if (strcasecmp(w[0], "subnet") == 0) {
		e->what = ND_RWEDNS_SUBNET;
		e->code = ND_EDNS_SUBNET;
		return read_subnet(e, s, w, n);
	}
	return nd_setup_invalid(s, NULL, "option", w[0], "local, nsid or subnet");
}

/* --- the OPT of the query --- */

/* Replaces the message by a copy in the query's memory: its header and question, then an OPT. */
static bool set_options(struct nd_query *q, const uint8_t *options, size_t n)
{
	struct nd_msg *m = &q->msg;
	size_t len = m->question_end + ND_EDNS_HEAD + n;
	uint8_t *p = len <= ND_MSG_MAX ? nd_query_alloc(q, len) : NULL;

	if (!p)
		return false;
	memcpy(p, m->base, m->question_end);
	if (!m->edns.present)
		m->edns = (struct nd_edns){ .present = true, .udp_size = NEW_OPT_SIZE };
	struct nd_writer w = nd_writer_over(p, len);
	w.pos = m->question_end;
	m->edns.options_len = (uint16_t)n;
	nd_edns_write(&w, &m->edns);
	m->edns.options = (uint16_t)w.pos;
	if (n)
		nd_writer_bytes(&w, options, n);
	m->base = p;
	m->len = (uint16_t)len;
	m->count[1] = m->count[2] = 0;
	m->count[3] = 1;
	return true;
}

/* Options that miekg/dns reads as local ones. The others have types there, which `local` does not
 * match. */
static bool is_local(uint16_t code)
{
	return code == 0 || code > 19 || code == 13 || code == 14 || code == 16 || code == 17;
}

static bool matches_option(const struct nd_rwedns_rule *r, uint16_t code)
{
	if (code != r->code)
		return false;
	return (r->what != ND_RWEDNS_LOCAL && r->what != ND_RWEDNS_VARIABLE) ||
	       r->action == ND_RWEDNS_UNSET || is_local(code);
}

static size_t put16(uint8_t *to, size_t v)
{
	nd_writer_put16(to, (uint16_t)v);
	return 2;
}

/* The client's network, RFC 7871 s6. */
static size_t subnet(const struct nd_rwedns_rule *r, const struct nd_query *q, uint8_t *out)
{
	size_t n;
	const uint8_t *ip = nd_addr_bytes(&q->client.peer, &n);
	unsigned bits = n == 4 ? r->v4 : r->v6;
	size_t bytes = (bits + 7) / 8;

	put16(out, n == 4 ? 1 : 2);
	out[2] = (uint8_t)bits;
	out[3] = 0;
	memcpy(out + 4, ip, bytes);
	if (bits % 8)
		out[3 + bytes] &= (uint8_t)(0xff << (8 - bits % 8));
	return 4 + bytes;
}

/* Writes the value of a variable. Returns its length; 0: no value. */
static size_t variable(const struct nd_rwedns_rule *r, struct nd_query *q, uint8_t *out)
{
	const char *name = r->variable;
	size_t n;

	if (r->label) {
		int len = nd_offer_label(q, r->label, (char *)out, ND_OFFER_LABEL_MAX);
		return len > 0 ? (size_t)len : 0;
	}
	if (strcmp(name, "{qname}") == 0) {
		char text[ND_NAME_TEXT_MAX];
		n = nd_name_format(nd_query_name_asked(q), text);
		memcpy(out, text, n);
		return n;
	}
	if (strcmp(name, "{qtype}") == 0)
		return put16(out, q->msg.qtype);
	if (strcmp(name, "{client_port}") == 0)
		return put16(out, nd_addr_port(&q->client.peer));
	if (strcmp(name, "{server_port}") == 0 && q->client.local.len)
		return put16(out, nd_addr_port(&q->client.local));
	if (strcmp(name, "{protocol}") == 0) {
		memcpy(out, q->client.proto == ND_PROTO_UDP ? "udp" : "tcp", 3);
		return 3;
	}
	bool client = strcmp(name, "{client_ip}") == 0;
	if (!client && (strcmp(name, "{server_ip}") != 0 || !q->client.local.len))
		return 0;
	const uint8_t *ip = nd_addr_bytes(client ? &q->client.peer : &q->client.local, &n);
	memcpy(out, ip, n);
	return n;
}

/* Writes the option data of the rule. False: there is none. */
static bool value(const struct nd_rwedns_rule *r, struct nd_query *q, uint8_t *out, size_t *n)
{
	*n = 0;
	switch (r->what) {
	case ND_RWEDNS_LOCAL:
		memcpy(out, r->data, r->data_len);
		*n = r->data_len;
		return true;
	case ND_RWEDNS_VARIABLE: return (*n = variable(r, q, out)) > 0;
	case ND_RWEDNS_NSID: return true;
	case ND_RWEDNS_SUBNET: *n = subnet(r, q, out); return true;
	}
	return false;
}

/* The options that are written, and the bits of nd_query.server_options for them. */
struct output {
	struct nd_writer w;
	uint32_t marks;
	unsigned n;
};

static void put_option(struct nd_writer *w, uint16_t code, const uint8_t *data, size_t n)
{
	nd_writer_u16(w, code);
	nd_writer_u16(w, (uint16_t)n);
	if (n)
		nd_writer_bytes(w, data, n);
}

/* server: it is the configuration's, not the client's. */
static void put(struct output *out, bool server, uint16_t code, const uint8_t *data, size_t n)
{
	if (server && out->n < 32)
		out->marks |= 1u << out->n;
	out->n++;
	put_option(&out->w, code, data, n);
}

static void remember(struct nd_query *q, struct nd_rwedns_undo *undo, const uint8_t *data, size_t n)
{
	uint8_t *old = nd_query_alloc(q, n + 1);

	undo->old = old;
	undo->old_len = n;
	undo->on = old != NULL;
	if (old && n)
		memcpy(old, data, n);
}

bool nd_rwedns_apply(const struct nd_rwedns_rule *r, struct nd_query *q,
		     struct nd_rwedns_undo *undo)
{
	const struct nd_edns e = q->msg.edns;
	const uint8_t *options = q->msg.base + e.options, *data;
	size_t have = e.present ? e.options_len : 0, at = 0, data_len, n = 0;
	uint8_t mine[OPTION_MAX + 4];
	bool unset = r->action == ND_RWEDNS_UNSET, found = false, done = unset;
	uint16_t code;

	if (!unset && !value(r, q, mine, &n))
		return false;
	uint8_t *bytes = malloc(have + n + 4);
	if (!bytes)
		return false;
	struct output out = { .w = nd_writer_over(bytes, have + n + 4) };
	for (unsigned i = 0; have && nd_edns_next(options, have, &at, &code, &data, &data_len);
	     i++) {
		bool server = i < 32 && q->server_options >> i & 1;
		if (!matches_option(r, code) || (found && !unset)) {
			put(&out, server, code, data, data_len);
			continue;
		}
		found = true;
		if (unset)
			continue;
		bool change = r->action != ND_RWEDNS_APPEND;
		if (change && r->revert)
			remember(q, undo, data, data_len);
		put(&out, server || change, code, change ? mine : data, change ? n : data_len);
		done = change;
	}
	/* As in CoreDNS, only plain data and nsid add a second option of the same code. */
	bool again = r->what == ND_RWEDNS_LOCAL || r->what == ND_RWEDNS_NSID;
	if (!done && r->action != ND_RWEDNS_REPLACE && (!found || again)) {
		put(&out, true, r->code, mine, n);
		undo->on = r->revert;
		done = true;
	}
	if (out.w.err || !set_options(q, bytes, out.w.pos))
		done = false;
	else
		q->server_options = out.marks;
	free(bytes);
	return done;
}

void nd_rwedns_undo(const struct nd_rwedns_rule *r, const struct nd_rwedns_undo *undo,
		    struct nd_query *q)
{
	struct nd_answer *a = &q->ans;
	size_t at = 0, n, cap = (size_t)a->opt_options_len + undo->old_len + 4;
	const uint8_t *data;
	uint16_t code;

	if (!undo->on || !a->opt || !a->opt_options_len)
		return;
	uint8_t *bytes = nd_query_alloc(q, cap);
	if (!bytes)
		return;
	struct nd_writer w = nd_writer_over(bytes, cap);
	bool found = false;
	while (nd_edns_next(a->opt_options, a->opt_options_len, &at, &code, &data, &n)) {
		if (code != r->code || found)
			put_option(&w, code, data, n);
		else if (undo->old)
			put_option(&w, code, undo->old, undo->old_len);
		found = found || code == r->code;
	}
	if (w.err)
		return;
	a->opt_options = bytes;
	a->opt_options_len = (uint16_t)w.pos;
}
