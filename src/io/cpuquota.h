/* SPDX-License-Identifier: Apache-2.0 */
/* cpuquota.h - the number of CPUs that a cgroup's quota allows (v1 and v2).
 *
 * Threads: any; it only reads files.
 */
#pragma once

/* The smallest quota between the process's group and the root, rounded up to whole CPUs; 0: no
 * limit, or the files cannot be read. membership: "/proc/self/cgroup"; root: "/sys/fs/cgroup". */
unsigned nd_cpuquota_cpus(const char *membership, const char *root);
