/* SPDX-License-Identifier: Apache-2.0 */
/* hostsfile.h - a hosts file as an immutable table: names to addresses, addresses to names.
 *
 * The format is CoreDNS's: the first field of a line is an address (a %zone after it is ignored, an
 * IPv4-mapped one counts as IPv4), the others are names; '#' starts a comment; lines without a
 * valid address are skipped; fields over 1,024 bytes are ignored; "*.x" matches one label below x.
 *
 * Owns:    its table (hoststable.h).
 * Threads: one while text is added; after nd_hostsfile_end any, reading.
 * Errors:  0, ND_ELIMIT (over nd_hostsfile_limit, or the memory budget is exhausted), -ENOMEM.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "plugin/hosts/hoststable.h"
#include "wire/name.h"

struct nd_hostsfile;

enum { ND_HOSTSFILE_FIELD_MAX = 1024, ND_HOSTSFILE_BYTES_MAX = 1 << 30 };

/* The most memory that one table may take: half of the ceiling of ND_BUDGET_HOSTS, so that the next
 * version of the file can be read beside it, and at most ND_HOSTSFILE_BYTES_MAX. */
size_t nd_hostsfile_limit(void);

/* Skips names outside zones, which are borrowed until nd_hostsfile_end. reverse: index addresses
 * too. bytes: the expected size of the text; more or less is fine. NULL: out of memory. */
struct nd_hostsfile *nd_hostsfile_new(const struct nd_name *zones, size_t nzones, bool reverse,
				      uint64_t bytes);
/* Adds the next piece of the text; it may end anywhere. */
int nd_hostsfile_add(struct nd_hostsfile *h, const char *text, size_t n);
/* The text is complete. */
int nd_hostsfile_end(struct nd_hostsfile *h);
void nd_hostsfile_free(struct nd_hostsfile *h); /* accepts NULL */
/* All of it at once. NULL: any of the errors. */
struct nd_hostsfile *nd_hostsfile_parse(const char *text, size_t n, const struct nd_name *zones,
					size_t nzones, bool reverse);

/* Entries as CoreDNS counts them: each address of a name, each name of an address. */
size_t nd_hostsfile_entries(const struct nd_hostsfile *h);

/* Addresses or names, in the order of the file; valid as long as the table. */
struct nd_hostsfile_list {
	const struct nd_hostsfile *file;
	struct nd_hoststable_list items;
	uint8_t address; /* 4 or 16: bytes of an address; 0: names */
};

/* The addresses of a lower-case name (family 4 or 6). An exact name hides a wildcard. */
struct nd_hostsfile_list nd_hostsfile_addresses(const struct nd_hostsfile *h, struct nd_name name,
						int family);
/* The names of an address (4 or 16 bytes). */
struct nd_hostsfile_list nd_hostsfile_names(const struct nd_hostsfile *h, const uint8_t *address,
					    size_t len);
/* The next address, or the next name in wire format; NULL after the last one. */
const uint8_t *nd_hostsfile_next(struct nd_hostsfile_list *l);
