/* SPDX-License-Identifier: Apache-2.0 */
/* loadbalance - shuffles A, AAAA and MX records, and puts CNAMEs first (CoreDNS's round_robin); or
 * draws the first address by weight (`weighted`). */
#include <string.h>
#include "base/time.h"
#include "core/query.h"
#include "core/setup.h"
#include "io/random.h"
#include "plugin/loadbalance/sections.h"

static const struct nd_setting settings[] = {
	ND_SET_OWN_ROW("reload", "DURATION: for weighted"),
	ND_SET_OWN_ROW("prefer", "CIDR...: these networks first"),
	{ 0 },
};

/* Several lines add up. */
static int add_preferred(struct loadbalance *lb, const struct nd_conf_line *l, struct nd_setup *s)
{
	struct nd_cidr *all = nd_arena_array(s->arena, lb->nprefer + l->nargs + 1, sizeof *all);

	if (!all)
		return ND_ELIMIT;
	if (lb->nprefer)
		memcpy(all, lb->prefer, lb->nprefer * sizeof *all);
	lb->prefer = all;
	for (size_t i = 0; i < l->nargs; i++)
		if (!strchr(l->args[i], '/') || nd_cidr_parse(l->args[i], &all[lb->nprefer++]))
			return nd_setup_invalid(s, l, "network", l->args[i], "like \"10.0.0.0/8\"");
	return 0;
}

static int own(void *self, const struct nd_conf_line *l, void *ctx)
{
	struct nd_setup *s = ctx;

	struct loadbalance *lb = self;

	if (strcmp(l->name, "prefer") == 0)
		return lb->path ? nd_setup_error(s, l, "prefer needs the policy round_robin")
				: add_preferred(lb, l, s);
	if (!lb->path)
		return nd_setup_error(s, l, "reload needs the policy weighted");
	if (l->nargs != 1 || nd_settings_duration(l->args[0], &lb->reload_ns) || lb->reload_ns < 0)
		return nd_setup_error(s, l, "reload takes a duration like \"30s\", or 0");
	return 0;
}

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct loadbalance *lb = self;
	bool weighted = d->nargs && strcmp(d->args[0], "weighted") == 0;

	if (weighted && d->nargs != 2)
		return nd_setup_error(s, NULL, "weighted takes one file");
	if (d->nargs && !weighted && strcmp(d->args[0], "round_robin") != 0)
		return nd_setup_invalid(s, NULL, "policy", d->args[0], "round_robin or weighted");
	if (d->nargs > 1 && !weighted)
		return nd_setup_error(s, NULL, "unexpected \"%s\": round_robin takes no argument",
				      d->args[1]);
	lb->reload_ns = (int64_t)ND_S(30);
	if (weighted && !(lb->path = nd_setup_path(s, d->args[1])))
		return ND_ELIMIT;
	int err = nd_setup_settings(s, own, false);
	if (err || !weighted)
		return err;
	lb->weights = nd_weightfile_share(s, lb->path, (uint64_t)lb->reload_ns);
	return lb->weights ? 0 : s->diag->set ? ND_ECONF : ND_ELIMIT;
}

static int start(void *self, struct nd_setup *s)
{
	const struct loadbalance *lb = self;

	if (lb->weights)
		nd_weightfile_start(lb->weights, s->loop);
	return 0;
}

/* The offset of the owner's name; a pointer counts as its target. Equal names that are written
 * twice count as different; no server writes this. */
static unsigned owner_at(const struct nd_answer *a, const struct nd_record *r)
{
	const uint8_t *p = a->w.base + r->owner;
	return p[0] >= 0xc0 ? (p[0] & 0x3fu) << 8 | p[1] : r->owner;
}

static void swap_bytes(uint8_t *x, uint8_t *y, size_t n)
{
	uint8_t keep[16];

	memcpy(keep, x, n);
	memcpy(x, y, n);
	memcpy(y, keep, n);
}

static void swap_address(const struct nd_answer *a, const struct nd_record *x,
			 const struct nd_record *y)
{
	uint8_t *p = a->w.base + x->rdata, *q = a->w.base + y->rdata;

	if (x->type == ND_TYPE_A)
		swap_bytes(p, q, 4);
	else
		swap_bytes(p, q, 16);
}

