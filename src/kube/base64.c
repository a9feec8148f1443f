/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/base64.h"

#include <string.h>

static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int digit(char c)
{
	const char *at = c ? strchr(all, c) : NULL;

	return at ? (int)(at - all) : -1;
}

bool nd_base64_decode(const char *text, uint8_t *to, size_t *n)
{
	uint32_t bits = 0;
	unsigned count = 0, pads = 0;

	*n = 0;
	for (; *text; text++) {
		int v = digit(*text);
		if (*text == '\n' || *text == '\r')
			continue;
		if (*text == '=' && count % 4 >= 2 && pads < 2) {
			v = 0;
			pads++;
		} else if (v < 0 || pads) {
			return false;
		}
		bits = bits << 6 | (uint32_t)v;
		if (++count % 4)
			continue;
		for (unsigned i = 0; i < 3 - pads; i++)
			to[(*n)++] = (uint8_t)(bits >> (16 - 8 * i));
		bits = 0;
	}
	return count % 4 == 0;
}

const char *nd_base64_encode(struct nd_arena *a, const void *bytes, size_t n)
{
	const uint8_t *from = bytes;
	char *out = nd_arena_alloc(a, n / 3 * 4 + 5);
	size_t to = 0;

	for (size_t i = 0; out && i < n; i += 3) {
		uint32_t bits = 0;
		for (size_t k = 0; k < 3; k++)
			bits = bits << 8 | (i + k < n ? from[i + k] : 0u);
		for (size_t k = 0; k < 4; k++)
			out[to++] = i + k > n ? '=' : all[bits >> (18 - 6 * k) & 63];
	}
	return out;
}
