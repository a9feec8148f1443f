/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cache/store.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "base/hash.h"
#include "base/time.h"
#include "io/random.h"

enum {
	WORDS = ND_STORE_ENTRY / 8,
	HEAD_WORDS = sizeof(struct nd_store_head) / 8,
	DATA = 1 + HEAD_WORDS
};

_Static_assert(sizeof(struct nd_store_head) % 8 == 0, "the head is copied by words");

typedef _Atomic uint64_t word;

struct set {
	_Atomic uint32_t tag[ND_STORE_WAYS];
	_Atomic uint8_t uses[ND_STORE_WAYS]; /* 0..3: hits since the clock's hand passed */
	_Atomic uint8_t hand;
	uint8_t spare[47];
};

struct header {
	uint64_t magic, view, entry_bytes;
	uint64_t nsets;
	struct nd_siphash_key key;
};

struct nd_store {
	struct header *header;
	struct set *sets;
	word (*entries)[WORDS];
	uint32_t nsets;
	struct nd_siphash_key key;
	uint64_t view;
	size_t bytes;
};

static uint64_t get(const word *w)
{
	return atomic_load_explicit(w, memory_order_acquire);
}

static void put(word *w, uint64_t v)
{
	atomic_store_explicit(w, v, memory_order_release);
}

/* Of tags, use counters and the hand, which order nothing. */
#define RELAXED_GET(at) atomic_load_explicit((at), memory_order_relaxed)
#define RELAXED_PUT(at, v) atomic_store_explicit((at), (v), memory_order_relaxed)

static size_t words_of(size_t bytes)
{
	return (bytes + 7) / 8;
}

static void copy_out(void *to, const word *from, size_t bytes)
{
	uint8_t *p = to;

	for (; bytes >= 8; bytes -= 8, p += 8) {
		uint64_t v = get(from++);
		memcpy(p, &v, 8);
	}
	if (bytes) {
		uint64_t v = get(from);
		memcpy(p, &v, bytes);
	}
}

static void copy_in(word *to, const void *from, size_t bytes)
{
	const uint8_t *p = from;
	uint64_t v;

	for (; bytes >= 8; bytes -= 8, p += 8) {
		memcpy(&v, p, 8);
		put(to++, v);
	}
	if (bytes) {
		v = 0;
		memcpy(&v, p, bytes);
		put(to, v);
	}
}

static bool same_bytes(const word *stored, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	uint64_t v;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&v, p, 8);
		if (get(stored++) != v)
			return false;
	}
	v = 0;
	memcpy(&v, p, n);
	return n == 0 || get(stored) == v;
}

/* --- the table --- */

struct nd_store *nd_store_new(size_t entries, uint64_t view)
{
	struct nd_store *s = calloc(1, sizeof *s);

	if (!s || entries > ND_STORE_ENTRIES_MAX) {
		free(s);
		return NULL;
	}
	s->nsets = (uint32_t)((entries + ND_STORE_WAYS - 1) / ND_STORE_WAYS);
	if (s->nsets == 0)
		s->nsets = 1;
	size_t head = (sizeof *s->header + 4095) & ~(size_t)4095;
	size_t sets = (s->nsets * sizeof *s->sets + 4095) & ~(size_t)4095;
	s->bytes = head + sets + (size_t)s->nsets * ND_STORE_WAYS * ND_STORE_ENTRY;
	char *p = mmap(NULL, s->bytes, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) {
		free(s);
		return NULL;
	}
	s->header = (struct header *)p;
	s->sets = (struct set *)(p + head);
	s->entries = (word(*)[WORDS])(p + head + sets);
	nd_random_bytes(&s->key, sizeof s->key);
	s->view = view;
	*s->header = (struct header){ .magic = ND_STORE_MAGIC,
				      .view = view,
				      .entry_bytes = ND_STORE_ENTRY,
				      .nsets = s->nsets,
				      .key = s->key };
	return s;
}

void nd_store_free(struct nd_store *s)
{
	if (!s)
		return;
	munmap(s->header, s->bytes);
	free(s);
}

