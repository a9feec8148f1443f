/* SPDX-License-Identifier: Apache-2.0 */
/* invalid.h - the common form of a message about a value that is not accepted:
 *
 *	invalid buffer size "99999": must be 512 to 4096 bytes
 *
 * Pure.
 */
#pragma once

#include <stddef.h>

enum { ND_INVALID_TEXT_MAX = 200 }; /* bytes of the value shown */

/* Writes the message to `to`, truncated to n bytes. what: "buffer size". must: the accepted values,
 * "512 to 4096 bytes"; NULL: that part is omitted. Returns `to`. */
const char *nd_invalid_format(char *to, size_t n, const char *what, const char *value,
			      const char *must);
