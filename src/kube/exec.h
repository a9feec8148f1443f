/* SPDX-License-Identifier: Apache-2.0 */
/* exec.h - `exec` of a kubeconfig's user: which program tells who we are, and what it says
 * (ExecCredential).
 *
 * Owns:    text lies in the arena given.
 * Errors:  ND_ECONF, the diag names file, line and field.
 * Does not: run it (credential.h does).
 */
#pragma once

#include "kube/tree.h"

struct nd_exec {
	const char *file; /* the kubeconfig, and the line in it, for messages */
	int line;
	const char *version;     /* client.authentication.k8s.io/v1, or v1beta1 */
	const char *hint;        /* installHint; NULL */
	const char *const *argv; /* argv[0]: the command */
	const char *const *env;  /* "NAME=value" beside our own, KUBERNETES_EXEC_INFO among them */
};

/* What is said of the cluster where provideClusterInfo asks for it. */
struct nd_exec_cluster {
	const char *server, *server_name; /* server_name NULL: none */
	bool insecure;
	const char *ca; /* base64; NULL: none */
	const struct nd_tree
		*config; /* the extension client.authentication.k8s.io/exec; NULL: none */
};

/* at: the map `exec`. */
int nd_exec_read(const char *file, const struct nd_tree *at, const struct nd_exec_cluster *cluster,
		 struct nd_arena *a, struct nd_exec *out, struct nd_diag *d);

struct nd_exec_answer {
	const char *token, *cert, *key; /* NULL: none; cert and key only together, PEM */
	int64_t until_ns;               /* Unix time; 0: for ever */
};

/* What the program printed. */
int nd_exec_parse(const struct nd_exec *x, const char *text, size_t n, struct nd_arena *a,
		  struct nd_exec_answer *out, struct nd_diag *d);
