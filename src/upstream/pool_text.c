/* SPDX-License-Identifier: Apache-2.0 */
/* Errors of sockets and connections, in Go's words. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "upstream/pool_parts.h"

static const char *describe(int err, char buf[64])
{
	if (err == ND_ETIME || err == -ETIMEDOUT)
		return err == ND_ETIME ? "i/o timeout" : "connection timed out";
	const char *text = err <= -4096 ? nd_err_text(err) : strerrordesc_np(-err);
	if (!text)
		text = "unknown error";
	snprintf(buf, 64, "%s", text);
	buf[0] = (char)tolower((unsigned char)buf[0]);
	return buf;
}

void nd_pool_text(char text[ND_POOL_ERROR_MAX], const char *operation, const char *transport,
		  const struct nd_addr *local, const struct nd_addr *remote, const char *call,
		  int err)
{
	char from[ND_ADDR_TEXT_MAX] = "", to[ND_ADDR_TEXT_MAX], what[64];

	if (local && local->len)
		nd_addr_format(local, from);
	nd_addr_format(remote, to);
	snprintf(text, ND_POOL_ERROR_MAX, "%s %s %s%s%s: %s%s%s", operation, transport, from,
		 from[0] ? "->" : "", to, call, call[0] ? ": " : "", describe(err, what));
}
