/* SPDX-License-Identifier: Apache-2.0 */
/* io/lookup.h in the simulated world: the result of nd_world_set_name(), after its delay. */
#include "io/lookup.h"

#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "io/clock.h"
#include "sim/world.h"

struct nd_lookup {
	struct nd_world_event event;
	bool gone;
	uint16_t port;
	void (*on_end)(void *ctx, const struct nd_lookup_result *result);
	void *ctx;
	char name[ND_LOOKUP_NAME_MAX + 1];
};

static void on_answer(struct nd_world_event *e)
{
	struct nd_lookup *l = (struct nd_lookup *)e;
	struct nd_addr addrs[ND_LOOKUP_ADDRS_MAX];
	struct nd_lookup_result r = { .addrs = addrs };

	if (!l->gone) {
		r.n = nd_world_find_name(l->name, addrs, ND_LOOKUP_ADDRS_MAX);
		for (size_t i = 0; i < r.n; i++)
			nd_addr_set_port(&addrs[i], l->port);
		r.failed = r.n ? NULL : "Name or service not known";
		nd_world_note(l->name, strlen(l->name));
		l->on_end(l->ctx, &r);
	}
	free(l);
}

int nd_lookup_start(struct nd_loop *loop, const char *name, uint16_t port,
		    void (*on_end)(void *ctx, const struct nd_lookup_result *result), void *ctx,
		    struct nd_lookup **out)
{
	struct nd_lookup *l;

	if (!*name || strlen(name) > ND_LOOKUP_NAME_MAX)
		return ND_EFORMAT;
	l = calloc(1, sizeof *l);
	ND_ASSERT(l);
	l->port = port;
	l->on_end = on_end;
	l->ctx = ctx;
	memcpy(l->name, name, strlen(name) + 1);
	nd_world_at(&l->event, nd_world_now_ns() + nd_world_name_delay_ns(), loop, on_answer);
	*out = l;
	return 0;
}

void nd_lookup_cancel(struct nd_lookup *l)
{
	if (!l)
		return;
	l->gone = true;
	l->event.loop = NULL; /* it may be freed before the event */
}
