/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cache/store_parts.h"

#include <stdlib.h>
#include <sys/mman.h>
#include "base/budget.h"
#include "base/time.h"
#include "io/random.h"

static bool same_bytes(const nd_store_word *stored, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	uint64_t v;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&v, p, 8);
		if (nd_store_load(stored++) != v)
			return false;
	}
	if (n == 0)
		return true;
	v = nd_store_load(stored);
	for (; n; n--, v >>= 8)
		if (*p++ != (uint8_t)v)
			return false;
	return true;
}

/* --- the table --- */

static void set_shares(struct nd_store *s, size_t success, size_t denial)
{
	size_t n = success + denial ? denial * ND_STORE_WAYS / (success + denial) : 0;

	if (denial && n == 0)
		n = 1;
	if (success && n == ND_STORE_WAYS)
		n--;
	s->share[ND_STORE_DENIAL] = (uint8_t)n;
	s->share[ND_STORE_SUCCESS] = (uint8_t)(ND_STORE_WAYS - n);
}

struct nd_store *nd_store_new(size_t success, size_t denial, uint64_t view)
{
	struct nd_store *s = calloc(1, sizeof *s);
	size_t entries = success + denial;

	if (!s || entries > ND_STORE_ENTRIES_MAX) {
		free(s);
		return NULL;
	}
	set_shares(s, success, denial);
	s->nsets = (uint32_t)((entries + ND_STORE_WAYS - 1) / ND_STORE_WAYS);
	if (s->nsets == 0)
		s->nsets = 1;
	size_t head = (sizeof *s->header + 4095) & ~(size_t)4095;
	size_t sets = (s->nsets * sizeof *s->sets + 4095) & ~(size_t)4095;
	size_t slots = (size_t)s->nsets * ND_STORE_WAYS;
	s->bytes = head + sets + slots * (ND_STORE_ENTRY + sizeof *s->heat);
	char *p = mmap(NULL, s->bytes, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) {
		free(s);
		return NULL;
	}
	s->header = (struct nd_store_header *)p;
	s->sets = (struct nd_store_set *)(p + head);
	s->entries = (nd_store_word(*)[ND_STORE_WORDS])(p + head + sets);
	s->heat = (struct nd_store_heat *)(s->entries + slots);
	nd_random_bytes(&s->key, sizeof s->key);
	s->view = view;
	*s->header = (struct nd_store_header){ .magic = ND_STORE_MAGIC,
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
	nd_budget_give(ND_BUDGET_CACHE, (size_t)s->entries_written * ND_STORE_ENTRY);
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

/* MISS: another key's, too old, or being written. */
static inline enum nd_store_found read_entry(const struct nd_store *s, const nd_store_word *e,
					     const struct nd_store_key *key, uint64_t now_ns,
					     uint8_t *body, size_t cap, struct nd_record *record,
					     struct nd_store_hit *hit)
{
	struct nd_store_head *h = &hit->head;
	uint64_t seq = nd_store_load(&e[0]);

	if (seq & 1)
		return ND_STORE_MISS;
	nd_store_copy_out(h, e + 1, sizeof *h);
	uint64_t age = nd_store_age_s(h, now_ns);
	if (!nd_store_matches(s, h, key) || age >= h->until_s || !nd_store_fits(h) ||
	    h->body_len > cap)
		return ND_STORE_MISS;
	hit->age_s = (uint32_t)age;
	const nd_store_word *data = e + ND_STORE_DATA;
	if (!same_bytes(data, key->name.wire, h->name_len))
		return ND_STORE_MISS;
	data += nd_store_words(h->name_len);
	nd_store_copy_out(record, data, h->indexed * sizeof *record);
	data += nd_store_words(h->indexed * sizeof *record);
	nd_store_copy_out(body, data, h->body_len);
	if (nd_store_load(&e[0]) != seq)
		return ND_STORE_MISS;
	return age < h->ttl_s ? ND_STORE_LIVE : ND_STORE_STALE;
}

enum nd_store_found nd_store_find(struct nd_store *s, const struct nd_store_key *key,
				  uint64_t now_ns, uint8_t *body, size_t cap,
				  struct nd_record *record, struct nd_store_hit *hit)
{
	uint32_t at = nd_store_set_of(s, key->hash), tag = nd_store_tag(key->hash);
	struct nd_store_set *set = &s->sets[at];

	for (unsigned way = 0; way < ND_STORE_WAYS; way++) {
		if (ND_STORE_RELAXED_GET(&set->tag[way]) != tag)
			continue;
		hit->at = at * ND_STORE_WAYS + way;
		enum nd_store_found found = read_entry(s, s->entries[hit->at], key, now_ns, body,
						       cap, record, hit);
		if (found == ND_STORE_MISS)
			continue;
		uint8_t uses = ND_STORE_RELAXED_GET(&set->uses[way]);
		if (uses < 3)
			ND_STORE_RELAXED_PUT(&set->uses[way], uses + 1);
		return found;
	}
	return ND_STORE_MISS;
}

enum nd_store_found nd_store_look(const struct nd_store *s, const struct nd_store_key *key,
				  uint64_t now_ns)
{
	uint32_t at = nd_store_set_of(s, key->hash), tag = nd_store_tag(key->hash);

	for (unsigned way = 0; way < ND_STORE_WAYS; way++) {
		const nd_store_word *e = s->entries[(size_t)at * ND_STORE_WAYS + way];
		struct nd_store_head h;
		if (ND_STORE_RELAXED_GET(&s->sets[at].tag[way]) != tag || !nd_store_peek(e, &h) ||
		    !nd_store_matches(s, &h, key) || !nd_store_usable(&h, now_ns) ||
		    !same_bytes(e + ND_STORE_DATA, key->name.wire, h.name_len))
			continue;
		return nd_store_age_s(&h, now_ns) < h.ttl_s ? ND_STORE_LIVE : ND_STORE_STALE;
	}
	return ND_STORE_MISS;
}

void nd_store_count(const struct nd_store *s, uint64_t now_ns, uint64_t *success, uint64_t *denial)
{
	*success = *denial = 0;
	for (uint32_t at = 0; at < s->nsets; at++)
		for (unsigned way = 0; way < ND_STORE_WAYS; way++) {
			struct nd_store_head h;
			if (!ND_STORE_RELAXED_GET(&s->sets[at].tag[way]) ||
			    !nd_store_peek(s->entries[(size_t)at * ND_STORE_WAYS + way], &h) ||
			    !nd_store_usable(&h, now_ns))
				continue;
			++*(h.kind == ND_STORE_SUCCESS ? success : denial);
		}
}
