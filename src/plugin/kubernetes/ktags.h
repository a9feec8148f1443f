/* SPDX-License-Identifier: Apache-2.0 */
/* ktags.h - the tags (address hashes) of a block, as kreverse.h needs them.
 *
 * Threads: nd_ktags_of by any thread; the rest by the control thread.
 */
#pragma once

#include "plugin/kubernetes/kindex.h"

struct nd_ktags {
	uint32_t *tag; /* ascending, without duplicates; heap */
	size_t n;
};

uint32_t nd_ktags_of(const struct nd_kindex *ix, const uint8_t *ip, size_t n);
/* Each fills *out, which nd_ktags_clear frees. 0 or -ENOMEM. */
int nd_ktags_ips(const struct nd_kindex *ix, const struct nd_kip *ip, size_t n,
		 struct nd_ktags *out);
/* The Service's addresses and its external ones. */
int nd_ktags_service(const struct nd_kindex *ix, const struct nd_kservice *s, struct nd_ktags *out);
int nd_ktags_slice(const struct nd_kindex *ix, const struct nd_kslice *s, struct nd_ktags *out);
void nd_ktags_clear(struct nd_ktags *t);
