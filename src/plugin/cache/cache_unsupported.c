/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cache/cache_unsupported.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int check_prefetch(struct nd_setup *s, const struct nd_conf_line *l)
{
	uint64_t n;
	int64_t ns;

	if (l->nargs == 0 || l->nargs > 3)
		return nd_setup_error(s, l, "prefetch takes AMOUNT [DURATION] [PERCENTAGE%%]");
	if (nd_settings_uint(l->args[0], INT32_MAX, &n))
		return nd_setup_invalid(s, l, "prefetch amount", l->args[0], "0 to %d", INT32_MAX);
	if (l->nargs > 1 && nd_settings_duration(l->args[1], &ns))
		return nd_setup_invalid(s, l, "prefetch duration", l->args[1], "like \"1m\"");
	if (l->nargs > 2) {
		char *end;
		unsigned long percent = strtoul(l->args[2], &end, 10);
		if (strcmp(end, "%") != 0 || percent < 10 || percent > 90)
			return nd_setup_invalid(s, l, "prefetch percentage", l->args[2],
						"10%% to 90%%");
	}
	return 0;
}

static int check_stale(struct nd_setup *s, const struct nd_conf_line *l)
{
	int64_t ns;

	if (l->nargs > 5)
		return nd_setup_error(s, l, "serve_stale takes [DURATION] [immediate|verify ...]");
	for (size_t i = 0; i < l->nargs; i++) {
		if (i == 1) {
			if (strcasecmp(l->args[1], "immediate") != 0 &&
			    strcasecmp(l->args[1], "verify") != 0)
				return nd_setup_invalid(s, l, "serve_stale mode", l->args[1],
							"immediate or verify");
		} else if (nd_settings_duration(l->args[i], &ns) || ns < 0) {
			return nd_setup_invalid(s, l, "serve_stale duration", l->args[i],
						"like \"1h\"");
		}
	}
	return 0;
}

int nd_cache_unsupported_refuse(struct nd_setup *s, const struct nd_conf_line *l)
{
	int err = 0;

	if (strcmp(l->name, "prefetch") == 0)
		err = check_prefetch(s, l);
	else if (strcmp(l->name, "serve_stale") == 0)
		err = check_stale(s, l);
	return err ? err : nd_setup_unsupported(s, l, NULL);
}
