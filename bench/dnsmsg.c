/* SPDX-License-Identifier: Apache-2.0 */
#include "dnsmsg.h"

#include <stdlib.h>
#include <string.h>

enum { QTYPE_AND_CLASS = 4, RECORD_FIXED = 10, RECORDS_MAX = 256 };

/* The first byte after the name at `at`, or 0. A compression pointer ends a name (RFC 1035 s4.1.4);
 * it is not followed, since only the length matters here. */
static size_t skip_name(const uint8_t *msg, size_t len, size_t at)
{
	while (at < len) {
		uint8_t label = msg[at];
		if (label >= 0xc0)
			return at + 2 <= len ? at + 2 : 0;
		if (label > 63)
			return 0;
		at += 1u + label;
		if (label == 0)
			return at <= len ? at : 0;
	}
	return 0;
}

/* The first byte after the record at `at`, or 0; *fixed is the offset of its type. */
static size_t skip_record(const uint8_t *msg, size_t len, size_t at, size_t *fixed)
{
	size_t pos = skip_name(msg, len, at);

	if (pos == 0 || len - pos < RECORD_FIXED)
		return 0;
	*fixed = pos;
	pos += RECORD_FIXED + (size_t)nd_dnsmsg_get16(msg + pos + 8);
	return pos <= len ? pos : 0;
}

static int read_opt(const uint8_t *msg, size_t len, struct nd_dnsmsg_question *q)
{
	unsigned records = nd_dnsmsg_get16(msg + 6) + nd_dnsmsg_get16(msg + 8) +
			   nd_dnsmsg_get16(msg + 10);
	size_t at = q->end;

	while (records-- > 0) {
		size_t fixed;
		at = skip_record(msg, len, at, &fixed);
		if (at == 0)
			return -1;
		if (nd_dnsmsg_get16(msg + fixed) != ND_DNSMSG_OPT)
			continue;
		uint16_t size = nd_dnsmsg_get16(msg + fixed + 2);
		q->edns = true;
		q->udp_size = size < ND_DNSMSG_UDP_PLAIN ? ND_DNSMSG_UDP_PLAIN : size;
	}
	return 0;
}

int nd_dnsmsg_view(const uint8_t *msg, size_t len, struct nd_dnsmsg_question *q)
{
	if (len < ND_DNSMSG_HEADER || nd_dnsmsg_get16(msg + 4) != 1)
		return -1;

	size_t at = skip_name(msg, len, ND_DNSMSG_HEADER);
	/* Nothing precedes the first name, so it cannot have a pointer. */
	if (at == 0 || msg[at - 1] != 0 || at - ND_DNSMSG_HEADER > ND_DNSMSG_NAME_MAX ||
	    len - at < QTYPE_AND_CLASS)
		return -1;

	*q = (struct nd_dnsmsg_question){
		.name_len = at - ND_DNSMSG_HEADER,
		.end = at + QTYPE_AND_CLASS,
		.type = nd_dnsmsg_get16(msg + at),
		.class = nd_dnsmsg_get16(msg + at + 2),
		.udp_size = ND_DNSMSG_UDP_PLAIN,
	};
	return read_opt(msg, len, q);
}

static size_t write_name(uint8_t *out, size_t cap, const char *name)
{
	size_t n = 0;

	while (*name && strcmp(name, ".") != 0) {
		size_t label = strcspn(name, ".");
		if (label == 0 || label > 63 || n + label + 2 > cap ||
		    n + label + 2 > ND_DNSMSG_NAME_MAX)
			return 0;
		out[n++] = (uint8_t)label;
		memcpy(out + n, name, label);
		n += label;
		name += label;
		if (*name == '.')
			name++;
	}
	if (n >= cap)
		return 0;
	out[n++] = 0;
	return n;
}

