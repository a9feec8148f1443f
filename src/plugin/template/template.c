/* SPDX-License-Identifier: Apache-2.0 */
/* template - answers from Go templates (CoreDNS's template, 1.15). */
#include <stdlib.h>
#include <string.h>
#include "core/gen.h"
#include "core/query.h"
#include "core/worker.h"
#include "plugin/template/rule.h"
#include "plugin/template/scene.h"
#include "wire/text.h"

struct template
{
	struct nd_rule *rules; /* in the order of the Corefile */
	struct nd_rule **last;
	struct nd_tally **tally; /* by endpoint: matches, and failures by kind, of each rule */
	struct nd_gen *gen;
	const struct nd_block *block;
	unsigned nrules;
};

/* Cells of one rule. */
enum { MATCHES, TEMPLATE_FAILURES, RR_FAILURES, CELLS };

/* The progress of a query while the target of a CNAME is being looked up. */
struct state {
	const struct nd_rule *rule;
	size_t answer; /* the next of the rule's answers */
};

struct worker {
	struct nd_regex_scratch *scratch; /* created on first use */
};

static void count(const struct template *t, const struct nd_query *q, const struct nd_rule *r,
		  unsigned what)
{
	nd_metric_add(&nd_tally_cells(t->tally[q->endpoint->index],
				      q->worker->id)[r->index * CELLS + what],
		      1);
}

static struct nd_regex_scratch *scratch_of(const struct nd_query *q)
{
	struct worker *mine = nd_query_worker_state(q);

	return nd_regex_scratch_get(&mine->scratch);
}

/* --- one record --- */

static int write_record(const struct template *t, struct nd_query *q, const struct nd_rule *r,
			struct nd_scene *s, const struct nd_rule_text *text,
			enum nd_section section, struct nd_text_rr *rr)
{
	const char *why;
	char buf[256];
	struct nd_buf out;

	nd_buf_init(&out, 65536);
	int err = nd_scene_execute(s, text->tmpl, &out, buf, sizeof buf);
	if (err) {
		count(t, q, r, TEMPLATE_FAILURES);
		nd_query_fail(q, ND_RCODE_SERVFAIL,
			      nd_query_printf(q, "template: %s: %s", text->source, buf));
	} else {
		err = nd_text_parse_rr(nd_buf_string(&out), out.len, NULL, 3600, rr, &why);
		if (!err)
			err = nd_answer_rr(q, section, rr->owner, rr->type, rr->class, rr->ttl,
					   rr->rdata, rr->rdata_len);
		else
			count(t, q, r, RR_FAILURES);
		if (err)
			nd_query_fail(q, ND_RCODE_SERVFAIL,
				      nd_query_printf(q, "dns: %s: \"%s\"",
						      err == ND_ELIMIT ? nd_err_text(err) : why,
						      nd_buf_string(&out)));
	}
	nd_buf_clear(&out);
	return err;
}

static int write_section(const struct template *t, struct nd_query *q, const struct nd_rule *r,
			 struct nd_scene *s, const struct nd_rule_texts *texts,
			 enum nd_section section)
{
	struct nd_text_rr *rr = malloc(sizeof *rr);
	int err = rr ? 0 : ND_ELIMIT;

	for (size_t i = 0; !err && i < texts->n; i++)
		err = write_record(t, q, r, s, &texts->item[i], section, rr);
	free(rr);
	return err;
}

/* --- the answer --- */

static enum nd_verdict write_answer(const struct template *t, struct nd_query *q,
				    struct nd_scene *s, struct state *st);

static enum nd_verdict on_target(const void *self, struct nd_query *q, struct nd_query *child)
{
	const struct template *t = self;
	struct state *st = nd_query_state(q);
	struct nd_scene s;

	nd_answer_append_cut(q, ND_SECTION_ANSWER, child);
	/* The scene was on the stack; it is rebuilt from the query. */
	nd_scene_open(&s, q);
	if (nd_scene_match(&s, st->rule, scratch_of(q)) != ND_SCENE_MATCH) {
		nd_scene_close(&s);
		return nd_query_fail(q, ND_RCODE_SERVFAIL, "template: no match after the lookup");
	}
	enum nd_verdict v = write_answer(t, q, &s, st);
	nd_scene_close(&s);
	return v;
}

static enum nd_verdict write_answer(const struct template *t, struct nd_query *q,
				    struct nd_scene *s, struct state *st)
{
	const struct nd_rule *r = st->rule;
	struct nd_text_rr *rr = malloc(sizeof *rr);
	bool address = q->msg.qtype == ND_TYPE_A || q->msg.qtype == ND_TYPE_AAAA;

	if (!rr)
		return nd_query_fail(q, ND_RCODE_SERVFAIL, "out of memory");
	while (st->answer < r->answers.n) {
		if (write_record(t, q, r, s, &r->answers.item[st->answer], ND_SECTION_ANSWER, rr)) {
			free(rr);
			return ND_DONE;
		}
		st->answer++;
		if (address && rr->type == ND_TYPE_CNAME && q->depth + 1 < ND_QUERY_DEPTH_MAX) {
			struct nd_name_buf buf;
			struct nd_name target = nd_name_copy(nd_name_view(rr->rdata), &buf);
			free(rr);
			return nd_query_ask(q, target, q->msg.qtype, ND_ASK_SITE, on_target);
		}
	}
	free(rr);
	if (write_section(t, q, r, s, &r->authorities, ND_SECTION_AUTHORITY) ||
	    write_section(t, q, r, s, &r->additionals, ND_SECTION_ADDITIONAL))
		return ND_DONE;
	q->rcode = r->rcode;
	q->ans.flags |= ND_FLAG_AA;
	if (r->ede)
		nd_answer_set_ede(q, r->ede_code, r->ede_text);
	return ND_DONE;
}

