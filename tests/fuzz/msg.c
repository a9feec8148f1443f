/* SPDX-License-Identifier: Apache-2.0 */
/* A message, parsed as a query and as a response. Every record read can be written, and reading
 * it again gives the same record. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "wire/msg.h"
#include "wire/rr.h"
#include "wire/text.h"
#include "wire/writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t rdata[1 << 20], again[1 << 20], out[ND_MSG_MAX];

/* No option may extend past the end of the message. */
static void walk_options(const struct nd_msg *m)
{
	const uint8_t *option;
	size_t at = 0, n;
	uint16_t code;

	while (m->edns.present && nd_edns_next(m->base + m->edns.options, m->edns.options_len, &at,
					       &code, &option, &n))
		if (option + n > m->base + m->len)
			abort();
}

static void write_again(struct nd_writer *w, struct nd_name owner, const struct nd_rr *rr, size_t n)
{
	uint16_t ttl_at, rdata_at;
	struct nd_writer_mark before = nd_writer_mark(w);

	if (nd_writer_rr(w, owner, rr->type, rr->class, rr->ttl, rdata, n, &ttl_at, &rdata_at) !=
	    0) {
		if (w->pos != before.pos || w->err)
			abort();
		return;
	}
	struct nd_reader r = nd_reader_over(out, w->pos);
	struct nd_name_buf buf;
	struct nd_name back;
	r.pos += before.pos;
	if (nd_name_read(&r, false, &buf, &back) != 0 || !nd_name_equal(back, owner))
		abort();
	int len = nd_rr_expand_rdata(out, w->pos, rdata_at, (uint16_t)(w->pos - rdata_at), rr->type,
				     again, sizeof again);
	if (len != (int)n) /* only the length: compression ignores case */
		abort();
}

static void walk_records(const struct nd_msg *m)
{
	struct nd_writer w = nd_writer_over(out, sizeof out);
	struct nd_rr_iter iter = nd_rr_iter_over(m);
	struct nd_rr rr;
	char text[512];

	w.pos = ND_MSG_HEADER;
	if (m->qname.len) {
		nd_writer_name_plain(&w, m->qname);
		nd_writer_u32(&w, 0);
		nd_writer_know(&w, ND_MSG_HEADER);
	}
	while (nd_rr_next(&iter, &rr)) {
		struct nd_reader r = nd_reader_over(m->base, m->len);
		struct nd_name_buf buf;
		struct nd_name owner;
		r.pos += rr.owner;
		if (nd_name_read(&r, false, &buf, &owner) != 0)
			continue; /* only the frame was checked */
		int n = nd_rr_expand_rdata(m->base, m->len, rr.rdata, rr.rdata_len, rr.type, rdata,
					   sizeof rdata);
		if (n < 0 || n > UINT16_MAX)
			continue;
		nd_rr_rdata_valid(rr.type, rdata, (size_t)n);
		if (nd_text_format_rdata(rr.type, rdata, (size_t)n, text, sizeof text) !=
		    strlen(text))
			abort();
		write_again(&w, owner, &rr, (size_t)n);
	}
	if (iter.err)
		abort(); /* the counts match the records */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nd_name_buf buf;
	struct nd_msg m;

	enum nd_msg_verdict v = nd_msg_parse_query(&m, data, size, &buf);
	if (v == ND_MSG_OK || v == ND_MSG_BADVERS) {
		walk_options(&m);
		walk_records(&m);
	}
	int err = nd_msg_parse_response(&m, data, size, &buf);
	if (err == 0 || (err == ND_ETRUNC && size >= ND_MSG_HEADER)) {
		walk_options(&m);
		walk_records(&m);
	}
	return 0;
}
