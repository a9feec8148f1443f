/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot.h - objects in a file, to start from while the API server is unreachable.
 *
 *	head     "NDKSNAP\n", version and kinds (4 bytes each), who and saved_s (8 each)
 *	objects  in order of kind, each after its length
 *	end      a length of 0, the number of objects (4), the checksum of all bytes before it (8)
 *
 * Numbers of fixed size are little endian; lengths and counts are protobuf varints. A string is its
 * length, its bytes and, unless it is empty, a NUL, so the reader can borrow it in place.
 *
 * The checksum detects damage, not tampering: anyone with write access to the folder controls the
 * answers. Short-lived state is not saved: the time of a slice's change, and pods that have ended.
 *
 * Owns:    nd_snapshot is embedded; open to commit. Objects are borrowed from the bytes read.
 * Threads: any, each with its own.
 */
#pragma once

#include "io/filewrite.h"
#include "kube/objects.h"

enum { ND_SNAPSHOT_VERSION = 1, ND_SNAPSHOT_BYTES_MAX = 256 << 20 };

struct nd_snapshot_head {
	uint64_t who;     /* fingerprint of server and selection; a file with another is not read */
	uint64_t saved_s; /* Unix time */
	uint32_t kinds;   /* a bit per kind: all its objects are in the file */
};

/* A file being written. */
struct nd_snapshot {
	struct nd_filewrite file;
	struct nd_buf record;
	uint64_t sum;
	uint32_t objects;
};

/* As nd_filewrite: errors are sticky, and even after one nd_snapshot_commit() must end it. */
int nd_snapshot_open(struct nd_snapshot *w, const char *path, const struct nd_snapshot_head *head);
/* Kinds in ascending order. 0, or the first error so far. */
int nd_snapshot_add(struct nd_snapshot *w, const struct nd_object *o);
/* 0: the file is in place. Otherwise the previous file is kept. */
int nd_snapshot_commit(struct nd_snapshot *w);

/* Passes all objects to the sink, each kind between begin and end. The file is checked as a whole
 * first: a damaged one passes nothing. head: who and kinds are compared, saved_s is set. Objects
 * that the sink refuses are skipped. 0, or ND_EFORMAT with *why, a static text after "the file
 * ...". */
int nd_snapshot_read(const void *bytes, size_t n, struct nd_snapshot_head *head,
		     struct nd_sink *sink, const char **why);
/* The checksum to write after these n bytes; made in the same pieces as while writing. */
uint64_t nd_snapshot_sum(const void *bytes, size_t n);
