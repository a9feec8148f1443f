/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup.h - the limits that cgroups (v1 and v2) set for this process.
 *
 * A limit is the smallest one between the process's group and the root; 0: no limit, or the files
 * cannot be read. membership: ND_CGROUP_MEMBERSHIP; root: ND_CGROUP_ROOT; tests have their own.
 * Threads: any; they only read files.
 */
#pragma once

#include <stdint.h>

#define ND_CGROUP_MEMBERSHIP "/proc/self/cgroup"
#define ND_CGROUP_ROOT "/sys/fs/cgroup"

/* The CPU quota, rounded up to whole CPUs. */
unsigned nd_cgroup_cpus(const char *membership, const char *root);
/* Bytes of memory. */
uint64_t nd_cgroup_memory(const char *membership, const char *root);
