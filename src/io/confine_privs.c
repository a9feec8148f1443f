/* SPDX-License-Identifier: Apache-2.0 */
/* Privileges: no_new_privs and capability sets, by system calls (libcap would be one library more
 * for two of them). */
#include "io/confine.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int nd_confine_no_new_privs(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;
}

static int get(struct __user_cap_data_struct set[2])
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capget, &head, set) ? -errno : 0;
}

static int set_all(uint64_t caps)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct set[2] = { 0 };

	for (int i = 0; i < 2; i++)
		set[i].permitted = set[i].effective = (uint32_t)(caps >> (32 * i));
	return syscall(SYS_capset, &head, set) ? -errno : 0;
}

/* A kernel knows capabilities up to the first number that it refuses. */
static int drop_bounding(uint64_t keep)
{
	for (unsigned cap = 0; cap < 64; cap++) {
		int has = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
		if (has < 0)
			return 0;
		if (has && !(keep & ND_CONFINE_CAP(cap)) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
			return -errno;
	}
	return 0;
}

int nd_confine_capabilities(uint64_t keep, bool bounding, uint64_t *kept)
{
	struct __user_cap_data_struct set[2];
	int err = get(set);

	if (err)
		return err;
	uint64_t now = set[0].permitted | (uint64_t)set[1].permitted << 32;
	if (bounding && now & ND_CONFINE_CAP(CAP_SETPCAP))
		err = drop_bounding(keep);
	if (!err && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) && errno != EINVAL)
		err = -errno; /* EINVAL: a kernel without ambient capabilities */
	if (!err)
		err = set_all(now & keep);
	if (!err)
		*kept = now & keep;
	return err;
}
