/* SPDX-License-Identifier: Apache-2.0 */
/* zonein.h - a zone transferred from primaries and kept up to date (RFC 1035 s4.3.5, RFC 5936).
 *
 * As in CoreDNS: AXFR from the first primary that gives it. Until the first one it is tried again
 * after 250 ms, twice as long each time, at most 10 s. Then the SOA's refresh and retry, with up to
 * 5 and 2 s more at random, decide when the primaries' serial is read; a newer one (RFC 1982) is
 * transferred. When expire has passed without an answer the zone is not answered from. A NOTIFY of
 * a primary leads to a check at once, at most one per second.
 *
 * Owns:    the connection and the records. Shared by all generations with the same zone and
 *          primaries (nd_setup_share), so a reload of the Corefile transfers nothing.
 * Bounds:  the memory budget (ND_BUDGET_ZONES): a zone that exceeds it is not taken, and the last
 *          good one stays.
 * Threads: control; nd_zonein_is_primary and nd_zonein_notify any.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "authority/zoneslot.h"
#include "base/addr.h"

struct nd_loop;
struct nd_setup;
struct nd_zonein;

struct nd_zonein_options {
	struct nd_name origin; /* lower case */
	const struct nd_addr *primaries;
	size_t nprimaries;
};

/* Held until the generation is freed; options are copied. NULL: out of memory. From setup. */
struct nd_zonein *nd_zonein_share(struct nd_setup *s, const struct nd_zonein_options *o);
/* Begins the first transfer, if that has not happened. 0 or ND_ELIMIT. */
int nd_zonein_start(struct nd_zonein *z, struct nd_loop *loop);

/* Where its records are published; expired there while they are too old. */
struct nd_zoneslot *nd_zonein_slot(struct nd_zonein *z);
bool nd_zonein_is_primary(const struct nd_zonein *z, const struct nd_addr *client);
/* Checks the primaries soon. */
void nd_zonein_notify(struct nd_zonein *z);
