/* SPDX-License-Identifier: Apache-2.0 */
/* hostsfile.h - a hosts file as an immutable table: names to addresses, addresses to names.
 *
 * The format is CoreDNS's: the first field of a line is an address (a %zone after it is ignored, an
 * IPv4-mapped one counts as IPv4), the others are names; '#' starts a comment; lines without a
 * valid address are skipped; fields over 1,024 bytes are ignored; "*.x" matches one label below x.
 * Owns:    everything in its arena.
 * Threads: any, reading.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "wire/name.h"

struct nd_hostsfile;

enum { ND_HOSTSFILE_FIELD_MAX = 1024, ND_HOSTSFILE_BYTES_MAX = 64 << 20 };

/* Skips names outside zones. reverse: index addresses too. NULL: out of memory, or more than
 * ND_HOSTSFILE_BYTES_MAX of entries. */
struct nd_hostsfile *nd_hostsfile_parse(const char *text, size_t n, const struct nd_name *zones,
					size_t nzones, bool reverse);
void nd_hostsfile_free(struct nd_hostsfile *h); /* accepts NULL */

/* Entries as CoreDNS counts them: each address of a name, each name of an address. */
size_t nd_hostsfile_entries(const struct nd_hostsfile *h);

/* The addresses of a lower-case name, in the order of the file: *n of 4 or 16 bytes each (family 4
 * or 6). NULL: none. An exact name hides a wildcard. */
const uint8_t *nd_hostsfile_addresses(const struct nd_hostsfile *h, struct nd_name name, int family,
				      size_t *n);
/* The names of an address (4 or 16 bytes). */
const struct nd_name *nd_hostsfile_names(const struct nd_hostsfile *h, const uint8_t *address,
					 size_t len, size_t *n);
