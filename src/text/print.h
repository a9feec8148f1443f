/* SPDX-License-Identifier: Apache-2.0 */
/* print.h - values as Go's fmt prints them.
 *
 * Owns: nothing. `a` holds maps while they are sorted.
 * Errors: sticky in the buffer; a full arena is ND_ELIMIT there.
 */
#pragma once

#include <stddef.h>
#include "base/arena.h"
#include "base/buf.h"
#include "text/value.h"

/* %v. A nil prints as `nil` says ("<nil>", or "<no value>" in templates), if it is not inside. */
void nd_print_value(struct nd_buf *out, struct nd_arena *a, const struct nd_value *v,
		    const char *nil);
/* fmt.Sprint: a space between two operands when neither is a string. */
void nd_print_all(struct nd_buf *out, struct nd_arena *a, const struct nd_value *args,
		  size_t nargs);
/* fmt.Sprintf. Flags, width, precision, '*' and [n] as in Go; verbs that fit no value print as Go's
 * "%!d(string=x)". */
void nd_print_format(struct nd_buf *out, struct nd_arena *a, const char *format, size_t len,
		     const struct nd_value *args, size_t nargs);
