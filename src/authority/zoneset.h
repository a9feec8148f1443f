/* SPDX-License-Identifier: Apache-2.0 */
/* zoneset.h - the zones of a plugin instance: the choice of one, answers, transfers, and NOTIFY to
 * secondaries.
 *
 * The first member of the plugin's self: what it does with a query or a transfer starts from that.
 *
 * Owns:    its arrays, in the generation's arena. The slots are the plugin's.
 * Threads: control; find, answer and what the offer has: workers.
 */
#pragma once

#include "authority/lookup.h"
#include "authority/zoneslot.h"
#include "core/offer.h"

struct nd_zoneset;

struct nd_zoneset_item {
	struct nd_zoneslot *slot;
	void *source; /* the plugin's */
	struct nd_zoneslot_listener listener;
	struct nd_zoneset *set;
};

struct nd_zoneset {
	struct nd_name *names;         /* lower case */
	struct nd_zoneset_item *items; /* beside names */
	size_t n;
	void (*notify)(void *self, struct nd_name zone); /* of transfer; NULL: not in the block */
	void *transfer;
};

/* Room for n more zones. From setup. 0 or ND_ELIMIT. */
int nd_zoneset_grow(struct nd_zoneset *set, struct nd_setup *s, size_t n);
/* The item of a zone; that of an earlier directive for the same zone is replaced. */
struct nd_zoneset_item *nd_zoneset_place(struct nd_zoneset *set, struct nd_name name);

/* From the plugin's functions of the same names. serving: secondaries are notified of all zones, as
 * CoreDNS does at its start, and from now on of changes. */
void nd_zoneset_start(struct nd_zoneset *set, struct nd_setup *s);
void nd_zoneset_serving(struct nd_zoneset *set);
void nd_zoneset_stop(struct nd_zoneset *set);

/* The item with the longest zone that contains the name, or NULL. */
struct nd_zoneset_item *nd_zoneset_find(const struct nd_zoneset *set, struct nd_name lower);
/* What a query gets that is in no zone: the next plugin; REFUSED if there is none. */
enum nd_verdict nd_zoneset_pass(struct nd_query *q);
/* Answers from the item's zone; not a NOTIFY. */
enum nd_verdict nd_zoneset_answer(const struct nd_zoneset_item *item, struct nd_query *q,
				  const struct nd_fallthrough *fall);
/* Logs a NOTIFY that is not for us, and drops it. */
enum nd_verdict nd_zoneset_drop_notify(const struct nd_zoneset_item *item, struct nd_query *q,
				       const char *plugin);

/* self: begins with a struct nd_zoneset. */
extern const struct nd_offer_zone nd_zoneset_offer;
