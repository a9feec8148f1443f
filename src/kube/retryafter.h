/* SPDX-License-Identifier: Apache-2.0 */
/* retryafter.h - Retry-After of an answer (RFC 9110 s10.2.3). Pure text. */
#pragma once

#include <stdint.h>

/* Seconds from now (Unix time) on; 0: at once, or it is neither a number nor a date (an
 * IMF-fixdate: the older forms are not read). NULL is fine: there is none. */
uint64_t nd_retryafter_s(const char *text, uint64_t now_s);
