/* SPDX-License-Identifier: Apache-2.0 */
#include "base/slab.h"

#include <stddef.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(p, n) ASAN_POISON_MEMORY_REGION((p), (n))
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION((p), (n))
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

struct chunk {
	struct nd_list link;
	struct slot *free;
	uint32_t used;  /* objects that are out */
	uint32_t fresh; /* slots from here on have never been used: their pages are untouched */
	_Alignas(max_align_t) uint8_t slots[];
};

struct slot {
	union {
		struct chunk *chunk; /* out */
		struct slot *next;   /* free */
	};
	_Alignas(max_align_t) uint8_t object[];
};

void nd_slab_init(struct nd_slab *s, size_t object_bytes, enum nd_budget_part part)
{
	size_t align = _Alignof(max_align_t);
	size_t size = (offsetof(struct slot, object) + object_bytes + align - 1) / align * align;

	ND_ASSERT(size <= ND_SLAB_CHUNK / 4);
	s->part = part;
	s->object_bytes = (uint32_t)size;
	s->per_chunk = (uint32_t)((ND_SLAB_CHUNK - offsetof(struct chunk, slots)) / size);
	s->nchunks = 0;
	nd_list_init(&s->chunks);
}

static struct chunk *map_chunk(struct nd_slab *s)
{
	if (!nd_budget_take(s->part, ND_SLAB_CHUNK))
		return NULL;
	struct chunk *c = mmap(NULL, ND_SLAB_CHUNK, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (c == MAP_FAILED) {
		nd_budget_give(s->part, ND_SLAB_CHUNK);
		return NULL;
	}
	nd_list_push(&s->chunks, &c->link);
	s->nchunks++;
	return c;
}

static void unmap_chunk(struct nd_slab *s, struct chunk *c)
{
	nd_list_del(&c->link);
	UNPOISON(c, ND_SLAB_CHUNK);
	munmap(c, ND_SLAB_CHUNK);
	nd_budget_give(s->part, ND_SLAB_CHUNK);
	s->nchunks--;
}

void *nd_slab_take(struct nd_slab *s)
{
	struct chunk *c = nd_list_empty(&s->chunks)
				  ? NULL
				  : ND_LIST_ENTRY(s->chunks.next, struct chunk, link);

	if (!c || c->used == s->per_chunk)
		c = map_chunk(s);
	if (!c)
		return NULL;
	struct slot *slot = c->free;
	if (slot)
		c->free = slot->next;
	else
		slot = (struct slot *)(c->slots + (size_t)s->object_bytes * c->fresh++);
	UNPOISON(slot->object, s->object_bytes - offsetof(struct slot, object));
	slot->chunk = c;
	if (++c->used == s->per_chunk) {
		nd_list_del(&c->link);
		nd_list_add(&s->chunks, &c->link);
	}
	return slot->object;
}

void nd_slab_give(struct nd_slab *s, void *object)
{
	if (!object)
		return;
	struct slot *slot = ND_CONTAINER(object, struct slot, object);
	struct chunk *c = slot->chunk;
	if (c->used-- == s->per_chunk) {
		nd_list_del(&c->link);
		nd_list_push(&s->chunks, &c->link);
	}
	if (c->used == 0 && s->nchunks > 1) {
		unmap_chunk(s, c);
		return;
	}
	POISON(slot->object, s->object_bytes - offsetof(struct slot, object));
	slot->next = c->free;
	c->free = slot;
}

void nd_slab_clear(struct nd_slab *s)
{
	ND_LIST_EACH(&s->chunks, it) {
		struct chunk *c = ND_LIST_ENTRY(it, struct chunk, link);
		ND_ASSERT(c->used == 0);
		unmap_chunk(s, c);
	}
}
