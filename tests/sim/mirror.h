/* SPDX-License-Identifier: Apache-2.0 */
/* mirror.h - a sink that mirrors a simulated cluster and checks each call against its history.
 *
 * An object must equal one of its states in the history, and must not go back to an older one. It
 * may be removed, by an event or at the end of a list, only if the server has deleted it since.
 *
 * Owns:    sim_mirror is embedded; the cluster is borrowed.
 */
#pragma once

#include "sim/cluster.h"

enum sim_mirror_plant {
	SIM_MIRROR_HONEST,
	SIM_MIRROR_NO_SWEEP, /* objects missing from a list are kept */
	SIM_MIRROR_EARLY,    /* a broken-off list ends when the next one begins */
};

struct sim_mirror {
	struct nd_sink sink;
	const struct sim_cluster *cluster;
	enum sim_mirror_plant plant;
	/* version: 0: absent. newest: the highest so far. mark: of the last list with it. */
	struct {
		uint32_t version, newest;
		unsigned mark;
	} held[SIM_KINDS][SIM_OBJECTS];
	unsigned mark[SIM_KINDS];
	bool listing[SIM_KINDS];
	uint64_t swept, removed, broken; /* broken: lists that did not end */
	char complaint[SIM_TEXT];
};

void sim_mirror_init(struct sim_mirror *m, const struct sim_cluster *cluster,
		     enum sim_mirror_plant plant);
/* Complains unless it equals the current cluster. */
void sim_mirror_compare(struct sim_mirror *m);
