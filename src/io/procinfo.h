/* SPDX-License-Identifier: Apache-2.0 */
/* procinfo.h - what the kernel knows of this process (Linux's /proc), as the Prometheus client of
 * Go reports it in its process_* family.
 *
 * Threads: control; reads files of /proc, which do not block.
 * Errors:  what cannot be read is 0.
 */
#pragma once

#include <stdint.h>

struct nd_procinfo {
	double cpu_s;                              /* user and system time */
	double start_s;                            /* time of the start, in seconds since 1970 */
	uint64_t virtual_bytes, virtual_max_bytes; /* UINT64_MAX: no maximum */
	uint64_t resident_bytes;
	uint64_t open_fds, max_fds;
	uint64_t received_bytes, sent_bytes; /* IP, in the network namespace of the process */
};

void nd_procinfo_read(struct nd_procinfo *out);