struct nd_store_key nd_store_key(const struct nd_store *s, struct nd_name lower, uint16_t qtype,
				 uint16_t qclass, uint8_t flags)
{
	struct nd_store_key k = { .name = lower, .qtype = qtype, .qclass = qclass, .flags = flags };
	uint64_t extra = (uint64_t)qtype | (uint64_t)qclass << 16 | (uint64_t)flags << 32;

	k.hash = nd_siphash(&s->key, extra, lower.wire, lower.len);
	return k;
}

static uint32_t tag_of(uint64_t hash)
{
	return (uint32_t)hash | 1;
}

static uint32_t set_of(const struct nd_store *s, uint64_t hash)
{
	return (uint32_t)((hash >> 32) * s->nsets >> 32);
}

/* Counts whole seconds, as CoreDNS does. */
static bool live(const struct nd_store_head *h, uint64_t now_ns)
{
	return now_ns < h->stored_ns || (now_ns - h->stored_ns) / ND_NS_PER_S < h->ttl_s;
}

static bool matches(const struct nd_store *s, const struct nd_store_head *h,
		    const struct nd_store_key *k)
{
	return h->hash == k->hash && h->qtype == k->qtype && h->qclass == k->qclass &&
	       h->key_flags == k->flags && h->name_len == k->name.len && h->view == s->view;
}

/* Checks the sizes in the head before they are used to copy. */
static bool fits(const struct nd_store_head *h)
{
	size_t words = words_of(h->name_len) + words_of(h->indexed * sizeof(struct nd_record)) +
		       words_of(h->body_len);
	return h->indexed <= ND_STORE_INDEXED && DATA + words <= WORDS;
}

static bool read_entry(const struct nd_store *s, const word *e, const struct nd_store_key *key,
		       uint64_t now_ns, uint8_t *body, size_t cap, struct nd_record *record,
		       struct nd_store_head *h)
{
	uint64_t seq = get(&e[0]);

	if (seq & 1)
		return false;
	copy_out(h, e + 1, sizeof *h);
	if (!matches(s, h, key) || !live(h, now_ns) || !fits(h) || h->body_len > cap)
		return false;
	const word *data = e + DATA;
	if (!same_bytes(data, key->name.wire, h->name_len))
		return false;
	data += words_of(h->name_len);
	copy_out(record, data, h->indexed * sizeof *record);
	data += words_of(h->indexed * sizeof *record);
	copy_out(body, data, h->body_len);
	return get(&e[0]) == seq;
}

bool nd_store_find(struct nd_store *s, const struct nd_store_key *key, uint64_t now_ns,
		   uint8_t *body, size_t cap, struct nd_record *record, struct nd_store_head *head)
{
	uint32_t at = set_of(s, key->hash), tag = tag_of(key->hash);
	struct set *set = &s->sets[at];

	for (unsigned way = 0; way < ND_STORE_WAYS; way++) {
		if (RELAXED_GET(&set->tag[way]) != tag)
			continue;
		const word *e = s->entries[(size_t)at * ND_STORE_WAYS + way];
		if (!read_entry(s, e, key, now_ns, body, cap, record, head))
			continue;
		uint8_t uses = RELAXED_GET(&set->uses[way]);
		if (uses < 3)
			RELAXED_PUT(&set->uses[way], uses + 1);
		return true;
	}
	return false;
}

/* --- writing --- */

static bool peek(const word *e, struct nd_store_head *h)
{
	uint64_t seq = get(&e[0]);

	copy_out(h, e + 1, sizeof *h);
	return !(seq & 1) && get(&e[0]) == seq;
}

/* The way to write to: that of the same key, an empty one, an expired one, else the one chosen by
 * the clock. -1: none, a failure must not replace a live success. */
