/* SPDX-License-Identifier: Apache-2.0 */
/* ktags.h - the tags of the addresses that a block holds, in the form that kreverse wants. Control
 * thread. */
#pragma once

#include "plugin/kubernetes/kindex.h"

struct nd_ktags {
	uint32_t *tag; /* ascending, without repeats; heap */
	size_t n;
};

uint32_t nd_ktags_of(const struct nd_kindex *ix, const uint8_t *ip, size_t n);
/* Each fills *out, which is cleared by nd_ktags_clear; a NULL block has none. 0 or -ENOMEM. */
int nd_ktags_ips(const struct nd_kindex *ix, const struct nd_kip *ip, size_t n,
		 struct nd_ktags *out);
/* Inside and outside. */
int nd_ktags_service(const struct nd_kindex *ix, const struct nd_kservice *s, struct nd_ktags *out);
int nd_ktags_slice(const struct nd_kindex *ix, const struct nd_kslice *s, struct nd_ktags *out);
void nd_ktags_clear(struct nd_ktags *t);
