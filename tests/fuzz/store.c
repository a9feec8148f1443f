/* SPDX-License-Identifier: Apache-2.0 */
/* The cache's table: four bytes per operation. An answer found must be the one stored last for its
 * key, whole; after each operation the queues must agree with the ways and the segments. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/budget.h"
#include "plugin/cache/store_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KEYS = 96, OPERATIONS = 600, RECORDS = 10, LENGTHS = 6 };

static const uint16_t lengths[LENGTHS] = { 0, 16, 100, 1300, 20000, 65000 };

/* The answer stored last; its number is its rcode and is in every part of it. */
static struct {
	uint16_t number; /* 0: none */
	uint16_t body_len;
	uint64_t stored_ns;
} last[KEYS];

static struct nd_store *s;
static uint64_t now_ns;
static unsigned answers;
static uint8_t body[65536];

static void check(bool good)
{
	if (!good)
		abort();
}

static struct nd_store_key key_of(uint8_t k, struct nd_name_buf *buf)
{
	/* Names of several lengths; neighbours differ only in their flags. */
	uint8_t n = (uint8_t)(1 + k / 2);

	buf->bytes[0] = n;
	memset(buf->bytes + 1, 'a' + k % 23, n);
	buf->bytes[1 + n] = 0;
	return nd_store_key(s, nd_name_view(buf->bytes), 1, 1, k & 1);
}

static struct nd_store_head head_of(unsigned number, uint16_t body_len)
{
	return (struct nd_store_head){ .ttl_s = 10,
				       .until_s = 10 + number % 2 * 5,
				       .rcode = (uint16_t)number,
				       .kind = (uint8_t)(number % ND_STORE_KINDS),
				       .n = (uint16_t)(number % RECORDS),
				       .body_len = body_len };
}

static void put(uint8_t k, uint16_t body_len)
{
	struct nd_store_head head = head_of(++answers, body_len);
	struct nd_record record[RECORDS];
	struct nd_store_evicted evicted;
	struct nd_name_buf buf;
	struct nd_store_key key = key_of(k, &buf);

	for (unsigned i = 0; i < head.n; i++)
		record[i] = (struct nd_record){ .owner = head.rcode, .type = (uint16_t)i };
	memset(body, (uint8_t)answers, body_len);
	if (!nd_store_put(s, &key, &head, record, body, now_ns, &evicted)) {
		check(nd_store_look(s, &key, now_ns) == ND_STORE_MISS || last[k].number);
		return;
	}
	last[k].number = head.rcode;
	last[k].body_len = body_len;
	last[k].stored_ns = now_ns;
}

static void check_answer(uint8_t k, const struct nd_store_head *h, const struct nd_record *record,
			 const uint8_t *bytes)
{
	struct nd_store_head want = head_of(last[k].number, last[k].body_len);

	check(last[k].number && h->rcode == want.rcode && h->body_len == want.body_len &&
	      h->n == want.n && h->kind == want.kind);
	check((now_ns - last[k].stored_ns) / ND_NS_PER_S < want.until_s);
	for (unsigned i = 0; i < h->indexed; i++)
		check(record[i].owner == want.rcode && record[i].type == i);
	for (unsigned i = 0; i < h->body_len; i++)
		check(bytes[i] == (uint8_t)want.rcode);
}

static void find(uint8_t k, size_t cap)
{
	struct nd_record *record = malloc(ND_STORE_INDEXED * sizeof *record);
	uint8_t *bytes = malloc(cap + 1);
	struct nd_name_buf buf;
	struct nd_store_key key = key_of(k, &buf);
	struct nd_store_hit hit;

	check(record && bytes);
	if (nd_store_find(s, &key, now_ns, bytes, cap, record, &hit) != ND_STORE_MISS)
		check_answer(k, &hit.head, record, bytes);
	free(record);
	free(bytes);
}

