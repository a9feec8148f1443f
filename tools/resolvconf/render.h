/* SPDX-License-Identifier: Apache-2.0 */
/* render.h - an option as YAML that brings it into a pod, in one of four ways.
 *
 * Pure: options (checked by nd_edit_check), text in, YAML out.
 */
#pragma once

#include <stdbool.h>
#include "base/buf.h"

struct nd_render {
	const char *const *option;
	unsigned options;
	const char *container; /* name of the container it is for */
	const char *text; /* configMap: the resolv.conf to carry, with the options in it already */
};

/* 0; -ENOENT: no such form; ND_EFORMAT: the text has bytes that YAML cannot carry as they are;
 * ND_ELIMIT. */
int nd_render_as(const char *form, const struct nd_render *r, struct nd_buf *out);
/* "dnsConfig, postStart, ..." */
const char *nd_render_forms(void);
