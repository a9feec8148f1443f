/* SPDX-License-Identifier: Apache-2.0 */
/* Writing into the table: the choice of a way, and the other side of the sequence. */
#include "plugin/cache/store_parts.h"

enum { SPINS = 200 }; /* about the time of a put; who holds the lock longer was interrupted */

static bool lock(struct nd_store_shard *h)
{
	for (unsigned i = 0; i < SPINS; i++) {
		uint32_t free = 0;
		if (ND_STORE_RELAXED_GET(&h->locked) == 0 &&
		    atomic_compare_exchange_weak_explicit(&h->locked, &free, 1,
							  memory_order_acquire,
							  memory_order_relaxed))
			return true;
	}
	return false;
}

static void unlock(struct nd_store_shard *h)
{
	ND_STORE_RELAXED_PUT(&h->writes, ND_STORE_RELAXED_GET(&h->writes) + 1);
	atomic_store_explicit(&h->locked, 0, memory_order_release);
}

static struct nd_store_shard *shard_of(struct nd_store *s, uint64_t hash)
{
	return &s->shard[nd_store_set_of(s, hash) & (s->nshards - 1)];
}

/* --- entries --- */

static void copy_in(nd_store_word *to, const void *from, size_t bytes)
{
	const uint8_t *p = from;
	uint64_t v;

	for (; bytes >= 8; bytes -= 8, p += 8) {
		memcpy(&v, p, 8);
		nd_store_save(to++, v);
	}
	if (bytes) {
		v = 0;
		memcpy(&v, p, bytes);
		nd_store_save(to, v);
	}
}

struct entry {
	struct nd_store_head head;
	struct nd_name name;
	const struct nd_record *record;
	const uint8_t *body;
};

/* All but the first word. */
static void write_data(nd_store_word *e, const struct entry *of)
{
	const struct nd_store_head *h = &of->head;
	nd_store_word *data = e + ND_STORE_DATA;

	copy_in(e + 1, h, sizeof *h);
	copy_in(data, of->name.wire, h->name_len);
	data += nd_store_words(h->name_len);
	copy_in(data, of->record, h->indexed * sizeof *of->record);
	data += nd_store_words(h->indexed * sizeof *of->record);
	copy_in(data, of->body, h->body_len);
}

static struct entry make_entry(const struct nd_store_key *key, const struct nd_store_head *head,
			       const struct nd_record *record, const uint8_t *body, uint64_t now_ns)
{
	struct entry e = { *head, key->name, record, body };
	struct nd_store_head *h = &e.head;

	h->hash = key->hash;
	if (!h->stored_ns)
		h->stored_ns = now_ns;
	h->qtype = key->qtype;
	h->qclass = key->qclass;
	h->key_flags = key->flags;
	h->name_len = key->name.len;
	h->indexed = h->n <= ND_STORE_INDEXED ? (uint8_t)h->n : 0;
	return e;
}

/* --- ways --- */

/* The way of this key. ND_STORE_NONE: there is none. */
static uint32_t find_way(const struct nd_store *s, const struct nd_store_key *key)
{
	uint32_t at = nd_store_set_of(s, key->hash) * ND_STORE_WAYS;

	for (uint32_t end = at + ND_STORE_WAYS; at < end; at++) {
		uint64_t w = nd_store_load(nd_store_way(s, at));
		const nd_store_word *e = &s->words[(uint32_t)w];
		struct nd_store_head h;
		if (w >> 32 != nd_store_tag(key->hash))
			continue;
		nd_store_copy_out(&h, e + 1, sizeof h);
		if (nd_store_matches(&h, key) &&
		    nd_store_same_bytes(e + ND_STORE_DATA, key->name.wire, h.name_len))
			return at;
	}
	return ND_STORE_NONE;
}

/* The lower, the sooner it goes: unused entries of the kind that has to make room come first. */
static unsigned worth(const struct nd_store_writer *w, uint32_t at, enum nd_store_kind victim)
{
	uint64_t way = nd_store_load(nd_store_way(w->s, at));
	uint8_t uses = nd_store_uses_at(w->s, at);
	struct nd_store_head h;

	nd_store_copy_out(&h, &w->s->words[(uint32_t)way + 1], sizeof h);
	if (!nd_store_usable(&h, w->now_ns))
		return 0;
	return 1 + (uses & ND_STORE_FREQ) + (uses & ND_STORE_MAIN ? 4 : 0) +
	       (h.kind == victim ? 0 : 2);
}

