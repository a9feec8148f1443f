/* SPDX-License-Identifier: Apache-2.0 */
/* In place of iptables.c where libmnl or libnftnl was missing at build time: every call fails. */
#include "base/err.h"
#include "node/iptables.h"

static int refuse(struct nd_diag *d)
{
	nd_diag_at(d, NULL, 0, "-setupiptables: not supported: built without libmnl and libnftnl");
	return ND_ENOTYET;
}

int nd_iptables_install(const struct nd_iptables_config *c, struct nd_iptables_result *result,
			struct nd_diag *d)
{
	(void)c, (void)result;
	return refuse(d);
}

int nd_iptables_remove(const struct nd_iptables_config *c, struct nd_iptables_result *result,
		       struct nd_diag *d)
{
	(void)c, (void)result;
	return refuse(d);
}
