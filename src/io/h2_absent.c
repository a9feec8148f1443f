/* SPDX-License-Identifier: Apache-2.0 */
/* In place of h2.c where nghttp2 was missing at build time: HTTP/2 is not offered. */
#include "io/h2.h"

#include "base/err.h"

static int open_none(struct nd_httpc_conn *c)
{
	return nd_httpc_conn_say(c, ND_ENOTYET,
				 "this build has no HTTP/2: nghttp2 (libnghttp2-dev) was missing");
}

static void clear_none(struct nd_httpc_conn *c)
{
	(void)c;
}

/* A connection that did not open is asked for nothing else. */
const struct nd_httpc_engine nd_h2_engine = { .version = 2,
					      .open = open_none,
					      .clear = clear_none };
const bool nd_h2_built = false;