/* Several small random numbers from one random word: the upper half of a 128-bit product is the
 * number, the lower half the word for the next one. The product of the choices so far is limited to
 * 32 bits, so the probabilities of any two orders differ by less than 2^-32. */
struct dice {
	uint64_t word, choices;
};

static unsigned roll_below(struct dice *d, unsigned n)
{
	if (d->choices * n > UINT32_MAX) {
		nd_random_bytes(&d->word, sizeof d->word);
		d->choices = 1;
	}
	unsigned __int128 product = (unsigned __int128)d->word * n;
	d->choices *= n;
	d->word = (uint64_t)product;
	return (unsigned)(product >> 64);
}

/* Shuffles the addresses of records [from, to), all of one owner and type, in place. */
static void shuffle(const struct nd_answer *a, unsigned from, unsigned to)
{
	struct dice d = { .choices = UINT32_MAX };

	for (unsigned n = to - from; n > 1; n--) {
		unsigned i = from + roll_below(&d, n), last = from + n - 1;
		if (i != last)
			swap_address(a, &a->record[i], &a->record[last]);
	}
}

/* Of shuffled records [from, to): those that are preferred move to the front. */
static void prefer(const struct loadbalance *lb, const struct nd_answer *a, unsigned from,
		   unsigned to)
{
	for (size_t place = 0; place < lb->nprefer; place++)
		for (unsigned i = from; i < to; i++) {
			const struct nd_record *r = &a->record[i];
			if (nd_choice_preference(lb, r->type, a->w.base + r->rdata) != place)
				continue;
			if (i != from)
				swap_address(a, r, &a->record[from]);
			from++;
		}
}

/* The end of the run of records from `from` with the same owner and type. */
static unsigned end_of_run(const struct nd_answer *a, unsigned from)
{
	const struct nd_record *first = &a->record[from], *r = first + 1, *end = a->record + a->n;
	unsigned owner = owner_at(a, first);

	while (r < end && r->type == first->type && r->section == first->section &&
	       r->rdata_len == first->rdata_len && owner_at(a, r) == owner)
		r++;
	return (unsigned)(r - a->record);
}

/* One address moves to the front of its section; the others keep their order. */
static void weigh(const struct loadbalance *lb, struct nd_query *q, bool simple)
{
	struct nd_answer *a = &q->ans;
	uint16_t type = q->msg.qtype;

	if (!nd_choice_is_address(type) && type != ND_TYPE_SRV)
		return;
	if (!simple && a->n <= ND_SECTIONS_RECORDS_MAX) {
		nd_sections_write(lb, q);
		return;
	}
	unsigned drawn = simple ? nd_choice_draw(lb, a, a->record->section) : 0;
	if (drawn && drawn < a->n)
		swap_address(a, &a->record[0], &a->record[drawn]);
}

static void on_reply(const void *self, struct nd_query *q)
{
	const struct loadbalance *lb = self;
	struct nd_answer *a = &q->ans;

	if (q->rcode != ND_RCODE_NOERROR || a->n < 2 || q->msg.qtype == ND_TYPE_AXFR ||
	    q->msg.qtype == ND_TYPE_IXFR)
		return;
	unsigned to = end_of_run(a, 0);
	bool simple = to == a->n && nd_choice_is_plain(a->record); /* addresses of one name */
	if (ND_UNLIKELY(lb->weights)) {
		weigh(lb, q, simple);
		return;
	}
	if (ND_UNLIKELY(!simple && a->n <= ND_SECTIONS_RECORDS_MAX &&
			(lb->nprefer || nd_sections_need_order(a)))) {
		nd_sections_write(lb, q);
		return;
	}
	for (unsigned from = 0; from < a->n; from = to) {
		to = from ? end_of_run(a, from) : to;
		if (!nd_choice_is_plain(&a->record[from]))
			continue;
		shuffle(a, from, to);
		if (ND_UNLIKELY(lb->nprefer))
			prefer(lb, a, from, to);
	}
}

const struct nd_plugin nd_plugin_loadbalance = {
	.name = "loadbalance",
	.repeat = ND_REPEAT_REFUSE,
	.self_size = sizeof(struct loadbalance),
	.settings = settings,
	.setup = setup,
	.start = start,
	.reply = on_reply,
};
