/* SPDX-License-Identifier: Apache-2.0 */
/* promprocess.h - families that do not come from queries: those of the process, and those that
 * CoreDNS has from the start, whether their plugin is configured or not.
 *
 * Threads: control.
 */
#pragma once

#include "core/gen.h"

/* process_*, as the Prometheus client of Go has it on Linux. */
void nd_promprocess_emit(struct nd_metric_out *out);
/* CoreDNS registers them at the start of the process: 0 while no block of g has their plugin. */
void nd_promprocess_emit_absent(const struct nd_gen *g, struct nd_metric_out *out);
