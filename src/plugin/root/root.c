/* SPDX-License-Identifier: Apache-2.0 */
/* root - the folder of relative paths of zone files, hosts files and keys (CoreDNS's root). */
#include <errno.h>
#include "base/log.h"
#include "core/setup.h"
#include "io/file.h"

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	(void)self;
	if (d->nargs < 1)
		return nd_setup_error(s, NULL, "missing folder; give root DIR");
	/* As in CoreDNS, words after the folder are ignored, and the folder may appear later. */
	s->block->root = d->args[0];
	if (!nd_file_stamp(d->args[0]).exists)
		nd_log_warning("root", "Root path does not exist: %s", d->args[0]);
	return 0;
}

const struct nd_plugin nd_plugin_root = {
	.name = "root",
	.repeat = ND_REPEAT_MERGE,
	.setup = setup,
};
