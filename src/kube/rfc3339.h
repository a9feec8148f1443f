/* SPDX-License-Identifier: Apache-2.0 */
/* rfc3339.h - times as the Kubernetes API writes them: "2026-02-28T23:59:59.123456789Z", or with an
 * offset like +01:00. Pure. */
#pragma once

#include <stdint.h>

/* Unix time in ns. 0, or ND_EFORMAT: also a day that does not exist, or a year out of range. */
int nd_rfc3339_parse(const char *text, int64_t *ns);
