/* SPDX-License-Identifier: Apache-2.0 */
/* mirror.h - a sink that keeps what it was told of a simulated cluster, and knows what it may be
 * told.
 *
 * What comes must have been true, as it comes; nothing may go back to an older state; and nothing
 * may go, by an event or at the end of a list, that was not gone at the server since.
 */
#pragma once

#include "sim/cluster.h"

enum sim_mirror_plant {
	SIM_MIRROR_HONEST,
	SIM_MIRROR_NO_SWEEP, /* what a list does not name stays */
	SIM_MIRROR_EARLY,    /* a list that breaks off counts as ended when the next begins */
};

struct sim_mirror {
	struct nd_sink sink;
	const struct sim_cluster *cluster;
	enum sim_mirror_plant plant;
	/* version: as held, 0: not there. newest: that was ever held. */
	struct {
		uint32_t version, newest;
		unsigned mark;
	} held[SIM_KINDS][SIM_OBJECTS];
	unsigned mark[SIM_KINDS];
	bool listing[SIM_KINDS];
	uint64_t swept, removed, broken; /* broken: lists without an end */
	char complaint[SIM_TEXT];
};

void sim_mirror_init(struct sim_mirror *m, const struct sim_cluster *cluster,
		     enum sim_mirror_plant plant);
/* Complains if it is not what the cluster has now. */
void sim_mirror_compare(struct sim_mirror *m);
