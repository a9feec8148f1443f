/* SPDX-License-Identifier: Apache-2.0 */
#include "core/answer.h"

#include <string.h>
#include "core/parts.h"
#include "wire/layout.h"

void nd_answer_begin(struct nd_query *q, uint8_t *bytes, size_t cap, struct nd_record *record,
		     uint16_t max)
{
	struct nd_answer *a = &q->ans;
	const struct nd_msg *m = &q->msg;

	nd_writer_init(&a->w, bytes, cap);
	a->record = record;
	a->n = 0;
	a->max = max;
	a->count[0] = a->count[1] = a->count[2] = 0;
	a->flags = 0;
	a->ede = 0;
	a->ede_text = NULL;
	a->opt = false;
	if (ND_UNLIKELY(q->renamed)) {
		a->w.pos = ND_MSG_HEADER;
		nd_writer_bytes(&a->w, m->qname.wire, m->qname.len);
		nd_writer_u16(&a->w, m->qtype);
		nd_writer_u16(&a->w, m->qclass);
	} else {
		memcpy(bytes + ND_MSG_HEADER, m->base + ND_MSG_HEADER,
		       m->question_end - (size_t)ND_MSG_HEADER);
		a->w.pos = m->question_end;
	}
	a->body = (uint16_t)a->w.pos;
	if (a->body > ND_MSG_HEADER)
		nd_writer_know(&a->w, ND_MSG_HEADER);
}

void nd_answer_reset(struct nd_query *q)
{
	struct nd_answer *a = &q->ans;

	ND_ASSERT(a->open);
	nd_answer_begin(q, a->w.base, a->w.cap, a->record, a->max);
}

void nd_answer_cut(struct nd_query *q, unsigned n)
{
	struct nd_answer *a = &q->ans;

	ND_ASSERT(a->open);
	if (n >= a->n)
		return;
	nd_writer_cut(&a->w, a->record[n].owner);
	while (a->n > n)
		a->count[a->record[--a->n].section]--;
}

static inline int note_record(struct nd_answer *a, struct nd_record r)
{
	ND_ASSERT(a->open && (a->n == 0 || a->record[a->n - 1].section <= r.section));
	a->record[a->n++] = r;
	a->count[r.section]++;
	return 0;
}

int nd_answer_rr(struct nd_query *q, enum nd_section section, struct nd_name owner, uint16_t type,
		 uint16_t class, uint32_t ttl, const void *rdata, size_t n)
{
	struct nd_answer *a = &q->ans;
	struct nd_record r = { .owner = (uint16_t)a->w.pos,
			       .type = type,
			       .section = (uint8_t)section };

	if (a->n == a->max)
		return ND_ELIMIT;
	int err = nd_writer_rr(&a->w, owner, type, class, ttl, rdata, n, &r.ttl_at, &r.rdata);
	if (err)
		return err;
	r.rdata_len = (uint16_t)(a->w.pos - r.rdata);
	return note_record(a, r);
}

int nd_answer_as_is(struct nd_query *q, enum nd_section section, struct nd_name owner,
		    uint16_t type, uint32_t ttl, const void *rdata, size_t n)
{
	struct nd_answer *a = &q->ans;
	struct nd_record r = { .owner = (uint16_t)a->w.pos,
			       .type = type,
			       .section = (uint8_t)section };

	if (a->n == a->max)
		return ND_ELIMIT;
	int err = nd_writer_rr_as_is(&a->w, owner, type, ND_CLASS_IN, ttl, rdata, n, &r.ttl_at,
				     &r.rdata);
	if (err)
		return err;
	r.rdata_len = (uint16_t)(a->w.pos - r.rdata);
	return note_record(a, r);
}

int nd_answer_add(struct nd_query *q, enum nd_section section, uint16_t type, uint32_t ttl,
		  const void *rdata, size_t n)
{
	/* The owner becomes a pointer to the question, in the client's letter case. */
	struct nd_name owner = q->msg.qname;

	owner.wire = q->ans.w.base + ND_MSG_HEADER;
	return nd_answer_rr(q, section, owner, type, q->msg.qclass, ttl, rdata, n);
}

