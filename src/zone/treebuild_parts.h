/* SPDX-License-Identifier: Apache-2.0 */
/* treebuild_parts.h - for treebuild.c and treefill.c only. */
#pragma once

#include "zone/tree_parts.h"
#include "zone/treebuild.h"

enum { ND_TREEBUILD_RECORD = 8 }; /* bytes before the rdata in a log */

/* Grows an array of *cap bytes so that `need` fit, by a quarter at a time, and counts it in the
 * budget. NULL: b->err is set, and the array is as before. */
void *nd_treebuild_grow(struct nd_treebuild *b, void *array, size_t *cap, size_t need);
/* The next n bytes of a log, or NULL. */
uint8_t *nd_treebuild_room(struct nd_treebuild *b, struct nd_treebuild_log *l, size_t n);