static void on_entry(void *ctx, const struct nd_store_entry *e)
{
	unsigned *n = ctx;
	struct nd_name_buf buf;

	++*n;
	for (uint8_t k = 0; k < KEYS; k++) {
		struct nd_store_key key = key_of(k, &buf);
		if (key.flags == e->head->key_flags && nd_name_equal(key.name, e->name)) {
			check_answer(k, e->head, e->record, e->body);
			return;
		}
	}
	abort();
}

static void walk(void)
{
	uint8_t *scratch = malloc(ND_STORE_SEGMENT);
	uint64_t success, denial;
	unsigned n = 0;

	check(scratch != NULL);
	nd_store_walk(s, now_ns, scratch, on_entry, &n);
	nd_store_count(s, now_ns, &success, &denial);
	check(n == success + denial);
	free(scratch);
}

/* What the queues say, and what is there. */
static void check_queues(void)
{
	struct nd_store_shard *h = &s->shard[0];
	struct nd_store_queue found[ND_STORE_KINDS][ND_STORE_LEVELS] = { 0 };
	uint32_t segments = h->nfree;

	for (uint32_t at = 0; at < s->nsets * ND_STORE_WAYS; at++) {
		uint64_t way = nd_store_load(nd_store_way(s, at));
		const nd_store_word *e = &s->words[(uint32_t)way];
		struct nd_store_head head;
		if (!way)
			continue;
		nd_store_copy_out(&head, e + 1, sizeof head);
		const struct nd_store_segment *g =
			&s->segments[(uint32_t)way / ND_STORE_SEGMENT_WORDS];
		uint32_t in = (uint32_t)way % ND_STORE_SEGMENT_WORDS;
		uint32_t words = nd_store_place_words(nd_store_load(e));
		check(in >= g->drained && in + words <= g->used && nd_store_length(&head) <= words);
		struct nd_store_queue *q =
			&found[head.kind][(nd_store_uses_at(s, at) & ND_STORE_MAIN) != 0];
		q->entries++;
		q->words += words;
	}
	for (unsigned i = 0; i < ND_STORE_KINDS * ND_STORE_LEVELS; i++) {
		unsigned kind = i / ND_STORE_LEVELS, level = i % ND_STORE_LEVELS;
		const struct nd_store_queue *q = &h->queue[kind][level], *f = &found[kind][level];
		uint32_t n = 0;
		for (uint32_t id = q->first; id != ND_STORE_NONE; id = s->segments[id].next)
			n++;
		check(q->entries == f->entries && q->words == f->words && q->segments == n);
		segments += n;
	}
	check(segments == h->taken && !h->locked);
	check(nd_budget_used(ND_BUDGET_CACHE) == segments * (uint64_t)ND_STORE_SEGMENT);
}

static void operate(const uint8_t op[4])
{
	uint8_t k = op[1] % KEYS;
	struct nd_name_buf buf;
	struct nd_store_key key;

	switch (op[0] % 8) {
	case 0:
	case 1:
	case 2: put(k, (uint16_t)(lengths[op[2] % LENGTHS] + op[3])); break;
	case 3:
	case 4: find(k, lengths[op[2] % LENGTHS] + (size_t)op[3]); break;
	case 5:
		key = key_of(k, &buf);
		check(nd_store_remove(s, &key));
		check(nd_store_look(s, &key, now_ns) == ND_STORE_MISS);
		last[k].number = 0;
		break;
	case 6: now_ns += ND_MS(100) * op[1]; break;
	case 7: walk(); break;
	}
	check_queues();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned n = 0;

	if (size < 1)
		return 0;
	nd_budget_set(2u * ND_STORE_SEGMENT * (1 + data[0] % 16));
	s = nd_store_new(16, 16);
	if (!s)
		return 0;
	memset(last, 0, sizeof last);
	answers = 0;
	now_ns = ND_S(100);
	for (data++, size--; size >= 4 && n++ < OPERATIONS; size -= 4, data += 4)
		operate(data);
	nd_store_free(s);
	check(nd_budget_used(ND_BUDGET_CACHE) == 0);
	return 0;
}
