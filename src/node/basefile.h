/* SPDX-License-Identifier: Apache-2.0 */
/* basefile.h - the Corefile that is served, kept up to date from the template and the kube-dns
 * ConfigMap.
 *
 * Written in one step (a new file is renamed over it; where the file is a mount of its own, in
 * place), only if it says something else, and only if it was found good: what does not serve never
 * replaces what does. Owns:    nd_basefile is heap. Config texts are borrowed. Threads: control.
 */
#pragma once

#include <stdbool.h>
#include "conf/diag.h"
#include "node/template.h"

struct nd_basefile;

struct nd_basefile_config {
	const char *base;     /* -basecorefile: the template */
	const char *corefile; /* what is written and served */
	const char *kubedns;  /* folder of the ConfigMap; NULL: none */
	struct nd_template_values values;
	/* Would this text serve? 0, or an error with the diag set. */
	int (*check)(void *ctx, const char *text, struct nd_diag *d);
	void *ctx;
};

struct nd_basefile *nd_basefile_new(const struct nd_basefile_config *c); /* NULL: no memory */
void nd_basefile_free(struct nd_basefile *b);                            /* takes NULL */

/* Looks at both, and writes if need be. 0, or the first thing that is wrong, with the diag set; the
 * rest is done all the same: with a bad ConfigMap the template counts with what the ConfigMap said
 * before. */
int nd_basefile_update(struct nd_basefile *b, bool *written, struct nd_diag *d);
