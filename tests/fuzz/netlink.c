/* SPDX-License-Identifier: Apache-2.0 */
/* Messages from a kernel that answers anything: the first byte selects what the agent does, then
 * come datagrams, each after a byte of flags (1: more for this request) and two of length. Sequence
 * number and port of a message are set if they are 0, as an honest kernel would.
 *
 * Everything must end, with 0 or a negative error, whatever is answered. */
#include <dlfcn.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "base/err.h"
#include "node/iptables.h"
#include "node/link.h"
#include "node/netlink.h"
#include "node/nft.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { PORT = 77, REQUESTS_MAX = 4000 };

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
		n = MNL_ALIGN(n) < left ? MNL_ALIGN(n) : left;
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

/* --- libmnl's sockets --- */

struct mnl_socket *mnl_socket_open2(int bus, int flags)
{
	(void)bus;
	(void)flags;
	return (struct mnl_socket *)&kernel;
}

struct mnl_socket *mnl_socket_fdopen(int fd)
{
	(void)fd;
	return NULL;
}

int mnl_socket_bind(struct mnl_socket *s, unsigned int groups, pid_t pid)
{
	(void)s;
	(void)groups;
	(void)pid;
	return 0;
}

int mnl_socket_get_fd(const struct mnl_socket *s)
{
	(void)s;
	return kernel.fd[0];
}

unsigned int mnl_socket_get_portid(const struct mnl_socket *s)
{
	(void)s;
	return PORT;
}

ssize_t mnl_socket_sendto(const struct mnl_socket *s, const void *bytes, size_t n)
{
	const struct nlmsghdr *h = bytes;
	int len = (int)n;
	(void)s;

	ND_ASSERT(++kernel.requests < REQUESTS_MAX); /* else it never ends */
	ND_ASSERT(mnl_nlmsg_ok(h, len));
	for (; mnl_nlmsg_ok(h, len); h = mnl_nlmsg_next(h, &len))
		kernel.seq = h->nlmsg_seq;
	ND_ASSERT(len == 0);
	while (answer())
		;
	return (ssize_t)n;
}

ssize_t mnl_socket_recvfrom(const struct mnl_socket *s, void *to, size_t n)
{
	(void)s;
	return recv(kernel.fd[0], to, n, MSG_DONTWAIT);
}

int mnl_socket_close(struct mnl_socket *s)
{
	(void)s;
	return 0;
}

/* The messages in memory of exactly their length, so that nothing is read past it. */
int mnl_cb_run(const void *bytes, size_t n, unsigned int seq, unsigned int port, mnl_cb_t on,
	       void *ctx)
{
	static int (*real)(const void *bytes, size_t n, unsigned int seq, unsigned int port,
			   mnl_cb_t on, void *ctx);
	void *copy = malloc(n ? n : 1);

	ND_ASSERT(copy);
	memcpy(copy, bytes, n);
	if (!real)
		real = (typeof(real))dlsym(RTLD_NEXT, "mnl_cb_run");
	int ret = real(copy, n, seq, port, on, ctx);
	free(copy);
	return ret;
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
