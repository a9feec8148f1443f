/* SPDX-License-Identifier: Apache-2.0 */
/* apiserver.h - a simulated API server: HTTP/1.1 over plain TCP, lists (in pages, streaming) and
 * watches of a cluster, in JSON or protobuf; with faults.
 *
 * Owns:    sim_api is heap, with its connections; loop and cluster are borrowed and outlive it.
 * Threads: the simulation's one.
 */
#pragma once

#include "base/addr.h"
#include "io/loop.h"
#include "sim/cluster.h"

struct sim_api;

/* Faults, in parts per million of pieces written (cut, short, mute), bookmarks (expire), events
 * (lose), requests (refuse, garbage, silent), objects (odd) or lists in pages (endless). */
struct sim_api_mood {
	uint32_t cut_ppm;     /* the connection closes, after any byte */
	uint32_t short_ppm;   /* the body ends after any byte, as if complete */
	uint32_t mute_ppm;    /* nothing more is sent, and the connection stays open */
	uint32_t expire_ppm;  /* a watch ends with an ERROR event */
	uint32_t refuse_ppm;  /* a status other than 200 */
	uint32_t garbage_ppm; /* neither JSON nor protobuf, or not even HTTP */
	uint32_t silent_ppm;  /* no response */
	uint32_t odd_ppm;     /* before an object comes one that cannot be decoded */
	uint32_t endless_ppm; /* each page has a continue token; 0: such tokens expire */
	uint32_t lose_ppm;    /* an event is omitted: a bug, for --plant */
	uint32_t slow_ms;     /* longest pause between two pieces */
	bool no_protobuf, no_stream;
	unsigned page; /* most objects in a page */
};

struct sim_api_counts {
	uint64_t streams, pages, more_pages, watches, bookmarks, deletions; /* successful */
	uint64_t protobuf, json;
	uint64_t cut, cut_short, mute, errors, refused, expired, garbage, silent, ended;
	uint64_t odd, endless;
};

struct sim_api *sim_api_new(struct nd_loop *loop, const struct nd_addr *addr,
			    struct sim_cluster *cluster);
void sim_api_free(struct sim_api *a);
void sim_api_set_mood(struct sim_api *a, const struct sim_api_mood *mood);
/* Down: does not listen, and all connections are closed. */
void sim_api_set_up(struct sim_api *a, bool up);
/* To be called after changes to the cluster: open watches send events. */
void sim_api_changed(struct sim_api *a);
/* What a client should not do; NULL: nothing. */
const char *sim_api_failure(const struct sim_api *a);
struct sim_api_counts sim_api_counts(const struct sim_api *a);
