/* SPDX-License-Identifier: Apache-2.0 */
#include "base/invalid.h"

#include <stdio.h>

const char *nd_invalid_format(char *to, size_t n, const char *what, const char *value,
			      const char *must)
{
	snprintf(to, n, "invalid %s \"%.*s\"%s%s", what, ND_INVALID_TEXT_MAX, value,
		 must ? ": must be " : "", must ? must : "");
	return to;
}
