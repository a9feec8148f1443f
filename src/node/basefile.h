/* SPDX-License-Identifier: Apache-2.0 */
/* basefile.h - keeps the Corefile up to date with its template and the kube-dns ConfigMap.
 *
 * The Corefile is written only if it changes and is valid, so a broken configuration never replaces
 * a working one. A refused text is tried again at each update: the reason may be a file that it
 * imports. It is replaced by a rename; in place where the file itself is a mount.
 *
 * Owns:    nd_basefile is heap. Config texts are borrowed.
 * Threads: control.
 */
#pragma once

#include <stdbool.h>
#include "conf/diag.h"
#include "node/template.h"

struct nd_basefile;

struct nd_basefile_config {
	const char *base;     /* -basecorefile: the template */
	const char *corefile; /* the file that is written and served */
	const char *kubedns;  /* folder of the ConfigMap; NULL: none */
	struct nd_template_values values;
	/* Whether this Corefile is valid: 0, or an error with the diag set. */
	int (*check)(void *ctx, const char *text, struct nd_diag *d);
	void *ctx;
};

struct nd_basefile *nd_basefile_new(const struct nd_basefile_config *c); /* NULL: out of memory */
void nd_basefile_free(struct nd_basefile *b);                            /* takes NULL */

/* Reads template and ConfigMap, and writes the Corefile if needed. 0, or the first error, with the
 * diag set. With an invalid ConfigMap the template is still applied, with the last valid
 * ConfigMap. */
int nd_basefile_update(struct nd_basefile *b, bool *written, struct nd_diag *d);
