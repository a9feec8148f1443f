/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/rewrite/rwback.h"

#include <stdlib.h>
#include <string.h>
#include "plugin/rewrite/rwtext.h"

int nd_rwback_take(struct nd_query *q, struct nd_rwback_copy *copy)
{
	const struct nd_answer *a = &q->ans;
	size_t records = a->n * sizeof *a->record;

	copy->ans = *a;
	copy->ans.record = malloc(records + 1);
	copy->bytes = copy->ans.w.base = malloc(a->w.pos);
	if (!copy->ans.record || !copy->bytes) {
		nd_rwback_free(copy);
		return ND_ELIMIT;
	}
	if (records)
		memcpy(copy->ans.record, a->record, records);
	memcpy(copy->bytes, a->w.base, a->w.pos);
	return 0;
}

void nd_rwback_free(struct nd_rwback_copy *copy)
{
	free(copy->ans.record);
	free(copy->bytes);
	copy->ans.record = NULL;
	copy->bytes = NULL;
}

/* --- texts --- */

static bool ends_in(const char *text, size_t n, const char *end, size_t end_len)
{
	return end_len <= n && memcmp(text + n - end_len, end, end_len) == 0;
}

/* Replaces the end of `text`; `label`: only the whole text, or after a dot. */
static bool change_end(char text[ND_RWRULE_TEXT_MAX], const char *from, const char *to, bool label)
{
	size_t n = strlen(text), from_len = strlen(from), to_len = strlen(to);

	if (!ends_in(text, n, from, from_len))
		return false;
	size_t keep = n - from_len;
	if ((label && keep && text[keep - 1] != '.') || keep + to_len >= ND_RWRULE_TEXT_MAX)
		return false;
	memcpy(text + keep, to, to_len + 1);
	return true;
}

static bool change_by_rule(const struct nd_query *q, const struct nd_rwback_step *step, bool value,
			   char text[ND_RWRULE_TEXT_MAX])
{
	const struct nd_rwrule *r = step->rule;
	char to[ND_RWRULE_TEXT_MAX];
	bool changed = false;

	/* Last first, the reverse of the order in the rule. */
	for (size_t i = r->nanswers; i-- > 0;) {
		const struct nd_rwrule_answer *a = &r->answers[i];
		if (a->value != value || !nd_rwtext_apply(&a->match, q, text, strlen(text), to))
			continue;
		memcpy(text, to, strlen(to) + 1);
		changed = true;
	}
	if (!r->automatic)
		return changed;
	if (r->match.how == ND_RW_SUFFIX)
		return change_end(text, r->match.to, r->match.from, false) || changed;
	return change_end(text, step->now, step->was, true) || changed;
}

/* The name after all steps, in buf; unchanged if no step applies or the result is not a name. */
static struct nd_name change_name(const struct nd_query *q, struct nd_name name, bool value,
				  const struct nd_rwback_step *steps, struct nd_name_buf *buf)
{
	char text[ND_RWRULE_TEXT_MAX];
	struct nd_name out;
	bool changed = false;

	nd_name_format(name, text);
	for (const struct nd_rwback_step *s = steps; s; s = s->next)
		if (s->rule->kind == ND_RW_NAME)
			changed = change_by_rule(q, s, value, text) || changed;
	if (changed && nd_name_parse(text, false, buf, &out) == 0)
		return out;
	return name;
}

/* --- records --- */

/* The offset of the name that `answer value` replaces; -1: the type has none. */
static int value_at(uint16_t type, const uint8_t *rdata, size_t n)
{
	size_t at = 4;

	switch (type) {
	case ND_TYPE_CNAME:
	case ND_TYPE_NS:
	case ND_TYPE_PTR:
	case ND_TYPE_DNAME:
	case ND_TYPE_SOA: return 0;
	case ND_TYPE_MX: return 2;
	case ND_TYPE_SRV: return 6;
	case ND_TYPE_NAPTR: /* after order, preference and three strings */
		for (int i = 0; i < 3 && at < n; i++)
			at += 1u + rdata[at];
		return at < n ? (int)at : -1;
	}
	return -1;
}

