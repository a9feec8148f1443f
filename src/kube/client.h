/* SPDX-License-Identifier: Apache-2.0 */
/* client.h - requests to one API server, with who we are and within the limits that were set.
 *
 * Certificates (CA's, ours) that change, in their files or by an exec program, count for
 * connections from the next request on; exchanges under way go on over the old ones. Files that
 * cannot be used change nothing: the old certificates stay, and nd_client_notice() says so. Owns:
 * nd_client is heap, and so is its HTTP client; its configuration is borrowed. Threads: the loop's
 * own. Errors:  as httpc.h; ND_ECONF: the exec program failed, or the token's file has none.
 * nd_client_error() says it in words.
 */
#pragma once

#include "kube/apicount.h"
#include "kube/config.h"

struct nd_client;

struct nd_client_limits { /* 0: none */
	double per_s;
	unsigned burst;    /* at once, before per_s holds; [10] */
	unsigned inflight; /* without the head of an answer yet */
};

int nd_client_new(struct nd_loop *loop, const struct nd_config *config,
		  const struct nd_client_limits *limits, struct nd_client **out, struct nd_diag *d);
void nd_client_free(struct nd_client *c); /* cancels; takes NULL */
/* How long the limits, or an exec program that runs, hold back the next request; 0: send it. */
uint64_t nd_client_delay_ns(struct nd_client *c);
/* GET prefix + target. The token's file is read each time, so a rotated one counts from the next
 * request on; one that has become unreadable changes nothing, and nd_client_notice() says so. */
int nd_client_get(struct nd_client *c, const char *target, const char *accept, uint64_t idle_ns,
		  const struct nd_httpc_handler *handler, struct nd_httpc_exchange **out);
/* What came of it; who sends counts (watch.h). */
struct nd_apicount *nd_client_count(struct nd_client *c);
/* To be told for each get that was sent: its head is there, or it ended or was cancelled before. */
void nd_client_release(struct nd_client *c);
const struct nd_config *nd_client_config(const struct nd_client *c);
/* The server said 401: an exec program is asked again. */
void nd_client_discard_credential(struct nd_client *c);
/* What nd_client_get() failed with. */
const char *nd_client_error(const struct nd_client *c, int err);
/* Once after each change of files that is no good: what is wrong with them; else NULL. */
const char *nd_client_notice(struct nd_client *c);
