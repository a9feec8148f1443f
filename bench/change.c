/* SPDX-License-Identifier: Apache-2.0 */
/* change - times a changed endpoint: when bare watchers see it, and when a server answers with it.
 *
 *   change -p PORT -w FD -n FD -c CORE [-s ADDRESS] [-i INTERVAL_US]
 *
 * Each FD is an open watch of EndpointSlices: a connection on which the request has been sent and
 * nothing read. The watch of -w is read by the thread that sends queries. The watch of -n has its
 * own thread on CORE, the server's core, with the same priority as the server: what delays that
 * thread is not caused by the server.
 *
 * Orders come on standard input, one "NAME ADDRESS" per line. For each, the current addresses of
 * the name are learned and "ready" is printed. Then a query for the name is sent every INTERVAL_US,
 * without waiting for answers, until the event and the first answer with ADDRESS arrive. Their
 * times are printed as a line of JSON. The event is found by ADDRESS, and its end by the address
 * type, which follows the endpoints in protobuf. An answer must have the old addresses, or the same
 * number with the new one among them, and never the old ones again; others are counted as wrong.
 *
 * All times are of one clock (CLOCK_MONOTONIC). The worst delay of a query is reported. The program
 * requests real-time priority and reports whether it got it.
 *
 * Exit status: 0 when the orders end; 2 if it could not run, or a watch ended. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dnsmsg.h"

#define NS_PER_S 1000000000ull

enum {
	WIRE_MAX = 320,
	ADDRESSES_MAX = 256,
	READ_BYTES = 1 << 18,
	KEPT_BYTES = INET_ADDRSTRLEN, /* an address may arrive in two pieces */
	TIMEOUT_S = 10,
	AFTER = 5, /* answers checked after the first new one */
	LEARN_ATTEMPTS = 20,
};

struct watch {
	int fd;      /* -1: none */
	size_t kept; /* bytes at the start of `bytes` that were searched before */
	bool begun;  /* the address was found, the end of the event was not */
	_Atomic uint64_t seen_ns;
	char bytes[KEPT_BYTES + READ_BYTES];
};

/* The current order. */
static struct {
	uint8_t wire[WIRE_MAX];
	size_t len;
	char text[INET_ADDRSTRLEN];
	uint32_t address;
	uint32_t before[ADDRESSES_MAX];
	int nbefore;
	uint16_t first_id, next_id;
	uint64_t started_ns, answered_ns, worst_late_ns;
	unsigned asked, received, after, wrong, back;
} now;

static struct {
	const char *address;
	int port;
	uint64_t interval_ns;
} opt = { .address = "127.0.0.1", .interval_ns = 200000 };

static struct watch ours = { .fd = -1 }, neighbour = { .fd = -1 };
static pthread_mutex_t neighbour_lock = PTHREAD_MUTEX_INITIALIZER; /* and of now.text */
static int dns, neighbour_core = -1;
static bool realtime;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void give_up(const char *what, const char *about)
{
	fprintf(stderr, "change: %s: %s\n", about, what);
	exit(2);
}

/* --- the watches --- */

static uint64_t seen_at(struct watch *w)
{
	return atomic_load_explicit(&w->seen_ns, memory_order_acquire);
}

/* The end of the event may be in the same bytes as the address, or in later ones. */
static bool is_whole(struct watch *w, size_t have)
{
	static const char last[] = "IPv4";
	const char *from = w->bytes, *end = w->bytes + have;

	if (!w->begun) {
		from = memmem(w->bytes, have, now.text, strlen(now.text));
		w->begun = from != NULL;
	}
	return from && memmem(from, (size_t)(end - from), last, sizeof last - 1);
}

static size_t read_watch(struct watch *w, int flags)
{
	ssize_t n = recv(w->fd, w->bytes + w->kept, READ_BYTES, flags);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		give_up(n ? strerror(errno) : "connection closed", "watch");
	return (size_t)n;
}

/* `at` is the time of the n new bytes, taken before the search, whose cost is ours. */
static void search_watch(struct watch *w, size_t n, uint64_t at)
{
	size_t have = w->kept + n;

	if (now.text[0] && !seen_at(w) && is_whole(w, have))
		atomic_store_explicit(&w->seen_ns, at, memory_order_release);
	w->kept = have < KEPT_BYTES ? have : KEPT_BYTES;
	memmove(w->bytes, w->bytes + have - w->kept, w->kept);
}

