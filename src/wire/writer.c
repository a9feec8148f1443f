/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/writer.h"

#include "wire/layout.h"

enum { POINTER = 0xc000, POINTER_MAX = 0x3fff };

/* The offsets of the labels of a name in the message. */
struct place {
	uint16_t at[ND_NAME_MAX / 2];
	unsigned labels;
};

/* Our own pointers point backwards. Another one (in a copied question) ends the search; the name
 * is then not compressed. */
static bool find_labels(const struct nd_writer *w, size_t at, struct place *place)
{
	size_t floor = at;

	place->labels = 0;
	while (at < w->pos) {
		uint8_t len = w->base[at];
		if (len == 0)
			return true;
		if (len > ND_LABEL_MAX) {
			if (len < 0xc0 || at + 1 >= w->pos)
				return false;
			at = (size_t)(len & 0x3f) << 8 | w->base[at + 1];
			if (at >= floor)
				return false;
			floor = at;
			continue;
		}
		if (place->labels == ND_COUNT(place->at))
			return false;
		place->at[place->labels++] = (uint16_t)at;
		at += 1u + len;
	}
	return false;
}

/* Compares labels with their length octets, which are below 'A' and have no case. */
static bool label_equal(const struct nd_writer *w, size_t at, const uint8_t *label)
{
	struct nd_name a = { .wire = w->base + at, .len = (uint8_t)(1 + *label), .labels = 1 };
	struct nd_name b = { .wire = label, .len = a.len, .labels = 1 };

	if (w->base[at] != *label || at + a.len > w->pos)
		return false;
	return w->exact ? memcmp(a.wire, b.wire, a.len) == 0 : nd_name_equal(a, b);
}

/* The number of trailing labels that the name shares with the one at `at`; *to is their
 * offset. */
static unsigned shared_labels(const struct nd_writer *w, size_t at, struct nd_name name,
			      const uint8_t *const *label, size_t *to)
{
	struct place place;
	unsigned n = 0;

	if (!find_labels(w, at, &place))
		return 0;
	while (n < name.labels && n < place.labels &&
	       label_equal(w, place.at[place.labels - n - 1], label[name.labels - n - 1]))
		n++;
	if (n)
		*to = place.at[place.labels - n];
	return n;
}

/* The longest known suffix: its number of labels, and its offset in *to. */
static unsigned find_suffix(const struct nd_writer *w, struct nd_name name, size_t *to)
{
	const uint8_t *label[ND_NAME_MAX / 2], *p = name.wire;
	unsigned best = 0;

	for (unsigned i = 0; i < name.labels; i++, p += 1 + *p)
		label[i] = p;
	for (unsigned i = 0; i < w->names && best < name.labels; i++) {
		size_t at = 0;
		unsigned n = shared_labels(w, w->name_at[i], name, label, &at);
		if (n > best && at <= POINTER_MAX) {
			best = n;
			*to = at;
		}
	}
	return best;
}

/* Is the name at `at`, uncompressed? Nearly every owner is the question's name. */
static bool is_at(const struct nd_writer *w, size_t at, struct nd_name name)
{
	struct nd_name there = { .wire = w->base + at, .len = name.len, .labels = name.labels };

	if (name.wire == there.wire)
		return true;
	if (at + name.len > w->pos || w->base[at] != *name.wire)
		return false;
	return w->exact ? memcmp(there.wire, name.wire, name.len) == 0 : nd_name_equal(there, name);
}

size_t nd_writer_offset(const struct nd_writer *w, struct nd_name name)
{
	uintptr_t base = (uintptr_t)w->base, at = (uintptr_t)name.wire;
	bool inside = at > base && at + name.len <= base + w->pos && at - base <= POINTER_MAX;

	return inside && !nd_name_is_root(name) ? at - base : 0;
}

void nd_writer_name(struct nd_writer *w, struct nd_name name)
{
	size_t at = w->pos, to = nd_writer_offset(w, name);

	if (nd_name_is_root(name)) {
		nd_writer_u8(w, 0);
		return;
	}
	if (to) {
		nd_writer_u16(w, (uint16_t)(POINTER | to));
		return;
	}
	if (w->names && is_at(w, w->name_at[0], name)) {
		nd_writer_u16(w, (uint16_t)(POINTER | w->name_at[0]));
		return;
	}

	unsigned shared = w->err ? 0 : find_suffix(w, name, &to);
	if (shared == 0) {
		nd_writer_bytes(w, name.wire, name.len);
	} else {
		size_t own = (size_t)(nd_name_parent(name, name.labels - shared).wire - name.wire);
		uint8_t *p = nd_writer_take(w, own + 2);
		if (!p)
			return;
		memcpy(p, name.wire, own);
		nd_writer_put16(p + own, (uint16_t)(POINTER | to));
	}
	if (w->err == 0 && shared < name.labels && at <= POINTER_MAX)
		nd_writer_know(w, (uint16_t)at);
}

