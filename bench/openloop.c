/* SPDX-License-Identifier: Apache-2.0 */
/* openloop - sends queries at a fixed rate, whatever the server does, and checks the answers.
 *
 *   openloop -p PORT -d QUERY_FILE [-s ADDRESS] [-r RATE] [-l SECONDS] [-c SOURCES] [-e] [-k N]
 * [-z]
 *
 * QUERY_FILE has dnsperf's form: a name and a type per line. First, without load, each distinct
 * query is sent twice and the second answer kept (the first may come from an upstream; this also
 * warms the cache). Then query i is sent at start + i/RATE on one of SOURCES sockets. Its latency
 * counts from that planned time, so a stall of the server (or of this program) counts for every
 * query that had to wait. One answer in N is compared with the kept one byte by byte, in the form
 * of nd_dnsmsg_normalise(). Without -l it only warms. With -z it sleeps between queries: latencies
 * then include its own wake-ups, but the core is free for others. SIGTERM ends it early, with a
 * report.
 *
 * Prints one JSON object. Exit status: 0; 1 if an answer differs; 2 if it could not run. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dnsmsg.h"
#include "hist.h"

#define NS_PER_S 1000000000ull

enum {
	WIRE_MAX = 320,
	QUESTIONS_MAX = 1 << 16, /* distinct ones; a power of two, at most half used */
	LINES_MAX = 1 << 22,
	SOURCES_MAX = 1024,
	SLOTS = 4096, /* queries in flight per source; a power of two */
	BURST = 64,   /* sends before answers are read again */
	TIMEOUT_S = 2,
	ATTEMPTS = 5,
	LATE_NS = 1000000, /* a send delayed by this much is our fault, and reported */
};

struct question {
	size_t len;
	size_t known_len; /* 0: not queried yet */
	uint8_t *known;   /* normalised; heap, never freed */
	uint8_t wire[WIRE_MAX];
};

struct slot {
	uint64_t planned; /* 0: free */
	uint32_t question;
	uint32_t seq;
};

struct source {
	int fd;
	uint16_t next_id;
	struct slot slots[SLOTS];
};

static struct {
	const char *file, *address;
	int port;
	double rate, seconds;
	unsigned sources, check_every;
	bool edns, sleeps;
} opt = { .address = "127.0.0.1", .rate = 1000, .sources = 128, .check_every = 1000 };

static struct question *questions[QUESTIONS_MAX];
static uint32_t *lines; /* the file, as indexes into questions */
static size_t line_count, question_count;

static volatile sig_atomic_t stopped;
static struct source *sources;
static struct nd_hist latency;
static struct {
	uint64_t sent, received, late, worst_late, checked, differing, stray, rcode[16];
} seen;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void give_up(const char *what, const char *about)
{
	fprintf(stderr, "openloop: %s: %s\n", about, what);
	exit(2);
}

static void *allocate(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p)
		give_up(strerror(ENOMEM), "allocate");
	return p;
}

/* The index of the question with these bytes; a new one is added. */
static uint32_t intern(const uint8_t *wire, size_t len)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ wire[i]) * 0x100000001b3u;
	for (uint32_t at = (uint32_t)(h >> 20) % QUESTIONS_MAX;; at = (at + 1) % QUESTIONS_MAX) {
		struct question *q = questions[at];
		if (q && q->len == len && memcmp(q->wire, wire, len) == 0)
			return at;
		if (q)
			continue;
		if (++question_count > QUESTIONS_MAX / 2)
			give_up("too many distinct queries", opt.file);
		q = questions[at] = allocate(1, sizeof *q);
		q->len = len;
		memcpy(q->wire, wire, len);
		return at;
	}
}

static uint32_t parse_line(char *line, size_t number)
{
	char about[64], *name = strtok(line, " \t\n"), *type = strtok(NULL, " \t\n");
	uint8_t wire[WIRE_MAX];
	uint16_t code = 0;

	snprintf(about, sizeof about, "query file, line %zu", number);
	if (type && strcmp(type, "A") == 0)
		code = ND_DNSMSG_A;
	else if (type && strcmp(type, "AAAA") == 0)
		code = ND_DNSMSG_AAAA;
	else
		give_up("not \"NAME A\" or \"NAME AAAA\"", about);

	size_t len = nd_dnsmsg_ask(wire, sizeof wire, name, code, opt.edns);
	if (len == 0)
		give_up("not a name", about);
	return intern(wire, len);
}

