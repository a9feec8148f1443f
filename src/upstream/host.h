/* SPDX-License-Identifier: Apache-2.0 */
/* host.h - one upstream server as the whole process sees it: its configuration, its health, its
 * counters, and a slot for the socket pool of each worker.
 *
 * Owns:    itself, a reference to its nd_tls and a copy of tls_name; stats is borrowed.
 * Life:    created on the control thread and shared over reloads (nd_setup_share); freed on the
 *          control thread once no worker has a pool of it.
 * Threads: `fails`, `probing`, `epoch` and the times are atomic; pool[n] is touched by worker n
 * only; each worker writes its own counters, any thread reads them.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/addr.h"
#include "core/metric.h"
#include "io/tls.h"
#include "wire/name.h"

struct nd_pool;

enum {
	ND_HOST_RCODES = 25, /* 0..23 by number; the last one: all above */
	ND_HOST_BUCKETS = 16,
};

/* Upper bounds in seconds, CoreDNS's: 0.25 ms, doubled up to 8.192 s. */
extern const double nd_host_buckets[ND_HOST_BUCKETS];

/* DNS over HTTPS instead of TLS, and the method of its requests. */
enum nd_host_https { ND_HOST_HTTPS_NONE, ND_HOST_HTTPS_POST, ND_HOST_HTTPS_GET };

enum nd_host_proto { ND_HOST_UDP, ND_HOST_TCP, ND_HOST_TLS, ND_HOST_HTTPS, ND_HOST_PROTOS };

/* The counters of CoreDNS for one upstream, of one worker. */
struct nd_host_counts {
	nd_metric_cell bucket[ND_HOST_RCODES][ND_HOST_BUCKETS + 1]; /* request_duration_seconds */
	nd_metric_cell sum_ns[ND_HOST_RCODES];
	nd_metric_cell hits[ND_HOST_PROTOS], misses[ND_HOST_PROTOS]; /* conn_cache */
	nd_metric_cell failed_probes;
	nd_metric_cell unsolicited;               /* replies that answer no query in flight */
	nd_metric_cell icmp_ignored;              /* ICMP errors that quote no query in flight */
	nd_metric_cell retransmits;               /* packets more than one for a question */
	nd_metric_cell withheld;                  /* the same, not sent: the quota was spent */
	nd_metric_cell abandoned[ND_HOST_PROTOS]; /* connections (conn.h) */
	nd_metric_cell unsent;                    /* datagrams that the kernel dropped */
};

/* Shared by address alone, not with the host: a changed option must not reset the counters. */
struct nd_host_stats {
	char to[ND_ADDR_TEXT_MAX]; /* the label */
	const void *collected_by;  /* control thread: the generation whose metrics include it */
	uint16_t nworkers;
	struct nd_host_counts worker[];
};

struct nd_host_config {
	struct nd_addr addr;
	struct nd_addr source; /* len 0: any */
	struct nd_tls *tls;    /* NULL: plain DNS; otherwise TLS only */
	const char *tls_name;  /* that the certificate must have; with tls; "": the address */
	enum nd_host_https https;
	uint64_t expire_ns;  /* idle sockets are closed after this; 0: after one query */
	uint64_t max_age_ns; /* 0: no limit */
	uint32_t max_idle;   /* idle sockets kept, of UDP and of TCP each; 0: no limit */
	uint64_t probe_interval_ns;
	bool probe_no_rec, probe_tcp;
	struct nd_name_buf probe_name; /* uncompressed */
	uint8_t probe_name_len;
};

struct nd_host {
	struct nd_host_config config;
	struct nd_host_stats *stats;
	char text[ND_ADDR_TEXT_MAX];
	char *tls_name;               /* config.tls_name */
	_Atomic uint32_t fails;       /* failed probes in a row; written by the probing worker */
	_Atomic uint32_t probing;     /* 1 while a worker probes it */
	_Atomic uint32_t epoch;       /* successful probes so far */
	_Atomic uint32_t recoveries;  /* how often it was away, and came back */
	_Atomic uint64_t returned_ns; /* what was sent before, it did not get */
	_Atomic uint64_t wanted_ns;   /* when a query needed it last while it did not answer */
	/* What was learned of its TCP connections, and until when that is believed. */
	_Atomic uint64_t single_until_ns, single_span_ns, close_until_ns;
	_Atomic uint32_t close_after; /* answers after which it closes */
	/* Forged replies arrive: until then TCP is used, unless it was found not to work. */
	_Atomic uint64_t tcp_until_ns, udp_until_ns;
	void (*on_guard)(const struct nd_host *h); /* such a time begins; on a worker */
	uint16_t nworkers;
	struct nd_pool *pool[]; /* by worker id; touched by that worker only */
};

/* NULL without memory. Copies c, takes a reference to c->tls. stats outlives the host. */
struct nd_host *nd_host_new(const struct nd_host_config *c, struct nd_host_stats *stats,
			    uint16_t nworkers);
void nd_host_free(struct nd_host *h);
struct nd_host_stats *nd_host_stats_new(const struct nd_addr *addr, uint16_t nworkers);

/* True with more than max_fails failed probes in a row. max_fails 0: never down. */
static inline bool nd_host_down(const struct nd_host *h, uint32_t max_fails)
{
	return max_fails && atomic_load_explicit(&h->fails, memory_order_relaxed) > max_fails;
}

enum { ND_HOST_GUARD_MS = 10000 };

/* Queries that would use UDP use TCP: replies arrive that nothing asked for. */
static inline bool nd_host_guarded(const struct nd_host *h, uint64_t now_ns)
{
	return now_ns < atomic_load_explicit(&h->tcp_until_ns, memory_order_relaxed) &&
	       now_ns >= atomic_load_explicit(&h->udp_until_ns, memory_order_relaxed);
}
/* Begins ND_HOST_GUARD_MS of this, or starts them anew. */
void nd_host_guard(struct nd_host *h, uint64_t now_ns);
/* It does not answer over TCP: UDP for ND_HOST_GUARD_MS, whatever arrives. */
void nd_host_unguard(struct nd_host *h, uint64_t now_ns);

/* --- TCP connections --- */

enum { ND_HOST_LEARNED_MIN_S = 120, ND_HOST_LEARNED_MAX_S = 3840 };

/* It answers the queries of a connection in order, or only the first of several: each connection
 * gets one at a time. Believed for ND_HOST_LEARNED_MIN_S, each further time for twice as long. */
void nd_host_mark_single(struct nd_host *h, uint64_t now_ns);
/* Its answers overtake each other. */
void nd_host_clear_single(struct nd_host *h);
static inline bool nd_host_is_single(const struct nd_host *h, uint64_t now_ns)
{
	return now_ns < atomic_load_explicit(&h->single_until_ns, memory_order_relaxed);
}

/* It closed a connection with queries in flight right after this many answers. */
void nd_host_learn_close(struct nd_host *h, uint32_t answers, uint64_t now_ns);
/* How many queries it answers on a connection; UINT32_MAX: no limit is known. */
static inline uint32_t nd_host_stream_queries(const struct nd_host *h, uint64_t now_ns)
{
	return now_ns < atomic_load_explicit(&h->close_until_ns, memory_order_relaxed)
		       ? atomic_load_explicit(&h->close_after, memory_order_relaxed)
		       : UINT32_MAX;
}

/* Counts a reply with this rcode that took ns. The worker that owns c. */
void nd_host_count_answer(struct nd_host_counts *c, unsigned rcode, uint64_t ns);
