/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/writer.h"

#include "wire/rr.h"

enum { QUESTION = 12, POINTER_MAX = 0x3fff };

void nd_writer_know(struct nd_writer *w, uint16_t offset)
{
	if (w->names < ND_WRITER_NAMES && offset <= POINTER_MAX)
		w->name_at[w->names++] = offset;
}

static inline uint8_t lower(uint8_t c)
{
	return (uint8_t)(c + ((uint8_t)(c - 'A') < 26 ? 32 : 0));
}

/* Is the name that stands at offset `at` of our own message (pointers and all) equal to this one? What we wrote is
 * sound, so no bounds are checked but the writer's own end. */
static bool stands_at(const struct nd_writer *w, size_t at, struct nd_name name)
{
	const uint8_t *p = name.wire;

	for (;;) {
		uint8_t len = w->base[at];
		if (len >= 0xc0) {
			at = (size_t)(len & 0x3f) << 8 | w->base[at + 1];
			continue;
		}
		if (len != p[0])
			return false;
		if (len == 0)
			return true;
		for (unsigned i = 1; i <= len; i++)
			if (lower(w->base[at + i]) != lower(p[i]))
				return false;
		at += 1u + len;
		p += 1u + len;
	}
}

/* Offset of the name, or of a known name's suffix that is equal to it; 0: none. */
static size_t find(const struct nd_writer *w, struct nd_name name)
{
	for (unsigned i = 0; i < w->names; i++) {
		size_t at = w->name_at[i];
		for (;;) {
			uint8_t len = w->base[at];
			if (len >= 0xc0) { /* the rest is another known name's, or its suffix */
				at = (size_t)(len & 0x3f) << 8 | w->base[at + 1];
				continue;
			}
			if (len == 0)
				break;
			if (stands_at(w, at, name))
				return at;
			at += 1u + len;
		}
	}
	return 0;
}

void nd_writer_name(struct nd_writer *w, struct nd_name name)
{
	/* The question's name itself, by far the most frequent owner: `name` views it where it stands. */
	if (w->names && w->name_at[0] == QUESTION && name.wire == w->base + QUESTION && name.len > 1) {
		nd_writer_u16(w, 0xc000 | QUESTION);
		return;
	}
	size_t start = w->pos;
	bool wrote = false;
	while (name.len > 1) {
		size_t at = find(w, name);
		if (at) {
			nd_writer_u16(w, (uint16_t)(0xc000 | at));
			break;
		}
		nd_writer_bytes(w, name.wire, 1u + name.wire[0]);
		wrote = true;
		name = nd_name_parent(name, 1);
	}
	if (name.len == 1)
		nd_writer_u8(w, 0);
	if (wrote && !w->err)
		nd_writer_know(w, (uint16_t)(start > POINTER_MAX ? UINT16_MAX : start));
}

void nd_writer_name_plain(struct nd_writer *w, struct nd_name name)
{
	nd_writer_bytes(w, name.wire, name.len);
}

/* rdata whose names may be compressed, written so. */
static void write_rdata(struct nd_writer *w, const char *layout, const uint8_t *rdata, size_t n)
{
	size_t at = 0;

	for (const char *c = layout; *c == 'd' || *c == '2'; c++) {
		if (*c == '2') {
			nd_writer_bytes(w, rdata + at, 2);
			at += 2;
			continue;
		}
		struct nd_name name = nd_name_view(rdata + at);
		nd_writer_name(w, name);
		at += name.len;
	}
	nd_writer_bytes(w, rdata + at, n - at);
}

int nd_writer_rr(struct nd_writer *w, struct nd_name owner, uint16_t type, uint16_t class, uint32_t ttl,
		 const uint8_t *rdata, size_t n, uint16_t *ttl_at, uint16_t *rdata_at)
{
	struct nd_writer_mark mark = nd_writer_mark(w);
	const char *layout = nd_rr_layout(type);

	nd_writer_name(w, owner);
	uint8_t *p = nd_writer_take(w, 10);
	if (p) {
		nd_writer_put16(p, type);
		nd_writer_put16(p + 2, class);
		nd_writer_put32(p + 4, ttl);
		size_t start = w->pos;
		if (layout && strchr(layout, 'd'))
			write_rdata(w, layout, rdata, n);
		else
			nd_writer_bytes(w, rdata, n);
		if (!w->err) {
			nd_writer_put16(p + 8, (uint16_t)(w->pos - start));
			if (ttl_at)
				*ttl_at = (uint16_t)(start - 6);
			if (rdata_at)
				*rdata_at = (uint16_t)start;
			return 0;
		}
	}
	nd_writer_rewind(w, mark);
	return ND_ELIMIT;
}
