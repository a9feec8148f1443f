/* SPDX-License-Identifier: Apache-2.0 */
/* Replaces h2.c in a build without nghttp2: HTTP/2 is not offered. */
#include "io/h2.h"

#include "base/err.h"

static int refuse_open(struct nd_httpc_conn *c)
{
	return nd_httpc_conn_set_error(
		c, ND_ENOTYET,
		"HTTP/2 is not supported in this build: nghttp2 (libnghttp2-dev) "
		"was missing");
}

static void clear_nothing(struct nd_httpc_conn *c)
{
	(void)c;
}

/* No other function is called on a connection that did not open. */
const struct nd_httpc_engine nd_h2_engine = { .version = 2,
					      .open = refuse_open,
					      .clear = clear_nothing };
const bool nd_h2_built = false;
