/* SPDX-License-Identifier: Apache-2.0 */
#include "zone/canon.h"

#include <stdbool.h>
#include <string.h>
#include "wire/name.h"

enum { LABELS_MAX = ND_NAME_MAX / 2 + 1 };

/* Offsets of the labels, from the left. Returns their number. */
static unsigned split(const uint8_t *name, size_t n, uint8_t at[LABELS_MAX])
{
	unsigned labels = 0;

	for (size_t i = 0; i < n; i += 1u + name[i])
		at[labels++] = (uint8_t)i;
	return labels;
}

static int compare_label(const uint8_t *a, const uint8_t *b)
{
	size_t n = *a < *b ? *a : *b;
	int c = memcmp(a + 1, b + 1, n);

	return c ? c : (int)*a - (int)*b;
}

int nd_canon_compare(const uint8_t *a, size_t an, const uint8_t *b, size_t bn)
{
	uint8_t a_at[LABELS_MAX], b_at[LABELS_MAX];
	unsigned i = split(a, an, a_at), j = split(b, bn, b_at);

	while (i && j) {
		int c = compare_label(a + a_at[--i], b + b_at[--j]);
		if (c)
			return c;
	}
	return (int)i - (int)j;
}

unsigned nd_canon_common(const uint8_t *a, size_t an, const uint8_t *b, size_t bn)
{
	uint8_t a_at[LABELS_MAX], b_at[LABELS_MAX];
	unsigned i = split(a, an, a_at), j = split(b, bn, b_at), n = 0;

	while (i && j && compare_label(a + a_at[--i], b + b_at[--j]) == 0)
		n++;
	return n;
}

unsigned nd_canon_labels(const uint8_t *name, size_t n)
{
	uint8_t at[LABELS_MAX];

	return split(name, n, at);
}

/* Each label ends with a zero, so a shorter one comes first. The prefix ends at a byte 0 or 1 of a
 * label, which both count as 1: what follows must not decide between them. */
uint64_t nd_canon_prefix(const uint8_t *name, size_t n)
{
	uint8_t at[LABELS_MAX];
	unsigned labels = split(name, n, at), used = 0;
	uint64_t prefix = 0;
	bool more = true;

	while (labels && used < 8 && more) {
		const uint8_t *label = name + at[--labels];
		for (unsigned i = 1; i <= *label && used < 8 && more; i++, used++) {
			more = label[i] > 1;
			prefix = prefix << 8 | (more ? label[i] : 1);
		}
		if (used < 8 && more) {
			prefix <<= 8;
			used++;
		}
	}
	return used && used < 8 ? prefix << 8 * (8 - used) : prefix;
}
