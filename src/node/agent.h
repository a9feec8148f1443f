/* SPDX-License-Identifier: Apache-2.0 */
/* agent.h - the node agent: sets up the host, maintains it, and undoes it, in the right order.
 *
 * Start: writes the Corefile from its template; creates interface and addresses; opens the sockets
 * (the server's load); then installs the rules, so that no traffic is intercepted before it is
 * served. A step that fails is retried, with the host left as it was. Stop: the reverse. While
 * serving: restores missing parts of the host each interval and follows changes of the template.
 * The agent never exits by itself.
 *
 * The server belongs to the caller and is reached through the hooks.
 *
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
	uint64_t sync_ns;               /* between checks of interface and rules */
	const char *metrics;            /* address of the agent's own metrics */
	bool reload;                    /* load a new Corefile at once; else plugin reload does */
	struct nd_basefile_config base; /* check and ctx are set by the agent */
};

struct nd_agent_hooks {
	void *ctx;
	int (*check)(void *ctx, const char *corefile, struct nd_diag *d); /* is it valid? */
	int (*load)(void *ctx, struct nd_diag *d);                        /* starts serving */
	void (*reload)(void *ctx);
	bool (*is_bound)(void *ctx,
			 const struct nd_addr *a); /* a socket has exactly this address */
	void (*on_serving)(void *ctx);             /* load has succeeded */
	void (*stop)(void *ctx, int status);       /* stops serving; nd_agent_teardown() follows */
};

/* Only opens netfilter's socket, before those of the server: when the process is killed, the kernel
 * closes descriptors in this order, so the rules are removed first. NULL: out of memory. */
struct nd_agent *nd_agent_new(struct nd_loop *loop, const struct nd_agent_config *c,
			      const struct nd_agent_hooks *h);
void nd_agent_free(struct nd_agent *a); /* takes NULL */

/* Starts; failures are logged and retried. */
void nd_agent_start(struct nd_agent *a);
/* Stops intercepting; shortly after, when queries in flight are answered, stops the server. */
void nd_agent_stop(struct nd_agent *a, int status);
/* Removes rules and interface: the server has closed its sockets, or the process exits at once. */
void nd_agent_teardown(struct nd_agent *a);
