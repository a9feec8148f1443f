/* SPDX-License-Identifier: Apache-2.0 */
/* hostsfile.h - a hosts file as a table: names to addresses, addresses to names. Immutable once
 * made.
 *
 * Format and quirks are CoreDNS's: the first field of a line is an address (a %zone behind it is
 * dropped, an IPv4-mapped one counts as IPv4), the rest are names; '#' starts a comment; lines
 * without a usable address are skipped; fields over 1,024 octets are dropped alone; "*.x" stands
 * for one label. Owns: everything in its arena. Threads: any, reading.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "wire/name.h"

struct nd_hostsfile;

enum { ND_HOSTSFILE_FIELD_MAX = 1024, ND_HOSTSFILE_BYTES_MAX = 64 << 20 };

/* Names outside zones are left out. reverse: keep addresses to names too. NULL: no memory, or more
 * than ND_HOSTSFILE_BYTES_MAX of entries. */
struct nd_hostsfile *nd_hostsfile_parse(const char *text, size_t n, const struct nd_name *zones,
					size_t nzones, bool reverse);
void nd_hostsfile_free(struct nd_hostsfile *h); /* takes NULL */

/* Entries as CoreDNS counts them: an address of a name, a name of an address. */
size_t nd_hostsfile_entries(const struct nd_hostsfile *h);

/* Addresses of a lower-case name, in the order of the file; *n of them, 4 or 16 bytes each (family
 * 4 or 6). NULL: none. The exact name hides a wildcard. */
const uint8_t *nd_hostsfile_addresses(const struct nd_hostsfile *h, struct nd_name name, int family,
				      size_t *n);
/* Names of an address (4 or 16 bytes). */
const struct nd_name *nd_hostsfile_names(const struct nd_hostsfile *h, const uint8_t *address,
					 size_t len, size_t *n);
