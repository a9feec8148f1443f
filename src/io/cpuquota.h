/* SPDX-License-Identifier: Apache-2.0 */
/* cpuquota.h - how many processors a cgroup's quota allows. Pure but for the files it reads. */
#pragma once

/* The smallest quota between the process's group and the root, rounded up to whole processors; 0:
 * no limit, or nothing to read. membership: "/proc/self/cgroup"; root: "/sys/fs/cgroup". */
unsigned nd_cpuquota_cpus(const char *membership, const char *root);