/* A way of the set for a new entry: an empty one, else that of an entry that leaves. */
static uint32_t take_way(struct nd_store_writer *w, uint64_t hash, enum nd_store_kind kind)
{
	enum nd_store_kind victim = nd_store_victim(w->shard, kind);
	uint32_t first = nd_store_set_of(w->s, hash) * ND_STORE_WAYS, least = first;
	unsigned lowest = UINT32_MAX;

	for (uint32_t at = first; at < first + ND_STORE_WAYS; at++) {
		if (!nd_store_load(nd_store_way(w->s, at)))
			return at;
		unsigned n = worth(w, at, victim);
		if (n < lowest) {
			lowest = n;
			least = at;
		}
	}
	nd_store_leave(w, least, true);
	return least;
}

/* --- put --- */

/* Into the place of the old answer, if that is long enough and not much too long. */
static bool put_in_place(struct nd_store_writer *w, uint32_t at, const struct entry *e,
			 uint32_t words)
{
	nd_store_word *to = &w->s->words[(uint32_t)nd_store_load(nd_store_way(w->s, at))];
	uint64_t first = nd_store_load(to);
	uint32_t place = nd_store_place_words(first);
	struct nd_store_head old;

	nd_store_copy_out(&old, to + 1, sizeof old);
	if (place < words || place > 2 * words || old.kind != e->head.kind)
		return false;
	w->shard->sequence += 2;
	nd_store_save(to, first | 1);
	write_data(to, e);
	nd_store_save(to, (uint64_t)place << 32 | w->shard->sequence);
	uint8_t uses = nd_store_uses_at(w->s, at);
	nd_store_set_uses(w->s, at, uses & (uint8_t)~ND_STORE_LIFE);
	return true;
}

static bool put_anew(struct nd_store_writer *w, const struct nd_store_key *key,
		     const struct entry *e, uint32_t words, uint32_t old)
{
	enum nd_store_kind kind = (enum nd_store_kind)e->head.kind;
	bool main = old == ND_STORE_NONE ? nd_store_take_ghost(w->shard, key->hash)
					 : nd_store_uses_at(w->s, old) & ND_STORE_MAIN;
	enum nd_store_level level = main ? ND_STORE_MAIN_QUEUE : ND_STORE_SMALL;
	uint8_t uses = main ? ND_STORE_MAIN : 0;
	uint32_t place = nd_store_make_place(w, kind, level, words, old == ND_STORE_NONE);

	if (place == ND_STORE_NONE)
		return false;
	nd_store_word *to = &w->s->words[place];
	write_data(to, e);
	w->shard->sequence += 2;
	nd_store_save(to, (uint64_t)words << 32 | w->shard->sequence);
	/* The old one may have moved or left to make room. */
	uint32_t at = old == ND_STORE_NONE ? old : find_way(w->s, key);
	if (at != ND_STORE_NONE) {
		uses |= nd_store_uses_at(w->s, at) & ND_STORE_FREQ;
		nd_store_leave(w, at, false);
	} else {
		at = take_way(w, key->hash, kind);
		nd_store_cool(w->s, at);
	}
	nd_store_set_uses(w->s, at, uses);
	nd_store_save(nd_store_way(w->s, at), (uint64_t)nd_store_tag(key->hash) << 32 | place);
	w->shard->queue[kind][level].entries++;
	w->shard->queue[kind][level].words += words;
	return true;
}

bool nd_store_put(struct nd_store *s, const struct nd_store_key *key,
		  const struct nd_store_head *head, const struct nd_record *record,
		  const uint8_t *body, uint64_t now_ns, struct nd_store_evicted *evicted)
{
	struct entry e = make_entry(key, head, record, body, now_ns);
	struct nd_store_writer w = { s, shard_of(s, key->hash), now_ns, evicted };
	uint32_t words = (uint32_t)(nd_store_length(&e.head) + ND_STORE_ROUND - 1) /
			 ND_STORE_ROUND * ND_STORE_ROUND;

	*evicted = (struct nd_store_evicted){ 0 };
	if (words > ND_STORE_SEGMENT_WORDS || !lock(w.shard))
		return false;
	uint32_t old = find_way(s, key);
	bool done = (old != ND_STORE_NONE && put_in_place(&w, old, &e, words)) ||
		    put_anew(&w, key, &e, words, old);
	nd_store_tidy(&w);
	unlock(w.shard);
	return done;
}

bool nd_store_remove(struct nd_store *s, const struct nd_store_key *key)
{
	struct nd_store_writer w = { s, shard_of(s, key->hash), 0, NULL };

	if (!lock(w.shard))
		return false;
	uint32_t at = find_way(s, key);
	if (at != ND_STORE_NONE) {
		nd_store_leave(&w, at, false);
		nd_store_save(nd_store_way(s, at), 0);
	}
	unlock(w.shard);
	return true;
}
