/* SPDX-License-Identifier: Apache-2.0 */
/* options.h - parses the values of node-cache's flags, including some that node-cache fails on.
 * Pure.
 *
 * Errors:  ND_ECONF, with a diag that names the flag, the value and what is accepted.
 * Threads: any.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "conf/diag.h"

enum { ND_OPTIONS_ADDRS_MAX = 16, ND_OPTIONS_ENV_MAX = 256 };

/* -localip: comma-separated addresses; empty items and duplicates are ignored, families may be
 * mixed. */
int nd_options_local(const char *text, uint16_t port, struct nd_addr out[ND_OPTIONS_ADDRS_MAX],
		     size_t *n, struct nd_diag *d);
/* -syncinterval: a Go duration of at least one second, or a number of seconds. node-cache
 * multiplies the duration's nanoseconds by one second, so only "60ns" means a minute there;
 * therefore "60ns" means 60 seconds here too. */
int nd_options_interval(const char *text, uint64_t *ns, struct nd_diag *d);
/* The environment variable with a Service's address: "kube-dns" -> "KUBE_DNS_SERVICE_HOST". */
int nd_options_service(const char *name, char out[ND_OPTIONS_ENV_MAX], struct nd_diag *d);
