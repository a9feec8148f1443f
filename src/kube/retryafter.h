/* SPDX-License-Identifier: Apache-2.0 */
/* retryafter.h - the Retry-After header (RFC 9110 s10.2.3). Pure. */
#pragma once

#include <stdint.h>

/* Seconds from now_s (Unix time) on; 0: at once, or the text is neither a number nor a date. Of
 * dates only IMF-fixdate is read, not the obsolete forms. text NULL: no header, 0. */
uint64_t nd_retryafter_s(const char *text, uint64_t now_s);
