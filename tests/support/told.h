/* SPDX-License-Identifier: Apache-2.0 */
/* told.h - a sink that writes down what it is told, a line each. */
#pragma once

#include "base/buf.h"
#include "kube/objects.h"

struct nd_told {
	struct nd_sink sink;
	struct nd_buf text;
	int refuse; /* what upsert returns */
};

void nd_told_init(struct nd_told *t);
void nd_told_clear(struct nd_told *t);
const char *nd_told_text(struct nd_told *t);
