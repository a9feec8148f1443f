/* SPDX-License-Identifier: Apache-2.0 */
/* template.h - the base Corefile with its variables replaced, as node-cache replaces them. Pure
 * text.
 *
 *   __PILLAR__LOCAL__DNS__         all local addresses; before a ":PORT" the first one
 *   __PILLAR__DNS__SERVER__        nothing: who installs puts the ClusterIP there, or wants none
 *   __PILLAR__CLUSTER__DNS__       the upstream Service's address
 *   __PILLAR__UPSTREAM__SERVERS__  the ConfigMap's upstreamNameservers, else /etc/resolv.conf
 *   __PROMETHEUS__ENDPOINT__       -prometheus-listen-address
 *
 * and a block behind it for each stub domain.
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
	const char *cluster_dns;      /* NULL: not known */
	const char *cluster_dns_from; /* where it should have come from, for the message */
	const char *prometheus;
	uint16_t port; /* of stub domains */
};

/* Appends to out. 0; ND_ECONF where a variable has no value, the diag says which and why;
 * ND_ELIMIT. file: the template's name. upstreamNameservers are asked as they come, over UDP: a
 * `force_tcp` that stands alone behind the variable goes. */
int nd_template_render(const char *file, const char *text, const struct nd_template_values *v,
		       const struct nd_kubedns *k, struct nd_buf *out, struct nd_diag *d);
