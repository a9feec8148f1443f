/* SPDX-License-Identifier: Apache-2.0 */
/* server.h - the control thread: workers, generations, reload, shutdown.
 *
 * Life:    new -> load -> reload* -> stop -> (on_end) -> free. With `threads` each worker has its
 *          own thread and loop. Without (simulation), all workers run on the control loop and are
 *          called directly.
 * Owns:    its workers and the active generation.
 * Threads: control.
 * Errors:  0 or a negative ND_E*; struct nd_diag then has the message.
 */
#pragma once

#include <stdbool.h>
#include "conf/diag.h"
#include "core/gen.h"

struct nd_fdset;
struct nd_server;

struct nd_server_options {
	const char *corefile;        /* NULL: "Corefile", or the built-in one */
	uint16_t port;               /* -dns.port */
	const struct nd_addr *exact; /* struct nd_process; borrowed */
	size_t nexact;
	uint16_t workers;    /* 0: one per usable CPU */
	uint16_t udp_max;    /* bytes of a UDP answer; 0: no limit but the protocol's */
	uint32_t parked_max; /* waiting queries per worker; 0: ND_SERVER_PARKED_MAX in all */
	bool threads;
	bool isolate;         /* a plugin cannot end the process */
	bool serve_stale;     /* struct nd_process */
	struct nd_fdset *fds; /* sockets are taken from here first; NULL: none */
	const char *version;
	const struct nd_conf_source *source;
	void (*on_end)(void *ctx, int status); /* everything is closed; exit with status */
	void *ctx;
};

int nd_server_new(struct nd_loop *loop, const struct nd_server_options *o, struct nd_server **out);
/* Reads the Corefile and starts to serve. On failure nothing is open. */
int nd_server_load(struct nd_server *s, struct nd_diag *d);
/* The same from text (tests, simulation). */
int nd_server_load_text(struct nd_server *s, const char *text, struct nd_diag *d);
/* Checks the text as far as possible without opening a socket. Changes nothing. */
int nd_server_check_text(struct nd_server *s, const char *text, struct nd_diag *d);
/* Loads the Corefile again. On failure the old configuration keeps serving. */
int nd_server_reload(struct nd_server *s, struct nd_diag *d);
/* Stops the plugins, waits for lameduck, closes the sockets, gives parked queries up to 5 s, then
 * calls on_end. */
void nd_server_stop(struct nd_server *s, int status);
void nd_server_free(struct nd_server *s); /* after on_end, or before load; NULL is fine */

struct nd_process *nd_server_process(struct nd_server *s);
/* Appends the zones served, with their ports, one per line: ".:53" (the banner). */
void nd_server_banner(struct nd_server *s, struct nd_buf *out);
