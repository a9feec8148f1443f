/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/flight.h"

#include "io/random.h"

void nd_flights_init(struct nd_flights *t, struct nd_list *bucket, uint32_t nbuckets)
{
	t->bucket = bucket;
	t->nbuckets = nbuckets;
	for (uint32_t i = 0; i < nbuckets; i++)
		nd_list_init(&bucket[i]);
	t->n = 0;
	t->given = 0;
}

struct nd_flight *nd_flights_find(const struct nd_flights *t, uint16_t id)
{
	const struct nd_list *head = &t->bucket[id & (t->nbuckets - 1)];

	ND_LIST_EACH(head, it) {
		struct nd_flight *f = ND_LIST_ENTRY(it, struct nd_flight, link);
		if (f->id == id)
			return f;
	}
	return NULL;
}

bool nd_flights_is_recent(const struct nd_flights *t, uint16_t id)
{
	uint32_t n = t->given < ND_FLIGHTS_PAST ? t->given : ND_FLIGHTS_PAST;

	for (uint32_t i = 0; i < n; i++)
		if (t->past[i] == id)
			return true;
	return false;
}

bool nd_flights_add(struct nd_flights *t, struct nd_flight *f)
{
	if (t->n >= ND_FLIGHTS_MAX)
		return false;
	do /* at most a quarter of the ids are in use */
		f->id = (uint16_t)nd_random_u32();
	while (nd_flights_find(t, f->id) || nd_flights_is_recent(t, f->id));
	t->past[t->given++ % ND_FLIGHTS_PAST] = f->id;
	nd_list_add(&t->bucket[f->id & (t->nbuckets - 1)], &f->link);
	f->table = t;
	t->n++;
	return true;
}

void nd_flights_del(struct nd_flight *f)
{
	nd_list_del(&f->link);
	if (f->table)
		f->table->n--;
	f->table = NULL;
}
