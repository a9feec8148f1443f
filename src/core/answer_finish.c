/* SPDX-License-Identifier: Apache-2.0 */
/* What completes a reply: truncation, OPT, header. */
#include <string.h>
#include "core/parts.h"

/* Bytes of the options of an upstream's OPT. An OPT concerns one hop (RFC 6891 s6.2.3): a client
 * without EDNS gets none of them. */
static size_t upstream_options(const struct nd_query *q)
{
	return q->msg.edns.present && q->ans.opt ? q->ans.opt_options_len : 0;
}

/* Bytes of the OPT that will be added; 0: none. To a client without EDNS only for an EDE that the
 * configuration sets, as in CoreDNS. */
static size_t opt_len(const struct nd_query *q)
{
	const struct nd_answer *a = &q->ans;
	size_t n = ND_EDNS_HEAD;

	if (q->rcode == ND_RCODE_BADVERS)
		return n;
	if (!q->msg.edns.present && !a->ede)
		return 0;
	n += upstream_options(q);
	if (a->ede)
		n += 6 + (a->ede_text ? strlen(a->ede_text) : 0);
	return n;
}

/* RFC 6891 s6.1.1. With the client's size and DO, as CoreDNS does (request.SizeAndDo). */
static void write_opt(struct nd_query *q)
{
	struct nd_answer *a = &q->ans;
	struct nd_writer *w = &a->w;
	const struct nd_edns *e = &q->msg.edns;
	uint16_t size = e->present ? e->udp_size : a->opt_size;
	uint16_t flags = a->opt ? a->opt_flags : e->flags;
	size_t options = upstream_options(q);
	size_t ede = a->ede ? 6 + (a->ede_text ? strlen(a->ede_text) : 0) : 0;

	if (e->present) /* CoreDNS adds the client's DO to the answer's */
		flags = (uint16_t)((flags & 0xff00) | (e->flags & ND_EDNS_DO));
	if (q->rcode == ND_RCODE_BADVERS) {
		size = flags = 0;
		ede = options = 0;
	}
	nd_edns_write(w, &(struct nd_edns){
				 .udp_size = size,
				 .extended_rcode = (uint8_t)(q->rcode >> 4),
				 .flags = flags,
				 .options_len = (uint16_t)(options + ede),
			 });
	if (options)
		nd_writer_bytes(w, a->opt_options, options);
	if (ede) {
		nd_writer_u16(w, ND_EDNS_EDE);
		nd_writer_u16(w, (uint16_t)(ede - 4));
		nd_writer_u16(w, (uint16_t)(a->ede - 1));
		nd_writer_bytes(w, a->ede_text, ede - 6);
	}
}

/* Removes whole records at the end until the rest fits (miekg/dns Truncate). Options that do not
 * fit beside the question are removed too: CoreDNS sends them, longer than the client accepts. opt:
 * bytes of the OPT; returns those that remain. */
static size_t fit(struct nd_answer *a, size_t opt, size_t limit)
{
	if (a->body + opt > limit) {
		a->opt_options_len = 0;
		a->ede = 0;
		opt = ND_EDNS_HEAD;
	}
	while (a->n && a->w.pos + opt > limit) {
		const struct nd_record *r = &a->record[--a->n];
		a->count[r->section]--;
		a->w.pos = r->owner;
		a->flags |= ND_FLAG_TC;
	}
	return opt;
}

void nd_answer_finish(struct nd_query *q)
{
	struct nd_answer *a = &q->ans;
	const struct nd_msg *m = &q->msg;
	size_t opt = opt_len(q), limit = nd_query_limit(q);

	ND_ASSERT(a->open);
	if (ND_UNLIKELY(limit > q->worker->udp_max) && q->client.proto == ND_PROTO_UDP)
		limit = q->worker->udp_max;
	if (limit > a->w.cap)
		limit = a->w.cap;
	a->w.err = 0;
	if (ND_UNLIKELY(a->w.pos + opt > limit))
		opt = fit(a, opt, limit);
	bool has_opt = opt && a->w.pos + opt <= a->w.cap;
	if (has_opt)
		write_opt(q);

	/* An extended rcode needs the OPT: its low bits alone could say NOERROR. */
	unsigned rcode = ND_UNLIKELY(q->rcode > 15 && !has_opt) ? ND_RCODE_SERVFAIL : q->rcode & 15;
	uint8_t *h = a->w.base;
	uint16_t keep = m->flags & (0x7800 | ND_FLAG_RD | ND_FLAG_CD);
	nd_writer_put16(h, m->id);
	nd_writer_put16(h + 2, (uint16_t)(ND_FLAG_QR | keep | a->flags | rcode));
	nd_writer_put16(h + 4, a->body > ND_MSG_HEADER);
	nd_writer_put16(h + 6, a->count[ND_SECTION_ANSWER]);
	nd_writer_put16(h + 8, a->count[ND_SECTION_AUTHORITY]);
	nd_writer_put16(h + 10, (uint16_t)(a->count[ND_SECTION_ADDITIONAL] + has_opt));
}
