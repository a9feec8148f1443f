/* SPDX-License-Identifier: Apache-2.0 */
/* query_expr.h - the functions of expressions about a query (plugins view and template), by the
 * names of CoreDNS's package expression.
 *
 *	type() name() class() proto() client_ip() port() server_ip() server_port()   text
 *	size() id() opcode() bufsize()                                                numbers
 *	do() incidr(ADDRESS, CIDR)                                                    true or false
 *	metadata(LABEL)                                                               text; "": none
 *
 * server_ip() is "::" where the socket does not report the address asked, as with CoreDNS.
 *
 * Owns:    nothing; values are in the caller's arena.
 * Errors:  a value of kind ND_VALUE_ERROR.
 * Threads: q's worker, in an RCU read-side section (labels).
 */
#pragma once

#include "core/query.h"
#include "text/expr.h"

/* For nd_expr_new(). */
extern const struct nd_expr_function nd_query_expr_functions[];

/* The value of a function for q; as many arguments as the table says. */
struct nd_value nd_query_expr_call(struct nd_query *q, const char *function,
				   const struct nd_value *args, size_t nargs, struct nd_arena *a);
