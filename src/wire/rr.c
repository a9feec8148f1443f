/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/rr.h"

#include "wire/layout.h"
#include "wire/rdata.h"
#include "wire/type.h"
#include "wire/writer.h"

struct nd_rr_iter nd_rr_iter_over(const struct nd_msg *m)
{
	struct nd_rr_iter iter = {
		.r = nd_reader_over(m->base, m->len),
		.left = { m->count[1], m->count[2], m->count[3] },
	};
	iter.r.pos += m->question_end;
	return iter;
}

/* RFC 1035 s4.1.3: a name, ten octets, and rdata of the length they state. */
static int read_frame(struct nd_reader *r, struct nd_rr *rr)
{
	size_t owner = nd_reader_offset(r);
	int err = nd_name_skip(r);
	if (err)
		return err;

	const uint8_t *p = nd_reader_take(r, 10);
	if (!p)
		return r->err;
	rr->owner = (uint16_t)owner;
	rr->type = nd_reader_peek16(p);
	rr->class = nd_reader_peek16(p + 2);
	rr->ttl = nd_reader_peek32(p + 4);
	rr->ttl_at = (uint16_t)(p + 4 - r->base);
	rr->rdata_len = nd_reader_peek16(p + 8);
	rr->rdata = (uint16_t)nd_reader_offset(r);
	if (!nd_reader_take(r, rr->rdata_len))
		return r->err;
	rr->end = (uint16_t)nd_reader_offset(r);
	return 0;
}

/* A message that ends after a whole record is complete even if its counts are higher: miekg/dns
 * accepts it, and some servers send such messages. */
bool nd_rr_next(struct nd_rr_iter *iter, struct nd_rr *rr)
{
	while (iter->left[iter->section] == 0) {
		if (iter->section == ND_SECTION_ADDITIONAL)
			return false;
		iter->section++;
	}
	if (iter->err || iter->r.pos == iter->r.end)
		return false;
	rr->section = iter->section;
	iter->err = read_frame(&iter->r, rr);
	if (iter->err)
		return false;
	iter->left[iter->section]--;
	return true;
}

/* The length of an item that is not a name. */
static size_t item_octets(char item, const struct nd_reader *r)
{
	size_t left = nd_reader_left(r);

	switch (item) {
	case '1':
	case '2':
	case '4':
	case '8': return (size_t)(item - '0');
	case '6': return 16;
	case 'M': return 6;
	case 's': return left ? 1u + *r->pos : 1;
	default: return left; /* 'r' */
	}
}

static int check_strings(struct nd_reader *r)
{
	do
		nd_reader_take(r, item_octets('s', r));
	while (r->err == 0 && nd_reader_left(r) > 0);
	return r->err;
}

static int check_item(struct nd_reader *r, char item)
{
	switch (item) {
	case 'S': return check_strings(r);
	case 'B': return nd_rdata_check_bitmap(r);
	case 'V': return nd_rdata_check_params(r);
	case 'P': return nd_rdata_check_prefixes(r);
	case 'L': return nd_rdata_check_block(r);
	case 'I': return nd_rdata_check_ipseckey(r);
	case 'R': return nd_rdata_check_amtrelay(r);
	case 'H': return nd_rdata_check_hip(r);
	default: return nd_reader_take(r, item_octets(item, r)) ? 0 : r->err;
	}
}

struct output {
	uint8_t *bytes; /* NULL: only check */
	size_t len, cap;
};

static int put(struct output *out, const uint8_t *from, size_t n)
{
	if (out->bytes) {
		if (n > out->cap - out->len)
			return ND_ELIMIT;
		memcpy(out->bytes + out->len, from, n);
	}
	out->len += n;
	return 0;
}

/* Copies one item of rdata at the cursor. `plain`: names must not have pointers. */
static int copy_item(struct nd_reader *r, char item, bool plain, struct output *out)
{
	const uint8_t *start = r->pos;
	struct nd_name_buf buf;
	struct nd_name name;
	int err;

	if (item == 'd' || item == 'D') {
		err = nd_name_read(r, false, &buf, &name);
		if (err)
			return err;
		if (plain && r->pos - start != name.len)
			return ND_EFORMAT;
		return put(out, name.wire, name.len);
	}
	err = check_item(r, item);
	return err ? err : put(out, start, (size_t)(r->pos - start));
}

