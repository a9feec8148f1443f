/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kubernetes/ktags.h"

#include <errno.h>
#include <stdlib.h>

uint32_t nd_ktags_of(const struct nd_kindex *ix, const uint8_t *ip, size_t n)
{
	return (uint32_t)nd_siphash(&ix->config.key, n, ip, n);
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static int room(struct nd_ktags *out, size_t n)
{
	*out = (struct nd_ktags){ .tag = n ? malloc(n * sizeof *out->tag) : NULL };
	return out->tag || !n ? 0 : -ENOMEM;
}

static void settle(struct nd_ktags *t)
{
	size_t kept = 0;

	if (t->n)
		qsort(t->tag, t->n, sizeof *t->tag, by_value);
	for (size_t i = 0; i < t->n; i++)
		if (i == 0 || t->tag[i] != t->tag[i - 1])
			t->tag[kept++] = t->tag[i];
	t->n = kept;
}

int nd_ktags_ips(const struct nd_kindex *ix, const struct nd_kip *ip, size_t n,
		 struct nd_ktags *out)
{
	int err = room(out, n);

	if (err)
		return err;
	for (size_t i = 0; i < n; i++)
		out->tag[out->n++] = nd_ktags_of(ix, ip[i].bytes, ip[i].len);
	settle(out);
	return 0;
}

int nd_ktags_service(const struct nd_kindex *ix, const struct nd_kservice *s, struct nd_ktags *out)
{
	struct nd_koutside each;
	size_t n = s->nips;

	for (size_t at = 0; nd_kobject_outside(s, &at, &each);)
		n += each.len > 0;
	int err = room(out, n);
	if (err)
		return err;
	for (uint8_t i = 0; i < s->nips; i++)
		out->tag[out->n++] = nd_ktags_of(ix, nd_kobject_ips(s)[i].bytes,
						 nd_kobject_ips(s)[i].len);
	for (size_t at = 0; nd_kobject_outside(s, &at, &each);)
		if (each.len)
			out->tag[out->n++] = nd_ktags_of(ix, each.at, each.len);
	settle(out);
	return 0;
}

int nd_ktags_slice(const struct nd_kindex *ix, const struct nd_kslice *s, struct nd_ktags *out)
{
	int err = room(out, s ? (size_t)s->n4 + s->n6 : 0);

	if (err || !s)
		return err;
	for (uint32_t i = 0; i < s->n4; i++)
		out->tag[out->n++] = nd_ktags_of(ix, nd_kobject_v4(s)[i].ip, 4);
	for (uint32_t i = 0; i < s->n6; i++)
		out->tag[out->n++] = nd_ktags_of(ix, nd_kobject_v6(s)[i].ip, 16);
	settle(out);
	return 0;
}

void nd_ktags_clear(struct nd_ktags *t)
{
	free(t->tag);
	*t = (struct nd_ktags){ 0 };
}
