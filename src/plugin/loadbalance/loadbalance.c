/* SPDX-License-Identifier: Apache-2.0 */
/* loadbalance - shuffles A, AAAA and MX records, and puts CNAMEs first (CoreDNS's round_robin). */
#include <string.h>
#include "core/query.h"
#include "core/setup.h"
#include "io/random.h"

static const struct nd_setting settings[] = {
	{ "reload", ND_SET_OWN, 0, 0, 0, 0, "DURATION; with weighted" },
	{ "prefer", ND_SET_OWN, 0, 0, 0, 0, "CIDR...: these networks first" },
	{ 0 },
};

static int own(void *self, const struct nd_conf_line *l, void *ctx)
{
	struct nd_setup *s = ctx;
	struct nd_cidr net;
	int64_t ns;

	(void)self;
	if (strcmp(l->name, "reload") == 0 &&
	    (l->nargs != 1 || nd_settings_duration(l->args[0], &ns)))
		return nd_setup_error(s, l, "reload: wants a duration, as \"30s\"");
	if (strcmp(l->name, "prefer") == 0)
		for (size_t i = 0; i < l->nargs; i++)
			if (nd_cidr_parse(l->args[i], &net))
				return nd_setup_error(
					s, l,
					"prefer: \"%s\" is no network; give one as \"10.0.0.0/8\"",
					l->args[i]);
	return nd_setup_error(s, l,
			      "\"%s\" is known to CoreDNS, but not in this build yet; remove it",
			      l->name);
}

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	(void)self;
	if (d->nargs && strcmp(d->args[0], "weighted") == 0) {
		if (d->nargs != 2)
			return nd_setup_error(s, NULL, "weighted: wants one file");
		return nd_setup_error(
			s, NULL,
			"\"weighted\" is known to CoreDNS, but not in this build yet; use "
			"\"round_robin\"");
	}
	if (d->nargs && strcmp(d->args[0], "round_robin") != 0)
		return nd_setup_error(s, NULL, "unknown policy \"%s\"; give \"round_robin\"",
				      d->args[0]);
	if (d->nargs > 1)
		return nd_setup_error(s, NULL,
				      "round_robin takes no more words, but there is \"%s\"",
				      d->args[1]);
	return nd_setup_settings(s, own, false);
}

static bool is_address(uint16_t type)
{
	return type == ND_TYPE_A || type == ND_TYPE_AAAA;
}

/* Where the owner's name stands: a pointer to a name is that name. */
static unsigned owner_at(const struct nd_answer *a, const struct nd_record *r)
{
	const uint8_t *p = a->w.base + r->owner;
	return p[0] >= 0xc0 ? (p[0] & 0x3fu) << 8 | p[1] : r->owner;
}

/* Do two records of one kind stand for one owner? Equal names that are written out twice do not count: nobody
 * writes so. */
static bool same_owner(const struct nd_answer *a, const struct nd_record *x,
		       const struct nd_record *y)
{
	return owner_at(a, x) == owner_at(a, y);
}

static void swap_rdata(struct nd_answer *a, const struct nd_record *x, const struct nd_record *y)
{
	uint8_t keep[16];

	memcpy(keep, a->w.base + x->rdata, x->rdata_len);
	memcpy(a->w.base + x->rdata, a->w.base + y->rdata, x->rdata_len);
	memcpy(a->w.base + y->rdata, keep, x->rdata_len);
}

/* Shuffles the addresses of records [from, to), all of one owner and type, where they stand. */
static void shuffle(struct nd_answer *a, unsigned from, unsigned to)
{
	for (unsigned n = to - from; n > 1; n--) {
		unsigned i = from + nd_random_below(n), last = from + n - 1;
		if (i != last)
			swap_rdata(a, &a->record[i], &a->record[last]);
	}
}

/* Is there anything that shuffling in place cannot do: an MX among others, a CNAME behind its like? */
static bool needs_rebuild(const struct nd_answer *a)
{
	unsigned mx[3] = { 0 };
	bool other_before = false;

	for (unsigned i = 0; i < a->n; i++) {
		const struct nd_record *r = &a->record[i];
		if (i && r->section != a->record[i - 1].section)
			other_before = false;
		if (r->type == ND_TYPE_MX && ++mx[r->section] > 1)
			return true;
		if (r->type == ND_TYPE_CNAME && other_before)
			return true;
		other_before |= r->type != ND_TYPE_CNAME;
	}
	return false;
}

