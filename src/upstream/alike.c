/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/alike.h"

#include <stdlib.h>
#include "base/budget.h"

struct nd_alike *nd_alike_new(void)
{
	if (!nd_budget_take(ND_BUDGET_EXCHANGES, sizeof(struct nd_alike)))
		return NULL;
	struct nd_alike *a = calloc(1, sizeof *a);
	if (!a) {
		nd_budget_give(ND_BUDGET_EXCHANGES, sizeof *a);
		return NULL;
	}
	for (unsigned i = 0; i < ND_EXCHANGE_QUEUES; i++)
		nd_list_init(&a->queue[i]);
	return a;
}

void nd_alike_join(struct nd_alike *a, struct nd_exchange *e)
{
	e->alike = a;
	a->members++;
}

void nd_alike_leave(struct nd_exchange *e)
{
	struct nd_alike *a = e->alike;

	e->alike = NULL;
	if (!a || --a->members)
		return;
	nd_budget_give(ND_BUDGET_EXCHANGES, sizeof *a);
	free(a);
}

bool nd_alike_wait(struct nd_exchange *e, unsigned queue)
{
	struct nd_alike *a = e->alike;

	if (a->n[queue] >= ND_EXCHANGE_QUEUE_MAX)
		return false;
	a->n[queue]++;
	a->nwaiting++;
	e->waiting = e->waited = true;
	e->in_queue = (uint8_t)queue;
	nd_list_add(&a->queue[queue], &e->queue);
	return true;
}

void nd_alike_unwait(struct nd_exchange *e)
{
	e->alike->n[e->in_queue]--;
	e->alike->nwaiting--;
	e->waiting = false;
	nd_list_del(&e->queue);
}

struct nd_exchange *nd_alike_next(struct nd_alike *a)
{
	if (!a->nwaiting)
		return NULL;
	do
		a->turn = (a->turn + 1) % ND_EXCHANGE_QUEUES;
	while (!a->n[a->turn]);
	struct nd_exchange *e = ND_LIST_ENTRY(a->queue[a->turn].next, struct nd_exchange, queue);
	nd_alike_unwait(e);
	return e;
}