static enum nd_verdict answer(const void *self, struct nd_query *q)
{
	const struct template *t = self;

	struct nd_regex_scratch *scratch = scratch_of(q);

	for (const struct nd_rule *r = t->rules; r && scratch; r = r->next) {
		struct nd_scene s;
		if (!nd_rule_concerns(r, q))
			continue;
		nd_scene_open(&s, q);
		enum nd_scene_result result = nd_scene_match(&s, r, scratch);
		enum nd_verdict v = ND_NEXT;
		if (result == ND_SCENE_MATCH) {
			struct state *st = nd_query_state(q);
			count(t, q, r, MATCHES);
			if (!st || r->rcode == ND_RCODE_SERVFAIL) {
				v = nd_query_fail(q, ND_RCODE_SERVFAIL, NULL);
			} else {
				*st = (struct state){ .rule = r };
				v = write_answer(t, q, &s, st);
			}
		} else if (result == ND_SCENE_BROKEN ||
			   !nd_setup_falls_through(&r->fall, q->msg.qname)) {
			v = nd_query_fail(q, ND_RCODE_SERVFAIL, NULL);
		}
		nd_scene_close(&s);
		if (v != ND_NEXT)
			return v;
	}
	return ND_NEXT;
}

/* --- setting up --- */

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct template *t = self;
	struct nd_rule *r = nd_arena_alloc(s->arena, sizeof *r);

	(void)d;
	if (!r)
		return ND_ELIMIT;
	if (!t->last)
		t->last = &t->rules;
	*t->last = r; /* linked before it is read, so that clear finds it half-built */
	t->last = &r->next;
	r->index = t->nrules++;
	t->gen = s->gen;
	t->block = s->block;
	return nd_rule_read(r, s);
}

static void emit(struct nd_metric_out *out, const struct nd_endpoint *e, const char *view,
		 const struct nd_rule *r, const struct nd_tally *tally)
{
	static const char *const match_labels[] = {
		"server", "zone", "view", "class", "type", NULL
	};
	static const char *const failure_labels[] = { "server", "zone",    "view",     "class",
						      "type",   "section", "template", NULL };
	static const struct nd_metric_family
		matches = ND_COUNTER("coredns_template_matches_total",
				     "Counter of template regex matches.", match_labels),
		failures = ND_COUNTER("coredns_template_template_failures_total",
				      "Counter of go template failures.", failure_labels),
		rr_failures = ND_COUNTER("coredns_template_rr_failures_total",
					 "Counter of mis-templated RRs.", failure_labels);
	char a[ND_NUMBER_TEXT_MAX], b[ND_NUMBER_TEXT_MAX];
	const char *values[] = { e->label,
				 r->zone_text,
				 view,
				 nd_type_class_text(r->class, a),
				 nd_type_text(r->type, b),
				 "",
				 "" };
	uint64_t n = nd_tally_sum(tally, r->index * CELLS + MATCHES);

	if (n)
		nd_metric_emit(out, &matches, values, (double)n);
	values[5] = "answer";
	values[6] = r->answers.n ? r->answers.item[0].source : "";
	n = nd_tally_sum(tally, r->index * CELLS + TEMPLATE_FAILURES);
	if (n)
		nd_metric_emit(out, &failures, values, (double)n);
	n = nd_tally_sum(tally, r->index * CELLS + RR_FAILURES);
	if (n)
		nd_metric_emit(out, &rr_failures, values, (double)n);
}

static void collect(void *ctx, struct nd_metric_out *out)
{
	const struct template *t = ctx;

	for (size_t i = 0; i < t->gen->nendpoints; i++)
		for (const struct nd_rule *r = t->rules; t->tally[i] && r; r = r->next)
			emit(out, &t->gen->endpoints[i], t->block->view, r, t->tally[i]);
}

static int start(void *self, struct nd_setup *s)
{
	struct template *t = self;
	struct nd_buf key;

	nd_buf_init(&key, 512);
	for (const struct nd_rule *r = t->rules; r; r = r->next)
		nd_buf_printf(&key, "%s %u %u;", r->zone_text, r->class, r->type);
	t->tally = nd_tally_by_endpoint(s, "template", nd_buf_string(&key), CELLS * t->nrules);
	nd_buf_clear(&key);
	if (!t->tally)
		return ND_ELIMIT;
	nd_setup_collect(s, collect, t);
	return 0;
}

static void clear(void *self)
{
	struct template *t = self;

	for (struct nd_rule *r = t->rules; r; r = r->next)
		nd_rule_clear(r);
	t->rules = NULL;
}

static void worker_stop(const void *self, void *state, struct nd_worker *w)
{
	struct worker *mine = state;
	(void)self;
	(void)w;

	nd_regex_scratch_free(mine->scratch);
	mine->scratch = NULL;
}

const struct nd_plugin nd_plugin_template = {
	.name = "template",
	.repeat = ND_REPEAT_MERGE,
	.self_size = sizeof(struct template),
	.worker_size = sizeof(struct worker),
	.query_size = sizeof(struct state),
	.setup = setup,
	.start = start,
	.clear = clear,
	.worker_stop = worker_stop,
	.query = answer,
};