static void load(void)
{
	FILE *f = fopen(opt.file, "r");
	char line[512];

	if (!f)
		give_up(strerror(errno), opt.file);
	lines = allocate(LINES_MAX, sizeof *lines);
	while (line_count < LINES_MAX && fgets(line, sizeof line, f)) {
		lines[line_count] = parse_line(line, line_count + 1);
		line_count++;
	}
	fclose(f);
	if (line_count == 0)
		give_up("no questions", opt.file);
}

static int open_source(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)opt.port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (inet_pton(AF_INET, opt.address, &to.sin_addr) != 1)
		give_up("not an IPv4 address", opt.address);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		give_up(strerror(errno), "socket");
	return fd;
}

/* Sends a query and waits; returns the size of the answer, or 0 without one. */
static size_t ask_once(int fd, const struct question *q, uint16_t id, uint8_t *reply)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint8_t wire[WIRE_MAX];
	uint64_t until = now_ns() + NS_PER_S;

	memcpy(wire, q->wire, q->len);
	nd_dnsmsg_put16(wire, id);
	if (send(fd, wire, q->len, 0) < 0)
		return 0;
	while (now_ns() < until) {
		ssize_t n = poll(&p, 1, 100) > 0 ? recv(fd, reply, ND_DNSMSG_MAX, 0) : 0;
		if (n >= ND_DNSMSG_HEADER && nd_dnsmsg_get16(reply) == id)
			return (size_t)n;
	}
	return 0;
}

static void learn(int fd, struct question *q)
{
	static uint8_t reply[ND_DNSMSG_MAX], normal[ND_DNSMSG_MAX];
	static uint16_t id;
	size_t len = 0;

	for (int asked = 0, answered = 0; asked < 2 * ATTEMPTS && answered < 2; asked++) {
		len = ask_once(fd, q, ++id, reply);
		answered += len != 0;
	}
	q->known_len = nd_dnsmsg_normalise(reply, len, normal);
	if (q->known_len == 0)
		give_up(len ? "malformed answer" : "no answer", "without load");
	q->known = allocate(1, q->known_len);
	memcpy(q->known, normal, q->known_len);
}

static void learn_all(void)
{
	int fd = open_source();

	for (size_t i = 0; i < QUESTIONS_MAX; i++)
		if (questions[i])
			learn(fd, questions[i]);
	close(fd);
}

static void dump(const char *what, const uint8_t *bytes, size_t len)
{
	fprintf(stderr, "  %s:", what);
	for (size_t i = 0; i < len; i++)
		fprintf(stderr, "%s%02x", i % 32 ? " " : "\n    ", bytes[i]);
	fputc('\n', stderr);
}

static void check(const struct question *q, const uint8_t *reply, size_t len)
{
	static uint8_t normal[ND_DNSMSG_MAX];
	size_t n = nd_dnsmsg_normalise(reply, len, normal);

	seen.checked++;
	if (n == q->known_len && memcmp(normal, q->known, n) == 0)
		return;
	if (seen.differing++ == 0) {
		fprintf(stderr,
			"openloop: an answer under load differs (apart from ids, TTLs and order)\n");
		dump("without load", q->known, q->known_len);
		dump("under load", n ? normal : reply, n ? n : len);
	}
}

static void send_one(uint32_t seq, uint64_t planned)
{
	struct source *s = &sources[seq % opt.sources];
	uint32_t index = lines[seq % line_count];
	struct question *q = questions[index];
	uint16_t id = s->next_id++;

	/* A slot still in use here has waited for SLOTS later queries: it counts as lost. */
	s->slots[id % SLOTS] = (struct slot){ planned, index, seq };
	nd_dnsmsg_put16(q->wire, id);
	if (send(s->fd, q->wire, q->len, 0) < 0)
		s->slots[id % SLOTS].planned = 0; /* counted as sent, and so as lost */
	seen.sent++;

	uint64_t late = now_ns() - planned;
	seen.late += late > LATE_NS;
	if (late > seen.worst_late)
		seen.worst_late = late;
}

static void take_answer(struct source *s)
{
	static uint8_t reply[ND_DNSMSG_MAX];
	ssize_t n = recv(s->fd, reply, sizeof reply, 0);
	uint64_t now = now_ns();

	if (n < ND_DNSMSG_HEADER)
		return;
	uint16_t id = nd_dnsmsg_get16(reply);
	struct slot *slot = &s->slots[id % SLOTS];
	if (slot->planned == 0 || (uint16_t)(s->next_id - 1 - id) >= SLOTS ||
	    now - slot->planned > TIMEOUT_S * NS_PER_S) {
		seen.stray++;
		return;
	}
	nd_hist_add(&latency, now - slot->planned);
	seen.received++;
	seen.rcode[reply[3] & 0x0f]++;
	if (slot->seq % opt.check_every == 0)
		check(questions[slot->question], reply, (size_t)n);
	slot->planned = 0;
}

