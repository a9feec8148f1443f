/* SPDX-License-Identifier: Apache-2.0 */
/* Messages from a kernel that answers anything: the first byte selects what the agent does, then
 * come datagrams, each after a byte of flags (1: more for this request) and two of length. Sequence
 * number and port of a message are set if they are 0, as an honest kernel would.
 *
 * Everything must end, with 0 or a negative error, whatever is answered. */
#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "base/err.h"
#include "node/iptables.h"
#include "node/iptables_rule.h"
#include "node/link.h"
#include "node/netlink.h"
#include "node/nft.h"
#include "node/nlsock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { PORT = 77, REQUESTS_MAX = 20000 };

/* The kernel. */
static struct {
	const uint8_t *at, *end;
	int fd[2]; /* the agent's end, ours */
	uint32_t seq;
	unsigned requests;
} kernel = { .fd = { -1, -1 } };

static void patch(char *bytes, size_t left)
{
	while (left >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr *h = (struct nlmsghdr *)bytes;
		size_t n = h->nlmsg_len < sizeof *h ? sizeof *h : h->nlmsg_len;
		n = n < left && NLMSG_ALIGN(n) < left ? NLMSG_ALIGN(n) : left;
		bytes += n;
		left -= n;
		h->nlmsg_seq = h->nlmsg_seq ? h->nlmsg_seq : kernel.seq;
		h->nlmsg_pid = h->nlmsg_pid ? h->nlmsg_pid : PORT;
	}
}

/* Queues the next datagram of the input. True: another one belongs to the same response. */
static bool answer(void)
{
	_Alignas(struct nlmsghdr) char bytes[ND_NETLINK_BUFFER];
	size_t left = (size_t)(kernel.end - kernel.at);

	if (left < 3)
		return false;
	size_t n = kernel.at[1] | (size_t)kernel.at[2] << 8;
	bool more = kernel.at[0] & 1;
	if (n > left - 3)
		n = left - 3;
	if (n > sizeof bytes)
		n = sizeof bytes;
	if (n)
		memcpy(bytes, kernel.at + 3, n);
	kernel.at += 3 + n;
	patch(bytes, n);
	return send(kernel.fd[1], bytes, n, MSG_DONTWAIT) >= 0 && more;
}

/* --- in place of src/node/nlsock.c --- */

int nd_nlsock_open(struct nd_nlsock *s, int bus, int fd)
{
	(void)bus;
	(void)fd;
	*s = (struct nd_nlsock){ .fd = kernel.fd[0], .port = PORT };
	return 0;
}

void nd_nlsock_close(struct nd_nlsock *s)
{
	s->fd = -1;
}

int nd_nlsock_send(const struct nd_nlsock *s, const void *bytes, size_t n)
{
	const char *at = bytes;
	(void)s;

	ND_ASSERT(++kernel.requests < REQUESTS_MAX); /* else it never ends */
	while (n) {
		const struct nlmsghdr *h = (const struct nlmsghdr *)at;
		ND_ASSERT(n >= sizeof *h && h->nlmsg_len >= sizeof *h && h->nlmsg_len <= n &&
			  h->nlmsg_len % NLMSG_ALIGNTO == 0);
		kernel.seq = h->nlmsg_seq;
		at += h->nlmsg_len;
		n -= h->nlmsg_len;
	}
	while (answer())
		;
	return 0;
}

/* Reads the first message in memory of exactly its length, so that nothing is read past it. */
static void read_copy(const void *bytes, size_t n)
{
	const struct nlmsghdr *h = bytes;
	struct nd_iptables_rule rule;
	struct nd_nlmsg_attr attr;

	if (n < sizeof *h || h->nlmsg_len < sizeof *h || h->nlmsg_len > n)
		return;
	struct nlmsghdr *copy = malloc(h->nlmsg_len);
	ND_ASSERT(copy);
	memcpy(copy, h, h->nlmsg_len);
	nd_iptables_rule_read(copy, &rule);
	for (struct nd_nlmsg_list l = nd_nlmsg_attrs(copy, 4); nd_nlmsg_next(&l, &attr);) {
		uint8_t last = attr.n ? attr.bytes[attr.n - 1] : 0;
		const char *text = nd_nlmsg_text(attr);
		ND_ASSERT(!text || strlen(text) < attr.n);
		ND_ASSERT(attr.n != 4 || last == nd_nlmsg_be32(attr, 0) % 256);
	}
	free(copy);
}

ssize_t nd_nlsock_receive(const struct nd_nlsock *s, void *to, size_t n, bool wait)
{
	ssize_t got = recv(s->fd, to, n, MSG_DONTWAIT | MSG_TRUNC);
	(void)wait;

	if (got < 0)
		return -errno;
	if ((size_t)got > n)
		return -EMSGSIZE;
	read_copy(to, (size_t)got);
	return got;
}

/* --- what the agent does --- */

static struct nd_addr addrs[3];

static int link_up(struct nd_diag *d)
{
	bool changed;

	return nd_link_up(&(struct nd_link_config){ "nodelocaldns", addrs, ND_COUNT(addrs) },
			  &changed, d);
}

static int link_down(struct nd_diag *d)
{
	return nd_link_down("nodelocaldns", d);
}

static const struct nd_iptables_config rules = {
	.addrs = addrs, .naddrs = ND_COUNT(addrs), .port = 53, .health_port = 8080
};

static int iptables_install(struct nd_diag *d)
{
	struct nd_iptables_result result;

	return nd_iptables_install(&rules, &result, d);
}

static int iptables_remove(struct nd_diag *d)
{
	struct nd_iptables_result result;

	return nd_iptables_remove(&rules, &result, d);
}

static int nft(struct nd_diag *d)
{
	const struct nd_nft_config c = {
		.table = "nodens", .addrs = addrs, .naddrs = ND_COUNT(addrs), .port = 53
	};
	struct nd_nft *n;
	bool missing;

	int err = nd_nft_new(-1, &n, d);
	ND_ASSERT(err == 0);
	err = nd_nft_install(n, &c, d);
	if (!err)
		err = nd_nft_check(n, &missing, d);
	if (!err)
		err = nd_nft_remove(n, d);
	nd_nft_free(n);
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static int (*const actions[])(struct nd_diag * d) = { link_up, link_down, iptables_install,
							      iptables_remove, nft };
	struct nd_diag d = { 0 };

	if (n < 1 || n > 100000)
		return 0;
	if (kernel.fd[0] < 0) {
		ND_ASSERT(socketpair(AF_UNIX, SOCK_DGRAM, 0, kernel.fd) == 0);
		nd_addr_parse_ip("169.254.20.10", 0, &addrs[0]);
		nd_addr_parse_ip("10.96.0.10", 0, &addrs[1]);
		nd_addr_parse_ip("fd00::a", 0, &addrs[2]);
	}
	kernel.at = data + 1;
	kernel.end = data + n;
	kernel.requests = 0;
	int err = actions[data[0] % ND_COUNT(actions)](&d);
	ND_ASSERT(err <= 0);
	ND_ASSERT(!err || (d.set && d.text[0]));
	char left[16];
	while (recv(kernel.fd[0], left, sizeof left, MSG_DONTWAIT) > 0)
		;
	return 0;
}
