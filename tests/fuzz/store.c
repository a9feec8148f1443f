/* SPDX-License-Identifier: Apache-2.0 */
/* The cache's table: three bytes per operation. Writers die in the middle of an entry and may
 * finish later; words are overwritten, as by a process that shares the table. An answer found must
 * be one that was stored whole for that key, unless words were overwritten: then only memory is
 * checked. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "plugin/cache/store_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KEYS = 24, VERSIONS = 512, WAYS = ND_STORE_WAYS, WORDS = ND_STORE_WORDS, BODY_MAX = 1300 };

/* An answer stored; its number is its rcode and is in every part of it. */
static struct version {
	uint8_t key;
	bool complete;
	uint64_t stored_ns;
} version[VERSIONS];
static unsigned versions;

/* A writer that died; `words` is what it would have written. */
static struct dead {
	unsigned version; /* 0: none */
	uint32_t tag;
	uint64_t words[WORDS];
} dead[WAYS];

static struct nd_store *s;
static uint64_t now_ns;
static bool overwritten;

static struct nd_store_key key_of(uint8_t k, struct nd_name_buf *buf)
{
	/* Names of several lengths; neighbours differ only in their flags. */
	uint8_t n = (uint8_t)(1 + k / 2 % 12);

	buf->bytes[0] = n;
	memset(buf->bytes + 1, 'a' + k / 2, n);
	buf->bytes[1 + n] = 0;
	return nd_store_key(s, nd_name_view(buf->bytes), 1, 1, k & 1);
}

static struct nd_store_head head_of(unsigned v)
{
	return (struct nd_store_head){ .ttl_s = 10,
				       .until_s = 10 + v % 2 * 5,
				       .rcode = (uint16_t)v,
				       .kind = (uint8_t)(v % ND_STORE_KINDS),
				       .n = (uint16_t)(v % 10),
				       .body_len = (uint16_t)(v * 37 % BODY_MAX) };
}

static enum nd_store_put store(uint8_t k, unsigned *v)
{
	struct nd_record record[10];
	uint8_t body[BODY_MAX];
	struct nd_name_buf buf;
	struct nd_store_key key = key_of(k, &buf);

	*v = versions++;
	struct nd_store_head head = head_of(*v);
	version[*v] = (struct version){ .key = k, .stored_ns = now_ns };
	for (unsigned i = 0; i < head.n; i++)
		record[i] = (struct nd_record){ .owner = (uint16_t)*v, .type = (uint16_t)i };
	memset(body, (uint8_t)*v, head.body_len);
	return nd_store_put(s, 1, &key, &head, record, body, now_ns);
}

static void check(uint8_t k, const struct nd_store_head *h, const struct nd_record *record,
		  const uint8_t *body)
{
	unsigned v = h->rcode;

	if (v == 0 || v >= versions || version[v].key != k || !version[v].complete)
		abort();
	struct nd_store_head want = head_of(v);
	if (h->body_len != want.body_len || h->n != want.n || h->kind != want.kind ||
	    (now_ns - version[v].stored_ns) / ND_NS_PER_S >= want.until_s)
		abort();
	for (unsigned i = 0; i < h->indexed; i++)
		if (record[i].owner != v || record[i].type != i)
			abort();
	for (unsigned i = 0; i < h->body_len; i++)
		if (body[i] != (uint8_t)v)
			abort();
}

static void find(uint8_t k, size_t cap)
{
	struct nd_record *record = malloc(ND_STORE_INDEXED * sizeof *record);
	uint8_t *body = malloc(cap + 1);
	struct nd_name_buf buf;
	struct nd_store_key key = key_of(k, &buf);
	struct nd_store_hit hit;

	if (!record || !body)
		abort();
	if (nd_store_find(s, &key, now_ns, body, cap, record, &hit) && !overwritten)
		check(k, &hit.head, record, body);
	free(record);
	free(body);
}

/* Stores an answer, then takes back all words after the first n and leaves the sequence odd. */
static void die(uint8_t k, unsigned n)
{
	static uint64_t before[WAYS][WORDS];
	struct nd_store_set set = s->sets[0];
	unsigned v, way = 0;

	memcpy(before, (void *)s->entries, sizeof before);
	if (store(k, &v) == ND_STORE_REFUSED)
		return;
	while (nd_store_load(&s->entries[way][0]) == before[way][0])
		way++;
	struct dead *d = &dead[way];
	d->version = v;
	d->tag = ND_STORE_RELAXED_GET(&s->sets[0].tag[way]);
	memcpy(d->words, (void *)s->entries[way], sizeof d->words);
	nd_store_save(&s->entries[way][0], d->words[0] - 1);
	for (unsigned i = 1 + n % (WORDS - 1); i < WORDS; i++)
		nd_store_save(&s->entries[way][i], before[way][i]);
	ND_STORE_RELAXED_PUT(&s->sets[0].tag[way], ND_STORE_RELAXED_GET(&set.tag[way]));
}

static void finish(unsigned way)
{
	struct dead *d = &dead[way];

	if (!d->version)
		return;
	for (unsigned i = 1; i < WORDS; i++)
		nd_store_save(&s->entries[way][i], d->words[i]);
	nd_store_save(&s->entries[way][0], d->words[0]);
	ND_STORE_RELAXED_PUT(&s->sets[0].tag[way], d->tag);
	version[d->version].complete = true;
	d->version = 0;
}

static void operate(uint8_t what, uint8_t a, uint8_t b)
{
	uint64_t success, denial;
	unsigned v;

	switch (what % 8) {
	case 0:
	case 1:
		if (store(a % KEYS, &v) != ND_STORE_REFUSED)
			version[v].complete = true;
		break;
	case 2:
	case 3: find(a % KEYS, (size_t)b * 8); break;
	case 4: die(a % KEYS, b); break;
	case 5: finish(a % WAYS); break;
	case 6: now_ns += ND_S(1 + a % 16); break;
	case 7:
		if (b & 128) {
			nd_store_count(s, now_ns, &success, &denial);
			if (!overwritten && success + denial > WAYS)
				abort();
			break;
		}
		overwritten = true;
		((uint8_t *)s->entries[a % WAYS])[b % 127] ^= 1 << a % 8;
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	s = nd_store_new(WAYS / 2, WAYS / 2, 7);
	if (!s)
		return 0;
	versions = 1;
	memset(dead, 0, sizeof dead);
	now_ns = ND_S(100);
	overwritten = false;
	for (; size >= 3 && versions < VERSIONS; size -= 3, data += 3)
		operate(data[0], data[1], data[2]);
	nd_store_free(s);
	return 0;
}
