/* SPDX-License-Identifier: Apache-2.0 */
/* config.h - the API server's address and our credentials: from a pod's service account, a
 * kubeconfig, or the URL of an endpoint.
 *
 * Nothing is looked up or connected here: a host name is resolved for each connection (httpc.h). A
 * token file is read for each request, certificate files when they change (client.h). Exec programs
 * are run by credential.h. Auth providers are not supported.
 *
 * Owns:    all text is in the arena given.
 * Errors:  ND_ECONF; the diag names file, line and field.
 * Threads: control.
 */
#pragma once

#include "base/arena.h"
#include "conf/diag.h"
#include "io/httpc.h"
#include "kube/exec.h"

struct nd_config {
	struct nd_addr addr; /* len 0: name is set */
	const char *name;    /* the host name to look up; NULL: addr is set */
	uint16_t port;
	const char *host;   /* "name:port", as the URL has it */
	const char *prefix; /* path before "/api", without a trailing slash */
	bool tls;
	const char *server_name; /* TLS server name; NULL: that of host */
	struct nd_tls_options options;
	const char *token, *token_file; /* NULL: none; the file takes precedence */
	const char *basic;              /* "user:password" in base64; NULL: none */
	const struct nd_exec *exec;     /* used when none of the above is set; NULL: none */
};

/* True if requests need c->exec. As in client-go: not if there is an Authorization already. */
static inline bool nd_config_needs_program(const struct nd_config *c)
{
	return c->exec && !c->token && !c->token_file && !c->basic;
}

/* host, port: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT; NULL if not set. folder: has
 * token and ca.crt. */
int nd_config_in_cluster(const char *host, const char *port, const char *folder, struct nd_arena *a,
			 struct nd_config *out, struct nd_diag *d);
#define ND_CONFIG_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"
/* context NULL: current-context. */
int nd_config_kubeconfig(const char *file, const char *context, struct nd_arena *a,
			 struct nd_config *out, struct nd_diag *d);
/* The same from its text. file: its name, for messages and for paths relative to its folder. */
int nd_config_parse(const char *file, const char *text, size_t n, const char *context,
		    struct nd_arena *a, struct nd_config *out, struct nd_diag *d);
/* url: "http://HOST[:PORT][/PATH]", "https://...", or "HOST:PORT" (plain HTTP). cert, key, ca:
 * files, or NULL. */
int nd_config_endpoint(const char *url, const char *cert, const char *key, const char *ca,
		       struct nd_arena *a, struct nd_config *out, struct nd_diag *d);
