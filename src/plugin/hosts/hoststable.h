/* SPDX-License-Identifier: Apache-2.0 */
/* hoststable.h - names and addresses, each with a list of the others: the memory of a hosts file.
 *
 *	blob    a record per key: its list (4 bytes), then the key
 *	slots   a hash table of the records: open addressing, a byte of the hash beside each offset
 *	words   the nodes of lists of two items or more, in rings; a list of one is the item itself
 *
 * A node has an item and the next node. In the list of an address it also has an end: it is a run
 *of records, since the names of one address mostly come one after the other. So the million names
 *of 0.0.0.0 in a list that blocks them are one node.
 *
 * A key is a name in wire format, or 128 + n and the n bytes of an address, so the two never
 * collide. An item is the record of another key; records are offsets in the blob. Nothing is
 * allocated per key: a name with one address takes its own bytes and about twelve more. The hash is
 * keyed, since the names come from lists that others write.
 *
 * Owns:    heap arrays, and their bytes in the memory budget (ND_BUDGET_HOSTS).
 * Threads: one while it is filled; then any, reading.
 * Errors:  sticky in err: ND_ELIMIT (max_bytes or the budget is reached), -ENOMEM.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/siphash.h"

enum { ND_HOSTSTABLE_ADDRESS = 128 }; /* the first byte of an address's key, plus its length */

struct nd_hoststable {
	uint8_t *blob;
	size_t len, cap;
	uint8_t *tags; /* one per slot; 0: the slot is empty */
	uint32_t *slots;
	uint32_t nslots;
	size_t nkeys;
	uint32_t *words;
	size_t nwords, words_cap;
	struct nd_siphash_key hash_key;
	size_t max_bytes;
	size_t charged; /* bytes taken from the budget */
	int err;
};

/* keys: the expected number. max_bytes: at most 1 GiB. */
void nd_hoststable_init(struct nd_hoststable *t, size_t max_bytes, size_t keys);
/* A cleared or zeroed table is fine. */
void nd_hoststable_clear(struct nd_hoststable *t);

/* The record of a key, added if it is new. 0: see err. */
uint32_t nd_hoststable_add(struct nd_hoststable *t, const uint8_t *key, size_t len);
/* Appends an item to the list of a record. False: see err. */
bool nd_hoststable_append(struct nd_hoststable *t, uint32_t record, uint32_t item);
/* Releases the memory that was kept for growing. */
void nd_hoststable_trim(struct nd_hoststable *t);

/* The record of a key, or 0. */
uint32_t nd_hoststable_find(const struct nd_hoststable *t, const uint8_t *key, size_t len);

/* The items of a record, in the order in which they were appended. 0 is a record without items. */
struct nd_hoststable_list {
	uint32_t item; /* the next one; 0: none */
	uint32_t end;  /* of its run; 0: no run */
	uint32_t node, last;
};
struct nd_hoststable_list nd_hoststable_items(const struct nd_hoststable *t, uint32_t record);
/* The key of the next item, or NULL after the last one. */
const uint8_t *nd_hoststable_next(const struct nd_hoststable *t, struct nd_hoststable_list *l);
