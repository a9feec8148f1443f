/* SPDX-License-Identifier: Apache-2.0 */
/* template.h - replaces the variables of the base Corefile, as node-cache does. Pure.
 *
 *   __PILLAR__LOCAL__DNS__         all local addresses; before a ":PORT" the first one
 *   __PILLAR__DNS__SERVER__        nothing: the installer replaces it with the ClusterIP if wanted
 *   __PILLAR__CLUSTER__DNS__       the upstream Service's address
 *   __PILLAR__UPSTREAM__SERVERS__  the ConfigMap's upstreamNameservers, else /etc/resolv.conf
 *   __PROMETHEUS__ENDPOINT__       -prometheus-listen-address
 *
 * A server block for each stub domain is appended.
 *
 * Threads: any.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/buf.h"
#include "conf/diag.h"
#include "node/kubedns.h"

struct nd_template_values {
	const struct nd_addr *local;
	size_t nlocal;                /* at least 1 */
	const char *cluster_dns;      /* NULL: unknown */
	const char *cluster_dns_from; /* the environment variable that has it, for the message */
	const char *prometheus;
	uint16_t port; /* of stub domains */
};

/* Appends to out. 0; ND_ECONF if a variable has no value, with a diag that names it and the reason;
 * ND_ELIMIT. file: the template's name. upstreamNameservers are queried over UDP as well: a block
 * with only `force_tcp` after the variable is dropped. */
int nd_template_render(const char *file, const char *text, const struct nd_template_values *v,
		       const struct nd_kubedns *k, struct nd_buf *out, struct nd_diag *d);
