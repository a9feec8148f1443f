/* SPDX-License-Identifier: Apache-2.0 */
/* flood - sends queries and reads no answer.
 *
 *   flood -p PORT -d QUERY_FILE [-a ADDRESS] [-c SOURCES] [-r RATE] [-l SECONDS]
 *
 * QUERY_FILE has lines "NAME A" or "NAME AAAA". RATE is in queries a second; 0 (the default): all
 * that the machine can send. Prints the number of queries sent and the seconds. Loopback only. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dnsmsg.h"

enum { BATCH = 64, QUERIES_MAX = 4096, SOURCES_MAX = 256, WIRE_MAX = 512 };

static struct {
	const char *file, *address;
	int port;
	unsigned sources;
	double rate, seconds;
} opt = { .address = "127.0.0.1", .sources = 64, .seconds = 5 };

static struct {
	uint8_t wire[WIRE_MAX];
	size_t len;
} query[QUERIES_MAX];
static size_t nqueries;

static _Noreturn void give_up(const char *what, const char *about)
{
	fprintf(stderr, "flood: %s: %s\n", about, what);
	exit(2);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void load(void)
{
	FILE *f = fopen(opt.file, "r");
	char line[512];

	if (!f)
		give_up(strerror(errno), opt.file);
	while (nqueries < QUERIES_MAX && fgets(line, sizeof line, f)) {
		char *name = strtok(line, " \t\n"), *type = strtok(NULL, " \t\n");
		uint16_t code = type && strcmp(type, "AAAA") == 0 ? ND_DNSMSG_AAAA : ND_DNSMSG_A;
		query[nqueries].len = name ? nd_dnsmsg_ask(query[nqueries].wire, WIRE_MAX, name,
							   code, false)
					   : 0;
		if (!query[nqueries].len)
			give_up("invalid query", opt.file);
		nqueries++;
	}
	fclose(f);
	if (!nqueries)
		give_up("no queries", opt.file);
}

static int open_source(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)opt.port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), small = 1;

	if (inet_pton(AF_INET, opt.address, &to.sin_addr) != 1 ||
	    (ntohl(to.sin_addr.s_addr) >> 24) != 127)
		give_up("must be a loopback address", opt.address);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to))
		give_up(strerror(errno), "socket");
	/* Answers are dropped at once. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	return fd;
}

/* Sends a batch from one source; returns the number sent. */
static unsigned send_batch(int fd, size_t *at)
{
	struct mmsghdr messages[BATCH];
	struct iovec pieces[BATCH];

	memset(messages, 0, sizeof messages);
	for (unsigned i = 0; i < BATCH; i++) {
		size_t k = (*at)++ % nqueries;
		pieces[i] = (struct iovec){ query[k].wire, query[k].len };
		messages[i].msg_hdr.msg_iov = &pieces[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	int n = sendmmsg(fd, messages, BATCH, 0);
	return n > 0 ? (unsigned)n : 0;
}

static void run(void)
{
	int source[SOURCES_MAX];
	size_t at = 0;
	uint64_t sent = 0, turn = 0;
	double start, now;

	for (unsigned i = 0; i < opt.sources; i++)
		source[i] = open_source();
	start = now = now_s();
	for (; now - start < opt.seconds; now = now_s()) {
		if (opt.rate > 0 && (double)sent >= (now - start) * opt.rate)
			continue;
		sent += send_batch(source[turn++ % opt.sources], &at);
	}
	printf("%llu %.6f\n", (unsigned long long)sent, now - start);
}

int main(int argc, char **argv)
{
	for (int c; (c = getopt(argc, argv, "p:d:a:c:r:l:")) != -1;) {
		switch (c) {
		case 'p': opt.port = atoi(optarg); break;
		case 'd': opt.file = optarg; break;
		case 'a': opt.address = optarg; break;
		case 'c': opt.sources = (unsigned)atoi(optarg); break;
		case 'r': opt.rate = atof(optarg); break;
		case 'l': opt.seconds = atof(optarg); break;
		default: return 2;
		}
	}
	if (!opt.file || opt.port < 1 || !opt.sources || opt.sources > SOURCES_MAX) {
		fprintf(stderr, "usage: flood -p PORT -d QUERY_FILE [-a ADDRESS] [-c SOURCES] "
				"[-r RATE] [-l SECONDS]\n");
		return 2;
	}
	load();
	run();
	return 0;
}