/* The owner is not in the message yet, or not all fit. */
static int add_each(const struct nd_answer_set *s, const uint8_t *address, size_t stride, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++, address += stride)
		err = nd_answer_rr(s->q, ND_SECTION_ANSWER, s->owner, s->type, ND_CLASS_IN, s->ttl,
				   address, s->size);
	return err;
}

static inline void put_address(uint8_t *p, const uint8_t head[ND_WRITER_HEAD],
			       const uint8_t *address, size_t size)
{
	memcpy(p, head, ND_WRITER_HEAD);
	if (size == 4)
		memcpy(p + ND_WRITER_HEAD, address, 4);
	else
		memcpy(p + ND_WRITER_HEAD, address, 16);
}

int nd_answer_set_add(const struct nd_answer_set *s, const uint8_t *address, size_t stride,
		      size_t n)
{
	struct nd_answer *a = &s->q->ans;
	size_t each = ND_WRITER_HEAD + (size_t)s->size, at = a->w.pos;
	size_t owner_at = nd_writer_offset(&a->w, s->owner);
	uint8_t head[ND_WRITER_HEAD];

	ND_ASSERT(a->open);
	ND_ASSERT(a->count[ND_SECTION_AUTHORITY] + a->count[ND_SECTION_ADDITIONAL] == 0);
	if (!owner_at || a->w.err || n > a->max - (size_t)a->n || n * each > a->w.cap - at)
		return add_each(s, address, stride, n);
	nd_writer_put_head(head, owner_at, s->type, ND_CLASS_IN, s->ttl, s->size);
	struct nd_record *r = &a->record[a->n], *end = r + n;
	for (; r < end; r++, at += each, address += stride) {
		put_address(a->w.base + at, head, address, s->size);
		r->owner = (uint16_t)at;
		r->type = s->type;
		r->ttl_at = (uint16_t)(at + 6);
		r->rdata = (uint16_t)(at + ND_WRITER_HEAD);
		r->rdata_len = s->size;
		r->section = ND_SECTION_ANSWER;
	}
	a->w.pos = at;
	a->n = (uint16_t)(a->n + n);
	a->count[ND_SECTION_ANSWER] = (uint16_t)(a->count[ND_SECTION_ANSWER] + n);
	return 0;
}

void nd_answer_set_ede(struct nd_query *q, uint16_t code, const char *text)
{
	struct nd_answer *a = &q->ans;

	a->ede = (uint16_t)(code + 1);
	a->ede_text = text;
	if (!a->opt) {
		a->opt = true;
		a->opt_size = 4096;
		a->opt_flags = ND_EDNS_DO;
		a->opt_options_len = 0;
	}
}

int nd_answer_body(struct nd_query *q, const void *body, size_t body_len,
		   const struct nd_record *record, size_t n)
{
	struct nd_answer *a = &q->ans;

	ND_ASSERT(a->open);
	if (n > a->max || body_len > a->w.cap - a->body)
		return ND_ELIMIT;
	memcpy(a->w.base + a->body, body, body_len);
	a->w.pos = a->body + body_len;
	a->n = (uint16_t)n;
	a->count[0] = a->count[1] = a->count[2] = 0;
	for (size_t i = 0; i < n; i++) {
		a->record[i] = record[i];
		a->count[record[i].section]++;
	}
	return 0;
}

/* Follows pointers; keeps the letter case. */
static int read_owner(const uint8_t *base, size_t len, uint16_t at, struct nd_name_buf *buf,
		      struct nd_name *out)
{
	struct nd_reader r = nd_reader_over(base, len);

	r.pos = base + at;
	return nd_name_read(&r, false, buf, out);
}

