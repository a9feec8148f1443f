/* SPDX-License-Identifier: Apache-2.0 */
/* ready - /ready returns 200 once all plugins are ready (CoreDNS's ready). A plugin that is ready
 * but serves old data adds a line after the OK; the status stays 200. */
#include <string.h>
#include "base/log.h"
#include "core/gen.h"
#include "io/http1.h"

struct ready {
	bool continuously; /* monitor: check each time; otherwise until ready for the first time */
	bool been_ready;
	struct nd_gen *gen;
};

static int own(void *self, const struct nd_conf_line *l, void *ctx)
{
	struct ready *r = self;

	if (l->nargs != 1 ||
	    (strcmp(l->args[0], "until-ready") != 0 && strcmp(l->args[0], "continuously") != 0))
		return nd_setup_invalid(ctx, l, "monitor", l->nargs ? l->args[0] : "",
					"until-ready or continuously");
	r->continuously = l->args[0][0] == 'c';
	return 0;
}

static const struct nd_setting settings[] = {
	ND_SET_OWN_ROW("monitor", "until-ready|continuously"),
	{ 0 },
};

static void handle(void *self, const struct nd_http1_request *req, struct nd_http1_response *res)
{
	struct ready *r = self;

	(void)req;
	if (r->gen->process->stopping) {
		res->status = 503;
		nd_buf_text(&res->body, "Shutting down");
		return;
	}
	if ((!r->continuously && r->been_ready) || nd_setup_all_ready(r->gen, &res->body)) {
		r->been_ready = true;
		nd_buf_text(&res->body, "OK");
		nd_setup_ready_notes(r->gen, &res->body);
		return;
	}
	nd_log_info("ready", "Plugins not ready: \"%.*s\"", (int)res->body.len, res->body.data);
	res->status = 503;
}

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct ready *r = self;
	int err = nd_settings_args(d, "ready", 0, 1, s->diag);

	r->gen = s->gen;
	if (!err)
		err = nd_setup_settings(s, own, false);
	return err ? err
		   : nd_setup_http(s, d->nargs ? d->args[0] : ":8181", "/ready", handle, r, true);
}

const struct nd_plugin nd_plugin_ready = {
	.name = "ready",
	.repeat = ND_REPEAT_REFUSE,
	.self_size = sizeof(struct ready),
	.settings = settings,
	.setup = setup,
};
