/* SPDX-License-Identifier: Apache-2.0 */
#include "io/icmp.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/errqueue.h> /* needs <time.h> */
#include "io/sock.h"

int nd_icmp_enable(int fd, int family)
{
	return family == AF_INET6 ? nd_sock_set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1)
				  : nd_sock_set(fd, IPPROTO_IP, IP_RECVERR, 1);
}

static bool is_hard(const struct sock_extended_err *e)
{
	if (e->ee_origin == SO_EE_ORIGIN_ICMP6)
		return e->ee_type == ICMP6_PARAM_PROB ||
		       (e->ee_type == ICMP6_DST_UNREACH &&
			e->ee_code != ICMP6_DST_UNREACH_NOROUTE &&
			e->ee_code != ICMP6_DST_UNREACH_BEYONDSCOPE &&
			e->ee_code != ICMP6_DST_UNREACH_ADDR);
	return e->ee_type == ICMP_PARAMETERPROB ||
	       (e->ee_type == ICMP_DEST_UNREACH && e->ee_code != ICMP_NET_UNREACH &&
		e->ee_code != ICMP_HOST_UNREACH && e->ee_code != ICMP_FRAG_NEEDED &&
		e->ee_code != ICMP_SR_FAILED);
}

static const struct sock_extended_err *find_error(struct msghdr *h)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c))
		if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
		    (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
			return (const struct sock_extended_err *)CMSG_DATA(c);
	return NULL;
}

bool nd_icmp_read(int fd, struct nd_icmp *out)
{
	union {
		char bytes[256];
		struct cmsghdr align;
	} control;
	struct iovec iov = { out->quoted, sizeof out->quoted };

	for (;;) {
		struct msghdr h = { .msg_iov = &iov,
				    .msg_iovlen = 1,
				    .msg_control = &control,
				    .msg_controllen = sizeof control };
		ssize_t n = recvmsg(fd, &h, MSG_ERRQUEUE | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		const struct sock_extended_err *e = find_error(&h);
		if (!e || (e->ee_origin != SO_EE_ORIGIN_ICMP && e->ee_origin != SO_EE_ORIGIN_ICMP6))
			continue; /* of this host: the call that failed has reported it */
		out->err = -(int)e->ee_errno;
		out->hard = is_hard(e);
		out->n = (size_t)n;
		return true;
	}
}

bool nd_icmp_is_left_over(int err)
{
	switch (err) {
	case ECONNREFUSED:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENONET:
	case ENOPROTOOPT:
	case EPROTO:
	case EACCES:
	case EMSGSIZE: return true;
	default: return false;
	}
}
