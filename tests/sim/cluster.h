/* SPDX-License-Identifier: Apache-2.0 */
/* cluster.h - the history of the simulated cluster: objects of three kinds that are created,
 * changed and deleted.
 *
 * Each change makes one version, as in etcd: a number that grows by one over all kinds. The content
 * of an object follows from its number and the version of its last change, which is its label "rv".
 *
 * Owns:    the history, on the heap, until clear.
 * Threads: the simulation has one.
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
	uint32_t compacted; /* earlier versions are not available */
};

/* An object and all that it points to. */
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
/* Creates, changes or deletes one object. */
void sim_cluster_step(struct sim_cluster *c);
/* The change that made the version, which is over SIM_VERSION. */
const struct sim_change *sim_cluster_change(const struct sim_cluster *c, uint32_t version);
/* Version of the object's last change up to `version`; 0: it did not exist. */
uint32_t sim_cluster_at(const struct sim_cluster *c, enum nd_object_kind kind, unsigned n,
			uint32_t version);
/* True if it did not exist at some time after that version. */
bool sim_cluster_went(const struct sim_cluster *c, enum nd_object_kind kind, unsigned n,
		      uint32_t version);

void sim_cluster_object(enum nd_object_kind kind, unsigned n, uint32_t version,
			struct sim_object *out);
/* Number of the object with this name; -1: none. */
int sim_cluster_find(const struct sim_cluster *c, enum nd_object_kind kind, const char *namespace,
		     const char *name);
/* Formats all fields of an object that a sink receives. */
void sim_cluster_format(const struct nd_object *o, char text[SIM_TEXT]);
