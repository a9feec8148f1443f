/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/hash.h"
#include "base/list.h"
#include "io/clock.h"
#include "io/random.h"
#include "io/thread.h"

enum { DARK_MAX = 16, NAME_ADDRS_MAX = 4, PORT_MIN = 20001, PORT_MAX = 60000 };

static struct {
	bool open;
	uint64_t now_ns;
	struct nd_heap events;
	struct nd_list loops;
	uint64_t stream[ND_WORLD_STREAMS];
	struct nd_world_link link;
	struct nd_addr dark[DARK_MAX];
	unsigned ndark;
	char name[256];
	struct nd_addr named[NAME_ADDRS_MAX];
	size_t nnamed;
	uint64_t name_delay_ns;
	uint64_t trace;
	uint16_t port;
	int sockets;
	struct nd_world_counts counts;
} the;

/* The flow of each ephemeral port: with one host, if any so far. */
static struct flow {
	uint32_t host;
	bool swallowed;
} flows[PORT_MAX - PORT_MIN + 1];

/* SplitMix64 (Steele, Lea, Flood 2014; public domain). */
static uint64_t next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

void nd_world_open(uint64_t seed)
{
	uint64_t state = seed;

	memset(&the, 0, sizeof the);
	memset(flows, 0, sizeof flows);
	the.open = true;
	the.now_ns = 1000 * (uint64_t)ND_NS_PER_S;
	the.port = PORT_MIN - 1;
	the.trace = ND_HASH_START;
	nd_list_init(&the.loops);
	for (unsigned i = 0; i < ND_WORLD_STREAMS; i++)
		the.stream[i] = next(&state);
}

void nd_world_close(void)
{
	ND_ASSERT(nd_list_empty(&the.loops));
	while (the.events.root) {
		struct nd_world_event *e = ND_CONTAINER(the.events.root, struct nd_world_event,
							node);
		nd_heap_del(&the.events, &e->node);
		free(e);
	}
	nd_world_forget_sockets();
	the.open = false;
}

uint32_t nd_world_random(enum nd_world_stream s, uint32_t below)
{
	return (uint32_t)((next(&the.stream[s]) >> 32) * below >> 32);
}

void nd_world_note(const void *bytes, size_t n)
{
	the.trace = nd_hash_add(the.trace, bytes, n);
}

uint64_t nd_world_trace(void)
{
	return the.trace;
}

struct nd_world_counts nd_world_counts(void)
{
	return the.counts;
}

unsigned nd_world_sockets(void)
{
	return (unsigned)the.sockets;
}

void nd_world_count_socket(int change)
{
	the.sockets += change;
}

void nd_world_count_refused(void)
{
	the.counts.refused++;
}

void nd_world_count_stream(void)
{
	the.counts.streams++;
}

/* --- the network --- */

void nd_world_set_link(const struct nd_world_link *link)
{
	the.link = *link;
}

static bool same_host(const struct nd_addr *a, const struct nd_addr *b)
{
	return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
}

bool nd_world_is_dark(const struct nd_addr *host)
{
	for (unsigned i = 0; i < the.ndark; i++)
		if (same_host(&the.dark[i], host))
			return true;
	return false;
}

void nd_world_set_dark(const struct nd_addr *host, bool dark)
{
	for (unsigned i = 0; i < the.ndark; i++)
		if (same_host(&the.dark[i], host)) {
			if (!dark)
				the.dark[i] = the.dark[--the.ndark];
			return;
		}
	if (dark) {
		ND_ASSERT(the.ndark < DARK_MAX);
		the.dark[the.ndark++] = *host;
	}
}

static bool happens(uint32_t ppm)
{
	return nd_world_random(ND_WORLD_NETWORK, 1000000) < ppm;
}

static struct flow *flow_of(uint16_t port)
{
	return port >= PORT_MIN && port <= PORT_MAX ? &flows[port - PORT_MIN] : NULL;
}

unsigned nd_world_swallow_flows(const struct nd_addr *host, uint32_t ppm)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PORT_MAX - PORT_MIN + 1; i++) {
		struct flow *f = &flows[i];
		if (f->host != host->in.sin_addr.s_addr || f->swallowed || !happens(ppm))
			continue;
		f->swallowed = true;
		n++;
	}
	return n;
}

bool nd_world_is_swallowed(uint16_t port)
{
	const struct flow *f = flow_of(port);

	return f && f->swallowed;
}

/* Notes the flow, if one end has an ephemeral port. */
static bool swallows(const struct nd_addr *from, const struct nd_addr *to)
{
	struct flow *out = flow_of(nd_addr_port(from)), *back = flow_of(nd_addr_port(to));

	if (out)
		out->host = to->in.sin_addr.s_addr;
	return (out && out->swallowed) || (back && back->swallowed);
}

