/* SPDX-License-Identifier: Apache-2.0 */
/* options.h - what node-cache's flags mean, and what they mean where node-cache fails. Pure text.
 *
 * Errors:  ND_ECONF, the diag names the flag, the word and what would be right.
 * Threads: any.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "conf/diag.h"

enum { ND_OPTIONS_ADDRS_MAX = 16, ND_OPTIONS_ENV_MAX = 256 };

/* -localip: addresses with commas between; empty pieces and repetitions are passed over, families
 * may be mixed. */
int nd_options_local(const char *text, uint16_t port, struct nd_addr out[ND_OPTIONS_ADDRS_MAX],
		     size_t *n, struct nd_diag *d);
/* -syncinterval: a Go duration of at least a second, or seconds. node-cache multiplies the
 * nanoseconds by one second, so that only "60ns" ever meant a minute there: nanoseconds are seconds
 * here, too. */
int nd_options_interval(const char *text, uint64_t *ns, struct nd_diag *d);
/* The environment's variable for a Service's address: "kube-dns" -> "KUBE_DNS_SERVICE_HOST". */
int nd_options_service(const char *name, char out[ND_OPTIONS_ENV_MAX], struct nd_diag *d);
