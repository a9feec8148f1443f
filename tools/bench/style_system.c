/* SPDX-License-Identifier: Apache-2.0 */
/* getaddrinfo() of this machine's C library, which also follows nsswitch.conf. */
#include "tools/bench/style.h"

#include <errno.h>
#include <netdb.h>

static struct nd_outcome ask(struct nd_style_client *c, size_t n)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	(void)n;

	int err = getaddrinfo(c->host, NULL, &hints, &found);
	if (err == 0) {
		freeaddrinfo(found);
		return (struct nd_outcome){ ND_OUTCOME_OK, 0 };
	}
	if (err == EAI_SYSTEM)
		return nd_style_failed(-errno);
	return (struct nd_outcome){ ND_OUTCOME_GAI, -err };
}

static enum nd_style_next next(struct nd_outcome how)
{
	(void)how;
	return ND_STYLE_STOP;
}

const struct nd_style nd_style_system = {
	.name = "system",
	.help = "getaddrinfo() of this machine's C library",
	.ask = ask,
	.next = next,
};
