/* SPDX-License-Identifier: Apache-2.0 */
/* nsid - names this server in replies to clients that ask for it (RFC 5001; CoreDNS's nsid). */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "core/query.h"
#include "core/setup.h"

/* Bytes of the name: a reply must have room for it. CoreDNS has no maximum. */
enum { NAME_MAX_BYTES = 256 };

struct nsid {
	const char *name;
	uint16_t len;
};

static const struct nd_setting settings[] = { { 0 } };

/* --- queries --- */

static bool asks(const struct nd_msg *m)
{
	const uint8_t *data;
	size_t at = 0, n;
	uint16_t code;

	while (m->edns.present &&
	       nd_edns_next(m->base + m->edns.options, m->edns.options_len, &at, &code, &data, &n))
		if (code == ND_EDNS_NSID)
			return true;
	return false;
}

static enum nd_verdict watch(const void *self, struct nd_query *q)
{
	(void)self;
	if (asks(&q->msg))
		nd_query_want_reply(q);
	return ND_NEXT;
}

static void put_option(struct nd_writer *w, uint16_t code, const void *data, size_t n)
{
	nd_writer_u16(w, code);
	nd_writer_u16(w, (uint16_t)n);
	nd_writer_bytes(w, data, n);
}

/* Copies the options of the reply to w. Those of an upstream with its name get ours. */
static bool replace(struct nd_writer *w, const struct nsid *s, const struct nd_answer *a)
{
	size_t at = 0, n, have = a->opt ? a->opt_options_len : 0;
	const uint8_t *data;
	bool found = false;
	uint16_t code;

	while (nd_edns_next(a->opt_options, have, &at, &code, &data, &n)) {
		bool mine = code == ND_EDNS_NSID;
		put_option(w, code, mine ? (const void *)s->name : data, mine ? s->len : n);
		found |= mine;
	}
	return found;
}

/* A reply that has no OPT yet gets one with DO, as in CoreDNS. Not those of the server itself. */
static void add_name(const void *self, struct nd_query *q)
{
	const struct nsid *s = self;
	struct nd_answer *a = &q->ans;
	size_t cap = (a->opt ? a->opt_options_len / 4u * (4u + s->len) + a->opt_options_len : 0u) +
		     4u + s->len;
	uint8_t *bytes = q->failed || q->drop ? NULL : nd_query_alloc(q, cap);

	if (!bytes)
		return;
	struct nd_writer w = nd_writer_over(bytes, cap);
	if (!replace(&w, s, a))
		put_option(&w, ND_EDNS_NSID, s->name, s->len);
	if (w.err || w.pos > UINT16_MAX)
		return;
	if (!a->opt) {
		a->opt = true;
		a->opt_size = q->msg.edns.udp_size;
		a->opt_flags = ND_EDNS_DO;
	}
	a->opt_options = bytes;
	a->opt_options_len = (uint16_t)w.pos;
}

/* --- setting up --- */

static const char *join(struct nd_arena *a, const char *const *words, size_t n)
{
	const char *text = n ? words[0] : NULL;

	for (size_t i = 1; text && i < n; i++)
		text = nd_arena_printf(a, "%s %s", text, words[i]);
	return text;
}

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct nsid *n = self;
	char host[NAME_MAX_BYTES] = "";
	int err = nd_setup_settings(s, NULL, false);

	if (err)
		return err;
	if (gethostname(host, sizeof host - 1) != 0)
		strcpy(host, "localhost");
	n->name = d->nargs ? join(s->arena, d->args, d->nargs) : nd_arena_string(s->arena, host);
	if (!n->name)
		return ND_ELIMIT;
	if (strlen(n->name) > NAME_MAX_BYTES)
		return nd_setup_error(s, NULL, "the name has %zu bytes: must be at most %d",
				      strlen(n->name), NAME_MAX_BYTES);
	n->len = (uint16_t)strlen(n->name);
	return 0;
}

const struct nd_plugin nd_plugin_nsid = {
	.name = "nsid",
	.repeat = ND_REPEAT_REFUSE,
	.self_size = sizeof(struct nsid),
	.settings = settings,
	.setup = setup,
	.query = watch,
	.reply = add_name,
};
