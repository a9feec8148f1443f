/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/loadbalance/sections.h"

#include <string.h>
#include "io/random.h"

bool nd_sections_need_order(const struct nd_answer *a)
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
	return type == ND_TYPE_CNAME        ? CNAME
	       : nd_choice_is_address(type) ? ADDRESS
	       : type == ND_TYPE_MX         ? MX
					    : OTHER;
}

/* Of addresses: those with this preference. */
static void put_rank(const struct loadbalance *lb, struct nd_query *q, struct piece *all,
		     unsigned n, unsigned section, enum rank want, size_t place)
{
	unsigned chosen[ND_SECTIONS_RECORDS_MAX], count = 0;

	for (unsigned i = 0; i < n; i++)
		if (all[i].section == section && rank_of(all[i].type) == want &&
		    (want != ADDRESS ||
		     nd_choice_preference(lb, all[i].type, all[i].rdata) == place))
			chosen[count++] = i;
	while (count) {
		unsigned pick = want >= ADDRESS && !lb->weights ? nd_random_below(count) : 0;
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

/* The address that was drawn changes places with the first one. */
static void move_drawn(const struct loadbalance *lb, const struct nd_answer *a, struct piece *all,
		       unsigned section)
{
	unsigned drawn = nd_choice_draw(lb, a, section), first = 0;

	if (drawn == a->n)
		return;
	while (a->record[first].section != section || !nd_choice_is_plain(&a->record[first]))
		first++;
	struct piece keep = all[first];
	all[first] = all[drawn];
	all[drawn] = keep;
}

void nd_sections_write(const struct loadbalance *lb, struct nd_query *q)
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
	if (lb->weights) {
		move_drawn(lb, a, all, ND_SECTION_ANSWER);
		move_drawn(lb, a, all, ND_SECTION_ADDITIONAL);
	}
	nd_answer_reset(q);
	for (unsigned section = 0; section < 3; section++)
		put_section(lb, q, all, n, section);
	a->flags = was.flags;
	a->ede = was.ede;
	a->ede_text = was.ede_text;
	a->opt = was.opt;
}
