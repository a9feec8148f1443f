/* SPDX-License-Identifier: Apache-2.0 */
/* hitratio NAMES ENTRIES REQUESTS [SEED]: the hit ratio of the cache's table, beside that of random
 * eviction as in CoreDNS (256 shards) with four times as many entries.
 *
 * Requests: names by Zipf's law with exponent 0.9, and one in five for a name that is never asked
 * for again. The first quarter of them is not counted. Prints "ours random random4", in percent. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/time.h"
#include "plugin/cache/store.h"
#include "wire/type.h"

#define EXPONENT 0.9
enum { ONCE_IN = 5, SHARDS = 256, SHARD_MIN = 4 };

static uint64_t random_state;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* --- requests --- */

static uint32_t *make_requests(uint32_t names, size_t n)
{
	double *sum = malloc(names * sizeof *sum), all = 0;
	uint32_t *request = malloc(n * sizeof *request), once = names;

	if (!sum || !request)
		abort();
	for (uint32_t i = 0; i < names; i++)
		sum[i] = all += pow(i + 1, -EXPONENT);
	for (size_t i = 0; i < n; i++) {
		double at = (double)(next_random() >> 11) / 9007199254740992.0 * all;
		uint32_t low = 0, high = names - 1;
		while (low < high) {
			uint32_t mid = (low + high) / 2;
			if (sum[mid] < at)
				low = mid + 1;
			else
				high = mid;
		}
		request[i] = next_random() % ONCE_IN ? low : once++;
	}
	free(sum);
	return request;
}

/* --- the table --- */

static struct nd_name name_of(uint32_t i, struct nd_name_buf *buf)
{
	int n = snprintf((char *)buf->bytes + 1, 16, "n%u", i);

	buf->bytes[0] = (uint8_t)n;
	memcpy(buf->bytes + 1 + n, "\4test", 6);
	return nd_name_view(buf->bytes);
}

static double of_store(const uint32_t *request, size_t n, size_t entries)
{
	struct nd_store *s = nd_store_new(entries / 2, entries - entries / 2);
	struct nd_record record[ND_STORE_INDEXED] = { 0 };
	uint8_t body[16] = { 0 };
	size_t hits = 0;

	if (!s)
		abort();
	for (size_t i = 0; i < n; i++) {
		struct nd_name_buf buf;
		struct nd_store_key key = nd_store_key(s, name_of(request[i], &buf), ND_TYPE_A,
						       ND_CLASS_IN, 0);
		struct nd_store_head head = {
			.ttl_s = 300, .until_s = 300, .n = 1, .count = { 1 }, .body_len = 16
		};
		struct nd_store_evicted evicted;
		struct nd_store_hit hit;
		if (nd_store_find(s, &key, ND_S(1), body, sizeof body, record, &hit) ==
		    ND_STORE_LIVE)
			hits += i >= n / 4;
		else
			nd_store_put(s, &key, &head, record, body, ND_S(1), &evicted);
	}
	nd_store_free(s);
	return 100.0 * (double)hits / (double)(n - n / 4);
}

/* --- random eviction --- */

static double of_random(const uint32_t *request, size_t n, size_t entries)
{
	size_t each = entries / SHARDS < SHARD_MIN ? SHARD_MIN : entries / SHARDS, hits = 0;
	uint32_t *slot = malloc(SHARDS * each * sizeof *slot), used[SHARDS] = { 0 };

	if (!slot)
		abort();
	for (size_t i = 0; i < n; i++) {
		uint64_t hash = request[i] * UINT64_C(0x9e3779b97f4a7c15);
		uint32_t *in = slot + (hash >> 56) * each, *count = &used[hash >> 56];
		size_t at = 0;
		while (at < *count && in[at] != request[i])
			at++;
		if (at < *count)
			hits += i >= n / 4;
		else
			in[*count < each ? (*count)++ : next_random() % each] = request[i];
	}
	free(slot);
	return 100.0 * (double)hits / (double)(n - n / 4);
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "usage: hitratio NAMES ENTRIES REQUESTS [SEED]\n");
		return 2;
	}
	uint32_t names = (uint32_t)strtoul(argv[1], NULL, 10);
	size_t entries = strtoul(argv[2], NULL, 10), n = strtoul(argv[3], NULL, 10);
	random_state = (argc > 4 ? strtoull(argv[4], NULL, 10) : 1) * 2 + 88172645463325253u;
	if (!names || !entries || !n) {
		fprintf(stderr, "hitratio: NAMES, ENTRIES and REQUESTS must be positive numbers\n");
		return 2;
	}
	uint32_t *request = make_requests(names, n);
	printf("%.2f %.2f %.2f\n", of_store(request, n, entries), of_random(request, n, entries),
	       of_random(request, n, 4 * entries));
	free(request);
	return 0;
}
