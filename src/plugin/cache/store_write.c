/* SPDX-License-Identifier: Apache-2.0 */
/* Writing into the store: the choice of a way, and the seqlock's other side. */
#include "base/budget.h"
#include "base/hash.h"
#include "plugin/cache/store_parts.h"

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

/* The ways of a set, for a writer. */
struct ways {
	int same, expired, empty;      /* a way; -1: none */
	uint32_t live[ND_STORE_KINDS]; /* a bit per way */
};

static struct ways look_at(struct nd_store *s, uint32_t at, const struct nd_store_key *key,
			   uint64_t now_ns)
{
	struct ways w = { .same = -1, .expired = -1, .empty = -1 };

	for (int way = 0; way < ND_STORE_WAYS; way++) {
		struct nd_store_head h;
		uint32_t tag = ND_STORE_RELAXED_GET(&s->sets[at].tag[way]);
		if (tag == 0) {
			if (w.empty < 0)
				w.empty = way;
			continue;
		}
		if (!nd_store_peek(s->entries[(size_t)at * ND_STORE_WAYS + (size_t)way], &h))
			continue;
		if (tag == nd_store_tag(key->hash) && nd_store_matches(s, &h, key))
			w.same = way;
		else if (nd_store_usable(&h, now_ns) && h.kind < ND_STORE_KINDS)
			w.live[h.kind] |= 1u << way;
		else if (w.expired < 0)
			w.expired = way;
	}
	return w;
}

/* The way that the clock chooses among these. */
static int choose_victim(struct nd_store_set *set, uint32_t among)
{
	unsigned hand = ND_STORE_RELAXED_GET(&set->hand) % ND_STORE_WAYS;

	for (unsigned turn = 0; turn < 4 * ND_STORE_WAYS;
	     turn++, hand = (hand + 1) % ND_STORE_WAYS) {
		if (!(among >> hand & 1))
			continue;
		uint8_t n = ND_STORE_RELAXED_GET(&set->uses[hand]);
		if (n == 0)
			break;
		ND_STORE_RELAXED_PUT(&set->uses[hand], (uint8_t)(n - 1));
	}
	while (!(among >> hand & 1))
		hand = (hand + 1) % ND_STORE_WAYS;
	ND_STORE_RELAXED_PUT(&set->hand, (uint8_t)(hand + 1));
	return (int)hand;
}

/* A kind that has its share of the ways makes room for itself, else the other one does: a flood of
 * names that do not exist evicts no positive answers. -1: no way can be evicted. */
static int evict(struct nd_store *s, uint32_t at, const struct ways *w, enum nd_store_kind kind,
		 enum nd_store_put *what)
{
	enum nd_store_kind other = kind == ND_STORE_SUCCESS ? ND_STORE_DENIAL : ND_STORE_SUCCESS;
	bool full = __builtin_popcount(w->live[kind]) >= s->share[kind];
	enum nd_store_kind from = (full && w->live[kind]) || !w->live[other] ? kind : other;

	if (!w->live[from])
		return -1;
	*what = from == ND_STORE_SUCCESS ? ND_STORE_EVICTED_SUCCESS : ND_STORE_EVICTED_DENIAL;
	return choose_victim(&s->sets[at], w->live[from]);
}

/* The way to write to: that of the same key, an expired one, an empty one if the budget allows it,
 * else one that is evicted. -1: none. *taken: an entry was taken from the budget;
 * *same: it has this key. */
static int choose_way(struct nd_store *s, uint32_t at, const struct nd_store_key *key,
		      uint64_t now_ns, enum nd_store_kind kind, enum nd_store_put *what,
		      bool *taken, bool *same)
{
	struct ways w = look_at(s, at, key, now_ns);

	*what = ND_STORE_KEPT;
	*taken = false;
	*same = w.same >= 0;
	if (w.same >= 0)
		return w.same;
	if (w.expired >= 0)
		return w.expired;
	if (w.empty >= 0 && nd_budget_take(ND_BUDGET_CACHE, ND_STORE_ENTRY)) {
		*taken = true;
		return w.empty;
	}
	return evict(s, at, &w, kind, what);
}

