/* SPDX-License-Identifier: Apache-2.0 */
/* minimal - leaves authority and additional sections out of positive answers (CoreDNS's
 * minimal). */
#include "core/query.h"
#include "core/setup.h"

static const struct nd_setting settings[] = { { 0 } };

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	(void)self;
	int err = nd_settings_args(d, "minimal", 0, 0, s->diag);
	return err ? err : nd_setup_settings(s, NULL, false);
}

static bool has_authority(const struct nd_answer *a, uint16_t type)
{
	for (unsigned i = 0; i < a->n; i++)
		if (a->record[i].section == ND_SECTION_AUTHORITY && a->record[i].type == type)
			return true;
	return false;
}

/* CoreDNS's response.NoError: neither a denial, an error, a delegation nor a transfer. */
static bool is_positive(const struct nd_query *q)
{
	const struct nd_answer *a = &q->ans;

	if (q->drop || q->failed || q->rcode != ND_RCODE_NOERROR ||
	    nd_msg_opcode(&q->msg) != ND_OPCODE_QUERY || q->msg.qtype == ND_TYPE_AXFR ||
	    q->msg.qtype == ND_TYPE_IXFR)
		return false;
	return a->count[ND_SECTION_ANSWER] ||
	       (!has_authority(a, ND_TYPE_SOA) && !has_authority(a, ND_TYPE_NS));
}

/* The OPT of an upstream is in the additional section too; core adds our own. */
static void reply(const void *self, struct nd_query *q)
{
	(void)self;
	if (!is_positive(q))
		return;
	nd_answer_cut(q, q->ans.count[ND_SECTION_ANSWER]);
	q->ans.opt = false;
	q->ans.opt_options_len = 0;
	q->ans.ede = 0;
}

const struct nd_plugin nd_plugin_minimal = {
	.name = "minimal",
	.settings = settings,
	.setup = setup,
	.reply = reply,
};
