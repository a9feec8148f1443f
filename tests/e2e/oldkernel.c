/* SPDX-License-Identifier: Apache-2.0 */
/* LD_PRELOAD: an older kernel. A batch of nftables changes that uses a feature of the environment
 * variable OLDKERNEL is not sent; it fails as that kernel would fail it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { NEW_TABLE = 0x0a00, NEW_RULE = 0x0a06 };

static const struct feature {
	const char *name;
	uint16_t type; /* of the message */
	const char *bytes;
	size_t n;
	int error;
} features[] = {
	{ "owner", NEW_TABLE, "\10\0\2\0\0\0\0\2", 8, -EINVAL },
	{ "wildcard", NEW_RULE, "socket\0\0\24\0\2\200\10\0\1\0\0\0\0\2", 20, -EOPNOTSUPP },
	{ "transparent", NEW_RULE, "socket\0\0\24\0\2\200\10\0\1\0\0\0\0\0", 20, -EOPNOTSUPP },
	{ "nat", NEW_RULE, "masq\0", 5, -EOPNOTSUPP },
};

static struct {
	int fd;
	struct nlmsghdr h;
	struct nlmsgerr e;
} pending = { .fd = -1 };

/* The feature in one of the messages that the kernel lacks; *seq: that message's number. */
static const struct feature *find(const char *bytes, size_t n, uint32_t *seq)
{
	const char *lacks = getenv("OLDKERNEL");

	while (lacks && n >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *h = (const struct nlmsghdr *)bytes;
		size_t whole = NLMSG_ALIGN((size_t)h->nlmsg_len);
		for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
			const struct feature *f = &features[i];
			*seq = h->nlmsg_seq;
			if (h->nlmsg_type == f->type && strstr(lacks, f->name) &&
			    memmem(bytes, h->nlmsg_len, f->bytes, f->n))
				return f;
		}
		if (whole < sizeof *h || whole > n)
			break;
		bytes += whole;
		n -= whole;
	}
	return NULL;
}

ssize_t sendto(int fd, const void *bytes, size_t n, int flags, const struct sockaddr *to,
	       socklen_t len)
{
	static typeof(sendto) *real;
	uint32_t seq = 0;
	const struct feature *f = to && to->sa_family == AF_NETLINK ? find(bytes, n, &seq) : NULL;

	if (!real)
		real = (typeof(sendto) *)dlsym(RTLD_NEXT, "sendto");
	if (!f)
		return real(fd, bytes, n, flags, to, len);
	pending.fd = fd;
	pending.h = (struct nlmsghdr){ .nlmsg_len = sizeof pending.h + sizeof pending.e,
				       .nlmsg_type = NLMSG_ERROR,
				       .nlmsg_seq = seq };
	pending.e = (struct nlmsgerr){ .error = f->error };
	return (ssize_t)n;
}

static ssize_t take(int fd, void *to, struct sockaddr *from, socklen_t *len)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	if (pending.fd < 0 || fd != pending.fd)
		return -1;
	pending.fd = -1;
	memcpy(to, &pending.h, pending.h.nlmsg_len);
	memcpy(from, &kernel, sizeof kernel);
	*len = sizeof kernel;
	return (ssize_t)pending.h.nlmsg_len;
}

ssize_t recvfrom(int fd, void *to, size_t n, int flags, struct sockaddr *from, socklen_t *len)
{
	static typeof(recvfrom) *real;
	ssize_t got = from ? take(fd, to, from, len) : -1;

	if (!real)
		real = (typeof(recvfrom) *)dlsym(RTLD_NEXT, "recvfrom");
	return got >= 0 ? got : real(fd, to, n, flags, from, len);
}
