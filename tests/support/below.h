/* SPDX-License-Identifier: Apache-2.0 */
/* below.h - the plugin "below" of a test: gives the answer that the test sets, at once or later.
 *
 * Threads: one.
 * Errors:  fail the test.
 */
#pragma once

#include "core/query.h"
#include "core/setup.h"

enum { ND_BELOW_WAITING_MAX = 64 };

struct nd_below {
	/* The answer. rows: records as text, of any owner, "+" before those of the authority
	 * section; NULL-terminated, NULL: none. opt: an OPT with this option (code, length, data),
	 * as an upstream may send it. */
	const char *const *rows;
	uint16_t rcode, flags;
	const uint8_t *opt;
	size_t opt_len;
	bool fails;   /* no answer: nd_query_fail with rcode */
	bool renames; /* does not restore the question */
	bool waits;   /* queries wait for nd_below_release() */

	/* The queries seen. */
	unsigned queries;
	uint16_t seen_flags; /* of the last one */
	struct nd_edns seen_edns;
	enum nd_proto seen_proto;
	uint8_t seen_depth;
	struct nd_query_ref waiting[ND_BELOW_WAITING_MAX]; /* oldest first */
	unsigned nwaiting, cancelled;
};

extern struct nd_below nd_below;
extern const struct nd_plugin nd_plugin_below;

/* Answers the oldest waiting query with what is set now. */
void nd_below_release(void);
