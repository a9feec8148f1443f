/* SPDX-License-Identifier: Apache-2.0 */
/* Process objects shared by several generations (nd_setup_share). */
#include <stdlib.h>
#include <string.h>
#include "core/parts.h"

static struct nd_share *find_share(struct nd_process *p, const char *kind, const void *key,
				   size_t n)
{
	ND_LIST_EACH(&p->shares, it) {
		struct nd_share *s = ND_LIST_ENTRY(it, struct nd_share, link);
		if (s->key_len == n && strcmp(s->kind, kind) == 0 && memcmp(s->key, key, n) == 0)
			return s;
	}
	return NULL;
}

static void free_share(struct nd_share *s)
{
	free(s->key);
	free(s);
}

static struct nd_share *make_share(struct nd_process *p, const char *kind, const void *key,
				   size_t n, void *(*make)(void *ctx), void *ctx,
				   void (*unmake)(void *object))
{
	struct nd_share *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->kind = kind;
	s->key_len = n;
	s->key = malloc(n + 1);
	s->unmake = unmake;
	if (s->key) {
		memcpy(s->key, key, n);
		s->object = make(ctx);
	}
	if (!s->object) {
		free_share(s);
		return NULL;
	}
	nd_list_add(&p->shares, &s->link);
	return s;
}

void *nd_setup_share(struct nd_setup *setup, const char *kind, const void *key, size_t key_len,
		     void *(*make)(void *ctx), void *ctx, void (*unmake)(void *object))
{
	struct nd_gen *g = setup->gen;
	struct nd_share *s = find_share(setup->process, kind, key, key_len);

	struct nd_share **grown = realloc(g->shares, (g->nshares + 1) * sizeof *grown);
	if (!grown)
		return NULL;
	g->shares = grown;
	if (!s)
		s = make_share(setup->process, kind, key, key_len, make, ctx, unmake);
	if (!s)
		return NULL;
	s->refs++;
	g->shares[g->nshares++] = s;
	return s->object;
}

void nd_setup_share_release(struct nd_gen *g)
{
	while (g->nshares > 0) {
		struct nd_share *s = g->shares[--g->nshares];
		if (--s->refs)
			continue;
		nd_list_del(&s->link);
		if (s->unmake)
			s->unmake(s->object);
		free_share(s);
	}
	free(g->shares);
	g->shares = NULL;
}
