/* SPDX-License-Identifier: Apache-2.0 */
#include "io/netif.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>
#include "base/err.h"

static bool wanted(const struct ifaddrs *i, const char *interface)
{
	if (!i->ifa_addr || (interface && strcmp(i->ifa_name, interface) != 0))
		return false;
	return i->ifa_addr->sa_family == AF_INET || i->ifa_addr->sa_family == AF_INET6;
}

static struct nd_addr address_of(const struct sockaddr *sa)
{
	struct nd_addr a = { .len = 0 };

	a.len = sa->sa_family == AF_INET ? sizeof a.in : sizeof a.in6;
	memcpy(&a.sa, sa, a.len); /* with the scope of a link-local address */
	nd_addr_set_port(&a, 0);
	return a;
}

int nd_netif_addresses(const char *interface, struct nd_arena *a, struct nd_addr **out, size_t *n)
{
	struct ifaddrs *list;
	size_t count = 0, at = 0;

	if (interface && !if_nametoindex(interface))
		return -ENODEV;
	if (getifaddrs(&list) < 0)
		return -errno;
	for (const struct ifaddrs *i = list; i; i = i->ifa_next)
		count += wanted(i, interface);

	struct nd_addr *addrs = nd_arena_array(a, count, sizeof *addrs);
	for (const struct ifaddrs *i = list; addrs && i; i = i->ifa_next) {
		if (wanted(i, interface))
			addrs[at++] = address_of(i->ifa_addr);
	}
	freeifaddrs(list);
	if (!addrs)
		return ND_ELIMIT;
	*out = addrs;
	*n = count;
	return 0;
}
