/* SPDX-License-Identifier: Apache-2.0 */
/* cachefile.h - cached answers in a file, for the next start.
 *
 *	head     struct nd_cachefile_head: "NDCACHE\n", version, boot id, time
 *	entries  each a struct nd_cachefile_entry, the name (lower case), the body; padded to 8
 *bytes end      a struct nd_cachefile_end: 0, the number of entries, the checksum of all before it
 *
 * Numbers have the machine's byte order: times are of CLOCK_BOOTTIME, so a file serves the boot
 *that wrote it only. The index of records is not in the file; it is made from the body, which is
 *checked like the reply of an upstream. The view is the fingerprint of the configuration that gave
 *the answer (nd_setup_fingerprint).
 *
 * The checksum detects damage, not tampering: anyone with write access to the folder controls the
 * answers.
 *
 * Threads: any, each with its own.
 */
#pragma once

#include "io/filewrite.h"
#include "plugin/cache/store.h"

enum {
	ND_CACHEFILE_VERSION = 1,
	ND_CACHEFILE_BYTES_MAX = 256 << 20,
	ND_CACHEFILE_BOOT = 40, /* bytes for a boot id as text */
};

struct nd_cachefile_head {
	char magic[8];
	uint32_t version, entry_bytes;
	char boot[ND_CACHEFILE_BOOT]; /* filled with NULs */
	uint64_t saved_ns;
};

struct nd_cachefile_entry {
	uint32_t bytes; /* with name, body and padding */
	uint32_t body_bytes;
	uint64_t view, stored_ns;
	uint32_t ttl_s, until_s, refresh_s;
	uint16_t qtype, qclass, rcode, flags, count[3];
	uint8_t name_bytes, key_flags, kind, zero[3];
};

struct nd_cachefile_end {
	uint32_t bytes; /* 0 */
	uint32_t entries;
	uint64_t sum;
};

/* The boot id of the machine. False: it is not known. */
bool nd_cachefile_read_boot(char boot[ND_CACHEFILE_BOOT]);

/* A file being written. */
struct nd_cachefile {
	struct nd_filewrite file;
	uint64_t sum, view;
	uint32_t entries;
};

/* As nd_filewrite: errors are sticky, and even after one nd_cachefile_commit() must end it. */
int nd_cachefile_open(struct nd_cachefile *w, const char *path, const char *boot, uint64_t now_ns);
/* Adds all usable entries of a table. scratch: as for nd_store_walk(). */
void nd_cachefile_add(struct nd_cachefile *w, const struct nd_store *s, uint64_t view,
		      uint64_t now_ns, uint8_t *scratch);
/* 0: the file is in place. Otherwise the previous file is kept. */
int nd_cachefile_commit(struct nd_cachefile *w);

/* Is this a whole file of this boot and version, with entries that are sound? NULL, or a static
 * text after "cache file ...". age_s: of the file. */
const char *nd_cachefile_check(const void *bytes, size_t n, const char *boot, uint64_t now_ns,
			       uint64_t *age_s);
/* Stores the entries of a view in a table, of bytes that were checked. Returns their number. */
uint32_t nd_cachefile_adopt(const void *bytes, size_t n, uint64_t view, struct nd_store *s,
			    uint64_t now_ns);