size_t nd_dnsmsg_ask(uint8_t *out, size_t cap, const char *name, uint16_t type, bool edns)
{
	static const uint8_t header[ND_DNSMSG_HEADER] = { 0, 0, 0x01, 0, 0, 1 };
	static const uint8_t opt[11] = { 0, 0, ND_DNSMSG_OPT, ND_DNSMSG_UDP_EDNS >> 8,
					 ND_DNSMSG_UDP_EDNS & 0xff };
	size_t tail = QTYPE_AND_CLASS + sizeof opt;

	if (cap < sizeof header + tail)
		return 0;
	memcpy(out, header, sizeof header);
	size_t n = write_name(out + sizeof header, cap - sizeof header - tail, name);
	if (n == 0)
		return 0;
	n += sizeof header;
	nd_dnsmsg_put16(out + n, type);
	nd_dnsmsg_put16(out + n + 2, 1);
	n += QTYPE_AND_CLASS;
	if (!edns)
		return n;
	memcpy(out + n, opt, sizeof opt);
	nd_dnsmsg_put16(out + 10, 1);
	return n + sizeof opt;
}

struct record {
	const uint8_t *base;
	size_t len;
};

static int compare_records(const void *a, const void *b)
{
	const struct record *x = a, *y = b;
	int order = memcmp(x->base, y->base, x->len < y->len ? x->len : y->len);

	return order ? order : (x->len > y->len) - (x->len < y->len);
}

/* Masks the TTLs of the records in copy[at..) and notes the records of the answer section. The
 * "TTL" of an OPT record is flags and the extended rcode (RFC 6891 s6.1.3): it is not masked. */
static size_t mask_records(uint8_t *copy, size_t len, size_t at, struct record *answers)
{
	size_t answer_count = nd_dnsmsg_get16(copy + 6);
	size_t total = answer_count + nd_dnsmsg_get16(copy + 8) + nd_dnsmsg_get16(copy + 10);

	if (answer_count > RECORDS_MAX)
		return 0;
	for (size_t i = 0; i < total; i++) {
		size_t fixed, start = at;
		at = skip_record(copy, len, at, &fixed);
		if (at == 0)
			return 0;
		if (nd_dnsmsg_get16(copy + fixed) != ND_DNSMSG_OPT)
			memset(copy + fixed + 4, 0, 4);
		if (i < answer_count)
			answers[i] = (struct record){ copy + start, at - start };
	}
	return at;
}

size_t nd_dnsmsg_normalise(const uint8_t *msg, size_t len, uint8_t *out)
{
	struct record answers[RECORDS_MAX];
	struct nd_dnsmsg_question q;
	static uint8_t copy[ND_DNSMSG_MAX];

	if (len > sizeof copy || nd_dnsmsg_view(msg, len, &q) < 0)
		return 0;
	memcpy(copy, msg, len);
	nd_dnsmsg_put16(copy, 0);
	if (mask_records(copy, len, q.end, answers) != len)
		return 0;

	size_t count = nd_dnsmsg_get16(copy + 6), at = q.end;
	qsort(answers, count, sizeof *answers, compare_records);
	memcpy(out, copy, len);
	for (size_t i = 0; i < count; i++) {
		memcpy(out + at, answers[i].base, answers[i].len);
		at += answers[i].len;
	}
	return len;
}

static int compare_addresses(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(uint32_t));
}

int nd_dnsmsg_addresses(const uint8_t *msg, size_t len, uint32_t *out, size_t max)
{
	struct nd_dnsmsg_question q;
	size_t n = 0;

	if (nd_dnsmsg_view(msg, len, &q) < 0)
		return -1;
	size_t at = q.end;
	for (unsigned left = nd_dnsmsg_get16(msg + 6); left > 0; left--) {
		size_t fixed;
		at = skip_record(msg, len, at, &fixed);
		if (at == 0)
			return -1;
		if (nd_dnsmsg_get16(msg + fixed) != ND_DNSMSG_A)
			continue;
		if (nd_dnsmsg_get16(msg + fixed + 8) != sizeof *out || n == max)
			return -1;
		memcpy(&out[n++], msg + fixed + RECORD_FIXED, sizeof *out);
	}
	qsort(out, n, sizeof *out, compare_addresses);
	return (int)n;
}