/* Copies a record of another message: its names are expanded and compressed again. */
static int copy_record(struct nd_query *q, enum nd_section to, const uint8_t *base, size_t len,
		       uint16_t owner_at, uint16_t type, uint16_t class, uint32_t ttl,
		       uint16_t rdata_at, uint16_t rdata_len)
{
	uint8_t rdata[ND_MSG_MAX];
	struct nd_name_buf buf;
	struct nd_name owner;

	int err = read_owner(base, len, owner_at, &buf, &owner);
	if (err)
		return err;
	int n = nd_rr_expand_rdata(base, len, rdata_at, rdata_len, type, rdata, sizeof rdata);
	if (n < 0)
		return n;
	return nd_answer_rr(q, to, owner, type, class, ttl, rdata, (size_t)n);
}

int nd_answer_owner(const struct nd_answer *a, const struct nd_record *r, struct nd_name_buf *buf,
		    struct nd_name *out)
{
	return read_owner(a->w.base, a->w.pos, r->owner, buf, out);
}

int nd_answer_copy(struct nd_query *q, enum nd_section to, const struct nd_query *from,
		   const struct nd_record *r)
{
	const struct nd_answer *f = &from->ans;

	return copy_record(q, to, f->w.base, f->w.pos, r->owner, r->type, nd_answer_class(f, r),
			   nd_answer_ttl(f, r), r->rdata, r->rdata_len);
}

int nd_answer_append(struct nd_query *q, enum nd_section to, const struct nd_query *from,
		     enum nd_section section)
{
	const struct nd_answer *f = &from->ans;
	int err = 0;

	for (unsigned i = 0; !err && i < f->n; i++)
		if (f->record[i].section == section)
			err = nd_answer_copy(q, to, from, &f->record[i]);
	return err;
}

void nd_answer_append_cut(struct nd_query *q, enum nd_section to, const struct nd_query *from)
{
	if (nd_answer_append(q, to, from, ND_SECTION_ANSWER))
		q->ans.flags |= ND_FLAG_TC;
	q->ans.flags |= from->ans.flags & ND_FLAG_TC;
}

/* The body can be copied as a whole if its records follow a question of the same length, so that
 * offsets remain valid, its OPT, if any, comes last, and its pointers lead to names. */
static bool same_layout(const struct nd_query *q, const struct nd_msg *m)
{
	return m->question_end == q->ans.body && m->count[0] == 1;
}

/* A pointer may lead anywhere before itself. In a body that is copied as a whole it must lead into
 * a name: the header, the TTLs (in the cache) and addresses (loadbalance) change later, and with
 * them the name. */
static bool leads_to_name(const void *ctx, size_t to)
{
	const struct nd_answer *a = ctx;
	size_t low = 0, high = a->n; /* the last record that starts at or before `to` is in here */

	if (to < a->body)
		return to >= ND_MSG_HEADER && to + 4 < a->body;
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;
		if (a->record[mid].owner <= to)
			low = mid;
		else
			high = mid;
	}
	const struct nd_record *r = &a->record[low];
	return to + 4 < r->ttl_at || (to >= r->rdata && nd_layout_of_names(r->type));
}

int nd_answer_index(struct nd_answer *a, const struct nd_msg *m, size_t *end)
{
	struct nd_rr_iter iter = nd_rr_iter_over(m);
	struct nd_rr rr;
	bool opt_seen = false;

	*end = m->question_end;
	while (nd_rr_next(&iter, &rr)) {
		if (rr.type == ND_TYPE_OPT && rr.section == ND_SECTION_ADDITIONAL) {
			opt_seen = true;
			continue;
		}
		if (opt_seen)
			return ND_EFORMAT; /* a record after the OPT: its offset would change */
		if (a->n == a->max)
			return ND_ELIMIT;
		note_record(a, (struct nd_record){ .owner = rr.owner,
						   .type = rr.type,
						   .ttl_at = rr.ttl_at,
						   .rdata = rr.rdata,
						   .rdata_len = rr.rdata_len,
						   .section = (uint8_t)rr.section });
		if (!nd_rr_pointers_allowed(m, &rr, leads_to_name, a))
			return ND_EFORMAT;
		*end = rr.end;
	}
	return iter.err;
}

