/* SPDX-License-Identifier: Apache-2.0 */
/* io/child.h in the simulated world, which has no programs. */
#include <errno.h>
#include "io/child.h"

int nd_child_start(struct nd_loop *loop, const struct nd_child_request *request,
		   void (*on_end)(void *ctx, const struct nd_child_result *result), void *ctx,
		   struct nd_child **out)
{
	(void)loop;
	(void)request;
	(void)on_end;
	(void)ctx;
	(void)out;
	return -ENOENT;
}

void nd_child_free(struct nd_child *c)
{
	(void)c; /* none was started */
}
