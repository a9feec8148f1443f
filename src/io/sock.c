/* SPDX-License-Identifier: Apache-2.0 */
#include "io/sock.h"

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

int nd_sock_set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value) < 0 ? -errno : 0;
}

static int set_options(int fd, int family, const struct nd_sock_options *o)
{
	int err = 0;

	if (o->reuseaddr)
		err = nd_sock_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (!err && o->reuseport)
		err = nd_sock_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (!err && family == AF_INET6) /* always set: the default is a sysctl */
		err = nd_sock_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, o->v6only);
	if (!err && o->freebind)
		err = family == AF_INET6 ? nd_sock_set(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1)
					 : nd_sock_set(fd, IPPROTO_IP, IP_FREEBIND, 1);
	return err;
}

int nd_sock_bind(int type, const struct nd_addr *addr, const struct nd_sock_options *o)
{
	int fd = socket(addr->sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	int err = set_options(fd, addr->sa.sa_family, o);
	if (!err && bind(fd, &addr->sa, addr->len) < 0)
		err = -errno;
	if (err)
		close(fd);
	return err ? err : fd;
}

struct nd_addr nd_sock_local(int fd)
{
	struct nd_addr a = { .len = 0 };
	socklen_t len = sizeof a.in6;

	if (getsockname(fd, &a.sa, &len) == 0)
		a.len = len;
	return a;
}