bool nd_world_transit(const struct nd_addr *from, const struct nd_addr *to, uint64_t *delay_ns)
{
	const struct nd_world_link *l = &the.link;
	uint64_t span = l->delay_max_ns - l->delay_min_ns;

	the.counts.sent++;
	if (same_host(from, to)) {
		*delay_ns = 10000;
		return true;
	}
	bool lost = swallows(from, to);
	lost |= happens(l->loss_ppm) || nd_world_is_dark(from) || nd_world_is_dark(to);
	*delay_ns = l->delay_min_ns +
		    (span ? nd_world_random(ND_WORLD_NETWORK, (uint32_t)(span / 1000) + 1) * 1000ull
			  : 0);
	if (happens(l->reorder_ppm)) { /* delayed: later ones overtake it */
		*delay_ns += 2 * l->delay_max_ns + ND_NS_PER_MS;
		the.counts.reordered++;
	}
	the.counts.lost += lost;
	return !lost;
}

bool nd_world_duplicates(void)
{
	if (!happens(the.link.duplicate_ppm))
		return false;
	the.counts.duplicated++;
	return true;
}

uint16_t nd_world_port(void)
{
	the.port = the.port < PORT_MAX ? the.port + 1 : PORT_MIN;
	flows[the.port - PORT_MIN] = (struct flow){ 0 };
	return the.port;
}

/* --- time --- */

void nd_world_at(struct nd_world_event *e, uint64_t when_ns, struct nd_loop *loop,
		 void (*fn)(struct nd_world_event *e))
{
	e->loop = loop;
	e->fn = fn;
	nd_heap_add(&the.events, &e->node, when_ns < the.now_ns ? the.now_ns : when_ns);
}

void nd_world_add_loop(struct nd_loop *loop)
{
	nd_list_add(&the.loops, nd_world_loop_link(loop));
}

/* The owners of its events cancel those. */
void nd_world_del_loop(struct nd_loop *loop)
{
	nd_list_del(nd_world_loop_link(loop));
}

/* The loop whose timer is due first; of two, the one made first. */
static struct nd_loop *first_timer(uint64_t *when)
{
	struct nd_loop *first = NULL;

	*when = UINT64_MAX;
	ND_LIST_EACH(&the.loops, it) {
		uint64_t due;
		struct nd_loop *loop = nd_world_loop_of(it);
		if (nd_world_loop_due(loop, &due) && due < *when) {
			*when = due;
			first = loop;
		}
	}
	return first;
}

static void advance(uint64_t when)
{
	if (when > the.now_ns)
		the.now_ns = when;
}

void nd_world_run(uint64_t until_ns)
{
	for (;;) {
		uint64_t timer_at, event_at = the.events.root ? the.events.root->key : UINT64_MAX;
		struct nd_loop *loop = first_timer(&timer_at);
		if (event_at > until_ns && timer_at > until_ns)
			break;
		if (event_at <= timer_at) {
			struct nd_world_event *e = ND_CONTAINER(the.events.root,
								struct nd_world_event, node);
			nd_heap_del(&the.events, &e->node);
			advance(event_at);
			nd_world_note(&the.now_ns, sizeof the.now_ns);
			loop = e->loop;
			e->fn(e);
		} else {
			advance(timer_at);
			nd_world_note(&the.now_ns, sizeof the.now_ns);
		}
		if (loop)
			nd_world_loop_turn(loop);
	}
	advance(until_ns);
}

void nd_world_sleep(uint64_t ns)
{
	the.now_ns += ns;
}

uint64_t nd_world_now_ns(void)
{
	return the.now_ns;
}

/* --- names --- */

void nd_world_set_name(const char *name, const struct nd_addr *addrs, size_t n, uint64_t delay_ns)
{
	ND_ASSERT(n <= NAME_ADDRS_MAX && strlen(name) < sizeof the.name);
	memcpy(the.name, name, strlen(name) + 1);
	for (size_t i = 0; i < n; i++)
		the.named[i] = addrs[i];
	the.nnamed = n;
	the.name_delay_ns = delay_ns;
}

size_t nd_world_find_name(const char *name, struct nd_addr *to, size_t max)
{
	size_t n = strcmp(name, the.name) == 0 ? the.nnamed : 0;

	n = n < max ? n : max;
	for (size_t i = 0; i < n; i++)
		to[i] = the.named[i];
	return n;
}

uint64_t nd_world_name_delay_ns(void)
{
	return the.name_delay_ns;
}

/* --- clock.h, random.h, thread.h --- */

uint64_t nd_clock_now_ns(void)
{
	return the.now_ns;
}

uint64_t nd_clock_wall_ns(void)
{
	return 1700000000 * (uint64_t)ND_NS_PER_S + the.now_ns;
}

void nd_random_bytes(void *to, size_t n)
{
	uint8_t *p = to;

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)nd_world_random(ND_WORLD_SERVER, 256);
}

uint32_t nd_random_u32(void)
{
	return (uint32_t)(next(&the.stream[ND_WORLD_SERVER]) >> 32);
}

uint32_t nd_random_below(uint32_t n)
{
	return nd_world_random(ND_WORLD_SERVER, n);
}

int nd_thread_start(const char *name, void (*fn)(void *arg), void *arg, struct nd_thread **out)
{
	(void)name;
	(void)fn;
	(void)arg;
	(void)out;
	return -ENOSYS; /* a run is repeatable because it has one thread */
}

void nd_thread_join(struct nd_thread *t)
{
	(void)t;
}

unsigned nd_thread_cpus(void)
{
	return 1;
}
