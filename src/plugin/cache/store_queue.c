/* SPDX-License-Identifier: Apache-2.0 */
/* The queues of entries: segments, and what leaves at the tail. */
#include "base/budget.h"
#include "plugin/cache/store_parts.h"

enum {
	EVICT_STEPS = 256, /* entries that a put passes to find one to evict, before it takes any */
	TIDY_STEPS = 4,    /* per put, when more than half of the words */
	TIDY_SEGMENTS = 3, /* and as many segments are not of live entries */
	PLACE_TRIES = 4,   /* segments drained for a place */
};

enum mode {
	EVICT,   /* used entries stay, in the main queue */
	FORCE,   /* none stays */
	COMPACT, /* all stay */
};

/* --- segments --- */

static uint32_t pop_free(struct nd_store_writer *w)
{
	struct nd_store_shard *h = w->shard;
	uint32_t id = h->free;

	h->free = w->s->segments[id].next;
	h->nfree--;
	return id;
}

/* The last one is for draining: without it entries that should stay could not move. */
static uint32_t take_segment(struct nd_store_writer *w, bool draining)
{
	struct nd_store_shard *h = w->shard;
	uint32_t keep = draining ? 0 : 1, left = h->end - h->fresh;

	if (h->nfree > keep)
		return pop_free(w);
	if (left && left + h->nfree > keep && nd_budget_take(ND_BUDGET_CACHE, ND_STORE_SEGMENT)) {
		ND_STORE_RELAXED_PUT(&h->taken, ND_STORE_RELAXED_GET(&h->taken) + 1);
		return h->fresh++;
	}
	return ND_STORE_NONE;
}

static bool add_segment(struct nd_store_writer *w, struct nd_store_queue *q, bool draining)
{
	uint32_t id = take_segment(w, draining);

	if (id == ND_STORE_NONE)
		return false;
	w->s->segments[id] = (struct nd_store_segment){ .next = ND_STORE_NONE };
	if (q->first == ND_STORE_NONE)
		q->first = id;
	else
		w->s->segments[q->last].next = id;
	q->last = id;
	q->closed = false;
	q->segments++;
	return true;
}

/* The tail's segment is empty. */
static void release_segment(struct nd_store_writer *w, struct nd_store_queue *q)
{
	struct nd_store_shard *h = w->shard;
	struct nd_store_segment *g = &w->s->segments[q->first];
	uint32_t id = q->first;

	q->first = g->next;
	q->segments--;
	g->next = h->free;
	h->free = id;
	h->nfree++;
}

static uint32_t append(struct nd_store_writer *w, struct nd_store_queue *q, uint32_t words,
		       bool draining)
{
	if (q->first == ND_STORE_NONE || q->closed ||
	    w->s->segments[q->last].used + words > ND_STORE_SEGMENT_WORDS)
		if (!add_segment(w, q, draining))
			return ND_STORE_NONE;
	struct nd_store_segment *g = &w->s->segments[q->last];
	uint32_t place = q->last * ND_STORE_SEGMENT_WORDS + g->used;
	g->used = (uint16_t)(g->used + words);
	return place;
}

/* --- ghosts --- */

static uint32_t *ghost_of(struct nd_store_shard *h, uint64_t hash)
{
	return &h->ghost[(hash >> 20) & h->ghost_mask];
}

bool nd_store_take_ghost(struct nd_store_shard *h, uint64_t hash)
{
	uint32_t *ghost = ghost_of(h, hash);

	if (*ghost != nd_store_tag(hash))
		return false;
	*ghost = 0;
	return true;
}

/* --- the tail --- */

/* The way that names this place. ND_STORE_NONE: the entry has left. */
static uint32_t way_of(const struct nd_store *s, uint64_t hash, uint32_t place)
{
	uint32_t set = nd_store_set_of(s, hash);
	uint64_t want = (uint64_t)nd_store_tag(hash) << 32 | place;

	for (uint32_t way = 0; way < ND_STORE_WAYS; way++)
		if (nd_store_load(&s->sets[set].way[way]) == want)
			return set * ND_STORE_WAYS + way;
	return ND_STORE_NONE;
}

static enum nd_store_level level_of(uint8_t uses)
{
	return uses & ND_STORE_MAIN ? ND_STORE_MAIN_QUEUE : ND_STORE_SMALL;
}

