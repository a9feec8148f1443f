/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/quota.h"

#include <string.h>
#include "base/time.h"

static struct nd_quota_part *current(struct nd_quota *q, uint64_t now_ns)
{
	uint64_t part = now_ns / (ND_NS_PER_S / ND_QUOTA_PARTS);

	if (part != q->part && part - q->part >= ND_QUOTA_PARTS) {
		memset(q->parts, 0, sizeof q->parts);
		q->sum = (struct nd_quota_part){ 0 };
		q->part = part;
	}
	while (q->part != part) {
		struct nd_quota_part *oldest = &q->parts[++q->part % ND_QUOTA_PARTS];
		q->sum.asked -= oldest->asked;
		q->sum.spent -= oldest->spent;
		*oldest = (struct nd_quota_part){ 0 };
	}
	return &q->parts[part % ND_QUOTA_PARTS];
}

void nd_quota_ask(struct nd_quota *q, uint64_t now_ns)
{
	current(q, now_ns)->asked++;
	q->sum.asked++;
}

bool nd_quota_take(struct nd_quota *q, bool first, uint64_t now_ns)
{
	current(q, now_ns);
	uint32_t most = ND_QUOTA_FEW + q->sum.asked / ND_QUOTA_QUESTIONS;

	if (q->sum.spent >= (first ? most : most / 2))
		return false;
	current(q, now_ns)->spent++;
	q->sum.spent++;
	return true;
}
