/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lab/figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"

/* The number after a name that occurs once in the output of `nodens bench -json`. */
static int read_number(const char *json, const char *name, double *value)
{
	char quoted[32], *end;

	snprintf(quoted, sizeof quoted, "\"%s\": ", name);
	const char *at = strstr(json, quoted);
	if (!at)
		return ND_EFORMAT;
	at += strlen(quoted);
	*value = strtod(at, &end);
	return end == at ? ND_EFORMAT : 0;
}

int nd_figures_parse(const char *json, struct nd_figures *figures)
{
	double requests, errors, timeouts;
	struct nd_figures f = { 0 };
	const struct {
		const char *name;
		double *to;
	} wanted[] = { { "requests", &requests }, { "errors", &errors }, { "timeouts", &timeouts },
		       { "min", &f.min_ms },      { "max", &f.max_ms },  { "avg", &f.avg_ms },
		       { "p99", &f.p99_ms } };

	for (size_t i = 0; i < ND_COUNT(wanted); i++)
		if (read_number(json, wanted[i].name, wanted[i].to) < 0)
			return ND_EFORMAT;
	f.requests = (uint64_t)requests;
	f.errors = (uint64_t)errors;
	f.timeouts = (uint64_t)timeouts;
	*figures = f;
	return 0;
}
