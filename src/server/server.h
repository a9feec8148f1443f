/* SPDX-License-Identifier: Apache-2.0 */
/* server.h - the control thread: workers, generations, reload, signals, the end.
 *
 * Life: init -> load -> (reload)* -> stop -> clear. With `threads` each worker runs on a thread and
 * a loop of its own; without (simulation) all run on the control loop, called directly. Threads:
 * control.
 */
#pragma once

#include <stdbool.h>
#include "conf/diag.h"
#include "core/gen.h"

struct nd_fdset;
struct nd_server;

struct nd_server_options {
	const char *corefile; /* NULL: "Corefile", or the built-in one */
	uint16_t port;        /* -dns.port */
	uint16_t workers;     /* 0: as many as processors may be used */
	bool threads;
	bool isolate;         /* no plugin ends the process */
	struct nd_fdset *fds; /* sockets are looked for here first; NULL: all are our own */
	const char *version;
	const struct nd_conf_source *source;
	void (*on_end)(void *ctx, int status); /* everything is closed: leave with status */
	void *ctx;
};

int nd_server_new(struct nd_loop *loop, const struct nd_server_options *o, struct nd_server **out);
/* Reads the Corefile and serves. On failure diag says why and nothing is open. */
int nd_server_load(struct nd_server *s, struct nd_diag *d);
/* The same from text (tests, simulation). */
int nd_server_load_text(struct nd_server *s, const char *text, struct nd_diag *d);
/* Would this text serve, as far as one can tell without opening anything? Changes nothing. */
int nd_server_check_text(struct nd_server *s, const char *text, struct nd_diag *d);
/* Loads the Corefile again; on failure the old one goes on serving. */
int nd_server_reload(struct nd_server *s, struct nd_diag *d);
/* Plugins are stopped, lameduck passes, sockets close, what waits gets up to 5 s; then on_end. */
void nd_server_stop(struct nd_server *s, int status);
void nd_server_free(struct nd_server *s); /* after on_end, or before load */

struct nd_process *nd_server_process(struct nd_server *s);
/* Addresses served, with their zones: ".:53", one a line (the banner). */
void nd_server_banner(struct nd_server *s, struct nd_buf *out);
