/* SPDX-License-Identifier: Apache-2.0 */
/* client.h - requests to one API server: credentials, certificates, rate limits.
 *
 * Changed certificates (of the CA, or ours), in files or from an exec program, are used from the
 * next request on, over new connections; exchanges under way finish on the old ones. Files that
 * cannot be used change nothing: the old certificates are kept, and nd_client_notice() has the
 * error.
 *
 * Owns:    nd_client is heap; its configuration is borrowed and outlives it.
 * Errors:  as httpc.h; ND_ECONF: the exec program failed, or there is no token in its file.
 *          nd_client_error() has the text.
 * Threads: the loop's own.
 */
#pragma once

#include "kube/apicount.h"
#include "kube/config.h"

struct nd_client;

struct nd_client_limits { /* 0: none */
	double per_s;
	unsigned burst;    /* requests before per_s applies; 0: 10 */
	unsigned inflight; /* requests without the head of a response */
};

int nd_client_new(struct nd_loop *loop, const struct nd_config *config,
		  const struct nd_client_limits *limits, struct nd_client **out, struct nd_diag *d);
void nd_client_free(struct nd_client *c); /* cancels; takes NULL */
/* How long the limits, or a running exec program, delay the next request; 0: send it. */
uint64_t nd_client_delay_ns(struct nd_client *c);
/* GET prefix + target, with the time limits of httpc.h. The token file is read each time. If it has
 * become unreadable, the previous token is used, and nd_client_notice() has the error. */
int nd_client_get(struct nd_client *c, const char *target, const char *accept, uint64_t idle_ns,
		  uint64_t total_ns, const struct nd_httpc_handler *handler,
		  struct nd_httpc_exchange **out);
/* Request counters; the caller of nd_client_get() updates them (watch.h). */
struct nd_apicount *nd_client_count(struct nd_client *c);
/* To be called once for each request that was sent: at the head of its response, or when it ends or
 * is cancelled before that. */
void nd_client_release(struct nd_client *c);
const struct nd_config *nd_client_config(const struct nd_client *c);
/* After a 401: the exec program, if there is one, will run again. */
void nd_client_discard_credential(struct nd_client *c);
/* The text for an error of nd_client_get(). */
const char *nd_client_error(const struct nd_client *c, int err);
/* Once after each change to an unusable file: what is wrong with it. Otherwise NULL. */
const char *nd_client_notice(struct nd_client *c);
