/* SPDX-License-Identifier: Apache-2.0 */
/* agent.h - the node agent: in which order the host is taken hold of, kept, and let go.
 *
 * Start: Corefile from its template; link and addresses; sockets (the server's load); then the
 * rules, so that nothing is led to where nobody listens. What does not serve yet is tried again and
 * again with the host left as it was: lookups go where they went before. End: the reverse. While it
 * serves: what went missing of the host's side is put back each interval, and changed templates are
 * taken. It is a server of its node and never ends by itself.
 *
 * The server is the caller's; it is reached by the hooks.
 * Owns:    nd_agent is heap. Config texts and addresses are borrowed.
 * Threads: control.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "node/basefile.h"
#include "node/host.h"

struct nd_agent;
struct nd_loop;

struct nd_agent_config {
	struct nd_host_config host;
	uint64_t sync_ns;    /* between looks at link and rules */
	const char *metrics; /* address of the agent's own figures */
	bool reload;         /* a new Corefile is loaded at once; else plugin reload finds it */
	struct nd_basefile_config base; /* check and ctx are set by the agent */
};

struct nd_agent_hooks {
	void *ctx;
	int (*check)(void *ctx, const char *corefile, struct nd_diag *d); /* would it serve? */
	int (*load)(void *ctx, struct nd_diag *d); /* serve, for the first time */
	void (*reload)(void *ctx);
	bool (*serves)(void *ctx, const struct nd_addr *a); /* a socket is bound to just that */
	void (*serving)(void *ctx);                         /* load has succeeded */
	void (*stop)(void *ctx, int status); /* stop serving; nd_agent_teardown() follows */
};

/* Nothing is done yet, but that netfilter's socket is opened, before those of the server: when the
 * process is killed the kernel closes them in this order, and so the rules go first. NULL: no
 * memory. */
struct nd_agent *nd_agent_new(struct nd_loop *loop, const struct nd_agent_config *c,
			      const struct nd_agent_hooks *h);
void nd_agent_free(struct nd_agent *a); /* takes NULL */

/* Begins; what fails is said and tried again. */
void nd_agent_start(struct nd_agent *a);
/* The rules go; a moment later, when what was on its way has come, the server is stopped. */
void nd_agent_stop(struct nd_agent *a, int status);
/* The server has closed its sockets: the link goes. */
void nd_agent_teardown(struct nd_agent *a);
