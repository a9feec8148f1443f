/* SPDX-License-Identifier: Apache-2.0 */
/* list.h - a doubly linked ring of nodes embedded in their owners.
 *
 * Owns:      nothing.
 * Threads:   one at a time.
 * Invariant: a linked node's neighbours point back to it; an unlinked node is zero,
 *            and nd_list_del() on it does nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

struct nd_list {
	struct nd_list *next, *prev;
};

static inline void nd_list_init(struct nd_list *head)
{
	head->next = head->prev = head;
}

static inline bool nd_list_empty(const struct nd_list *head)
{
	return head->next == head;
}

static inline bool nd_list_linked(const struct nd_list *node)
{
	return node->next != NULL;
}

/* Appends node. */
static inline void nd_list_add(struct nd_list *head, struct nd_list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

/* Prepends node. */
static inline void nd_list_push(struct nd_list *head, struct nd_list *node)
{
	nd_list_add(head->next, node);
}

static inline void nd_list_del(struct nd_list *node)
{
	if (!node->next)
		return;
	node->prev->next = node->next;
	node->next->prev = node->prev;
	node->next = node->prev = NULL;
}

/* Unlinks and returns the first node; NULL if the list is empty. */
static inline struct nd_list *nd_list_pop(struct nd_list *head)
{
	struct nd_list *node = head->next;
	if (node == head)
		return NULL;
	nd_list_del(node);
	return node;
}

#define ND_LIST_ENTRY(node, type, member) ND_CONTAINER(node, type, member)
/* The body may unlink `it`, and no other node. */
#define ND_LIST_EACH(head, it)                                                       \
	for (struct nd_list *it = (head)->next, *it##_next = it->next; it != (head); \
	     it = it##_next, it##_next = it->next)
