/* SPDX-License-Identifier: Apache-2.0 */
/* A build without libseccomp. */
#include "base/err.h"
#include "io/confine.h"

int nd_confine_calls(const struct nd_confine_calls *c)
{
	(void)c;
	return ND_ENOTYET;
}
