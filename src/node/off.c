/* SPDX-License-Identifier: Apache-2.0 */
/* link.h and nft.h in a build without libmnl and libnftnl: what is asked for is refused, by name. */
#include <unistd.h>
#include "base/err.h"
#include "node/legacy.h"
#include "node/link.h"
#include "node/nft.h"

static int refuse(struct nd_diag *d, const char *what)
{
	nd_diag_at(d, NULL, 0,
		   "%s: not supported: this program was built without libmnl and libnftnl", what);
	return ND_ENOTYET;
}

int nd_link_up(const struct nd_link_config *c, bool *changed, struct nd_diag *d)
{
	(void)c, (void)changed;
	return refuse(d, "-setupinterface");
}

int nd_link_down(const char *name, struct nd_diag *d)
{
	(void)name;
	return refuse(d, "removing the interface");
}

int nd_nft_new(int fd, struct nd_nft **out, struct nd_diag *d)
{
	(void)out;
	if (fd >= 0)
		close(fd);
	return refuse(d, "-setupiptables");
}

/* Without nd_nft_new() there is nothing to call these with. */
void nd_nft_free(struct nd_nft *n)
{
	(void)n;
}

int nd_nft_fd(const struct nd_nft *n)
{
	(void)n;
	return -1;
}

int nd_nft_put(struct nd_nft *n, const struct nd_nft_config *c, struct nd_diag *d)
{
	(void)n, (void)c;
	return refuse(d, "-setupiptables");
}

int nd_nft_missing(struct nd_nft *n, bool *missing, struct nd_diag *d)
{
	(void)n, (void)missing;
	return refuse(d, "-setupiptables");
}

int nd_nft_remove(struct nd_nft *n, struct nd_diag *d)
{
	(void)n;
	return refuse(d, "-setupiptables");
}

int nd_legacy_put(const struct nd_legacy_config *c, struct nd_legacy_done *done, struct nd_diag *d)
{
	(void)c, (void)done;
	return refuse(d, "-setupiptables");
}

int nd_legacy_remove(const struct nd_legacy_config *c, struct nd_legacy_done *done,
		     struct nd_diag *d)
{
	(void)c, (void)done;
	return refuse(d, "-setupiptables");
}
