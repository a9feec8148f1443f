/* SPDX-License-Identifier: Apache-2.0 */
/* In place of link.c where libmnl or libnftnl was missing at build time: every call fails. */
#include "node/link.h"

#include "base/err.h"

int nd_link_up(const struct nd_link_config *c, bool *changed, struct nd_diag *d)
{
	(void)c, (void)changed;
	nd_diag_at(d, NULL, 0, "-setupinterface: not supported: built without libmnl and libnftnl");
	return ND_ENOTYET;
}

int nd_link_down(const char *name, struct nd_diag *d)
{
	(void)name;
	nd_diag_at(d, NULL, 0, "-setupinterface: not supported: built without libmnl and libnftnl");
	return ND_ENOTYET;
}