static void read_ours(void)
{
	size_t n = read_watch(&ours, MSG_DONTWAIT);

	if (n)
		search_watch(&ours, n, now_ns());
}

static void *run_neighbour(void *arg)
{
	for (;;) {
		size_t n = read_watch(&neighbour, 0);
		uint64_t at = now_ns();
		pthread_mutex_lock(&neighbour_lock);
		search_watch(&neighbour, n, at);
		pthread_mutex_unlock(&neighbour_lock);
	}
	return arg;
}

static void start_neighbour(void)
{
	pthread_t id;
	cpu_set_t cores;

	CPU_ZERO(&cores);
	CPU_SET((size_t)neighbour_core, &cores);
	int err = pthread_create(&id, NULL, run_neighbour, NULL);
	if (!err)
		err = pthread_setaffinity_np(id, sizeof cores, &cores);
	if (err)
		give_up(strerror(err), "thread");
}

static bool all_seen(void)
{
	return seen_at(&ours) && seen_at(&neighbour);
}

static void forget_seen(struct watch *w)
{
	w->begun = false;
	atomic_store_explicit(&w->seen_ns, 0, memory_order_relaxed);
}

/* --- queries and answers --- */

static bool has(const uint32_t *addresses, int n, uint32_t address)
{
	for (int i = 0; i < n; i++)
		if (addresses[i] == address)
			return true;
	return false;
}

static void judge(const uint8_t *reply, size_t len, uint64_t at)
{
	uint32_t addresses[ADDRESSES_MAX];
	int n = nd_dnsmsg_addresses(reply, len, addresses, ADDRESSES_MAX);
	bool is_new = n == now.nbefore && has(addresses, n, now.address);
	bool is_old = n == now.nbefore &&
		      memcmp(addresses, now.before, (size_t)n * sizeof *addresses) == 0;

	now.received++;
	if ((reply[3] & 0x0f) || (!is_new && !is_old)) {
		now.wrong++;
		return;
	}
	if (is_new && !now.answered_ns)
		now.answered_ns = at;
	else if (now.answered_ns)
		now.after++;
	now.back += is_old && now.answered_ns;
}

static void read_answers(void)
{
	static uint8_t reply[ND_DNSMSG_MAX];
	ssize_t n;

	while ((n = recv(dns, reply, sizeof reply, MSG_DONTWAIT)) >= ND_DNSMSG_HEADER) {
		uint64_t at = now_ns();
		/* Answers to queries of an earlier order do not count. */
		if ((uint16_t)(nd_dnsmsg_get16(reply) - now.first_id) <
		    (uint16_t)(now.next_id - now.first_id))
			judge(reply, (size_t)n, at);
	}
}

static void send_query(void)
{
	nd_dnsmsg_put16(now.wire, now.next_id++);
	/* If refused, or the buffer is full, it is lost; the next one follows. */
	now.asked += send(dns, now.wire, now.len, MSG_DONTWAIT) > 0;
}

/* Returns when something was read, or at `due`. */
static void wait_until(uint64_t due)
{
	struct pollfd fds[] = { { .fd = ours.fd, .events = POLLIN },
				{ .fd = dns, .events = POLLIN } };
	uint64_t t = now_ns(), ns = due > t ? due - t : 0;
	struct timespec left = { .tv_sec = (time_t)(ns / NS_PER_S),
				 .tv_nsec = (long)(ns % NS_PER_S) };

	if (ppoll(fds, 2, &left, NULL) <= 0)
		return;
	/* The watch first: its delay would make the server look faster. */
	if (fds[0].revents)
		read_ours();
	if (fds[1].revents)
		read_answers();
}

/* Learns the current addresses of the name. False if no answer has any. */
static bool learn(void)
{
	static uint8_t reply[ND_DNSMSG_MAX];
	struct pollfd p = { .fd = dns, .events = POLLIN };

	for (int i = 0; i < LEARN_ATTEMPTS; i++) {
		uint16_t id = now.next_id;
		send_query();
		while (poll(&p, 1, 200) > 0) {
			ssize_t n = recv(dns, reply, sizeof reply, 0);
			if (n < ND_DNSMSG_HEADER || nd_dnsmsg_get16(reply) != id)
				continue;
			now.nbefore = nd_dnsmsg_addresses(reply, (size_t)n, now.before,
							  ADDRESSES_MAX);
			return now.nbefore > 0;
		}
	}
	return false;
}

