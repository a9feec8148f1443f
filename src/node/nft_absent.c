/* SPDX-License-Identifier: Apache-2.0 */
/* In place of nft.c where libmnl or libnftnl was missing at build time: every call fails.
 * nd_nft_new() never succeeds, so the functions that take an nd_nft are never reached. */
#include <unistd.h>
#include "base/err.h"
#include "node/nft.h"

static int refuse(struct nd_diag *d)
{
	nd_diag_at(d, NULL, 0, "-setupiptables: not supported: built without libmnl and libnftnl");
	return ND_ENOTYET;
}

int nd_nft_new(int fd, struct nd_nft **out, struct nd_diag *d)
{
	(void)out;
	if (fd >= 0)
		close(fd);
	return refuse(d);
}

void nd_nft_free(struct nd_nft *n)
{
	(void)n;
}

int nd_nft_fd(const struct nd_nft *n)
{
	(void)n;
	return -1;
}

int nd_nft_install(struct nd_nft *n, const struct nd_nft_config *c, struct nd_diag *d)
{
	(void)n, (void)c;
	return refuse(d);
}

int nd_nft_check(struct nd_nft *n, bool *missing, struct nd_diag *d)
{
	(void)n, (void)missing;
	return refuse(d);
}

int nd_nft_remove(struct nd_nft *n, struct nd_diag *d)
{
	(void)n;
	return refuse(d);
}
