/* SPDX-License-Identifier: Apache-2.0 */
/* render.h - YAML that sets options in a pod, in one of four forms. Pure. Options must have passed
 * nd_edit_check(). */
#pragma once

#include <stdbool.h>
#include "base/buf.h"

struct nd_render {
	const char *const *option;
	unsigned options;
	const char *container; /* name of the container */
	const char *text;      /* configMap: the resolv.conf, with the options already added */
};

/* 0; -ENOENT: unknown form; ND_EFORMAT: the text has bytes that cannot be copied to YAML unchanged;
 * ND_ELIMIT. */
int nd_render_as(const char *form, const struct nd_render *r, struct nd_buf *out);
/* "dnsConfig, postStart, ..." */
const char *nd_render_forms(void);
