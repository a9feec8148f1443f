/* SPDX-License-Identifier: Apache-2.0 */
/* array.h - growing a heap array. The caller owns it and frees it with free().
 *
 *	struct x *x = nd_array_grow(t->x, &t->cap, t->n + 1, sizeof *x);
 *	if (!x)
 *		return -ENOMEM;
 *	t->x = x;
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Makes room for n elements of `size` bytes; the capacity starts at 8 and doubles. Returns the
 * array, which may have moved, and updates *cap. NULL if memory is exhausted or the size overflows;
 * the old array and *cap then remain valid. New elements are not initialized. */
static inline void *nd_array_grow(void *array, size_t *cap, size_t n, size_t size)
{
	size_t to = *cap ? *cap : 8;

	if (array && n <= *cap)
		return array;
	while (to < n) {
		if (to > SIZE_MAX / 2)
			return NULL;
		to *= 2;
	}
	void *grown = to <= SIZE_MAX / size ? realloc(array, to * size) : NULL;
	if (grown)
		*cap = to;
	return grown;
}
