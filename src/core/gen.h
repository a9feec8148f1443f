/* SPDX-License-Identifier: Apache-2.0 */
/* gen.h - a generation: everything that one configuration produced, and the process it lives in.
 *
 * Life: nd_gen_new (parse, set up) -> nd_gen_start -> each worker adopts -> nd_gen_serving ...
 * nd_gen_stop -> the last worker leaves it -> nd_gen_free, on the control thread. Threads: control,
 * except where said.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/list.h"
#include "conf/corefile.h"
#include "core/setup.h"
#include "core/site.h"

struct nd_share {
	struct nd_list link;
	const char *kind;
	void *key;
	size_t key_len;
	void *object;
	void (*unmake)(void *object);
	uint32_t refs;
};

/* What the sockets and slabs of all workers lost, in sum. */
struct nd_process_stats {
	uint64_t udp_overflowed, udp_unsent, shed, timed_out, tcp_refused;
	uint64_t udp_buffer_bytes; /* the smallest that the kernel granted */
};

struct nd_process {
	struct nd_loop *loop; /* control */
	uint16_t nworkers;
	uint16_t default_port; /* -dns.port */
	const char *
		version; /* of CoreDNS's protocol of versions: what build_info and the banner say */
	struct nd_gen *gen; /* the one that serves */
	struct nd_list shares;
	struct nd_list http; /* open HTTP servers, kept by address */
	bool stopping;       /* /ready says so */
	const struct nd_conf_source *source;

	/* The server's side; ctx is its own. */
	void *server;
	void (*reload)(struct nd_process *p); /* plugin reload, SIGUSR1: load the Corefile again */
	void (*fatal)(struct nd_process *p, const char *why); /* plugin loop: log, exit 1 */
	bool isolate; /* fatal is not asked: a block that can't go on is cut off, the rest is served
		       */
	void (*stats)(struct nd_process *p,
		      struct nd_process_stats *out); /* control thread; waits for the workers */
	/* Plugin reload found another text: what is served now has this hash. */
	uint64_t reload_failed; /* coredns_reload_failed_total */
	/* Any worker thread: the last worker has left some generation; the control thread frees it.
	 */
	void (*gen_left)(struct nd_process *p);
};

struct nd_gen {
	struct nd_process *process;
	struct nd_arena arena;
	struct nd_conf conf;
	const char *file; /* the Corefile's path; "" for the built-in one */
	struct nd_block *blocks;
	size_t nblocks;
	struct nd_endpoint *endpoints;
	size_t nendpoints;
	struct nd_instance *instances; /* of all blocks */
	size_t ninstances;
	struct nd_share **shares;
	size_t nshares;
	struct nd_list collectors, https;
	struct nd_instance
		*dropped; /* the first that wants what the server answers by itself; NULL: none */
	int64_t lameduck_ns; /* keep serving this long after a stop was asked for */
	uint32_t workers;    /* atomic: who still holds it, the control thread included */
	bool started, stopped;
};

/* Parses file (NULL or missing "Corefile": the default one) and sets everything up. On failure 0
 * changes anywhere. */
int nd_gen_new(struct nd_process *p, const char *file, struct nd_gen **out, struct nd_diag *d);
/* The same from text, for tests and the simulation. */
int nd_gen_from_text(struct nd_process *p, const char *file, const char *text, struct nd_gen **out,
		     struct nd_diag *d);
int nd_gen_start(struct nd_gen *g, struct nd_diag *d);
void nd_gen_serving(struct nd_gen *g);
void nd_gen_stop(struct nd_gen *g);
void nd_gen_free(struct nd_gen *g); /* stops first if need be; takes NULL */

/* The control thread's hold is given back; true: nobody else has one, free it now. Else gen_left
 * comes. */
bool nd_gen_unref(struct nd_gen *g);

/* Core's own. */
void nd_share_release(struct nd_gen *g);
int nd_http_start(struct nd_gen *g, struct nd_diag *d);
void nd_http_stop(struct nd_gen *g, bool all);
void nd_http_release(struct nd_gen *g);

void nd_process_init(struct nd_process *p, struct nd_loop *loop);
void nd_process_clear(struct nd_process *p);