void nd_store_leave(struct nd_store_writer *w, uint32_t at, bool evicted)
{
	const nd_store_word *e = &w->s->words[(uint32_t)nd_store_load(nd_store_way(w->s, at))];
	struct nd_store_head h;

	nd_store_copy_out(&h, e + 1, sizeof h);
	struct nd_store_queue *q = &w->shard->queue[h.kind][level_of(nd_store_uses_at(w->s, at))];
	q->entries--;
	q->words -= nd_store_place_words(nd_store_load(e));
	if (evicted && nd_store_usable(&h, w->now_ns))
		w->evicted->n[h.kind]++;
}

/* An entry moves to a queue's head. False: there is no room. */
static bool move(struct nd_store_writer *w, uint32_t at, enum nd_store_kind kind,
		 enum nd_store_level to, uint8_t uses)
{
	struct nd_store *s = w->s;
	nd_store_word *way = nd_store_way(s, at);
	uint64_t was = nd_store_load(way);
	const nd_store_word *from = &s->words[(uint32_t)was];
	uint32_t words = nd_store_place_words(nd_store_load(from));
	struct nd_store_queue *old = &w->shard->queue[kind][level_of(nd_store_uses_at(s, at))];
	struct nd_store_queue *q = &w->shard->queue[kind][to];
	uint32_t place = append(w, q, words, true);

	if (place == ND_STORE_NONE)
		return false;
	for (uint32_t i = 1; i < words; i++)
		nd_store_save(&s->words[place + i], nd_store_load(&from[i]));
	w->shard->sequence += 2;
	nd_store_save(&s->words[place], (uint64_t)words << 32 | w->shard->sequence);
	nd_store_save(way, (was >> 32) << 32 | place);
	nd_store_set_uses(s, at, uses);
	old->entries--;
	old->words -= words;
	q->entries++;
	q->words += words;
	return true;
}

/* What becomes of a live entry at the tail. */
static void pass(struct nd_store_writer *w, uint32_t at, const struct nd_store_head *h,
		 enum mode mode)
{
	uint8_t uses = nd_store_uses_at(w->s, at), freq = uses & ND_STORE_FREQ;
	enum nd_store_level level = level_of(uses), to = level;
	bool usable = nd_store_usable(h, w->now_ns), stays = usable && mode != FORCE;

	if (mode == EVICT) {
		stays = stays && freq;
		to = ND_STORE_MAIN_QUEUE;
		uses = (uint8_t)((uses & ND_STORE_LIFE) | ND_STORE_MAIN);
		if (level == ND_STORE_MAIN_QUEUE)
			uses |= (uint8_t)(freq - 1) & ND_STORE_FREQ;
	}
	if (stays && move(w, at, (enum nd_store_kind)h->kind, to, uses))
		return;
	nd_store_leave(w, at, true);
	nd_store_save(nd_store_way(w->s, at), 0);
	if (level == ND_STORE_SMALL && usable)
		*ghost_of(w->shard, h->hash) = nd_store_tag(h->hash);
}

/* Passes the next entry at the tail. False: the queue is empty. */
static bool drain(struct nd_store_writer *w, struct nd_store_queue *q, enum mode mode)
{
	if (q->first == ND_STORE_NONE)
		return false;
	struct nd_store_segment *g = &w->s->segments[q->first];
	if (g->drained == g->used) {
		if (q->first != q->last || q->closed) {
			release_segment(w, q);
			return true;
		}
		g->used = g->drained = 0;
		return false;
	}
	uint32_t place = q->first * ND_STORE_SEGMENT_WORDS + g->drained;
	const nd_store_word *e = &w->s->words[place];
	struct nd_store_head h;
	nd_store_copy_out(&h, e + 1, sizeof h);
	g->drained = (uint16_t)(g->drained + nd_store_place_words(nd_store_load(e)));
	uint32_t at = way_of(w->s, h.hash, place);
	if (at != ND_STORE_NONE)
		pass(w, at, &h, mode);
	return true;
}

/* True: the next entry at the tail is too old. */
static bool tail_is_useless(const struct nd_store_writer *w, const struct nd_store_queue *q)
{
	if (q->first == ND_STORE_NONE)
		return false;
	const struct nd_store_segment *g = &w->s->segments[q->first];
	struct nd_store_head h;
	if (g->drained == g->used)
		return q->first != q->last;
	nd_store_copy_out(&h, &w->s->words[q->first * ND_STORE_SEGMENT_WORDS + g->drained + 1u],
			  sizeof h);
	return !nd_store_usable(&h, w->now_ns);
}

/* --- room --- */

/* The small queue has a twentieth of the entries. */
static struct nd_store_queue *fuller(struct nd_store_queue *levels)
{
	struct nd_store_queue *small = &levels[ND_STORE_SMALL], *big = &levels[ND_STORE_MAIN_QUEUE];