static int take_body(struct nd_query *q, const struct nd_msg *m)
{
	struct nd_answer *a = &q->ans;
	size_t end;
	int err = nd_answer_index(a, m, &end);

	if (err)
		return err;
	if (end - m->question_end > a->w.cap - a->body)
		return ND_ELIMIT;
	memcpy(a->w.base + a->body, m->base + m->question_end, end - m->question_end);
	a->w.pos = a->body + (end - m->question_end);
	return 0;
}

static int write_anew(struct nd_query *q, const struct nd_msg *m)
{
	struct nd_rr_iter iter = nd_rr_iter_over(m);
	struct nd_rr rr;

	while (nd_rr_next(&iter, &rr)) {
		if (rr.type == ND_TYPE_OPT && rr.section == ND_SECTION_ADDITIONAL)
			continue;
		int err = copy_record(q, rr.section, m->base, m->len, rr.owner, rr.type, rr.class,
				      rr.ttl, rr.rdata, rr.rdata_len);
		if (err)
			return err;
	}
	return iter.err;
}

static void take_opt(struct nd_query *q, const struct nd_msg *m)
{
	struct nd_answer *a = &q->ans;

	if (!m->edns.present)
		return;
	a->opt = true;
	a->opt_size = m->edns.udp_size;
	a->opt_flags = m->edns.flags;
	a->opt_options_len = 0;
	if (m->edns.options_len) {
		uint8_t *p = nd_query_alloc(q, m->edns.options_len);
		if (p) {
			memcpy(p, m->base + m->edns.options, m->edns.options_len);
			a->opt_options = p;
			a->opt_options_len = m->edns.options_len;
		}
	}
}

int nd_answer_message(struct nd_query *q, const struct nd_msg *m)
{
	int err = ND_EFORMAT;

	nd_answer_reset(q);
	if (same_layout(q, m))
		err = take_body(q, m);
	if (err) {
		nd_answer_reset(q);
		err = write_anew(q, m);
	}
	if (err) {
		nd_answer_reset(q);
		return err;
	}
	q->rcode = (uint16_t)nd_msg_rcode(m);
	q->ans.flags = m->flags &
		       (ND_FLAG_AA | ND_FLAG_TC | ND_FLAG_RD | ND_FLAG_RA | ND_FLAG_Z | ND_FLAG_AD);
	take_opt(q, m);
	return 0;
}

static const char *keep_text(struct nd_query *q, const char *text)
{
	size_t n = text ? strlen(text) + 1 : 0;
	char *copy = text ? nd_query_alloc(q, n) : NULL;

	return copy ? memcpy(copy, text, n) : NULL;
}

void nd_answer_take_opt(struct nd_query *q, const struct nd_answer *from)
{
	struct nd_answer *a = &q->ans;
	uint8_t *options = from->opt ? nd_query_alloc(q, from->opt_options_len + 1u) : NULL;

	a->opt = from->opt;
	a->opt_size = from->opt_size;
	a->opt_flags = from->opt_flags;
	a->opt_options = options;
	a->opt_options_len = options ? from->opt_options_len : 0;
	if (a->opt_options_len)
		memcpy(options, from->opt_options, a->opt_options_len);
	a->ede = from->ede;
	a->ede_text = from->ede ? keep_text(q, from->ede_text) : NULL;
}

int nd_answer_take(struct nd_query *q, const struct nd_query *from)
{
	const struct nd_answer *a = &from->ans;
	int err = 0;

	q->rcode = from->rcode;
	q->failed = from->failed;
	q->error = keep_text(q, from->error);
	q->ans.flags = a->flags;
	for (int s = ND_SECTION_ANSWER; !err && s <= ND_SECTION_ADDITIONAL; s++)
		err = nd_answer_append(q, (enum nd_section)s, from, (enum nd_section)s);
	nd_answer_take_opt(q, a);
	return err;
}