static size_t change_value(const struct nd_query *q, uint16_t type, uint8_t *rdata, size_t n,
			   size_t cap, const struct nd_rwback_step *steps)
{
	int at = value_at(type, rdata, n);
	struct nd_name_buf buf;

	if (at < 0 || (size_t)at >= n)
		return n;
	struct nd_name old = nd_name_view(rdata + at);
	struct nd_name name = change_name(q, old, true, steps, &buf);
	size_t rest = n - (size_t)at - old.len;
	if (name.wire == old.wire || (size_t)at + name.len + rest > cap)
		return n;
	memmove(rdata + at + name.len, rdata + at + old.len, rest);
	memcpy(rdata + at, name.wire, name.len);
	return (size_t)at + name.len + rest;
}

static uint32_t change_ttl(uint32_t ttl, const struct nd_rwback_step *steps)
{
	for (; steps; steps = steps->next) {
		const struct nd_rwrule *r = steps->rule;
		if (r->kind != ND_RW_TTL)
			continue;
		if (ttl < r->ttl_min)
			ttl = r->ttl_min;
		else if (ttl > r->ttl_max)
			ttl = r->ttl_max;
	}
	return ttl;
}

int nd_rwback_put(struct nd_query *q, const struct nd_rwback_copy *copy, const struct nd_record *r,
		  const struct nd_rwback_step *steps)
{
	const struct nd_answer *a = &copy->ans;
	uint8_t rdata[ND_MSG_MAX];
	struct nd_name_buf owner_buf, changed_buf;
	struct nd_name owner;
	struct nd_reader at = nd_reader_over(a->w.base, a->w.pos);

	at.pos = a->w.base + r->owner;
	int err = nd_name_read(&at, false, &owner_buf, &owner);
	if (err)
		return err;
	int n = nd_rr_expand_rdata(a->w.base, a->w.pos, r->rdata, r->rdata_len, r->type, rdata,
				   sizeof rdata);
	if (n < 0)
		return n;
	if (steps) {
		owner = change_name(q, owner, false, steps, &changed_buf);
		n = (int)change_value(q, r->type, rdata, (size_t)n, sizeof rdata, steps);
	}
	return nd_answer_rr(q, (enum nd_section)r->section, owner, r->type,
			    nd_reader_peek16(a->w.base + r->ttl_at - 2),
			    change_ttl(nd_answer_ttl(a, r), steps), rdata, (size_t)n);
}

/* --- the answer --- */

static void change_rcode(struct nd_query *q, const struct nd_rwback_step *steps)
{
	for (const struct nd_rwback_step *s = steps; s; s = s->next) {
		if (s->rule->kind != ND_RW_RCODE || q->rcode != s->rule->from)
			continue;
		q->rcode = s->rule->to;
		q->failed = false; /* now an answer, no longer an error of this server */
	}
}

void nd_rwback_revert(struct nd_query *q, const struct nd_query_asked *asked,
		      const struct nd_rwback_step *steps)
{
	struct nd_rwback_copy copy;

	if (nd_rwback_take(q, &copy)) {
		nd_query_restore(q, asked);
		nd_query_fail(q, ND_RCODE_SERVFAIL, "out of memory");
		return;
	}
	nd_query_restore(q, asked);
	for (unsigned i = 0; i < copy.ans.n; i++) {
		if (nd_rwback_put(q, &copy, &copy.ans.record[i], steps)) {
			copy.ans.flags |= ND_FLAG_TC; /* no room for the rest */
			break;
		}
	}
	q->ans.flags = copy.ans.flags;
	q->ans.ede = copy.ans.ede;
	q->ans.ede_text = copy.ans.ede_text;
	q->ans.opt = copy.ans.opt;
	q->ans.opt_options = copy.ans.opt_options;
	q->ans.opt_options_len = copy.ans.opt_options_len;
	q->ans.opt_size = copy.ans.opt_size;
	q->ans.opt_flags = copy.ans.opt_flags;
	nd_rwback_free(&copy);
	change_rcode(q, steps);
	for (const struct nd_rwback_step *s = steps; s; s = s->next)
		if (s->rule->kind == ND_RW_EDNS)
			nd_rwedns_undo(&s->rule->edns, &s->undo, q);
}
