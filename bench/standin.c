/* SPDX-License-Identifier: Apache-2.0 */
/* standin - the upstream of all measured servers.
 *
 *   standin -p PORT [-a ADDRESS] [-c COUNTER_FILE]
 *
 * Every name exists and has addresses derived from its text, so all servers get the same answers: 1
 * to 4 A or AAAA records with a TTL of a day. A first label that begins with
 *   nx    gets NXDOMAIN, with the SOA that negative caching needs
 *   big   gets 60 records: truncated over UDP if the client accepts less, complete over TCP
 * Any other type gets NODATA, with an SOA. A query with EDNS gets EDNS (RFC 6891 s6.1.1).
 *
 * COUNTER_FILE holds one native uint64_t, the number of queries answered so far. It shows whether a
 * server really answered from its cache. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dnsmsg.h"

enum {
	TTL = 86400,
	CONNECTIONS_MAX = 64,
	QUERY_MAX = 2048,
	ANSWER_MAX = 4096, /* holds a name, 60 AAAA records and an OPT */
	RCVBUF = 4 << 20,
	BIG_RECORDS = 60,
};

struct connection {
	int fd; /* -1: free */
	size_t filled;
	uint8_t bytes[2 + QUERY_MAX];
};

struct writer {
	uint8_t *base;
	size_t len;
};

static struct connection connections[CONNECTIONS_MAX];
static uint64_t counter_here;
static uint64_t *counter = &counter_here;

static void put(struct writer *w, const void *bytes, size_t n)
{
	memcpy(w->base + w->len, bytes, n);
	w->len += n;
}

static void put16(struct writer *w, uint16_t v)
{
	nd_dnsmsg_put16(w->base + w->len, v);
	w->len += 2;
}

static void put32(struct writer *w, uint32_t v)
{
	put16(w, (uint16_t)(v >> 16));
	put16(w, (uint16_t)v);
}

/* FNV-1a of the lower-cased name: 0x20 casing has no effect. */
static uint64_t hash_name(const uint8_t *name, size_t len)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++) {
		uint8_t c = name[i];
		h = (h ^ (c >= 'A' && c <= 'Z' ? c + 32u : c)) * 0x100000001b3u;
	}
	return h ^ h >> 29;
}

/* 60 % of the names have one address, like a Service; the others exercise rotation. */
static unsigned count_records(uint64_t hash)
{
	static const uint8_t counts[10] = { 1, 1, 1, 1, 1, 1, 2, 2, 3, 4 };

	return counts[hash % 10];
}

static void put_addresses(struct writer *w, uint16_t type, uint64_t hash, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		put16(w, 0xc000 | ND_DNSMSG_HEADER);
		put16(w, type);
		put16(w, 1);
		put32(w, TTL);
		if (type == ND_DNSMSG_A) {
			put16(w, 4);
			uint32_t host = (uint32_t)(hash >> 8) + i * 0x010203;
			put32(w, 0x0a000000 | (host & 0xffffff));
		} else {
			put16(w, 16);
			put32(w, 0xfd000000 | (uint32_t)(hash >> 40));
			put32(w, 0);
			put32(w, (uint32_t)(hash >> 8));
			put32(w, i + 1);
		}
	}
}

/* The SOA of the zone above the name: its owner must be an ancestor of QNAME. */
static void put_soa(struct writer *w, const struct nd_dnsmsg_question *q)
{
	static const uint8_t names[] = "\2ns\7standin\0\2hm\7standin"; /* with the final 0 */
	size_t first = w->base[ND_DNSMSG_HEADER];

	if (q->name_len == 1 || first + 2 == q->name_len)
		put(w, "", 1);
	else
		put16(w, (uint16_t)(0xc000 | (ND_DNSMSG_HEADER + 1 + first)));
	put16(w, ND_DNSMSG_SOA);
	put16(w, 1);
	put32(w, TTL);
	put16(w, (uint16_t)(sizeof names + 20));
	put(w, names, sizeof names);
	put32(w, 1);
	put32(w, 7200);
	put32(w, 1800);
	put32(w, TTL);
	put32(w, TTL); /* MINIMUM: the TTL of a negative answer (RFC 2308 s4) */
}

static void put_opt(struct writer *w)
{
	static const uint8_t opt[11] = { 0, 0, ND_DNSMSG_OPT, 0x04, 0xd0 }; /* 1232 */

	put(w, opt, sizeof opt);
}

/* Writes the answer to msg, truncated (RFC 2181 s9) if it is over the client's limit. 0: no answer.
 */
static size_t answer(const uint8_t *msg, size_t len, bool tcp, uint8_t *out)
{
	struct nd_dnsmsg_question q;
	struct writer w = { out, 0 };

	if (nd_dnsmsg_view(msg, len, &q) < 0 || msg[2] & 0xf8) /* a response, or not a QUERY */
		return 0;
	put(&w, msg, q.end);
	out[2] = (uint8_t)(0x80 | (msg[2] & 0x01)); /* QR, and RD as in the query */
	out[3] = 0x80;                              /* RA */
	memset(out + 6, 0, 6);

	const char *label = (const char *)out + ND_DNSMSG_HEADER + 1;
	uint64_t hash = hash_name(out + ND_DNSMSG_HEADER, q.name_len);
	bool address = q.type == ND_DNSMSG_A || q.type == ND_DNSMSG_AAAA;
	if (strncasecmp(label, "nx", 2) == 0)
		out[3] |= ND_DNSMSG_NXDOMAIN;
	if (address && !(out[3] & ND_DNSMSG_NXDOMAIN)) {
		unsigned count = strncasecmp(label, "big", 3) == 0 ? BIG_RECORDS
								   : count_records(hash);
		put_addresses(&w, q.type, hash, count);
		nd_dnsmsg_put16(out + 6, (uint16_t)count);
	} else {
		put_soa(&w, &q);
		nd_dnsmsg_put16(out + 8, 1);
	}

	size_t opt_len = q.edns ? 11 : 0;
	if (!tcp && w.len + opt_len > q.udp_size) {
		w.len = q.end;
		out[2] |= 0x02;
		memset(out + 6, 0, 4);
	}
	if (q.edns) {
		put_opt(&w);
		nd_dnsmsg_put16(out + 10, 1);
	}
	++*counter;
	return w.len;
}

