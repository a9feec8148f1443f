/* SPDX-License-Identifier: Apache-2.0 */
#include "core/process.h"

#include "base/err.h"

void nd_process_init(struct nd_process *p, struct nd_loop *loop)
{
	*p = (struct nd_process){ .loop = loop, .default_port = 53, .nworkers = 1 };
	nd_list_init(&p->shares);
	nd_list_init(&p->http);
}

void nd_process_clear(struct nd_process *p)
{
	ND_ASSERT(nd_list_empty(&p->shares) && nd_list_empty(&p->http));
}
