/* SPDX-License-Identifier: Apache-2.0 */
/* print.h - formats values as Go's fmt does. Pure.
 *
 * Owns:    nothing. `a` holds the sorted pairs of maps.
 * Errors:  sticky in the buffer; a full arena is ND_ELIMIT there.
 */
#pragma once

#include <stddef.h>
#include "base/arena.h"
#include "base/buf.h"
#include "text/value.h"

/* %v. A nil at the top level is printed as `nil` ("<nil>", or "<no value>" in templates). */
void nd_print_value(struct nd_buf *out, struct nd_arena *a, const struct nd_value *v,
		    const char *nil);
/* fmt.Sprint: a space between two operands if neither is a string. */
void nd_print_all(struct nd_buf *out, struct nd_arena *a, const struct nd_value *args,
		  size_t nargs);
/* fmt.Sprintf, with Go's flags, width, precision, '*' and [n]. A verb that does not match the
 * value is printed as "%!d(string=x)". */
void nd_print_format(struct nd_buf *out, struct nd_arena *a, const char *format, size_t len,
		     const struct nd_value *args, size_t nargs);