static void serve_udp(int fd)
{
	uint8_t query[QUERY_MAX], reply[ANSWER_MAX];
	struct sockaddr_in peer;

	for (;;) {
		socklen_t peer_len = sizeof peer;
		ssize_t n = recvfrom(fd, query, sizeof query, MSG_DONTWAIT,
				     (struct sockaddr *)&peer, &peer_len);
		if (n < 0)
			return;
		size_t len = answer(query, (size_t)n, false, reply);
		if (len)
			sendto(fd, reply, len, 0, (struct sockaddr *)&peer, peer_len);
	}
}

static void hang_up(struct connection *c)
{
	close(c->fd); /* leaves the epoll set by itself */
	c->fd = -1;
}

static void accept_connection(int listener, int ep)
{
	int on = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &connections[i];
		if (c->fd >= 0)
			continue;
		struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
		if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) < 0)
			break;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		c->fd = fd;
		c->filled = 0;
		return;
	}
	close(fd);
}

/* Answers the first query in c; false if none is complete, or c was closed. */
static bool serve_frame(struct connection *c)
{
	uint8_t reply[2 + ANSWER_MAX];
	size_t size = nd_dnsmsg_get16(c->bytes);

	if (c->filled < 2 || (size <= QUERY_MAX && c->filled < 2 + size))
		return false;
	size_t len = size <= QUERY_MAX ? answer(c->bytes + 2, size, true, reply + 2) : 0;
	nd_dnsmsg_put16(reply, (uint16_t)len);
	/* A client that does not read its answers is disconnected, not buffered for. */
	if (len == 0 || send(c->fd, reply, 2 + len, MSG_NOSIGNAL) != (ssize_t)(2 + len)) {
		hang_up(c);
		return false;
	}
	c->filled -= 2 + size;
	memmove(c->bytes, c->bytes + 2 + size, c->filled);
	return true;
}

static void serve_tcp(struct connection *c)
{
	ssize_t n = recv(c->fd, c->bytes + c->filled, sizeof c->bytes - c->filled, 0);

	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			hang_up(c);
		return;
	}
	c->filled += (size_t)n;
	while (serve_frame(c))
		;
}

static int open_socket(const char *address, int port, int kind)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int on = 1, rcvbuf = RCVBUF, fd = socket(AF_INET, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (inet_pton(AF_INET, address, &at.sin_addr) != 1) {
		errno = EINVAL;
		return -1;
	}
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof at) < 0)
		return -1;
	if (kind == SOCK_STREAM)
		return listen(fd, CONNECTIONS_MAX) < 0 ? -1 : fd;
	/* Above the system's limit only where allowed; the load on it is light. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof rcvbuf) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf);
	return fd;
}

static int share_counter(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	void *at = MAP_FAILED;

	if (fd < 0)
		return -1;
	if (ftruncate(fd, sizeof *counter) == 0)
		at = mmap(NULL, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (at == MAP_FAILED)
		return -1;
	counter = at;
	return 0;
}

/* An event points at one of these two, or at a connection. */
static int udp_socket, tcp_listener;

static int watch(int ep, int *at, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = at };

	*at = fd;
	return fd < 0 ? -1 : epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
}

static void serve(int ep)
{
	struct epoll_event events[16];

	for (;;) {
		int n = epoll_wait(ep, events, 16, -1);
		for (int i = 0; i < n; i++) {
			void *at = events[i].data.ptr;
			if (at == &udp_socket)
				serve_udp(udp_socket);
			else if (at == &tcp_listener)
				accept_connection(tcp_listener, ep);
			else
				serve_tcp(at);
		}
	}
}

int main(int argc, char **argv)
{
	const char *address = "127.0.0.1", *count = NULL;
	int option, port = 0, ep = epoll_create1(EPOLL_CLOEXEC);

	while ((option = getopt(argc, argv, "p:a:c:")) != -1) {
		switch (option) {
		case 'p': port = atoi(optarg); break;
		case 'a': address = optarg; break;
		case 'c': count = optarg; break;
		default: return 2;
		}
	}
	if (port < 1 || port > 65535 || optind != argc) {
		fprintf(stderr, "usage: standin -p PORT [-a ADDRESS] [-c COUNTER_FILE]\n");
		return 2;
	}
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		connections[i].fd = -1;

	if (count && share_counter(count) < 0) {
		fprintf(stderr, "standin: %s: %s\n", count, strerror(errno));
		return 1;
	}
	if (watch(ep, &udp_socket, open_socket(address, port, SOCK_DGRAM)) < 0 ||
	    watch(ep, &tcp_listener, open_socket(address, port, SOCK_STREAM)) < 0) {
		fprintf(stderr, "standin: %s port %d: %s\n", address, port, strerror(errno));
		return 1;
	}
	serve(ep);
}
