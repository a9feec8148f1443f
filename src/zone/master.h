/* SPDX-License-Identifier: Apache-2.0 */
/* master.h - reads a master file (RFC 1035 s5) record by record. Pure: files come through a door.
 *
 * Grammar: $ORIGIN, $TTL (RFC 2308 s4), $INCLUDE, $GENERATE as in miekg/dns (which CoreDNS reads
 * zones with): TTL and class in either order, TTLs as "1h30m", parentheses, quoted strings,
 * escapes, types and rdata of RFC 3597. A record without a TTL has that of $TTL, else that of the
 * record before; the first one has 0 if it states a class and is refused if it does not.
 * Differences: a record without rdata is refused, and so are types that only messages have.
 *
 * Owns:    its buffers and the handles that it opened, until free.
 * Errors:  ND_EFORMAT, ND_ELIMIT, -ENOMEM or what the door returned, with a message that names file
 *          and line; sticky.
 * Threads: one at a time.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "wire/name.h"

enum {
	ND_MASTER_DEPTH_MAX = 7,          /* nested $INCLUDE, as in miekg/dns */
	ND_MASTER_INCLUDES_MAX = 10000,   /* files in all */
	ND_MASTER_BYTES_MAX = 1 << 30,    /* of text in all */
	ND_MASTER_RECORD_MAX = 256 << 10, /* bytes of one record's text */
	ND_MASTER_GENERATE_MAX = 65536,   /* records of one $GENERATE, as in miekg/dns */
};

/* A door to files. `handle` is the door's. open: 0 or an error. next: the number of bytes read, 0
 * at the end, or an error. */
struct nd_master_files {
	int (*open)(void *ctx, const char *path, int *handle);
	int (*next)(void *ctx, int handle, void *to, size_t n);
	void (*close)(void *ctx, int handle);
	void *ctx;
};

/* Valid until the next call. */
struct nd_master_rr {
	struct nd_name owner; /* case preserved */
	uint16_t type, class;
	uint32_t ttl;
	const uint8_t *rdata; /* names uncompressed */
	uint16_t n;
};

struct nd_master;

/* Opens the file; `files` is copied. NULL: out of memory. Other errors come from next. */
struct nd_master *nd_master_new(const char *path, struct nd_name origin,
				const struct nd_master_files *files);
void nd_master_free(struct nd_master *m); /* accepts NULL */

/* 1: *rr is the next record; 0: the end; or an error. */
int nd_master_next(struct nd_master *m, struct nd_master_rr *rr);
/* "db.example:12: invalid address \"1.2.3\": must be ..." after an error. */
const char *nd_master_error(const struct nd_master *m);
/* The place of the record that was returned last. */
const char *nd_master_path(const struct nd_master *m);
int nd_master_line(const struct nd_master *m);
/* Files that were included so far. */
unsigned nd_master_includes(const struct nd_master *m);
