/* SPDX-License-Identifier: Apache-2.0 */
#include "support/below.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "core/chain.h"
#include "wire/text.h"

struct nd_below nd_below;

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	(void)self;
	(void)d;
	(void)s;
	return 0;
}

static void write_rows(struct nd_query *q)
{
	struct nd_text_rr rr;

	for (const char *const *row = nd_below.rows; row && *row; row++) {
		enum nd_section section = **row == '+' ? ND_SECTION_AUTHORITY : ND_SECTION_ANSWER;
		const char *text = *row + (**row == '+'), *why = NULL;
		if (nd_text_parse_rr(text, strlen(text), NULL, 60, &rr, &why))
			fail_msg("%s: %s", text, why);
		assert_int_equal(nd_answer_rr(q, section, rr.owner, rr.type, rr.class, rr.ttl,
					      rr.rdata, rr.rdata_len),
				 0);
	}
}

static void answer(struct nd_query *q)
{
	if (nd_below.fails) {
		nd_query_fail(q, nd_below.rcode, "as set by the test");
		return;
	}
	if (nd_below.renames)
		nd_query_rename(q, nd_name_root, q->msg.qtype);
	write_rows(q);
	q->rcode = nd_below.rcode;
	q->ans.flags |= nd_below.flags;
	if (nd_below.opt_len) {
		q->ans.opt = true;
		q->ans.opt_size = 1232;
		q->ans.opt_flags = 0;
		q->ans.opt_options = nd_below.opt;
		q->ans.opt_options_len = (uint16_t)nd_below.opt_len;
	}
}

/* Called again for a query that was released. */
static enum nd_verdict query(const void *self, struct nd_query *q)
{
	bool *released = nd_query_state(q);
	(void)self;

	assert_non_null(released);
	if (!*released) {
		nd_below.queries++;
		nd_below.seen_flags = q->msg.flags;
		nd_below.seen_edns = q->msg.edns;
		nd_below.seen_proto = q->client.proto;
		nd_below.seen_depth = q->depth;
	}
	if (nd_below.waits && !*released) {
		assert_in_range(nd_below.nwaiting, 0, ND_BELOW_WAITING_MAX - 1);
		*released = true;
		nd_below.waiting[nd_below.nwaiting++] = nd_query_park(q);
		return ND_WAIT;
	}
	answer(q);
	return ND_DONE;
}

static struct nd_query_ref take(unsigned i)
{
	struct nd_query_ref ref = nd_below.waiting[i];

	nd_below.nwaiting--;
	memmove(&nd_below.waiting[i], &nd_below.waiting[i + 1],
		(nd_below.nwaiting - i) * sizeof ref);
	return ref;
}

void nd_below_release(void)
{
	assert_in_range(nd_below.nwaiting, 1, ND_BELOW_WAITING_MAX);
	nd_chain_resume(take(0), ND_AGAIN);
}

static void cancel(const void *self, struct nd_query_ref ref)
{
	(void)self;
	for (unsigned i = 0; i < nd_below.nwaiting; i++) {
		if (nd_below.waiting[i].q != ref.q)
			continue;
		take(i);
		nd_below.cancelled++;
		return;
	}
	fail_msg("cancelled, but does not wait");
}

const struct nd_plugin nd_plugin_below = {
	.name = "below",
	.repeat = ND_REPEAT_INSTANCES,
	.query_size = sizeof(bool),
	.setup = setup,
	.query = query,
	.cancel = cancel,
};
