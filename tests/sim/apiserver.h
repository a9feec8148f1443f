/* SPDX-License-Identifier: Apache-2.0 */
/* apiserver.h - a simulated API server: HTTP/1.1 over plain TCP, lists (whole, by pages, streaming)
 * and watches of a cluster, in JSON or protobuf; with moods.
 *
 * Owns:    itself and its connections; loop and cluster are the scene's and outlive it.
 */
#pragma once

#include "base/addr.h"
#include "io/loop.h"
#include "sim/cluster.h"

struct sim_api;

/* Parts per million are of pieces written (cut, mute, expire) or of requests (refuse, garbage,
 * silent). */
struct sim_api_mood {
	uint32_t cut_ppm;     /* the connection goes, behind any byte */
	uint32_t short_ppm;   /* what was written ends behind any byte, as if it were whole */
	uint32_t mute_ppm;    /* nothing comes any more, and nothing says so */
	uint32_t expire_ppm;  /* a watch ends with an ERROR event */
	uint32_t refuse_ppm;  /* a status that is not 200 */
	uint32_t garbage_ppm; /* neither JSON nor protobuf, or no HTTP at all */
	uint32_t silent_ppm;  /* no head ever */
	uint32_t lose_ppm;    /* an event is left out: a lie, for --plant */
	uint32_t slow_ms;     /* between two pieces, at most */
	bool no_protobuf, no_stream;
	unsigned page; /* objects in one, at most */
};

struct sim_api_counts {
	uint64_t streams, pages, more_pages, watches, bookmarks, deletions; /* answered well */
	uint64_t protobuf, json;
	uint64_t cut, cut_short, mute, errors, refused, expired, garbage, silent, ended;
};

struct sim_api *sim_api_new(struct nd_loop *loop, const struct nd_addr *addr,
			    struct sim_cluster *cluster);
void sim_api_free(struct sim_api *a);
void sim_api_set_mood(struct sim_api *a, const struct sim_api_mood *mood);
/* Down: nobody listens, and all connections go. */
void sim_api_set_up(struct sim_api *a, bool up);
/* The cluster has changed: watches tell it. */
void sim_api_changed(struct sim_api *a);
struct sim_api_counts sim_api_counts(const struct sim_api *a);
