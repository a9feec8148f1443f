/* SPDX-License-Identifier: Apache-2.0 */
/* A host name in the first line, then a resolv.conf. Its settings must be within the limits and
 * give valid query names. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "tools/bench/search.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nd_resolv r;
	static struct nd_search s;
	char *text = malloc(size + 1), *rest;

	memcpy(text, data, size);
	text[size] = '\0';
	rest = strchr(text, '\n');
	if (rest) {
		*rest = '\0';
		nd_resolv_init(&r);
		nd_resolv_parse(&r, rest + 1, 53, NULL, NULL);
		nd_style_limit(&nd_style_glibc, &r);
		ND_ASSERT(r.servers <= ND_RESOLV_SERVERS && r.searches <= ND_RESOLV_SEARCH);
		ND_ASSERT(r.ndots <= 15 && r.timeout_s >= 1 && r.timeout_s <= 30);
		ND_ASSERT(r.attempts >= 1 && r.attempts <= 5);
		if (nd_search_init(&s, text, &r, &nd_style_glibc) == 0)
			ND_ASSERT(s.n >= 1 && s.n <= ND_RESOLV_SEARCH + 1 && s.as_is < s.n);
	}
	free(text);
	return 0;
}
