/* SPDX-License-Identifier: Apache-2.0 */
/* rewrite - changes the question for the plugins below, and changes the answer back (CoreDNS's
 * rewrite, 1.15). */
#include <string.h>
#include "core/query.h"
#include "core/worker.h"
#include "plugin/rewrite/rwback.h"
#include "plugin/rewrite/rwrule.h"
#include "plugin/rewrite/rwtext.h"

enum { CNAME_DEPTH_MAX = 8 }; /* nested lookups of CNAME targets, as in CoreDNS */

struct rewrite {
	struct nd_rwrule *rules; /* in the order of the Corefile */
	struct nd_rwrule **last;
};

struct state {
	struct nd_query_asked asked;
	struct nd_edns edns; /* the client's own */
	struct nd_rwback_step *steps;
	bool changed, options, cname;
	uint16_t cname_at;          /* index of the CNAME whose target is being looked up */
	struct nd_name_buf *target; /* in the query's memory; cname rules only */
};

static const char *keep_text(struct nd_query *q, const char *text)
{
	size_t n = strlen(text) + 1;
	char *copy = nd_query_alloc(q, n);

	return copy ? memcpy(copy, text, n) : "";
}

/* --- the way in --- */

/* False: the rule does not apply. An invalid new name is a failure, as in CoreDNS. */
static bool rename_by(const struct nd_rwrule *r, struct nd_query *q, struct nd_rwback_step *step,
		      bool *bad)
{
	char was[ND_NAME_TEXT_MAX], now[ND_RWRULE_TEXT_MAX];
	struct nd_name_buf buf;
	struct nd_name name;
	size_t n = nd_name_format(q->msg.qname, was);

	if (r->by_label ? !nd_rwtext_apply_labels(&r->match, q, was, n, now)
			: !nd_rwtext_apply(&r->match, q, was, n, now))
		return false;
	if (nd_name_parse(now, true, &buf, &name)) {
		q->error = nd_query_printf(q, "invalid name after rewrite: %s", now);
		*bad = true;
		return false;
	}
	if (r->automatic) {
		step->was = keep_text(q, was);
		step->now = keep_text(q, now);
	}
	nd_query_rename(q, name, q->msg.qtype);
	return true;
}

static bool selects(const struct nd_rwrule *r, const struct nd_query *q)
{
	char text[ND_NAME_TEXT_MAX];
	size_t n = nd_name_format(q->msg.qname, text);

	return nd_rwtext_matches(&r->match, q, text, n);
}

static bool apply(const struct nd_rwrule *r, struct nd_query *q, struct state *st,
		  struct nd_rwback_step *step, bool *bad)
{
	switch (r->kind) {
	case ND_RW_NAME: return rename_by(r, q, step, bad);
	case ND_RW_CLASS:
		if (q->msg.qclass != r->from)
			return false;
		q->msg.qclass = r->to;
		nd_query_rename(q, q->msg.qname, q->msg.qtype);
		return true;
	case ND_RW_TYPE:
		if (q->msg.qtype != r->from)
			return false;
		nd_query_rename(q, q->msg.qname, r->to);
		return true;
	case ND_RW_TTL:
	case ND_RW_RCODE: return selects(r, q);
	case ND_RW_CNAME: return st->cname = true;
	case ND_RW_EDNS: st->options = true; return nd_rwedns_apply(&r->edns, q, &step->undo);
	}
	return false;
}

static enum nd_verdict on_below(const void *self, struct nd_query *q, struct nd_query *child);

static enum nd_verdict rewrite(const void *self, struct nd_query *q)
{
	const struct rewrite *rw = self;
	struct state *st = nd_query_state(q);
	bool bad = false;

	if (!st)
		return nd_query_fail(q, ND_RCODE_SERVFAIL, "out of memory");
	nd_query_keep(q, &st->asked);
	st->edns = q->msg.edns;
	for (const struct nd_rwrule *r = rw->rules; r; r = r->next) {
		struct nd_rwback_step *step, found = { .rule = r, .next = st->steps };
		if (apply(r, q, st, &found, &bad)) {
			if (!(step = nd_query_alloc(q, sizeof *step)))
				return nd_query_fail(q, ND_RCODE_SERVFAIL, "out of memory");
			*step = found;
			st->steps = step;
			if (!r->continues)
				break;
		}
		if (bad)
			break;
	}
	if (st->steps || st->options || bad)
		nd_query_want_reply(q);
	if (bad) {
		st->steps = NULL;
		return nd_query_fail(q, ND_RCODE_SERVFAIL, q->error);
	}
	if (st->cname && q->depth <= CNAME_DEPTH_MAX)
		return nd_query_ask(q, q->msg.qname, q->msg.qtype, ND_ASK_BELOW, on_below);
	return ND_NEXT;
}

/* --- cname rules: the answer from below is changed before it is returned --- */

static bool target_of(const struct nd_answer *a, const struct nd_record *r, struct nd_name_buf *buf,
		      struct nd_name *out)
{
	struct nd_reader at = nd_reader_over(a->w.base, a->w.pos);

	at.pos = a->w.base + r->rdata;
	return r->type == ND_TYPE_CNAME && r->section == ND_SECTION_ANSWER &&
	       nd_name_read(&at, false, buf, out) == 0;
}

