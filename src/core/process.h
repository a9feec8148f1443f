/* SPDX-License-Identifier: Apache-2.0 */
/* process.h - what all generations of a process share.
 *
 * Owns:    the lists of shared objects and of HTTP servers; both are empty once the last generation
 *          is freed.
 * Threads: control, except where stated.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/list.h"

struct nd_conf_source;
struct nd_gen;
struct nd_loop;

/* Totals over the sockets and slabs of all workers. */
struct nd_process_stats {
	uint64_t udp_overflowed;   /* datagrams dropped by the kernel: receive buffer full */
	uint64_t udp_unsent;       /* replies that the kernel did not take */
	uint64_t waiting;          /* queries that wait now, with sub-queries */
	uint64_t shed;             /* queries cancelled because the slab was full */
	uint64_t timed_out;        /* queries cancelled at their deadline */
	uint64_t sub_refused;      /* sub-queries without a slot */
	uint64_t tcp_connections;  /* of clients, now */
	uint64_t tcp_evicted;      /* connections closed to make room for others */
	uint64_t tcp_refused;      /* connections without room */
	uint64_t tcp_unread;       /* connections closed because answers were not read */
	uint64_t log_dropped;      /* log lines: standard output was not read in time */
	uint64_t udp_buffer_bytes; /* the smallest receive buffer that the kernel granted */
};

struct nd_process {
	struct nd_loop *loop; /* the control thread's */
	uint16_t nworkers;
	uint16_t default_port; /* -dns.port */
	/* Addresses, with ports, that an endpoint of all addresses listens on with sockets of their
	 * own: packet filters see that they are served (node agent). */
	const struct nd_addr *exact;
	size_t nexact;
	const char *version;    /* the CoreDNS version reported by build_info and the banner */
	struct nd_gen *gen;     /* serves new queries */
	struct nd_list shares;  /* struct nd_share */
	struct nd_list http;    /* open HTTP servers, by address */
	bool stopping;          /* shutting down: /ready fails */
	bool serve_stale;       /* caches without `serve_stale` have the node agent's default */
	const char *cache_file; /* -cache-file: where plugin cache keeps answers; NULL: nowhere */
	const struct nd_conf_source *source;

	/* Programs to run (a kubeconfig's exec). */
	bool needs_programs;  /* a configuration has one: the system call filter allows it */
	bool forbid_programs; /* the filter is in force and doesn't: such a configuration fails */

	/* Set by the server; the first argument is this process. */
	void *server;
	/* Loads the Corefile again (plugin reload, SIGUSR1). */
	void (*reload)(struct nd_process *p);
	/* Logs why and exits with status 1 at once: waiting queries are dropped, as by CoreDNS
	 * (plugin loop). */
	void (*fatal)(struct nd_process *p, const char *why);
	/* `fatal` is not called: the block at fault is cut off and the others keep serving. */
	bool isolate;
	/* Waits for the workers. */
	void (*stats)(struct nd_process *p, struct nd_process_stats *out);
	/* On any worker thread: the last worker has left a generation; the control thread frees it.
	 */
	void (*gen_left)(struct nd_process *p);

	uint64_t reload_failed; /* coredns_reload_failed_total */
};

void nd_process_init(struct nd_process *p, struct nd_loop *loop);
/* All generations are freed. */
void nd_process_clear(struct nd_process *p);
