/* SPDX-License-Identifier: Apache-2.0 */
/* loadbalance - shuffles A, AAAA and MX records, and puts CNAMEs first (CoreDNS's round_robin). */
#include <netinet/in.h>
#include <string.h>
#include "core/query.h"
#include "core/setup.h"
#include "io/random.h"

struct loadbalance {
	struct nd_cidr *prefer; /* in the order of their preference */
	size_t nprefer;
};

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

	if (strcmp(l->name, "reload") == 0)
		return nd_setup_error(s, l, "reload needs the policy weighted");
	return add_preferred(self, l, s);
}

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	(void)self;
	if (d->nargs && strcmp(d->args[0], "weighted") == 0) {
		if (d->nargs != 2)
			return nd_setup_error(s, NULL, "weighted takes one file");
		return nd_setup_unsupported(s, NULL, "weighted");
	}
	if (d->nargs && strcmp(d->args[0], "round_robin") != 0)
		return nd_setup_invalid(s, NULL, "policy", d->args[0], "round_robin");
	if (d->nargs > 1)
		return nd_setup_error(s, NULL, "unexpected \"%s\": round_robin takes no argument",
				      d->args[1]);
	return nd_setup_settings(s, own, false);
}

static bool is_address(uint16_t type)
{
	return type == ND_TYPE_A || type == ND_TYPE_AAAA;
}

/* An address with the length of its type. */
static bool is_plain_address(const struct nd_record *r)
{
	return (r->type == ND_TYPE_A && r->rdata_len == 4) ||
	       (r->type == ND_TYPE_AAAA && r->rdata_len == 16);
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

/* The place of an address in the order of preference: that of the first network that has it. */
static size_t preference(const struct loadbalance *lb, uint16_t type, const uint8_t *rdata)
{
	struct nd_addr a = nd_addr_from(type == ND_TYPE_A ? AF_INET : AF_INET6, rdata, 0);
	size_t i = 0;

	while (i < lb->nprefer && !nd_cidr_has(&lb->prefer[i], &a))
		i++;
	return i;
}

/* Of shuffled records [from, to): those that are preferred move to the front. */
static void prefer(const struct loadbalance *lb, const struct nd_answer *a, unsigned from,
		   unsigned to)
{
	for (size_t place = 0; place < lb->nprefer; place++)
		for (unsigned i = from; i < to; i++) {
			const struct nd_record *r = &a->record[i];
			if (preference(lb, r->type, a->w.base + r->rdata) != place)
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

/* True if shuffling in place is not enough: several MX records, or a CNAME after other records. */
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

/* CoreDNS's order in a section: CNAMEs, others, addresses, MX; the last two are shuffled. With
 * `prefer` the others are last, except in the authority section. */
enum rank { CNAME, OTHER, ADDRESS, MX, RANKS };

static enum rank rank_of(uint16_t type)
{
	return type == ND_TYPE_CNAME ? CNAME
	       : is_address(type)    ? ADDRESS
	       : type == ND_TYPE_MX  ? MX
				     : OTHER;
}

/* Of addresses: those with this preference. */
static void put_rank(const struct loadbalance *lb, struct nd_query *q, struct piece *all,
		     unsigned n, unsigned section, enum rank want, size_t place)
{
	unsigned chosen[REBUILD_MAX], count = 0;

	for (unsigned i = 0; i < n; i++)
		if (all[i].section == section && rank_of(all[i].type) == want &&
		    (want != ADDRESS || preference(lb, all[i].type, all[i].rdata) == place))
			chosen[count++] = i;
	while (count) {
		unsigned pick = want >= ADDRESS ? nd_random_below(count) : 0;
		const struct piece *p = &all[chosen[pick]];
		(void)nd_answer_rr(q, (enum nd_section)section, p->owner, p->type, p->class, p->ttl,
				   p->rdata, p->rdata_len);
		memmove(chosen + pick, chosen + pick + 1, (count - pick - 1) * sizeof *chosen);
		count--;
	}
}

static void put_section(const struct loadbalance *lb, struct nd_query *q, struct piece *all,
			unsigned n, unsigned section)
{
	static const enum rank orders[2][RANKS] = { { CNAME, OTHER, ADDRESS, MX },
						    { CNAME, ADDRESS, MX, OTHER } };
	bool prefers = lb->nprefer && section != ND_SECTION_AUTHORITY;

	for (unsigned i = 0; i < RANKS; i++) {
		enum rank rank = orders[prefers][i];
		for (size_t place = 0; place <= (rank == ADDRESS ? lb->nprefer : 0); place++)
			put_rank(lb, q, all, n, section, rank, place);
	}
}

static void rebuild(const struct loadbalance *lb, struct nd_query *q)
{
	struct nd_answer *a = &q->ans;
	struct piece *all = nd_query_alloc(q, a->n * sizeof *all);
	struct nd_answer was = *a;
	unsigned n = a->n;

	for (unsigned i = 0; all && i < n; i++)
		if (!take_piece(q, &a->record[i], &all[i]))
			return; /* too large: left as it is */
	if (!all)
		return;
	nd_answer_reset(q);
	for (unsigned section = 0; section < 3; section++)
		put_section(lb, q, all, n, section);
	a->flags = was.flags;
	a->ede = was.ede;
	a->ede_text = was.ede_text;
	a->opt = was.opt;
}

static void on_reply(const void *self, struct nd_query *q)
{
	const struct loadbalance *lb = self;
	struct nd_answer *a = &q->ans;

	if (q->rcode != ND_RCODE_NOERROR || a->n < 2 || q->msg.qtype == ND_TYPE_AXFR ||
	    q->msg.qtype == ND_TYPE_IXFR)
		return;
	unsigned to = end_of_run(a, 0);
	bool simple = to == a->n && is_plain_address(a->record); /* addresses of one name */
	if (ND_UNLIKELY(!simple && a->n <= REBUILD_MAX && (lb->nprefer || needs_rebuild(a)))) {
		rebuild(lb, q);
		return;
	}
	for (unsigned from = 0; from < a->n; from = to) {
		to = from ? end_of_run(a, from) : to;
		if (!is_plain_address(&a->record[from]))
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
	.reply = on_reply,
};
