/* SPDX-License-Identifier: Apache-2.0 */
/* exec.h - `exec` of a kubeconfig's user: the program that prints our credentials, and its output
 * (an ExecCredential object). Running it is credential.h's part.
 *
 * Owns:    all text is in the arena given.
 * Errors:  ND_ECONF; the diag names file, line and field.
 * Threads: any.
 */
#pragma once

#include "kube/tree.h"

struct nd_exec {
	const char *file;        /* the kubeconfig, for messages */
	int line;                /* in file */
	const char *version;     /* client.authentication.k8s.io/v1, or v1beta1 */
	const char *hint;        /* installHint; NULL: none */
	const char *const *argv; /* argv[0]: the command */
	/* "NAME=value", added to our own environment; KUBERNETES_EXEC_INFO is one of them. */
	const char *const *env;
};

/* Passed to the program if provideClusterInfo is true. */
struct nd_exec_cluster {
	const char *server, *server_name; /* server_name NULL: none */
	bool insecure;
	const char *ca; /* base64; NULL: none */
	/* The extension client.authentication.k8s.io/exec; NULL: none. */
	const struct nd_tree *config;
};

/* at: the map `exec`. */
int nd_exec_read(const char *file, const struct nd_tree *at, const struct nd_exec_cluster *cluster,
		 struct nd_arena *a, struct nd_exec *out, struct nd_diag *d);

struct nd_exec_answer {
	const char *token, *cert, *key; /* NULL: none; cert and key (PEM) only together */
	int64_t until_ns;               /* Unix time; 0: never expires */
};

/* Reads what the program printed. */
int nd_exec_parse(const struct nd_exec *x, const char *text, size_t n, struct nd_arena *a,
		  struct nd_exec_answer *out, struct nd_diag *d);
