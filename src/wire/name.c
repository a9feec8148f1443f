/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/name.h"

const struct nd_name nd_name_root = { .wire = (const uint8_t *)"", .len = 1, .labels = 0 };

#define EACH_BYTE(b) (0x0101010101010101u * (b))

/* Converts eight octets to lower case at once. A length octet is at most 63, below 'A', so whole
 * names can be converted without looking at their labels. */
static uint64_t lower_eight(uint64_t x)
{
	uint64_t low = x & EACH_BYTE(0x7fu);
	uint64_t from_a = low + EACH_BYTE(0x80u - 'A');
	uint64_t after_z = low + EACH_BYTE(0x7fu - 'Z');
	uint64_t upper = ~x & (from_a ^ after_z) & EACH_BYTE(0x80u);
	return x | upper >> 2;
}

static uint8_t lower_one(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static void fold_eight(uint8_t *to, const uint8_t *from)
{
	uint64_t x;

	memcpy(&x, from, 8);
	x = lower_eight(x);
	memcpy(to, &x, 8);
}

typedef uint8_t sixteen __attribute__((vector_size(16)));

static void fold_sixteen(uint8_t *to, const uint8_t *from)
{
	sixteen x;

	memcpy(&x, from, 16);
	x |= (sixteen)((x - 'A') < 26) & 0x20;
	memcpy(to, &x, 16);
}

/* The last step overlaps the one before; converting twice is harmless. */
static void copy_lower(uint8_t *to, const uint8_t *from, size_t n)
{
	size_t i = 0;

	for (; i + 16 <= n; i += 16)
		fold_sixteen(to + i, from + i);
	if (n >= 16) {
		fold_sixteen(to + n - 16, from + n - 16);
		return;
	}
	for (; i + 8 <= n; i += 8)
		fold_eight(to + i, from + i);
	if (i < n && n >= 8)
		fold_eight(to + n - 8, from + n - 8);
	else
		for (; i < n; i++)
			to[i] = lower_one(from[i]);
}

static bool equal_folded(const uint8_t *a, const uint8_t *b, size_t n)
{
	uint64_t x, y;

	for (; n >= 8; n -= 8, a += 8, b += 8) {
		memcpy(&x, a, 8);
		memcpy(&y, b, 8);
		if (lower_eight(x) != lower_eight(y))
			return false;
	}
	for (size_t i = 0; i < n; i++)
		if (lower_one(a[i]) != lower_one(b[i]))
			return false;
	return true;
}

static void copy_run(uint8_t *to, const uint8_t *from, size_t n, bool lower)
{
	if (lower)
		copy_lower(to, from, n);
	else
		memcpy(to, from, n);
}

/* The length of a complete name without pointers, as in nearly every question; 0: not such a
 * name. */
static size_t plain_length(const uint8_t *p, size_t left, unsigned *labels)
{
	size_t n = 0, max = left < ND_NAME_MAX ? left : ND_NAME_MAX;

	for (*labels = 0; n < max; ++*labels) {
		uint8_t len = p[n];
		n += 1u + len;
		if (len == 0)
			return n;
		if (len > ND_LABEL_MAX)
			return 0;
	}
	return 0;
}

/* Copies each run of labels up to a pointer in one piece. A pointer must point before the run it
 * ends (RFC 1035 s4.1.4: "a prior occurrence"), so the walk terminates. miekg/dns also follows
 * forward pointers, which no encoder writes. */
static int read_runs(struct nd_reader *r, bool lower, struct nd_name_buf *buf, struct nd_name *out)
{
	const uint8_t *run = r->pos, *p = run;
	const uint8_t *after = NULL; /* where r goes; set at the first pointer */
	size_t n = 0, labels = 0;

	for (;;) {
		size_t left = (size_t)(r->end - p);
		if (left == 0)
			return ND_ETRUNC;
		uint8_t len = *p;
		if (len > ND_LABEL_MAX) {
			if (len < 0xc0)
				return ND_EFORMAT;
			if (left < 2)
				return ND_ETRUNC;
			const uint8_t *to = r->base + (nd_reader_peek16(p) & 0x3fff);
			if (to >= run)
				return ND_EFORMAT;
			if (!after)
				after = p + 2;
			copy_run(buf->bytes + n, run, (size_t)(p - run), lower);
			n += (size_t)(p - run);
			run = p = to;
			continue;
		}
		if (len >= left)
			return ND_ETRUNC;
		p += 1 + len;
		if (n + (size_t)(p - run) > ND_NAME_MAX)
			return ND_EFORMAT;
		if (len == 0)
			break;
		labels++;
	}

	copy_run(buf->bytes + n, run, (size_t)(p - run), lower);
	n += (size_t)(p - run);
	r->pos = after ? after : p;
	*out = (struct nd_name){ .wire = buf->bytes, .len = (uint8_t)n, .labels = (uint8_t)labels };
	return 0;
}

int nd_name_read(struct nd_reader *r, bool lower, struct nd_name_buf *buf, struct nd_name *out)
{
	unsigned labels;

	if (r->err)
		return r->err;
	size_t n = plain_length(r->pos, nd_reader_left(r), &labels);
	if (ND_UNLIKELY(n == 0))
		return read_runs(r, lower, buf, out);
	copy_run(buf->bytes, r->pos, n, lower);
	r->pos += n;
	*out = (struct nd_name){ .wire = buf->bytes, .len = (uint8_t)n, .labels = (uint8_t)labels };
	return 0;
}

/* The length of a name in the message, pointer included, or ND_E*. */
static int skip_length(const uint8_t *p, size_t left)
{
	size_t n = 0;

	while (n < left) {
		uint8_t len = p[n];
		if (len >= 0xc0)
			return left - n < 2 ? ND_ETRUNC : (int)n + 2;
		if (len > ND_LABEL_MAX)
			return ND_EFORMAT;
		n += 1u + len;
		if (n > ND_NAME_MAX)
			return ND_EFORMAT;
		if (len == 0)
			return (int)n;
	}
	return ND_ETRUNC;
}

int nd_name_skip(struct nd_reader *r)
{
	if (r->err)
		return r->err;
	int n = skip_length(r->pos, nd_reader_left(r));
	if (n < 0)
		return r->err = n;
	r->pos += n;
	return 0;
}

struct nd_name nd_name_view(const uint8_t *wire)
{
	const uint8_t *p = wire;
	unsigned labels = 0;

	for (; *p; p += 1 + *p)
		labels++;
	return (struct nd_name){ .wire = wire,
				 .len = (uint8_t)(p - wire + 1),
				 .labels = (uint8_t)labels };
}

bool nd_name_equal(struct nd_name a, struct nd_name b)
{
	return a.len == b.len && equal_folded(a.wire, b.wire, a.len);
}

bool nd_name_under(struct nd_name name, struct nd_name zone)
{
	if (zone.len > name.len || zone.labels > name.labels)
		return false;
	return nd_name_equal(nd_name_parent(name, name.labels - zone.labels), zone);
}

/* Compares octets first, starting with one: they nearly always differ. The walk then excludes a
 * match that starts inside a label. */
bool nd_name_under_lower(struct nd_name name, struct nd_name zone)
{
	if (nd_name_is_root(zone))
		return true;
	if (zone.len > name.len)
		return false;
	const uint8_t *tail = name.wire + (name.len - zone.len), *p = name.wire;
	if (*tail != *zone.wire || memcmp(tail, zone.wire, zone.len) != 0)
		return false;
	while (p < tail)
		p += 1 + *p;
	return p == tail;
}

struct nd_name nd_name_parent(struct nd_name name, unsigned n)
{
	const uint8_t *p = name.wire;

	if (n > name.labels)
		n = name.labels;
	for (unsigned i = 0; i < n; i++)
		p += 1 + *p;
	return (struct nd_name){ .wire = p,
				 .len = (uint8_t)(name.len - (p - name.wire)),
				 .labels = (uint8_t)(name.labels - n) };
}

int nd_name_join(struct nd_name prefix, struct nd_name suffix, struct nd_name_buf *buf,
		 struct nd_name *out)
{
	size_t head = prefix.len - 1u;

	if (head + suffix.len > ND_NAME_MAX)
		return ND_ELIMIT;
	memmove(buf->bytes + head, suffix.wire, suffix.len); /* suffix may be in buf */
	memmove(buf->bytes, prefix.wire, head);
	*out = (struct nd_name){ .wire = buf->bytes,
				 .len = (uint8_t)(head + suffix.len),
				 .labels = (uint8_t)(prefix.labels + suffix.labels) };
	return 0;
}

int nd_name_prepend(const void *label, size_t n, struct nd_name name, struct nd_name_buf *buf,
		    struct nd_name *out)
{
	if (n == 0 || n > ND_LABEL_MAX)
		return ND_EFORMAT;
	if (1 + n + name.len > ND_NAME_MAX)
		return ND_ELIMIT;
	memmove(buf->bytes + 1 + n, name.wire, name.len);
	buf->bytes[0] = (uint8_t)n;
	memcpy(buf->bytes + 1, label, n);
	*out = (struct nd_name){ .wire = buf->bytes,
				 .len = (uint8_t)(1 + n + name.len),
				 .labels = (uint8_t)(name.labels + 1) };
	return 0;
}

void nd_name_lower(uint8_t *bytes, size_t n)
{
	copy_lower(bytes, bytes, n);
}

struct nd_name nd_name_copy(struct nd_name name, struct nd_name_buf *buf)
{
	memmove(buf->bytes, name.wire, name.len);
	name.wire = buf->bytes;
	return name;
}
