/* SPDX-License-Identifier: Apache-2.0 */
/* A message received from an upstream: the first byte chooses the transport, the next two the
 * limit, the rest is the message. What is taken for an answer has the question that was sent and
 * only valid records. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "upstream/reply.h"
#include "wire/rr.h"
#include "wire/type.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t sent[] = "\0\1\1\0\0\1\0\0\0\0\0\0\1A\4Test\0\0\1\0\1", lower[] = "\1a\4test";

/* Reads every byte that a caller may read, for the sanitizers. */
static void check_records(const struct nd_msg *m)
{
	static uint8_t rdata[ND_MSG_MAX];
	struct nd_rr_iter iter = nd_rr_iter_over(m);
	unsigned count[3] = { 0 };
	struct nd_rr rr;

	while (nd_rr_next(&iter, &rr)) {
		count[rr.section]++;
		if (nd_rr_check(m, &rr) ||
		    nd_rr_expand_rdata(m->base, m->len, rr.rdata, rr.rdata_len, rr.type, rdata,
				       sizeof rdata) < 0)
			abort();
	}
	for (int i = 0; i < 3; i++)
		if (count[i] != m->count[1 + i])
			abort();
}

static void check_answer(const struct nd_reply *r, const struct nd_reply_query *q, size_t n,
			 bool cut)
{
	const struct nd_msg *m = &r->msg;

	if (!(m->flags & ND_FLAG_QR))
		abort();
	if (!nd_name_same(m->qname, q->name) || m->qtype != q->qtype || m->qclass != q->qclass)
		abort();
	if (!q->tcp && (cut || n > q->limit) && !(m->flags & ND_FLAG_TC))
		abort();
	check_records(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nd_reply_query q = { .bytes = sent,
				    .name = nd_name_view(lower),
				    .qtype = ND_TYPE_A,
				    .qclass = ND_CLASS_IN };
	struct nd_reply r;

	if (size < 3 + ND_MSG_HEADER || size > 3 + ND_MSG_MAX)
		return 0;
	q.tcp = data[0] & 1;
	q.limit = (uint16_t)(data[1] << 8 | data[2]);
	bool cut = data[0] & 2 && !q.tcp;
	size_t n = size - 3;
	uint8_t *bytes = malloc(n); /* exact, so that ASan sees a read past the end */
	if (!bytes)
		return 0;
	memcpy(bytes, data + 3, n);
	switch (nd_reply_read(&r, &q, bytes, n, cut)) {
	case ND_REPLY_ANSWER: check_answer(&r, &q, n, cut); break;
	case ND_REPLY_WRONG:
		if (r.msg.base != bytes || r.msg.flags != nd_reader_peek16(bytes + 2))
			abort();
		break;
	case ND_REPLY_BARE:
		if (nd_msg_rcode(&r.msg) == ND_RCODE_NOERROR || r.msg.qname.len)
			abort();
		nd_reply_make_empty(&r, &q, r.msg.flags);
		check_answer(&r, &q, 0, false);
		break;
	case ND_REPLY_BROKEN:
		if (!r.error)
			abort();
		break;
	}
	free(bytes);
	return 0;
}