/* Makes the writer the owner of the entry. False: another one is. */
static bool own(struct nd_store *s, nd_store_word *e, uint32_t owner, bool taken, uint64_t *mine)
{
	uint64_t seq = nd_store_load(&e[0]);
	bool first = seq == 0;

	/* Sequence in the low half, owner in the high half. */
	*mine = (uint64_t)owner << 32 | (uint32_t)(seq + 1);
	bool won = !(seq & 1) &&
		   atomic_compare_exchange_strong_explicit(&e[0], &seq, *mine, memory_order_acq_rel,
							   memory_order_relaxed);
	/* Of two writers that found it empty, one pays. */
	if (taken && won && first)
		atomic_fetch_add_explicit(&s->entries_written, 1, memory_order_relaxed);
	else if (taken)
		nd_budget_give(ND_BUDGET_CACHE, ND_STORE_ENTRY);
	return won;
}

enum nd_store_put nd_store_put(struct nd_store *s, uint32_t owner, const struct nd_store_key *key,
			       const struct nd_store_head *head, const struct nd_record *record,
			       const uint8_t *body, uint64_t now_ns)
{
	struct nd_store_head h = *head;
	enum nd_store_put what;

	h.hash = key->hash;
	h.view = s->view;
	h.stored_ns = now_ns;
	h.qtype = key->qtype;
	h.qclass = key->qclass;
	h.key_flags = key->flags;
	h.name_len = key->name.len;
	h.indexed = h.n <= ND_STORE_INDEXED ? (uint8_t)h.n : 0;
	if (!nd_store_fits(&h))
		return ND_STORE_REFUSED;
	uint64_t sum = nd_hash_add(ND_HASH_START, key->name.wire, h.name_len);
	sum = nd_hash_add(sum, record, h.indexed * sizeof *record);
	h.checksum = (uint32_t)nd_hash_add(sum, body, h.body_len);

	uint32_t at = nd_store_set_of(s, key->hash);
	uint64_t mine;
	bool taken, same;
	int way = choose_way(s, at, key, now_ns, (enum nd_store_kind)h.kind, &what, &taken, &same);
	if (way < 0)
		return ND_STORE_REFUSED;
	nd_store_word *e = s->entries[(size_t)at * ND_STORE_WAYS + (size_t)way];
	if (!own(s, e, owner, taken, &mine))
		return ND_STORE_REFUSED;
	copy_in(e + 1, &h, sizeof h);
	nd_store_word *data = e + ND_STORE_DATA;
	copy_in(data, key->name.wire, h.name_len);
	data += nd_store_words(h.name_len);
	copy_in(data, record, h.indexed * sizeof *record);
	data += nd_store_words(h.indexed * sizeof *record);
	copy_in(data, body, h.body_len);
	nd_store_save(&e[0], (uint64_t)owner << 32 | (uint32_t)(mine + 1));
	ND_STORE_RELAXED_PUT(&s->sets[at].tag[way], nd_store_tag(key->hash));
	ND_STORE_RELAXED_PUT(&s->sets[at].uses[way], 0);
	if (!same)
		nd_store_cool(s, at * ND_STORE_WAYS + (uint32_t)way);
	return what;
}

void nd_store_remove(struct nd_store *s, uint32_t owner, const struct nd_store_key *key)
{
	uint32_t at = nd_store_set_of(s, key->hash), tag = nd_store_tag(key->hash);

	for (unsigned way = 0; way < ND_STORE_WAYS; way++) {
		nd_store_word *e = s->entries[(size_t)at * ND_STORE_WAYS + way];
		struct nd_store_head h;
		uint64_t mine;
		if (ND_STORE_RELAXED_GET(&s->sets[at].tag[way]) != tag || !nd_store_peek(e, &h) ||
		    !nd_store_matches(s, &h, key) || !own(s, e, owner, false, &mine))
			continue;
		nd_store_copy_out(&h, e + 1, sizeof h); /* as it is now */
		if (nd_store_matches(s, &h, key)) {
			h.until_s = 0;
			copy_in(e + 1, &h, sizeof h);
		}
		nd_store_save(&e[0], (uint64_t)owner << 32 | (uint32_t)(mine + 1));
	}
}
