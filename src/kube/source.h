/* SPDX-License-Identifier: Apache-2.0 */
/* source.h - a file or a folder of manifests in place of an API server.
 *
 * Files: *.yaml, *.yml and *.json of the folder in order of name, without subfolders; or the one
 * file (JSON if its name ends in .json, else YAML). Of an object that is given twice the last one
 * is used. Names and stamps are polled once a second. Changed files are read once they have been
 * stable for 0.1 s, to avoid reading half-written ones; on an error the last good state is kept,
 * and the error is reported once.
 *
 * Owns:    nd_source is heap; its configuration and sink are borrowed and outlive it.
 * Threads: control.
 */
#pragma once

#include "conf/diag.h"
#include "io/loop.h"
#include "kube/objects.h"
#include "kube/selector.h"

struct nd_source;

struct nd_source_config {
	const char *path;
	struct nd_sink *sink;
	bool wanted[ND_OBJECT_KINDS];
	const struct nd_selector *labels;           /* Services, slices, pods; NULL: all */
	const struct nd_selector *namespace_labels; /* Namespaces, ServiceImports; NULL: all */
	/* After each attempt to read. text: the number of objects, or the error. */
	void (*report)(void *ctx, bool good, const char *text);
	void *ctx;
};

/* Reads everything into the sink. 0, or ND_ECONF with the diag set; then the sink is unchanged,
 * unless the sink itself was full. */
int nd_source_new(const struct nd_source_config *config, struct nd_source **out, struct nd_diag *d);
void nd_source_free(struct nd_source *s); /* takes NULL */
/* Starts polling. */
void nd_source_watch(struct nd_source *s, struct nd_loop *loop);
/* Polls once: reads if the files differ from those last read, and not from the last poll. True:
 * they are changing, poll again soon. */
bool nd_source_poll(struct nd_source *s);
