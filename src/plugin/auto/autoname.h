/* SPDX-License-Identifier: Apache-2.0 */
/* autoname.h - from a file's name to a zone: a regular expression with groups, and a template in
 * Go's form (regexp.Expand): ${1}, ${name}, $1, $name; "$$" is a dollar sign.
 *
 * Owns:    the compiled pattern.
 * Errors:  ND_EFORMAT with a text in why; ND_ELIMIT.
 * Threads: one at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "wire/name.h"

struct nd_autoname;

int nd_autoname_new(const char *pattern, const char *origin_template, struct nd_autoname **out,
		    char *why, size_t why_cap);
void nd_autoname_free(struct nd_autoname *a); /* accepts NULL */
/* False: the file's name does not match, or what it gives is not a name. Lower case. */
bool nd_autoname_origin(struct nd_autoname *a, const char *file, struct nd_name_buf *buf,
			struct nd_name *out);
