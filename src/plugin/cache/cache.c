/* SPDX-License-Identifier: Apache-2.0 */
/* cache - keeps answers in the form in which they are sent (CoreDNS's cache, 1.15). */
#include "plugin/cache/cache.h"

#include "plugin/cache/keep.h"
#include "plugin/cache/refresh.h"

const struct nd_plugin nd_plugin_cache = {
	.name = "cache",
	.repeat = ND_REPEAT_REFUSE,
	.self_size = sizeof(struct nd_cache),
	.query_size = sizeof(struct nd_cache_state),
	.settings = nd_cache_settings,
	.setup = nd_cache_setup,
	.start = nd_cache_start,
	.serving = nd_cache_serving,
	.query = nd_cache_answer,
	.reply = nd_keep_reply,
	.cancel = nd_refresh_cancel,
};
