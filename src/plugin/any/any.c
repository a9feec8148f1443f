/* SPDX-License-Identifier: Apache-2.0 */
/* any - RFC 8482 s4.2: answers ANY queries with one HINFO record (its texts are CoreDNS's). */
#include "core/query.h"
#include "core/setup.h"

static const struct nd_setting settings[] = { { 0 } };

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	(void)self;
	int err = nd_settings_args(d, "any", 0, 0, s->diag);
	return err ? err : nd_setup_settings(s, NULL, false);
}

static enum nd_verdict answer(const void *self, struct nd_query *q)
{
	static const uint8_t hinfo[] = "\x0d"
				       "ANY obsoleted"
				       "\x0c"
				       "See RFC 8482";

	(void)self;
	if (q->msg.qtype != ND_TYPE_ANY)
		return ND_NEXT;
	nd_answer_rr(q, ND_SECTION_ANSWER, nd_query_name_asked(q), ND_TYPE_HINFO, ND_CLASS_IN, 8482,
		     hinfo, sizeof hinfo - 1);
	return ND_DONE;
}

const struct nd_plugin nd_plugin_any = {
	.name = "any",
	.settings = settings,
	.setup = setup,
	.query = answer,
};