static int open_sources(void)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);

	sources = allocate(opt.sources, sizeof *sources);
	for (unsigned i = 0; i < opt.sources; i++) {
		struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &sources[i] };
		sources[i].fd = open_source();
		if (epoll_ctl(ep, EPOLL_CTL_ADD, sources[i].fd, &ev) < 0)
			give_up(strerror(errno), "epoll");
	}
	return ep;
}

static void on_term(int number)
{
	stopped = number;
}

/* Sleeps only with -z: a wake-up would be measured as latency of the server. */
static void run(void)
{
	int ep = open_sources();
	uint32_t total = (uint32_t)(opt.rate * opt.seconds);
	uint64_t start = now_ns() + NS_PER_S / 100;
	uint64_t end = start + (uint64_t)((opt.seconds + TIMEOUT_S) * NS_PER_S);
	struct epoll_event events[BURST];

	for (uint64_t now = start; now < end && seen.received < total; now = now_ns()) {
		if (stopped && seen.sent < total) {
			total = (uint32_t)seen.sent;
			end = now + TIMEOUT_S * NS_PER_S;
		}
		for (int i = 0; i < BURST && seen.sent < total; i++) {
			uint64_t planned = start +
					   (uint64_t)((double)seen.sent * NS_PER_S / opt.rate);
			if (planned > now_ns())
				break;
			send_one((uint32_t)seen.sent, planned);
		}
		int n = epoll_wait(ep, events, BURST, opt.sleeps);
		for (int i = 0; i < n; i++)
			take_answer(events[i].data.ptr);
	}
}

static double quantile_us(double quantile)
{
	return (double)nd_hist_quantile(&latency, quantile) / 1000;
}

static void report(void)
{
	printf("{\"questions\": %zu, \"rate\": %.0f, \"sent\": %lu, \"received\": %lu, ",
	       question_count, opt.rate, seen.sent, seen.received);
	printf("\"lost\": %lu, \"late\": %lu, \"worst_late_us\": %.1f, \"stray\": %lu, ",
	       seen.sent - seen.received, seen.late, (double)seen.worst_late / 1000, seen.stray);
	printf("\"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f, ",
	       quantile_us(0.50), quantile_us(0.99), quantile_us(0.999),
	       (double)latency.max / 1000);
	printf("\"checked\": %lu, \"differing\": %lu, \"rcodes\": {", seen.checked, seen.differing);
	for (int i = 0, first = 1; i < 16; i++) {
		if (seen.rcode[i])
			printf("%s\"%d\": %lu", first ? "" : ", ", i, seen.rcode[i]);
		first &= !seen.rcode[i];
	}
	printf("}}\n");
}

static void usage(void)
{
	fprintf(stderr, "usage: openloop -p PORT -d QUERY_FILE [-s ADDRESS] [-r RATE] "
			"[-l SECONDS] [-c SOURCES] [-e] [-k N] [-z]\n");
	exit(2);
}

int main(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "p:d:s:r:l:c:k:ez")) != -1) {
		switch (option) {
		case 'p': opt.port = atoi(optarg); break;
		case 'd': opt.file = optarg; break;
		case 's': opt.address = optarg; break;
		case 'r': opt.rate = atof(optarg); break;
		case 'l': opt.seconds = atof(optarg); break;
		case 'c': opt.sources = (unsigned)atoi(optarg); break;
		case 'k': opt.check_every = (unsigned)atoi(optarg); break;
		case 'e': opt.edns = true; break;
		case 'z': opt.sleeps = true; break;
		default: usage();
		}
	}
	if (opt.port < 1 || opt.port > 65535 || !opt.file || optind != argc || opt.sources < 1 ||
	    opt.sources > SOURCES_MAX || opt.check_every < 1 ||
	    !(opt.rate >= 1 && opt.rate <= 1e7) || !(opt.seconds >= 0 && opt.seconds <= 3600) ||
	    opt.rate * opt.seconds > 4e9)
		usage();

	signal(SIGTERM, on_term);
	load();
	learn_all();
	if (opt.seconds > 0)
		run();
	report();
	return seen.differing ? 1 : 0;
}
