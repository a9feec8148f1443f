/* SPDX-License-Identifier: Apache-2.0 */
/* echo - the floor: the cost of a UDP query and its answer when the server does nothing.
 *
 *   echo -p PORT [-a ADDRESS] [-b RCVBUF_BYTES]
 *
 * Receives batches of 32, sets QR and sends the same bytes back. Its socket is like the servers':
 * SO_REUSEPORT and a large receive buffer on a specific address; on the wildcard (-a 0.0.0.0) also
 * PKTINFO, since a server must then answer from the address that the query was sent to. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 32, SLOT = 1536, DEFAULT_RCVBUF = 8 << 20, QR = 0x80, HEADER = 12 };

struct slot {
	uint8_t bytes[SLOT];
	struct sockaddr_in peer;
	struct iovec iov;
	union {
		char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
		struct cmsghdr align;
	} control;
};

static struct slot slots[BATCH];
static struct mmsghdr in[BATCH], out[BATCH];

static int open_socket(const char *address, int port, int rcvbuf)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int on = 1, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (inet_pton(AF_INET, address, &at.sin_addr) != 1) {
		errno = EINVAL;
		return -1;
	}
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof rcvbuf) < 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf) < 0)
		return -1;
	if (at.sin_addr.s_addr == htonl(INADDR_ANY) &&
	    setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) < 0)
		return -1;
	return bind(fd, (struct sockaddr *)&at, sizeof at) < 0 ? -1 : fd;
}

/* Prepares the first n slots for receiving; the kernel overwrote only these. */
static void arm(int n)
{
	for (int i = 0; i < n; i++) {
		struct msghdr *h = &in[i].msg_hdr;
		h->msg_namelen = sizeof slots[i].peer;
		h->msg_controllen = sizeof slots[i].control;
		h->msg_flags = 0;
	}
}

static void prepare(void)
{
	for (int i = 0; i < BATCH; i++) {
		slots[i].iov = (struct iovec){ slots[i].bytes, SLOT };
		in[i].msg_hdr = (struct msghdr){
			.msg_name = &slots[i].peer,
			.msg_iov = &slots[i].iov,
			.msg_iovlen = 1,
			.msg_control = &slots[i].control,
		};
	}
	arm(BATCH);
}

/* Turns queries into answers in place; returns how many of the n are answered. */
static int answer(int n, struct iovec *iov)
{
	int answers = 0;

	for (int i = 0; i < n; i++) {
		if (in[i].msg_len < HEADER || slots[i].bytes[2] & QR)
			continue;
		slots[i].bytes[2] |= QR;
		iov[answers] = (struct iovec){ slots[i].bytes, in[i].msg_len };
		out[answers].msg_hdr = in[i].msg_hdr;
		out[answers].msg_hdr.msg_iov = &iov[answers];
		answers++;
	}
	return answers;
}

static void serve(int fd)
{
	struct iovec iov[BATCH];

	for (;;) {
		int n = recvmmsg(fd, in, BATCH, MSG_WAITFORONE, NULL);
		if (n < 0) {
			if (errno != EINTR)
				perror("echo: recvmmsg");
			continue;
		}
		for (int left = answer(n, iov), at = 0; left > 0;) {
			int sent = sendmmsg(fd, out + at, (unsigned)left, 0);
			/* The first one failed, since its client is gone. The others are still
			 * sent. */
			sent = sent > 0 ? sent : 1;
			at += sent;
			left -= sent;
		}
		arm(n);
	}
}

int main(int argc, char **argv)
{
	const char *address = "127.0.0.1";
	int option, port = 0, rcvbuf = DEFAULT_RCVBUF;

	while ((option = getopt(argc, argv, "p:a:b:")) != -1) {
		switch (option) {
		case 'p': port = atoi(optarg); break;
		case 'a': address = optarg; break;
		case 'b': rcvbuf = atoi(optarg); break;
		default: return 2;
		}
	}
	if (port < 1 || port > 65535 || rcvbuf < 1 || optind != argc) {
		fprintf(stderr, "usage: echo -p PORT [-a ADDRESS] [-b RCVBUF_BYTES]\n");
		return 2;
	}

	int fd = open_socket(address, port, rcvbuf);
	if (fd < 0) {
		fprintf(stderr, "echo: %s port %d: %s\n", address, port, strerror(errno));
		return 1;
	}
	prepare();
	serve(fd);
}