enum { REBUILD_MAX = 64 };

struct piece {
	struct nd_name owner;
	uint16_t type, class;
	uint32_t ttl;
	uint8_t section;
	uint8_t *rdata;
	uint16_t rdata_len;
};

static bool take_piece(struct nd_query *q, const struct nd_record *r, struct piece *p)
{
	struct nd_answer *a = &q->ans;
	struct nd_reader at = nd_reader_over(a->w.base, a->w.pos);
	struct nd_name_buf *buf = nd_query_alloc(q, sizeof *buf);
	uint8_t rdata[1024];

	at.pos = a->w.base + r->owner;
	if (!buf || nd_name_read(&at, false, buf, &p->owner))
		return false;
	int n = nd_rr_expand_rdata(a->w.base, a->w.pos, r->rdata, r->rdata_len, r->type, rdata,
				   sizeof rdata);
	if (n < 0 || !(p->rdata = nd_query_alloc(q, (size_t)n)))
		return false;
	memcpy(p->rdata, rdata, (size_t)n);
	p->rdata_len = (uint16_t)n;
	p->type = r->type;
	p->class = nd_reader_peek16(a->w.base + r->ttl_at - 2);
	p->ttl = nd_answer_ttl(a, r);
	p->section = r->section;
	return true;
}

/* CoreDNS's order within a section: CNAMEs, the rest, addresses, MX; the last two shuffled. */
static unsigned rank(uint16_t type)
{
	return type == ND_TYPE_CNAME ? 0 : is_address(type) ? 2 : type == ND_TYPE_MX ? 3 : 1;
}

static void put_rank(struct nd_query *q, struct piece *all, unsigned n, unsigned section,
		     unsigned want)
{
	unsigned chosen[REBUILD_MAX], count = 0;

	for (unsigned i = 0; i < n; i++)
		if (all[i].section == section && rank(all[i].type) == want)
			chosen[count++] = i;
	while (count) {
		unsigned pick = want >= 2 ? nd_random_below(count) : 0;
		const struct piece *p = &all[chosen[pick]];
		(void)nd_answer_rr(q, (enum nd_section)section, p->owner, p->type, p->class, p->ttl,
				   p->rdata, p->rdata_len);
		memmove(chosen + pick, chosen + pick + 1, (count - pick - 1) * sizeof *chosen);
		count--;
	}
}

static void rebuild(struct nd_query *q)
{
	struct nd_answer *a = &q->ans;
	struct piece *all = nd_query_alloc(q, a->n * sizeof *all);
	struct nd_answer was = *a;
	unsigned n = a->n;

	for (unsigned i = 0; all && i < n; i++)
		if (!take_piece(q, &a->record[i], &all[i]))
			return; /* too large for shuffling: it stays as it came */
	if (!all)
		return;
	nd_answer_reset(q);
	for (unsigned section = 0; section < 3; section++)
		for (unsigned r = 0; r < 4; r++)
			put_rank(q, all, n, section, r);
	a->flags = was.flags;
	a->ede = was.ede;
	a->ede_text = was.ede_text;
	a->opt = was.opt;
}

static void on_reply(const void *self, struct nd_query *q)
{
	struct nd_answer *a = &q->ans;

	(void)self;
	if (q->rcode != ND_RCODE_NOERROR || a->n < 2 || q->msg.qtype == ND_TYPE_AXFR ||
	    q->msg.qtype == ND_TYPE_IXFR)
		return;
	if (ND_UNLIKELY(needs_rebuild(a) && a->n <= REBUILD_MAX)) {
		rebuild(q);
		return;
	}
	for (unsigned from = 0, to; from < a->n; from = to) {
		const struct nd_record *r = &a->record[from];
		for (to = from + 1; to < a->n; to++)
			if (a->record[to].type != r->type || a->record[to].section != r->section ||
			    a->record[to].rdata_len != r->rdata_len ||
			    !same_owner(a, r, &a->record[to]))
				break;
		if (is_address(r->type) && r->rdata_len <= 16)
			shuffle(a, from, to);
	}
}

static enum nd_verdict watch(const void *self, struct nd_query *q)
{
	(void)self;
	nd_query_want_reply(q);
	return ND_NEXT;
}

const struct nd_plugin nd_plugin_loadbalance = {
	.name = "loadbalance",
	.repeat = ND_REPEAT_REFUSE,
	.settings = settings,
	.setup = setup,
	.query = watch,
	.reply = on_reply,
};