	if (!big->entries)
		return small;
	return small->entries * 20 >= small->entries + big->entries ? small : big;
}

static uint32_t entries_of(const struct nd_store_shard *h, enum nd_store_kind kind)
{
	return h->queue[kind][ND_STORE_SMALL].entries + h->queue[kind][ND_STORE_MAIN_QUEUE].entries;
}

/* The kind that has more than its share makes room, else this one does for itself: a flood of names
 * that do not exist evicts no positive answers. */
enum nd_store_kind nd_store_victim(const struct nd_store_shard *h, enum nd_store_kind kind)
{
	enum nd_store_kind other = kind == ND_STORE_SUCCESS ? ND_STORE_DENIAL : ND_STORE_SUCCESS;

	return entries_of(h, other) > h->room[other] ? other : kind;
}

static void evict_one(struct nd_store_writer *w, enum nd_store_kind kind)
{
	struct nd_store_queue *levels = w->shard->queue[kind];
	uint32_t before = entries_of(w->shard, kind);

	for (unsigned step = 0; entries_of(w->shard, kind) == before && before; step++) {
		struct nd_store_queue *q = &levels[ND_STORE_MAIN_QUEUE];
		if (!tail_is_useless(w, q))
			q = fuller(levels);
		if (!drain(w, q, step < EVICT_STEPS ? EVICT : FORCE) && !q->entries)
			break;
	}
}

/* The segments of a kind that has its share of them, else of the other one. */
static struct nd_store_queue *longest(struct nd_store_shard *h, enum nd_store_kind kind)
{
	enum nd_store_kind other = kind == ND_STORE_SUCCESS ? ND_STORE_DENIAL : ND_STORE_SUCCESS;
	const struct nd_store_queue *of = h->queue[kind], *its = h->queue[other];
	uint32_t mine = of[0].segments + of[1].segments, others = its[0].segments + its[1].segments;
	uint64_t room = h->room[ND_STORE_SUCCESS] + (uint64_t)h->room[ND_STORE_DENIAL];

	if (others && (!mine || mine * room < (mine + others) * (uint64_t)h->room[kind]))
		kind = other;
	struct nd_store_queue *levels = h->queue[kind], *q = fuller(levels);
	if (!q->segments)
		q = &levels[q == &levels[ND_STORE_SMALL] ? ND_STORE_MAIN_QUEUE : ND_STORE_SMALL];
	return q;
}

static void drain_segment(struct nd_store_writer *w, struct nd_store_queue *q, enum mode mode)
{
	uint32_t id = q->first;

	if (id == q->last)
		q->closed = true;
	while (q->first == id && drain(w, q, mode))
		;
}

uint32_t nd_store_make_place(struct nd_store_writer *w, enum nd_store_kind kind,
			     enum nd_store_level level, uint32_t words, bool one_more)
{
	struct nd_store_shard *h = w->shard;
	uint32_t place;

	if (one_more && entries_of(h, ND_STORE_SUCCESS) + entries_of(h, ND_STORE_DENIAL) >=
				h->room[ND_STORE_SUCCESS] + h->room[ND_STORE_DENIAL])
		evict_one(w, nd_store_victim(h, kind));
	for (unsigned i = 0; i < PLACE_TRIES; i++) {
		place = append(w, &h->queue[kind][level], words, false);
		if (place != ND_STORE_NONE)
			return place;
		struct nd_store_queue *q = longest(h, kind);
		if (q->segments)
			drain_segment(w, q, i + 2 < PLACE_TRIES ? EVICT : FORCE);
	}
	return append(w, &h->queue[kind][level], words, true);
}

void nd_store_tidy(struct nd_store_writer *w)
{
	struct nd_store_queue *worst = NULL;
	uint64_t used = 0, live = 0, most = 0;

	for (unsigned i = 0; i < ND_STORE_KINDS * ND_STORE_LEVELS; i++) {
		struct nd_store_queue *q =
			&w->shard->queue[i / ND_STORE_LEVELS][i % ND_STORE_LEVELS];
		uint64_t words = (uint64_t)q->segments * ND_STORE_SEGMENT_WORDS;
		used += words;
		live += q->words;
		if (words > q->words && words - q->words > most) {
			most = words - q->words;
			worst = q;
		}
	}
	if (used <= 2 * live + TIDY_SEGMENTS * ND_STORE_SEGMENT_WORDS)
		return;
	for (unsigned i = 0; worst && i < TIDY_STEPS; i++)
		drain(w, worst, COMPACT);
}
