/* SPDX-License-Identifier: Apache-2.0 */
/* rtt.h - how long an upstream takes: a running high quantile of its round-trip times.
 *
 * Answers are bimodal (cached there, or looked up further), so a mean with a deviation says
 * little; a quantile needs no more than "was it above or below". A timer that fires says "above"
 * as surely as a measured answer does.
 *
 * Karn's rule: an answer to a question that was sent twice to the same server measures nothing;
 * the caller gives no sample for it.
 * Owns: nothing; a value of its owner's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	ND_RTT_FLOOR_MS = 10,
	ND_RTT_START_MS = 250, /* before anything is known */
	ND_RTT_CEILING_MS = 1000,
};

struct nd_rtt {
	uint64_t quantile_ns; /* about 98 of 100 answers come within it; 0: nothing known */
};

/* An answer took this long. */
void nd_rtt_sample(struct nd_rtt *r, uint64_t ns);
/* No answer within the timer: a sample above the estimate, its size unknown. */
void nd_rtt_missed(struct nd_rtt *r);
/* When to send again: half as long again as the quantile, doubled with every send before
 * (sends >= 1: how often it was sent), between floor and ceiling. */
uint64_t nd_rtt_timer_ns(const struct nd_rtt *r, unsigned sends);