static int walk(struct nd_reader *r, const char *layout, bool plain, struct output *out)
{
	if (!layout)
		return put(out, r->pos, nd_reader_left(r));
	for (; *layout; layout++) {
		if (*layout == '?') {
			if (nd_reader_left(r) == 0)
				return 0;
			continue;
		}
		int err = copy_item(r, *layout, plain, out);
		if (err)
			return err;
	}
	return nd_reader_left(r) ? ND_EFORMAT : 0;
}

static struct nd_reader reader_of_rdata(const uint8_t *base, uint16_t rdata, uint16_t len)
{
	struct nd_reader r = nd_reader_over(base, (size_t)rdata + len);
	r.pos += rdata;
	return r;
}

int nd_rr_expand_rdata(const uint8_t *base, size_t msg_len, uint16_t rdata, uint16_t len,
		       uint16_t type, uint8_t *out, size_t cap)
{
	struct output to = { .bytes = out, .cap = cap };

	if ((size_t)rdata + len > msg_len)
		return ND_ETRUNC;
	struct nd_reader r = reader_of_rdata(base, rdata, len);
	int err = walk(&r, nd_layout_of_names(type), false, &to);
	return err ? err : (int)to.len;
}

int nd_rr_check_rdata(const uint8_t *base, size_t msg_len, uint16_t rdata, uint16_t len,
		      uint16_t type)
{
	struct output nowhere = { .bytes = NULL };

	if ((size_t)rdata + len > msg_len)
		return ND_ETRUNC;
	struct nd_reader r = reader_of_rdata(base, rdata, len);
	return walk(&r, nd_layout_of_rdata(type), false, &nowhere);
}

static int check_owner(const struct nd_msg *m, const struct nd_rr *rr)
{
	struct nd_reader r = nd_reader_over(m->base, m->len);
	struct nd_name_buf buf;
	struct nd_name owner;

	r.pos += rr->owner;
	return nd_name_read(&r, false, &buf, &owner);
}

int nd_rr_check(const struct nd_msg *m, const struct nd_rr *rr)
{
	const char *layout = nd_layout_of_rdata(rr->type);
	int err = check_owner(m, rr);

	if (err)
		return err;
	if (rr->type == ND_TYPE_OPT) {
		if (rr->section != ND_SECTION_ADDITIONAL)
			return ND_EFORMAT;
		return nd_edns_options_valid(m->base + rr->rdata, rr->rdata_len) ? 0 : ND_EFORMAT;
	}
	if (rr->rdata_len == 0 && layout && *layout == 'S')
		return 0;
	return nd_rr_check_rdata(m->base, m->len, rr->rdata, rr->rdata_len, rr->type);
}

/* Follows the pointers of the valid name at `at`. */
static bool chain_allowed(const uint8_t *base, const uint8_t *at,
			  bool (*allowed)(const void *ctx, size_t to), const void *ctx)
{
	while (*at) {
		if (*at <= ND_LABEL_MAX) {
			at += 1 + *at;
			continue;
		}
		size_t to = nd_reader_peek16(at) & 0x3fff;
		if (!allowed(ctx, to))
			return false;
		at = base + to;
	}
	return true;
}

bool nd_rr_pointers_allowed(const struct nd_msg *m, const struct nd_rr *rr,
			    bool (*allowed)(const void *ctx, size_t to), const void *ctx)
{
	const char *layout = nd_layout_of_names(rr->type);
	struct nd_reader r = reader_of_rdata(m->base, rr->rdata, rr->rdata_len);

	if (!chain_allowed(m->base, m->base + rr->owner, allowed, ctx))
		return false;
	for (; layout && *layout && nd_reader_left(&r); layout++) {
		if (*layout != 'd' && *layout != 'D')
			nd_reader_take(&r, item_octets(*layout, &r));
		else if (!chain_allowed(m->base, r.pos, allowed, ctx) || nd_name_skip(&r))
			return false;
	}
	return true;
}

bool nd_rr_rdata_valid(uint16_t type, const uint8_t *rdata, size_t n)
{
	struct output nowhere = { .bytes = NULL };
	struct nd_reader r = nd_reader_over(rdata, n);

	return walk(&r, nd_layout_of_rdata(type), true, &nowhere) == 0;
}

size_t nd_rr_write_srv(uint8_t rdata[ND_RR_SRV_MAX], uint16_t priority, uint16_t weight,
		       uint16_t port, struct nd_name target)
{
	nd_writer_put16(rdata, priority);
	nd_writer_put16(rdata + 2, weight);
	nd_writer_put16(rdata + 4, port);
	memcpy(rdata + ND_RR_SRV_TARGET, target.wire, target.len);
	return ND_RR_SRV_TARGET + (size_t)target.len;
}
