/* SPDX-License-Identifier: Apache-2.0 */
/* cluster.h - what is true in the simulated cluster, and when it was: objects of three kinds that
 * come, change and go.
 *
 * Each change is one version, as in etcd: a number that goes up by one over all kinds. What an
 * object looks like follows from its number and the version it was written at; it carries that
 * version in the label "rv". Owns:    the history, on the heap, until clear.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "kube/objects.h"

enum {
	SIM_KINDS = ND_OBJECT_SLICE + 1, /* Namespace, Service, EndpointSlice */
	SIM_OBJECTS = 48,                /* of a kind, at most */
	SIM_VERSION = 1000,              /* of the empty cluster */
	SIM_ENDPOINTS = 6,
	SIM_TEXT = 1024,
};

struct sim_change {
	enum nd_object_kind kind;
	unsigned n;      /* which object */
	uint32_t before; /* version of the same object's last change; 0: none */
	bool gone;
};

struct sim_cluster {
	unsigned objects;          /* of a kind */
	struct sim_change *change; /* [i] made version SIM_VERSION + 1 + i */
	size_t nchanges, cap;
	uint32_t last[SIM_KINDS][SIM_OBJECTS];
	uint32_t compacted; /* nothing before it can be had */
};

/* One object and all it points to. */
struct sim_object {
	struct nd_object object;
	char name[16], namespace[16], version[16], service[16];
	struct nd_object_label label[2];
	struct nd_object_ip ip[2];
	struct nd_object_port port[2];
	struct nd_object_endpoint endpoint[SIM_ENDPOINTS];
	char address[SIM_ENDPOINTS][16], host[SIM_ENDPOINTS][16];
};

void sim_cluster_init(struct sim_cluster *c, unsigned objects);
void sim_cluster_clear(struct sim_cluster *c);
uint32_t sim_cluster_version(const struct sim_cluster *c);
/* One object comes, changes or goes. */
void sim_cluster_step(struct sim_cluster *c);
/* What made that version; it is behind SIM_VERSION. */
const struct sim_change *sim_cluster_change(const struct sim_cluster *c, uint32_t version);
/* The version that the object had at `version`; 0: it was not there. */
uint32_t sim_cluster_at(const struct sim_cluster *c, enum nd_object_kind kind, unsigned n,
			uint32_t version);
/* Was it gone at some moment behind that version? */
bool sim_cluster_went(const struct sim_cluster *c, enum nd_object_kind kind, unsigned n,
		      uint32_t version);

void sim_cluster_object(enum nd_object_kind kind, unsigned n, uint32_t version,
			struct sim_object *out);
/* Which object has the name; -1: none. */
int sim_cluster_find(const struct sim_cluster *c, enum nd_object_kind kind, const char *namespace,
		     const char *name);
/* All that a sink was told of an object, as a text. */
void sim_cluster_tell(const struct nd_object *o, char text[SIM_TEXT]);