void nd_writer_name_plain(struct nd_writer *w, struct nd_name name)
{
	nd_writer_bytes(w, name.wire, name.len);
}

void nd_writer_know(struct nd_writer *w, uint16_t offset)
{
	if (w->names < ND_WRITER_NAMES && offset <= POINTER_MAX)
		w->name_at[w->names++] = offset;
}

/* Writes rdata of a type whose names may be compressed (RFC 1035): only names and numbers. Rdata
 * that does not match the layout is copied. */
static void write_rdata(struct nd_writer *w, const char *layout, const uint8_t *rdata, size_t n)
{
	struct nd_reader r = nd_reader_over(rdata, n);
	struct nd_name_buf buf;
	struct nd_name name;

	for (; *layout == 'd' || (*layout >= '1' && *layout <= '4'); layout++) {
		const uint8_t *start = r.pos;
		if (*layout != 'd') {
			const uint8_t *p = nd_reader_take(&r, (size_t)(*layout - '0'));
			if (!p)
				break;
			nd_writer_bytes(w, p, (size_t)(*layout - '0'));
			continue;
		}
		if (nd_name_read(&r, false, &buf, &name) != 0)
			break;
		if (r.pos - start != name.len) { /* a pointer, into an unknown message */
			r.pos = start;
			break;
		}
		nd_writer_name(w, name);
	}
	nd_writer_bytes(w, r.pos, nd_reader_left(&r));
}

/* The owner is a pointer to `at` and the rdata has no name to compress: nearly every record. */
static int write_flat(struct nd_writer *w, size_t at, uint16_t type, uint16_t class, uint32_t ttl,
		      const uint8_t *rdata, size_t rdata_len, uint16_t *ttl_at, uint16_t *rdata_at)
{
	size_t here = w->pos, n = ND_WRITER_HEAD + rdata_len;

	if (n > w->cap - here || here + n > UINT16_MAX)
		return ND_ELIMIT;
	nd_writer_put_head(w->base + here, at, type, class, ttl, rdata_len);
	if (rdata_len)
		memcpy(w->base + here + ND_WRITER_HEAD, rdata, rdata_len);
	w->pos += n;
	if (ttl_at)
		*ttl_at = (uint16_t)(here + 6);
	if (rdata_at)
		*rdata_at = (uint16_t)(here + ND_WRITER_HEAD);
	return 0;
}

/* layout: the names in the rdata; NULL: copy the rdata. */
static int write_rr(struct nd_writer *w, struct nd_name owner, uint16_t type, uint16_t class,
		    uint32_t ttl, const char *layout, const uint8_t *rdata, size_t rdata_len,
		    uint16_t *ttl_at, uint16_t *rdata_at)
{
	struct nd_writer_mark mark = nd_writer_mark(w);

	if (w->err)
		return w->err;
	nd_writer_name(w, owner);
	uint8_t *p = nd_writer_take(w, 10);
	size_t at = w->pos;
	if (layout)
		write_rdata(w, layout, rdata, rdata_len);
	else
		nd_writer_bytes(w, rdata, rdata_len);
	if (w->err || !p || w->pos > UINT16_MAX || w->pos - at > UINT16_MAX) {
		nd_writer_rewind(w, mark);
		return ND_ELIMIT;
	}

	nd_writer_put16(p, type);
	nd_writer_put16(p + 2, class);
	nd_writer_put32(p + 4, ttl);
	nd_writer_put16(p + 8, (uint16_t)(w->pos - at));
	if (ttl_at)
		*ttl_at = (uint16_t)(at - 6);
	if (rdata_at)
		*rdata_at = (uint16_t)at;
	return 0;
}

int nd_writer_rr(struct nd_writer *w, struct nd_name owner, uint16_t type, uint16_t class,
		 uint32_t ttl, const uint8_t *rdata, size_t rdata_len, uint16_t *ttl_at,
		 uint16_t *rdata_at)
{
	const char *layout = nd_layout_of_names(type);

	if (!layout || !strchr(layout, 'd'))
		return nd_writer_rr_as_is(w, owner, type, class, ttl, rdata, rdata_len, ttl_at,
					  rdata_at);
	return write_rr(w, owner, type, class, ttl, layout, rdata, rdata_len, ttl_at, rdata_at);
}

int nd_writer_rr_as_is(struct nd_writer *w, struct nd_name owner, uint16_t type, uint16_t class,
		       uint32_t ttl, const uint8_t *rdata, size_t rdata_len, uint16_t *ttl_at,
		       uint16_t *rdata_at)
{
	size_t at = w->err ? 0 : nd_writer_offset(w, owner);

	if (at)
		return write_flat(w, at, type, class, ttl, rdata, rdata_len, ttl_at, rdata_at);
	return write_rr(w, owner, type, class, ttl, NULL, rdata, rdata_len, ttl_at, rdata_at);
}