static int choose_way(struct nd_store *s, uint32_t at, const struct nd_store_key *key,
		      uint64_t now_ns, enum nd_store_kind kind, enum nd_store_put *what)
{
	struct set *set = &s->sets[at];
	int spare = -1;

	*what = ND_STORE_KEPT;
	for (int way = 0; way < ND_STORE_WAYS; way++) {
		struct nd_store_head h;
		uint32_t tag = RELAXED_GET(&set->tag[way]);
		if (tag == 0) {
			if (spare < 0)
				spare = way;
			continue;
		}
		if (!peek(s->entries[(size_t)at * ND_STORE_WAYS + (size_t)way], &h))
			continue;
		bool alive = live(&h, now_ns);
		if (tag == tag_of(key->hash) && matches(s, &h, key)) {
			if (alive && kind == ND_STORE_FAILURE && h.kind == ND_STORE_SUCCESS)
				return -1;
			return way;
		}
		if (!alive && spare < 0)
			spare = way;
	}
	if (spare >= 0)
		return spare;

	unsigned hand = RELAXED_GET(&set->hand);
	for (unsigned turn = 0; turn < 4 * ND_STORE_WAYS; turn++, hand++) {
		_Atomic uint8_t *uses = &set->uses[hand % ND_STORE_WAYS];
		uint8_t n = RELAXED_GET(uses);
		if (n == 0)
			break;
		RELAXED_PUT(uses, (uint8_t)(n - 1));
	}
	int way = (int)(hand % ND_STORE_WAYS);
	RELAXED_PUT(&set->hand, (uint8_t)(hand + 1));
	struct nd_store_head h;
	copy_out(&h, s->entries[(size_t)at * ND_STORE_WAYS + (size_t)way] + 1, sizeof h);
	*what = h.kind == ND_STORE_SUCCESS ? ND_STORE_EVICTED_SUCCESS : ND_STORE_EVICTED_DENIAL;
	return way;
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
	if (!fits(&h))
		return ND_STORE_REFUSED;
	uint64_t sum = nd_hash_add(ND_HASH_START, key->name.wire, h.name_len);
	sum = nd_hash_add(sum, record, h.indexed * sizeof *record);
	h.checksum = (uint32_t)nd_hash_add(sum, body, h.body_len);

	uint32_t at = set_of(s, key->hash);
	int way = choose_way(s, at, key, now_ns, (enum nd_store_kind)h.kind, &what);
	if (way < 0)
		return ND_STORE_REFUSED;
	word *e = s->entries[(size_t)at * ND_STORE_WAYS + (size_t)way];
	uint64_t seq = get(&e[0]);
	/* Sequence in the low half, owner in the high half. */
	uint64_t mine = (uint64_t)owner << 32 | (uint32_t)(seq + 1);
	if (seq & 1 ||
	    !atomic_compare_exchange_strong_explicit(&e[0], &seq, mine, memory_order_acq_rel,
						     memory_order_relaxed))
		return ND_STORE_REFUSED;
	copy_in(e + 1, &h, sizeof h);
	word *data = e + DATA;
	copy_in(data, key->name.wire, h.name_len);
	data += words_of(h.name_len);
	copy_in(data, record, h.indexed * sizeof *record);
	data += words_of(h.indexed * sizeof *record);
	copy_in(data, body, h.body_len);
	put(&e[0], (uint64_t)owner << 32 | (uint32_t)(mine + 1));
	RELAXED_PUT(&s->sets[at].tag[way], tag_of(key->hash));
	RELAXED_PUT(&s->sets[at].uses[way], 0);
	return what;
}

void nd_store_count(const struct nd_store *s, uint64_t now_ns, uint64_t *success, uint64_t *denial)
{
	*success = *denial = 0;
	for (uint32_t at = 0; at < s->nsets; at++)
		for (unsigned way = 0; way < ND_STORE_WAYS; way++) {
			struct nd_store_head h;
			if (!RELAXED_GET(&s->sets[at].tag[way]) ||
			    !peek(s->entries[(size_t)at * ND_STORE_WAYS + way], &h) ||
			    !live(&h, now_ns))
				continue;
			++*(h.kind == ND_STORE_SUCCESS ? success : denial);
		}
}