/* Finds the first CNAME that matches a rule; writes its new target to st. */
static bool find_cname(struct nd_query *q, struct state *st, struct nd_name *target)
{
	char text[ND_NAME_TEXT_MAX], now[ND_RWRULE_TEXT_MAX];
	struct nd_name_buf buf;
	struct nd_name old;

	for (uint16_t i = 0; i < q->ans.n; i++) {
		if (!target_of(&q->ans, &q->ans.record[i], &buf, &old))
			continue;
		size_t n = nd_name_format(old, text);
		for (const struct nd_rwback_step *s = st->steps; s; s = s->next) {
			if (s->rule->kind != ND_RW_CNAME ||
			    !nd_rwtext_apply(&s->rule->match, q, text, n, now) ||
			    nd_name_parse(now, true, st->target, target))
				continue;
			st->cname_at = i;
			return true;
		}
	}
	return false;
}

/* Writes the CNAMEs up to the one that matched, then the records of its new target. */
static enum nd_verdict on_target(const void *self, struct nd_query *q, struct nd_query *child)
{
	struct state *st = nd_query_state(q);
	struct nd_name target = nd_name_view(st->target->bytes);
	struct nd_rwback_copy copy;
	int err = 0;
	(void)self;

	if (child->failed || child->drop || st->cname_at >= q->ans.n)
		return ND_DONE; /* the answer from below is kept */
	if (nd_rwback_take(q, &copy))
		return nd_query_fail(q, ND_RCODE_SERVFAIL, "out of memory");
	nd_answer_reset(q);
	for (uint16_t i = 0; !err && i < copy.ans.n; i++) {
		const struct nd_record *r = &copy.ans.record[i];
		if (r->section == ND_SECTION_ANSWER &&
		    (r->type != ND_TYPE_CNAME || i >= st->cname_at))
			continue;
		if (r->section == ND_SECTION_ANSWER)
			err = nd_rwback_put(q, &copy, r, NULL);
	}
	const struct nd_record *r = &copy.ans.record[st->cname_at];
	struct nd_reader at = nd_reader_over(copy.bytes, copy.ans.w.pos);
	struct nd_name_buf buf;
	struct nd_name owner;
	at.pos = copy.bytes + r->owner;
	if (!err)
		err = nd_name_read(&at, false, &buf, &owner);
	if (!err)
		err = nd_answer_rr(q, ND_SECTION_ANSWER, owner, ND_TYPE_CNAME, ND_CLASS_IN,
				   nd_answer_ttl(&copy.ans, r), target.wire, target.len);
	if (!err)
		err = nd_answer_append(q, ND_SECTION_ANSWER, child, ND_SECTION_ANSWER);
	for (uint16_t i = 0; !err && i < copy.ans.n; i++)
		if (copy.ans.record[i].section != ND_SECTION_ANSWER)
			err = nd_rwback_put(q, &copy, &copy.ans.record[i], NULL);
	uint16_t of_child = ND_FLAG_TC; /* AD only if both parts are authenticated */
	if (copy.ans.flags & ND_FLAG_AD)
		of_child |= ND_FLAG_AD;
	q->ans.flags = (uint16_t)((copy.ans.flags & ~(ND_FLAG_TC | ND_FLAG_AD)) |
				  (child->ans.flags & of_child) | (err ? ND_FLAG_TC : 0));
	nd_answer_take_opt(q, &copy.ans);
	nd_rwback_free(&copy);
	return ND_DONE;
}

static enum nd_verdict on_below(const void *self, struct nd_query *q, struct nd_query *child)
{
	struct state *st = nd_query_state(q);
	struct nd_name target;
	(void)self;

	if (child->drop)
		return ND_DROP;
	if (nd_answer_take(q, child))
		q->ans.flags |= ND_FLAG_TC;
	if (q->failed)
		return ND_DONE;
	if (!st->target)
		st->target = nd_query_alloc(q, sizeof *st->target);
	if (!st->target)
		return nd_query_fail(q, ND_RCODE_SERVFAIL, "out of memory");
	if (find_cname(q, st, &target))
		return nd_query_ask(q, target, q->msg.qtype, ND_ASK_SITE, on_target);
	return ND_DONE;
}

/* --- the way back --- */

static void reply(const void *self, struct nd_query *q)
{
	struct state *st = nd_query_state(q);
	(void)self;

	nd_rwback_revert(q, &st->asked, st->steps);
	if (!st->options)
		return;
	/* Restores the client's size and DO; without an OPT in the query there is none in the reply
	 * (RFC 6891 s7). */
	q->msg.edns = st->edns;
	q->msg.edns.options_len = 0;
	if (!st->edns.present && !q->ans.ede)
		q->ans.opt = false;
}

/* --- setting up --- */

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct rewrite *rw = self;
	struct nd_rwrule *r = nd_arena_alloc(s->arena, sizeof *r);

	(void)d;
	if (!r)
		return ND_ELIMIT;
	if (!rw->last)
		rw->last = &rw->rules;
	*rw->last = r; /* linked before it is read, so that clear finds it half-built */
	rw->last = &r->next;
	return nd_rwrule_read(r, s);
}

static void clear(void *self)
{
	struct rewrite *rw = self;

	for (struct nd_rwrule *r = rw->rules; r; r = r->next)
		nd_rwrule_clear(r);
	rw->rules = NULL;
}

static void worker_stop(const void *self, void *state, struct nd_worker *w)
{
	struct nd_rwtext_worker *mine = state;
	(void)self;
	(void)w;

	nd_regex_scratch_free(mine->scratch);
	mine->scratch = NULL;
}

const struct nd_plugin nd_plugin_rewrite = {
	.name = "rewrite",
	.repeat = ND_REPEAT_MERGE,
	.self_size = sizeof(struct rewrite),
	.worker_size = sizeof(struct nd_rwtext_worker),
	.query_size = sizeof(struct state),
	.setup = setup,
	.clear = clear,
	.worker_stop = worker_stop,
	.query = rewrite,
	.reply = reply,
};