static void begin(const char *line)
{
	char name[ND_DNSMSG_NAME_MAX + 1];
	uint16_t id = now.next_id;

	pthread_mutex_lock(&neighbour_lock);
	memset(&now, 0, sizeof now);
	now.next_id = id;
	int n = sscanf(line, "%255s %15s", name, now.text);
	forget_seen(&ours);
	forget_seen(&neighbour);
	pthread_mutex_unlock(&neighbour_lock);
	if (n != 2 || inet_pton(AF_INET, now.text, &now.address) != 1)
		give_up("must be \"NAME ADDRESS\"", "order");
	now.len = nd_dnsmsg_ask(now.wire, sizeof now.wire, name, ND_DNSMSG_A, true);
	if (now.len == 0)
		give_up("invalid name", name);
	if (!learn())
		give_up("no addresses in the answers", name);
	if (has(now.before, now.nbefore, now.address))
		give_up("already has the new address", name);
	now.first_id = now.next_id;
	now.started_ns = now_ns();
	puts("ready");
}

static void observe(void)
{
	uint64_t due = now.started_ns, end = now.started_ns + TIMEOUT_S * NS_PER_S;

	while (now_ns() < end && !(all_seen() && now.after >= AFTER)) {
		uint64_t t = now_ns();
		if (t >= due) {
			if (t - due > now.worst_late_ns)
				now.worst_late_ns = t - due;
			send_query();
			/* Missed queries are not sent later: they would leave in one burst. */
			due += (1 + (t - due) / opt.interval_ns) * opt.interval_ns;
		}
		wait_until(due);
	}
}

static void report(void)
{
	printf("{\"seen_ns\": %lu, \"neighbour_ns\": %lu, \"answered_ns\": %lu, ", seen_at(&ours),
	       seen_at(&neighbour), now.answered_ns);
	printf("\"worst_late_us\": %.1f, \"asked\": %u, \"received\": %u, "
	       "\"wrong\": %u, \"back\": %u, \"realtime\": %s}\n",
	       (double)now.worst_late_ns / 1000, now.asked, now.received, now.wrong, now.back,
	       realtime ? "true" : "false");
}

/* Keeps reading our watch between orders. False when the orders end. */
static bool next_order(char *line, size_t size)
{
	struct pollfd fds[] = { { .fd = ours.fd, .events = POLLIN },
				{ .fd = STDIN_FILENO, .events = POLLIN } };

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			give_up(strerror(errno), "poll");
		if (fds[0].revents)
			read_ours();
		if (fds[1].revents)
			return fgets(line, (int)size, stdin) != NULL;
	}
}

static void open_dns(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)opt.port) };

	if (inet_pton(AF_INET, opt.address, &to.sin_addr) != 1)
		give_up("invalid IPv4 address", opt.address);
	dns = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (dns < 0 || connect(dns, (struct sockaddr *)&to, sizeof to) < 0)
		give_up(strerror(errno), "socket");
}

static void usage(void)
{
	fprintf(stderr, "usage: change -p PORT -w FD -n FD -c CORE "
			"[-s ADDRESS] [-i INTERVAL_US]\n");
	exit(2);
}

int main(int argc, char **argv)
{
	struct sched_param first = { .sched_priority = 1 };
	char line[512];
	int option, interval_us = 200;

	while ((option = getopt(argc, argv, "p:w:n:c:s:i:")) != -1) {
		switch (option) {
		case 'p': opt.port = atoi(optarg); break;
		case 's': opt.address = optarg; break;
		case 'i': interval_us = atoi(optarg); break;
		case 'w': ours.fd = atoi(optarg); break;
		case 'n': neighbour.fd = atoi(optarg); break;
		case 'c': neighbour_core = atoi(optarg); break;
		default: usage();
		}
	}
	if (opt.port < 1 || opt.port > 65535 || ours.fd < 0 || neighbour.fd < 0 ||
	    neighbour_core < 0 || neighbour_core >= CPU_SETSIZE || interval_us < 10 ||
	    interval_us > 1000000 || optind != argc)
		usage();
	opt.interval_ns = (uint64_t)interval_us * 1000;
	setvbuf(stdin, NULL, _IONBF, 0); /* poll() must see each line: none may wait in a buffer */
	setvbuf(stdout, NULL, _IOLBF, 0);
	start_neighbour(); /* before the real-time priority, which it would inherit */
	prctl(PR_SET_TIMERSLACK, 1);
	realtime = sched_setscheduler(0, SCHED_FIFO, &first) == 0;
	open_dns();
	while (next_order(line, sizeof line)) {
		begin(line);
		observe();
		report();
	}
	return 0;
}
