/* SPDX-License-Identifier: Apache-2.0 */
/* config.h - where the API server is and who we are: from a pod's service account, a kubeconfig, or
 * an endpoint's URL.
 *
 * Owns:    all text lies in the arena given. Token files are read again for each request, those of
 * certificates when they have changed. Errors:  ND_ECONF, the diag names file, line and field. Does
 * not: run exec programs (credential.h does); know auth providers (a user that needs one is refused
 * by name). Threads: control. A host name is looked up for each connection (httpc.h), not here.
 */
#pragma once

#include "base/arena.h"
#include "conf/diag.h"
#include "io/httpc.h"
#include "kube/exec.h"

struct nd_config {
	struct nd_addr addr; /* len 0: */
	const char *name;    /* not NULL: to be looked up */
	uint16_t port;
	const char *host;   /* "name:port", as the URL has it */
	const char *prefix; /* path before "/api", without a slash at its end */
	bool tls;
	const char *server_name; /* NULL: host's */
	struct nd_tls_options options;
	const char *token, *token_file; /* NULL: none; the file wins */
	const char *basic;              /* "user:password" in base64; NULL */
	const struct nd_exec *exec; /* a program says who we are, where nothing above does; NULL */
};

/* KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT, and token and ca.crt in the folder. */
int nd_config_in_cluster(const char *host, const char *port, const char *folder, struct nd_arena *a,
			 struct nd_config *out, struct nd_diag *d);
#define ND_CONFIG_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"
/* context NULL: current-context. */
int nd_config_kubeconfig(const char *file, const char *context, struct nd_arena *a,
			 struct nd_config *out, struct nd_diag *d);
/* The same, of its text; file is its name: messages have it, and paths are relative to its folder. */
int nd_config_parse(const char *file, const char *text, size_t n, const char *context,
		    struct nd_arena *a, struct nd_config *out, struct nd_diag *d);
/* "http://HOST[:PORT][/PATH]", "https://...", "HOST:PORT" (plain). Files are NULL where there are
 * none. */
int nd_config_endpoint(const char *url, const char *cert, const char *key, const char *ca,
		       struct nd_arena *a, struct nd_config *out, struct nd_diag *d);
