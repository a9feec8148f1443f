/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot.h - objects in a file, to start from when the API server is away.
 *
 * Head: "NDKSNAP\n", then version and kinds (4 octets each), who and when (8 each). Objects follow,
 * those of a kind together, each behind its length; a length of 0 ends them. Then how many there
 * are (4) and a sum over all octets before it (8). Fixed numbers are little endian; lengths and
 * counts are written as in protobuf, 7 bits an octet. A text is its length, its octets and, unless
 * it is empty, a NUL: the reader lends it as it lies.
 *
 * The sum tells damage, not malice: whoever may write into the folder may say what is answered.
 * What is only for the moment is left out: when a slice changed, and pods that are gone.
 * Threads: any, each with its own.
 */
#pragma once

#include "io/filewrite.h"
#include "kube/objects.h"

enum { ND_SNAPSHOT_VERSION = 1, ND_SNAPSHOT_BYTES_MAX = 256 << 20 };

struct nd_snapshot_head {
	uint64_t who;     /* print of what was asked for, of whom: others' files are not read */
	uint64_t saved_s; /* Unix time */
	uint32_t kinds;   /* bit by kind: all objects of it are there */
};

/* Being written. */
struct nd_snapshot {
	struct nd_filewrite file;
	struct nd_buf record;
	uint64_t sum;
	uint32_t objects;
};

/* As nd_filewrite: whatever comes back, end it by commit; add as you like in between. */
int nd_snapshot_open(struct nd_snapshot *w, const char *path, const struct nd_snapshot_head *head);
/* Kinds in ascending order. 0, or what is wrong so far. */
int nd_snapshot_add(struct nd_snapshot *w, const struct nd_object *o);
/* 0: it is in its place. Else the file that was there stays. */
int nd_snapshot_commit(struct nd_snapshot *w);

/* Hands all that is in it to the sink, each kind between begin and end. Before the first one
 * everything was looked through, so a damaged file gives nothing at all. head: who and kinds are
 * what they must be, saved_s is set. 0, or ND_EFORMAT with *why, a static text for "it ...". What
 * the sink refuses is left out. */
int nd_snapshot_read(const void *bytes, size_t n, struct nd_snapshot_head *head,
		     struct nd_sink *sink, const char **why);
/* The sum that must stand behind n octets: as it is made while they are written, piece by piece. */
uint64_t nd_snapshot_sum(const void *bytes, size_t n);
